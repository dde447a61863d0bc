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
//! The calendar is croner's work. It is asked about civil times only, and never
//! about zones: it would lose ticks in gaps. Texts reach it after every word was
//! checked here, since its errors do not say where they are.

use super::field::{DAY_OF_MONTH, DAY_OF_WEEK, HOUR, MINUTE, MONTH, Piece, SECOND};
use croner::Weekday;
use croner::parser::{CronParser, Seconds, Year};
use croner::time::days_in_month;
use jiff::civil::DateTime;
use std::ops::Range;
use std::sync::Arc;

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
    text: Arc<str>,
    rule: Arc<croner::Cron>,
    wildcard: bool,
}

impl Cron {
    /// Reads an expression of five fields, of six with seconds first, or a
    /// nickname such as `@daily`.
    ///
    /// # Errors
    ///
    /// If it is none, or names only days which never come, such as 31 February.
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
        let (second, minute, hour, day, month, weekday) = match fields {
            [minute, hour, day, month, weekday] => (None, minute, hour, day, month, weekday),
            [second, minute, hour, day, month, weekday] => (Some(second), minute, hour, day, month, weekday),
            _ => return Err(miscounted(text, fields)),
        };
        let canonical = [
            second.map_or(Ok("0".to_owned()), |second| SECOND.canonical(*second))?,
            MINUTE.canonical(*minute)?,
            HOUR.canonical(*hour)?,
            DAY_OF_MONTH.canonical(*day)?,
            MONTH.canonical(*month)?,
            DAY_OF_WEEK.canonical(*weekday)?,
        ];
        let starred = |field: &Piece<'_>| field.text.starts_with(['*', '?']);
        let rule = CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Disallowed)
            .dom_and_dow(starred(day) || starred(weekday))
            .build()
            .parse(&canonical.join(" "))
            .map_err(|error| CronError { message: error.to_string(), span: extent(text, fields) })?;
        if !comes(&rule) {
            let message = format!("such a day never comes: day `{}` of month `{}`", day.text, month.text);
            return Err(CronError { message, span: day.at..month.span().end });
        }
        let wildcard = minute.text.starts_with('*') || hour.text.starts_with('*');
        Ok(Self { text: text.into(), rule: Arc::new(rule), wildcard })
    }

    /// The expression as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The expression in six fields and without names: the same for two
    /// spellings of one schedule.
    #[must_use]
    pub fn canonical(&self) -> &str {
        self.rule.as_str()
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
    /// that is beyond the year 4999.
    #[must_use]
    pub fn civil_after(&self, from: DateTime) -> Option<DateTime> {
        self.rule.find_next_occurrence(&from, false).ok()
    }

    /// The first civil time at or after `from`, which is in whole seconds.
    #[must_use]
    pub fn civil_at_or_after(&self, from: DateTime) -> Option<DateTime> {
        self.rule.find_next_occurrence(&from, true).ok()
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

/// Whether some day of some year matches. Over the years every date falls on
/// every weekday, the leap day too, so a leap year, another one and all weekdays
/// for each date stand for all of them.
fn comes(rule: &croner::Cron) -> bool {
    let months = |year: i32| (1..=12).map(move |month: u32| (year, month));
    let months = [2023, 2024].into_iter().flat_map(months);
    months
        .filter(|(_, month)| rule.pattern.month_match(*month).unwrap_or(false))
        .flat_map(|(year, month)| (1..=days_in_month(year, month)).map(move |day| (year, month, day)))
        .any(|(year, month, day)| {
            let mut weekdays = (0..7).map(Weekday::from_days_from_sunday);
            weekdays.any(|weekday| rule.pattern.day_match(year, month, day, weekday).unwrap_or(false))
        })
}

#[cfg(test)]
mod tests;
