//! Moves finished items into the history, and forgets old keys.

use super::error::PgError;
use super::session::Session;
use std::time::Duration;

/// How long finished items stay where they are.
#[derive(Clone, Copy, Debug)]
pub struct Stay {
    /// Those which are done, cancelled or superseded.
    pub finished: Duration,
    /// Those which are dead.
    pub dead: Duration,
}

/// Moves up to `max` items of each final state; returns how many. While it is not 0
/// there may be more.
///
/// # Errors
///
/// Of the database.
pub async fn archive(session: &Session, stay: Stay, max: i32) -> Result<i64, PgError> {
    let sql = "select hearken.archive_items($1 * interval '1 second', $2 * interval '1 second', $3)";
    let (finished, dead) = (stay.finished.as_secs_f64(), stay.dead.as_secs_f64());
    Ok(session.client().query_one(sql, &[&finished, &dead, &max]).await?.get(0))
}

/// Forgets up to `max` keys of items which came from rows of other tables, noted
/// longer than `keep` ago; returns how many.
///
/// # Errors
///
/// Of the database.
pub async fn prune_keys(session: &Session, keep: Duration, max: i32) -> Result<i32, PgError> {
    let sql = "select hearken.prune_item_keys($1 * interval '1 second', $2)";
    Ok(session.client().query_one(sql, &[&keep.as_secs_f64(), &max]).await?.get(0))
}
