//! Messages: within hours and budgets, the newest of a topic, sequences in order.

use super::{Play, SMS, begin, end, id};

/// What waits for its time.
const HELD: &str = "select to_char(due_at at time zone 'UTC', 'DD HH24:MI') from hearken.held order by 1";

const QUEUE: &str = "select right(id::text, 2), status, right(superseded_by_message_id::text, 2), \
                     superseded_reason from message_queue order by 1";

/// A message which is queued: whose, its id, its priority, and when it may go out and
/// was written, both on 2 March.
fn queued(user: &str, message: &str, priority: &str, due: &str, written: &str) -> String {
    let (user, message) = (id(user), id(message));
    format!(
        "insert into message_queue (id, user_id, agent_id, message_data, priority, scheduled_for, created_at) \
         values ('{message}', '{user}', 'concierge', '{{\"text\": \"Hi\"}}', '{priority}', \
                 '2026-03-02T{due}Z', '2026-03-02T{written}Z');"
    )
}

/// The same, about a topic.
fn about(user: &str, message: &str, written: &str) -> String {
    let change = format!(
        "update message_queue set message_data = '{{\"kind\": \"digest\"}}', conversation_context_id = '{}' \
         where id = '{}';",
        id("f1"),
        id(message)
    );
    format!("begin; {} {change} commit", queued(user, message, "medium", "09:00:00", written))
}

fn sent(message: &str, at: &str) -> String {
    format!(
        "update message_queue set status = 'sent', sent_at = '2026-03-02T{at}Z' where id = '{}'",
        id(message)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_out_within_hours_and_budgets() -> anyhow::Result<()> {
    let play = begin("2026-03-02T09:00:00Z").await?;
    budgets(&play).await?;
    quiet_hours(&play).await?;
    later_in_the_day(&play).await?;
    end(&play).await
}

/// Two an hour and five a day, of which others have sent two: the urgent go first, the
/// third waits an hour and the fourth for tomorrow.
async fn budgets(play: &Play) -> anyhow::Result<()> {
    play.run(
        "insert into user_message_budget (user_id, date, messages_sent, daily_limit, hourly_limit) \
         values ('00000000-0000-0000-0000-0000000000b1', '2026-03-02', 2, 5, 2)",
    )
    .await?;
    let all = [("c1", "low", "08:50:00"), ("c2", "high", "08:59:00"), ("c3", "medium", "08:58:00")]
        .map(|(message, priority, written)| queued("b1", message, priority, "09:00:00", written))
        .concat();
    play.run(&format!("begin; {all} commit")).await?;
    play.expect(SMS, &["c2 | A message to Ben", "c3 | A message to Ben"]).await?;
    play.expect(HELD, &["02 10:00"]).await?;
    play.run(&queued("b1", "c4", "high", "09:00:00", "09:00:00")).await?;
    play.expect(HELD, &["02 10:00", "03 00:00"]).await?;
    // What was sent from the queue is not counted a second time.
    play.run(&sent("c2", "09:00:10")).await?;
    play.run(&sent("c3", "09:00:20")).await?;
    play.run("update user_message_budget set messages_sent = 4").await
}

/// It is four in the morning in New York: Ann sleeps, until she writes to us.
async fn quiet_hours(play: &Play) -> anyhow::Result<()> {
    play.run(&queued("a1", "d1", "medium", "09:00:00", "09:00:00")).await?;
    play.expect(HELD, &["02 10:00", "02 13:00", "03 00:00"]).await?;
    play.run("update users set last_active_at = '2026-03-02T08:55:00Z' where first_name = 'Ann'").await?;
    play.run(&queued("a1", "d2", "medium", "09:00:00", "09:00:00")).await?;
    play.expect(SMS, &["c2 | A message to Ben", "c3 | A message to Ben", "d2 | A message to Ann"]).await?;
    // Ten minutes are over, and she sleeps again.
    play.run("update users set last_active_at = '2026-03-02T08:45:00Z' where first_name = 'Ann'").await?;
    play.run(&queued("a1", "d3", "medium", "09:00:00", "09:00:00")).await?;
    play.expect(HELD, &["02 10:00", "02 13:00", "02 13:00", "03 00:00"]).await?;
    play.run(&queued("a1", "d4", "medium", "15:00:00", "09:00:00")).await?;
    play.quiet().await?;
    play.expect(HELD, &["02 10:00", "02 13:00", "02 13:00", "03 00:00"]).await
}

async fn later_in_the_day(play: &Play) -> anyhow::Result<()> {
    let sms = |messages: &str| format!("select message from ({SMS}) t where message in ({messages})");
    play.at("2026-03-02T09:59:59Z").await?;
    play.quiet().await?;
    play.expect(&sms("'c1', 'd1', 'd3', 'd4', 'c4'"), &[]).await?;
    play.at("2026-03-02T10:00:00Z").await?;
    play.expect(&sms("'c1', 'd1', 'd3', 'd4', 'c4'"), &["c1"]).await?;
    play.at("2026-03-02T13:00:00Z").await?;
    play.expect(&sms("'c1', 'd1', 'd3', 'd4', 'c4'"), &["c1", "d1", "d3"]).await?;
    play.at("2026-03-02T15:00:00Z").await?;
    play.expect(&sms("'c1', 'd1', 'd3', 'd4', 'c4'"), &["c1", "d1", "d3", "d4"]).await?;
    play.quiet().await?;
    play.expect(HELD, &["03 00:00"]).await?;
    play.at("2026-03-03T00:00:00Z").await?;
    play.expect(&sms("'c4'"), &["c4"]).await?;
    play.expect(HELD, &[]).await
}

/// The newest of a topic takes the place of the one which waits for the morning. The
/// same topic of another user is another topic.
#[tokio::test(flavor = "multi_thread")]
async fn a_newer_message_takes_the_place_of_an_older() -> anyhow::Result<()> {
    let play = begin("2026-03-02T09:00:00Z").await?;
    play.run(&about("a1", "d1", "09:00:00")).await?;
    play.expect(HELD, &["02 13:00"]).await?;
    play.run(&about("a1", "d2", "09:00:01")).await?;
    play.run(&about("b1", "d3", "09:00:02")).await?;
    play.expect(SMS, &["d3 | A message to Ben"]).await?;
    let gave_way = "select right(event_id, 2) from hearken.decisions \
                    where routine = 'release-message' and outcome = 'superseded'";
    play.expect(gave_way, &["d1"]).await?;
    play.expect(HELD, &["02 13:00"]).await?;

    play.at("2026-03-02T09:00:15Z").await?;
    let queue = [
        "d1 | superseded | d2 | a newer message took its place",
        "d2 | queued | - | -",
        "d3 | queued | - | -",
    ];
    play.expect(QUEUE, &queue).await?;
    play.at("2026-03-02T13:00:00Z").await?;
    play.expect(SMS, &["d2 | A message to Ann", "d3 | A message to Ben"]).await?;
    play.quiet().await?;
    play.expect(QUEUE, &queue).await?;
    end(&play).await
}

/// Each part follows when the one before it is sent, and within the budget.
#[tokio::test(flavor = "multi_thread")]
async fn the_parts_of_a_sequence_keep_their_order() -> anyhow::Result<()> {
    let play = begin("2026-03-02T13:00:00Z").await?;
    let parts = ["53", "52", "51"].map(|part| queued("b1", part, "medium", "13:00:00", "13:00:00")).concat();
    let sequence = format!(
        "update message_queue set sequence_id = '{}', sequence_total = 3, \
                sequence_position = right(id::text, 1)::integer;",
        id("f9")
    );
    play.run(&format!("begin; {parts} {sequence} commit")).await?;
    play.expect(SMS, &["51 | A message to Ben"]).await?;
    play.quiet().await?;
    play.expect(SMS, &["51 | A message to Ben"]).await?;
    play.run(&sent("51", "13:00:05")).await?;
    play.expect(SMS, &["51 | A message to Ben", "52 | A message to Ben"]).await?;
    play.quiet().await?;
    play.expect(HELD, &[]).await?;
    play.run(&sent("52", "13:00:10")).await?;
    play.expect(HELD, &["02 14:00"]).await?;
    play.at("2026-03-02T14:00:00Z").await?;
    play.expect(SMS, &["51 | A message to Ben", "52 | A message to Ben", "53 | A message to Ben"]).await?;
    end(&play).await
}
