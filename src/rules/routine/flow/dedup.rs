//! Reads `dedup`: which drafts are the same item, for how long, and what becomes
//! of the second.

use super::align;
use super::key::{self, KeySpec};
use super::read;
use crate::rules::gate::limit::Per;
use crate::rules::gate::request::{OnConflict, Window};
use crate::rules::problem::Problem;
use crate::rules::routine::table::{Findings, Keys, Table, Text};
use crate::rules::template::Variables;
use jiff::SignedDuration;

/// The longest window which is not for ever: ten years.
const WINDOW_MAX: SignedDuration = SignedDuration::from_hours(3_660 * 24);

/// Which drafts are the same item.
#[derive(Clone, Debug, PartialEq)]
pub struct Dedup {
    /// What must be equal; at least one part.
    pub key: KeySpec,
    /// For how long.
    pub window: Window,
    /// What becomes of the second.
    pub on_conflict: OnConflict,
}

const KEYS: Keys<'static> =
    Keys { owner: "`dedup`", known: &["key", "window", "align", "tz", "on_conflict"], later: &[] };

/// Windows which are no length of time.
const LASTING: [&str; 2] = ["forever", "while_open"];

const CONFLICTS: [(&str, OnConflict); 4] = [
    ("skip", OnConflict::Skip),
    ("replace", OnConflict::Replace),
    ("append", OnConflict::Append),
    ("follow_up", OnConflict::FollowUp),
];

/// Reads `dedup`, if the routine has it.
pub(super) fn parse(
    findings: &mut Findings,
    flow: &Table<'_>,
    variables: Variables,
) -> Option<Option<Dedup>> {
    let Some(table) = read::gate(findings, flow, "dedup", "a table with `key`")? else {
        return Some(None);
    };
    table.check_keys(findings, &KEYS);
    let window = window(findings, &table);
    let on_conflict = read::word(findings, &table, "on_conflict", &CONFLICTS, OnConflict::Skip);
    let key = key::required(findings, &table, variables);
    if on_conflict == Some(OnConflict::FollowUp)
        && window.as_ref().is_some_and(|window| *window != Window::WhileOpen)
    {
        let message = "`on_conflict = \"follow_up\"` is for `window = \"while_open\"`";
        let help = "what follows waits until the item before it is done, and this window asks nothing about \
                    that: write `window = \"while_open\"`";
        read::needless(findings, &table, "on_conflict", message, help);
        return None;
    }
    Some(Some(Dedup { key: key?, window: window?, on_conflict: on_conflict? }))
}

fn window(findings: &mut Findings, table: &Table<'_>) -> Option<Window> {
    let text = match table.get("window") {
        None => None,
        Some(_) => Some(table.text(findings, "window")?),
    };
    let word = text.as_ref().map_or("forever", |text| text.text);
    match (word, text) {
        ("forever", _) => is_timeless(findings, table).then_some(Window::Forever),
        ("while_open", _) => is_timeless(findings, table).then_some(Window::WhileOpen),
        (_, text) => of_length(findings, table, &text?),
    }
}

/// Whether nothing is said about a length of time where there is none.
fn is_timeless(findings: &mut Findings, table: &Table<'_>) -> bool {
    let mut timeless = true;
    for key in ["align", "tz"].into_iter().filter(|key| table.get(key).is_some()) {
        let message = format!("`{key}` is for a window of a certain length");
        let help = "write `window = \"1d\"` for a day, or remove it";
        read::needless(findings, table, key, &message, help);
        timeless = false;
    }
    timeless
}

fn of_length(findings: &mut Findings, table: &Table<'_>, text: &Text<'_>) -> Option<Window> {
    let align = align::parse(findings, table);
    if !text.text.starts_with(|c: char| c.is_ascii_digit()) {
        let help = "write `forever`, `while_open` or a duration such as `1d`";
        read::no_such_word(findings, "window", text, &LASTING, help);
        return None;
    }
    let window = match align::length(findings, "window", text, align?, WINDOW_MAX)? {
        Per::Sliding(length) => Window::Sliding(length),
        Per::Calendar(slots) => Window::Aligned(slots),
    };
    Some(window)
}

/// Complains about a schedule which says when two ticks are the same: they never
/// are.
pub(super) fn check_of_tick(findings: &mut Findings, flow: &Table<'_>, dedup: &Dedup) -> bool {
    if dedup.window == Window::Forever && dedup.on_conflict == OnConflict::Skip {
        return true;
    }
    let problem = Problem::error(flow.key_span("dedup"), "two ticks are never the same");
    let help = "each tick makes its item once, whatever this says; what waits for an item to be done is \
                `overlap`, and what takes the place of older items is `supersede`";
    findings.push(problem.label("has no meaning here").help(help));
    false
}
