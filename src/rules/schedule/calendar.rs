//! The civil times which a cron expression names, as sets of bits.
//!
//! An expression is six small sets of numbers, so each of them is an integer
//! with a bit for each value: the whole takes forty bytes, nothing on the heap,
//! and the next value of a set is a shift and a count of zeros. A search jumps
//! from field to field. It never goes through seconds, minutes or days one by
//! one: within a day it looks at each field once, and beyond it a month at a
//! time, whose matching days are worked out together.
//!
//! Only civil times are known here. What clocks do to them is
//! [`civil`](super::civil)'s affair.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};

/// Stands, among the days of a month, for the last one. They begin with 1.
pub(super) const LAST_DAY: u64 = 1;

/// How many months a search looks at, at most.
///
/// Every date falls on every weekday again within forty years; that long it
/// takes the leap day across a year such as 2100, which has none. So what comes
/// at all comes within forty years and the month in which the search begins.
const MONTHS_MAX: usize = 12 * 41;

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// How the two day fields are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    /// A day must match both: one of them begins with a star.
    Both,
    /// A day must match one of them.
    Either,
}

/// Days of the week, Sunday being bit 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Weekdays {
    /// Those which match wherever in the month they fall.
    pub(super) every: u8,
    /// Those which match as the first, the second … the fifth of the month.
    pub(super) nth: [u8; 5],
    /// Those which match as the last of the month.
    pub(super) last: u8,
}

/// A compiled expression. No set of its times of day and months is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Calendar {
    pub(super) seconds: u64,
    pub(super) minutes: u64,
    pub(super) hours: u32,
    /// Bits 1 to 31, and [`LAST_DAY`].
    pub(super) days: u32,
    /// Bits 1 to 12.
    pub(super) months: u16,
    pub(super) weekdays: Weekdays,
    pub(super) join: Join,
}

impl Calendar {
    /// The first time after `from`; none if it is beyond the year 9999.
    pub(super) fn after(&self, from: DateTime) -> Option<DateTime> {
        let fraction = SignedDuration::from_nanos(i64::from(from.subsec_nanosecond()));
        self.at_or_after(from.checked_sub(fraction).ok()?.checked_add(SECOND).ok()?)
    }

    /// The first time at or after `from`; none if it is beyond the year 9999.
    pub(super) fn at_or_after(&self, from: DateTime) -> Option<DateTime> {
        // Times are in whole seconds: none lies within one.
        if from.subsec_nanosecond() != 0 {
            return self.after(from);
        }
        let mut day = self.day_from(from.date())?;
        if day == from.date() {
            if let Some(time) = self.time_from(from.time()) {
                return Some(day.to_datetime(time));
            }
            day = self.day_from(day.tomorrow().ok()?)?;
        }
        Some(day.to_datetime(self.time_from(Time::midnight())?))
    }

    /// Whether any day ever matches.
    ///
    /// The calendar repeats after 400 years. In that time leap years and others
    /// begin on each day of the week, so a month of each length which begins on
    /// each day of the week stands for all there are.
    pub(super) fn comes(&self) -> bool {
        (1..=12_u32).filter(|month| self.months & (1_u16 << *month) != 0).any(|month| {
            let mut lengths = match month {
                2 => 28..=29,
                4 | 6 | 9 | 11 => 30..=30,
                _ => 31..=31,
            };
            lengths.any(|length| (0..7).any(|first| self.days_of(length, first) != 0))
        })
    }

    /// The first day from `from` on.
    fn day_from(&self, from: Date) -> Option<Date> {
        let (mut year, mut month, mut day) = (from.year(), from.month(), from.day());
        let months = u64::from(self.months);
        for _ in 0..MONTHS_MAX {
            if next(months, month) == Some(month) {
                let first = Date::new(year, month, 1).ok()?;
                let length = u32::try_from(first.days_in_month()).ok()?;
                let weekday = u32::try_from(first.weekday().to_sunday_zero_offset()).ok()?;
                if let Some(day) = next(self.days_of(length, weekday), day) {
                    return Date::new(year, month, day).ok();
                }
            }
            day = 1;
            month = match next(months, month + 1) {
                Some(month) => month,
                None => {
                    year = year.checked_add(1)?;
                    next(months, 1)?
                }
            };
        }
        None
    }

    /// The matching days of a month of so many days, whose first is this day of
    /// the week.
    fn days_of(&self, length: u32, first: u32) -> u64 {
        let mut by_date = u64::from(self.days);
        if by_date & LAST_DAY != 0 {
            by_date |= 1_u64 << length;
        }
        // The last seven days hold the last of each weekday. The first of them
        // is as many days of the week after `first` as the month is long.
        let mut by_weekday = beginning_with((first + length) % 7, self.weekdays.last) << (length - 6);
        for (week, nth) in (0_u32..).zip(self.weekdays.nth) {
            by_weekday |= beginning_with(first, self.weekdays.every | nth) << (7 * week + 1);
        }
        let matching = match self.join {
            Join::Both => by_date & by_weekday,
            Join::Either => by_date | by_weekday,
        };
        let month = (1_u64 << (length + 1)) - 2;
        matching & month
    }

    /// The first time of day from `time` on.
    fn time_from(&self, time: Time) -> Option<Time> {
        let (hour, minute) = (time.hour(), time.minute());
        let hours = u64::from(self.hours);
        let first_second = next(self.seconds, 0)?;
        if next(hours, hour) == Some(hour) {
            if next(self.minutes, minute) == Some(minute)
                && let Some(second) = next(self.seconds, time.second())
            {
                return Time::new(hour, minute, second, 0).ok();
            }
            if let Some(minute) = next(self.minutes, minute + 1) {
                return Time::new(hour, minute, first_second, 0).ok();
            }
        }
        Time::new(next(hours, hour + 1)?, next(self.minutes, 0)?, first_second, 0).ok()
    }
}

/// The least value of a set from `from` on.
fn next(set: u64, from: i8) -> Option<i8> {
    let rest = set & u64::MAX.checked_shl(u32::try_from(from).ok()?)?;
    if rest == 0 { None } else { i8::try_from(rest.trailing_zeros()).ok() }
}

/// A week whose bit 0 is the weekday `first`, 0 being Sunday.
fn beginning_with(first: u32, weekdays: u8) -> u64 {
    let two_weeks = (u64::from(weekdays) << 7) | u64::from(weekdays);
    (two_weeks >> first) & 0x7f
}

#[cfg(test)]
mod tests;
