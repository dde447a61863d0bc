//! The lease protocol for tables of the user's.
//!
//! Workers of our own inbox lease with functions of `sql/migrations/0002_inbox.sql`.
//! For a table of the user's the same functions are written from a description of its
//! columns (`[inbox.NAME.lease]`), with the same guarantees: no row is held by two, a
//! stale token changes nothing, what is lost comes back, and a worker which crashes
//! each time ends. We add nothing to the table itself.

mod columns;
mod write;

pub use self::columns::{Column, Columns};

use self::write::Writer;
use super::error::PgError;
use super::session::Session;
use crate::rules::foreign::{InboxSpec, LeaseSpec, TableName, quote_ident};

/// PostgreSQL cuts off what is longer, in bytes.
const NAME_BYTES_MAX: usize = 63;

/// Why there is no lease protocol for a table.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// The database refused, or is gone.
    #[error(transparent)]
    Database(#[from] PgError),
    /// There is no such table, or it may not be seen.
    #[error("there is no table {0}, or the role may not see it")]
    NoTable(TableName),
    /// It has no rows of its own which could be locked.
    #[error("{0} is no table: rows of views and foreign tables cannot be leased")]
    NotATable(TableName),
    /// Columns are missing, or are not of a type which will do.
    #[error("{table} cannot be leased from as its `lease` says:\n  {faults}")]
    Unfit {
        /// The table.
        table: TableName,
        /// All that is amiss, a line each, and what to do.
        faults: String,
    },
    /// A value of the state or the priority means nothing to the database.
    #[error("a value of the state, or `priority`, does not fit {table}")]
    Probe {
        /// The table.
        table: TableName,
        /// What the database says.
        source: PgError,
    },
}

impl From<tokio_postgres::Error> for ProtocolError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// The schema which the functions are put into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema(String);

impl Schema {
    /// Reads the name of a schema, as the database has it: without quotes, in small
    /// and capital letters as they are.
    ///
    /// # Errors
    ///
    /// If it is no name.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.len() {
            1..=NAME_BYTES_MAX if !text.contains(['\0', '$']) => Ok(Self(text.to_owned())),
            1..=NAME_BYTES_MAX => {
                Err("the name of this schema has a `$` in it, or a character zero".to_owned())
            }
            _ => Err("a schema has a name of 1 to 63 bytes".to_owned()),
        }
    }

    /// The name, unquoted.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The name in double quotes, as it stands in statements.
    #[must_use]
    pub fn quoted(&self) -> String {
        quote_ident(&self.0)
    }
}

/// Writes the script which makes the functions of an inbox, from the columns given:
/// the same input gives the same text.
///
/// # Errors
///
/// If the columns do not make a lease.
pub fn script(
    inbox: &InboxSpec,
    lease: &LeaseSpec,
    columns: &Columns,
    schema: &Schema,
) -> Result<String, ProtocolError> {
    Ok(Writer::new(inbox, lease, columns, schema)?.script())
}

/// Reads the table's columns and writes the script for them. The values and the
/// expression of the settings are held against the table before.
///
/// # Errors
///
/// Of the database, or if the columns do not make a lease.
pub async fn prepare(
    session: &Session,
    inbox: &InboxSpec,
    lease: &LeaseSpec,
    schema: &Schema,
) -> Result<String, ProtocolError> {
    let columns = Columns::read(session, &inbox.table).await?;
    let writer = Writer::new(inbox, lease, &columns, schema)?;
    let client = session.client();
    // As the functions will have it.
    client.batch_execute("begin read only; set local search_path = pg_catalog, pg_temp").await?;
    let probe = client.prepare(&writer.probe()).await;
    client.batch_execute("rollback").await?;
    match probe {
        Ok(_) => Ok(writer.script()),
        Err(error) => Err(ProtocolError::Probe { table: inbox.table.clone(), source: error.into() }),
    }
}

/// The script which removes the functions of an inbox; other functions of their names
/// are left alone.
#[must_use]
pub fn drop_script(inbox: &InboxSpec, schema: &Schema) -> String {
    write::drop_script(inbox, schema)
}

/// Runs such a script.
///
/// # Errors
///
/// Of the database; then nothing was changed.
pub async fn run(session: &Session, script: &str) -> Result<(), PgError> {
    let client = session.client();
    if let Err(error) = client.batch_execute(script).await {
        client.batch_execute("rollback").await?;
        return Err(error.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_has_a_name() {
        assert_eq!(Schema::parse("My schema").map(|schema| schema.quoted()), Ok("\"My schema\"".to_owned()));
        for text in ["", "a\0b", "$hearken$", &"x".repeat(64)] {
            assert!(Schema::parse(text).is_err(), "{text:?}");
        }
    }
}
