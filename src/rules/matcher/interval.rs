//! Which of many ranges hold a number: an interval tree, laid out in arrays.
//!
//! Ranges are closed and their ends rounded to floats. Rounding keeps the order,
//! so a range which holds a number holds it also when all are rounded: what is
//! found may be too much, never too little.

use super::candidate::Candidate;

/// Ranges and the numbers of those they belong to.
#[derive(Clone, Debug, Default)]
pub(super) struct Intervals {
    /// Sorted by their lower ends. The middle of each part is the root of it.
    ranges: Box<[Range]>,
}

/// A range of a conjunction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) owner: Candidate,
    /// The greatest upper end in the part of which this is the root.
    reach: f64,
}

impl Range {
    pub(super) fn new(low: f64, high: f64, owner: Candidate) -> Self {
        Self { low, high, owner, reach: high }
    }
}

impl Intervals {
    pub(super) fn new(mut ranges: Vec<Range>) -> Self {
        ranges.sort_by(|a, b| a.low.total_cmp(&b.low));
        reach(&mut ranges);
        Self { ranges: ranges.into() }
    }

    /// Calls `found` with the owner of each range which holds one of the numbers,
    /// which are sorted. Of many numbers each range is asked, once: a long list
    /// of numbers may be in most ranges each.
    pub(super) fn holding_any(&self, numbers: &[f64], found: &mut impl FnMut(Candidate)) {
        if let [number] = numbers {
            return self.holding(*number, found);
        }
        for range in &self.ranges {
            let first = numbers.partition_point(|number| *number < range.low);
            if numbers.get(first).is_some_and(|number| *number <= range.high) {
                found(range.owner);
            }
        }
    }

    /// Calls `found` with the owner of each range which holds the number.
    fn holding(&self, number: f64, found: &mut impl FnMut(Candidate)) {
        search(&self.ranges, number, found);
    }
}

/// Sets the reach of each part; yields that of the whole.
fn reach(ranges: &mut [Range]) -> f64 {
    if ranges.is_empty() {
        return f64::NEG_INFINITY;
    }
    let middle = ranges.len() / 2;
    let (left, right) = ranges.split_at_mut(middle);
    let below = reach(left).max(reach(&mut right[1..]));
    right[0].reach = right[0].high.max(below);
    right[0].reach
}

fn search(ranges: &[Range], number: f64, found: &mut impl FnMut(Candidate)) {
    let middle = ranges.len() / 2;
    let Some(range) = ranges.get(middle) else { return };
    if range.reach < number {
        return;
    }
    search(&ranges[..middle], number, found);
    if range.low <= number {
        if range.high >= number {
            found(range.owner);
        }
        search(&ranges[middle + 1..], number, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exactly_the_ranges_which_hold_a_number_are_found(
            ends in prop::collection::vec((-20_i8..20, -20_i8..20), 0..60),
            numbers in prop::collection::vec(-25_i8..25, 0..5),
        ) {
            let ends = ends.iter().map(|(a, b)| (f64::from(*a.min(b)), f64::from(*a.max(b)))).collect::<Vec<_>>();
            let mut numbers = numbers.into_iter().map(f64::from).collect::<Vec<_>>();
            numbers.sort_by(f64::total_cmp);
            let ranges = ends.iter().zip(0..).map(|((low, high), owner)| Range::new(*low, *high, Candidate { number: owner, needs: 0 }));
            let mut got = Vec::new();
            Intervals::new(ranges.collect()).holding_any(&numbers, &mut |owner| got.push(owner.number));
            got.sort_unstable();
            let holds = |(low, high): &(f64, f64)| numbers.iter().any(|number| low <= number && number <= high);
            let want = ends.iter().zip(0..).filter(|(ends, _)| holds(ends)).map(|(_, owner)| owner);
            prop_assert_eq!(got, want.collect::<Vec<u32>>());
        }
    }
}
