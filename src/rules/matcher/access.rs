//! Ways to find a conjunction: what must be in an event for it to hold.
//!
//! Each condition yields some *accesses*: of its keys one must be met by the
//! event, or the condition cannot hold. The index puts each conjunction under
//! the keys of one access, the rarest. Nothing here decides a match; an access
//! may only be too generous.

mod pattern;

use super::hash::{Hashes, Lane, cut};
use super::paths::{PathId, Paths};
use crate::rules::condition::{Condition, Fold, Like, Literal, MissingPolicy, Network, Test};
use crate::rules::path::{Quantifier, Root, Step};
use crate::rules::routine::{EventTrigger, TypePattern};
use crate::rules::when::{Branch, When};
use serde_json::Number;

/// The longest text which is searched for inside others, in bytes; of longer
/// ones the beginning. It bounds how many can be found at one place.
pub(super) const NEEDLE_MAX: usize = 32;

/// What one access asks of the event.
#[derive(Clone, Debug)]
pub(super) struct Access {
    pub(super) path: PathId,
    /// One of these must be met; never empty.
    pub(super) keys: Vec<Key>,
}

impl Access {
    /// The hash of the one value it asks for, if it is one.
    pub(super) fn value(&self) -> Option<u64> {
        match self.keys.as_slice() {
            [Key::Hash(Lane::Equal, hash)] => Some(*hash),
            _ => None,
        }
    }
}

/// Something about the values at a path.
#[derive(Clone, Debug)]
pub(super) enum Key {
    /// One of them has this hash in this lane.
    Hash(Lane, u64),
    /// One of them has this text in it.
    Needle(Fold, Box<str>),
    /// One of them is in this range.
    Range(Axis, f64, f64),
    /// There is one.
    Present,
    /// There is none, at one place at least.
    Absent,
}

/// What is measured by a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Axis {
    /// Numbers.
    Number,
    /// IPv4 addresses, as numbers.
    V4,
    /// IPv6 addresses, as numbers.
    V6,
}

/// Collects the accesses of conjunctions.
pub(super) struct Accesses<'a> {
    pub(super) paths: &'a mut Paths,
    pub(super) hashes: &'a Hashes,
}

impl Accesses<'_> {
    /// The accesses of a trigger and a branch of conditions.
    pub(super) fn of(&mut self, trigger: &EventTrigger, when: &When, branch: &Branch) -> Vec<Access> {
        let mut found = Vec::new();
        found.extend(self.types(trigger));
        for place in &branch.places {
            self.condition(&when.conditions()[*place].condition, None, &mut found);
        }
        found
    }

    fn types(&mut self, trigger: &EventTrigger) -> Option<Access> {
        if trigger.types.is_empty() {
            return None;
        }
        let path = self.paths.insert(Root::Type, [].iter());
        let key = |pattern: &TypePattern| match pattern {
            TypePattern::Exact(kind) => Some(self.text(path, Lane::Equal, kind)),
            TypePattern::Prefix(prefix) => self.begins(path, Fold::Exact, prefix),
        };
        let keys = trigger.types.iter().map(key).collect::<Option<Vec<_>>>()?;
        Some(Access { path, keys })
    }

    /// `inside` is the path to the elements whose conditions these are.
    fn condition(&mut self, condition: &Condition, inside: Option<(Root, &[Step])>, found: &mut Vec<Access>) {
        let steps = condition.path.steps();
        let (root, all) = match inside {
            Some((root, before)) => (root, [before, steps].concat()),
            None => (condition.path.root(), steps.to_vec()),
        };
        let path = self.paths.insert(root, all.iter());
        if condition.looks_back() {
            self.paths.insert(Root::Old, all.iter());
        }
        // Every element, or none, may do without there being one.
        let vacuous = |step: &Step| matches!(step, Step::Quantifier(Quantifier::All | Quantifier::None));
        if condition.missing == MissingPolicy::Match || all.iter().any(vacuous) {
            return;
        }
        self.tests(path, &condition.tests, found);
        for test in &condition.tests {
            match test {
                Test::Was(tests) => {
                    let path = self.paths.insert(Root::Old, all.iter());
                    self.tests(path, tests, found);
                }
                Test::Became(tests) => self.tests(path, tests, found),
                Test::Where(when) => {
                    if let [branch] = when.branches() {
                        for place in &branch.places {
                            self.condition(&when.conditions()[*place].condition, Some((root, &all)), found);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn tests(&mut self, path: PathId, tests: &[Test], found: &mut Vec<Access>) {
        let mut present = false;
        for test in tests {
            match self.keys(path, test) {
                Keys::Nothing => {}
                Keys::Present => present = true,
                Keys::One(keys) => found.push(Access { path, keys }),
                Keys::All(list) => {
                    found.extend(list.into_iter().map(|key| Access { path, keys: vec![key] }));
                }
            }
        }
        match range(tests) {
            Some(key) => found.push(Access { path, keys: vec![key] }),
            None if present => found.push(Access { path, keys: vec![Key::Present] }),
            None => {}
        }
    }

    fn keys(&self, path: PathId, test: &Test) -> Keys {
        let literal = |literal: &Literal| Key::Hash(Lane::Equal, self.hashes.literal(path, literal));
        match test {
            Test::OneOf(literals) | Test::ContainsAny(literals) => {
                Keys::One(literals.iter().map(literal).collect())
            }
            Test::ContainsAll(literals) => Keys::All(literals.iter().map(literal).collect()),
            Test::IsNull => Keys::One(vec![literal(&Literal::Null)]),
            Test::Prefix(how, texts) => Keys::one(texts.iter().map(|text| self.begins(path, *how, text))),
            Test::Suffix(how, texts) => Keys::one(texts.iter().map(|text| self.ends(path, *how, text))),
            Test::Contains(how, texts) => Keys::one(texts.iter().map(|text| needle(*how, text))),
            Test::IEquals(texts) => {
                Keys::one(texts.iter().map(|text| Some(self.text(path, Lane::FoldedEqual, text))))
            }
            Test::Like(how, likes) => Keys::one(likes.iter().map(|like| self.like(path, *how, like))),
            Test::Regex(patterns) => pattern::keys(patterns),
            Test::Cidr(networks) => Keys::One(networks.iter().map(network).collect()),
            Test::Exists(false) => Keys::One(vec![Key::Absent]),
            Test::Not(_) | Test::Exists(true) | Test::IsEmpty | Test::Len(_) | Test::Where(_) => {
                Keys::Present
            }
            // Found as a range, or asked of another row.
            Test::Gt(_) | Test::Gte(_) | Test::Lt(_) | Test::Lte(_) => Keys::Nothing,
            Test::Changed | Test::Became(_) | Test::Was(_) => Keys::Nothing,
        }
    }

    fn text(&self, path: PathId, lane: Lane, text: &str) -> Key {
        Key::Hash(lane, self.hashes.text(path, lane, text.as_bytes()))
    }

    fn begins(&self, path: PathId, how: Fold, text: &str) -> Option<Key> {
        let length = cut(text.len())?;
        let lane = match how {
            Fold::Exact => Lane::Prefix(length),
            Fold::Insensitive => Lane::FoldedPrefix(length),
        };
        Some(Key::Hash(lane, self.hashes.text(path, lane, &text.as_bytes()[..length])))
    }

    fn ends(&self, path: PathId, how: Fold, text: &str) -> Option<Key> {
        let length = cut(text.len())?;
        let lane = match how {
            Fold::Exact => Lane::Suffix(length),
            Fold::Insensitive => Lane::FoldedSuffix(length),
        };
        Some(Key::Hash(lane, self.hashes.text(path, lane, &text.as_bytes()[text.len() - length..])))
    }

    /// A pattern is found by its longest piece.
    fn like(&self, path: PathId, how: Fold, like: &Like) -> Option<Key> {
        let (first, others) = like.pieces().split_first()?;
        let Some((last, middle)) = others.split_last() else {
            let lane = match how {
                Fold::Exact => Lane::Equal,
                Fold::Insensitive => Lane::FoldedEqual,
            };
            return Some(self.text(path, lane, first));
        };
        let inner = middle.iter().max_by_key(|piece| piece.len()).map_or("", |piece| piece);
        // A lookup is cheaper than a search.
        if first.len().max(last.len()) * 2 > inner.len() {
            if first.len() >= last.len() { self.begins(path, how, first) } else { self.ends(path, how, last) }
        } else {
            needle(how, inner)
        }
    }
}

/// The keys of a test.
enum Keys {
    /// There are none.
    Nothing,
    /// There must be a value.
    Present,
    /// One of these.
    One(Vec<Key>),
    /// All of these.
    All(Vec<Key>),
}

impl Keys {
    /// One of these; if any of them asks for nothing, a value will do.
    fn one(keys: impl Iterator<Item = Option<Key>>) -> Self {
        keys.collect::<Option<Vec<_>>>().map_or(Self::Present, Self::One)
    }
}

fn needle(how: Fold, text: &str) -> Option<Key> {
    let mut end = text.len().min(NEEDLE_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (end > 0).then(|| Key::Needle(how, text[..end].into()))
}

/// The range of numbers which tests of one value leave.
fn range(tests: &[Test]) -> Option<Key> {
    let (mut low, mut high, mut any) = (f64::NEG_INFINITY, f64::INFINITY, false);
    for test in tests {
        match test {
            Test::Gt(limit) | Test::Gte(limit) => low = low.max(rounded(limit)),
            Test::Lt(limit) | Test::Lte(limit) => high = high.min(rounded(limit)),
            _ => continue,
        }
        any = true;
    }
    any.then_some(Key::Range(Axis::Number, low, high))
}

/// The nearest float: greater numbers never have lesser ones.
pub(super) fn rounded(number: &Number) -> f64 {
    number.as_str().parse().unwrap_or(f64::INFINITY)
}

fn network(network: &Network) -> Key {
    let (axis, low, high) = network.bounds();
    Key::Range(axis, low, high)
}

impl Network {
    /// The first and the last address, as numbers.
    fn bounds(&self) -> (Axis, f64, f64) {
        let (axis, low) = place(self.first());
        (axis, low, place(self.last()).1)
    }
}

/// Where an address lies among those of its kind, rounded.
#[expect(clippy::cast_precision_loss, reason = "rounding keeps the order, and that is all that is asked")]
pub(super) fn place(address: core::net::IpAddr) -> (Axis, f64) {
    match address {
        core::net::IpAddr::V4(address) => (Axis::V4, f64::from(u32::from(address))),
        core::net::IpAddr::V6(address) => (Axis::V6, u128::from(address) as f64),
    }
}
