//! A draft of an item: what a routine wants to see in an inbox.

mod stored;

use super::gate::request::Request;
use super::name::{InboxName, ItemName, QueueName, RoutineName, SourceName};
use super::routine::Version;
use super::webhook::Delivery;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;

/// What an item comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// An event, by its `seq`.
    Event(i64),
    /// A tick of a schedule.
    Tick(Timestamp),
}

/// What makes two items the same item: SHA-256 over typed parts, see
/// [`super::key`]. As JSON it is text in hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DedupKey(pub [u8; 32]);

/// The row of a source other than the log which a draft comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromRow {
    /// The source.
    pub source: SourceName,
    /// The row's id in it.
    pub id: String,
}

/// What a draft for a table of the user's is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreign {
    /// The inbox, as the settings call it.
    pub inbox: InboxName,
    /// The columns which are set, and to what.
    pub columns: Map<String, Value>,
}

/// An item which is wanted, before the gates and the inbox have had their say.
///
/// As JSON it is kept while a gate holds it; what is read back is checked, and
/// equals what was written.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemDraft {
    /// The routine which wants it.
    pub routine: RoutineName,
    /// The version of that routine.
    pub version: Version,
    /// Which of the routine's items it is.
    pub item: ItemName,
    /// The event or tick it comes from.
    pub cause: Cause,
    /// What makes it the same as another: its cause, so that a pass which is
    /// done again makes nothing twice. What a routine calls the same stands in
    /// its [`Request`].
    pub key: DedupKey,
    /// The queue it goes to.
    pub queue: QueueName,
    /// Greater is more urgent.
    pub priority: i32,
    /// Not before this time; at once, if none.
    pub due_at: Option<Timestamp>,
    /// How often it may be leased before it is dead; what its queue says, if none.
    pub attempts_max: Option<i32>,
    /// Whose item it is: the tenant of the event.
    pub tenant: Option<String>,
    /// One line for people.
    pub title: String,
    /// What to do; not from the event, unless the routine says so.
    pub instructions: Arc<str>,
    /// Typed values for the worker; always a JSON object.
    pub context: Value,
    /// What a worker must be able to do.
    pub tags: Arc<[String]>,
    /// The routines whose items led to its event, the first one first; its own
    /// is not among them.
    pub chain: Vec<RoutineName>,
    /// The row it comes from; none, if it comes from the log or from a tick.
    pub from: Option<Arc<FromRow>>,
    /// The number of the row of the routine's query, from 0. Items of one routine,
    /// cause and row come together or not at all.
    pub row: u32,
    /// What it is in a table of the user's; none, if it goes to hearken's own inbox.
    pub foreign: Option<Foreign>,
    /// Items of one key are worked on one after another; none is bound to no other.
    /// Only for hearken's own inbox, where its column is called `key`.
    pub order_key: Option<String>,
    /// How it is delivered, if no worker but an endpoint is to have it.
    pub webhook: Option<Arc<Delivery>>,
}

/// A draft, and what the gates are asked about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// The draft.
    pub draft: ItemDraft,
    /// What is asked; nothing, if the routine has no gates.
    pub request: Request,
}
