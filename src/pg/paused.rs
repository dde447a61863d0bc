//! Which routines are paused.
//!
//! A pause is a row of `hearken.paused`. The daemon keeps no copy it would trust:
//! each pass reads the table in its own transaction, behind what it claims, so
//! that a pause which was committed before an event is obeyed for that event.

use super::error::PgError;
use super::session::Session;
use crate::rules::name::RoutineName;
use std::collections::HashSet;
use tokio_postgres::Statement;

/// Reads which routines are paused, over one session, whose statement it has
/// prepared.
#[derive(Debug)]
pub struct PauseReader {
    select: Statement,
}

impl PauseReader {
    /// Prepares the statement.
    ///
    /// # Errors
    ///
    /// If the schema is not there, or the grants are not.
    pub async fn prepare(session: &Session) -> Result<Self, PgError> {
        Ok(Self { select: session.client().prepare("select routine from hearken.paused").await? })
    }

    /// The routines which are paused now. One statement, which may be sent
    /// together with others; behind the claim, so that it is no older.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn read(&self, session: &Session) -> Result<HashSet<RoutineName>, PgError> {
        let rows = session.client().query(&self.select, &[]).await?;
        // What is no name of a routine pauses none.
        Ok(rows.iter().filter_map(|row| RoutineName::parse(row.get(0)).ok()).collect())
    }
}

/// Whether the routine is paused now.
///
/// # Errors
///
/// Of the database.
pub async fn is_paused(session: &Session, routine: &RoutineName) -> Result<bool, PgError> {
    let sql = "select exists (select from hearken.paused where routine = $1)";
    Ok(session.client().query_one(sql, &[&routine.as_str()]).await?.try_get(0)?)
}

/// What became of a wish to pause or to resume a routine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switched {
    /// It is so from now on.
    Now,
    /// It was so before; nothing was changed.
    Before,
}

/// Pauses a routine, until [`resume`].
///
/// # Errors
///
/// Of the database.
pub async fn pause(
    session: &Session,
    routine: &RoutineName,
    reason: Option<&str>,
) -> Result<Switched, PgError> {
    let sql = "select hearken.pause($1::text, $2::text)";
    let row = session.client().query_one(sql, &[&routine.as_str(), &reason]).await?;
    Ok(if row.try_get::<_, &str>(0)? == "paused" { Switched::Now } else { Switched::Before })
}

/// Ends the pause of a routine.
///
/// # Errors
///
/// Of the database.
pub async fn resume(session: &Session, routine: &RoutineName) -> Result<Switched, PgError> {
    let sql = "select hearken.resume($1::text)";
    let row = session.client().query_one(sql, &[&routine.as_str()]).await?;
    Ok(if row.try_get::<_, &str>(0)? == "resumed" { Switched::Now } else { Switched::Before })
}

/// How a routine is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acquaintance {
    /// It is of the set which is in force.
    InForce,
    /// It was in force, and is not any more.
    Former,
    /// No routine of that name was ever in force.
    Unknown,
}

/// Whether a routine of that name is, or ever was, in force.
///
/// # Errors
///
/// Of the database.
pub async fn acquaintance(session: &Session, routine: &RoutineName) -> Result<Acquaintance, PgError> {
    let sql = "\
        select coalesce((select s.members ? $1 from hearken.routine_sets s order by s.n desc limit 1), false), \
               exists (select from hearken.routine_versions v where v.name = $1)";
    let row = session.client().query_one(sql, &[&routine.as_str()]).await?;
    let (in_force, known): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
    Ok(match (in_force, known) {
        (true, _) => Acquaintance::InForce,
        (false, true) => Acquaintance::Former,
        (false, false) => Acquaintance::Unknown,
    })
}

/// The names of the routines in force, in order.
///
/// # Errors
///
/// Of the database.
pub async fn names_in_force(session: &Session) -> Result<Vec<String>, PgError> {
    let sql = "\
        select name from jsonb_object_keys( \
            (select s.members from hearken.routine_sets s order by s.n desc limit 1)) as name \
        order by name";
    let rows = session.client().query(sql, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
