//! The part about what goes into the inbox: `[item]`.

use super::{add, integer, key, name, reference, table, text};
use crate::rules::path::Root;
use crate::rules::routine::{ATTEMPTS_LIMIT, ATTEMPTS_MAX_DEFAULT, FIELDS_MAX, ValueType};
use serde_json::{Value, json};

/// `[item]`.
pub(super) fn item() -> Value {
    let keys = vec![
        key("queue", "The queue from which workers lease it: a fixed name.", name()),
        key("title", "One line for people: a template, such as \"Refund {{ data.refund_id }}\".", text()),
        key("priority", "Greater is leased first.", integer(i32::MIN, i32::MAX, 0)),
        key("instructions", "What to do: fixed text, and no template.", json!({ "type": "string" })),
        key(
            "instructions_template",
            "Whether instructions are a template. What an event says then stands among your orders.",
            json!({ "type": "boolean", "default": false }),
        ),
        key("context", "Values for the worker, by their names.", context()),
        key("tags", "What a worker must offer to be given it: fixed texts.", tags()),
        key(
            "max_attempts",
            "After so many leases without success the item is dead.",
            integer(1, ATTEMPTS_LIMIT, ATTEMPTS_MAX_DEFAULT),
        ),
        key("emits", "The types of events which its workers emit, for advice about circles.", emits()),
    ];
    table(keys, &["queue", "title"])
}

fn tags() -> Value {
    json!({ "type": "array", "items": text(), "uniqueItems": true })
}

/// One type or several, each in full.
fn emits() -> Value {
    let kind = "^[^*]+$";
    let items = json!({ "type": "string", "pattern": kind });
    json!({ "type": ["string", "array"], "pattern": kind, "items": items, "uniqueItems": true })
}

fn context() -> Value {
    json!({ "type": "object", "additionalProperties": reference("value"), "maxProperties": FIELDS_MAX })
}

/// A value for the worker or a query: itself, a template, a list, or a table
/// which gets it.
pub(super) fn value() -> Value {
    let types = json!({ "type": "string", "enum": ValueType::ALL.map(ValueType::as_str), "default": "json" });
    let length = json!({ "type": "integer", "minimum": 1 });
    let constant = json!({ "type": ["string", "number", "boolean", "array"] });
    let get = vec![
        key("get", "The path of the value: data.amount, or row.id where there are rows.", place()),
        key("type", "The type it must have; nothing is converted.", types),
        key("default", "Stands in if the value is missing or null.", constant),
        key("max_len", "Text is cut off after so many characters.", length),
    ];
    let mut value = table(get, &["get"]);
    let more = json!({
        "description": "A value as it is, a template, a list of these, or { get = \"data.amount\" }.",
        "type": ["string", "number", "boolean", "array", "object"],
        "items": reference("value"),
    });
    add(&mut value, more);
    value
}

/// A path without quantifiers, which may begin with a row or be the tick.
pub(super) fn place() -> Value {
    let roots = Root::ALL.map(Root::as_str).join("|");
    json!({ "type": "string", "pattern": format!(r"^({roots}|row|tick)(\..+)?$") })
}
