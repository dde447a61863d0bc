//! An event as routines see it: the attributes of CloudEvents and ours.

use super::name::{RoutineName, SourceName};
use jiff::Timestamp;
use serde_json::Value;

/// One thing that happened.
///
/// `id`, `origin` (the `source` of CloudEvents 1.0, section 3.1.1), `kind` (its
/// `type`), `subject`, `time` and `data` follow CloudEvents. The rest is ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Where hearken read it: `events` is its own log.
    pub from: SourceName,
    /// The position given by the source; greater is later.
    pub seq: i64,
    /// The writer's id of the event.
    pub id: String,
    /// The writer's name for where it happened; `source` in conditions.
    pub origin: String,
    /// What kind of thing happened; `type` in conditions.
    pub kind: String,
    /// What it happened to.
    pub subject: Option<String>,
    /// When it happened, by the writer's clock; when it was written, where the
    /// writer does not say.
    pub time: Timestamp,
    /// Whose event it is.
    pub tenant: Option<String>,
    /// What happened, in detail.
    pub data: Value,
    /// The row before an update or a delete; none for an insert.
    pub old: Option<Value>,
    /// What the writer wants carried along.
    pub meta: Value,
    /// The routines whose items led to it, the first one first: it was emitted
    /// under the lease of such an item. Most events have none.
    pub chain: Vec<RoutineName>,
}
