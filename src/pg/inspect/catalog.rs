//! What the catalogue says about tables: one query for all of them.

use crate::pg::error::PgError;
use crate::pg::session::Session;
use crate::rules::foreign::TableName;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// A table as it is.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Table {
    /// `pg_class.relkind`.
    pub(super) kind: char,
    /// How many rows it is believed to have; less than 0, if nobody has counted.
    pub(super) rows: f64,
    /// Whether the role may look into its schema at all.
    pub(super) schema_usage: bool,
    /// Whether the role may read all of it, system columns included.
    pub(super) may_select: bool,
    /// Whether row-level security confines the role.
    pub(super) row_security: bool,
    /// The columns of its primary key.
    pub(super) key: Vec<String>,
    pub(super) columns: Vec<Column>,
    pub(super) indexes: Vec<Index>,
    pub(super) triggers: Vec<Trigger>,
    pub(super) policies: Vec<Policy>,
}

/// A column.
#[derive(Clone, Debug, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "a row of the catalog, as it comes")]
pub(super) struct Column {
    pub(super) name: String,
    /// Its type as SQL writes it.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// `pg_type.typcategory`: `A` is an array, `D` a time, `S` text.
    pub(super) category: char,
    pub(super) jsonb: bool,
    /// So many characters it takes, if they are limited.
    pub(super) length: Option<i32>,
    /// The labels of its type, if that is an enumeration.
    pub(super) labels: Vec<String>,
    /// Whether each new row must say a value.
    pub(super) required: bool,
    /// Whether its value is computed from others.
    pub(super) computed: bool,
    /// Whether it is `generated always as identity`.
    pub(super) identity_always: bool,
    pub(super) may_select: bool,
    pub(super) may_insert: bool,
    pub(super) may_update: bool,
    /// The sequences of its default which the role may not use.
    pub(super) closed_sequences: Vec<String>,
}

/// An index which is in use.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Index {
    pub(super) name: String,
    pub(super) unique: bool,
    /// Whether it refuses a duplicate at once: not that of a deferrable constraint.
    pub(super) immediate: bool,
    /// The columns of its key; none, where there is an expression.
    pub(super) key: Vec<Option<String>>,
    /// Which rows it has, if not all.
    pub(super) predicate: Option<String>,
    /// What the constraint says which it belongs to, if it does.
    pub(super) constraint: Option<String>,
}

/// A trigger of the user's, or a doorbell.
#[derive(Clone, Debug, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "a row of the catalog, as it comes")]
pub(super) struct Trigger {
    pub(super) name: String,
    /// `pg_trigger.tgenabled`: `O` and `A` fire for ordinary writers.
    pub(super) state: char,
    /// Whether it calls `hearken.ring`.
    pub(super) rings: bool,
    /// Its first argument.
    pub(super) argument: String,
    /// Whether it may change each new row.
    pub(super) before_row: bool,
    pub(super) on_insert: bool,
    pub(super) on_update: bool,
}

/// A policy of row-level security.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Policy {
    pub(super) name: String,
    pub(super) permissive: bool,
    /// `pg_policy.polcmd`: `r`, `a`, `w`, `d`, or `*` for all.
    pub(super) command: char,
    /// Whether it is about the role.
    pub(super) applies: bool,
    pub(super) using: Option<String>,
    pub(super) check: Option<String>,
}

/// Tables by their names; of those which are not there it has none.
pub(super) type Tables = BTreeMap<TableName, Table>;

impl Table {
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether it is a view, whose rows have no place of their own.
    pub(super) fn is_view(&self) -> bool {
        matches!(self.kind, 'v' | 'm')
    }

    pub(super) fn is_partitioned(&self) -> bool {
        self.kind == 'p'
    }
}

/// Reads what there is to know about some tables.
pub(super) async fn read(session: &Session, names: &BTreeSet<TableName>) -> Result<Tables, PgError> {
    let schemas: Vec<&str> = names.iter().map(TableName::schema).collect();
    let tables: Vec<&str> = names.iter().map(TableName::name).collect();
    let sql = include_str!("../../../sql/queries/inspect/tables.sql");
    let rows = session.client().query(sql, &[&schemas, &tables]).await?;
    let mut found = Tables::new();
    for (name, row) in names.iter().zip(&rows) {
        let Some(json) = row.try_get::<_, Option<&str>>(0)? else { continue };
        // Of our own making, so that it cannot but be read.
        let table = serde_json::from_str(json)
            .map_err(|error| PgError::refused("XX000", &format!("the catalogue cannot be read: {error}")))?;
        found.insert(name.clone(), table);
    }
    Ok(found)
}
