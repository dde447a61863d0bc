//! One field of a cron expression: checked word by word, so that an error can
//! point at the guilty one, and made a set of values.
//!
//! Beside the set comes its canonical text: numbers for names, a range for a `*`
//! inside a list, and no step beyond one past the greatest value. That text is
//! part of what the database keeps of a schedule, so whoever changes how it is
//! written starts schedules afresh which nobody has edited.

mod term;

pub(super) use self::term::Values;

use self::term::Term;
use super::cron::CronError;
use std::ops::Range;

/// A part of the expression and where it begins, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl<'a> Piece<'a> {
    /// The bytes it takes in the expression.
    pub(super) fn span(self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }

    /// The words of a text.
    pub(super) fn words(text: &'a str) -> Vec<Self> {
        let mut words = Vec::new();
        let mut end = 0;
        for word in text.split_whitespace() {
            // Only blanks lie between two words, so the first find is the word.
            let at = end + text[end..].find(word).unwrap_or_default();
            words.push(Self { text: word, at });
            end = at + word.len();
        }
        words
    }

    fn split_once(self, mark: char) -> Option<(Self, Self)> {
        let (before, after) = self.text.split_once(mark)?;
        let at = self.at + before.len() + mark.len_utf8();
        Some((Self { text: before, at: self.at }, Self { text: after, at }))
    }

    fn is_number(self) -> bool {
        self.text.bytes().all(|byte| byte.is_ascii_digit())
    }

    fn error(self, message: impl Into<String>) -> CronError {
        CronError { message: message.into(), span: self.span() }
    }
}

/// What a field is about; days have more to say than the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    DayOfMonth,
    DayOfWeek,
}

/// A field of a cron expression: its values and its words.
#[derive(Debug)]
pub(super) struct Field {
    noun: &'static str,
    plural: &'static str,
    min: u8,
    max: u8,
    names: &'static [(&'static str, u8)],
    kind: Kind,
}

const fn time(noun: &'static str, plural: &'static str, max: u8) -> Field {
    Field { noun, plural, min: 0, max, names: &[], kind: Kind::Plain }
}

/// The six fields, in the order in which they are written.
pub(super) static FIELDS: [Field; 6] = [
    time("second", "seconds", 59),
    time("minute", "minutes", 59),
    time("hour", "hours", 23),
    DAY_OF_MONTH,
    Field { noun: "month", plural: "months", min: 1, max: 12, names: &MONTHS, kind: Kind::Plain },
    DAY_OF_WEEK,
];

const DAY_OF_MONTH: Field = Field {
    noun: "day of the month",
    plural: "days of the month",
    min: 1,
    max: 31,
    names: &[],
    kind: Kind::DayOfMonth,
};

const DAY_OF_WEEK: Field = Field {
    noun: "day of the week",
    plural: "days of the week",
    min: 0,
    max: 7,
    names: &DAYS,
    kind: Kind::DayOfWeek,
};

const MONTHS: [(&str, u8); 12] = [
    ("JAN", 1),
    ("FEB", 2),
    ("MAR", 3),
    ("APR", 4),
    ("MAY", 5),
    ("JUN", 6),
    ("JUL", 7),
    ("AUG", 8),
    ("SEP", 9),
    ("OCT", 10),
    ("NOV", 11),
    ("DEC", 12),
];

const DAYS: [(&str, u8); 7] =
    [("SUN", 0), ("MON", 1), ("TUE", 2), ("WED", 3), ("THU", 4), ("FRI", 5), ("SAT", 6)];

impl Field {
    /// Checks the field, and adds it to the canonical text of the expression.
    pub(super) fn read(&self, field: Piece<'_>, canonical: &mut String) -> Result<Values, CronError> {
        if field.text == "*" || (field.text == "?" && self.kind != Kind::Plain) {
            canonical.push('*');
            return Ok(Values::range(self.min, self.last()));
        }
        let mut values = Values::default();
        let mut terms = String::new();
        let mut at = field.at;
        for text in field.text.split(',') {
            if text.is_empty() {
                let comma = if at < field.span().end { at } else { at - 1 };
                let comma = Piece { text: ",", at: comma };
                return Err(comma.error("a value is missing beside this comma"));
            }
            let term = self.term(Piece { text, at })?;
            values.add(term);
            terms.push_str(if terms.is_empty() { "" } else { "," });
            terms.push_str(&term.to_string());
            at += text.len() + 1;
        }
        // A star in front stands for all values, and makes the field begin with
        // a star; what follows adds nothing.
        if field.text.starts_with("*,") {
            (terms, values) = ("*".to_owned(), Values::range(self.min, self.last()));
        }
        canonical.push_str(&terms);
        Ok(values)
    }

    /// One value of a list: a number or name, a range, a step, or what only
    /// days have.
    fn term(&self, value: Piece<'_>) -> Result<Term, CronError> {
        if value.text.split(['/', '-', '#']).any(str::is_empty) {
            return Err(value.error(format!("`{}` is not complete", value.text)));
        }
        if value.text == "*" {
            return Ok(Term::Range { first: self.min, last: self.last() });
        }
        if let Some((range, step)) = value.split_once('/') {
            return self.stepped(value, range, step);
        }
        if let Some((day, nth)) = value.split_once('#') {
            return self.nth(value, day, nth);
        }
        if let Some((first, last)) = value.split_once('-') {
            let (first, last) = self.range(value, first, last)?;
            return Ok(Term::Range { first, last });
        }
        if let Some(before) = value.text.strip_suffix(['L', 'l']) {
            match self.kind {
                Kind::DayOfMonth if before.is_empty() => return Ok(Term::LastDay),
                Kind::DayOfWeek if !before.is_empty() => {
                    return Ok(Term::LastOf(self.single(Piece { text: before, ..value })?));
                }
                _ => {}
            }
        }
        self.single(value).map(Term::One)
    }

    /// A number or name on its own, where Sunday is always 0.
    fn single(&self, value: Piece<'_>) -> Result<u8, CronError> {
        let number = self.number(value)?;
        Ok(if self.kind == Kind::DayOfWeek { number % 7 } else { number })
    }

    fn range(&self, whole: Piece<'_>, first: Piece<'_>, last: Piece<'_>) -> Result<(u8, u8), CronError> {
        let (mut first, mut last) = (self.number(first)?, self.number(last)?);
        if self.kind == Kind::DayOfWeek {
            // Sunday is 0 and 7, whichever makes the range run forward.
            if first == 7 && last < 7 {
                first = 0;
            } else if last == 0 && first > 0 {
                last = 7;
            }
        }
        if first > last {
            let instead = format!("{first}-{},{}-{last}", self.last(), self.min);
            return Err(whole.error(format!("this range runs backwards: write `{instead}`")));
        }
        Ok((first, last))
    }

    fn stepped(&self, whole: Piece<'_>, range: Piece<'_>, step: Piece<'_>) -> Result<Term, CronError> {
        let count = step.text.parse::<u16>().ok().filter(|count| *count > 0 && step.is_number());
        let Some(count) = count else {
            return Err(step.error(format!("`{}` is no step: a step is a whole number from 1", step.text)));
        };
        // A step past the end leaves the first value, as a larger one would.
        let step_capped = count.min(u16::from(self.max) + 1);
        if range.text == "*" {
            return Ok(Term::Star { first: self.min, last: self.max, step: step_capped });
        }
        match range.split_once('-') {
            Some((first, last)) => {
                let (first, last) = self.range(range, first, last)?;
                Ok(Term::Stepped { first, last, step: step_capped })
            }
            None => {
                let first = self.number(range)?;
                let instead = format!("{first}-{}/{}", self.last(), step.text);
                Err(whole.error(format!("a step needs a range: write `{instead}`")))
            }
        }
    }

    fn nth(&self, whole: Piece<'_>, day: Piece<'_>, nth: Piece<'_>) -> Result<Term, CronError> {
        if self.kind != Kind::DayOfWeek {
            return Err(whole.error("`#` is for days of the week, as in `FRI#2`"));
        }
        let day = self.single(day)?;
        match nth.text.parse::<u8>() {
            Ok(number @ 1..=5) if nth.is_number() => Ok(Term::Nth { day, nth: number }),
            _ => Err(nth.error("a month has a first to a fifth of a weekday: write `#1` to `#5`")),
        }
    }

    fn number(&self, value: Piece<'_>) -> Result<u8, CronError> {
        let text = value.text;
        if value.is_number() {
            let number = text.parse::<u8>().ok().filter(|number| (self.min..=self.max).contains(number));
            return number.ok_or_else(|| {
                let (noun, plural, min, max) = (self.noun, self.plural, self.min, self.max);
                value.error(format!("`{text}` is no {noun}: {plural} go from {min} to {max}"))
            });
        }
        match self.names.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            Some((_, number)) => Ok(*number),
            None => Err(value.error(self.stranger(text))),
        }
    }

    /// What to say about a word which is no value of this field.
    fn stranger(&self, text: &str) -> String {
        let upper = text.to_ascii_uppercase();
        if let Some((name, _)) = self.names.iter().find(|(name, _)| upper.starts_with(name)) {
            return format!("`{text}` is no {}; did you mean `{name}`?", self.noun);
        }
        match (self.kind, upper.as_str()) {
            (_, "?") => "`?` stands alone, and only for the day of the month or of the week".to_owned(),
            (Kind::DayOfWeek, "L") => "`L` needs a weekday here: `FRIL` is the last Friday".to_owned(),
            (Kind::DayOfMonth, "L") => "`L`, the last day of the month, takes part in no range".to_owned(),
            (Kind::DayOfMonth, day) if day.ends_with('W') => {
                "`W`, the weekday nearest to a day, is not supported".to_owned()
            }
            _ => format!("`{text}` is no {}", self.noun),
        }
    }

    /// The greatest value, where each is counted once: Sunday is 0, not 7 too.
    fn last(&self) -> u8 {
        if self.kind == Kind::DayOfWeek { 6 } else { self.max }
    }
}
