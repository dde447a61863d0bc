//! Days of the week, and times of day, as hours name them.

use crate::rules::text::{closest, shortened};
use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time, Weekday};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The days, beginning with Monday.
const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// 24:00, in seconds.
const DAY: u32 = 86_400;

/// So much of a text which is no day and no time is shown.
const SHOWN_MAX: usize = 40;

/// A text which says no hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoursError {
    /// There is nothing where a day should be.
    NoDay,
    /// It is no day.
    Day {
        /// The text.
        text: String,
        /// The day which was probably meant.
        suggestion: Option<&'static str>,
    },
    /// It is no time of day.
    Time(String),
}

impl fmt::Display for HoursError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDay => f.write_str("a day is missing; days are written as in `mon-fri` or `sat,sun`"),
            Self::Day { text, suggestion: Some(day) } => {
                write!(f, "`{text}` is no day; did you mean `{day}`?")
            }
            Self::Day { text, suggestion: None } => {
                write!(f, "`{text}` is no day; days are written as in `mon-fri` or `sat,sun`")
            }
            Self::Time(text) => {
                write!(f, "`{text}` is no time of day such as `08:00`, `17:30:15` or `24:00`")
            }
        }
    }
}

impl std::error::Error for HoursError {}

/// Days of the week; at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Days(pub(super) u8);

impl Days {
    /// All seven.
    pub const ALL: Self = Self(0b111_1111);

    /// Reads days such as `mon-fri,sun`, in any case. A range may go over the end
    /// of the week: `sat-mon`.
    ///
    /// # Errors
    ///
    /// If a part of the list is no day and no range of days.
    pub fn parse(text: &str) -> Result<Self, HoursError> {
        let mut days = 0_u8;
        for part in text.split(',') {
            days |= match part.split_once('-') {
                Some((first, last)) => range(number(first)?, number(last)?),
                None => 1_u8 << number(part)?,
            };
        }
        Ok(Self(days))
    }

    /// Whether this day is one of them.
    #[must_use]
    pub fn contains(self, day: Weekday) -> bool {
        self.0 & (1_u8 << day.to_monday_zero_offset()) != 0
    }

    /// The numbers of the days which follow each other from `first` on.
    fn run(self, first: usize) -> usize {
        (first..NAMES.len()).take_while(|day| self.0 & (1_u8 << *day) != 0).count()
    }
}

/// The number of a day; Monday's is 0.
fn number(text: &str) -> Result<usize, HoursError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(HoursError::NoDay);
    }
    let found = NAMES.iter().position(|name| name.eq_ignore_ascii_case(text));
    found
        .ok_or_else(|| HoursError::Day { text: shortened(text, SHOWN_MAX), suggestion: closest(text, NAMES) })
}

/// The days from one to another, over the end of the week if need be.
fn range(first: usize, last: usize) -> u8 {
    let length = (last + NAMES.len() - first) % NAMES.len();
    (0..=length).fold(0_u8, |days, day| days | (1_u8 << ((first + day) % NAMES.len())))
}

impl fmt::Display for Days {
    /// As [`Days::parse`] reads them: `mon-fri,sun`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut day = 0;
        while day < NAMES.len() {
            let length = self.run(day);
            match length {
                0 => {}
                1 => write!(f, "{separator}{}", NAMES[day])?,
                2 => write!(f, "{separator}{},{}", NAMES[day], NAMES[day + 1])?,
                _ => write!(f, "{separator}{}-{}", NAMES[day], NAMES[day + length - 1])?,
            }
            if length > 0 {
                separator = ",";
            }
            day += length.max(1);
        }
        Ok(())
    }
}

impl TryFrom<String> for Days {
    type Error = HoursError;

    fn try_from(text: String) -> Result<Self, HoursError> {
        Self::parse(&text)
    }
}

impl From<Days> for String {
    fn from(days: Days) -> Self {
        days.to_string()
    }
}

/// A time of day, in seconds after midnight: 00:00 to 24:00, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClockTime(pub(super) u32);

impl ClockTime {
    /// Reads a time such as `08:00`, `08:00:30` or `24:00`.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn parse(text: &str) -> Result<Self, HoursError> {
        let wrong = || HoursError::Time(shortened(text, SHOWN_MAX));
        let fields = text.split(':').map(two_digits).collect::<Option<Vec<u32>>>();
        let (hour, minute, second) = match fields.as_deref() {
            Some([hour, minute]) => (*hour, *minute, 0),
            Some([hour, minute, second]) => (*hour, *minute, *second),
            _ => return Err(wrong()),
        };
        let time = Self(hour * 3_600 + minute * 60 + second);
        if minute < 60 && second < 60 && time.0 <= DAY { Ok(time) } else { Err(wrong()) }
    }

    /// This time on a day; 24:00 is the midnight at its end. None beyond the
    /// year 9999.
    pub(super) fn on(self, day: Date) -> Option<DateTime> {
        let since_midnight = SignedDuration::from_secs(i64::from(self.0));
        day.to_datetime(Time::midnight()).checked_add(since_midnight).ok()
    }
}

fn two_digits(text: &str) -> Option<u32> {
    let plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

impl fmt::Display for ClockTime {
    /// As [`ClockTime::parse`] reads it; without seconds, if there are none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hour, minute, second) = (self.0 / 3_600, self.0 / 60 % 60, self.0 % 60);
        write!(f, "{hour:02}:{minute:02}")?;
        if second == 0 { Ok(()) } else { write!(f, ":{second:02}") }
    }
}

impl TryFrom<String> for ClockTime {
    type Error = HoursError;

    fn try_from(text: String) -> Result<Self, HoursError> {
        Self::parse(&text)
    }
}

impl From<ClockTime> for String {
    fn from(time: ClockTime) -> Self {
        time.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_lists_of_days_and_ranges() {
        check("mon", 0b000_0001, "mon");
        check("mon-fri", 0b001_1111, "mon-fri");
        check("MON-Fri , sun", 0b101_1111, "mon-fri,sun");
        check("sat,sun", 0b110_0000, "sat,sun");
        check("sat-mon", 0b110_0001, "mon,sat,sun");
        check("tue,mon,mon-wed", 0b000_0111, "mon-wed");
        check("wed-wed", 0b000_0100, "wed");
        check("mon-sun", 0b111_1111, "mon-sun");
        assert_eq!(Days::parse("thu-wed"), Ok(Days::ALL));
    }

    #[test]
    fn every_set_of_days_is_read_as_it_is_written() {
        for days in 1..=Days::ALL.0 {
            assert_eq!(Days::parse(&Days(days).to_string()), Ok(Days(days)));
        }
    }

    #[test]
    fn what_is_no_day_is_refused_with_a_reason() {
        for text in ["", " ", "mon,", "-fri", "mon-", ",mon"] {
            assert_eq!(Days::parse(text), Err(HoursError::NoDay), "{text}");
        }
        refused("monday", "`monday` is no day; did you mean `mon`?");
        refused("mon-frid", "`frid` is no day; did you mean `fri`?");
        refused("7", "`7` is no day; days are written as in `mon-fri` or `sat,sun`");
        refused("mon-wed-fri", "`wed-fri` is no day");
    }

    #[test]
    fn times_of_day_go_to_the_midnight_at_its_end() {
        for (text, seconds) in
            [("00:00", 0), ("08:00", 28_800), ("08:00:30", 28_830), ("23:59:59", 86_399), ("24:00", 86_400)]
        {
            assert_eq!(ClockTime::parse(text), Ok(ClockTime(seconds)));
            assert_eq!(ClockTime(seconds).to_string(), text);
        }
        assert_eq!(ClockTime::parse("24:00:00"), Ok(ClockTime(DAY)));
    }

    #[test]
    fn what_is_no_time_of_day_is_refused() {
        let texts = "8:00|08|08:60|08:00:60|24:01|25:00|99:00|08:00:00.5|+8:00|08:00Z|08:00:00:00|noon|";
        for text in texts.split('|') {
            assert_eq!(ClockTime::parse(text), Err(HoursError::Time(text.to_owned())), "{text}");
        }
        let message = "`8:00` is no time of day such as `08:00`, `17:30:15` or `24:00`";
        assert_eq!(ClockTime::parse("8:00").unwrap_err().to_string(), message);
    }

    #[track_caller]
    fn check(text: &str, bits: u8, written: &str) {
        assert_eq!(Days::parse(text), Ok(Days(bits)));
        assert_eq!(Days(bits).to_string(), written);
    }

    #[track_caller]
    fn refused(text: &str, message: &str) {
        let error = Days::parse(text).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}
