//! How far each schedule has come.
//!
//! One row a routine. The row is fenced as the log is: an advisory lock for the
//! transaction, and what is planned is read under it.

use super::error::PgError;
use super::log::PASS_LOCK;
use super::session::Session;
use crate::rules::name::RoutineName;
use jiff::Timestamp;
use std::collections::HashMap;

/// The second key of the pass lock of schedules; sources begin at 1.
const SCHEDULES_ID: i32 = 0;

/// Tells the database which schedules there are, and returns up to when each is
/// planned. One which is new, or whose ticks were moved, starts now; one which
/// is gone is forgotten, but for those which are there and cannot be used for now
/// (`resting`): they keep their place.
///
/// # Errors
///
/// Of the database.
pub async fn adopt(
    session: &Session,
    schedules: &[(RoutineName, String)],
    resting: &[RoutineName],
) -> Result<HashMap<RoutineName, Timestamp>, PgError> {
    let client = session.client();
    let names: Vec<&str> = schedules.iter().map(|(name, _)| name.as_str()).collect();
    let resting: Vec<&str> = resting.iter().map(RoutineName::as_str).collect();
    let fingerprints: Vec<&str> = schedules.iter().map(|(_, fingerprint)| fingerprint.as_str()).collect();
    client.batch_execute("begin").await?;
    client.query_one("select pg_advisory_xact_lock($1, $2)", &[&PASS_LOCK, &SCHEDULES_ID]).await?;
    client
        .execute(
            "delete from hearken.schedules where routine <> all($1) and routine <> all($2)",
            &[&names, &resting],
        )
        .await?;
    client
        .execute(
            "insert into hearken.schedules as s (routine, fingerprint, planned_until) \
             select d.routine, d.fingerprint, hearken.now() \
             from unnest($1::text[], $2::text[]) as d (routine, fingerprint) \
             on conflict (routine) do update \
             set fingerprint = excluded.fingerprint, planned_until = excluded.planned_until, started_at = hearken.now() \
             where s.fingerprint <> excluded.fingerprint",
            &[&names, &fingerprints],
        )
        .await?;
    let rows = client.query("select routine, planned_until from hearken.schedules", &[]).await?;
    client.batch_execute("commit").await?;
    let mut planned = HashMap::with_capacity(rows.len());
    for row in rows {
        if let Ok(name) = RoutineName::parse(row.get(0)) {
            planned.insert(name, row.try_get(1)?);
        }
    }
    Ok(planned)
}

/// What [`begin`] found.
#[derive(Debug)]
pub enum Due {
    /// The transaction is open; up to when each routine asked for is planned,
    /// and the database's clock.
    Open {
        /// By routine; without those which are paused.
        planned: HashMap<RoutineName, Timestamp>,
        /// Those which are paused: their ticks wait.
        paused: Vec<RoutineName>,
        /// The clock.
        now: Timestamp,
    },
    /// Another daemon's pass is under way.
    Taken,
}

/// Begins a tick pass for the routines: one round trip. Pauses are read here, in
/// the transaction of the pass, so that one which was committed is obeyed.
///
/// # Errors
///
/// Of the database.
pub async fn begin(session: &Session, routines: &[RoutineName]) -> Result<Due, PgError> {
    let client = session.client();
    let names: Vec<&str> = routines.iter().map(RoutineName::as_str).collect();
    client.batch_execute("begin").await?;
    let lock =
        client.query_one("select pg_try_advisory_xact_lock($1, $2)", &[&PASS_LOCK, &SCHEDULES_ID]).await?;
    if !lock.get::<_, bool>(0) {
        client.batch_execute("rollback").await?;
        return Ok(Due::Taken);
    }
    let sql = "\
        select s.routine, s.planned_until, p.routine is not null \
        from hearken.schedules s left join hearken.paused p on p.routine = s.routine \
        where s.routine = any($1)";
    let rows = client.query(sql, &[&names]).await?;
    let now = now(session).await?;
    let mut planned = HashMap::with_capacity(rows.len());
    let mut paused = Vec::new();
    for row in rows {
        match RoutineName::parse(row.get(0)) {
            Ok(name) if row.try_get(2)? => paused.push(name),
            Ok(name) => {
                planned.insert(name, row.try_get(1)?);
            }
            // None of ours.
            Err(_) => {}
        }
    }
    Ok(Due::Open { planned, paused, now })
}

/// The clock of the database, `hearken.now()`.
///
/// # Errors
///
/// Of the database.
pub async fn now(session: &Session) -> Result<Timestamp, PgError> {
    let row = session.client().query_one("select hearken.now()", &[]).await?;
    Ok(row.try_get(0)?)
}
