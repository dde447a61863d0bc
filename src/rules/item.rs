//! A draft of an item: what a routine wants to see in an inbox.

use super::name::{ItemName, QueueName, RoutineName};
use super::routine::Version;
use jiff::Timestamp;
use serde_json::Value;
use std::sync::Arc;

/// What an item comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// An event, by its `seq`.
    Event(i64),
    /// A tick of a schedule.
    Tick(Timestamp),
}

/// What makes two items the same item: SHA-256 over typed parts, see
/// [`super::key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DedupKey(pub [u8; 32]);

/// An item which is wanted, before the gates and the inbox have had their say.
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
    /// What makes it the same as another.
    pub key: DedupKey,
    /// The queue it goes to.
    pub queue: QueueName,
    /// Greater is more urgent.
    pub priority: i32,
    /// Not before this time; at once, if none.
    pub due_at: Option<Timestamp>,
    /// How often it may be leased before it is dead.
    pub attempts_max: i32,
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
}
