//! Windows which slide, and windows which are slots of a calendar: `align` and
//! `tz`, as `dedup` and `limit` have them.

use super::read;
use crate::rules::gate::limit::Per;
use crate::rules::gate::slots::{Slots, SlotsError};
use crate::rules::problem::Problem;
use crate::rules::routine::table::{Findings, Table, Text};
use jiff::SignedDuration;
use jiff::tz::TimeZone;

/// How a window lies in time.
pub(super) enum Align {
    /// It ends where one looks.
    Sliding,
    /// It is a slot of the calendar of this zone.
    Calendar(TimeZone),
}

/// A word of `align`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Sliding,
    Calendar,
}

const WORDS: [(&str, Word); 2] = [("sliding", Word::Sliding), ("calendar", Word::Calendar)];

const SLOTS: &str = "slots are parts of a day such as `15m` and `6h`, days (`1d`), weeks (`1w`) and months \
                     (`1month`)";

/// Reads `align` and `tz`.
pub(super) fn parse(findings: &mut Findings, table: &Table<'_>) -> Option<Align> {
    let word = read::word(findings, table, "align", &WORDS, Word::Sliding);
    let zone = match table.get("tz") {
        None => Some(None),
        Some(value) => read::zone(findings, "tz", value).map(Some),
    };
    match (word?, table.get("tz").is_some()) {
        (Word::Sliding, false) => Some(Align::Sliding),
        (Word::Sliding, true) => {
            let help = "a sliding window is as long in all zones: write `align = \"calendar\"` beside it for \
                        slots of that zone's calendar, or remove it";
            read::needless(findings, table, "tz", "`tz` is for `align = \"calendar\"`", help);
            None
        }
        (Word::Calendar, _) => Some(Align::Calendar(zone?.unwrap_or(TimeZone::UTC))),
    }
}

/// Reads the length of a window; one which slides is at most `most`.
pub(super) fn length(
    findings: &mut Findings,
    key: &str,
    text: &Text<'_>,
    align: Align,
    most: SignedDuration,
) -> Option<Per> {
    let tz = match align {
        Align::Calendar(tz) => tz,
        Align::Sliding if Slots::parse(text.text, TimeZone::UTC).is_ok() && is_of_calendar(text.text) => {
            let problem = Problem::error(text.span.clone(), format!("a sliding `{key}` has no months"));
            let help = "they differ in length: write `30d`, or `align = \"calendar\"` beside it";
            findings.push(problem.label("differs in length").help(help));
            return None;
        }
        Align::Sliding => return read::duration(findings, key, text, most).map(Per::Sliding),
    };
    let error = match Slots::parse(text.text, tz) {
        Ok(slots) => return Some(Per::Calendar(slots)),
        Err(error) => error,
    };
    let reason = match error {
        SlotsError::Syntax { reason, .. } => reason.to_string(),
        SlotsError::Uneven(_) => "it is no slot of a calendar".to_owned(),
    };
    let problem = Problem::error(text.span.clone(), format!("`{key}` cannot be `{}`: {reason}", text.text));
    findings.push(problem.label("not a slot of the calendar").help(SLOTS));
    None
}

fn is_of_calendar(text: &str) -> bool {
    text.contains("month")
}
