//! The part about what goes into inboxes: `[item]` and `[items.NAME]`.

use super::{Key, add, integer, key, name, reference, table, text};
use crate::rules::path::Root;
use crate::rules::routine::{ATTEMPTS_LIMIT, FIELDS_MAX, ITEMS_MAX, ValueType};
use serde_json::{Map, Value, json};

/// `[items]`: further items by their names.
pub(super) fn items() -> Value {
    json!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": ITEMS_MAX,
        "propertyNames": { "pattern": name()["pattern"] },
        "additionalProperties": reference("item"),
    })
}

/// `[item]`. With `inbox`, all other keys are columns of its table.
pub(super) fn item() -> Value {
    let mut item = either(of_queue(), vec![inbox(), emits()], &["queue", "title"], reference("value"));
    // A row has a column at least.
    if let Some(then) = item.get_mut("then") {
        add(then, json!({ "minProperties": 2 }));
    }
    item
}

/// The inbox of the user's which an item goes to.
pub(super) fn inbox() -> Key {
    key("inbox", "An inbox of hearken.toml; all other keys are then columns of its table.", name())
}

/// A table which has these keys and no others, or, if it has `inbox`, those and any
/// columns.
///
/// What stands under `then` and `else` is not offered by all editors, so the names of
/// the keys stand outside as well, with their help.
pub(super) fn either(ours: Vec<Key>, for_table: Vec<Key>, required: &[&str], column: Value) -> Value {
    let hint = |(name, holds): &Key| (name.clone(), json!({ "description": holds["description"] }));
    let hints = ours.iter().map(hint).collect::<Map<_, _>>();
    let mut then = table(for_table, &["inbox"]);
    add(&mut then, json!({ "additionalProperties": column }));
    json!({
        "type": "object",
        "properties": hints,
        "if": { "required": ["inbox"] },
        "then": then,
        "else": table(ours, required),
    })
}

fn of_queue() -> Vec<Key> {
    vec![
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
            "After so many leases without success the item is dead; without it, as its queue says.",
            json!({ "type": "integer", "minimum": 1, "maximum": ATTEMPTS_LIMIT }),
        ),
        order_key(),
        emits(),
        inbox(),
    ]
}

/// The key by which workers keep an order.
pub(super) fn order_key() -> Key {
    key(
        "key",
        "Items of one key are worked on one after another: a template, such as \"{{ subject }}\".",
        text(),
    )
}

fn tags() -> Value {
    json!({ "type": "array", "items": text(), "uniqueItems": true })
}

/// One type or several, each in full.
pub(super) fn emits() -> Key {
    let kind = "^[^*]+$";
    let items = json!({ "type": "string", "pattern": kind });
    let holds = json!({ "type": ["string", "array"], "pattern": kind, "items": items, "uniqueItems": true });
    key("emits", "The types of events which its workers emit, for advice about circles.", holds)
}

fn context() -> Value {
    json!({ "type": "object", "additionalProperties": reference("value"), "maxProperties": FIELDS_MAX })
}

/// A value for the worker or a column: itself, a template, a list, a table which gets
/// it, or an object of these.
pub(super) fn value() -> Value {
    json!({
        "description": "A value as it is, a template, a list or table of these, or { get = \"data.amount\" }.",
        "type": ["string", "number", "boolean", "array", "object"],
        "items": reference("value"),
        "if": { "type": "object", "required": ["get"] },
        "then": table(got(), &["get"]),
        "else": { "additionalProperties": reference("value"), "maxProperties": FIELDS_MAX },
    })
}

/// A value for a query: itself, a list, or a table which gets it.
pub(super) fn param() -> Value {
    let mut param = table(got(), &["get"]);
    let more = json!({
        "description": "A value as it is, a list of these, or { get = \"data.amount\" }.",
        "type": ["string", "number", "boolean", "array", "object"],
        "items": reference("param"),
    });
    add(&mut param, more);
    param
}

/// The keys of a table which gets a value.
fn got() -> Vec<Key> {
    let types = json!({ "type": "string", "enum": ValueType::ALL.map(ValueType::as_str), "default": "json" });
    let length = json!({ "type": "integer", "minimum": 1 });
    let constant = json!({ "type": ["string", "number", "boolean", "array"] });
    vec![
        key("get", "The path of the value: data.amount, or row.id where there are rows.", place()),
        key("type", "The type it must have; nothing is converted.", types),
        key("default", "Stands in if the value is missing or null.", constant),
        key("max_len", "Text is cut off after so many characters.", length),
    ]
}

/// A path without quantifiers, which may begin with a row or be the tick.
pub(super) fn place() -> Value {
    let roots = Root::ALL.map(Root::as_str).join("|");
    json!({ "type": "string", "pattern": format!(r"^({roots}|row|tick)(\..+)?$") })
}
