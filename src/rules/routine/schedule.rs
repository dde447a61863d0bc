//! Reads `[on.schedule]`.

use super::table::{Findings, Keys, Table, Text, text_of, wrong_type};
use crate::rules::duration;
use crate::rules::problem::Problem;
use crate::rules::schedule::at::At;
use crate::rules::schedule::cron::Cron;
use crate::rules::schedule::days::{Days, parse_time};
use crate::rules::schedule::every::Every;
use crate::rules::schedule::policy::{DstPolicy, GapPolicy, Missed, PolicyError, RepeatPolicy};
use crate::rules::schedule::zone::parse_zone;
use crate::rules::schedule::{Schedule, Timing};
use crate::rules::text::closest;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use toml::de::DeValue;

const KEYS: [&str; 11] =
    ["cron", "every", "time", "at", "tz", "missed", "within", "dst", "jitter", "from", "until"];

/// What places the ticks; a schedule has one of them.
const TIMINGS: [&str; 3] = ["cron", "every", "at"];

/// Reads one schedule.
pub(super) fn parse(findings: &mut Findings, table: &Table<'_>) -> Option<Schedule> {
    table.check_keys(findings, &Keys { owner: "`[on.schedule]`", known: &KEYS, later: &[] });
    fields(findings, table)
}

/// Reads the fields of a schedule, among others.
pub(super) fn fields(findings: &mut Findings, table: &Table<'_>) -> Option<Schedule> {
    let timing = timing(findings, table);
    let tz = zone(findings, table);
    // A wrong zone is reported once; times are checked as if it were UTC.
    let near = tz.clone().unwrap_or(TimeZone::UTC);
    let missed = policy(findings, table, "missed", Missed::parse);
    let dst = dst(findings, table);
    let within = optional_duration(findings, table, "within");
    let jitter = optional_duration(findings, table, "jitter");
    let from = time(findings, table, "from", &near);
    let until = time(findings, table, "until", &near);
    if let (Some(Some(from)), Some(Some(until))) = (&from, &until)
        && until < from
    {
        let problem = Problem::error(table.key_span("until"), "this schedule ends before it begins");
        findings.push(problem.label("before `from`").help("`until` is the last moment at which it may tick"));
        return None;
    }
    Some(Schedule {
        timing: timing?,
        tz: tz?,
        from: from?,
        until: until?,
        dst: dst?,
        missed: missed?,
        within: within?,
        jitter: jitter?,
    })
}

fn timing(findings: &mut Findings, table: &Table<'_>) -> Option<Timing> {
    let mut present = TIMINGS.into_iter().filter(|key| table.get(key).is_some()).collect::<Vec<_>>();
    present.sort_by_key(|key| table.key_span(key).start);
    if let [_, second, ..] = present[..] {
        let message = "a schedule has one of `cron`, `every` and `at`, and this is its second";
        let problem = Problem::error(table.key_span(second), message).label("the other one is above");
        findings.push(problem.help("for several schedules of one routine, write `[[on.schedule]]` for each"));
        return None;
    }
    let present = present.first().copied();
    if let Some(other @ ("cron" | "at")) = present
        && table.get("time").is_some()
    {
        let message = format!("`time` belongs to `every`, and this schedule has `{other}`");
        let problem = Problem::error(table.key_span("time"), message).label("says nothing here");
        findings.push(problem.help("write `every = \"3d\"` beside it, or leave it out"));
        return None;
    }
    match present {
        Some("cron") => {
            let text = table.text(findings, "cron")?;
            cron(findings, &text).map(Timing::Cron)
        }
        Some("every") => counted(findings, table),
        Some(_) => at(findings, table, "at").map(Timing::At),
        None => {
            let unreadable = TIMINGS.iter().any(|key| table.key_span(key) != table.span);
            if !unreadable {
                let problem = Problem::error(table.span.clone(), "this schedule never ticks");
                let help =
                    "write `cron = \"0 9 * * MON\"`, `every = \"15m\"` or `at = \"2026-12-24T18:00:00\"`";
                findings.missing(problem.label("has no `cron`, `every` or `at`").help(help));
            }
            None
        }
    }
}

fn cron(findings: &mut Findings, text: &Text<'_>) -> Option<Cron> {
    let error = match Cron::parse(text.text) {
        Ok(cron) => return Some(cron),
        Err(error) => error,
    };
    let span = text.part(findings.text(), error.span);
    let help = "five fields: minute, hour, day of month, month, day of week; a sixth in front counts seconds";
    findings.push(Problem::error(span, error.message).label("in this cron expression").help(help));
    None
}

fn every(findings: &mut Findings, text: &Text<'_>) -> Option<Every> {
    let error = match Every::parse(text.text) {
        Ok(every) => return Some(every),
        Err(error) => error,
    };
    let problem = Problem::error(text.span.clone(), error.to_string()).label("not a period");
    findings.push(problem.help("write `90s`, `15m` or `1h 30m`"));
    None
}

/// `every`: equal distances or, beside `time`, days of the calendar.
fn counted(findings: &mut Findings, table: &Table<'_>) -> Option<Timing> {
    let text = table.text(findings, "every")?;
    let every = every(findings, &text);
    if table.get("time").is_none() {
        return every.map(Timing::Every);
    }
    let time = time_of_day(findings, table);
    let (every, time) = (every?, time?);
    let error = match Days::new(every, time) {
        Ok(days) => return Some(Timing::Days(days)),
        Err(error) => error,
    };
    let problem = Problem::error(text.span, error.to_string()).label("not such a number of days");
    findings.push(problem.help("write `every = \"3d\"`; for times within a day leave `time` out"));
    None
}

/// The time of day at `time`, in quotes or as a time of TOML.
fn time_of_day(findings: &mut Findings, table: &Table<'_>) -> Option<Time> {
    let value = table.get("time")?;
    let text = match (text_of(value), value.get_ref()) {
        (Some(text), _) => text.text.to_owned(),
        (None, DeValue::Datetime(time)) => time.to_string(),
        (None, _) => return wrong_type(findings, "time", value, "a time of day in quotes"),
    };
    let error = match parse_time(&text) {
        Ok(time) => return Some(time),
        Err(error) => error,
    };
    let problem = Problem::error(value.span(), error.to_string()).label("not a time of day");
    findings.push(problem.help("write `time = \"09:00\"`, for the clocks of the schedule's zone"));
    None
}

/// A time, in quotes or as a date of TOML.
fn at(findings: &mut Findings, table: &Table<'_>, key: &str) -> Option<At> {
    let value = table.get(key)?;
    let text = match (text_of(value), value.get_ref()) {
        (Some(text), _) => text.text.to_owned(),
        (None, DeValue::Datetime(date)) => date.to_string(),
        (None, _) => return wrong_type(findings, key, value, "a time in quotes"),
    };
    let error = match At::parse(&text) {
        Ok(at) => return Some(at),
        Err(error) => error,
    };
    findings.push(
        Problem::error(value.span(), error.to_string()).label("not a time").help(
            "write `2026-12-24T18:00:00` for the clocks of the schedule's zone, or add `Z` or an offset",
        ),
    );
    None
}

/// The moment at `key`, if there is one; the outer option is empty after a
/// complaint.
fn time(findings: &mut Findings, table: &Table<'_>, key: &str, tz: &TimeZone) -> Option<Option<Timestamp>> {
    if table.get(key).is_none() {
        return Some(None);
    }
    let at = at(findings, table, key)?;
    let moment = at.ticks(tz, DstPolicy::default()).first().map(|tick| tick.at);
    if moment.is_none() {
        let problem =
            Problem::error(table.key_span(key), format!("`{key}` is beyond the years which are counted"));
        findings.push(problem.label("too far away").help("leave it out"));
    }
    moment.map(Some)
}

fn zone(findings: &mut Findings, table: &Table<'_>) -> Option<TimeZone> {
    if table.get("tz").is_none() {
        return Some(TimeZone::UTC);
    }
    let text = table.text(findings, "tz")?;
    let error = match parse_zone(text.text) {
        Ok(tz) => return Some(tz),
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

/// The word at `key`, or the default if there is none.
fn policy<T: Default>(
    findings: &mut Findings,
    table: &Table<'_>,
    key: &str,
    parse: fn(&str) -> Result<T, PolicyError>,
) -> Option<T> {
    if table.get(key).is_none() {
        return Some(T::default());
    }
    let text = table.text(findings, key)?;
    let error = match parse(text.text) {
        Ok(policy) => return Some(policy),
        Err(error) => error,
    };
    let help = match closest(text.text, error.allowed.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write one of {}", crate::rules::text::listed(error.allowed.iter().copied())),
    };
    let problem = Problem::error(text.span, format!("`{key}` cannot be `{}`", error.word));
    findings.push(problem.label("not one of its words").help(help));
    None
}

fn dst(findings: &mut Findings, table: &Table<'_>) -> Option<DstPolicy> {
    if table.get("dst").is_none() {
        return Some(DstPolicy::default());
    }
    let dst = table.table(findings, "dst")?;
    dst.check_keys(findings, &Keys { owner: "`dst`", known: &["gap", "repeat"], later: &[] });
    let gap = policy(findings, &dst, "gap", GapPolicy::parse);
    let repeat = policy(findings, &dst, "repeat", RepeatPolicy::parse);
    Some(DstPolicy { gap: gap?, repeat: repeat? })
}

/// The duration at `key`, if there is one; the outer option is empty after a
/// complaint.
fn optional_duration(
    findings: &mut Findings,
    table: &Table<'_>,
    key: &str,
) -> Option<Option<SignedDuration>> {
    if table.get(key).is_none() {
        return Some(None);
    }
    let text = table.text(findings, key)?;
    let reason = match read_duration(text.text) {
        Ok(duration) => return Some(Some(duration)),
        Err(reason) => reason,
    };
    let problem = Problem::error(text.span, format!("`{key}` is no duration: {reason}"));
    findings.push(problem.label("not a duration").help("write `30s`, `15m` or `6h`"));
    None
}

fn read_duration(text: &str) -> Result<SignedDuration, String> {
    let duration = duration::parse(text).map_err(|error| error.to_string())?;
    if duration.is_zero() { Err("it is zero".to_owned()) } else { Ok(duration) }
}

#[cfg(test)]
mod tests;
