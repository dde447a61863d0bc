//! The first instant at which a sliding limit has room.
//!
//! Let `crowd(t)` be how many uses are in `(t - length, t]`. It grows where a use
//! is, and shrinks `length` later. Where it reaches the limit the interval that
//! ends at `t` is full; such `t` make up spans `[since, until)`. One more use at
//! `d` would be in the intervals which end in `[d, d + length)`, so it is refused
//! exactly if `since - length < d < until` for one of the spans. Going through them
//! in order, `d` is either before all that is refused from there on, or it moves
//! to the end of the span.

use super::wall;
use jiff::{SignedDuration, Timestamp};

/// The first instant from `from` on at which one more use makes no interval of
/// this length have more than `max`, which is at least 1.
///
/// `uses` rise with time, and hold all which are later than `from - length`. Each
/// is looked at twice: when it enters the interval, and when it leaves.
pub(super) fn first_room(
    uses: &[(Timestamp, u32)],
    length: SignedDuration,
    max: u32,
    from: Timestamp,
) -> Timestamp {
    let length = length.max(SignedDuration::ZERO);
    let mut free = from;
    let mut full_since: Option<Timestamp> = None;
    let mut crowd = Crowd { uses, length, entered: 0, left: 0, size: 0 };
    while let Some(at) = crowd.advance() {
        match full_since {
            None if crowd.size >= u64::from(max) => full_since = Some(at),
            Some(since) if crowd.size < u64::from(max) => {
                if wall::later(free, length) <= since {
                    return free;
                }
                free = free.max(at);
                full_since = None;
            }
            _ => {}
        }
    }
    free
}

/// The uses in the interval which ends at an instant, as the instant moves on.
struct Crowd<'a> {
    uses: &'a [(Timestamp, u32)],
    length: SignedDuration,
    /// How many entries have come in.
    entered: usize,
    /// How many of these have gone out.
    left: usize,
    /// How many uses those between are.
    size: u64,
}

impl Crowd<'_> {
    /// Moves to the next instant at which the size changes, or may. All which
    /// come and go at one instant do so together.
    fn advance(&mut self) -> Option<Timestamp> {
        let leaving = self.leaving()?;
        let entering = self.uses.get(self.entered).map(|(at, _)| *at);
        let at = entering.map_or(leaving, |entering| entering.min(leaving));
        while let Some((entering, uses)) = self.uses.get(self.entered)
            && *entering <= at
        {
            self.size += u64::from(*uses);
            self.entered += 1;
        }
        while self.left < self.entered && self.leaving().is_some_and(|leaving| leaving <= at) {
            self.size -= u64::from(self.uses[self.left].1);
            self.left += 1;
        }
        Some(at)
    }

    /// When the next one goes out, whether it has come in or not.
    fn leaving(&self) -> Option<Timestamp> {
        self.uses.get(self.left).map(|(at, _)| wall::later(*at, self.length))
    }
}
