//! How many items of a kind there may be.
//!
//! A limit is asked of an instant, the one at which an item would fall due, and
//! never of "now": an item which is delayed counts where it is delayed to. So uses
//! lie in the future as well as in the past, and a new one may come between.
//!
//! - A sliding limit holds for each interval `(t - per, t]`, whatever `t` is. A
//!   use is refused if any interval which it would be in is full, not only the one
//!   that ends with it. `window` finds the first instant at which none is.
//! - A limit of a calendar holds for each slot. Its uses are noted where the slot
//!   begins, so that there is one number for each.
//!
//! What others have used already, which the event or the row may say, counts as
//! that many uses at the time of the pass.

mod window;

use super::hours::{HORIZON, wall};
use super::slots::Slots;
use super::slots::spell::spell;
use crate::rules::item::DedupKey;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What a limit is asked about one draft.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitRequest {
    /// Equal for those which share the limit.
    pub key: DedupKey,
    /// So many of them; with 0 there is never room.
    pub max: u32,
    /// So many more have been used by others, at the time of the pass.
    pub used: u32,
    /// In which time.
    pub per: Per,
    /// What becomes of one too many.
    pub excess: Excess,
}

/// The time in which a limit counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Any interval of this length.
    Sliding(SignedDuration),
    /// Each slot.
    Calendar(Slots),
}

/// What becomes of one too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Excess {
    /// It is dropped.
    Drop,
    /// It waits for room.
    Delay {
        /// And no longer than this; as long as it takes, if none.
        max_delay: Option<SignedDuration>,
    },
}

/// How many uses of a limit there are, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses(BTreeMap<Timestamp, u32>);

impl Uses {
    /// Notes `n` more uses at an instant, which [`LimitRequest::place`] says.
    pub fn add(&mut self, at: Timestamp, n: u32) {
        if n > 0 {
            let uses = self.0.entry(at).or_default();
            *uses = uses.saturating_add(n);
        }
    }

    /// The instants, rising, and how many uses there are at each.
    pub fn iter(&self) -> impl Iterator<Item = (Timestamp, u32)> {
        self.0.iter().map(|(at, uses)| (*at, *uses))
    }
}

impl LimitRequest {
    /// Where a use at `due` is noted: there, or where its slot begins.
    #[must_use]
    pub fn place(&self, due: Timestamp) -> Timestamp {
        match &self.per {
            Per::Sliding(_) => due,
            Per::Calendar(slots) => slots.start(due),
        }
    }

    /// Whether there is room for one more use at `due`. `now` is the time of the
    /// pass, at which what others have used counts.
    #[must_use]
    pub fn fits(&self, uses: &Uses, due: Timestamp, now: Timestamp) -> bool {
        if self.max == 0 {
            return false;
        }
        match &self.per {
            Per::Sliding(length) => {
                // What lies beyond is in no interval which `due` is in.
                let uses = self.uses_between(uses, *length, (due, wall::later(due, *length)), now);
                window::first_room(&uses, *length, self.max, due) == due
            }
            Per::Calendar(slots) => self.has_room(uses, (slots.start(due), slots.next(due)), now),
        }
    }

    /// The first instant from `from` on at which there is room for one more use.
    /// None if there is none within [`HORIZON`], or with `max` 0. `now` is the
    /// time of the pass, at which what others have used counts.
    #[must_use]
    pub fn first_free(&self, uses: &Uses, from: Timestamp, now: Timestamp) -> Option<Timestamp> {
        if self.max == 0 {
            return None;
        }
        let horizon = wall::later(from, HORIZON);
        match &self.per {
            Per::Sliding(length) => {
                let uses = self.uses_between(uses, *length, (from, Timestamp::MAX), now);
                let free = window::first_room(&uses, *length, self.max, from);
                (free <= horizon).then_some(free)
            }
            Per::Calendar(slots) => self.first_slot(uses, slots, (from, horizon), now),
        }
    }

    /// Uses which were noted before this instant play no part for a draft due at
    /// `due` or later.
    #[must_use]
    pub fn since(&self, due: Timestamp) -> Timestamp {
        match &self.per {
            Per::Sliding(length) => wall::earlier(due, *length),
            Per::Calendar(slots) => slots.start(due),
        }
    }

    /// When a use which was noted at `place` plays no part any more.
    #[must_use]
    pub fn expires(&self, place: Timestamp) -> Timestamp {
        match &self.per {
            Per::Sliding(length) => wall::later(place, *length),
            Per::Calendar(slots) => slots.next(place),
        }
    }

    /// The limit for people: `20 per 1h`, `10 per 1d (Europe/Berlin)`.
    #[must_use]
    pub fn describe(&self) -> String {
        match self.used {
            0 => format!("{} per {}", self.max, self.per),
            used => format!("{} per {}, {used} of them used by others", self.max, self.per),
        }
    }

    /// The uses which are in an interval of this length together with an instant
    /// of `[from, until)`, in order, those of others among them.
    fn uses_between(
        &self,
        uses: &Uses,
        length: SignedDuration,
        (from, until): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Vec<(Timestamp, u32)> {
        let behind = wall::earlier(from, length);
        let near = uses.0.range(behind..).map(|(at, uses)| (*at, *uses));
        let near = near.skip_while(|(at, _)| *at == behind).take_while(|(at, _)| *at < until);
        let mut near = near.collect::<Vec<_>>();
        if self.used > 0 && behind < now && now < until {
            let place = near.partition_point(|(at, _)| *at < now);
            near.insert(place, (now, self.used));
        }
        near
    }

    /// The first instant of `[from, horizon]` whose slot has room. As each slot
    /// without room has uses, there are no more of them than there are uses.
    fn first_slot(
        &self,
        uses: &Uses,
        slots: &Slots,
        (from, horizon): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Option<Timestamp> {
        let mut due = from;
        while due <= horizon {
            let next = slots.next(due);
            if self.has_room(uses, (slots.start(due), next), now) {
                return Some(due);
            }
            if next <= due {
                break;
            }
            due = next;
        }
        None
    }

    /// Whether there is room in a slot, from its beginning to that of the next.
    fn has_room(&self, uses: &Uses, (start, next): (Timestamp, Timestamp), now: Timestamp) -> bool {
        let noted: u64 = uses.0.range(start..next).map(|(_, uses)| u64::from(*uses)).sum();
        let others = if start <= now && now < next { u64::from(self.used) } else { 0 };
        noted + others < u64::from(self.max)
    }
}

impl fmt::Display for Per {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sliding(length) => f.write_str(&spell(*length)),
            Self::Calendar(slots) => write!(f, "{slots}"),
        }
    }
}

#[cfg(test)]
mod tests;
