//! Any text as a template, rendered from a rich event: bounded in time and
//! length, whatever it asks for.
#![no_main]

use hearken::rules::event::Event;
use hearken::rules::name::{RoutineName, SourceName};
use hearken::rules::template::{OUTPUT_BYTES_MAX, Scope, Template, Variables};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use std::sync::LazyLock;

static EVENT: LazyLock<Event> = LazyLock::new(|| Event {
    from: SourceName::log(),
    seq: 1,
    id: "1".into(),
    origin: "fuzz".into(),
    kind: "fuzzed".into(),
    subject: Some("s".into()),
    time: Timestamp::UNIX_EPOCH,
    tenant: None,
    data: json!({ "n": 5, "f": 1.5, "s": "text", "list": [1, "b", null, { "x": 1 }], "o": { "a": [true] } }),
    old: None,
    meta: json!({}),
    chain: Vec::new(),
});

fuzz_target!(|text: &str| {
    let Ok(template) = Template::compile(text, Variables::Event) else { return };
    let routine = RoutineName::parse("fuzzed").expect("a name");
    let scope = Scope::Event { event: &EVENT, routine: &routine, row: None };
    if let Ok(text) = template.text(scope) {
        assert!(text.len() <= OUTPUT_BYTES_MAX);
    }
    drop(template.value(scope));
});
