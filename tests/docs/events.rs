//! The events which the rows of a table describe.

use crate::page::{Row, Table, place};
use hearken::rules::event::Event;
use hearken::rules::name::SourceName;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// An event with as little as an event can have.
pub fn plain() -> Event {
    Event {
        from: SourceName::log(),
        seq: 1,
        id: "e-1".to_owned(),
        origin: "shop".to_owned(),
        kind: "order.changed".to_owned(),
        subject: None,
        time: Timestamp::UNIX_EPOCH,
        tenant: None,
        data: json!({}),
        old: None,
        meta: json!({}),
        chain: Vec::new(),
    }
}

/// The event of a row. Where there is no row before, `old` is `none`.
pub fn of_row(table: &Table, row: &Row) -> Event {
    let mut event = plain();
    if let Some(data) = table.cell(row, "data") {
        event.data = read(row, data);
    }
    if let Some(old) = table.cell(row, "old").filter(|old| *old != "none") {
        event.old = Some(read(row, old));
    }
    if let Some(attributes) = table.cell(row, "event") {
        fill_in(&mut event, row, read(row, attributes));
    }
    event
}

fn fill_in(event: &mut Event, row: &Row, attributes: Map<String, Value>) {
    let place = place(row.line);
    let text = |value: &Value| match value.as_str() {
        Some(text) => text.to_owned(),
        None => panic!("{place}: {value} is not text"),
    };
    for (name, value) in attributes {
        match name.as_str() {
            "type" => event.kind = text(&value),
            "id" => event.id = text(&value),
            "source" => event.origin = text(&value),
            "subject" => event.subject = Some(text(&value)),
            "time" => event.time = text(&value).parse().expect("a time with an offset"),
            "tenant" => event.tenant = Some(text(&value)),
            "data" => event.data = value,
            "old" => event.old = Some(value),
            "meta" => event.meta = value,
            name => panic!("{place}: an event has no `{name}`"),
        }
    }
}

fn read<T: DeserializeOwned>(row: &Row, cell: &str) -> T {
    let json = cell.trim_matches('`');
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{}: {error}: {json}", place(row.line)))
}
