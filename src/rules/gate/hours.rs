//! The hours in which an item may fall due.
//!
//! Hours are intervals of civil time in a zone, each on some days of the week.
//! Overlapping ones are a union. An interval whose end is not after its beginning
//! goes over midnight and belongs to the day on which it begins: `fri 22:00-02:00`
//! ends on Saturday. Its beginning is in it, its end is not.
//!
//! A time which the clock leaves out is the first instant behind the gap, so that
//! `02:30-04:00` is open from 03:00 on the day on which 02:00 becomes 03:00. Of a
//! time which the clock shows twice, a beginning takes the first and an end the
//! last, so that an interval which touches the repeated hour is longer rather than
//! open twice. A day which does not exist has no hours of its own.
//!
//! The search for the next open instant goes from day to day, so it costs some
//! lookups in the zone and never goes through hours or minutes one by one.

mod days;
pub(super) mod wall;
pub(super) mod zone;

#[cfg(test)]
pub(super) mod clocks;

pub use self::days::{ClockTime, Days, HoursError};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is not open, or has no room, so long after it was wanted, never has.
pub const HORIZON: SignedDuration = SignedDuration::from_hours(366 * 24);

/// How many days are looked at: those of [`HORIZON`], two before for intervals
/// over midnight and clocks which go back over it, and some to spare.
const DAYS_MAX: usize = 366 + 5;

/// The hours in which an item may fall due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// The zone whose clocks are meant; from
    /// [`parse_zone`](crate::rules::schedule::zone::parse_zone).
    #[serde(with = "zone")]
    pub tz: TimeZone,
    /// The intervals, in any order; with none it is never open.
    pub open: Vec<Interval>,
    /// What becomes of a draft which is due at another time.
    pub outside: Outside,
}

/// An interval of civil time, on some days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// The days on which it begins.
    pub days: Days,
    /// When it begins; this instant is in it.
    pub from: ClockTime,
    /// When it ends; this instant is not in it. If it is not after `from`, it is
    /// a time of the next day.
    pub to: ClockTime,
}

/// What becomes of a draft which is due outside the hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outside {
    /// It is held until they begin.
    #[default]
    Hold,
    /// It is dropped.
    Drop,
}

impl Hours {
    /// The first open instant from `at` on: `at` itself, if it is open. None if
    /// there is none within [`HORIZON`].
    #[must_use]
    pub fn next_open(&self, at: Timestamp) -> Option<Timestamp> {
        let mut day = two_days_before(self.tz.to_datetime(at).date());
        for _ in 0..DAYS_MAX {
            // Intervals of later days begin no earlier, so the first day which
            // has one decides.
            if let Some(open) = self.open_on(day, at) {
                return (open <= wall::later(at, HORIZON)).then_some(open);
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    /// Whether `at` is open.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.next_open(at) == Some(at)
    }

    /// The hours for people: `mon-fri 08:00-18:00 Europe/Berlin`.
    #[must_use]
    pub fn describe(&self) -> String {
        let open = self.open.iter().map(Interval::to_string).collect::<Vec<_>>().join("; ");
        let zone = self.tz.iana_name().unwrap_or("unnamed");
        if open.is_empty() { format!("never {zone}") } else { format!("{open} {zone}") }
    }

    /// The first instant from `at` on which is in an interval that begins on
    /// `day`.
    fn open_on(&self, day: Date, at: Timestamp) -> Option<Timestamp> {
        let weekday = day.weekday();
        self.open
            .iter()
            .filter(|interval| interval.days.contains(weekday))
            .filter_map(|interval| interval.on(day, &self.tz))
            .filter(|(begin, end)| begin < end && at < *end)
            .map(|(begin, _)| begin.max(at))
            .min()
    }
}

impl Interval {
    /// Where it begins and ends, if it begins on `day`; equal ends are an empty
    /// interval. None beyond the range of timestamps.
    fn on(&self, day: Date, tz: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        let last = if self.to <= self.from { day.tomorrow().ok()? } else { day };
        let begin = wall::first_reached(tz, self.from.on(day)?)?;
        let end = wall::last_reached(tz, self.to.on(last)?)?;
        Some((begin, end))
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}-{}", self.days, self.from, self.to)
    }
}

fn two_days_before(day: Date) -> Date {
    day.checked_sub(SignedDuration::from_hours(48)).unwrap_or(day)
}

#[cfg(test)]
mod tests;
