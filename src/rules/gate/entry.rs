//! Items and held drafts, as far as the gates know them, and what is to be written
//! of them.

use super::note::Gate;
use super::request::Request;
use crate::rules::item::{DedupKey, ItemDraft};
use jiff::Timestamp;

/// How an item stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has it; it may be changed.
    Waiting,
    /// A worker has it, or is about to: it is open, and may not be changed.
    Running,
    /// It is done, dead or cancelled.
    Closed,
    /// A newer one took its place.
    Superseded,
}

impl Standing {
    /// Whether work on it is still to be expected.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Running)
    }
}

/// By which keys an open item or a held draft is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// Of a dedup with the window `while_open`.
    pub open: Option<DedupKey>,
    /// Of supersede.
    pub supersede: Option<DedupKey>,
    /// Of overlap.
    pub overlap: Option<DedupKey>,
}

impl Keys {
    /// The keys under which what comes of this request is found.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        Self {
            open: request.open_key(),
            supersede: request.supersede,
            overlap: request.overlap.as_ref().map(|overlap| overlap.key),
        }
    }
}

/// What is to be written of an item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ItemChange {
    /// Nothing.
    #[default]
    None,
    /// It is new.
    New,
    /// Its content is another one.
    Replaced,
    /// Its content has grown; the draft holds what was added.
    Appended,
}

/// An item, as far as the gates know it. Of one which was read from the database
/// the draft holds names and cause only, until its content is replaced.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its number.
    pub id: i64,
    /// Its content.
    pub draft: ItemDraft,
    /// How it stands.
    pub standing: Standing,
    /// When it is due.
    pub due_at: Timestamp,
    /// When it came into the inbox.
    pub created_at: Timestamp,
    /// What took its place.
    pub superseded_by: Option<i64>,
    /// Where it is found.
    pub keys: Keys,
    /// How many drafts are in it, if it collects.
    pub count: u32,
    /// What is to be written.
    pub change: ItemChange,
}

/// What a held draft waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// For others of its kind.
    Collecting,
    /// For its time; it has passed the gates.
    Accepted,
    /// For an item to be closed.
    Queued,
}

impl Phase {
    /// Its word in `hearken.held`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Collecting => "collecting",
            Self::Accepted => "accepted",
            Self::Queued => "queued",
        }
    }

    /// The phase with this word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Collecting, Self::Accepted, Self::Queued].into_iter().find(|phase| phase.as_str() == text)
    }
}

/// For which items a held draft waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// For the open one with its dedup key.
    pub open: bool,
    /// For the open one of its routine.
    pub overlap: bool,
}

/// What is to be written of a held draft.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeldChange {
    /// Nothing.
    #[default]
    None,
    /// It is new.
    New,
    /// It is another one than before.
    Changed,
}

/// How much of a collecting draft is stored apart from its row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// So many contexts are stored.
    pub stored: u32,
    /// Whether the draft holds them too, and not just what came since.
    pub loaded: Loaded,
    /// Whether what is stored is to be thrown away first.
    pub reset: Reset,
}

/// Whether stored parts were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loaded {
    /// They were, or there are none.
    #[default]
    Yes,
    /// Not yet.
    No,
}

/// Whether stored parts are thrown away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reset {
    /// They stay.
    #[default]
    Keep,
    /// They go.
    Discard,
}

/// A draft which waits: a row of `hearken.held`.
#[derive(Clone, Debug)]
pub struct Held {
    /// The number which its item will bear.
    pub id: i64,
    /// Its content.
    pub draft: ItemDraft,
    /// What the gates are asked about it.
    pub request: Request,
    /// What it waits for.
    pub phase: Phase,
    /// Which gate holds it.
    pub gate: Gate,
    /// When it is due.
    pub due_at: Timestamp,
    /// When the first draft in it came.
    pub since: Timestamp,
    /// How many drafts are in it.
    pub count: u32,
    /// Which items it waits for.
    pub waits: Waits,
    /// Why, for people.
    pub reason: String,
    /// What is stored apart.
    pub parts: Parts,
    /// Whether it may go on in this pass, or was read for its keys only.
    pub role: HeldRole,
    /// What is to be written.
    pub change: HeldChange,
}

/// Why a held draft was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeldRole {
    /// With all that its gates ask about: it may go on.
    #[default]
    Subject,
    /// For its keys: others may meet it.
    Bystander,
}
