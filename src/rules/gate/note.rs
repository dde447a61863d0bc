//! What the gates say about a draft which does not become an item at once.

use crate::rules::item::{Cause, FromRow, ItemDraft};
use crate::rules::name::{ItemName, RoutineName};
use crate::rules::routine::Version;
use std::sync::Arc;

/// A gate of `[flow]`, in the order in which they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// Stops what would go round in circles.
    Loop,
    /// Waits until it is quiet.
    Debounce,
    /// Collects several.
    Batch,
    /// Keeps to the hours.
    Hours,
    /// Knows what is the same.
    Dedup,
    /// Lets the newest take the place of older ones.
    Supersede,
    /// Counts.
    Limit,
    /// One after the other.
    Overlap,
}

impl Gate {
    /// All gates, in their order.
    pub const ALL: [Self; 8] = [
        Self::Loop,
        Self::Debounce,
        Self::Batch,
        Self::Hours,
        Self::Dedup,
        Self::Supersede,
        Self::Limit,
        Self::Overlap,
    ];

    /// Its key in `[flow]`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loop => "loop",
            Self::Debounce => "debounce",
            Self::Batch => "batch",
            Self::Hours => "hours",
            Self::Dedup => "dedup",
            Self::Supersede => "supersede",
            Self::Limit => "limit",
            Self::Overlap => "overlap",
        }
    }

    /// The gate with this key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|gate| gate.as_str() == text)
    }
}

/// What became of a draft. The texts are outcomes of `hearken.decisions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ruling {
    /// It waits, as a row of `hearken.held`.
    Held,
    /// It became part of a held draft or of a waiting item.
    Merged,
    /// A held draft or a waiting item took its content.
    Replaced,
    /// It is the same as one which was there before.
    Duplicate,
    /// There were enough of its kind.
    Limited,
    /// It was dropped outside its hours.
    OutsideHours,
    /// An earlier one is still open.
    Overlap,
    /// It waited, and a newer one took its place.
    Superseded,
}

impl Ruling {
    /// The outcome in `hearken.decisions`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Merged => "merged",
            Self::Replaced => "replaced",
            Self::Duplicate => "duplicate",
            Self::Limited => "limited",
            Self::OutsideHours => "outside_hours",
            Self::Overlap => "overlap",
            Self::Superseded => "superseded",
        }
    }
}

/// A "no" or a "later", with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The event or the tick of the draft.
    pub cause: Cause,
    /// The row of another source which that event is, if it is not of the log.
    pub from: Option<Arc<FromRow>>,
    /// The routine which wanted it.
    pub routine: RoutineName,
    /// The version of that routine.
    pub version: Version,
    /// Which of its items.
    pub item: ItemName,
    /// Which gate said it.
    pub gate: Gate,
    /// What it said.
    pub ruling: Ruling,
    /// Why, for people.
    pub reason: String,
    /// The item, or the held draft, it met: they share their numbers.
    pub met: Option<i64>,
}

impl Note {
    /// What a gate says about a draft.
    pub(super) fn about(
        draft: &ItemDraft,
        gate: Gate,
        ruling: Ruling,
        reason: String,
        met: Option<i64>,
    ) -> Self {
        Self {
            cause: draft.cause,
            from: draft.from.clone(),
            routine: draft.routine.clone(),
            version: draft.version.clone(),
            item: draft.item.clone(),
            gate,
            ruling,
            reason,
            met,
        }
    }
}
