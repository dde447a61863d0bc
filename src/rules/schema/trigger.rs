//! The part about what sets a routine off, and the queries it asks.

use super::{Key, add, duration, key, list, name, reference, set, table, text, words};
use crate::rules::routine::{EACH_TIMEOUT_DEFAULT, MAX_ROWS_DEFAULT, MAX_ROWS_LIMIT, QUERY_TIMEOUT_DEFAULT};
use crate::rules::schedule::policy::{GapPolicy, Missed, RepeatPolicy};
use serde_json::{Value, json};
use std::time::Duration;

/// `[on]`, which has one of its keys.
pub(super) fn on() -> Value {
    let mut timed = schedule();
    timed.extend(query(QUERY_TIMEOUT_DEFAULT));
    let keys = vec![
        key("event", "Events, of these types and from this source.", event()),
        key("schedule", "Times. [[on.schedule]] for several.", one_or_more(table(schedule(), &[]))),
        key("query", "Times at which a query is asked; each row is an item.", table(timed, &["sql"])),
    ];
    let mut on = table(keys, &[]);
    add(&mut on, json!({ "minProperties": 1, "maxProperties": 1 }));
    on
}

/// `[each]`.
pub(super) fn each() -> Value {
    table(query(EACH_TIMEOUT_DEFAULT).into(), &["sql"])
}

fn event() -> Value {
    // A star stands at the end, alone or after a dot.
    let kind = || json!({ "type": "string", "pattern": r"^([^*]+|([^*]*\.)?\*)$" });
    let mut types = set(kind());
    add(&mut types, kind());
    add(&mut types, json!({ "type": ["string", "array"] }));
    let keys = vec![
        key(
            "type",
            "The type of the event, or several. \"refund.*\" is all which begin with \"refund.\".",
            types,
        ),
        key("from", "The source it is read from: \"events\" is hearken's own log.", name()),
    ];
    table(keys, &[])
}

/// A table, or a list of such tables.
fn one_or_more(mut table: Value) -> Value {
    let items = table.clone();
    add(&mut table, json!({ "type": ["object", "array"], "items": items, "minItems": 1 }));
    table
}

fn schedule() -> Vec<Key> {
    let dst = vec![
        key("gap", "For times which do not exist on a day.", words(GapPolicy::WORDS, "after")),
        key("repeat", "For times which exist twice on a day.", words(RepeatPolicy::WORDS, "first")),
    ];
    let zone = json!({ "type": "string", "default": "UTC", "examples": ["Europe/Berlin"] });
    let cron = json!({ "type": "string", "minLength": 1, "examples": ["0 9 * * MON"] });
    let hours = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$";
    let time = json!({ "type": "string", "pattern": hours, "examples": ["09:00"] });
    vec![
        key("cron", "Five fields: minute, hour, day, month, weekday; a sixth in front counts seconds.", cron),
        key("every", "A period, counted from `from`, else from 1970.", duration()),
        key("time", "With `every` in whole days: at which time of day.", time),
        key("at", "One time: 2026-12-24T18:00:00.", text()),
        key("tz", "The zone whose clocks are meant.", zone),
        key(
            "missed",
            "What becomes of ticks which fell due while nobody ran.",
            words(Missed::WORDS, "latest"),
        ),
        key("within", "A tick older than this is not run any more.", duration()),
        key("dst", "What becomes of fixed times when the clock changes.", table(dst, &[])),
        key("jitter", "Items fall due up to this much later, always the same for a tick.", duration()),
        key("from", "No tick before this time.", text()),
        key("until", "No tick after this time.", text()),
    ]
}

/// What queries share; they differ in how long they may take.
fn query(timeout: Duration) -> [Key; 4] {
    let mut duration = duration();
    add(&mut duration, json!({ "default": humantime::format_duration(timeout).to_string() }));
    let rows = json!({
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_ROWS_LIMIT,
        "default": MAX_ROWS_DEFAULT,
    });
    [
        key("sql", "One statement, with $1, $2 and so on for params.", text()),
        key(
            "params",
            "The values of $1, $2 and so on: literals, or { get = \"data.team\" }.",
            list(reference("param")),
        ),
        key("max_rows", "More rows are an error, and never cut off.", rows),
        key("timeout", "How long the statement may take.", duration),
    ]
}
