//! Ticks at equal distances: `every = "15m"`.
//!
//! The distance is counted from an anchor, the schedule's `from` or else the
//! Unix epoch, by whole numbers: tick `n` is `anchor + n × period`. No tick is
//! worked out from the one before it, so nothing drifts, and how many ticks lie
//! between two times is a subtraction. Zones and daylight saving play no part.

use crate::rules::duration::{self, DurationError};
use jiff::{SignedDuration, Timestamp};
use std::fmt;

/// The shortest period. A tick costs a transaction; what must happen more often
/// is not a schedule but a loop in a worker.
pub const PERIOD_MIN: SignedDuration = SignedDuration::from_secs(1);

/// Why a text is no period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EveryError {
    /// It is no duration.
    #[error("`{text}` is not a duration such as `90s`, `15m` or `1h 30m`: {reason}")]
    Syntax {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It counts months or years.
    #[error("months and years differ in length: use `cron` for them, and `m` for minutes")]
    Calendar,
    /// It is shorter than [`PERIOD_MIN`].
    #[error("a period is at least 1s: what must happen more often belongs in a worker")]
    TooShort,
    /// It has a fraction which PostgreSQL would round away.
    #[error("a period is a whole number of microseconds, the grain of PostgreSQL's timestamps")]
    TooFine,
    /// It is longer than time itself.
    #[error("the period is longer than hearken can count")]
    TooLong,
}

/// Ticks at equal distances from an anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Every {
    period: SignedDuration,
}

impl Every {
    /// Reads a period such as `15m` or `1h 30m`.
    ///
    /// # Errors
    ///
    /// If it is no duration, or one of the others [`EveryError`] names.
    pub fn parse(text: &str) -> Result<Self, EveryError> {
        let period = duration::parse(text).map_err(|error| match error {
            DurationError::Calendar => EveryError::Calendar,
            DurationError::Syntax(reason) => EveryError::Syntax { text: text.to_owned(), reason },
            DurationError::TooLong => EveryError::TooLong,
        })?;
        Self::new(period)
    }

    /// Ticks at this distance from each other.
    ///
    /// # Errors
    ///
    /// If it is shorter than [`PERIOD_MIN`], or not in whole microseconds.
    pub fn new(period: SignedDuration) -> Result<Self, EveryError> {
        if period < PERIOD_MIN {
            return Err(EveryError::TooShort);
        }
        if period.subsec_nanos() % 1_000 != 0 {
            return Err(EveryError::TooFine);
        }
        Ok(Self { period })
    }

    /// The distance between two ticks.
    #[must_use]
    pub fn period(self) -> SignedDuration {
        self.period
    }

    /// The number of the newest tick at or before `at`; the anchor's is 0.
    #[must_use]
    pub fn index_at(self, anchor: Timestamp, at: Timestamp) -> i128 {
        (at.as_nanosecond() - anchor.as_nanosecond()).div_euclid(self.period.as_nanos())
    }

    /// The tick of a number; none if it lies beyond the year 9999.
    #[must_use]
    pub fn tick(self, anchor: Timestamp, index: i128) -> Option<Timestamp> {
        let distance = index.checked_mul(self.period.as_nanos())?;
        Timestamp::from_nanosecond(anchor.as_nanosecond().checked_add(distance)?).ok()
    }

    /// The first tick after `after`, and not at it.
    #[must_use]
    pub fn next_after(self, anchor: Timestamp, after: Timestamp) -> Option<Timestamp> {
        self.tick(anchor, self.index_at(anchor, after) + 1)
    }

    /// How many ticks lie in `(after, until]`, without visiting them.
    #[must_use]
    pub fn count(self, anchor: Timestamp, after: Timestamp, until: Timestamp) -> u64 {
        let count = self.index_at(anchor, until) - self.index_at(anchor, after);
        u64::try_from(count.max(0)).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Every {
    /// In microseconds: part of a fingerprint, which must not depend on how a
    /// library words durations.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}us", self.period.as_micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn ticks_are_counted_from_the_epoch() {
        check("15m", "1970-01-01T00:00:00Z", "2026-03-01T10:07:00Z", "2026-03-01T10:15:00Z");
        check("15m", "1970-01-01T00:00:00Z", "2026-03-01T10:15:00Z", "2026-03-01T10:30:00Z");
        // The epoch was a Thursday.
        check("1w", "1970-01-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-03-05T00:00:00Z");
    }

    #[test]
    fn ticks_are_counted_from_an_anchor_both_ways() {
        check("1h", "2026-03-01T10:07:30Z", "2026-03-01T11:00:00Z", "2026-03-01T11:07:30Z");
        check("1h", "2026-03-01T10:07:30Z", "2026-03-01T08:00:00Z", "2026-03-01T08:07:30Z");
        check("7s", "1970-01-01T00:00:00Z", "1969-12-31T23:59:50Z", "1969-12-31T23:59:53Z");
    }

    #[test]
    fn a_period_with_a_fraction_does_not_drift() {
        let every = Every::parse("1s 500ms").unwrap();
        let anchor = Timestamp::UNIX_EPOCH;
        let tick = every.tick(anchor, 2_000_000_001).unwrap();
        assert_eq!(tick, Timestamp::from_millisecond(3_000_000_001_500).unwrap());
    }

    #[test]
    fn ticks_are_counted_without_visiting_them() {
        let every = Every::parse("5s").unwrap();
        let count = |after, until| every.count(Timestamp::UNIX_EPOCH, at(after), at(until));
        assert_eq!(count("2026-03-01T00:00:00Z", "2026-03-15T00:00:00Z"), 14 * 17_280);
        assert_eq!(count("2026-03-01T00:00:01Z", "2026-03-01T00:00:04Z"), 0);
        assert_eq!(count("2026-03-01T00:00:00Z", "2026-03-01T00:00:05Z"), 1);
        assert_eq!(count("2026-03-01T00:00:05Z", "2026-03-01T00:00:00Z"), 0);
    }

    #[test]
    fn what_is_no_period_is_refused_with_a_reason() {
        assert_eq!(Every::parse("999ms"), Err(EveryError::TooShort));
        assert_eq!(Every::parse("0s"), Err(EveryError::TooShort));
        assert_eq!(Every::parse("1s 1ns"), Err(EveryError::TooFine));
        assert_eq!(Every::parse("1month"), Err(EveryError::Calendar));
        assert_eq!(Every::parse("2years 1day"), Err(EveryError::Calendar));
        assert!(matches!(Every::parse("soon"), Err(EveryError::Syntax { .. })));
        assert!(matches!(Every::parse("15"), Err(EveryError::Syntax { .. })));
        assert!(matches!(Every::parse(""), Err(EveryError::Syntax { .. })));
    }

    #[test]
    fn time_ends_with_the_year_9999() {
        let every = Every::parse("1h").unwrap();
        assert_eq!(every.next_after(Timestamp::UNIX_EPOCH, Timestamp::MAX), None);
    }

    #[track_caller]
    fn check(period: &str, anchor: &str, after: &str, want: &str) {
        let every = Every::parse(period).unwrap();
        assert_eq!(every.next_after(at(anchor), at(after)), Some(at(want)));
    }
}
