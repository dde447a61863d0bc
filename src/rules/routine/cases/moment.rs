//! When something happens in a test: a moment, or so long after the start.

use crate::rules::duration;
use crate::rules::problem::Problem;
use crate::rules::routine::table::{Findings, Table, text_of, wrong_type};
use jiff::Timestamp;
use jiff::civil::DateTime;
use toml::de::DeValue;

const NO_OFFSET: &str = "it has no offset, so it could be meant anywhere";

/// Where the clock of the test starts.
pub(super) fn start(findings: &mut Findings, table: &Table<'_>) -> Option<Timestamp> {
    if table.get("start").is_none() {
        return Some(super::START_DEFAULT);
    }
    let text = text(findings, table, "start", "a time in quotes")?;
    let reason = match text.parse::<Timestamp>() {
        Ok(start) => return Some(start),
        Err(_) if text.parse::<DateTime>().is_ok() => NO_OFFSET,
        Err(_) => "it is not written as RFC 3339 has it",
    };
    let span = table.get("start").map_or(table.span.clone(), |value| value.span());
    let problem = Problem::error(span, format!("`start` is no moment: {reason}")).label("not a moment");
    findings.push(problem.help("write `2026-03-02T09:00:00+01:00`, or `Z` for UTC"));
    None
}

/// The moment at `key`, if there is one: RFC 3339, or a duration after `start`.
/// The outer option is empty after a complaint.
pub(super) fn read(
    findings: &mut Findings,
    table: &Table<'_>,
    key: &str,
    start: Timestamp,
) -> Option<Option<Timestamp>> {
    let Some(value) = table.get(key) else {
        return Some(None);
    };
    let text = text(findings, table, key, "a time or a duration in quotes")?;
    let reason = match parse(&text, start) {
        Ok(at) => return Some(Some(at)),
        Err(reason) => reason,
    };
    let problem = Problem::error(value.span(), format!("`{key}` is no moment: {reason}"));
    let help = "write `10s` or `1h 30m` for so long after the start, or `2026-03-02T09:00:00+01:00`";
    findings.push(problem.label("not a moment").help(help));
    None
}

/// The text at `key`, or the date as text.
fn text(findings: &mut Findings, table: &Table<'_>, key: &str, wanted: &str) -> Option<String> {
    let value = table.get(key)?;
    match (text_of(value), value.get_ref()) {
        (Some(text), _) => Some(text.text.to_owned()),
        (None, DeValue::Datetime(date)) => Some(date.to_string()),
        (None, _) => wrong_type(findings, key, value, wanted),
    }
}

fn parse(text: &str, start: Timestamp) -> Result<Timestamp, String> {
    // In this order: a civil time would ignore the offset.
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if text.parse::<DateTime>().is_ok() {
        return Err(NO_OFFSET.to_owned());
    }
    let duration = duration::parse(text).map_err(|error| error.to_string())?;
    start.checked_add(duration).map_err(|_| "it is beyond the years which are counted".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_so_long_after_the_start() {
        check("0s", Ok("2026-01-01T00:00:00Z"));
        check("10s", Ok("2026-01-01T00:00:10Z"));
        check("1h30m", Ok("2026-01-01T01:30:00Z"));
        check("1h 30m", Ok("2026-01-01T01:30:00Z"));
        check("8d", Ok("2026-01-09T00:00:00Z"));
        check("2026-03-02T09:00:00+01:00", Ok("2026-03-02T08:00:00Z"));
        check("2026-03-02T09:00:00", Err(NO_OFFSET));
        check("1month", Err("months and years differ in length (`m` is a minute)"));
        check("9000000w", Err("it is beyond the years which are counted"));
        assert!(parse("soon", super::super::START_DEFAULT).is_err());
        assert!(parse("-5s", super::super::START_DEFAULT).is_err());
    }

    #[track_caller]
    fn check(text: &str, want: Result<&str, &str>) {
        let got = parse(text, super::super::START_DEFAULT).map(|at| at.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), want, "{text}");
    }
}
