//! What becomes of many matches: `[flow]`.
//!
//! Each gate has a file of its own; here they are put together. What is read is
//! what the routine says, with the places of values which the event or a row is
//! to say. Planning makes a [`Request`](crate::rules::gate::request::Request) of it
//! for each draft.

mod align;
mod collect;
mod combine;
mod dedup;
mod hours;
mod key;
mod limit;
mod plain;
mod read;

pub use collect::{BATCH_MIN, Gather};
pub use dedup::Dedup;
pub use hours::{HoursSpec, INTERVALS_MAX, IntervalSpec};
pub use key::{KEY_PARTS_MAX, KeyPart, KeySpec};
pub use limit::{LIMITS_MAX, LimitSpec, USES_MAX};
pub use plain::{Looping, Overlap};
pub use read::Setting;

use super::table::{Findings, Keys, Table};
use crate::rules::gate::request::OnConflict;
use crate::rules::template::Variables;
use combine::Ground;

/// What becomes of many matches: the gates, in the order in which they stand.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    /// What becomes of events which the routine's own items brought about.
    pub looping: Looping,
    /// Drafts wait for others, to become one item with them.
    pub collect: Option<Gather>,
    /// When items may fall due; at any time, if none.
    pub hours: Option<HoursSpec>,
    /// Which drafts are the same item; each is one of its own, if none.
    pub dedup: Option<Dedup>,
    /// Waiting items with this key give way to a newer one.
    pub supersede: Option<KeySpec>,
    /// How many there may be; all must have room.
    pub limits: Vec<LimitSpec>,
    /// What becomes of a draft while an earlier item is open.
    pub overlap: Overlap,
}

impl Flow {
    /// Whether the context of its items is the list of what several drafts
    /// brought, as `{ "items": [ … ] }`.
    #[must_use]
    pub fn collects(&self) -> bool {
        let appends = self.dedup.as_ref().is_some_and(|dedup| dedup.on_conflict == OnConflict::Append);
        appends || self.collect.as_ref().is_some_and(Gather::keeps_all)
    }

    /// Whether there is no gate but the loop guard, so that every draft becomes an
    /// item at once.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.collect.is_none()
            && self.hours.is_none()
            && self.dedup.is_none()
            && self.supersede.is_none()
            && self.limits.is_empty()
            && self.overlap == Overlap::Allow
    }
}

const KEYS: Keys<'static> = Keys {
    owner: "`[flow]`",
    known: &["loop", "debounce", "batch", "hours", "dedup", "supersede", "limit", "overlap"],
    later: &[],
};

/// Reads `[flow]` of the whole file; without it, every match is an item.
pub(super) fn parse(findings: &mut Findings, root: &Table<'_>, variables: Variables) -> Option<Flow> {
    if root.get("flow").is_none() {
        return Some(Flow::default());
    }
    let table = root.table(findings, "flow")?;
    table.check_keys(findings, &KEYS);
    let looping = plain::looping(findings, &table);
    let collect = collect::parse(findings, &table, variables);
    let hours = hours::parse(findings, root, &table, variables);
    let dedup = dedup::parse(findings, &table, variables);
    let supersede = plain::supersede(findings, &table, variables);
    let limits = limit::parse(findings, &table, variables);
    let overlap = plain::overlap(findings, &table);
    let all_read = looping.is_some()
        && collect.is_some()
        && hours.is_some()
        && dedup.is_some()
        && supersede.is_some()
        && limits.is_some()
        && overlap.is_some();
    // What could be read is looked at together, whatever is wrong with the rest.
    let flow = Flow {
        looping: looping.unwrap_or_default(),
        collect: collect.flatten(),
        hours: hours.flatten(),
        dedup: dedup.flatten(),
        supersede: supersede.flatten(),
        limits: limits.unwrap_or_default(),
        overlap: overlap.unwrap_or_default(),
    };
    let sound = combine::check(findings, &Ground { root, flow: &table, variables }, &flow);
    (all_read && sound).then_some(flow)
}

#[cfg(test)]
mod tests;
