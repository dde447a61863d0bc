//! What operators ask about the whole: who leads, what is in force, what waits.
//!
//! Counting is right here: a person asks, now and then. It is bounded all the
//! same, so that asking does no harm: each count by [`COUNT_WITHIN`], and the log,
//! which may hold a year, is never counted but where it has not been read.

mod held;
mod parts;

pub use held::{Answer, HeldDraft, cancel_held, cancel_held_of, held_drafts, release_held, waits_for_resume};

use super::error::PgError;
use super::log::PASS_LOCK;
use super::session::Session;
use jiff::Timestamp;
use serde::Serialize;
use std::time::Duration;
use tokio_postgres::Row;

/// How long one count may take; beyond it, it is left out.
pub const COUNT_WITHIN: Duration = Duration::from_secs(5);

/// The unread part of the log is counted up to here.
pub const BEHIND_MAX: i64 = 10_000;

/// The leader's advisory lock, as `pg_locks` shows its two keys: unsigned.
const LEADER_LOCK: (u32, u32) = (PASS_LOCK.cast_unsigned(), u32::MAX);

/// The whole at a glance.
#[derive(Clone, Debug, Serialize)]
pub struct Overview {
    /// The database's clock.
    pub now: Timestamp,
    /// Whether some daemon holds the leader's lock.
    pub led: bool,
    /// The daemons which wrote themselves down, the leader first.
    pub daemons: Vec<Daemon>,
    /// The set of routines in force; none, if no daemon ever led.
    pub set: Option<SetInForce>,
    /// The routines which are paused, in order.
    pub paused: Vec<Pause>,
    /// How far the log has been read.
    pub log: LogState,
    /// The tables of the user's which are, or were, sources.
    pub sources: Vec<SourceStands>,
    /// Items which are open, by queue and state; none, if they are too many to
    /// be counted.
    pub items: Option<Vec<OpenItems>>,
    /// Drafts which are held; none, if they are too many to be counted.
    pub held: Option<Vec<HeldCount>>,
    /// Dead letters by kind; none, if they are too many to be counted.
    pub dead_letters: Option<Vec<Letters>>,
}

/// A daemon as it wrote itself down. It does so when its state changes, so that
/// one which was killed stays for a day.
#[derive(Clone, Debug, Serialize)]
pub struct Daemon {
    /// Its name: host, process, and something random.
    pub instance: String,
    /// `leader` or `standby`.
    pub state: String,
    /// The hash of the set of routines it read.
    pub routines: Option<String>,
    /// When it first wrote itself down.
    pub started_at: Timestamp,
    /// When it last did.
    pub seen_at: Timestamp,
}

/// A set of routines.
#[derive(Clone, Debug, Serialize)]
pub struct SetInForce {
    /// The hash of its names and versions.
    pub hash: String,
    /// Since when it is in force.
    pub since: Timestamp,
    /// How many routines it has.
    pub routines: i64,
}

/// A pause of a routine.
#[derive(Clone, Debug, Serialize)]
pub struct Pause {
    /// The routine.
    pub routine: String,
    /// Since when.
    pub since: Timestamp,
    /// The role which did it.
    pub paused_by: String,
    /// Why, if it was said.
    pub reason: Option<String>,
}

/// How far the log has been read.
#[derive(Clone, Debug, Serialize)]
pub struct LogState {
    /// When something was last read; none, if nothing ever was.
    pub read_at: Option<Timestamp>,
    /// How many events are visible and not read; [`BEHIND_MAX`] or more where
    /// `more` is true. None, if that took too long to find out.
    pub behind: Option<i64>,
    /// Whether there are more than were counted.
    pub more: bool,
    /// Since when the oldest of those waits.
    pub since: Option<Timestamp>,
}

/// How a source stands which is a table of the user's.
#[derive(Clone, Debug, Serialize)]
pub struct SourceStands {
    /// Its name.
    pub name: String,
    /// The table.
    pub relation: String,
    /// Since when it cannot be used; none, if it can.
    pub failed_at: Option<Timestamp>,
    /// Why not.
    pub error: Option<String>,
}

/// Items of a queue in one state.
#[derive(Clone, Debug, Serialize)]
pub struct OpenItems {
    /// The queue.
    pub queue: String,
    /// The state: `waiting`, `leased` or `failed`.
    pub state: String,
    /// How many.
    pub count: i64,
    /// When the first of them is, or was, due.
    pub due_at: Option<Timestamp>,
}

/// Drafts of a routine which a gate holds.
#[derive(Clone, Debug, Serialize)]
pub struct HeldCount {
    /// The routine.
    pub routine: String,
    /// The gate.
    pub gate: String,
    /// The phase: `collecting`, `accepted` or `queued`.
    pub phase: String,
    /// How many.
    pub count: i64,
    /// When the next of them goes on; none for those which wait for an open item.
    pub next_due_at: Option<Timestamp>,
    /// Whether the routine is paused: then they wait for that as well.
    pub paused: bool,
}

/// Dead letters of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct Letters {
    /// The kind: `refused`, `blocked`, `failed` or `oversized`.
    pub kind: String,
    /// How many.
    pub count: i64,
    /// When the newest was written.
    pub newest: Option<Timestamp>,
}

/// How far a schedule has come.
#[derive(Clone, Debug)]
pub struct ScheduleState {
    /// Its routine.
    pub routine: String,
    /// The routine's file.
    pub text: String,
    /// Up to when its ticks are dealt with.
    pub planned_until: Timestamp,
}

/// Looks at everything. Not one moment: each part is a statement of its own.
///
/// The session keeps [`COUNT_WITHIN`] as its limit for statements.
///
/// # Errors
///
/// Of the database; not that a count took too long.
pub async fn overview(session: &Session) -> Result<Overview, PgError> {
    session.limit_statements(COUNT_WITHIN).await?;
    // As for the daemon's own claim: the log is read along its index.
    session.client().batch_execute("set enable_seqscan = off").await?;
    let log = log_state(session).await?;
    session.client().batch_execute("set enable_seqscan = on").await?;
    Ok(Overview {
        now: super::schedules::now(session).await?,
        led: led(session).await?,
        daemons: list(session, parts::DAEMONS, parts::daemon).await?,
        set: list(session, parts::SET, parts::set_in_force).await?.pop(),
        paused: list(session, parts::PAUSED, parts::pause).await?,
        log,
        sources: list(session, parts::SOURCES, parts::source_stands).await?,
        items: if_counted(list(session, parts::ITEMS, parts::open_items).await)?,
        held: if_counted(list(session, parts::HELD, parts::held_count).await)?,
        dead_letters: if_counted(list(session, parts::LETTERS, parts::letters).await)?,
    })
}

/// The schedules in force with their routines' files, up to `max` of them. None, if
/// that took longer than the session lets a statement take.
///
/// # Errors
///
/// Of the database; not that it took too long.
pub async fn schedules(session: &Session, max: i64) -> Result<Option<Vec<ScheduleState>>, PgError> {
    // The members are taken apart once, and not anew for each schedule.
    let sql = "\
        select s.routine, v.text, s.planned_until \
        from (select members from hearken.routine_sets order by n desc limit 1) f \
        cross join lateral jsonb_each_text(f.members) as m (name, version) \
        join hearken.schedules s on s.routine = m.name \
        join hearken.routine_versions v on v.name = m.name and v.version = m.version \
        order by s.routine limit $1";
    let asked = session.client().query(sql, &[&max]).await.map_err(PgError::from);
    let Some(rows) = if_counted(asked)? else { return Ok(None) };
    Ok(Some(rows.iter().map(parts::schedule_state).collect::<Result<Vec<_>, _>>()?))
}

async fn list<T>(
    session: &Session,
    sql: &str,
    read: impl Fn(&Row) -> Result<T, tokio_postgres::Error>,
) -> Result<Vec<T>, PgError> {
    let rows = session.client().query(sql, &[]).await?;
    Ok(rows.iter().map(read).collect::<Result<Vec<T>, _>>()?)
}

/// Nothing, where counting took too long.
fn if_counted<T>(counted: Result<T, PgError>) -> Result<Option<T>, PgError> {
    match counted {
        Ok(counted) => Ok(Some(counted)),
        Err(error) if error.is_cancelled() => Ok(None),
        Err(error) => Err(error),
    }
}

async fn led(session: &Session) -> Result<bool, PgError> {
    let sql = "\
        select exists (select from pg_locks l join pg_database d on d.oid = l.database \
            where d.datname = current_database() and l.locktype = 'advisory' and l.granted \
              and l.classid = $1 and l.objid = $2 and l.objsubid = 2)";
    let row = session.client().query_one(sql, &[&LEADER_LOCK.0, &LEADER_LOCK.1]).await?;
    Ok(row.try_get(0)?)
}

async fn log_state(session: &Session) -> Result<LogState, PgError> {
    let last = "select at from hearken.progress where source = 'events' order by n desc limit 1";
    let read_at: Option<Timestamp> = match session.client().query_opt(last, &[]).await? {
        Some(row) => Some(row.try_get(0)?),
        None => None,
    };
    let sql = include_str!("../../sql/queries/log_behind.sql");
    let counted = session.client().query_one(sql, &[&(BEHIND_MAX + 1)]).await.map_err(PgError::from);
    let Some(row) = if_counted(counted)? else {
        return Ok(LogState { read_at, behind: None, more: true, since: None });
    };
    let events: i64 = row.try_get(0)?;
    Ok(LogState {
        read_at,
        behind: Some(events.min(BEHIND_MAX)),
        more: events > BEHIND_MAX,
        since: row.try_get(1)?,
    })
}
