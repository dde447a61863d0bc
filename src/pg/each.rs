//! Runs the queries of `[each]`: for all events of a page at once, one statement
//! for each routine.
//!
//! The query of a routine is prepared once, alone, for the types of its
//! parameters; then the values of many events are joined to it laterally:
//!
//! ```sql
//! select "[each]"."[n]", r."k", r."row"
//! from jsonb_to_recordset($1::jsonb) as "[each]" ("[n]" integer, "$1" "pg_catalog"."uuid")
//! cross join lateral (
//!     select row_number() over () as "k", to_jsonb("[row]")::text as "row"
//!     from (select id from agents where team = ("[each]"."$1")) as "[row]" limit 1001) as r
//! ```
//!
//! The SQL of a row runs as the role which its source has for it, see
//! [`Confinement`](crate::rules::routine::rows::Confinement).
//!
//! It only reads, by force: it runs behind a savepoint in a transaction which
//! was made read-only, and is rolled back to the savepoint in any case. Savepoint,
//! query and rollback of all routines are sent at once: one round trip.

mod singly;

use self::singly::{SINGLY, one_by_one};
use super::dead::LetterKind;
use super::error::{PgError, SqlClass};
use super::query::role;
use super::routine_sql::{Access, check_columns, read_row, too_many, type_name, weigh};
use super::session::Session;
use super::types::JsonString;
use crate::rules::routine::{Each, Routine, RoutineSet, Version};
use futures_util::future::join_all;
use postgres_types::ToSql;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_postgres::Statement;
use tokio_postgres::types::Type;

pub use super::routine_sql::{Failure, OfTheMoment, Rows};

/// What a routine asks for the events of a page.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The routine.
    pub routine: &'a Routine,
    /// Its query.
    pub each: &'a Each,
    /// For each event the values of the parameters, in order.
    pub parameters: Vec<Vec<Value>>,
}

/// The prepared queries of one session.
#[derive(Debug, Default)]
pub struct EachQueries {
    prepared: Mutex<HashMap<Version, Statement>>,
}

/// Why a query has not run, or how it failed.
enum Trouble {
    /// It cannot be prepared.
    Unready(Failure),
    /// The database refused.
    Refused(PgError),
}

/// Where a query begins and ends. The settings of the pass's session are made
/// for its own statements. What a rollback does not undo are locks which last as long
/// as the session.
const BEGIN: &str = "savepoint hearken_each; set local transaction_read_only = on; \
                     set local plan_cache_mode to default; set local enable_seqscan to default; \
                     set local enable_bitmapscan to default; set local statement_timeout = ";
const END: &str = "rollback to savepoint hearken_each; release savepoint hearken_each; \
                   select pg_catalog.pg_advisory_unlock_all()";

/// How long the query of a routine may hold up a page, at most: all events at
/// once, then one by one, of which the last may begin late.
#[must_use]
pub fn patience(each: &Each) -> Duration {
    each.timeout.saturating_mul(SINGLY + 2)
}

impl EachQueries {
    /// Forgets the queries of routines which are not in force any more.
    pub fn retain(&self, set: &RoutineSet) {
        let versions: HashSet<&Version> = set.routines.iter().map(|routine| &routine.version).collect();
        self.prepared().retain(|version, _| versions.contains(version));
    }

    /// Asks the queries of some routines, in the transaction which is open: for
    /// each routine and event its rows, or why there are none.
    ///
    /// # Errors
    ///
    /// Of the session, or of the moment; never of a single query.
    pub async fn ask(
        &self,
        session: &Session,
        asked: &[Asked<'_>],
        of_the_moment: OfTheMoment,
    ) -> Result<Vec<Vec<Rows>>, PgError> {
        let mut statements = Vec::with_capacity(asked.len());
        for one in asked {
            statements.push(self.ready(session, one, of_the_moment).await?);
        }
        let sent = asked.iter().zip(statements).map(|(one, statement)| async move {
            match statement {
                Ok(statement) => {
                    let events = 0..one.parameters.len();
                    run(session, one, &statement, events, one.each.timeout).await.map_err(Trouble::Refused)
                }
                Err(failure) => Err(Trouble::Unready(failure)),
            }
        });
        let mut answers = Vec::with_capacity(asked.len());
        for (one, answer) in asked.iter().zip(join_all(sent).await) {
            answers.push(match answer {
                Ok(rows) => rows,
                Err(Trouble::Unready(failure)) => all(one, &failure),
                Err(Trouble::Refused(error)) => self.again(session, one, error, of_the_moment).await?,
            });
        }
        Ok(answers)
    }

    /// A query failed for all events at once: finds out for which it is to fail.
    async fn again(
        &self,
        session: &Session,
        one: &Asked<'_>,
        error: PgError,
        of_the_moment: OfTheMoment,
    ) -> Result<Vec<Rows>, PgError> {
        let mut error = error;
        if is_stale(&error) {
            // Its tables may have changed since it was prepared.
            self.prepared().remove(&one.routine.version);
        }
        let statement = match self.ready(session, one, of_the_moment).await? {
            Ok(statement) => statement,
            Err(failure) => return Ok(all(one, &failure)),
        };
        if is_stale(&error) {
            match run(session, one, &statement, 0..one.parameters.len(), one.each.timeout).await {
                Ok(rows) => return Ok(rows),
                Err(again) => error = again,
            }
        }
        let failure = weigh(error, Access::Reads, of_the_moment, one.each.timeout)?;
        if one.parameters.len() == 1 || failure.kind == LetterKind::Blocked {
            return Ok(all(one, &failure));
        }
        one_by_one(session, one, &statement, &failure, of_the_moment).await
    }

    /// The statement of a routine, prepared if it is not yet.
    async fn ready(
        &self,
        session: &Session,
        one: &Asked<'_>,
        of_the_moment: OfTheMoment,
    ) -> Result<Result<Statement, Failure>, PgError> {
        let version = &one.routine.version;
        let known = self.prepared().get(version).cloned();
        if let Some(statement) = known {
            return Ok(Ok(statement));
        }
        let client = session.client();
        let run_as = one.routine.confined.run_as.as_ref();
        // As the role, since it may see other tables under the same names.
        let begin = format!("savepoint hearken_each{}", role::assume(run_as));
        let prepared = match client.batch_execute(&begin).await {
            Ok(()) => prepare(session, one.each).await,
            Err(error) => Err(Trouble::Refused(role::not_assumed(error.into(), run_as))),
        };
        client.batch_execute(END).await?;
        match prepared {
            Ok(statement) => {
                self.prepared().insert(version.clone(), statement.clone());
                Ok(Ok(statement))
            }
            Err(Trouble::Unready(failure)) => Ok(Err(failure)),
            Err(Trouble::Refused(error)) => {
                weigh(error, Access::Reads, of_the_moment, one.each.timeout).map(Err)
            }
        }
    }

    fn prepared(&self) -> MutexGuard<'_, HashMap<Version, Statement>> {
        // Nothing panics while it holds this lock.
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same failure for each event.
fn all(one: &Asked<'_>, failure: &Failure) -> Vec<Rows> {
    one.parameters.iter().map(|_| Err(failure.clone())).collect()
}

/// Whether a statement which was good once may be good again.
fn is_stale(error: &PgError) -> bool {
    error.sqlstate().is_some_and(|sqlstate| {
        matches!(SqlClass::of(sqlstate), SqlClass::Stale | SqlClass::Definition | SqlClass::Schema)
    })
}

async fn prepare(session: &Session, each: &Each) -> Result<Statement, Trouble> {
    let client = session.client();
    let refused = |error| Trouble::Refused(PgError::from(error));
    let alone = client.prepare(each.sql.text()).await.map_err(refused)?;
    check_columns(alone.columns()).map_err(Trouble::Unready)?;
    client.prepare(&for_many(each, alone.params())).await.map_err(refused)
}

/// The query for many events.
fn for_many(each: &Each, types: &[Type]) -> String {
    let column = |(place, kind): (usize, &Type)| format!(", \"${}\" {}", place + 1, type_name(kind));
    let columns: String = types.iter().enumerate().map(column).collect();
    // Parentheses, since a parameter may be followed by `.field`. No name of ours
    // is one which a query might have meant.
    let query = each.sql.replaced(|number| format!("(\"[each]\".\"${number}\")"));
    let limit = u64::from(each.max_rows) + 1;
    // On lines of its own, since the query may end with a comment.
    format!(
        "select \"[each]\".\"[n]\", r.\"k\", r.\"row\" \
         from jsonb_to_recordset($1::jsonb) as \"[each]\" (\"[n]\" integer{columns}) \
         cross join lateral ( \
             select row_number() over () as \"k\", to_jsonb(\"[row]\")::text as \"row\" from (\n{query}\n) as \"[row]\" \
             limit {limit}) as r"
    )
}

/// Runs the query for some of the events, in one round trip; for no longer than
/// `limit`.
async fn run(
    session: &Session,
    one: &Asked<'_>,
    statement: &Statement,
    events: Range<usize>,
    limit: Duration,
) -> Result<Vec<Rows>, PgError> {
    let client = session.client();
    let run_as = one.routine.confined.run_as.as_ref();
    let limit = limit.as_millis().clamp(1, 2_000_000_000);
    let begin = format!("{BEGIN}{limit}{}", role::assume(run_as));
    let parameters = one.parameters.get(events).unwrap_or_default();
    let json = recordset(parameters);
    let bound: [&(dyn ToSql + Sync); 1] = [&json];
    let (begun, answer, ended) = futures_util::join!(
        client.batch_execute(&begin),
        client.query(statement, &bound),
        client.batch_execute(END),
    );
    begun.map_err(|error| role::not_assumed(error.into(), run_as))?;
    let answer = answer?;
    ended?;
    let mut found: Vec<Vec<(i64, Value)>> = vec![Vec::new(); parameters.len()];
    let mut failures: HashMap<usize, Failure> = HashMap::new();
    for row in &answer {
        let place = usize::try_from(row.try_get::<_, i32>(0)?).unwrap_or(usize::MAX);
        let Some(rows) = found.get_mut(place) else { continue };
        match read_row(row.try_get(2)?) {
            Ok(value) => rows.push((row.try_get(1)?, value)),
            Err(failure) => drop(failures.insert(place, failure)),
        }
    }
    let rows = found.into_iter().enumerate().map(|(place, mut rows)| {
        if let Some(failure) = failures.remove(&place) {
            return Err(failure);
        }
        if rows.len() as u64 > u64::from(one.each.max_rows) {
            return Err(too_many(one.each.max_rows, "for this event"));
        }
        rows.sort_by_key(|(k, _)| *k);
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    });
    Ok(rows.collect())
}

/// The values of the parameters, an object for each event.
fn recordset(parameters: &[Vec<Value>]) -> JsonString {
    let record = |(n, values): (usize, &Vec<Value>)| {
        let mut record = Map::with_capacity(values.len() + 1);
        record.insert("[n]".to_owned(), n.into());
        record.extend(values.iter().enumerate().map(|(k, value)| (format!("${}", k + 1), value.clone())));
        Value::Object(record)
    };
    JsonString(Value::Array(parameters.iter().enumerate().map(record).collect()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_handed_over_as_records() {
        let values = [vec![json!("a"), json!(null)], vec![json!(1.50), json!([1])]];
        let want = r#"[{"[n]":0,"$1":"a","$2":null},{"[n]":1,"$1":1.5,"$2":[1]}]"#;
        assert_eq!(recordset(&values).0, want);
    }
}
