//! A naive cron: crontab(5), and what `docs/schedules.md` adds to it.
//!
//! It reads the words of an expression anew for each day it is asked about, and
//! has a calendar of its own. Only correct expressions are given to it.

use jiff::civil::{self, DateTime};

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    pub year: i16,
    pub month: i8,
    pub day: i8,
    /// 0 is Sunday.
    pub weekday: i8,
}

impl Day {
    /// The day of a date, its weekday by Sakamoto's method.
    pub fn new(year: i16, month: i8, day: i8) -> Self {
        let shifts = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];
        let shift = shifts[usize::try_from(month - 1).expect("a month")];
        let of_year = i32::from(if month < 3 { year - 1 } else { year });
        let days = of_year + of_year / 4 - of_year / 100 + of_year / 400 + shift + i32::from(day);
        Self { year, month, day, weekday: i8::try_from(days % 7).expect("a weekday") }
    }

    /// The day after this one.
    pub fn tomorrow(self) -> Self {
        let weekday = (self.weekday + 1) % 7;
        let (year, month, day) = match (self.month, self.day) {
            (12, 31) => (self.year + 1, 1, 1),
            (month, day) if day == self.month_length() => (self.year, month + 1, 1),
            (month, day) => (self.year, month, day + 1),
        };
        Self { year, month, day, weekday }
    }

    /// How many days its month has.
    pub fn month_length(self) -> i8 {
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        match self.month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// A time of this day.
    pub fn at(self, hour: i8, minute: i8, second: i8) -> DateTime {
        civil::date(self.year, self.month, self.day).at(hour, minute, second, 0)
    }
}

/// An expression of five fields, or of six.
#[derive(Clone, Debug)]
pub struct Crontab {
    seconds: Vec<bool>,
    minutes: Vec<bool>,
    hours: Vec<bool>,
    day: String,
    month: String,
    weekday: String,
}

impl Crontab {
    pub fn read(text: &str) -> Self {
        let text = text.to_lowercase();
        let mut fields: Vec<&str> = text.split_whitespace().collect();
        if fields.len() == 5 {
            fields.insert(0, "0");
        }
        let table = |field: &str, max: u32| -> Vec<bool> {
            (0..=max).map(|value| names(field, value, 0..=max, &[], 0)).collect()
        };
        Self {
            seconds: table(fields[0], 59),
            minutes: table(fields[1], 59),
            hours: table(fields[2], 23),
            day: fields[3].to_owned(),
            month: fields[4].to_owned(),
            weekday: fields[5].to_owned(),
        }
    }

    /// Whether it names a time of day.
    pub fn has_time(&self, hour: i8, minute: i8, second: i8) -> bool {
        self.hours[hour as usize] && self.minutes[minute as usize] && self.seconds[second as usize]
    }

    /// "If both fields are restricted, the command will be run when either field
    /// matches": neither begins with a star.
    pub fn has_day(&self, day: Day) -> bool {
        if !names(&self.month, u32::from(day.month.unsigned_abs()), 1..=12, &MONTHS, 1) {
            return false;
        }
        let by_date = self.day.split(',').any(|part| match part {
            "l" => day.day == day.month_length(),
            "?" => true,
            part => names(part, u32::from(day.day.unsigned_abs()), 1..=31, &[], 1),
        });
        let by_weekday = self.weekday.split(',').any(|part| names_weekday(part, day));
        let starred = |field: &str| field.starts_with('*') || field.starts_with('?');
        if starred(&self.day) || starred(&self.weekday) {
            by_date && by_weekday
        } else {
            by_date || by_weekday
        }
    }

    /// Whether minute or hour begin with a star: such a schedule follows elapsed
    /// time when the clock changes.
    pub fn is_wildcard(text: &str) -> bool {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let first = fields.len() - 5;
        fields[first].starts_with('*') || fields[first + 1].starts_with('*')
    }
}

fn names_weekday(part: &str, day: Day) -> bool {
    if part == "?" {
        return true;
    }
    let weekday = u32::from(day.weekday.unsigned_abs());
    let is_day = |text: &str| value(text, &WEEKDAYS, 0) % 7 == weekday;
    if let Some((named, nth)) = part.split_once('#') {
        let earlier = (day.day - 1) / 7;
        return is_day(named) && nth.parse::<i8>().is_ok_and(|nth| nth == earlier + 1);
    }
    if let Some(named) = part.strip_suffix('l') {
        return is_day(named) && day.day + 7 > day.month_length();
    }
    names(part, weekday, 0..=7, &WEEKDAYS, 0) || (weekday == 0 && names(part, 7, 0..=7, &WEEKDAYS, 0))
}

/// Whether a list of values, ranges and steps names a value.
fn names(
    field: &str,
    wanted: u32,
    all: std::ops::RangeInclusive<u32>,
    words: &[&str],
    first_word: u32,
) -> bool {
    field.split(',').any(|part| {
        let (range, step) = part.split_once('/').unwrap_or((part, "1"));
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (*all.start(), *all.end()),
            Some((first, last)) => (value(first, words, first_word), value(last, words, first_word)),
            None => (value(range, words, first_word), value(range, words, first_word)),
        };
        // Only days of the week may seem to run backwards, where Sunday is meant.
        let (first, last) = match (first, last) {
            (first, 0) if first > 0 => (first, 7),
            (7, last) if last < 7 => (0, last),
            both => both,
        };
        let step: u32 = step.parse().expect("a step");
        (first..=last).contains(&wanted) && (wanted - first).is_multiple_of(step)
    })
}

fn value(text: &str, words: &[&str], first_word: u32) -> u32 {
    let word = words.iter().position(|word| *word == text).map(|place| place as u32 + first_word);
    word.unwrap_or_else(|| text.parse().unwrap_or_else(|_| panic!("`{text}` is no value")))
}
