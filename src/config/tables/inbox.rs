//! `[inbox.NAME]` as it is written.

use super::text::{Column, Columns, Expression, Expressions, Table};
use crate::rules::foreign::{Conflict, DedupSpec, InboxSpec, LeaseSpec};
use crate::rules::name::InboxName;
use serde::Deserialize;

/// An inbox as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenInbox {
    table: Table,
    dedup: Option<WrittenDedup>,
    tenant: Option<Column>,
    due: Option<Column>,
    open: Option<Expression>,
    waiting: Option<Expression>,
    supersede: Option<Expressions>,
    replace: Option<Columns>,
    append: Option<Columns>,
    lease: Option<LeaseSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenDedup {
    column: Option<Column>,
    conflict: Columns,
    #[serde(rename = "where")]
    filter: Option<Expression>,
    #[serde(default)]
    on_conflict: WrittenConflict,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenConflict {
    #[default]
    Skip,
    Replace,
}

impl WrittenInbox {
    /// The inbox.
    pub(super) fn spec(self, name: InboxName) -> InboxSpec {
        let text = |expression: Option<Expression>| expression.map(|expression| expression.0);
        let column = |column: Option<Column>| column.map(|column| column.0);
        let dedup = self.dedup.map(|dedup| DedupSpec {
            column: column(dedup.column),
            conflict: dedup.conflict.0,
            filter: text(dedup.filter),
            on_conflict: match dedup.on_conflict {
                WrittenConflict::Skip => Conflict::Skip,
                WrittenConflict::Replace => Conflict::Replace,
            },
        });
        InboxSpec {
            name,
            table: self.table.0,
            dedup,
            tenant: column(self.tenant),
            due: column(self.due),
            open: text(self.open),
            waiting: text(self.waiting),
            supersede: self.supersede.map(|supersede| supersede.0),
            replace: self.replace.map(|replace| replace.0),
            append: self.append.map(|append| append.0).unwrap_or_default(),
            lease: self.lease,
        }
    }
}
