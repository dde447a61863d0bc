//! The JSON Schema of routine files, for editors: what may be written where,
//! with a line of help for each key.
//!
//! It is of draft 7, the newest which the TOML extensions of editors read
//! without being told: taplo, which stands behind most of them, promises draft 4
//! and reads 7, and newer ones only in newer versions. For the same reason
//! nothing here chooses between tables with `oneOf` or `anyOf`, of which editors
//! show the wrong branch: a key which takes text, a list or a table has a list
//! of types, and the keywords of each.
//!
//! Where a key decides about the others, as `inbox` does, there is `if`.
//!
//! A schema knows less than `hearken check`: it sees one key at a time. What it
//! refuses is wrong, and what it lets pass may be.

mod cases;
mod flow;
mod item;
mod trigger;
mod webhook;
mod when;

use super::name::NAME_BYTES_MAX;
use serde_json::{Map, Value, json};

/// The schema of a routine file.
#[must_use]
pub fn schema() -> Value {
    let keys = vec![
        key("title", "What the routine is for, in a few words.", text()),
        key("on", "What sets the routine off: one of event, schedule and query.", trigger::on()),
        key("when", "What an event must be like. All conditions must hold.", when::conditions_of_events()),
        key("each", "One item for each row of a query, asked for each event.", trigger::each()),
        key("flow", "What becomes of an item on its way into the inbox.", flow::flow()),
        key("item", "What goes into the inbox.", item::item()),
        key("items", "Further items, by their names: all come, or none.", item::items()),
        key("webhook", "What is delivered to an endpoint, in place of an item.", webhook::webhook()),
        key("tests", "Examples which `hearken test` tries.", cases::tests()),
    ];
    let mut schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A routine of hearken",
        "description": "What to do about events of a kind, or at certain times. One file, one routine.",
    });
    add(&mut schema, table(keys, &["title", "on"]));
    // A query may do its work without making items, and others have one of the three.
    let webhook_or_item = json!({ "if": { "required": ["webhook"] }, "else": { "required": ["item"] } });
    let items_or_item = json!({ "if": { "required": ["items"] }, "else": webhook_or_item });
    add(
        &mut schema,
        json!({
            "if": { "required": ["on"], "properties": { "on": { "required": ["query"] } } },
            "else": items_or_item,
        }),
    );
    let mut definitions = when::definitions();
    definitions.insert("item".to_owned(), item::item());
    definitions.insert("value".to_owned(), item::value());
    definitions.insert("param".to_owned(), item::param());
    add(&mut schema, json!({ "definitions": definitions }));
    schema
}

/// A key of a table: its name, and the schema of what it holds, with a line of
/// help.
type Key = (String, Value);

fn key(name: &str, help: &str, mut holds: Value) -> Key {
    add(&mut holds, json!({ "description": help }));
    (name.to_owned(), holds)
}

/// What stands among the definitions, since it is needed often or is made of
/// itself.
fn reference(definition: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{definition}") })
}

/// A table with these keys and no others.
fn table(keys: Vec<Key>, required: &[&str]) -> Value {
    let properties = keys.into_iter().collect::<Map<_, _>>();
    let mut table = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        add(&mut table, json!({ "required": required }));
    }
    table
}

fn text() -> Value {
    json!({ "type": "string", "minLength": 1 })
}

fn name() -> Value {
    json!({ "type": "string", "pattern": format!("^[A-Za-z0-9_.-]{{1,{NAME_BYTES_MAX}}}$") })
}

/// A period such as `15m`; what is no period is left to `hearken check`.
fn duration() -> Value {
    json!({ "type": "string", "minLength": 2 })
}

fn integer(least: i32, most: i32, default: i32) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most, "default": default })
}

fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// A list in which nothing stands twice, and something stands.
fn set(items: Value) -> Value {
    json!({ "type": "array", "items": items, "minItems": 1, "uniqueItems": true })
}

/// One of these words.
fn words(words: &[&str], default: &str) -> Value {
    json!({ "type": "string", "enum": words, "default": default })
}

/// Adds the keywords of one object to another.
fn add(schema: &mut Value, more: Value) {
    if let (Value::Object(schema), Value::Object(more)) = (schema, more) {
        schema.extend(more);
    }
}

#[cfg(test)]
mod tests;
