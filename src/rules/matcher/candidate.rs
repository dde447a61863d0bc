//! A conjunction in a list, with one more thing it needs.
//!
//! Judging a conjunction takes a dozen steps through memory which is nowhere
//! near. Most of those which are found by one of their values lack another, and
//! that is told here from the hashes of what the event has, without a look at
//! the conjunction.

/// A conjunction which may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) number: u32,
    /// The mark of a value it needs; none, if it is zero.
    pub(super) needs: u32,
}

/// The marks of the values which an event has: a Bloom filter.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks([u64; 16]);

/// The mark of a value with this hash.
pub(super) fn mark(hash: u64) -> u32 {
    let [a, b, c, d, ..] = hash.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

impl Marks {
    pub(super) fn add(&mut self, hash: u64) {
        let (word, bit) = Self::place(mark(hash));
        self.0[word] |= bit;
    }

    /// Whether the event may have what the candidate needs.
    pub(super) fn allow(&self, candidate: Candidate) -> bool {
        let (word, bit) = Self::place(candidate.needs);
        candidate.needs == 0 || self.0[word] & bit != 0
    }

    fn place(mark: u32) -> (usize, u64) {
        ((mark >> 6) as usize % 16, 1 << (mark % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_event_has_is_allowed_and_most_else_is_not() {
        let hash = |number: u64| number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut marks = Marks::default();
        (0..20).for_each(|number| marks.add(hash(number)));
        let allowed = |number: u64| marks.allow(Candidate { number: 0, needs: mark(hash(number)) });
        assert!((0..20).all(allowed));
        assert!((1000..2000).filter(|number| allowed(*number)).count() < 200);
        assert!(marks.allow(Candidate { number: 0, needs: 0 }));
    }
}
