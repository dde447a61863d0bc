//! `[source.NAME]` as it is written.

use super::text::{Expression, Expressions, Table};
use crate::config::limit;
use crate::rules::foreign::{Doorbell, SourceSpec, SourceState, Strategy};
use crate::rules::name::SourceName;
use serde::Deserialize;
use std::time::Duration;

/// A source before its keys are held against each other.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenSource {
    table: Table,
    #[serde(default)]
    strategy: WrittenStrategy,
    id: Expression,
    #[serde(rename = "type")]
    kind: Expression,
    source: Option<Expression>,
    subject: Option<Expression>,
    time: Option<Expression>,
    tenant: Option<Expression>,
    data: Option<Expression>,
    old: Option<Expression>,
    meta: Option<Expression>,
    pending: Option<Expression>,
    mark: Option<Expressions>,
    order: Option<Expressions>,
    ready: Option<Expression>,
    #[serde(default)]
    doorbell: WrittenDoorbell,
    #[serde(default = "poll", deserialize_with = "limit::poll")]
    poll: Duration,
    #[serde(default = "reconcile", deserialize_with = "limit::reconcile")]
    reconcile: Duration,
    #[serde(default = "batch", deserialize_with = "limit::batch")]
    batch: u32,
    #[serde(default)]
    paused: bool,
    #[serde(default = "keep", deserialize_with = "limit::keep")]
    keep: Duration,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenStrategy {
    #[default]
    Flag,
    Keys,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenDoorbell {
    #[default]
    On,
    Off,
}

fn poll() -> Duration {
    Duration::from_secs(1)
}

fn reconcile() -> Duration {
    Duration::from_secs(60)
}

fn batch() -> u32 {
    500
}

fn keep() -> Duration {
    Duration::from_secs(30 * 24 * 3600)
}

impl WrittenSource {
    /// The source; or which key its strategy lacks.
    pub(super) fn spec(self, name: SourceName) -> Result<SourceSpec, &'static str> {
        let strategy = match (self.strategy, self.mark) {
            (WrittenStrategy::Keys, _) => Strategy::Keys { keep: self.keep },
            (WrittenStrategy::Flag, Some(Expressions(mark))) if self.pending.is_some() => {
                Strategy::Flag { mark }
            }
            (WrittenStrategy::Flag, Some(_)) => {
                return Err("missing field `pending`: say which rows are not dealt with yet, such as \
                            pending = \"not processed\"");
            }
            (WrittenStrategy::Flag, None) => {
                return Err(
                    "missing field `mark`: say what a claimed row gets, such as mark = \"processed = \
                            true\"; or write strategy = \"keys\", and the table is only read",
                );
            }
        };
        let text = |expression: Option<Expression>| expression.map(|expression| expression.0);
        Ok(SourceSpec {
            name,
            table: self.table.0,
            strategy,
            id: self.id.0,
            kind: self.kind.0,
            origin: text(self.source),
            subject: text(self.subject),
            time: text(self.time),
            tenant: text(self.tenant),
            data: text(self.data),
            old: text(self.old),
            meta: text(self.meta),
            pending: text(self.pending),
            order: self.order.map(|order| order.0),
            ready: text(self.ready),
            doorbell: match self.doorbell {
                WrittenDoorbell::On => Doorbell::On,
                WrittenDoorbell::Off => Doorbell::Off,
            },
            poll: self.poll,
            reconcile: self.reconcile,
            batch: self.batch,
            state: if self.paused { SourceState::Paused } else { SourceState::Active },
        })
    }
}
