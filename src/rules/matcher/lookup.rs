//! Finds the conjunctions which an event may meet.

use super::access::{Axis, place, rounded};
use super::candidate::{Candidate, Marks};
use super::facts::{Fact, Facts, What};
use super::hash::{Hashes, LENGTHS, Lane};
use super::level::{Level, Posting, Probes};
use super::paths::PathId;
use serde_json::Value;

/// More postings than this are looked through for equal ones.
const MANY: usize = 64;

/// The conjunctions which may hold, each once.
pub(super) fn candidates(root: &Level, facts: &mut Facts<'_, '_>) -> Vec<u32> {
    let mut marks = Marks::default();
    let valued = facts.list.iter().filter(|fact| facts.paths.node(fact.path).valued);
    valued.filter_map(|fact| fact.hash(facts.hashes)).for_each(|hash| marks.add(hash));
    let mut found = Vec::new();
    let mut candidates = Vec::with_capacity(16);
    let mut levels = vec![root];
    let mut visit = Visit { found: Vec::with_capacity(32), alone: Vec::new() };
    while let Some(level) = levels.pop() {
        visit.level(level, facts);
        std::mem::swap(&mut visit.found, &mut found);
        let mut keep = |candidate: &Candidate| {
            if marks.allow(*candidate) && facts.ask(candidate.number) {
                candidates.push(candidate.number);
            }
        };
        visit.alone.drain(..).for_each(|one| keep(&one));
        if found.len() > MANY {
            // The elements of a long list may all have led to one posting.
            found.sort_unstable_by_key(|posting| std::ptr::from_ref(*posting));
            found.dedup_by(|a, b| std::ptr::eq(*a, *b));
        }
        for posting in found.drain(..) {
            match posting {
                Posting::One(one) => keep(one),
                Posting::List(list) => list.iter().for_each(&mut keep),
                Posting::Level(level) => levels.push(level),
            }
        }
    }
    candidates
}

/// What one level yields.
struct Visit<'m> {
    found: Vec<&'m Posting>,
    /// Conjunctions found by themselves.
    alone: Vec<Candidate>,
}

impl<'m> Visit<'m> {
    fn level(&mut self, level: &'m Level, facts: &Facts<'_, '_>) {
        self.found.extend(&level.rest);
        let absent = level.absent.iter().filter(|(path, _)| facts.is_absent(*path));
        self.found.extend(absent.map(|(_, posting)| posting));
        if level.probes.len() > facts.met.len() {
            for path in &facts.met {
                if let Some(probes) = level.probes.get(path) {
                    self.path(level, *path, probes, facts);
                }
            }
        } else {
            for (path, probes) in &level.probes {
                self.path(level, *path, probes, facts);
            }
        }
    }

    fn path(&mut self, level: &'m Level, path: PathId, probes: &'m Probes, facts: &Facts<'_, '_>) {
        let mut any = false;
        for place in facts.at(path) {
            any = true;
            self.probe(level, probes, &facts.list[place], facts.hashes);
        }
        if any {
            self.found.extend(&probes.present);
        }
        for (axis, intervals) in &probes.ranges {
            let numbers = facts.at(path).filter_map(|place| number(*axis, &facts.list[place]));
            let mut numbers = numbers.collect::<Vec<_>>();
            numbers.sort_by(f64::total_cmp);
            intervals.holding_any(&numbers, &mut |owner| self.alone.push(owner));
        }
    }

    fn probe(&mut self, level: &'m Level, probes: &'m Probes, fact: &Fact<'_>, hashes: &Hashes) {
        if probes.lanes.has(Lane::Equal)
            && let Some(hash) = fact.hash(hashes)
        {
            self.found.extend(level.by(hash));
        }
        if let Some(text) = fact.text() {
            self.text(level, probes, fact, text, hashes);
        }
    }

    fn text(&mut self, level: &'m Level, probes: &'m Probes, fact: &Fact<'_>, text: &str, hashes: &Hashes) {
        if probes.lanes.cuts() {
            self.cuts(level, probes, fact, text, hashes, [Lane::Prefix, Lane::Suffix]);
        }
        if let Some(needles) = &probes.exact {
            needles.find(text, |place| self.found.push(&needles.postings()[place]));
        }
        if !probes.lanes.folds() && probes.folded.is_none() {
            return;
        }
        let Some(text) = fact.folded() else { return };
        if probes.lanes.has(Lane::FoldedEqual) {
            let hash = hashes.text(fact.path, Lane::FoldedEqual, text.as_bytes());
            self.found.extend(level.by(hash));
        }
        self.cuts(level, probes, fact, text, hashes, [Lane::FoldedPrefix, Lane::FoldedSuffix]);
        if let Some(needles) = &probes.folded {
            needles.find(text, |place| self.found.push(&needles.postings()[place]));
        }
    }

    /// Looks up the beginnings and the ends of a text.
    fn cuts(
        &mut self,
        level: &'m Level,
        probes: &Probes,
        fact: &Fact<'_>,
        text: &str,
        hashes: &Hashes,
        [begins, ends]: [fn(usize) -> Lane; 2],
    ) {
        let bytes = text.as_bytes();
        for length in LENGTHS.into_iter().take_while(|length| *length <= bytes.len()) {
            for (lane, part) in
                [(begins(length), &bytes[..length]), (ends(length), &bytes[bytes.len() - length..])]
            {
                if probes.lanes.has(lane) {
                    self.found.extend(level.by(hashes.text(fact.path, lane, part)));
                }
            }
        }
    }
}

/// The value on an axis, if it has a place there.
fn number(axis: Axis, fact: &Fact<'_>) -> Option<f64> {
    match (axis, &fact.what) {
        (Axis::Number, What::Json(Value::Number(number))) => Some(rounded(number)),
        (Axis::Number, _) => None,
        (Axis::V4 | Axis::V6, _) => {
            let (kind, place) = place(fact.text()?.parse().ok()?);
            (kind == axis).then_some(place)
        }
    }
}
