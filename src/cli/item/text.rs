//! An item for people: what it is, what led to it, how it went, what it says.

mod causes;

use super::Report;
use crate::cli::aligned::{from_now, table};
use crate::cli::items::harmless;
use crate::cli::items::lines::is_open;
use crate::pg::items::Item;
use jiff::Timestamp;
use serde_json::Value;
use std::fmt::Write;

/// The longest error in a line, in characters.
const ERROR_CHARS: usize = 100;

/// The report.
pub(super) fn of(report: &Report, now: Timestamp) -> String {
    let item = &report.item;
    let mut text = format!("{}  {}\n\n", item.id, harmless::line(&item.title));
    for (what, value) in facts(item, now) {
        line(&mut text, what, &value);
    }
    text.push_str("\ncauses\n");
    for (what, value) in causes::of(report) {
        line(&mut text, what, &value);
    }
    for part in [attempts(item), causes::decisions(report), causes::deliveries(report)] {
        if !part.is_empty() {
            text.push('\n');
            text.push_str(&part);
        }
    }
    text.push_str(&content(item));
    text
}

/// A name and a value, which may have lines of its own.
fn line(text: &mut String, what: &str, value: &str) {
    // Writing to a String does not fail.
    let _ = writeln!(text, "  {what:<10} {value}");
}

/// What is known of it, those facts which there are.
fn facts(item: &Item, now: Timestamp) -> Vec<(&'static str, String)> {
    let text = |text: &String| harmless::line(text);
    let mut facts = vec![
        ("state", state(item, now)),
        ("queue", format!("{}, priority {}", text(&item.queue), item.priority)),
        ("attempts", format!("{} of {}", item.attempt, item.attempts_max)),
    ];
    let mut fact = |what, value: Option<String>| facts.extend(value.map(|value| (what, value)));
    fact("worker", worker(item, now));
    fact("key", item.key.as_ref().map(text));
    fact("tenant", item.tenant.as_ref().map(text));
    fact("tags", Some(harmless::line(&item.tags.join(", "))).filter(|tags| !tags.is_empty()));
    fact("made", Some(moment(item.created_at, now)));
    fact("due", is_open(item).then(|| moment(item.due_at, now)));
    fact("finished", item.finished_at.map(|at| format!("{}{}", moment(at, now), lasted(item))));
    fact("progress", item.progress.as_ref().map(|note| progress(note, item, now)));
    fact("error", item.error.as_ref().map(text));
    fact("superseded", item.superseded_by.map(|by| format!("by item {by}")));
    facts
}

fn state(item: &Item, now: Timestamp) -> String {
    let mut state = item.state.clone();
    match item.state.as_str() {
        "waiting" | "failed" if item.due_at <= now => state.push_str(", due"),
        "waiting" | "failed" => {
            let _ = write!(state, ", due {}", from_now(now, item.due_at));
        }
        _ => {}
    }
    if item.archived {
        state.push_str(", in the history");
    }
    state
}

fn worker(item: &Item, now: Timestamp) -> Option<String> {
    let mut text = harmless::line(item.worker.as_ref()?);
    let _ = match (item.leased_at, item.lease_until) {
        (Some(since), Some(until)) => {
            write!(text, ", since {}, its lease ends {}", moment(since, now), from_now(now, until))
        }
        (Some(since), None) => write!(text, ", last at it {}", moment(since, now)),
        (None, _) => Ok(()),
    };
    if let (Some(deadline), Some(_)) = (item.deadline_at, item.lease_until) {
        let _ = write!(text, ", its deadline is {}", from_now(now, deadline));
    }
    Some(text)
}

/// How long it waited, and how long its last attempt took.
fn lasted(item: &Item) -> String {
    let (Some(leased), Some(finished)) = (item.leased_at, item.finished_at) else { return String::new() };
    let waited = leased.duration_since(item.created_at.max(item.due_at));
    let ran = finished.duration_since(leased);
    if waited.is_negative() || ran.is_negative() {
        return String::new();
    }
    let text = |span: jiff::SignedDuration| format!("{:.1} s", span.as_secs_f64());
    format!("; it waited {} and ran {}", text(waited), text(ran))
}

fn progress(note: &Value, item: &Item, now: Timestamp) -> String {
    let note = note.as_str().map_or_else(|| note.to_string(), str::to_owned);
    let at = item.progress_at.map(|at| format!(" ({})", from_now(now, at))).unwrap_or_default();
    format!("{}{at}", harmless::line(&note))
}

/// A time, and how far off it is.
fn moment(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", to_the_second(at), from_now(now, at))
}

/// A time, to the second.
fn to_the_second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The attempts which failed, as far as they are kept, and the last one.
fn attempts(item: &Item) -> String {
    let field = |error: &Value, name: &str| {
        let value = error.get(name).unwrap_or(&Value::Null);
        match value {
            Value::Null => String::new(),
            Value::String(text) => harmless::short_line(text, ERROR_CHARS),
            other => harmless::short_line(&other.to_string(), ERROR_CHARS),
        }
    };
    let time = |error: &Value, name: &str| {
        let at = error.get(name).and_then(Value::as_str).and_then(|at| at.parse().ok());
        at.map(to_the_second).unwrap_or_default()
    };
    let errors = item.errors.as_ref().and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut rows: Vec<[String; 6]> = errors
        .iter()
        .map(|error| {
            [
                field(error, "attempt"),
                field(error, "worker"),
                time(error, "leased_at"),
                time(error, "at"),
                field(error, "outcome"),
                field(error, "error"),
            ]
        })
        .collect();
    if matches!(item.state.as_str(), "leased" | "done")
        && let Some(leased_at) = item.leased_at
    {
        rows.push([
            item.attempt.to_string(),
            harmless::short_line(item.worker.as_deref().unwrap_or_default(), ERROR_CHARS),
            to_the_second(leased_at),
            item.finished_at.map(to_the_second).unwrap_or_default(),
            if item.state == "done" { "done".to_owned() } else { "at it".to_owned() },
            String::new(),
        ]);
    }
    if rows.is_empty() {
        return String::new();
    }
    table(["attempt", "worker", "began", "ended", "outcome", "error"], &rows)
}

/// What it says, and what was answered.
fn content(item: &Item) -> String {
    let mut text = String::new();
    let mut part = |heading: &str, body: String| {
        let _ = write!(text, "\n{heading}\n{}\n", harmless::text(body.trim_end()));
    };
    if let Some(instructions) = item.instructions.as_ref().filter(|text| !text.is_empty()) {
        part("instructions", instructions.clone());
    }
    let values = [("context", &item.context), ("webhook", &item.webhook), ("result", &item.result)];
    for (heading, value) in values {
        if let Some(value) = value {
            part(heading, format!("{value:#}"));
        }
    }
    text
}

#[cfg(test)]
mod tests;
