//! Yachtparty: tasks of agents, messages within budgets and quiet hours, questions to
//! experts, and credits.

mod community;
mod credits;
mod messages;
mod tasks;

use super::play::Play;

/// Ann lives in New York and sleeps; Ben is up at any time. Eve and Gil know about
/// payments, as does Ann; Eli does not count, since nobody has verified him.
const PEOPLE: &str = "\
    insert into users (id, phone_number, first_name, timezone, quiet_hours_start, quiet_hours_end, \
                       verified, expertise) values \
        ('00000000-0000-0000-0000-0000000000a1', '+1', 'Ann', 'America/New_York', '22:00', '08:00', \
         true, '{payments}'), \
        ('00000000-0000-0000-0000-0000000000b1', '+44', 'Ben', null, null, null, true, null), \
        ('00000000-0000-0000-0000-0000000000e1', '+2', 'Eve', null, null, null, true, '{payments}'), \
        ('00000000-0000-0000-0000-0000000000e2', '+3', 'Eli', null, null, null, false, '{payments}'), \
        ('00000000-0000-0000-0000-0000000000e3', '+4', 'Fay', null, null, null, true, '{logistics}'), \
        ('00000000-0000-0000-0000-0000000000e4', '+5', 'Gil', null, null, null, true, '{travel,payments}')";

/// What is to be sent, by the last characters of the message's id.
const SMS: &str = "select right(context ->> 'message_id', 2) as message, title from hearken.inbox_items \
                   where queue = 'sms' and state <> 'superseded' order by 1";

/// The system with its people.
async fn begin(at: &str) -> anyhow::Result<Play> {
    Play::begin_with("yachtparty", at, PEOPLE).await
}

/// Nothing is left which could not be dealt with.
async fn end(play: &Play) -> anyhow::Result<()> {
    play.quiet().await?;
    play.expect("select message from hearken.dead_letters", &[]).await?;
    play.expect("select event_type from events where not processed", &[]).await
}

/// What agents tell each other: an event of this time, with its payload as JSON.
fn told(kind: &str, payload: &str, at: &str) -> String {
    format!(
        "insert into events (event_type, payload, created_at, created_by) \
         values ('{kind}', '{payload}', '{at}', 'concierge_agent')"
    )
}

/// The id which ends in these two characters.
fn id(end: &str) -> String {
    format!("00000000-0000-0000-0000-0000000000{end}")
}
