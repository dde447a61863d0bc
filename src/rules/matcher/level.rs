//! One level of the index: conjunctions under the keys they need.
//!
//! A conjunction is put under the keys of *one* of its accesses: that which the
//! fewest share. Where many are left under one key they are divided again by
//! another access, and so on, so that routines which all name one type, or one
//! status, are still told apart by what else they ask for.

use super::access::Axis;
use super::candidate::Candidate;
use super::hash::Lane;
use super::interval::Intervals;
use super::needles::Needles;
use super::paths::PathId;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Conjunctions, by their numbers.
#[derive(Clone, Debug)]
pub(super) enum Posting {
    /// This one.
    One(Candidate),
    /// These.
    List(Box<[Candidate]>),
    /// Those which the next level finds.
    Level(Box<Level>),
}

/// A level.
#[derive(Clone, Debug, Default)]
pub(super) struct Level {
    /// By the hash of a value in a lane.
    hashed: HashMap<u64, Posting, BuildHasherDefault<Ready>>,
    /// Which hashes may be there: bits, some for each. Most of what is looked up
    /// is not there, and the bits are at hand when the table is not.
    sieve: Box<[u64]>,
    /// What is looked up for the values at a path.
    pub(super) probes: HashMap<PathId, Probes, foldhash::fast::RandomState>,
    /// By a path where there is nothing.
    pub(super) absent: Vec<(PathId, Posting)>,
    /// Those which nothing tells apart.
    pub(super) rest: Option<Posting>,
}

/// So many bits the sieve has for each hash, at least.
const SIEVE_BITS: usize = 8;

impl Level {
    /// A level with these values, and nothing else yet.
    pub(super) fn new(hashed: HashMap<u64, Posting, BuildHasherDefault<Ready>>) -> Self {
        let words = (hashed.len() * SIEVE_BITS / 64).next_power_of_two();
        let mut sieve = vec![0; words].into_boxed_slice();
        for hash in hashed.keys() {
            let (word, bit) = place(*hash, words);
            sieve[word] |= bit;
        }
        Self { hashed, sieve, ..Self::default() }
    }

    /// What is found by a value of this hash.
    pub(super) fn by(&self, hash: u64) -> Option<&Posting> {
        let (word, bit) = place(hash, self.sieve.len());
        if self.sieve.get(word).is_none_or(|bits| bits & bit == 0) {
            return None;
        }
        self.hashed.get(&hash)
    }
}

/// The bit of a hash among `words`, a power of two. Neither the lowest nor the
/// highest bits, which the table itself uses.
fn place(hash: u64, words: usize) -> (usize, u64) {
    ((hash >> 20) as usize & words.saturating_sub(1), 1 << (hash >> 50 & 63))
}

/// What is looked up for the values at a path.
#[derive(Clone, Debug, Default)]
pub(super) struct Probes {
    pub(super) lanes: Lanes,
    pub(super) present: Option<Posting>,
    pub(super) ranges: Vec<(Axis, Intervals)>,
    /// Texts searched for inside others.
    pub(super) exact: Option<Box<Needles>>,
    pub(super) folded: Option<Box<Needles>>,
}

/// Which lanes have entries for a path.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lanes(u64);

impl Lanes {
    pub(super) fn add(&mut self, lane: Lane) {
        self.0 |= Self::bit(lane);
    }

    pub(super) fn has(self, lane: Lane) -> bool {
        self.0 & Self::bit(lane) != 0
    }

    /// Whether any lane needs folded text.
    pub(super) fn folds(self) -> bool {
        self.0 >> 30 != 0
    }

    /// Whether any lane looks at a part of a text.
    pub(super) fn cuts(self) -> bool {
        self.0 & !(Self::bit(Lane::Equal) | Self::bit(Lane::FoldedEqual)) != 0
    }

    fn bit(lane: Lane) -> u64 {
        let place =
            |length: usize| super::hash::LENGTHS.iter().position(|known| *known == length).unwrap_or(0);
        1 << match lane {
            Lane::Equal => 0,
            Lane::Prefix(length) => 1 + place(length),
            Lane::Suffix(length) => 11 + place(length),
            Lane::FoldedEqual => 30,
            Lane::FoldedPrefix(length) => 31 + place(length),
            Lane::FoldedSuffix(length) => 41 + place(length),
        }
    }
}

/// Takes a hash for what it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Ready(u64);

impl Hasher for Ready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Never called: the keys are numbers.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
