//! The columns of a table as the catalogue has them, held against what a lease needs.

use super::ProtocolError;
use crate::pg::session::Session;
use crate::rules::foreign::{LeaseSpec, TableName, quote_ident};
use crate::rules::text::closest;
use std::collections::BTreeMap;
use tokio_postgres::Row;

/// What tables have which can be locked row by row.
const TABLE_KINDS: [&str; 2] = ["r", "p"];

/// All columns with their types, which are written so that they mean the same
/// whatever the search path is; null and no columns if there is no such table.
const READ: &str = "\
    select c.relkind::text as kind, a.attname::text as name, \
           format_type(a.atttypid, null) as type, format_type(a.atttypid, a.atttypmod) as whole, \
           format_type(case when t.typtype = 'd' then t.typbasetype else t.oid end, null) as base, \
           a.attnotnull or t.typnotnull as not_null, \
           a.attgenerated <> '' or a.attidentity = 'a' as generated, \
           exists (select from pg_index i \
                   where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indimmediate \
                     and i.indpred is null and i.indnkeyatts = 1 and i.indkey[0] = a.attnum) as is_unique \
    from pg_class c \
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped \
    join pg_type t on t.oid = a.atttypid \
    where c.oid = to_regclass($1::text)";

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its type as SQL writes it, without a modifier: `character varying`.
    pub kind: String,
    /// The same with its modifier: `character varying(20)`.
    pub whole: String,
    /// The type itself, or of a domain the one which it restricts.
    pub base: String,
    /// Whether it refuses null.
    pub not_null: bool,
    /// Whether it cannot be written.
    pub generated: bool,
    /// Whether a unique index is on it alone, and on all rows.
    pub unique: bool,
}

/// The columns of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// The table.
    pub table: TableName,
    columns: BTreeMap<String, Column>,
}

impl Columns {
    /// The columns of a table, by their names.
    #[must_use]
    pub fn new(table: TableName, columns: BTreeMap<String, Column>) -> Self {
        Self { table, columns }
    }

    /// Reads them.
    ///
    /// # Errors
    ///
    /// Of the database, or if there is no such table.
    pub async fn read(session: &Session, table: &TableName) -> Result<Self, ProtocolError> {
        let client = session.client();
        client.batch_execute("begin read only; set local search_path = pg_catalog").await?;
        let rows = client.query(READ, &[&table.quoted()]).await;
        client.batch_execute("rollback").await?;
        let rows = rows?;
        let Some(first) = rows.first() else { return Err(ProtocolError::NoTable(table.clone())) };
        let kind: &str = first.try_get("kind")?;
        if !TABLE_KINDS.contains(&kind) {
            return Err(ProtocolError::NotATable(table.clone()));
        }
        let columns: BTreeMap<String, Column> =
            rows.iter().map(column).collect::<Result<_, tokio_postgres::Error>>()?;
        Ok(Self { table: table.clone(), columns })
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Column> {
        self.columns.get(name)
    }

    /// One which is known to be there.
    pub(super) fn require(&self, name: &str) -> Result<&Column, ProtocolError> {
        self.get(name).ok_or_else(|| self.unfit(&format!("there is no column `{name}`")))
    }

    /// The table will not do.
    pub(super) fn unfit(&self, faults: &str) -> ProtocolError {
        ProtocolError::Unfit { table: self.table.clone(), faults: faults.to_owned() }
    }

    /// Holds them against what a lease needs: all that is amiss at once.
    ///
    /// # Errors
    ///
    /// If a column is not there, or not of a type which will do.
    pub fn check(&self, lease: &LeaseSpec) -> Result<(), ProtocolError> {
        let mut faults = Vec::new();
        let mut missing = Vec::new();
        for (key, name) in lease.columns() {
            match self.get(name) {
                Some(column) => faults.extend(unfit(key, name, column)),
                None => {
                    faults.push(self.absent(key, name));
                    missing.extend(addition(key, name));
                }
            }
        }
        if faults.is_empty() {
            return Ok(());
        }
        let mut text = faults.join("\n  ");
        if !missing.is_empty() {
            text.push_str(&format!(
                "\nhelp: nothing is changed by us; what is missing could be added by\n  alter table {}\n      {};",
                self.table.quoted(),
                missing.join(",\n      ")
            ));
        }
        Err(self.unfit(&text))
    }

    fn absent(&self, key: &str, name: &str) -> String {
        let near = closest(name, self.columns.keys().map(String::as_str));
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        format!("`{key}`: there is no column `{name}`{near}")
    }
}

fn column(row: &Row) -> Result<(String, Column), tokio_postgres::Error> {
    let column = Column {
        kind: row.try_get("type")?,
        whole: row.try_get("whole")?,
        base: row.try_get("base")?,
        not_null: row.try_get("not_null")?,
        generated: row.try_get("generated")?,
        unique: row.try_get("is_unique")?,
    };
    Ok((row.try_get("name")?, column))
}

/// Why a column cannot be what the key says.
fn unfit(key: &str, name: &str, column: &Column) -> Option<String> {
    let fault = |wanted: &str| Some(format!("`{key}`: column `{name}` is {}, and {wanted}", column.whole));
    let written = !matches!(key, "key" | "by" | "max_attempts");
    if written && column.generated {
        return Some(format!("`{key}`: column `{name}` is generated, and cannot be written"));
    }
    let base = column.base.as_str();
    match key {
        "key" if !column.unique => Some(format!(
            "`key`: column `{name}` has no unique index of its own, so rows are not known by it"
        )),
        "token" if TokenKind::of(column).is_none() => fault("a token is bigint, uuid or text"),
        "until" | "due" if base != "timestamp with time zone" => {
            fault("what is held against the clock is timestamp with time zone")
        }
        "finished" if !base.starts_with("timestamp") => fault("a time is timestamp with time zone"),
        "attempts" | "max_attempts" if !matches!(base, "smallint" | "integer" | "bigint") => {
            fault("attempts are counted in an integer")
        }
        "worker" if !(is_text(base) || base == "uuid") => fault("the name of a worker is text"),
        "error" if !is_text(base) => fault("an error is text"),
        _ => None,
    }
}

fn is_text(base: &str) -> bool {
    matches!(base, "text" | "character varying")
}

/// How the column might be added, if it is plain what it has to be.
fn addition(key: &str, name: &str) -> Option<String> {
    let kind = match key {
        "token" => "bigint",
        "until" | "due" | "finished" => "timestamptz",
        "attempts" => "integer not null default 0",
        "max_attempts" => "integer not null default 5",
        "worker" | "error" => "text",
        "result" => "jsonb",
        _ => return None,
    };
    Some(format!("add column {} {kind}", quote_ident(name)))
}

/// How tokens are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// Of the sequence of our own inbox: each greater than all before.
    Number,
    /// By chance, which never gives the same twice.
    Uuid,
    /// The same as text.
    Text,
}

impl TokenKind {
    /// The kind for a column, if it can hold tokens.
    pub(super) fn of(column: &Column) -> Option<Self> {
        match column.base.as_str() {
            "bigint" | "numeric" => Some(Self::Number),
            "uuid" => Some(Self::Uuid),
            "text" => Some(Self::Text),
            // 36 characters; one with fewer would refuse the first lease.
            "character varying" => (length(&column.whole) >= 36).then_some(Self::Text),
            _ => None,
        }
    }
}

/// How many characters a type takes: `character varying(20)` has 20.
fn length(whole: &str) -> u32 {
    let inner = whole.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.and_then(|number| number.parse().ok()).unwrap_or(u32::MAX)
}
