//! What the gates have to know about some drafts: the keys to be read.

use super::request::{OnConflict, Request, Window};
use crate::rules::item::{DedupKey, Planned};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Keys to be read before drafts are offered.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Of the causes: what was dealt with before.
    pub causes: Vec<DedupKey>,
    /// Of debounce and batch: how many drafts come, and how many it takes at most.
    pub collects: BTreeMap<DedupKey, (u32, Option<u32>)>,
    /// Of dedup with a window in time.
    pub keys: BTreeSet<DedupKey>,
    /// Those of them whose item may be changed.
    pub keys_to_change: BTreeSet<DedupKey>,
    /// Of dedup while open.
    pub open: BTreeSet<DedupKey>,
    /// Those of them whose item may be changed.
    pub open_to_change: BTreeSet<DedupKey>,
    /// Of supersede.
    pub supersede: BTreeSet<DedupKey>,
    /// Of overlap.
    pub overlap: BTreeSet<DedupKey>,
    /// Of limits: uses from when on play a part.
    pub limits: BTreeMap<DedupKey, Timestamp>,
}

impl Wanted {
    /// What new drafts ask about, which are due now or later.
    #[must_use]
    pub fn of(drafts: &[Planned], now: Timestamp) -> Self {
        let mut wanted = Self::default();
        for planned in drafts {
            wanted.causes.push(planned.draft.key);
            if let Some(collect) = &planned.request.collect {
                let (coming, max) = wanted.collects.entry(collect.key()).or_default();
                *coming = coming.saturating_add(1);
                *max = collect.max();
            }
            wanted.ask(&planned.request, now);
        }
        wanted
    }

    /// What the gates behind collecting ask about.
    pub fn ask(&mut self, request: &Request, now: Timestamp) {
        if let Some(dedup) = &request.dedup {
            // Whether an item waits is known by locking it: a worker may be about to
            // take it.
            let changes = match dedup.on_conflict {
                OnConflict::Replace | OnConflict::Append | OnConflict::FollowUp => true,
                OnConflict::Skip => false,
            };
            let (all, to_change) = match dedup.window {
                Window::WhileOpen => (&mut self.open, &mut self.open_to_change),
                Window::Forever | Window::Sliding(_) | Window::Aligned(_) => {
                    (&mut self.keys, &mut self.keys_to_change)
                }
            };
            all.insert(dedup.key);
            if changes {
                to_change.insert(dedup.key);
            }
        }
        self.supersede.extend(request.supersede);
        self.overlap.extend(request.overlap.as_ref().map(|overlap| overlap.key));
        for limit in &request.limits {
            let since = limit.since(now);
            let earliest = self.limits.entry(limit.key).or_insert(since);
            *earliest = since.min(*earliest);
        }
    }
}
