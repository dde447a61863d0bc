//! What makes keys equal, and what keeps them apart.

use super::*;
use proptest::prelude::*;
use serde_json::json;
use std::collections::HashSet;

#[test]
fn parts_never_glue_together() {
    let lists: [&[Part<'_>]; 12] = [
        &[],
        &[Part::Text("")],
        &[Part::Text(""), Part::Text("")],
        &[Part::Text("ab"), Part::Text("c")],
        &[Part::Text("a"), Part::Text("bc")],
        &[Part::Text("abc")],
        &[Part::Missing],
        &[Part::Null],
        &[Part::Bool(false)],
        &[Part::Integer(0)],
        &[Part::Text("0")],
        &[Part::Text("n\0\0\0\0\0\0\0\0")],
    ];
    let keys = lists.iter().map(|parts| key(parts)).collect::<HashSet<_>>();
    assert_eq!(keys.len(), lists.len());
}

#[test]
fn nesting_is_part_of_a_value() {
    let values = [
        json!([]),
        json!({}),
        json!([[]]),
        json!([1, [2]]),
        json!([[1], 2]),
        json!([1, 2]),
        json!({ "a": 1 }),
        json!(["a", 1]),
        json!({ "a": { "b": 1 } }),
        json!({ "a": "b" }),
    ];
    let keys = values.iter().map(|value| key(&[Part::Json(value)])).collect::<HashSet<_>>();
    assert_eq!(keys.len(), values.len());
}

#[test]
fn equal_values_have_equal_keys_however_they_are_written() {
    check_same(r#"{"a": 1, "b": [1.0, "x"]}"#, r#"{"b": [1e0, "x"], "a": 1.00}"#);
    check_same("100", "1e2");
    check_same("-0", "0");
}

#[test]
fn events_ticks_items_and_routines_are_kept_apart() {
    let routine = |text| RoutineName::parse(text).unwrap();
    let (a, b) = (routine("a"), routine("b"));
    let (item, other) = (ItemName::only(), ItemName::parse("other").unwrap());
    let (log, source) = (SourceName::log(), SourceName::parse("plugins").unwrap());
    let tick = Timestamp::from_second(7).unwrap();
    let later = Timestamp::from_nanosecond(7_000_000_001).unwrap();
    let keys = HashSet::from([
        default_event_key(&a, &item, &log, 7, 0),
        default_event_key(&b, &item, &log, 7, 0),
        default_event_key(&a, &other, &log, 7, 0),
        default_event_key(&a, &item, &source, 7, 0),
        default_event_key(&a, &item, &log, 8, 0),
        default_event_key(&a, &item, &log, 7, 1),
        source_row_key(&a, &item, &source, "7", 0),
        source_row_key(&b, &item, &source, "7", 0),
        source_row_key(&a, &other, &source, "7", 0),
        source_row_key(&a, &item, &log, "7", 0),
        source_row_key(&a, &item, &source, "8", 0),
        source_row_key(&a, &item, &source, "07", 0),
        source_row_key(&a, &item, &source, "7", 1),
        tick_key(&a, &item, tick),
        tick_key(&b, &item, tick),
        tick_key(&a, &other, tick),
        tick_key(&a, &item, later),
        tick_row_key(&a, &item, tick, 0),
        tick_row_key(&a, &item, tick, 1),
        gate_key("dedup", &a, &item, []),
        gate_key("limit", &a, &item, []),
        gate_key("dedup", &a, &item, [Part::Missing]),
        gate_key("dedup", &a, &item, [Part::Null]),
        gate_key("dedup", &a, &item, [Part::Text("7")]),
        gate_key("dedup", &a, &item, [Part::Integer(7)]),
        gate_key("limit", &a, &item, [Part::Integer(7)]),
        gate_key("dedup", &b, &item, [Part::Integer(7)]),
        gate_key("dedup", &a, &other, [Part::Integer(7)]),
    ]);
    assert_eq!(keys.len(), 28);
}

/// Keys are stored; one which changes with a release would let an item in
/// a second time.
#[test]
fn keys_stay_the_same_from_release_to_release() {
    let (digest, item) = (RoutineName::parse("digest").unwrap(), ItemName::only());
    let tick = tick_key(&digest, &item, Timestamp::from_second(7).unwrap());
    assert_eq!(tick, spelled_out(&["tick", "digest", "item"], &[7_000_000_000]));
    let event = default_event_key(&digest, &item, &SourceName::log(), 7, 0);
    assert_eq!(event, spelled_out(&["event", "digest", "item", "events"], &[7, 0]));
    let row = source_row_key(&digest, &item, &SourceName::parse("shop").unwrap(), "a-1", 3);
    assert_eq!(row, spelled_out(&["row", "digest", "item", "shop", "a-1"], &[3]));
    let limit = gate_key("limit", &digest, &item, [Part::Integer(2)]);
    assert_eq!(limit, spelled_out(&["limit", "digest", "item"], &[2]));
}

proptest! {
    #[test]
    fn different_texts_have_different_keys(
        a in prop::collection::vec(".{0,4}", 0..4),
        b in prop::collection::vec(".{0,4}", 0..4),
    ) {
        let hash = |texts: &[String]| {
            texts.iter().fold(KeyHasher::new(), |key, text| key.part(Part::Text(text))).finish()
        };
        prop_assert_eq!(hash(&a) == hash(&b), a == b);
    }
}

fn key(parts: &[Part<'_>]) -> DedupKey {
    parts.iter().fold(KeyHasher::new(), |key, part| key.part(*part)).finish()
}

/// The key of these parts, byte by byte.
fn spelled_out(texts: &[&str], integers: &[i128]) -> DedupKey {
    let mut layout = DOMAIN.to_vec();
    for text in texts {
        layout.push(b't');
        layout.extend((text.len() as u64).to_be_bytes());
        layout.extend(text.as_bytes());
    }
    for integer in integers {
        layout.extend([b'i', 0, 0, 0, 0, 0, 0, 0, 16]);
        layout.extend(integer.to_be_bytes());
    }
    DedupKey(Sha256::digest(&layout).into())
}

#[track_caller]
fn check_same(a: &str, b: &str) {
    let hash = |text: &str| key(&[Part::Json(&serde_json::from_str(text).unwrap())]);
    assert_eq!(hash(a), hash(b), "{a} and {b}");
}
