//! The part about `[[tests]]`.

use super::item::{either, inbox};
use super::{Key, add, duration, key, list, name, table, text};
use serde_json::{Value, json};

/// `[[tests]]`.
pub(super) fn tests() -> Value {
    let start = json!({ "type": "string", "default": "2026-01-01T00:00:00Z" });
    let because = "Why nothing comes at once: when.data.amount, which fails first, or the gate flow.limit.";
    let keys = vec![
        key("name", "What the test shows; no other test of the file has it.", text()),
        key("start", "Where the clock of the test starts.", start),
        key("until", "How far the clock runs: 8d after the start, or a time.", duration()),
        key("held", "How many drafts are held at the end.", json!({ "type": "integer", "minimum": 0 })),
        key("given", "What happens, in order.", list(given())),
        key("rows", "What the query finds, for every event and tick.", rows()),
        key("expect", "The items which come, in order. Only what is named is compared.", list(expected())),
        key("because", because, text()),
    ];
    list(table(keys, &["name"]))
}

fn given() -> Value {
    let any = || json!({});
    let keys = vec![
        key("at", "When: 10s after the start, or a time. Without it, at once.", duration()),
        key("type", "What kind of thing happens.", text()),
        key("data", "What happens, in detail.", any()),
        key("old", "The row before an update or a delete.", any()),
        key("subject", "What it happens to.", json!({ "type": "string" })),
        key("source", "The writer's name for where it happens.", text()),
        key("tenant", "Whose event it is.", json!({ "type": "string" })),
        key("id", "The writer's id of the event.", text()),
        key("time", "When, by the writer's clock.", duration()),
        key("meta", "What the writer wants carried along.", any()),
        key("from", "The source it is read from.", name()),
        key("file", "A file of one event or several, from the folder of this file on.", text()),
        key("rows", "What the query finds for this one.", rows()),
        key("chain", "The routines whose items led to it.", list(name())),
        key("because", "Why nothing comes of it at once: when.data.amount, or flow.limit.", text()),
        key("tick", "A tick of the schedule: 1h after the start, or a time.", duration()),
        key("lease", "A worker takes this item, the first which came is 1.", item_number()),
        key("complete", "A worker completes this item, the first which came is 1.", item_number()),
    ];
    table(keys, &[])
}

fn item_number() -> Value {
    json!({ "type": "integer", "minimum": 1 })
}

/// When an item comes, which it is and how it stands can be said of any.
fn of_any() -> Vec<Key> {
    let states = json!({ "type": "string", "enum": ["waiting", "leased", "done", "superseded"] });
    vec![
        key("at", "When it comes into the inbox.", duration()),
        key("item", "Which of the routine's items it is.", name()),
        key("state", "How it stands at the end; superseded items must say so.", states),
        inbox(),
    ]
}

fn expected() -> Value {
    let number = || json!({ "type": "integer" });
    let any_text = || json!({ "type": "string" });
    let mut keys = of_any();
    keys.extend([
        key("queue", "The queue it goes to.", name()),
        key("title", "Its title.", any_text()),
        key("priority", "Its priority.", number()),
        key("instructions", "What to do.", any_text()),
        key("tags", "What a worker must offer, in order.", list(text())),
        key("tenant", "Whose item it is.", any_text()),
        key("due_at", "From when on workers may take it.", duration()),
        key("max_attempts", "How often it may be leased.", number()),
        key("key", "The key by which workers keep an order.", any_text()),
        key(
            "context",
            "Values for the worker: only the named keys are compared.",
            json!({ "type": "object", "minProperties": 1 }),
        ),
        key("webhook", "The table of endpoints it is delivered to.", name()),
        key("id", "Which row of that table.", any_text()),
        key("url", "The address it is delivered to.", any_text()),
        key("type", "The type of what is sent.", any_text()),
        key("data", "What is sent: of an object only the named keys are compared.", json!({})),
        key("headers", "Headers of its own, by names in small letters.", json!({ "type": "object" })),
    ]);
    let mut expected = either(keys, of_any(), &[], json!({}));
    add(&mut expected, json!({ "minProperties": 1 }));
    expected
}

fn rows() -> Value {
    list(json!({ "type": "object" }))
}
