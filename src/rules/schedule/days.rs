//! A time of day every so many days: `every = "3d"` with `time = "09:00"`.
//!
//! Cron cannot say it, since its days begin anew with each month, and a period
//! cannot either, since it drifts by an hour twice a year. So days of the
//! calendar are counted, in the schedule's zone, from the day on which `from`
//! lies there, or else from 1 January 1970. On each of them the time is a fixed
//! one, as a fixed time of cron is: changes of the clock obey `dst`.

use super::Tick;
use super::civil::ticks_at;
use super::every::Every;
use super::policy::DstPolicy;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::fmt;
use std::vec;

/// The most days between two ticks: ten years.
pub const DAYS_MAX: u16 = 3660;

/// The day from which days are counted, unless the schedule says.
pub const FIRST_DAY: Date = Date::constant(1970, 1, 1);

const SECONDS_A_DAY: i64 = 24 * 3600;

/// Why a period and a time of day are no schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DaysError {
    /// The period is not made of whole days.
    #[error("with `time`, `every` is a number of whole days")]
    NotWhole,
    /// It is longer than [`DAYS_MAX`].
    #[error("there are at most {DAYS_MAX} days between two ticks")]
    TooMany,
}

/// A text which is no time of day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no time of day such as `09:00` or `23:59:30`")]
pub struct TimeError(pub String);

/// A time of day every so many days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Days {
    days: u16,
    time: Time,
}

/// Reads a time of day, `09:00` or `23:59:30`.
///
/// # Errors
///
/// If it is none.
pub fn parse_time(text: &str) -> Result<Time, TimeError> {
    read_time(text).ok_or_else(|| TimeError(text.to_owned()))
}

fn read_time(text: &str) -> Option<Time> {
    let parts = text.split(':').map(two_digits).collect::<Option<Vec<i8>>>()?;
    let (hour, minute, second) = match parts[..] {
        [hour, minute] => (hour, minute, 0),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    Time::new(hour, minute, second, 0).ok()
}

fn two_digits(text: &str) -> Option<i8> {
    let plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

impl Days {
    /// This time of day, once each period.
    ///
    /// # Errors
    ///
    /// If the period is not made of whole days, or too long.
    pub fn new(period: Every, time: Time) -> Result<Self, DaysError> {
        let period = period.period();
        if period.subsec_nanos() != 0 || period.as_secs() % SECONDS_A_DAY != 0 {
            return Err(DaysError::NotWhole);
        }
        match u16::try_from(period.as_secs() / SECONDS_A_DAY) {
            Ok(days) if days <= DAYS_MAX => Ok(Self { days, time }),
            Ok(_) | Err(_) => Err(DaysError::TooMany),
        }
    }

    /// The day of a number, that of `first` being 0; none beyond the calendar.
    fn day(self, first: Date, number: i64) -> Option<Date> {
        let hours = number.checked_mul(i64::from(self.days))?.checked_mul(24)?;
        first.checked_add(SignedDuration::from_hours(hours)).ok()
    }

    /// The number of the last of its days which is not after `date`.
    fn number_at(self, first: Date, date: Date) -> i64 {
        let days = first.duration_until(date).as_hours().div_euclid(24);
        days.div_euclid(i64::from(self.days))
    }
}

impl fmt::Display for Days {
    /// Part of a fingerprint, which must not depend on how a library writes
    /// times.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { days, time } = self;
        write!(f, "{days}d at {:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())
    }
}

/// The ticks of a time of day every so many days, after a moment.
#[derive(Clone, Debug)]
pub(super) struct Walk<'a> {
    days: Days,
    first: Date,
    tz: &'a TimeZone,
    dst: DstPolicy,
    /// The next day whose ticks are worked out; none behind the last there is.
    number: Option<i64>,
    found: vec::IntoIter<Tick>,
    after: Timestamp,
}

impl<'a> Walk<'a> {
    pub(super) fn new(days: Days, first: Date, tz: &'a TimeZone, dst: DstPolicy, after: Timestamp) -> Self {
        let today = days.number_at(first, tz.to_datetime(after).date());
        // A day earlier, since a clock which goes back may bring its end again.
        let number = [today - 1, today].into_iter().find(|number| days.day(first, *number).is_some());
        Self { days, first, tz, dst, number, found: Vec::new().into_iter(), after }
    }
}

impl Iterator for Walk<'_> {
    type Item = Tick;

    fn next(&mut self) -> Option<Tick> {
        loop {
            let after = self.after;
            // A time which was moved out of a gap may meet another one.
            if let Some(tick) = self.found.find(|tick| tick.at > after) {
                self.after = tick.at;
                return Some(tick);
            }
            let number = self.number?;
            let day = self.days.day(self.first, number)?;
            self.number = number.checked_add(1);
            self.found = ticks_at(day.to_datetime(self.days.time), self.tz, self.dst).into_iter();
        }
    }
}

#[cfg(test)]
mod tests;
