//! What the settings say about tables of the user's: names and SQL expressions.
//!
//! Nothing forces anybody to adopt our tables. A *source* is a table whose rows are
//! events, an *inbox* one whose rows are items; both are described by expressions
//! over their columns, and nothing but a doorbell trigger is ever added to them.
//! These are the descriptions, as read and checked from `hearken.toml`; what they
//! mean for real columns is found out by the edge.

mod lease;
mod table;

pub use self::lease::*;
pub use self::table::{TableName, TableNameError, quote_ident};

use super::endpoint::EndpointSpec;
use super::name::{EndpointName, InboxName, SourceName};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// All tables which the settings describe. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// The sources, by their names.
    pub sources: Arc<BTreeMap<SourceName, SourceSpec>>,
    /// The inboxes, by their names.
    pub inboxes: Arc<BTreeMap<InboxName, InboxSpec>>,
    /// The tables of endpoints, by their names.
    pub endpoints: Arc<BTreeMap<EndpointName, EndpointSpec>>,
}

/// A table whose rows are events. Expressions are SQL over one row of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSpec {
    /// Its name in routines.
    pub name: SourceName,
    /// The table.
    pub table: TableName,
    /// How rows are claimed.
    pub strategy: Strategy,
    /// What makes a row's event the same event: one item for each id and routine, ever.
    pub id: String,
    /// The event's type.
    pub kind: String,
    /// Who wrote it; the source's name, if none.
    pub origin: Option<String>,
    /// What it happened to.
    pub subject: Option<String>,
    /// When it happened; the time of the claim, if none.
    pub time: Option<String>,
    /// Whose event it is.
    pub tenant: Option<String>,
    /// What happened; the whole row, if none.
    pub data: Option<String>,
    /// The row before an update.
    pub old: Option<String>,
    /// What is carried along.
    pub meta: Option<String>,
    /// Which rows are to be claimed; always there with [`Strategy::Flag`].
    pub pending: Option<String>,
    /// In which order; that of the id, if none.
    pub order: Option<String>,
    /// Not before this time.
    pub ready: Option<String>,
    /// Whether a trigger rings.
    pub doorbell: Doorbell,
    /// How often to look without a doorbell.
    pub poll: Duration,
    /// How often to look though no bell rang.
    pub reconcile: Duration,
    /// Rows of a page.
    pub batch: u32,
    /// Whether rows are claimed at all.
    pub state: SourceState,
}

/// How rows of a source are claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// They are marked, in the transaction which makes their items.
    Flag {
        /// What `update … set` gets.
        mark: String,
    },
    /// Their ids are kept in a table of ours, and theirs is only read.
    Keys {
        /// How long ids are remembered of rows which are gone, or not pending any more.
        keep: Duration,
    },
}

/// Whether a trigger rings for new rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doorbell {
    /// `hearken install` has put one there.
    On,
    /// The table is polled.
    Off,
}

/// Whether a source is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// It is.
    Active,
    /// It is described, and nothing is claimed from it.
    Paused,
}

/// A table whose rows are items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxSpec {
    /// Its name in routines.
    pub name: InboxName,
    /// The table.
    pub table: TableName,
    /// The table's own rule on which items are the same.
    pub dedup: Option<DedupSpec>,
    /// The column for the event's tenant.
    pub tenant: Option<String>,
    /// The column for the time before which an item is not to be worked on.
    pub due: Option<String>,
    /// Which rows are open: work on them is still to be expected.
    pub open: Option<String>,
    /// Which rows nobody has begun to work on: they may still be changed.
    pub waiting: Option<String>,
    /// What a superseded row gets.
    pub supersede: Option<String>,
    /// The columns which a replacement changes; all that an item sets but those
    /// which tell it apart, if none.
    pub replace: Option<Vec<String>>,
    /// The columns which collect.
    pub append: Vec<String>,
    /// The columns of a lease, where functions for workers are to be generated.
    pub lease: Option<LeaseSpec>,
}

/// A unique index of an inbox, asked with `on conflict`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DedupSpec {
    /// The column which gets the item's key as hex, unless the routine sets it.
    pub column: Option<String>,
    /// The columns of the index.
    pub conflict: Vec<String>,
    /// The predicate of a partial index.
    pub filter: Option<String>,
    /// What becomes of an item which is there before.
    pub on_conflict: Conflict,
}

/// What becomes of an item which the table's own index knows before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The row stays as it is.
    Skip,
    /// The row takes the new content in place: readers never see a gap.
    Replace,
}
