//! Tasks: due at their time, the urgent first, tried again, and given up.

use super::{Play, begin, end, told};

const TASKS: &str = "select task_type, priority, status, retry_count::text, \
                     to_char(scheduled_for at time zone 'UTC', 'HH24:MI:SS') from agent_tasks order by 1";

/// What was handed to workers, each attempt by itself.
const HANDED: &str = "select title, priority::text, context ->> 'attempt' from hearken.inbox_items \
                      where queue = 'agent-tasks' order by id";

const GIVEN_UP: &str =
    "select title, context ->> 'error' from hearken.inbox_items where queue = 'operations'";

#[tokio::test(flavor = "multi_thread")]
async fn tasks_run_when_they_are_due_and_again_when_they_fail() -> anyhow::Result<()> {
    let play = begin("2026-03-02T09:00:00Z").await?;
    events_become_tasks(&play).await?;
    tasks_wait_for_their_time(&play).await?;
    a_failed_attempt_comes_again(&play).await?;
    a_lost_attempt_is_the_last(&play).await?;
    end(&play).await
}

async fn events_become_tasks(play: &Play) -> anyhow::Result<()> {
    let at = "2026-03-02T09:00:00Z";
    let now = r#"{"task_type": "welcome", "agent_type": "concierge", "context": {"why": "new"}}"#;
    let later = r#"{"task_type": "check_in", "agent_type": "account_manager", "priority": "high",
                    "user_id": "00000000-0000-0000-0000-0000000000a1",
                    "scheduled_for": "2026-03-02T11:00:00Z"}"#;
    play.run(&told("agent.task_requested", now, at)).await?;
    play.run(&told("agent.task_requested", later, at)).await?;
    play.run(&told("user.verified", "{}", at)).await?;
    let tasks = ["check_in | high | pending | 0 | 11:00:00", "welcome | medium | processing | 0 | 09:00:00"];
    play.expect(TASKS, &tasks).await?;
    let detail = "select task_type, right(user_id::text, 2), context_json::text, created_by \
                  from agent_tasks order by 1";
    let details =
        ["check_in | a1 | {} | concierge_agent", "welcome | - | {\"why\": \"new\"} | concierge_agent"];
    play.expect(detail, &details).await?;
    play.expect(HANDED, &["welcome for concierge | 0 | 0"]).await
}

/// Not before, and then at once. The urgent one is leased first, though it came last.
async fn tasks_wait_for_their_time(play: &Play) -> anyhow::Result<()> {
    play.run("update agent_tasks set status = 'completed', completed_at = now() where task_type = 'welcome'")
        .await?;
    play.at("2026-03-02T10:59:59Z").await?;
    play.quiet().await?;
    play.expect(HANDED, &["welcome for concierge | 0 | 0"]).await?;
    play.at("2026-03-02T11:00:00Z").await?;
    let handed = ["welcome for concierge | 0 | 0", "check_in for account_manager | 10 | 0"];
    play.expect(HANDED, &handed).await?;
    let leased = play
        .rows(
            "select title, hearken.complete(id, token) from hearken.lease('worker', array['agent-tasks'], 1)",
        )
        .await?;
    assert_eq!(leased, ["check_in for account_manager | done"]);
    Ok(())
}

/// A minute later, as an item of its own, with the number of the attempt.
async fn a_failed_attempt_comes_again(play: &Play) -> anyhow::Result<()> {
    // The tick of this minute is over, and does not see it.
    play.quiet().await?;
    play.run(
        "update agent_tasks set status = 'failed', error_log = 'no line', max_retries = 1 \
         where task_type = 'check_in'",
    )
    .await?;
    play.at("2026-03-02T11:01:05Z").await?;
    let tasks = ["check_in | high | pending | 1 | 11:02:05", "welcome | medium | completed | 0 | 09:00:00"];
    play.expect(TASKS, &tasks).await?;
    play.quiet().await?;
    play.expect(
        &format!("select title from ({HANDED}) t where title like 'check_in%'"),
        &["check_in for account_manager"],
    )
    .await?;
    play.at("2026-03-02T11:02:05Z").await?;
    let handed = [
        "welcome for concierge | 0 | 0",
        "check_in for account_manager | 10 | 0",
        "check_in for account_manager | 10 | 1",
    ];
    play.expect(HANDED, &handed).await
}

/// Nothing is heard of the second attempt for a quarter of an hour, and there is no
/// third. People hear of it once.
async fn a_lost_attempt_is_the_last(play: &Play) -> anyhow::Result<()> {
    play.at("2026-03-02T11:17:01Z").await?;
    play.quiet().await?;
    play.expect(GIVEN_UP, &[]).await?;
    play.at("2026-03-02T11:18:05Z").await?;
    let given_up = ["Task check_in of account_manager failed 2 times | no line\nattempt 2: no answer"];
    play.expect(GIVEN_UP, &given_up).await?;
    let tasks = ["check_in | high | failed | 1 | 11:02:05", "welcome | medium | completed | 0 | 09:00:00"];
    play.expect(TASKS, &tasks).await?;
    play.at("2026-03-02T11:30:00Z").await?;
    play.quiet().await?;
    play.expect(GIVEN_UP, &given_up).await?;
    play.expect(
        "select title from hearken.inbox_items where queue = 'agent-tasks' and context ->> 'attempt' = '2'",
        &[],
    )
    .await
}
