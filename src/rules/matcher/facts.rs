//! What an event has at the paths which conditions look at.

use super::hash::{Hashes, Lane};
use super::paths::{PathId, Paths};
use crate::rules::condition::fold;
use crate::rules::event::Event;
use crate::rules::path::Found;
use serde_json::Value;
use std::borrow::Cow;
use std::cell::{Cell, OnceCell};

/// No fact.
const NONE: u32 = u32::MAX;

/// An object with so many times more keys than are wanted is asked for them.
const ASK: usize = 8;

/// One value at a path. Elements of lists are values each.
pub(super) struct Fact<'a> {
    pub(super) path: PathId,
    pub(super) what: What<'a>,
    next: u32,
    hash: Cell<Option<u64>>,
    folded: OnceCell<String>,
}

/// A value, as far as the index asks.
pub(super) enum What<'a> {
    /// An attribute which is text.
    Text(Cow<'a, str>),
    /// A value which is no list.
    Json(&'a Value),
    /// A list, be it empty.
    List,
}

/// What was met at a path, if its epoch is that of the event.
#[derive(Clone, Copy)]
struct Seen {
    epoch: u32,
    head: u32,
    /// How often there was a value.
    hits: u32,
    /// How often the value was no list, so that keys could have followed.
    visits: u32,
}

/// Memory kept from event to event.
#[derive(Default)]
pub(super) struct Scratch {
    epoch: u32,
    seen: Vec<Seen>,
    /// The epoch in which a conjunction was last met.
    asked: Vec<u32>,
}

/// The facts of one event.
pub(super) struct Facts<'a, 's> {
    pub(super) list: Vec<Fact<'a>>,
    /// The paths of the facts, each once.
    pub(super) met: Vec<PathId>,
    pub(super) paths: &'a Paths,
    pub(super) hashes: &'a Hashes,
    scratch: &'s mut Scratch,
}

impl<'a> Fact<'a> {
    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.what {
            What::Text(text) => Some(text),
            What::Json(Value::String(text)) => Some(text),
            What::Json(_) | What::List => None,
        }
    }

    pub(super) fn folded(&self) -> Option<&str> {
        let text = self.text()?;
        Some(self.folded.get_or_init(|| fold(text)))
    }

    /// The hash of the whole value.
    pub(super) fn hash(&self, hashes: &Hashes) -> Option<u64> {
        if self.hash.get().is_none() {
            self.hash.set(match &self.what {
                What::Text(text) => Some(hashes.text(self.path, Lane::Equal, text.as_bytes())),
                What::Json(value) => hashes.value(self.path, value),
                What::List => None,
            });
        }
        self.hash.get()
    }
}

impl<'a, 's> Facts<'a, 's> {
    /// Walks the event along the paths.
    pub(super) fn of(
        event: &'a Event,
        paths: &'a Paths,
        hashes: &'a Hashes,
        conjunctions: usize,
        scratch: &'s mut Scratch,
    ) -> Self {
        scratch.begin(paths.len(), conjunctions);
        let mut facts =
            Self { list: Vec::with_capacity(32), met: Vec::with_capacity(32), paths, hashes, scratch };
        for (root, path) in paths.roots() {
            match root.read(event) {
                None => {}
                Some(Found::Text(text)) => {
                    facts.seen(*path).hits += 1;
                    facts.push(*path, What::Text(text));
                }
                Some(Found::Json(value)) => {
                    facts.seen(*path).hits += 1;
                    facts.walk(*path, value);
                }
            }
        }
        facts
    }

    fn walk(&mut self, path: PathId, value: &'a Value) {
        if let Value::Array(items) = value {
            self.push(path, What::List);
            if !items.is_empty() {
                return items.iter().for_each(|item| self.walk(path, item));
            }
        } else {
            self.push(path, What::Json(value));
        }
        self.seen(path).visits += 1;
        let Value::Object(map) = value else { return };
        let below = &self.paths.node(path).below;
        // Going through the entries of a map is cheaper than asking it.
        if below.len() * ASK >= map.len() {
            for (key, value) in map {
                if let Some(path) = below.get(key.as_str()) {
                    self.meet(*path, value);
                }
            }
        } else {
            for (key, path) in below {
                if let Some(value) = map.get(&**key) {
                    self.meet(*path, value);
                }
            }
        }
    }

    fn meet(&mut self, path: PathId, value: &'a Value) {
        self.seen(path).hits += 1;
        self.walk(path, value);
    }

    fn push(&mut self, path: PathId, what: What<'a>) {
        if !self.paths.node(path).indexed {
            return;
        }
        let place = u32::try_from(self.list.len()).unwrap_or(NONE);
        let seen = self.seen(path);
        let next = std::mem::replace(&mut seen.head, place);
        if next == NONE {
            self.met.push(path);
        }
        self.list.push(Fact { path, what, next, hash: Cell::new(None), folded: OnceCell::new() });
    }

    fn seen(&mut self, path: PathId) -> &mut Seen {
        let epoch = self.scratch.epoch;
        let seen = &mut self.scratch.seen[path as usize];
        if seen.epoch != epoch {
            *seen = Seen { epoch, head: NONE, hits: 0, visits: 0 };
        }
        seen
    }

    fn seen_at(&self, path: PathId) -> Option<Seen> {
        let seen = self.scratch.seen[path as usize];
        (seen.epoch == self.scratch.epoch).then_some(seen)
    }

    /// The facts at a path, by their places in the list.
    pub(super) fn at(&self, path: PathId) -> impl Iterator<Item = usize> + '_ {
        let first = self.seen_at(path).map_or(NONE, |seen| seen.head);
        let existing = |place: u32| (place != NONE).then_some(place);
        let next = move |place: &u32| existing(self.list[*place as usize].next);
        std::iter::successors(existing(first), next).map(|place| place as usize)
    }

    /// Whether there is nothing at the path, at one place at least.
    pub(super) fn is_absent(&self, path: PathId) -> bool {
        let hits = self.seen_at(path).map_or(0, |seen| seen.hits);
        let Some(above) = self.paths.node(path).above else {
            return hits == 0;
        };
        // What is above may lack in one place, and what is below it with it.
        let places = self.seen_at(above).map_or(0, |seen| seen.visits);
        hits == 0 || hits < places || self.is_absent(above)
    }

    /// Whether the conjunction is met for the first time with this event.
    pub(super) fn ask(&mut self, conjunction: u32) -> bool {
        let epoch = self.scratch.epoch;
        std::mem::replace(&mut self.scratch.asked[conjunction as usize], epoch) != epoch
    }
}

impl Scratch {
    fn begin(&mut self, paths: usize, conjunctions: usize) {
        if self.epoch == u32::MAX {
            *self = Self::default();
        }
        self.epoch += 1;
        if self.seen.len() < paths {
            self.seen.resize(paths, Seen { epoch: 0, head: NONE, hits: 0, visits: 0 });
        }
        if self.asked.len() < conjunctions {
            self.asked.resize(conjunctions, 0);
        }
    }
}
