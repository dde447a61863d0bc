//! What is written, and what is read back.

use super::*;
use crate::rules::webhook::{HeaderValue, Mode, SecretRef, Target};
use proptest::prelude::*;
use serde_json::json;

#[test]
fn what_is_written_is_read_back() {
    check_round_trip(&draft());
    let more = ItemDraft {
        cause: Cause::Tick(Timestamp::from_nanosecond(1_234_567_890_123_456_789).unwrap()),
        due_at: Some(Timestamp::from_nanosecond(-1).unwrap()),
        tenant: Some(String::new()),
        instructions: "Look.\n\u{1}".into(),
        tags: vec!["a b".to_owned(), String::new()].into(),
        chain: vec![RoutineName::parse("a").unwrap(), RoutineName::parse("hq.b").unwrap()],
        ..draft()
    };
    check_round_trip(&more);
    check_round_trip(&foreign(json!({ "title": "t", "context": { "a": [null] } })));
    check_round_trip(&ItemDraft { foreign: None, ..foreign(json!({})) });
    check_round_trip(&ItemDraft { attempts_max: None, order_key: Some("c 1".to_owned()), ..draft() });
    check_round_trip(&delivered());
}

#[test]
fn numbers_keep_their_digits() {
    let context = serde_json::from_str(r#"{ "items": [{ "n": 12345678901234567890.120 }] }"#).unwrap();
    let draft = ItemDraft { context, ..draft() };
    check_round_trip(&draft);
    assert!(serde_json::to_string(&draft).unwrap().contains("12345678901234567890.120"));
    let columns = serde_json::from_str(r#"{ "n": 12345678901234567890.120 }"#).unwrap();
    let draft = foreign(columns);
    check_round_trip(&draft);
    assert!(serde_json::to_string(&draft).unwrap().contains("12345678901234567890.120"));
}

#[test]
fn the_form_does_not_change() {
    let key = "07".repeat(32);
    let want = json!({
        "routine": "r", "version": Version::of("").as_str(), "item": "item", "cause": { "event": 5 },
        "key": key, "queue": "q", "priority": -1, "attempts_max": 5, "title": "t", "instructions": "",
        "context": { "a": null },
    });
    assert_eq!(serde_json::to_value(draft()).unwrap(), want);
    let mut more = want;
    more["from"] = json!({ "source": "plugins", "id": "p 1" });
    more["row"] = json!(3);
    more["foreign"] = json!({ "inbox": "agents", "columns": { "kind": "k" } });
    assert_eq!(serde_json::to_value(foreign(json!({ "kind": "k" }))).unwrap(), more);
    let written = serde_json::to_value(delivered()).unwrap();
    assert_eq!(written["order_key"], json!("c1"));
    assert_eq!(written["webhook"]["to"], json!({ "url": "https://example.org/hook" }));
}

/// Releases without queue policies wrote how many attempts each draft has, and nothing
/// of keys and webhooks.
#[test]
fn what_an_earlier_release_wrote_is_read() {
    let mut written = serde_json::to_value(draft()).unwrap();
    let read: ItemDraft = serde_json::from_value(written.clone()).unwrap();
    assert_eq!((read.attempts_max, read.order_key, read.webhook), (Some(5), None, None));
    written.as_object_mut().unwrap().remove("attempts_max");
    assert_eq!(serde_json::from_value::<ItemDraft>(written).unwrap().attempts_max, None);
}

#[test]
fn what_is_no_draft_is_refused() {
    check_refused("routine", json!("a b"), "`routine` is no name: ' ' cannot be part of a name");
    check_refused("queue", json!(""), "`queue` is no name: a name cannot be empty");
    check_refused("chain", json!(["a", "ü"]), "`chain` is no name: 'ü' cannot be part of a name");
    check_refused("version", json!("x"), "`version` is no version of a routine");
    check_refused("context", json!([1]), "`context` is no object");
    check_refused("key", json!("0707"), "a key is 64 hex digits");
    check_refused("key", json!("zz".repeat(32)), "a key is 64 hex digits");
    check_refused("cause", json!({ "whim": 1 }), "unknown variant `whim`");
    check_refused("row", json!("3"), "invalid type: string");
    check_refused("webhook", json!({ "timeout_ms": 1, "retry_ms": [] }), "missing field `to`");
    let source = "`from.source` is no name: a name cannot be empty";
    check_refused("from", json!({ "source": "", "id": "1" }), source);
    check_refused("from", json!({ "source": "plugins" }), "missing field `id`");
    let inbox = "`foreign.inbox` is no name: ' ' cannot be part of a name";
    check_refused("foreign", json!({ "inbox": "a b", "columns": {} }), inbox);
    check_refused(
        "foreign",
        json!({ "inbox": "a", "columns": [] }),
        "invalid type: sequence, expected a map",
    );
}

proptest! {
    #[test]
    fn any_text_survives(title in ".{0,20}", instructions in "\\PC{0,20}", value in "(?s).{0,20}") {
        let context = json!({ "v": value });
        check_round_trip(&ItemDraft { title, instructions: instructions.into(), context, ..draft() });
    }
}

fn draft() -> ItemDraft {
    ItemDraft {
        routine: RoutineName::parse("r").unwrap(),
        version: Version::of(""),
        item: ItemName::only(),
        cause: Cause::Event(5),
        key: DedupKey([7; 32]),
        queue: QueueName::parse("q").unwrap(),
        priority: -1,
        due_at: None,
        attempts_max: Some(5),
        tenant: None,
        title: "t".to_owned(),
        instructions: "".into(),
        context: json!({ "a": null }),
        tags: [].into(),
        chain: Vec::new(),
        from: None,
        row: 0,
        foreign: None,
        order_key: None,
        webhook: None,
    }
}

/// A draft which is delivered, in order.
fn delivered() -> ItemDraft {
    let delivery = Delivery {
        to: Target::Url("https://example.org/hook".to_owned()),
        headers: [("x-team".to_owned(), HeaderValue::Text("finance".to_owned()))].into(),
        secret: Some(SecretRef::Env("HOOK_SECRET".to_owned())),
        mode: Mode::Binary,
        timeout_ms: 15_000,
        retry_ms: vec![5_000],
    };
    let webhook = Some(Arc::new(delivery));
    ItemDraft { attempts_max: Some(2), order_key: Some("c1".to_owned()), webhook, ..draft() }
}

/// A draft which comes from a table of the user's and goes to another one.
fn foreign(columns: Value) -> ItemDraft {
    let from = FromRow { source: SourceName::parse("plugins").unwrap(), id: "p 1".to_owned() };
    let inbox = InboxName::parse("agents").unwrap();
    let columns = columns.as_object().cloned().unwrap_or_default();
    ItemDraft { from: Some(Arc::new(from)), row: 3, foreign: Some(Foreign { inbox, columns }), ..draft() }
}

#[track_caller]
fn check_round_trip(draft: &ItemDraft) {
    let text = serde_json::to_string(draft).unwrap();
    let read: ItemDraft = serde_json::from_str(&text).unwrap();
    assert_eq!(read, *draft, "{text}");
    let value: ItemDraft = serde_json::from_value(serde_json::to_value(draft).unwrap()).unwrap();
    assert_eq!(value, *draft, "{text}");
}

#[track_caller]
fn check_refused(field: &str, value: Value, want: &str) {
    let mut json = serde_json::to_value(draft()).unwrap();
    json[field] = value;
    let error = serde_json::from_value::<ItemDraft>(json).unwrap_err().to_string();
    assert!(error.starts_with(want), "{error}");
}
