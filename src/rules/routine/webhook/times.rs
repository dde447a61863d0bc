//! How long an attempt may take, and how long to wait between attempts.

use crate::rules::duration;
use crate::rules::problem::Problem;
use crate::rules::routine::table::{Findings, Table, Text, text_of, wrong_type};
use std::time::Duration;

/// How long an attempt may take, unless the routine says.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(15);

/// The least time for an attempt: a handshake over a bad line takes as long.
pub const TIMEOUT_MIN: Duration = Duration::from_secs(1);

/// The most time for an attempt: all the while it holds a slot of the deliverer.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(300);

/// The most pauses, and so one attempt more.
pub const RETRY_PAUSES_MAX: usize = 20;

/// The longest pause: thirty days.
pub const RETRY_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The pauses unless the routine says, as Standard Webhooks recommends them: a little
/// over a day in all.
pub const RETRY_DEFAULT: [&str; 7] = ["5s", "5m", "30m", "2h", "5h", "10h", "10h"];

/// The shortest pause.
const RETRY_MIN: Duration = Duration::from_secs(1);

/// Reads `timeout`, in milliseconds.
pub(super) fn timeout(findings: &mut Findings, table: &Table<'_>) -> Option<u64> {
    if table.get("timeout").is_none() {
        return millis(TIMEOUT_DEFAULT);
    }
    let text = table.text(findings, "timeout")?;
    let help = format!("leave it out for {}", humantime::format_duration(TIMEOUT_DEFAULT));
    bounded(findings, "timeout", &text, (TIMEOUT_MIN, TIMEOUT_MAX), &help)
}

/// Reads `retry`, each pause in milliseconds.
pub(super) fn retry(findings: &mut Findings, table: &Table<'_>) -> Option<Vec<u64>> {
    let Some(value) = table.get("retry") else {
        return RETRY_DEFAULT.iter().map(|text| read(text).ok().and_then(millis)).collect();
    };
    let wanted = "a list of pauses, such as [\"5s\", \"5m\"]";
    let Some(items) = value.get_ref().as_array() else {
        return wrong_type(findings, "retry", value, wanted);
    };
    if items.len() > RETRY_PAUSES_MAX {
        let message = format!("`retry` has at most {RETRY_PAUSES_MAX} pauses");
        let problem = Problem::error(value.span(), message).label("too many");
        findings.push(problem.help("let the later ones be longer"));
        return None;
    }
    let help = "each is a pause before the next attempt; an empty list means a single attempt";
    let one = |item| match text_of(item) {
        Some(text) => bounded(findings, "retry", &text, (RETRY_MIN, RETRY_MAX), help),
        None => wrong_type(findings, "retry", item, wanted),
    };
    // All of them are read, so that all that is wrong is found.
    let pauses = items.iter().map(one).collect::<Vec<_>>();
    pauses.into_iter().collect()
}

/// A duration within bounds, in milliseconds; complains about anything else.
fn bounded(
    findings: &mut Findings,
    key: &str,
    text: &Text<'_>,
    (least, most): (Duration, Duration),
    help: &str,
) -> Option<u64> {
    let reason = match read(text.text) {
        Ok(time) if time < least => format!("it is at least {}", humantime::format_duration(least)),
        Ok(time) if time > most => format!("it is at most {}", humantime::format_duration(most)),
        Ok(time) => return millis(time),
        Err(reason) => reason,
    };
    let problem = Problem::error(text.span.clone(), format!("`{key}` cannot be used: {reason}"));
    findings.push(problem.label("not such a duration").help(help));
    None
}

fn read(text: &str) -> Result<Duration, String> {
    let read = duration::parse(text).map_err(|error| error.to_string())?;
    Duration::try_from(read).map_err(|error| error.to_string())
}

fn millis(time: Duration) -> Option<u64> {
    u64::try_from(time.as_millis()).ok()
}
