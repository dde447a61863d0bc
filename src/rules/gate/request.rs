//! What the gates are asked about one draft, with every value made definite.

use super::hours::Hours;
use super::limit::LimitRequest;
use super::slots::Slots;
use crate::rules::item::DedupKey;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// The most drafts which become one: a batch, a debounce which keeps all, a
/// waiting item to which others are appended.
pub const COLLECTED_MAX: u32 = 1_000;

/// The most drafts which `overlap = "queue"` keeps waiting for one item.
pub const QUEUED_MAX: usize = 100;

/// What the gates are asked about one draft. The default asks nothing, and the
/// draft becomes an item at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Waits for others of its kind, to become one with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collect: Option<Collect>,
    /// The hours in which it may be due; none, if it is urgent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// What makes it the same as others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedup: Option<DedupRequest>,
    /// Waiting items with this key give way to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersede: Option<DedupKey>,
    /// How many of its kind there may be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitRequest>,
    /// What happens while the last one is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<OverlapRequest>,
}

impl Request {
    /// Whether nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.collect.is_none()
            && self.hours.is_none()
            && self.dedup.is_none()
            && self.supersede.is_none()
            && self.limits.is_empty()
            && self.overlap.is_none()
    }

    /// Whether its item is a list of what several drafts brought.
    #[must_use]
    pub fn collects(&self) -> bool {
        let gathers = self.collect.as_ref().is_some_and(Collect::keeps_all);
        gathers || self.dedup.as_ref().is_some_and(|dedup| dedup.on_conflict == OnConflict::Append)
    }

    /// The key under which it is the same as what is open.
    #[must_use]
    pub fn open_key(&self) -> Option<DedupKey> {
        self.dedup.as_ref().filter(|dedup| dedup.window == Window::WhileOpen).map(|dedup| dedup.key)
    }
}

/// Waits for others, to become one item with them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Collect {
    /// Until it has been quiet for a while.
    Debounce {
        /// Drafts with equal keys are one burst.
        key: DedupKey,
        /// So long without another.
        quiet: SignedDuration,
        /// And no longer than this after the first.
        max_wait: Option<SignedDuration>,
        /// What becomes of the drafts of a burst.
        keep: Keep,
    },
    /// Until there are many, or the first has waited long enough.
    Batch {
        /// Drafts with equal keys are one batch.
        key: DedupKey,
        /// So many, 2 to [`COLLECTED_MAX`].
        max: u32,
        /// So long after the first.
        within: SignedDuration,
    },
}

impl Collect {
    /// Drafts with equal keys become one.
    #[must_use]
    pub fn key(&self) -> DedupKey {
        match self {
            Self::Debounce { key, .. } | Self::Batch { key, .. } => *key,
        }
    }

    /// How many drafts it takes at most; no limit, if those but one are dropped.
    #[must_use]
    pub fn max(&self) -> Option<u32> {
        match self {
            Self::Debounce { keep: Keep::All, .. } => Some(COLLECTED_MAX),
            Self::Debounce { keep: Keep::First | Keep::Last, .. } => None,
            Self::Batch { max, .. } => Some(*max),
        }
    }

    fn keeps_all(&self) -> bool {
        self.max().is_some()
    }
}

/// Which draft of a burst becomes the item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The first.
    First,
    /// The last: the one whose event has the highest `seq`.
    #[default]
    Last,
    /// The last, with the contexts of all.
    All,
}

/// What makes drafts the same item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DedupRequest {
    /// Equal for those which are the same.
    pub key: DedupKey,
    /// How long.
    pub window: Window,
    /// What becomes of the second.
    pub on_conflict: OnConflict,
}

/// How long two drafts with one key are the same item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// For ever.
    Forever,
    /// So long after the first was due.
    Sliding(SignedDuration),
    /// Within the slot of a calendar in which they are due.
    Aligned(Slots),
    /// While the first is open.
    WhileOpen,
}

/// What becomes of a draft whose item is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// It is dropped.
    #[default]
    Skip,
    /// The waiting item takes its content.
    Replace,
    /// The waiting item takes it in beside what it has.
    Append,
    /// It follows the running item, once.
    FollowUp,
}

/// What happens while an earlier item is open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OverlapRequest {
    /// Equal for those which must not overlap.
    pub key: DedupKey,
    /// What happens.
    pub policy: OverlapPolicy,
}

/// What becomes of a draft while an earlier item is open. `allow` asks nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverlapPolicy {
    /// It is dropped.
    Skip,
    /// It waits for its turn.
    Queue,
}
