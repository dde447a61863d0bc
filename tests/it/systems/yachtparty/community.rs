//! Questions to experts: asked, answered, and closed in time.

use super::{begin, end, told};

const ASKED: &str = "select right(user_id::text, 2), priority, context_json ->> 'question' \
                     from agent_tasks where task_type = 'community_request_available' order by 1";

const NOTICES: &str = "select message_data ->> 'text', status, superseded_reason, \
                       (superseded_by_message_id is not null)::text from message_queue order by created_at";

const CLOSED: &str = "select agent_type, right(user_id::text, 2), right(context_id::text, 2), \
                      context_json ->> 'message' from agent_tasks \
                      where task_type = 'community_request_closed' and right(context_id::text, 2) in ('f3', 'f4')";

#[tokio::test(flavor = "multi_thread")]
async fn a_question_reaches_its_experts_once() -> anyhow::Result<()> {
    let play = begin("2026-03-02T15:00:00Z").await?;
    let at = "2026-03-02T15:00:00Z";
    let question = r#"{"user_id": "00000000-0000-0000-0000-0000000000a1", "question": "Which wallet?",
                       "expertise_needed": ["payments"], "urgency": "high"}"#;
    play.run(&told("community.request_needed", question, at)).await?;
    let nobody =
        r#"{"user_id": "00000000-0000-0000-0000-0000000000a1", "question": "?", "expertise_needed": []}"#;
    play.run(&told("community.request_needed", nobody, at)).await?;
    let requests = "select question, urgency, array_to_string(expertise_needed, ','), requesting_agent_type, \
                    right(requesting_user_id::text, 2) from community_requests";
    play.expect(requests, &["Which wallet? | high | payments | concierge_agent | a1"]).await?;
    // Not Ann, who asked; not Eli, who is not verified; not Fay, who knows other things.
    let asked = ["e1 | high | Which wallet?", "e4 | high | Which wallet?"];
    play.expect(ASKED, &asked).await?;
    play.run("update community_requests set urgency = 'low', status = 'responses_received'").await?;
    play.quiet().await?;
    play.expect(ASKED, &asked).await?;

    // Where people are named, only they are asked.
    play.run(
        "insert into community_requests \
             (requesting_agent_type, question, expertise_needed, target_user_ids, expires_at) \
         values ('solution_saga', 'Which bank?', '{payments}', \
             '{00000000-0000-0000-0000-0000000000a1,00000000-0000-0000-0000-0000000000e3}', \
             '2026-03-09T15:00:00Z')",
    )
    .await?;
    let named = ["a1 | medium | Which bank?", asked[0], asked[1]];
    play.expect(ASKED, &named).await?;
    end(&play).await
}

/// The notice about the second answer takes the place of the first, in the queue and
/// in what is to be sent. One's own answer is no news.
#[tokio::test(flavor = "multi_thread")]
async fn answers_are_told_to_whoever_asked() -> anyhow::Result<()> {
    let play = begin("2026-03-02T15:00:00Z").await?;
    let received = |responses: u32, rest: &str| {
        let payload = format!(
            r#"{{"requester_id": "00000000-0000-0000-0000-0000000000a1", "summary": "wallets",
                 "responses": {responses}, "request_id": "00000000-0000-0000-0000-0000000000f1"{rest}}}"#
        );
        told("community.response_received", &payload, "2026-03-02T15:00:00Z")
    };
    play.run(&received(1, "")).await?;
    play.expect(NOTICES, &["1 answer to: wallets | queued | - | false"]).await?;
    let to_send = "select state from hearken.inbox_items where queue = 'sms' order by id";
    play.expect(to_send, &["waiting"]).await?;
    play.run(&received(2, "")).await?;
    let reason = "a newer message took its place";
    let replaced = format!("1 answer to: wallets | superseded | {reason} | false");
    play.expect(NOTICES, &[replaced.as_str(), "2 answers to: wallets | queued | - | false"]).await?;
    play.expect(to_send, &["superseded", "waiting"]).await?;
    play.run(&received(3, r#", "self_answered": true"#)).await?;
    play.quiet().await?;
    play.at("2026-03-02T15:00:15Z").await?;
    let replaced = format!("1 answer to: wallets | superseded | {reason} | true");
    play.expect(NOTICES, &[replaced.as_str(), "2 answers to: wallets | queued | - | false"]).await?;
    end(&play).await
}

/// In the minute in which it expires, and once; the other one stays open.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_closed_when_it_expires() -> anyhow::Result<()> {
    let play = begin("2026-03-02T15:00:00Z").await?;
    play.run(
        "insert into community_requests \
             (id, requesting_agent_type, requesting_user_id, question, status, responses_count, expires_at) values \
         ('00000000-0000-0000-0000-0000000000f3', 'concierge', '00000000-0000-0000-0000-0000000000a1', \
             'Which wallet?', 'responses_received', 2, '2026-03-02T16:00:00Z'), \
         ('00000000-0000-0000-0000-0000000000f4', 'concierge', null, \
             'Which bank?', 'open', 0, '2026-03-02T17:00:00Z')",
    )
    .await?;
    play.at("2026-03-02T15:59:59Z").await?;
    play.quiet().await?;
    play.expect(CLOSED, &[]).await?;
    play.at("2026-03-02T16:00:05Z").await?;
    play.expect(CLOSED, &["concierge | a1 | f3 | 2 experts answered."]).await?;
    let requests = "select status, closed_loop_message, (closed_loop_at = '2026-03-02T16:00:05Z')::text \
                    from community_requests order by id";
    let states = ["closed | 2 experts answered. | true", "open | - | -"];
    play.expect(requests, &states).await?;
    play.at("2026-03-02T16:10:05Z").await?;
    play.quiet().await?;
    play.expect(CLOSED, &["concierge | a1 | f3 | 2 experts answered."]).await?;
    play.at("2026-03-02T17:00:05Z").await?;
    let closed =
        ["concierge | a1 | f3 | 2 experts answered.", "concierge | - | f4 | Nobody answered in time."];
    play.expect(&format!("{CLOSED} order by 3"), &closed).await?;
    end(&play).await
}
