//! Reads the tables of routines which the settings name.
//!
//! The statement is the operator's, and what it gives is not trusted: columns are
//! known by their names, and one too many is an error, since a misspelt `tenant`
//! which is passed over would let a routine hear the events of all.

use super::error::PgError;
use super::session::Session;
use crate::rules::routine::rows::Row;
use crate::rules::sql::Sql;
use crate::rules::text::listed;
use std::time::{Duration, Instant};

/// The channel on which one hears that routines changed.
const CHANNEL: &str = "hearken_routines";

/// The columns which there may be; the first two have to be.
const COLUMNS: [&str; 3] = ["name", "routine", "tenant"];

/// Why a source of routines could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The database refused, or is gone.
    #[error("its query failed: {0}")]
    Database(#[from] PgError),
    /// It took too long.
    #[error("its query gave no answer within {seconds} s: make it faster, or see what it waits for")]
    Slow {
        /// So long it had.
        seconds: u64,
    },
    /// It does not give what a source gives.
    #[error("{0}")]
    Columns(String),
    /// It gives more rows than the settings allow.
    #[error("it has more than {max} rows: narrow its query, or raise `max`")]
    TooMany {
        /// So many are allowed.
        max: u32,
    },
}

impl From<tokio_postgres::Error> for RowsError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Begins to listen for changes.
///
/// # Errors
///
/// Of the database.
pub async fn listen(session: &Session) -> Result<(), PgError> {
    Ok(session.client().batch_execute(&format!("listen {CHANNEL}")).await?)
}

/// Asks a source for its rows, in a transaction which cannot write. A statement of
/// it may take as long as `within`.
///
/// # Errors
///
/// Of the database, or if the rows are not what a source gives.
pub async fn read(session: &Session, sql: &Sql, max: u32, within: Duration) -> Result<Vec<Row>, RowsError> {
    let client = session.client();
    let begun = Instant::now();
    let ms = within.as_millis().clamp(1, 2_000_000_000);
    client.batch_execute(&format!("begin read only; set local statement_timeout = {ms}")).await?;
    let rows = ask(session, sql, max).await;
    // Also takes back what a function in it has set.
    client.batch_execute("rollback").await?;
    match rows {
        // Somebody may have cancelled it before.
        Err(RowsError::Database(error)) if error.is_cancelled() && begun.elapsed() >= within => {
            Err(RowsError::Slow { seconds: within.as_secs() })
        }
        rows => rows,
    }
}

/// The names of routines for which something is kept: the place of a schedule, or
/// held drafts.
///
/// # Errors
///
/// Of the database.
pub async fn names_kept(session: &Session) -> Result<Vec<String>, PgError> {
    let sql = "select routine from hearken.schedules union select routine from hearken.held";
    let rows = session.client().query(sql, &[]).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<_>, _>>()?)
}

async fn ask(session: &Session, sql: &Sql, max: u32) -> Result<Vec<Row>, RowsError> {
    let client = session.client();
    if !sql.parameters().is_empty() {
        return Err(RowsError::Columns(
            "its query has parameters, and there is nothing to give it".to_owned(),
        ));
    }
    let alone = client.prepare(sql.text()).await?;
    let names: Vec<&str> = alone.columns().iter().map(|column| column.name()).collect();
    check_columns(&names).map_err(RowsError::Columns)?;
    let tenant = if names.contains(&"tenant") { "r.\"tenant\"::text" } else { "null::text" };
    let limit = u64::from(max) + 1;
    // On lines of its own, since the query may end with a comment. A null is no
    // name and no routine, which the row is told when it is read.
    let wrapped = format!(
        "select coalesce(r.\"name\"::text, ''), coalesce(r.\"routine\"::text, 'null'), {tenant} \
         from (\n{}\n) as r limit {limit}",
        sql.text()
    );
    let answer = client.query(wrapped.as_str(), &[]).await?;
    if answer.len() as u64 >= limit {
        return Err(RowsError::TooMany { max });
    }
    let mut rows = Vec::with_capacity(answer.len());
    for row in &answer {
        rows.push(Row { name: row.try_get(0)?, routine: row.try_get(1)?, tenant: row.try_get(2)? });
    }
    Ok(rows)
}

/// What is wrong with the columns of a source, if anything.
fn check_columns(names: &[&str]) -> Result<(), String> {
    let known = listed(COLUMNS);
    if let Some(missing) = COLUMNS[..2].iter().find(|column| !names.contains(column)) {
        return Err(format!(
            "its query has no column `{missing}`: the columns are {known}, the last optional"
        ));
    }
    if let Some(stranger) = names.iter().find(|name| !COLUMNS.contains(name)) {
        return Err(format!("its query has a column `{stranger}`: the columns are {known}"));
    }
    let twice = COLUMNS.iter().find(|column| names.iter().filter(|name| name == column).count() > 1);
    match twice {
        Some(twice) => Err(format!("its query has two columns `{twice}`")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_a_name_and_a_routine_and_perhaps_a_tenant() {
        check(&["name", "routine"], None);
        check(&["tenant", "routine", "name"], None);
        check(&["name", "tenant"], Some("no column `routine`"));
        check(&["name", "routine", "tennant"], Some("a column `tennant`"));
        check(&["name", "routine", "name"], Some("two columns `name`"));
    }

    #[track_caller]
    fn check(names: &[&str], want: Option<&str>) {
        match (check_columns(names), want) {
            (Ok(()), None) => {}
            (Err(error), Some(want)) => assert!(error.contains(want), "{error}"),
            (got, want) => panic!("{got:?}, and not {want:?}"),
        }
    }
}
