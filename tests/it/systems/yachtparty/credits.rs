//! Credits, each paid once; and summaries of conversations.

use super::{Play, begin, end};

const PAID: &str = "select left(idempotency_key, -37), right(idempotency_key, 2), right(user_id::text, 2), \
                    amount::text, processed::text from credit_events order by 2";

const BALANCES: &str =
    "select first_name, credit_balance::text from users where credit_balance <> 0 order by 1";

const SUMMARIES: &str = "select right(user_id::text, 2), right(context_id::text, 2), context_json ->> 'messages' \
                         from agent_tasks where task_type = 'conversation_summary'";

#[tokio::test(flavor = "multi_thread")]
async fn credits_are_paid_once() -> anyhow::Result<()> {
    let play = begin("2026-03-02T15:00:00Z").await?;
    introductions(&play).await?;
    answers(&play).await?;
    play.at("2026-03-02T15:05:05Z").await?;
    let view = "select right(user_id::text, 2), balance::text, transaction_count::text \
                from user_credit_balances order by 1";
    play.expect(view, &["b1 | 100 | 2", "e1 | 25 | 1"]).await?;
    end(&play).await
}

/// A bounty is paid when an introduction is completed, whoever pays it first, and
/// however often somebody completes it.
async fn introductions(play: &Play) -> anyhow::Result<()> {
    play.run(
        "insert into intro_opportunities (id, connector_user_id, prospect_name, status) values \
             ('00000000-0000-0000-0000-0000000000f5', '00000000-0000-0000-0000-0000000000b1', 'Zoe', 'accepted'), \
             ('00000000-0000-0000-0000-0000000000f6', '00000000-0000-0000-0000-0000000000b1', 'Yan', 'accepted'); \
         insert into credit_events \
             (user_id, event_type, amount, reference_type, reference_id, idempotency_key) values \
             ('00000000-0000-0000-0000-0000000000b1', 'intro_completed', 50, 'intro_opportunity', \
              '00000000-0000-0000-0000-0000000000f6', 'intro_completed:00000000-0000-0000-0000-0000000000f6')",
    )
    .await?;
    play.run("update intro_opportunities set status = 'completed'").await?;
    let paid = ["intro_completed | f5 | b1 | 50 | true", "intro_completed | f6 | b1 | 50 | true"];
    play.expect(PAID, &paid).await?;
    play.run("update intro_opportunities set status = 'accepted'").await?;
    play.run("update intro_opportunities set status = 'completed', bounty_credits = 70").await?;
    play.quiet().await?;
    play.expect(PAID, &paid).await?;
    play.expect(BALANCES, &["Ben | 100"]).await
}

/// An answer which helped earns credits and thanks, both together and once.
async fn answers(play: &Play) -> anyhow::Result<()> {
    play.run(
        "insert into community_requests (id, requesting_agent_type, question, expires_at) values \
             ('00000000-0000-0000-0000-0000000000f1', 'concierge', 'Which wallet?', '2026-03-09T15:00:00Z'); \
         insert into community_responses (id, request_id, user_id, response_text, verbatim_answer) values \
             ('00000000-0000-0000-0000-0000000000f7', '00000000-0000-0000-0000-0000000000f1', \
              '00000000-0000-0000-0000-0000000000e1', 'This one.', 'this one')",
    )
    .await?;
    play.quiet().await?;
    let thanks = "select right(user_id::text, 2), priority, message_data ->> 'text', message_data ->> 'impact' \
                  from message_queue";
    play.expect(thanks, &[]).await?;
    play.run("update community_responses set credits_awarded = 25, impact_description = 'a week saved'")
        .await?;
    let thanked = ["e1 | low | Your answer helped. 25 credits are yours. | a week saved"];
    play.expect(thanks, &thanked).await?;
    let paid = [
        "intro_completed | f5 | b1 | 50 | true",
        "intro_completed | f6 | b1 | 50 | true",
        "community_response | f7 | e1 | 25 | true",
    ];
    play.expect(PAID, &paid).await?;
    play.run("update community_responses set credits_awarded = 30").await?;
    play.run("update community_responses set credits_awarded = null").await?;
    play.run("update community_responses set credits_awarded = 30").await?;
    play.quiet().await?;
    play.expect(thanks, &thanked).await?;
    play.expect(PAID, &paid).await?;
    play.expect(BALANCES, &["Ben | 100", "Eve | 25"]).await
}

/// The fiftieth message since the last summary, and no other one.
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_summarized_after_fifty_messages() -> anyhow::Result<()> {
    let play = begin("2026-03-02T15:00:00Z").await?;
    play.run(
        "insert into conversations (id, user_id, phone_number, messages_since_summary) values \
             ('00000000-0000-0000-0000-0000000000c1', '00000000-0000-0000-0000-0000000000a1', '+1', 48), \
             ('00000000-0000-0000-0000-0000000000c2', '00000000-0000-0000-0000-0000000000b1', '+44', 3)",
    )
    .await?;
    let one_more = "update conversations set messages_since_summary = messages_since_summary + 1";
    play.run(one_more).await?;
    play.quiet().await?;
    play.expect(SUMMARIES, &[]).await?;
    play.run(one_more).await?;
    play.expect(SUMMARIES, &["a1 | c1 | 50"]).await?;
    play.run(one_more).await?;
    play.run("update conversations set messages_since_summary = 0").await?;
    play.quiet().await?;
    play.expect(SUMMARIES, &["a1 | c1 | 50"]).await?;
    // The next fifty are another summary. A jump over fifty is a crossing, too.
    play.run("update conversations set messages_since_summary = 52 where phone_number = '+1'").await?;
    play.expect(&format!("{SUMMARIES} order by 3"), &["a1 | c1 | 50", "a1 | c1 | 52"]).await?;
    end(&play).await
}
