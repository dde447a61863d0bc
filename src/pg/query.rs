//! Runs the statements of `[on.query]`, each in the transaction of its tick.
//!
//! The statement may write. What it wrote, the items of its rows and how far the
//! routine's schedule has come are one transaction; if the statement fails, it
//! alone is undone, and the transaction says so instead. A statement which
//! yields rows runs as the last part of a `with`, so that its rows come as JSON:
//!
//! ```sql
//! with "[query]" as materialized (delete from t where at < '…' returning id)
//! select to_jsonb("[row]")::text from "[query]" as "[row]" limit 1001
//! ```
//!
//! The row of `hearken.schedules` is not locked while the statement runs, since
//! a reload of the routines writes it: an advisory lock keeps another daemon
//! out, and [`commit`] compares.
//!
//! A function of the user's may leave settings behind (`set search_path` in
//! PL/pgSQL lasts as long as the session), a role, temporary tables, locks. The
//! next routine must not find them: [`keep`] takes settings and role back before
//! anything of ours is written, and [`tidy`] the rest before the session is used
//! again.

mod literal;
pub(super) mod role;

use self::literal::literal;
use super::dead::{self, DeadLetter, Decision};
use super::error::PgError;
use super::routine_sql::{Access, check_columns, read_row, too_many, weigh};
use super::session::Session;
use crate::rules::name::{QueueName, RoutineName};
use crate::rules::routine::Query;
use crate::rules::routine::rows::RoleName;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;

pub use super::routine_sql::{Failure, OfTheMoment, Rows};

/// First key of the advisory locks of queries; the second is the hash of the
/// routine's name. Two routines of one hash wait for each other.
const QUERY_LOCK: i32 = 1_751_478_894;

/// What [`begin`] found.
#[derive(Clone, Copy, Debug)]
pub enum Begun {
    /// The transaction is open.
    Open {
        /// Up to when the routine's ticks are dealt with.
        planned: Timestamp,
        /// The database's clock.
        now: Timestamp,
    },
    /// Another daemon is at it; the transaction is over.
    Taken,
    /// The database has no schedule of this routine; the transaction is over.
    Gone,
}

/// Why a statement has no rows.
enum Trouble {
    /// It cannot be used.
    Unready(Failure),
    /// The database refused.
    Refused(PgError),
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Refused(error.into())
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Unready(failure)
    }
}

/// How far a routine's ticks are dealt with, before and after a transaction.
#[derive(Clone, Copy, Debug)]
pub struct Moved<'a> {
    /// The routine.
    pub routine: &'a RoutineName,
    /// Where they were when the transaction began.
    pub from: Timestamp,
    /// Where they are with it.
    pub until: Timestamp,
}

/// The settings of a session which is fresh, as SQL which makes them again.
///
/// # Errors
///
/// Of the database.
pub async fn settings(session: &Session) -> Result<String, PgError> {
    let settings = "select coalesce(string_agg(format('set %I = %L', name, setting), '; '), '') \
                    from pg_catalog.pg_settings where source = 'session'";
    Ok(session.client().query_one(settings, &[]).await?.try_get(0)?)
}

/// Takes back what a statement may have left in the session beside settings. Not
/// inside a transaction.
///
/// # Errors
///
/// Of the database. The session is not to be used again then.
pub async fn tidy(session: &Session) -> Result<(), PgError> {
    let tidy = "select pg_catalog.pg_advisory_unlock_all(); close all; unlisten *; \
                discard temp; discard sequences";
    Ok(session.client().batch_execute(tidy).await?)
}

/// Begins the transaction of a tick.
///
/// # Errors
///
/// Of the database.
pub async fn begin(session: &Session, routine: &RoutineName) -> Result<Begun, PgError> {
    let client = session.client();
    let name = routine.as_str();
    client.batch_execute("begin").await?;
    let lock = "select pg_try_advisory_xact_lock($1, hashtext($2))";
    if !client.query_one(lock, &[&QUERY_LOCK, &name]).await?.get::<_, bool>(0) {
        client.batch_execute("rollback").await?;
        return Ok(Begun::Taken);
    }
    // Only now, under the lock.
    let planned = "select planned_until, hearken.now() from hearken.schedules where routine = $1";
    match client.query_opt(planned, &[&name]).await? {
        Some(row) => Ok(Begun::Open { planned: row.try_get(0)?, now: row.try_get(1)? }),
        None => {
            client.batch_execute("rollback").await?;
            Ok(Begun::Gone)
        }
    }
}

/// Runs the statement behind a savepoint, which stays open if there are rows, or
/// none: [`keep`] or [`undo`] ends it. If the statement fails, it is undone. With
/// a role it runs as that role; one which cannot be assumed is its failure.
///
/// # Errors
///
/// Of the session, or of the moment; the transaction is then to be rolled back.
pub async fn run(
    session: &Session,
    query: &Query,
    run_as: Option<&RoleName>,
    values: &[Value],
    of_the_moment: OfTheMoment,
) -> Result<Rows, PgError> {
    let timeout = query.timeout.as_millis().clamp(1, 2_000_000_000);
    let assume = role::assume(run_as);
    let begin = format!("savepoint hearken_query; set local statement_timeout = {timeout}{assume}");
    let ran = match session.client().batch_execute(&begin).await {
        Ok(()) => try_run(session, query, values).await,
        Err(error) => Err(Trouble::Refused(role::not_assumed(error.into(), run_as))),
    };
    let failure = match ran {
        Ok(rows) => return Ok(Ok(rows)),
        Err(Trouble::Unready(failure)) => failure,
        Err(Trouble::Refused(error)) => weigh(error, Access::Writes, of_the_moment, query.timeout)?,
    };
    undo(session).await?;
    Ok(Err(failure))
}

async fn try_run(session: &Session, query: &Query, values: &[Value]) -> Result<Vec<Value>, Trouble> {
    let client = session.client();
    // Alone it says which types its parameters have, and whether there are rows.
    let alone = client.prepare(query.sql.text()).await?;
    check_columns(alone.columns())?;
    let literals: Vec<String> =
        alone.params().iter().zip(values).map(|(kind, value)| literal(value, kind)).collect();
    let with = |number: u32| {
        let place = usize::try_from(number).unwrap_or_default().wrapping_sub(1);
        literals.get(place).cloned().unwrap_or_else(|| "null".to_owned())
    };
    let mut rows = Vec::new();
    if alone.columns().is_empty() || query.sql.verb() == "call" {
        client.execute(query.sql.replaced(with).as_str(), &[]).await?;
    } else {
        let Some(named) = query.sql.named("\"[query]\"", with) else {
            let message = "its query begins with `with`, and hearken does not find where it goes on";
            return Err(Failure::of_the_routine(message).into());
        };
        let limit = u64::from(query.max_rows) + 1;
        let sql =
            format!("{named} select to_jsonb(\"[row]\")::text from \"[query]\" as \"[row]\" limit {limit}");
        for row in client.query(sql.as_str(), &[]).await? {
            rows.push(read_row(row.try_get(0)?)?);
        }
        if rows.len() as u64 > u64::from(query.max_rows) {
            return Err(too_many(query.max_rows, "at this tick").into());
        }
    }
    // A deferred constraint would fail at commit, and the tick with it.
    client.batch_execute("set constraints all immediate").await?;
    Ok(rows)
}

/// Keeps what the statement wrote, and goes on with the [`settings`] and the role
/// of the fresh session.
///
/// # Errors
///
/// Of the database.
pub async fn keep(session: &Session, settings: &str) -> Result<(), PgError> {
    let keep = format!(
        "release savepoint hearken_query; \
         set session authorization default; reset role; reset all; {settings}"
    );
    Ok(session.client().batch_execute(&keep).await?)
}

/// Undoes what the statement wrote.
///
/// # Errors
///
/// Of the database.
pub async fn undo(session: &Session) -> Result<(), PgError> {
    let undo = "rollback to savepoint hearken_query; release savepoint hearken_query";
    Ok(session.client().batch_execute(undo).await?)
}

/// Writes decisions and dead letters, rings the workers, notes how far the
/// routine's ticks are dealt with, and commits; false if they are not where they
/// were when the transaction began. Then it is to be rolled back.
///
/// Unlike the commit of a pass it waits for the disk: the statement may have
/// written what is not hearken's. The ticks come last, since a reload waits for
/// their row.
///
/// # Errors
///
/// Of the database; nothing was written then.
pub async fn commit(
    session: &Session,
    moved: Moved<'_>,
    decisions: &[Decision],
    letters: &[DeadLetter],
    queues: &BTreeSet<QueueName>,
) -> Result<bool, PgError> {
    dead::record(session, dead::RECORD, decisions).await?;
    dead::bury(session, letters).await?;
    if !queues.is_empty() {
        let queues: Vec<&str> = queues.iter().map(QueueName::as_str).collect();
        let ring = "select pg_notify('hearken:' || q, '') from unnest($1::text[]) as q";
        session.client().execute(ring, &[&queues]).await?;
    }
    let Moved { routine, from, until } = moved;
    let advance = "update hearken.schedules set planned_until = $3 where routine = $1 and planned_until = $2";
    if session.client().execute(advance, &[&routine.as_str(), &from, &until]).await? != 1 {
        return Ok(false);
    }
    session.client().batch_execute("commit").await?;
    Ok(true)
}

/// Whether the database takes writes at all: if not, no statement is to blame
/// that its tick failed. Not inside a transaction.
pub async fn takes_writes(session: &Session, routine: &RoutineName) -> bool {
    let write = "update hearken.schedules set planned_until = planned_until where routine = $1";
    session.client().execute(write, &[&routine.as_str()]).await.is_ok()
}
