//! What several gates read alike: words, durations, zones, whole numbers, and
//! what an event or a row may say in their stead.

use crate::rules::duration;
use crate::rules::problem::Problem;
use crate::rules::routine::context::{self, Get};
use crate::rules::routine::literal::small_integer;
use crate::rules::routine::table::{Findings, Table, Text, Value, table_of, text_of, wrong_type};
use crate::rules::schedule::zone::parse_zone;
use crate::rules::template::Variables;
use crate::rules::text::{closest, listed};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use std::ops::RangeInclusive;

/// The longest a gate holds anything. What is to come later than in a year is
/// the business of a schedule.
pub(super) const HELD_MAX: SignedDuration = SignedDuration::from_hours(366 * 24);

/// What stands in the routine, or in the event or row.
#[derive(Clone, Debug)]
pub enum Setting<T> {
    /// The routine says it.
    Fixed(T),
    /// The event or the row says it, when it comes.
    Get(Get),
}

impl<T> Setting<T> {
    /// What the routine says, if it does.
    #[must_use]
    pub fn fixed(&self) -> Option<&T> {
        match self {
            Self::Fixed(value) => Some(value),
            Self::Get(_) => None,
        }
    }
}

/// The table of a gate, if the routine has that gate; the outer option is empty
/// after a complaint.
pub(super) fn gate<'a>(
    findings: &mut Findings,
    flow: &Table<'a>,
    name: &str,
    wanted: &str,
) -> Option<Option<Table<'a>>> {
    let Some(value) = flow.get(name) else {
        return Some(None);
    };
    table_of(value).map(Some).or_else(|| wrong_type(findings, name, value, wanted))
}

/// Complains if a gate lacks a key.
pub(super) fn require(
    findings: &mut Findings,
    table: &Table<'_>,
    gate: &str,
    key: &str,
    help: &str,
) -> Option<()> {
    if table.get(key).is_some() {
        return Some(());
    }
    // A value which could not be read has been complained about.
    if table.key_span(key) == table.span {
        let problem = Problem::error(table.span.clone(), format!("`{gate}` has no `{key}`"));
        findings.missing(problem.label(format!("needs a `{key}`")).help(help));
    }
    None
}

/// Complains about a key which says nothing here.
pub(super) fn needless(findings: &mut Findings, table: &Table<'_>, key: &str, message: &str, help: &str) {
    let problem = Problem::error(table.key_span(key), message);
    findings.push(problem.label("has no meaning here").help(help));
}

/// The word at `key`, or the default if there is none.
pub(super) fn word<T: Copy>(
    findings: &mut Findings,
    table: &Table<'_>,
    key: &str,
    words: &[(&str, T)],
    default: T,
) -> Option<T> {
    if table.get(key).is_none() {
        return Some(default);
    }
    let text = table.text(findings, key)?;
    let found = words.iter().find(|(word, _)| *word == text.text).map(|(_, value)| *value);
    if found.is_none() {
        let names = words.iter().map(|(word, _)| *word).collect::<Vec<_>>();
        let other = format!("write one of {}", listed(names.iter().copied()));
        no_such_word(findings, key, &text, &names, &other);
    }
    found
}

/// Complains about a word; `help` is for one which is close to no other.
pub(super) fn no_such_word(findings: &mut Findings, key: &str, text: &Text<'_>, words: &[&str], help: &str) {
    let help = match closest(text.text, words.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => help.to_owned(),
    };
    let problem = Problem::error(text.span.clone(), format!("`{key}` cannot be `{}`", text.text));
    findings.push(problem.label("not one of its words").help(help));
}

/// The duration at `key`, if there is one; the outer option is empty after a
/// complaint.
pub(super) fn optional_duration(
    findings: &mut Findings,
    table: &Table<'_>,
    key: &str,
) -> Option<Option<SignedDuration>> {
    if table.get(key).is_none() {
        return Some(None);
    }
    let text = table.text(findings, key)?;
    duration(findings, key, &text, HELD_MAX).map(Some)
}

/// The duration which a gate must have.
pub(super) fn required_duration(
    findings: &mut Findings,
    table: &Table<'_>,
    gate: &str,
    key: &str,
    help: &str,
) -> Option<SignedDuration> {
    require(findings, table, gate, key, help)?;
    optional_duration(findings, table, key).flatten()
}

/// Reads a duration of more than nothing and at most `most`.
pub(super) fn duration(
    findings: &mut Findings,
    key: &str,
    text: &Text<'_>,
    most: SignedDuration,
) -> Option<SignedDuration> {
    let reason = match duration::parse(text.text) {
        Ok(duration) if duration.is_zero() => "it is zero".to_owned(),
        Ok(duration) if duration > most => format!("it is at most {} days", most.as_hours() / 24),
        Ok(duration) if duration.subsec_nanos() % 1_000 != 0 => {
            "it is a whole number of microseconds, as in PostgreSQL's timestamps".to_owned()
        }
        Ok(duration) => return Some(duration),
        Err(error) => error.to_string(),
    };
    let problem = Problem::error(text.span.clone(), format!("`{key}` cannot be `{}`: {reason}", text.text));
    findings.push(problem.label("not such a duration").help("write `30s`, `15m`, `6h` or `2d`"));
    None
}

/// Reads the name of a time zone.
pub(super) fn zone(findings: &mut Findings, key: &str, value: &Value<'_>) -> Option<TimeZone> {
    let Some(text) = text_of(value) else {
        return wrong_type(findings, key, value, "the name of a time zone");
    };
    let error = match parse_zone(text.text) {
        Ok(zone) => return Some(zone),
        Err(error) => error,
    };
    let help = match &error.suggestion {
        Some(name) => format!("did you mean `{name}`?"),
        None => "zones have names such as `Europe/Berlin`, `America/New_York` or `UTC`".to_owned(),
    };
    let problem = Problem::error(text.span, format!("there is no time zone `{}`", error.name));
    findings.push(problem.label("not in the time zone database").help(help));
    None
}

/// Reads a whole number within bounds.
pub(super) fn whole(
    findings: &mut Findings,
    key: &str,
    value: &Value<'_>,
    bounds: RangeInclusive<u32>,
) -> Option<u32> {
    let number = small_integer(findings, key, value)?;
    if let Ok(number) = u32::try_from(number)
        && bounds.contains(&number)
    {
        return Some(number);
    }
    let (least, most) = bounds.into_inner();
    let problem = Problem::error(value.span(), format!("`{key}` is at least {least} and at most {most}"));
    findings.push(problem.label("out of bounds").help("write a number between the two"));
    None
}

/// Reads what stands at `key`, which is there: a value which `fixed` reads, or
/// where to get it. What stands in for a missing one is read by `fixed` as well.
pub(super) fn setting<T>(
    findings: &mut Findings,
    table: &Table<'_>,
    key: &str,
    variables: Variables,
    fixed: impl Fn(&mut Findings, &str, &Value<'_>) -> Option<T>,
) -> Option<Setting<T>> {
    let value = table.get(key)?;
    let Some(source) = table_of(value) else {
        return fixed(findings, key, value).map(Setting::Fixed);
    };
    if variables.roots().is_none() {
        let problem = Problem::error(value.span(), format!("a tick has nothing to `get` for `{key}`"));
        let help = format!("write it as it is: `{key} = …`");
        findings.push(problem.label("there is no event and no row").help(help));
        return None;
    }
    let name = Text { text: key, span: table.key_span(key) };
    let get = context::get(findings, &name, &source, variables)?;
    let mut plain = true;
    for extra in ["type", "max_len"].into_iter().filter(|extra| source.get(extra).is_some()) {
        let message = format!("`{extra}` says nothing here");
        needless(findings, &source, extra, &message, "remove it: `get` and `default` are enough");
        plain = false;
    }
    if let Some(default) = source.get("default") {
        fixed(findings, key, default)?;
    }
    plain.then_some(Setting::Get(get))
}
