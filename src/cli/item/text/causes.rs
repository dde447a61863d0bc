//! What led to an item, for people.

use super::to_the_second;
use crate::cli::aligned::table;
use crate::cli::item::Report;
use crate::cli::items::harmless;
use crate::pg::items::Decision;
use crate::rules::routine::rows::source_of;
use serde_json::Value;

/// The longest reason, error or name in a line, in characters.
const CHARS: usize = 100;

/// The chain from the event or the tick to the item.
pub(super) fn of(report: &Report) -> Vec<(&'static str, String)> {
    let item = &report.item;
    let mut causes = Vec::new();
    if !item.chain.is_empty() {
        let chain = harmless::line(&item.chain.join(" → "));
        causes.push((
            "chain",
            format!("{chain} → this routine: its event came from an item of the one before"),
        ));
    }
    causes.push(cause(report));
    causes.push(("routine", routine(report)));
    causes
        .push(("item", format!("`{}`, made {}", harmless::line(&item.item), to_the_second(item.created_at))));
    causes
}

/// The event, the row or the tick.
fn cause(report: &Report) -> (&'static str, String) {
    let item = &report.item;
    if let Some(event) = &report.causes.event {
        let about = event.subject.as_ref().map(|subject| format!(" about {subject}")).unwrap_or_default();
        let at = to_the_second(event.at);
        let text = format!(
            "{}{about}, number {}, written {at}; id {} of {}",
            event.kind, event.seq, event.id, event.source
        );
        return ("event", harmless::line(&text));
    }
    let text = match (&item.source, &item.event_id, item.event_seq, item.tick) {
        (Some(source), Some(id), _, _) => {
            let of = report.causes.source_table.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
            format!("the row {id} of source {source}{of}")
        }
        (_, _, Some(seq), _) => format!("number {seq}; {}", missing(report)),
        (_, _, None, Some(tick)) => return ("tick", tick.to_string()),
        (_, _, None, None) => "none: the item was put there by hand".to_owned(),
    };
    ("event", harmless::line(&text))
}

/// Why the event is not shown.
fn missing(report: &Report) -> &'static str {
    match report.causes.unknown.iter().find(|unknown| unknown.part == "event") {
        Some(unknown) => unknown.why,
        None => "it is no longer in the log, since its week was dropped",
    }
}

fn routine(report: &Report) -> String {
    let item = &report.item;
    let Some(version) = &report.causes.routine_version else {
        let text = format!("{}, version {}, of which nothing is known", item.routine, item.version);
        return harmless::line(&text);
    };
    let file = match source_of(&version.text) {
        None => format!("{}.toml", item.routine),
        Some(source) => format!("a row of [routines.{source}]"),
    };
    let since = to_the_second(version.first_at);
    let now = if version.in_force { "in force now" } else { "not in force any more" };
    let text = format!("{}, {file}, version {}, first in force {since}, {now}", item.routine, item.version);
    harmless::line(&text)
}

/// The decisions about the same event, and those about others which met the item.
pub(super) fn decisions(report: &Report) -> String {
    let causes = &report.causes;
    let mut text = String::new();
    for (heading, decisions) in [
        ("decisions about the same event or tick", &causes.decisions),
        ("decisions about others because of this item", &causes.met),
    ] {
        if !decisions.is_empty() {
            let rows: Vec<_> = decisions.iter().map(row).collect();
            text.push_str(&format!("{heading}\n"));
            text.push_str(&table(["at", "about", "routine", "outcome", "item", "reason"], &rows));
        }
    }
    for unknown in causes.unknown.iter().filter(|unknown| unknown.part != "event") {
        text.push_str(&format!("{}: {}\n", unknown.part, unknown.why));
    }
    text
}

fn row(decision: &Decision) -> [String; 6] {
    let about = match (&decision.event_id, decision.event_seq, decision.tick) {
        (Some(id), _, _) => format!("row {id}"),
        (None, Some(seq), _) => format!("event {seq}"),
        (None, None, Some(tick)) => format!("tick {tick}"),
        (None, None, None) => String::new(),
    };
    let short = |text: &str| harmless::short_line(text, CHARS);
    [
        to_the_second(decision.at),
        short(&about),
        short(decision.routine.as_deref().unwrap_or_default()),
        short(&decision.outcome),
        decision.met_item_id.map(|id| id.to_string()).unwrap_or_default(),
        short(&decision.reason),
    ]
}

/// How it was delivered.
pub(super) fn deliveries(report: &Report) -> String {
    let cell = |delivery: &Value, name: &str| match delivery.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => harmless::short_line(text, CHARS),
        Some(other) => harmless::short_line(&other.to_string(), CHARS),
    };
    // An endpoint of a table has a name; a plain address is one itself.
    let columns = ["at", "attempt", "endpoint", "status", "duration_ms", "outcome", "error"];
    let rows: Vec<_> =
        report.causes.deliveries.iter().map(|delivery| columns.map(|name| cell(delivery, name))).collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("deliveries\n{}", table(["at", "attempt", "to", "status", "ms", "outcome", "error"], &rows))
}
