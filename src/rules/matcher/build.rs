//! Builds the levels of the index.

use super::access::{Access, Axis, Key, NEEDLE_MAX};
use super::candidate::{Candidate, mark};
use super::hash::Lane;
use super::heavy::{Crowd, Heaviness};
use super::interval::{Intervals, Range};
use super::level::{Level, Posting, Probes};
use super::needles::Needles;
use super::paths::PathId;
use crate::rules::condition::Fold;
use std::collections::HashMap;

/// So many conjunctions are looked through one by one rather than divided again.
const LIST: usize = 32;

/// So many of them may be without a mark, so that they must be judged.
const UNMARKED: usize = 4;

/// How often conjunctions are divided.
const DEPTH_MAX: usize = 6;

/// So many entries the index has at most for each conjunction, on average: the
/// product of several lists of values may be great.
const ENTRIES_EACH: usize = 12;

/// Which of its first accesses a conjunction is under already, as bits.
type Used = u64;

/// A conjunction on its way through the levels.
type Entry = (u32, Used);

/// Builds the index of conjunctions with these accesses.
pub(super) fn build(accesses: &[Vec<Access>]) -> (Level, Heaviness) {
    let budget = accesses.len() * ENTRIES_EACH + 1000;
    let mut builder = Builder { accesses, needed: needed(accesses), budget, heaviness: Heaviness::default() };
    let all = (0..).zip(accesses).map(|(number, _)| (number, 0)).collect::<Vec<_>>();
    let level = builder.level(&all, 0, Crowd::All);
    (level, builder.heaviness)
}

/// How many conjunctions need a value, by its hash.
fn needed(accesses: &[Vec<Access>]) -> HashMap<u64, usize> {
    let mut counts = HashMap::new();
    for hash in accesses.iter().flatten().filter_map(Access::value) {
        *counts.entry(hash).or_default() += 1;
    }
    counts
}

struct Builder<'a> {
    accesses: &'a [Vec<Access>],
    needed: HashMap<u64, usize>,
    /// How many more entries there may be.
    budget: usize,
    heaviness: Heaviness,
}

/// How many conjunctions of a level share a key.
#[derive(Default)]
struct Counts<'a> {
    hashed: HashMap<u64, usize>,
    needles: HashMap<(PathId, Fold, &'a str), usize>,
    ranges: HashMap<(PathId, Axis), Spread>,
    present: HashMap<PathId, usize>,
    absent: HashMap<PathId, usize>,
}

/// How many ranges there are at a path, and between which numbers.
#[derive(Clone, Copy)]
struct Spread {
    count: usize,
    low: f64,
    high: f64,
}

impl Default for Spread {
    fn default() -> Self {
        Self { count: 0, low: f64::INFINITY, high: f64::NEG_INFINITY }
    }
}

impl Spread {
    fn add(&mut self, low: f64, high: f64) {
        self.count += 1;
        for end in [low, high].into_iter().filter(|end| end.is_finite()) {
            (self.low, self.high) = (self.low.min(end), self.high.max(end));
        }
    }

    /// How many ranges hold a number, roughly, if all are as wide as this one.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn cost(&self, low: f64, high: f64) -> f64 {
        let width = high.min(self.high) - low.max(self.low);
        let share = width / (self.high - self.low).max(f64::MIN_POSITIVE);
        // One-sided, or all in one place.
        let share = if low.is_finite() && high.is_finite() && share.is_finite() { share } else { 0.5 };
        share.clamp(0.0, 1.0) * self.count as f64
    }
}

/// What shares the hash of a value: its path and lane, of which there is one
/// unless hashes collide, and the conjunctions.
type Valued = (Vec<(PathId, Lane)>, Vec<Entry>);

/// What a level is made from.
#[derive(Default)]
struct Groups<'a> {
    hashed: HashMap<u64, Valued>,
    needles: HashMap<(PathId, Fold), HashMap<&'a str, Vec<Entry>>>,
    ranges: HashMap<(PathId, Axis), Vec<Range>>,
    present: HashMap<PathId, Vec<Entry>>,
    absent: HashMap<PathId, Vec<Entry>>,
    rest: Vec<Entry>,
}

impl<'a> Builder<'a> {
    fn level(&mut self, entries: &[Entry], depth: usize, crowd: Crowd) -> Level {
        let counts = self.count(entries);
        let groups = self.group(entries, &counts);
        let mut probes = HashMap::<_, Probes, _>::default();
        let mut hashed = HashMap::default();
        for (hash, (lanes, entries)) in groups.hashed {
            for (path, lane) in lanes {
                probes.entry(path).or_default().lanes.add(lane);
            }
            hashed.insert(hash, self.posting(entries, depth, Crowd::Equal));
        }
        let mut level = Level::new(hashed);
        level.probes = probes;
        for ((path, fold), texts) in groups.needles {
            let mut entries = Vec::with_capacity(texts.len());
            for (text, found) in texts {
                entries.push((text.into(), self.posting(found, depth, Crowd::Text)));
            }
            let needles = Some(Box::new(Needles::new(entries)));
            let probes = level.probes.entry(path).or_default();
            match fold {
                Fold::Exact => probes.exact = needles,
                Fold::Insensitive => probes.folded = needles,
            }
        }
        for ((path, axis), ranges) in groups.ranges {
            self.heaviness.ranges(&ranges);
            level.probes.entry(path).or_default().ranges.push((axis, Intervals::new(ranges)));
        }
        for (path, entries) in groups.present {
            let posting = self.posting(entries, depth, Crowd::Present);
            level.probes.entry(path).or_default().present = Some(posting);
        }
        for (path, entries) in groups.absent {
            let posting = self.posting(entries, depth, Crowd::Absent);
            level.absent.push((path, posting));
        }
        if !groups.rest.is_empty() {
            level.rest = Some(self.list(&groups.rest, crowd));
        }
        level
    }

    fn count(&self, entries: &[Entry]) -> Counts<'a> {
        let mut counts = Counts::default();
        for (access, _) in entries.iter().flat_map(|entry| self.open(*entry)) {
            for key in &access.keys {
                *match key {
                    Key::Hash(_, hash) => counts.hashed.entry(*hash).or_default(),
                    Key::Needle(fold, text) => counts.needles.entry((access.path, *fold, text)).or_default(),
                    Key::Range(axis, low, high) => {
                        counts.ranges.entry((access.path, *axis)).or_default().add(*low, *high);
                        continue;
                    }
                    Key::Present => counts.present.entry(access.path).or_default(),
                    Key::Absent => counts.absent.entry(access.path).or_default(),
                } += 1;
            }
        }
        counts
    }

    /// The accesses under which the conjunction is not yet, and their bits.
    fn open(&self, (number, used): Entry) -> impl Iterator<Item = (&'a Access, Used)> + use<'a> {
        let bit = |(place, access): (usize, &'a Access)| (access, 1 << place);
        let accesses = self.accesses[number as usize].iter().take(Used::BITS as usize);
        accesses.enumerate().map(bit).filter(move |(_, bit)| used & bit == 0)
    }

    fn group(&mut self, entries: &[Entry], counts: &Counts<'a>) -> Groups<'a> {
        let mut groups = Groups::default();
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let all = entries.len() as f64;
        for entry in entries {
            let cost = |(access, bit): (&'a Access, Used)| (counts.cost(access), access, bit);
            let best = self.open(*entry).map(cost).min_by(|a, b| a.0.total_cmp(&b.0));
            match best {
                Some((cost, access, bit)) if cost < all || entries.len() == 1 => {
                    self.budget = self.budget.saturating_sub(access.keys.len());
                    let entry = (entry.0, entry.1 | bit);
                    groups.add(entry, self.candidate(entry), access);
                }
                _ => groups.rest.push(*entry),
            }
        }
        groups
    }

    /// Divides the entries again, if there are many and something tells them
    /// apart.
    fn posting(&mut self, entries: Vec<Entry>, depth: usize, crowd: Crowd) -> Posting {
        let open = |entry: &Entry| self.open(*entry).next().is_some();
        let unmarked = entries.iter().filter(|entry| self.candidate(**entry).needs == 0).count();
        let long = entries.len() > LIST || unmarked > UNMARKED;
        let divide = long && depth + 1 < DEPTH_MAX && self.budget > entries.len();
        if !divide || !entries.iter().any(open) {
            return self.list(&entries, crowd);
        }
        Posting::Level(Box::new(self.level(&entries, depth + 1, crowd)))
    }

    fn list(&mut self, entries: &[Entry], crowd: Crowd) -> Posting {
        let mut candidates = entries.iter().map(|entry| self.candidate(*entry)).collect::<Vec<_>>();
        candidates.sort_by_key(|candidate| candidate.number);
        candidates.dedup_by_key(|candidate| candidate.number);
        self.heaviness.list(&candidates, crowd);
        match candidates.as_slice() {
            [one] => Posting::One(*one),
            _ => Posting::List(candidates.into()),
        }
    }

    /// The conjunction with a value it needs which it is not found by.
    fn candidate(&self, entry: Entry) -> Candidate {
        let values = self.open(entry).filter_map(|(access, _)| access.value());
        let rarest = values.min_by_key(|hash| self.needed.get(hash));
        Candidate { number: entry.0, needs: rarest.map_or(0, mark) }
    }
}

impl Counts<'_> {
    /// How many conjunctions are asked in vain, roughly, for an event which has
    /// the fields of this access.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn cost(&self, access: &Access) -> f64 {
        let path = access.path;
        let of_all = |count: Option<&usize>| count.copied().unwrap_or(1) as f64;
        let cost = |key: &Key| match key {
            Key::Hash(_, hash) => of_all(self.hashed.get(hash)),
            Key::Needle(fold, text) => {
                // A text of one letter is in most texts, one of four in few.
                let likely = 0.5_f64.powi(i32::try_from(3 * text.len()).unwrap_or(3 * NEEDLE_MAX as i32));
                let others = self.needles.len() as f64;
                of_all(self.needles.get(&(path, *fold, text))) + 2.0 + 4.0 * likely * others
            }
            Key::Range(axis, low, high) => {
                2.0 + self.ranges.get(&(path, *axis)).map_or(1.0, |spread| spread.cost(*low, *high))
            }
            Key::Present => 0.9 * of_all(self.present.get(&path)),
            Key::Absent => 0.7 * of_all(self.absent.get(&path)),
        };
        access.keys.iter().map(cost).sum()
    }
}

impl<'a> Groups<'a> {
    fn add(&mut self, entry: Entry, candidate: Candidate, access: &'a Access) {
        let path = access.path;
        for key in &access.keys {
            match key {
                Key::Hash(lane, hash) => {
                    let (lanes, entries) = self.hashed.entry(*hash).or_default();
                    if !lanes.contains(&(path, *lane)) {
                        lanes.push((path, *lane));
                    }
                    entries.push(entry);
                }
                Key::Needle(fold, text) => {
                    self.needles.entry((path, *fold)).or_default().entry(text).or_default().push(entry);
                }
                Key::Range(axis, low, high) => {
                    self.ranges.entry((path, *axis)).or_default().push(Range::new(*low, *high, candidate));
                }
                Key::Present => self.present.entry(path).or_default().push(entry),
                Key::Absent => self.absent.entry(path).or_default().push(entry),
            }
        }
    }
}
