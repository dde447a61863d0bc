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
//! out, and [`advance`] compares.

use super::dead::{self, DeadLetter, Decision};
use super::error::PgError;
use super::routine_sql::{Access, check_columns, read_row, too_many, type_name, weigh};
use super::session::Session;
use crate::rules::name::{QueueName, RoutineName};
use crate::rules::routine::Query;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;
use tokio_postgres::types::{Kind, Type};

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
/// none: [`keep`] or [`undo`] ends it. If the statement fails, it is undone.
///
/// # Errors
///
/// Of the session, or of the moment; the transaction is then to be rolled back.
pub async fn run(
    session: &Session,
    query: &Query,
    values: &[Value],
    of_the_moment: OfTheMoment,
) -> Result<Rows, PgError> {
    let timeout = query.timeout.as_millis().clamp(1, 2_000_000_000);
    let begin = format!("savepoint hearken_query; set local statement_timeout = {timeout}");
    session.client().batch_execute(&begin).await?;
    let failure = match try_run(session, query, values).await {
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

/// Keeps what the statement wrote.
///
/// # Errors
///
/// Of the database.
pub async fn keep(session: &Session) -> Result<(), PgError> {
    let keep = "release savepoint hearken_query; set local statement_timeout = '30s'";
    Ok(session.client().batch_execute(keep).await?)
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

/// Notes that the routine's ticks are dealt with up to `until`; false if they
/// are not where they were when the transaction began. Then it is to be rolled
/// back.
///
/// # Errors
///
/// Of the database.
pub async fn advance(
    session: &Session,
    routine: &RoutineName,
    from: Timestamp,
    until: Timestamp,
) -> Result<bool, PgError> {
    let advance = "update hearken.schedules set planned_until = $3 where routine = $1 and planned_until = $2";
    let rows = session.client().execute(advance, &[&routine.as_str(), &from, &until]).await?;
    Ok(rows == 1)
}

/// Writes decisions and dead letters, rings the workers, and commits. Unlike the
/// commit of a pass it waits for the disk: the statement may have written what
/// is not hearken's.
///
/// # Errors
///
/// Of the database; nothing was written then.
pub async fn commit(
    session: &Session,
    decisions: &[Decision],
    letters: &[DeadLetter],
    queues: &BTreeSet<QueueName>,
) -> Result<(), PgError> {
    dead::record(session, decisions).await?;
    dead::bury(session, letters).await?;
    if !queues.is_empty() {
        let queues: Vec<&str> = queues.iter().map(QueueName::as_str).collect();
        let ring = "select pg_notify('hearken:' || q, '') from unnest($1::text[]) as q";
        session.client().execute(ring, &[&queues]).await?;
    }
    Ok(session.client().batch_execute("commit").await?)
}

/// A value as SQL writes it. The statement runs once, so nothing is gained by
/// preparing it, and as text any type can be given.
fn literal(value: &Value, kind: &Type) -> String {
    let text = match (value, kind.kind()) {
        (Value::Null, _) => return format!("(null::{})", type_name(kind)),
        (value, _) if *kind == Type::JSONB || *kind == Type::JSON => value.to_string(),
        (Value::String(text), _) => text.clone(),
        (Value::Array(values), Kind::Array(_)) => array_text(values),
        (value, _) => value.to_string(),
    };
    // Backslashes mean the same whatever `standard_conforming_strings` is.
    let text = text.replace('\\', "\\\\").replace('\'', "''");
    format!("(E'{text}'::{})", type_name(kind))
}

fn array_text(values: &[Value]) -> String {
    let element = |value: &Value| match value {
        Value::Null => "NULL".to_owned(),
        Value::Array(values) => array_text(values),
        Value::String(text) => quoted(text),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => quoted(&value.to_string()),
    };
    let elements: Vec<String> = values.iter().map(element).collect();
    format!("{{{}}}", elements.join(","))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_becomes_a_literal_of_its_type() {
        check(json!(14), &Type::INT4, r#"(E'14'::"pg_catalog"."int4")"#);
        check(json!("it's"), &Type::TEXT, r#"(E'it''s'::"pg_catalog"."text")"#);
        check(json!(r"a\b"), &Type::TEXT, r#"(E'a\\b'::"pg_catalog"."text")"#);
        check(json!(true), &Type::BOOL, r#"(E'true'::"pg_catalog"."bool")"#);
        check(json!("x"), &Type::JSONB, r#"(E'"x"'::"pg_catalog"."jsonb")"#);
        check(json!(["a", "b\"c"]), &Type::TEXT_ARRAY, r#"(E'{"a","b\\"c"}'::"pg_catalog"."_text")"#);
        check(json!([[1], [2]]), &Type::INT4_ARRAY, r#"(E'{{"1"},{"2"}}'::"pg_catalog"."_int4")"#);
        check(json!(null), &Type::INT4, r#"(null::"pg_catalog"."int4")"#);
    }

    #[track_caller]
    fn check(value: Value, kind: &Type, want: &str) {
        assert_eq!(literal(&value, kind), want);
    }
}
