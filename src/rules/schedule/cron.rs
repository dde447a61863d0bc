//! Cron expressions: which civil times of day and date they name.
//!
//! The syntax is that of Vixie cron: five fields, minute, hour, day of month,
//! month, day of week, with names, lists, ranges, steps and nicknames. To that
//! come a sixth field for seconds, in front, `L` (the last day of the month;
//! `5L`, the last Friday), and `5#2` (the second Friday). `?` for one of the two
//! day fields means `*`, as those who know Quartz expect.
//!
//! Two rules of Vixie's are easily missed. A day must match the day of month
//! *or* the day of week if both are restricted; but if either begins with `*`,
//! also as `*/2`, it must match both. And whether minute or hour begin with `*`
//! decides how the schedule behaves when the clock changes, see
//! [`Cron::is_wildcard`].
//!
//! There may be a hundred thousand of them, so an expression is small: what it
//! means is a handful of integers, see `calendar`, and beside them there is one
//! allocation for its text, as it was written and as it is compared.

use super::calendar::{Calendar, Join, Weekdays};
use super::field::{FIELDS, Piece, Values};
use jiff::civil::DateTime;
use std::ops::Range;
use std::sync::Arc;

/// The most bytes of an expression. A list of all values of all fields has some
/// hundred; this bounds what reading one costs.
pub const LENGTH_MAX: usize = 4096;

/// Why a text is no cron expression, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CronError {
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// The guilty bytes of the text.
    pub span: Range<usize>,
}

/// A cron expression. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    /// The expression as it was written, and behind it its canonical form.
    texts: Arc<str>,
    /// The bytes of the first of them.
    written: u16,
    wildcard: bool,
    calendar: Calendar,
}

impl Cron {
    /// Reads an expression of five fields, of six with seconds first, or a
    /// nickname such as `@daily`.
    ///
    /// # Errors
    ///
    /// If it is none, is longer than [`LENGTH_MAX`], or names only days which
    /// never come, such as 31 February.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let words = Piece::words(text);
        match words.as_slice() {
            [nickname] if nickname.text.starts_with('@') => {
                let fields = expand(nickname.text);
                let fields = fields.map_err(|message| CronError { message, span: nickname.span() })?;
                Self::from_fields(text, &Piece::words(fields))
            }
            fields => Self::from_fields(text, fields),
        }
    }

    fn from_fields(text: &str, fields: &[Piece<'_>]) -> Result<Self, CronError> {
        let fields = match *fields {
            [minute, hour, day, month, weekday] => {
                let second = Piece { text: "0", at: minute.at };
                [second, minute, hour, day, month, weekday]
            }
            [second, minute, hour, day, month, weekday] => [second, minute, hour, day, month, weekday],
            _ => return Err(miscounted(text, fields)),
        };
        let Some(written) = u16::try_from(text.len()).ok().filter(|_| text.len() <= LENGTH_MAX) else {
            let message = format!("the expression is too long: it has at most {LENGTH_MAX} bytes");
            return Err(CronError { message, span: extent(text, &fields) });
        };
        let mut texts = text.to_owned();
        let mut values = [Values::default(); 6];
        for ((known, field), values) in FIELDS.iter().zip(fields).zip(&mut values) {
            if texts.len() > text.len() {
                texts.push(' ');
            }
            *values = known.read(field, &mut texts)?;
        }
        let [_, minute, hour, day, month, weekday] = fields;
        let starred = |field: Piece<'_>| field.text.starts_with(['*', '?']);
        let join = if starred(day) || starred(weekday) { Join::Both } else { Join::Either };
        let calendar = compiled(values, join);
        if !calendar.comes() {
            let message = format!("such a day never comes: day `{}` of month `{}`", day.text, month.text);
            return Err(CronError { message, span: day.at..month.span().end });
        }
        let wildcard = minute.text.starts_with('*') || hour.text.starts_with('*');
        Ok(Self { texts: texts.into(), written, wildcard, calendar })
    }

    /// The expression as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.texts[..usize::from(self.written)]
    }

    /// The expression in six fields and without names: the same for two
    /// spellings of one schedule.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.texts[usize::from(self.written)..]
    }

    /// Whether the minute or the hour begins with `*`.
    ///
    /// Such a schedule follows elapsed time: when the clock goes back it ticks
    /// in both of the equal hours, and when it goes forward nothing is missing.
    /// Any other names fixed times, and
    /// [`DstPolicy`](super::policy::DstPolicy) says what becomes of those which
    /// do not exist, or exist twice.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.wildcard
    }

    /// The first civil time after `from` which the expression names; none if
    /// that is beyond the year 9999.
    #[must_use]
    pub fn civil_after(&self, from: DateTime) -> Option<DateTime> {
        self.calendar.after(from)
    }

    /// The first civil time at or after `from` which the expression names; none
    /// if that is beyond the year 9999.
    #[must_use]
    pub fn civil_at_or_after(&self, from: DateTime) -> Option<DateTime> {
        self.calendar.at_or_after(from)
    }
}

/// The values of the six fields as a calendar. None has bits beyond those of
/// its set: each word was checked against its field.
fn compiled(values: [Values; 6], join: Join) -> Calendar {
    let [seconds, minutes, hours, days, months, weekdays] = values;
    Calendar {
        seconds: seconds.set,
        minutes: minutes.set,
        hours: hours.set as u32,
        days: days.set as u32,
        months: months.set as u16,
        weekdays: Weekdays { every: weekdays.weekdays(), nth: weekdays.nth, last: weekdays.last },
        join,
    }
}

/// The fields for a nickname.
fn expand(nickname: &str) -> Result<&'static str, String> {
    match nickname.to_ascii_lowercase().as_str() {
        "@yearly" | "@annually" => Ok("0 0 1 1 *"),
        "@monthly" => Ok("0 0 1 * *"),
        "@weekly" => Ok("0 0 * * 0"),
        "@daily" | "@midnight" => Ok("0 0 * * *"),
        "@hourly" => Ok("0 * * * *"),
        "@reboot" => Err("`@reboot` is no time: that a daemon starts must not cause work".to_owned()),
        other => Err(format!(
            "`{other}` is not one of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly"
        )),
    }
}

fn miscounted(text: &str, fields: &[Piece<'_>]) -> CronError {
    let count = fields.len();
    let message = match fields {
        [] => "the expression is empty: it has five fields, as in `0 9 * * MON`".to_owned(),
        [first, ..] if first.text.eq_ignore_ascii_case("@every") => {
            "`@every` is no cron expression: say `every` instead of `cron`".to_owned()
        }
        [first, ..] if first.text.starts_with('@') => "a nickname stands alone".to_owned(),
        _ if count > 6 => format!("{count} fields are too many: there are five, or six with seconds first"),
        _ => format!("{count} fields are too few: minute, hour, day of month, month, day of week"),
    };
    CronError { message, span: extent(text, fields) }
}

/// The bytes from the first to the last field.
fn extent(text: &str, fields: &[Piece<'_>]) -> Range<usize> {
    match fields {
        [first, .., last] => first.at..last.span().end.min(text.len()),
        [only] => only.span(),
        [] => 0..text.len(),
    }
}

#[cfg(test)]
mod tests;
