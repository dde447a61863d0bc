//! Which routines are in force, and which daemons there are.

use super::error::PgError;
use super::session::Session;
use crate::rules::routine::RoutineSet;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// First key of the leader's advisory lock is that of passes; its second key is
/// below those of sources and schedules.
const LEADER_LOCK: (i32, i32) = (super::log::PASS_LOCK, -1);

/// Tries to become the leader; never waits, since a request which waits pins
/// xmin and starves vacuum.
///
/// # Errors
///
/// Of the database.
pub async fn try_lead(session: &Session) -> Result<bool, PgError> {
    let row = session
        .client()
        .query_one("select pg_try_advisory_lock($1, $2)", &[&LEADER_LOCK.0, &LEADER_LOCK.1])
        .await?;
    Ok(row.get(0))
}

/// Records a set of routines as the one in force, with each version's text.
///
/// # Errors
///
/// Of the database.
pub async fn record_set(session: &Session, set: &RoutineSet) -> Result<(), PgError> {
    let client = session.client();
    let last = client.query_opt("select hash from hearken.routine_sets order by n desc limit 1", &[]).await?;
    if last.is_some_and(|row| row.get::<_, String>(0) == set.hash) {
        return Ok(());
    }
    let names: Vec<&str> = set.routines.iter().map(|routine| routine.name.as_str()).collect();
    let versions: Vec<&str> = set.routines.iter().map(|routine| routine.version.as_str()).collect();
    let texts: Vec<&str> = set.routines.iter().map(|routine| &*routine.text).collect();
    let hashes: Vec<Vec<u8>> = texts.iter().map(|text| Sha256::digest(text).to_vec()).collect();
    client.batch_execute("begin").await?;
    client
        .execute(
            "insert into hearken.routine_versions (name, version, sha256, text) \
             select * from unnest($1::text[], $2::text[], $3::bytea[], $4::text[]) on conflict do nothing",
            &[&names, &versions, &hashes, &texts],
        )
        .await?;
    client
        .execute(
            "insert into hearken.routine_sets (hash, members) \
             select $1, coalesce(jsonb_object_agg(name, version), '{}') \
             from unnest($2::text[], $3::text[]) as m (name, version)",
            &[&set.hash, &names, &versions],
        )
        .await?;
    client.batch_execute("commit").await?;
    Ok(())
}

/// The files of the set which was last in force: names and texts.
///
/// # Errors
///
/// Of the database.
pub async fn last_set(session: &Session) -> Result<Option<Vec<(String, String)>>, PgError> {
    let client = session.client();
    let Some(row) =
        client.query_opt("select members from hearken.routine_sets order by n desc limit 1", &[]).await?
    else {
        return Ok(None);
    };
    let members: Value = row.try_get(0)?;
    let rows = client
        .query(
            "select v.name, v.text from jsonb_each_text($1) as m (name, version) \
             join hearken.routine_versions v on v.name = m.name and v.version = m.version order by v.name",
            &[&members],
        )
        .await?;
    Ok(Some(rows.iter().map(|row| (row.get(0), row.get(1))).collect()))
}

/// The hash of the set which was last in force.
///
/// # Errors
///
/// Of the database.
pub async fn last_hash(session: &Session) -> Result<Option<String>, PgError> {
    let row = session
        .client()
        .query_opt("select hash from hearken.routine_sets order by n desc limit 1", &[])
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// Writes down what this daemon is; also proves that the database takes writes.
///
/// # Errors
///
/// Of the database.
pub async fn report(session: &Session, instance: &str, state: &str, routines: &str) -> Result<(), PgError> {
    session
        .client()
        .execute(
            "insert into hearken.daemons (instance, state, routines) values ($1, $2, $3) \
             on conflict (instance) do update set state = excluded.state, routines = excluded.routines, seen_at = hearken.now()",
            &[&instance, &state, &routines],
        )
        .await?;
    Ok(())
}

/// Removes this daemon, and those which have been silent for a day.
///
/// # Errors
///
/// Of the database.
pub async fn sign_off(session: &Session, instance: &str) -> Result<(), PgError> {
    session
        .client()
        .execute(
            "delete from hearken.daemons where instance = $1 or seen_at < hearken.now() - interval '1 day'",
            &[&instance],
        )
        .await?;
    Ok(())
}

/// Gives back expired leases, and plans the next look for such, no later than
/// `max_wait` from now; returns how long that is.
///
/// # Errors
///
/// Of the database.
pub async fn watch_leases(session: &Session, max_wait: Duration) -> Result<Duration, PgError> {
    let sql = "select hearken.watch_leases($1 * interval '1 second')";
    let row = session.client().query_one(sql, &[&max_wait.as_secs_f64()]).await?;
    Ok(Duration::try_from_secs_f64(row.get(0)).unwrap_or(max_wait))
}
