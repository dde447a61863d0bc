//! What the model remembers of each draft.

use super::spec::Shape;
use jiff::Timestamp;
use serde_json::Value;

/// A draft.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The number of its routine.
    pub routine: usize,
    /// The `seq` of the event whose content it bears.
    pub seq: i64,
    /// The `seq` of the first of its events.
    pub first: i64,
    /// Its title.
    pub title: String,
    /// Its context, or the contexts of all that became one with it.
    pub contexts: Vec<Value>,
    /// What its gates are asked for.
    pub shape: Shape,
}

/// Where a draft is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Held: others may join it.
    Collecting,
    /// Held until it is due.
    Accepted,
    /// Held until others are closed.
    Queued(Waits),
    /// An item which nobody has taken.
    Waiting,
    /// An item with a worker.
    Running,
    /// An item which is done.
    Closed,
    /// Another came in its place.
    Superseded(i64),
    /// It was held and came to nothing.
    Gone,
}

/// What a queued draft waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// Items with its dedup key.
    pub open: bool,
    /// Items of its routine.
    pub overlap: bool,
}

/// All that is known of a draft that was ever held or an item.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its id.
    pub id: i64,
    /// Its content.
    pub draft: Draft,
    /// Where it is.
    pub status: Status,
    /// When it is due.
    pub due: Timestamp,
    /// When it was first held.
    pub since: Timestamp,
    /// How many drafts it was made of while it was collecting.
    pub count: usize,
    /// When it became an item.
    pub created: Option<Timestamp>,
    /// Whether it passed the gates, so that it has taken its keys.
    pub passed: bool,
    /// The gates which hold it: one of them, at least, is named.
    pub gates: Vec<&'static str>,
}

/// A "no" or a "later".
#[derive(Clone, Debug)]
pub struct Note {
    /// The event it is about.
    pub seq: i64,
    /// The number of the routine.
    pub routine: usize,
    /// The outcome.
    pub ruling: &'static str,
    /// The gate; one of these, if several have a say.
    pub gates: Vec<&'static str>,
    /// What it lost against: one of these; not said, if none.
    pub met: Vec<i64>,
}

impl Status {
    /// Whether it is an item which is not closed.
    pub fn is_open_item(self) -> bool {
        matches!(self, Self::Waiting | Self::Running)
    }

    /// Whether it is held, its gates behind it.
    pub fn is_accepted(self) -> bool {
        matches!(self, Self::Accepted | Self::Queued(_))
    }

    /// Whether it stands in the way of others.
    pub fn is_open(self) -> bool {
        self.is_open_item() || self.is_accepted()
    }

    /// Whether it is held.
    pub fn is_held(self) -> bool {
        self.is_accepted() || self == Self::Collecting
    }
}
