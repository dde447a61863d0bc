//! Slots of a calendar: every quarter of an hour, day, week or month of a zone.
//!
//! Slots follow each other without a gap and without an overlap, so each instant
//! is in exactly one. A day begins with the first instant at which the clock shows
//! its midnight or later, and lasts until the next one does: where the clock goes
//! back over midnight, what is shown of the old day again belongs to the new one.
//! A day which the clock leaves out has no instant, and no slot.
//!
//! Slots shorter than a day are counted in elapsed time from the day's beginning.
//! On a day of 23 or 25 hours the last one is cut by the next midnight.

pub mod spell;

use self::spell::spell;
use super::hours::{wall, zone};
use crate::rules::duration::{self, DurationError};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

const DAY: SignedDuration = SignedDuration::from_hours(24);
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A text which says no slots.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlotsError {
    /// It is no duration.
    #[error("`{text}` is not a period such as `15m`, `1d`, `1w` or `1month`: {reason}")]
    Syntax {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: DurationError,
    },
    /// It is a duration which no calendar has.
    #[error("`{0}` is no period of a calendar, which divides a day, or is `1d`, `1w` or `1month`")]
    Uneven(String),
}

/// Slots of a calendar, in a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots {
    period: Period,
    #[serde(with = "zone")]
    tz: TimeZone,
}

/// How long a slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
enum Period {
    /// Part of a day: whole seconds, a number of times a day.
    Part(SignedDuration),
    Day,
    /// From Monday to Sunday.
    Week,
    Month,
}

impl Slots {
    /// Reads a period: one which divides a day, such as `15m` or `6h`; `1d`; `1w`,
    /// which begins on Monday; or `1month`. The zone is one of
    /// [`parse_zone`](crate::rules::schedule::zone::parse_zone).
    ///
    /// # Errors
    ///
    /// If it is none of these.
    pub fn parse(period: &str, tz: TimeZone) -> Result<Self, SlotsError> {
        Ok(Self { period: Period::parse(period)?, tz })
    }

    /// Where the slot begins which `at` is in; this instant is in it.
    #[must_use]
    pub fn start(&self, at: Timestamp) -> Timestamp {
        let day = self.day_of(at);
        match self.period {
            Period::Part(length) => part_start(self.midnight(day), length, at),
            Period::Day | Period::Week | Period::Month => self.midnight(self.period.first_day(day)),
        }
    }

    /// Where the following slot begins: the first instant which is not in the
    /// slot of `at` any more. The last slot of all ends with time.
    #[must_use]
    pub fn next(&self, at: Timestamp) -> Timestamp {
        let day = self.day_of(at);
        let next = self.period.next_day(day).map_or(Timestamp::MAX, |next| self.midnight(next));
        match self.period {
            Period::Part(length) => next.min(wall::later(self.start(at), length)),
            Period::Day | Period::Week | Period::Month => next,
        }
    }

    /// The zone whose clocks are meant.
    #[must_use]
    pub fn tz(&self) -> &TimeZone {
        &self.tz
    }

    /// The last day which has begun at `at`. The clock may show the one before
    /// it once more.
    fn day_of(&self, at: Timestamp) -> Date {
        let mut day = self.tz.to_datetime(at).date();
        while let Ok(next) = day.tomorrow()
            && self.midnight(next) <= at
        {
            day = next;
        }
        day
    }

    /// When a day begins.
    fn midnight(&self, day: Date) -> Timestamp {
        let beyond = if day.year() < 0 { Timestamp::MIN } else { Timestamp::MAX };
        wall::first_reached(&self.tz, day.to_datetime(Time::midnight())).unwrap_or(beyond)
    }
}

impl fmt::Display for Slots {
    /// For people: `1d (Europe/Berlin)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.period, self.tz.iana_name().unwrap_or("unnamed"))
    }
}

impl Period {
    fn parse(text: &str) -> Result<Self, SlotsError> {
        let text = text.trim();
        if matches!(text, "1month" | "1 month") {
            return Ok(Self::Month);
        }
        let uneven = || SlotsError::Uneven(text.to_owned());
        let length = duration::parse(text).map_err(|reason| match reason {
            DurationError::Calendar => uneven(),
            reason => SlotsError::Syntax { text: text.to_owned(), reason },
        })?;
        match length {
            DAY => Ok(Self::Day),
            WEEK => Ok(Self::Week),
            _ if divides_a_day(length) => Ok(Self::Part(length)),
            _ => Err(uneven()),
        }
    }

    /// The first day of the period which `day` is in.
    fn first_day(self, day: Date) -> Date {
        match self {
            Self::Part(_) | Self::Day => day,
            Self::Week => {
                let since_monday = i64::from(day.weekday().to_monday_zero_offset());
                day.checked_sub(SignedDuration::from_hours(24 * since_monday)).unwrap_or(Date::MIN)
            }
            Self::Month => day.first_of_month(),
        }
    }

    /// The first day after that period; none beyond the year 9999.
    fn next_day(self, day: Date) -> Option<Date> {
        match self {
            Self::Part(_) | Self::Day => day.tomorrow().ok(),
            Self::Week => self.first_day(day).checked_add(WEEK).ok(),
            Self::Month => day.last_of_month().tomorrow().ok(),
        }
    }
}

impl fmt::Display for Period {
    /// As [`Period::parse`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part(length) => f.write_str(&spell(*length)),
            Self::Day => f.write_str("1d"),
            Self::Week => f.write_str("1w"),
            Self::Month => f.write_str("1month"),
        }
    }
}

impl TryFrom<String> for Period {
    type Error = SlotsError;

    fn try_from(text: String) -> Result<Self, SlotsError> {
        Self::parse(&text)
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

fn divides_a_day(length: SignedDuration) -> bool {
    length.is_positive() && length.subsec_nanos() == 0 && DAY.as_secs() % length.as_secs() == 0
}

/// Where the part of a day begins which `at` is in.
fn part_start(midnight: Timestamp, length: SignedDuration, at: Timestamp) -> Timestamp {
    let elapsed = at.as_nanosecond() - midnight.as_nanosecond();
    let within = elapsed.rem_euclid(length.as_nanos());
    Timestamp::from_nanosecond(at.as_nanosecond() - within).unwrap_or(midnight)
}

#[cfg(test)]
mod tests;
