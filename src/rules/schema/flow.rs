//! The part about what becomes of an item on its way into the inbox: `[flow]`.
//!
//! Which gates and which keys have no meaning together is left to `hearken
//! check`: it says why.

use super::item::place;
use super::when::conditions_of_events;
use super::{Key, add, duration, key, set, table, words};
use crate::rules::gate::request::COLLECTED_MAX;
use crate::rules::routine::{BATCH_MIN, USES_MAX};
use serde_json::{Value, json};

/// `[flow]`.
pub(super) fn flow() -> Value {
    let debounce = "Waits until it is quiet, so that a burst becomes one item.";
    let batch = "Collects several into one item; its context is the list of theirs.";
    let supersede = "Waiting items of this key give way to a newer one.";
    let keys = vec![
        key(
            "loop",
            "What becomes of events which its own items brought about.",
            words(&["avoid", "allow"], "avoid"),
        ),
        key("debounce", debounce, table(debounced(), &["quiet"])),
        key("batch", batch, table(batched(), &["max", "within"])),
        key("hours", "The hours in which items may fall due.", table(hours(), &["tz"])),
        key("dedup", "Items which are the same by this key are one item.", table(dedup(), &["key"])),
        key("supersede", supersede, table(vec![grouped()], &[])),
        key("limit", "How many there may be in a time. [[flow.limit]] for several.", limits()),
        key(
            "overlap",
            "What becomes of an item while an earlier one of the routine is open.",
            words(&["allow", "skip", "queue"], "allow"),
        ),
    ];
    table(keys, &[])
}

/// The key of a gate which takes all items of the routine together without it.
fn grouped() -> Key {
    key("key", "Paths whose values say which belong together. Without it, all do.", set(place()))
}

fn debounced() -> Vec<Key> {
    vec![
        grouped(),
        key("quiet", "How long nothing more must come.", duration()),
        key("max_wait", "How long the first may wait at most; longer than quiet.", duration()),
        key(
            "keep",
            "Which of a burst becomes the item; all, with a list.",
            words(&["first", "last", "all"], "last"),
        ),
    ]
}

fn batched() -> Vec<Key> {
    let max = json!({ "type": "integer", "minimum": BATCH_MIN, "maximum": COLLECTED_MAX });
    vec![
        grouped(),
        key("max", "With so many, it goes on at once.", max),
        key("within", "How long the first may wait.", duration()),
    ]
}

fn hours() -> Vec<Key> {
    let open = json!({ "type": "array", "items": table(interval(), &["from", "to"]), "minItems": 1 });
    let mut unless = conditions_of_events();
    add(&mut unless, json!({ "minProperties": 1 }));
    let zone = json!({ "type": "string", "minLength": 1, "examples": ["Europe/Berlin"] });
    let mut keys = vec![key("tz", "The zone whose clocks are meant.", setting(zone))];
    keys.extend(interval());
    keys.extend([
        key("open", "Several intervals, in place of days, from and to.", open),
        key("outside", "What becomes of an item at another time.", words(&["hold", "drop"], "hold")),
        key("unless", "An event which meets these conditions passes at any time.", unless),
    ]);
    keys
}

fn interval() -> Vec<Key> {
    let days = json!({ "type": "string", "minLength": 1, "examples": ["mon-fri", "sat,sun"] });
    vec![
        key("days", "The days on which it begins; every day without it.", days),
        key("from", "When it begins: 08:00.", setting(time())),
        key("to", "When it ends: 18:00; the next day, if that is not after from.", setting(time())),
    ]
}

fn time() -> Value {
    json!({ "type": "string", "pattern": r"^(([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?|24:00(:00)?)$" })
}

fn dedup() -> Vec<Key> {
    let window =
        json!({ "type": "string", "minLength": 2, "default": "forever", "examples": ["while_open", "1d"] });
    let mut keys = vec![
        key("key", "Paths whose values together make an item the same as another.", set(place())),
        key("window", "How long an item counts: forever, while_open, or a duration.", window),
        key(
            "on_conflict",
            "What becomes of the later item.",
            words(&["skip", "replace", "append", "follow_up"], "skip"),
        ),
    ];
    keys.extend(aligned());
    keys
}

/// One limit, or a list of them.
fn limits() -> Value {
    let mut limit = table(limit(), &["max", "per"]);
    let items = limit.clone();
    add(&mut limit, json!({ "type": ["object", "array"], "items": items, "minItems": 1 }));
    limit
}

fn limit() -> Vec<Key> {
    let uses = |least: u32| json!({ "type": "integer", "minimum": least, "maximum": USES_MAX });
    let excess = "What becomes of one too many: it is dropped, or waits for room.";
    let mut keys = vec![
        grouped(),
        key("max", "So many there may be.", setting(uses(1))),
        key("per", "In this time.", duration()),
        key("used", "So many of them are used already, by others.", setting(uses(0))),
        key("excess", excess, words(&["drop", "delay"], "drop")),
        key("max_delay", "What would wait longer than this is dropped.", duration()),
    ];
    keys.extend(aligned());
    keys
}

/// How a window lies in time.
fn aligned() -> [Key; 2] {
    let zone = json!({ "type": "string", "default": "UTC", "examples": ["Europe/Berlin"] });
    let align = "Whether the time slides, or is a slot of the calendar: part of a day, 1d, 1w, 1month.";
    [
        key("align", align, words(&["sliding", "calendar"], "sliding")),
        key("tz", "The zone of the calendar.", zone),
    ]
}

/// A value, or where the event or the row has it.
fn setting(mut value: Value) -> Value {
    let mut default = value.clone();
    if let Some(least) = default.get_mut("minimum") {
        *least = json!(0);
    }
    let kind = value.get("type").cloned().unwrap_or_default();
    let get = vec![
        key("get", "The path of the value: data.tz, or row.tz where there are rows.", place()),
        key("default", "Stands in if the value is missing or null.", default),
    ];
    add(&mut value, table(get, &["get"]));
    add(&mut value, json!({ "type": [kind, "object"] }));
    value
}
