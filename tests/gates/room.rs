//! Whether a limit has room, by counting the uses in every window.

use super::clock::{later, slot, zone};
use super::entry::{Draft, Entry};
use super::spec::{Limit, Per, Source};
use jiff::Timestamp;

/// A limit as one draft meets it.
pub struct Room {
    /// How many there may be.
    pub max: usize,
    used: usize,
    per: Per,
    now: Timestamp,
    uses: Vec<Timestamp>,
}

impl Room {
    /// The uses are all those which ever passed with the same key.
    pub fn new(limit: &Limit, draft: &Draft, entries: &[Entry], now: Timestamp) -> Self {
        let (max, used) = match limit.from {
            Source::Fixed => (limit.max, 0),
            Source::Event => (draft.shape.max.unwrap_or(limit.max), draft.shape.used.unwrap_or(0)),
        };
        let is_use = |entry: &&Entry| {
            let same = entry.draft.routine == draft.routine;
            same && entry.passed && entry.draft.shape.values(&limit.key) == draft.shape.values(&limit.key)
        };
        let number = |number: u32| usize::try_from(number).expect("a small number");
        Self {
            max: number(max),
            used: number(used),
            per: limit.per,
            now,
            uses: entries.iter().filter(is_use).map(|entry| entry.due).collect(),
        }
    }

    /// Whether there is room for one more at `due`.
    pub fn fits(&self, due: Timestamp) -> bool {
        match self.per {
            Per::Sliding(minutes) => self.fits_sliding(due, minutes),
            Per::Calendar(period, tz) => {
                let tz = zone(tz);
                let own = slot(period, &tz, due);
                let others = self.uses.iter().filter(|at| slot(period, &tz, **at) == own).count();
                let used = if slot(period, &tz, self.now) == own { self.used } else { 0 };
                others + used < self.max
            }
        }
    }

    /// No window `(t - per, t]` with `due` in it may hold more than `max`. It is
    /// enough to look at those which end with a use.
    fn fits_sliding(&self, due: Timestamp, minutes: i64) -> bool {
        let mut all = self.uses.clone();
        all.extend(std::iter::repeat_n(self.now, self.used));
        all.push(due);
        let is_within = |at: Timestamp, end: Timestamp| at <= end && end < later(at, minutes);
        let ends = all.iter().filter(|end| is_within(due, **end));
        let mut counts = ends.map(|end| all.iter().filter(|at| is_within(**at, *end)).count());
        counts.all(|count| count <= self.max)
    }
}
