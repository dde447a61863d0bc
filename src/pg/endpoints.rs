//! Endpoints of webhooks: those which are paused, in `hearken.endpoints`, and the rows
//! of tables of the user's in which addresses and secrets stand.

mod row;

pub use self::row::{EndpointRow, EndpointTable, Rows};

use super::error::PgError;
use super::session::Session;
use std::time::Duration;
use tokio_postgres::Row;

const MAKE_WAY: &str = include_str!("../../sql/queries/webhooks/make_way.sql");
const OVERTAKE: &str = include_str!("../../sql/queries/webhooks/overtake.sql");

/// The state of an endpoint which is not active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwayState {
    /// Nothing is delivered to it.
    Paused,
    /// One delivery finds out whether it answers again.
    Trying,
}

/// An endpoint which is not active.
#[derive(Clone, Debug, PartialEq)]
pub struct Away {
    /// Its key.
    pub key: String,
    /// How it is.
    pub state: AwayState,
    /// Failures in a row.
    pub failures: u32,
    /// For how long it is to be left alone yet.
    pub left: Duration,
}

/// The endpoints which are not active.
///
/// # Errors
///
/// Of the database.
pub async fn away(session: &Session) -> Result<Vec<Away>, PgError> {
    let sql = "select key, state, failures, extract(epoch from paused_until - hearken.now())::float8 \
               from hearken.endpoints where state <> 'active'";
    let rows = session.client().query(sql, &[]).await?;
    let away = |row: &Row| -> Result<Away, PgError> {
        let state: &str = row.try_get(1)?;
        let left: Option<f64> = row.try_get(3)?;
        Ok(Away {
            key: row.try_get(0)?,
            state: if state == "trying" { AwayState::Trying } else { AwayState::Paused },
            failures: u32::try_from(row.try_get::<_, i32>(2)?).unwrap_or(0),
            left: Duration::try_from_secs_f64(left.unwrap_or(0.0).max(0.0)).unwrap_or(Duration::MAX),
        })
    };
    rows.iter().map(away).collect()
}

/// Why an endpoint is paused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Its key.
    pub key: String,
    /// Failures in a row.
    pub failures: u32,
    /// For how long it is left alone.
    pub pause: Duration,
    /// The status of the last answer, if there was one.
    pub status: Option<u16>,
    /// The last failure, for people.
    pub error: String,
}

/// Writes that an endpoint is paused. A pause which another deliverer wrote is not made
/// shorter.
///
/// # Errors
///
/// Of the database.
pub async fn pause(session: &Session, pause: &Pause) -> Result<(), PgError> {
    let sql = "insert into hearken.endpoints as e (key, state, failures, paused_until, last_status, last_error) \
               values ($1, 'paused', $2, hearken.now() + make_interval(secs => $3), $4, $5) \
               on conflict (key) do update set state = 'paused', \
                   failures = case when e.state = 'active' then excluded.failures \
                                   else greatest(e.failures, excluded.failures) end, \
                   paused_until = case when e.state = 'paused' then greatest(e.paused_until, excluded.paused_until) \
                                       else excluded.paused_until end, \
                   last_status = excluded.last_status, last_error = excluded.last_error, \
                   changed_at = hearken.now()";
    let failures = i32::try_from(pause.failures).unwrap_or(i32::MAX);
    let status = pause.status.map(i32::from);
    let seconds = pause.pause.as_secs_f64();
    session.client().execute(sql, &[&pause.key, &failures, &seconds, &status, &pause.error]).await?;
    Ok(())
}

/// Tries to take the one delivery which finds out whether a paused endpoint answers
/// again. Whoever gets it has it for `within`; then another one may.
///
/// # Errors
///
/// Of the database.
pub async fn take_trial(session: &Session, key: &str, within: Duration) -> Result<bool, PgError> {
    let sql = "update hearken.endpoints set state = 'trying', \
                   paused_until = hearken.now() + make_interval(secs => $2), changed_at = hearken.now() \
               where key = $1 and state <> 'active' and paused_until <= hearken.now()";
    Ok(session.client().execute(sql, &[&key, &within.as_secs_f64()]).await? > 0)
}

/// Writes that an endpoint answers again.
///
/// # Errors
///
/// Of the database.
pub async fn recovered(session: &Session, key: &str) -> Result<(), PgError> {
    let sql = "update hearken.endpoints set state = 'active', failures = 0, paused_until = null, \
                   last_success_at = hearken.now(), changed_at = hearken.now() \
               where key = $1 and state <> 'active'";
    session.client().execute(sql, &[&key]).await?;
    Ok(())
}

/// An endpoint to which nothing can be delivered now, and when its items may come again.
#[derive(Clone, Debug, PartialEq)]
pub struct Busy {
    /// Its key.
    pub key: String,
    /// Not before this, from now.
    pub after: Duration,
    /// So far on in the row is the next one.
    pub head: Duration,
    /// The time between two of them.
    pub step: Duration,
    /// All of them come within so long: beyond it the row begins anew.
    pub span: Duration,
}

/// Puts off the items of busy endpoints which are due, among the first `front` of each
/// queue, and says for each endpoint how many there were. One statement.
///
/// # Errors
///
/// Of the database.
pub async fn make_way(
    session: &Session,
    queues: &[String],
    busy: &[Busy],
    front: i64,
) -> Result<Vec<(String, u32)>, PgError> {
    let keys: Vec<&str> = busy.iter().map(|busy| busy.key.as_str()).collect();
    let seconds = |of: fn(&Busy) -> Duration| busy.iter().map(|busy| of(busy).as_secs_f64()).collect();
    let after: Vec<f64> = seconds(|busy| busy.after);
    let head: Vec<f64> = seconds(|busy| busy.head);
    let step: Vec<f64> = seconds(|busy| busy.step);
    // The statement divides by it.
    let span: Vec<f64> = seconds(|busy| busy.span.max(Duration::from_millis(1)));
    let rows =
        session.client().query(MAKE_WAY, &[&queues, &keys, &after, &head, &step, &span, &front]).await?;
    let moved = |row: &Row| -> Result<(String, u32), PgError> {
        let count: i32 = row.try_get(1)?;
        Ok((row.try_get(0)?, u32::try_from(count).unwrap_or(0)))
    };
    rows.iter().map(moved).collect()
}

/// Moves up to `most` due items of each queue ahead of all others, of endpoints which
/// are not among `busy`; says how many. It reads all that is due.
///
/// # Errors
///
/// Of the database.
pub async fn overtake(
    session: &Session,
    queues: &[String],
    busy: &[String],
    most: i64,
) -> Result<u64, PgError> {
    Ok(session.client().execute(OVERTAKE, &[&queues, &busy, &most]).await?)
}
