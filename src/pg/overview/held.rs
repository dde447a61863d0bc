//! The drafts which gates hold back, one by one, for operators.

use crate::pg::error::PgError;
use crate::pg::session::Session;
use crate::rules::name::RoutineName;
use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;

/// So many drafts are cancelled in one transaction, so that a pass waits for
/// none of them for long.
const CANCELLED_AT_ONCE: i64 = 500;

/// A draft which a gate holds back.
#[derive(Clone, Debug, Serialize)]
pub struct HeldDraft {
    /// Its number, which its item will bear.
    pub id: i64,
    /// Its routine.
    pub routine: String,
    /// Which of the routine's items it is.
    pub item: String,
    /// The queue it is for.
    pub queue: String,
    /// The gate.
    pub gate: String,
    /// `collecting`, `accepted` or `queued`.
    pub phase: String,
    /// When it goes on; one which is `queued` waits for an open item besides.
    pub due_at: Timestamp,
    /// Since when it is held.
    pub since: Timestamp,
    /// Of how many drafts it is made.
    pub count: i32,
    /// Its title.
    pub title: Option<String>,
    /// Why it is held.
    pub reason: Option<String>,
    /// Whether its routine is paused: then it waits for that as well.
    pub paused: bool,
}

/// What became of a wish about a held draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was done.
    Done,
    /// No such draft is held; it may have become an item.
    Gone,
}

/// The held drafts, of a routine or all, in the order in which they go on.
///
/// # Errors
///
/// Of the database.
pub async fn held_drafts(
    session: &Session,
    routine: Option<&RoutineName>,
) -> Result<Vec<HeldDraft>, PgError> {
    let sql = "\
        select h.id, h.routine, h.item, h.queue, h.gate, h.phase, h.due_at, h.since, h.count, \
               h.draft ->> 'title', h.reason, p.routine is not null \
        from hearken.held h left join hearken.paused p on p.routine = h.routine \
        where $1::text is null or h.routine = $1 \
        order by h.due_at, h.id";
    let rows = session.client().query(sql, &[&routine.map(RoutineName::as_str)]).await?;
    Ok(rows.iter().map(held_draft).collect::<Result<Vec<_>, _>>()?)
}

fn held_draft(row: &Row) -> Result<HeldDraft, tokio_postgres::Error> {
    Ok(HeldDraft {
        id: row.try_get(0)?,
        routine: row.try_get(1)?,
        item: row.try_get(2)?,
        queue: row.try_get(3)?,
        gate: row.try_get(4)?,
        phase: row.try_get(5)?,
        due_at: row.try_get(6)?,
        since: row.try_get(7)?,
        count: row.try_get(8)?,
        title: row.try_get(9)?,
        reason: row.try_get(10)?,
        paused: row.try_get(11)?,
    })
}

/// Cancels a held draft; a decision says so.
///
/// # Errors
///
/// Of the database.
pub async fn cancel_held(session: &Session, id: i64, reason: Option<&str>) -> Result<Answer, PgError> {
    let sql = "select hearken.cancel_held($1::bigint, $2::text)";
    let row = session.client().query_one(sql, &[&id, &reason]).await?;
    Ok(if row.try_get::<_, &str>(0)? == "cancelled" { Answer::Done } else { Answer::Gone })
}

/// Cancels all held drafts of a routine, some at a time, and says how many they
/// were.
///
/// # Errors
///
/// Of the database. What was cancelled until then stays cancelled.
pub async fn cancel_held_of(
    session: &Session,
    routine: &RoutineName,
    reason: Option<&str>,
) -> Result<u64, PgError> {
    // Which ones comes first: the function changes the table.
    let sql = "\
        with picked as materialized ( \
            select h.id from hearken.held h where h.routine = $1 order by h.id limit $3) \
        select hearken.cancel_held(p.id, $2::text) from picked p";
    let mut cancelled = 0;
    loop {
        let rows = session.client().query(sql, &[&routine.as_str(), &reason, &CANCELLED_AT_ONCE]).await?;
        for row in &rows {
            cancelled += u64::from(row.try_get::<_, &str>(0)? == "cancelled");
        }
        if rows.is_empty() {
            return Ok(cancelled);
        }
    }
}

/// Lets a held draft go on at once.
///
/// # Errors
///
/// Of the database.
pub async fn release_held(session: &Session, id: i64) -> Result<Answer, PgError> {
    let row = session.client().query_one("select hearken.release_held($1::bigint)", &[&id]).await?;
    Ok(if row.try_get::<_, &str>(0)? == "released" { Answer::Done } else { Answer::Gone })
}

/// Whether a draft is still held, and its routine is paused: then it does not go on
/// before the pause ends, released or not.
///
/// # Errors
///
/// Of the database.
pub async fn waits_for_resume(session: &Session, id: i64) -> Result<bool, PgError> {
    let sql = "\
        select exists (select from hearken.held h \
            join hearken.paused p on p.routine = h.routine where h.id = $1)";
    Ok(session.client().query_one(sql, &[&id]).await?.try_get(0)?)
}
