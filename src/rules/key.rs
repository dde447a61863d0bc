//! What makes two items the same item.
//!
//! A dedup key is the SHA-256 of a list of typed parts. Each part is hashed with
//! a tag for its type and its length, so that neither `("ab", "c")` and
//! `("a", "bc")`, nor `1` and `"1"`, nor a null and a missing value are ever
//! taken for each other. Equal numbers are equal however they are written.

use super::item::DedupKey;
use super::name::{ItemName, RoutineName, SourceName};
use super::value::canonical;
use jiff::Timestamp;
use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

/// Hashed before all else. A change of the layout gets a new prefix, so that
/// keys of two layouts are never equal by accident.
const DOMAIN: &[u8] = b"hearken dedup key 1\n";

/// One part of a key.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// There is no value: a value of its own, not the same as null.
    Missing,
    /// Null.
    Null,
    /// True or false.
    Bool(bool),
    /// A number, by its value: `1` and `1.0` are one.
    Number(&'a Number),
    /// An integer of ours.
    Integer(i128),
    /// Text.
    Text(&'a str),
    /// Any JSON value; the order of an object's keys does not matter.
    Json(&'a Value),
}

/// Collects the parts of a key.
#[derive(Clone, Debug)]
pub struct KeyHasher {
    hasher: Sha256,
}

impl Default for KeyHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl KeyHasher {
    /// A key without parts.
    #[must_use]
    pub fn new() -> Self {
        Self { hasher: Sha256::new_with_prefix(DOMAIN) }
    }

    /// The key with one more part.
    #[must_use]
    pub fn part(mut self, part: Part<'_>) -> Self {
        self.add(part);
        self
    }

    /// The key of the parts so far.
    #[must_use]
    pub fn finish(self) -> DedupKey {
        DedupKey(self.hasher.finalize().into())
    }

    fn add(&mut self, part: Part<'_>) {
        match part {
            Part::Missing => self.bytes(b'm', b""),
            Part::Null => self.bytes(b'n', b""),
            Part::Bool(value) => self.bytes(b'b', if value { b"1" } else { b"0" }),
            Part::Number(number) => self.bytes(b'd', canonical(number).as_bytes()),
            Part::Integer(value) => self.bytes(b'i', &value.to_be_bytes()),
            Part::Text(text) => self.bytes(b't', text.as_bytes()),
            Part::Json(value) => self.json(value),
        }
    }

    fn json(&mut self, value: &Value) {
        match value {
            Value::Null => self.add(Part::Null),
            Value::Bool(value) => self.add(Part::Bool(*value)),
            Value::Number(number) => self.add(Part::Number(number)),
            Value::String(text) => self.add(Part::Text(text)),
            Value::Array(items) => {
                self.count(b'a', items.len());
                items.iter().for_each(|item| self.json(item));
            }
            Value::Object(map) => {
                self.count(b'o', map.len());
                let mut pairs = map.iter().collect::<Vec<_>>();
                pairs.sort_unstable_by_key(|(key, _)| key.as_str());
                for (key, value) in pairs {
                    self.add(Part::Text(key));
                    self.json(value);
                }
            }
        }
    }

    fn bytes(&mut self, tag: u8, bytes: &[u8]) {
        self.count(tag, bytes.len());
        self.hasher.update(bytes);
    }

    fn count(&mut self, tag: u8, count: usize) {
        self.hasher.update([tag]);
        self.hasher.update((count as u64).to_be_bytes());
    }
}

/// The key of an item of an event, where the routine says no other: one item of
/// that name per routine, event and row of `[each]`.
#[must_use]
pub fn default_event_key(
    routine: &RoutineName,
    item: &ItemName,
    from: &SourceName,
    seq: i64,
    row: u32,
) -> DedupKey {
    KeyHasher::new()
        .part(Part::Text("event"))
        .part(Part::Text(routine.as_str()))
        .part(Part::Text(item.as_str()))
        .part(Part::Text(from.as_str()))
        .part(Part::Integer(seq.into()))
        .part(Part::Integer(row.into()))
        .finish()
}

/// The key of an item of a tick: one item of that name per routine and instant.
#[must_use]
pub fn tick_key(routine: &RoutineName, item: &ItemName, tick: Timestamp) -> DedupKey {
    tick_parts(routine, item, tick).finish()
}

/// The key of an item of a row at a tick, where the routine says no other.
#[must_use]
pub fn tick_row_key(routine: &RoutineName, item: &ItemName, tick: Timestamp, row: u32) -> DedupKey {
    tick_parts(routine, item, tick).part(Part::Integer(row.into())).finish()
}

fn tick_parts(routine: &RoutineName, item: &ItemName, tick: Timestamp) -> KeyHasher {
    KeyHasher::new()
        .part(Part::Text("tick"))
        .part(Part::Text(routine.as_str()))
        .part(Part::Text(item.as_str()))
        .part(Part::Integer(tick.as_nanosecond()))
}

/// The key of an item by values which the routine names: one item of that name
/// per routine and values, whichever event, row or tick they come from.
#[must_use]
pub fn tuple_key<'a>(
    routine: &RoutineName,
    item: &ItemName,
    parts: impl IntoIterator<Item = Part<'a>>,
) -> DedupKey {
    let named = KeyHasher::new()
        .part(Part::Text("key"))
        .part(Part::Text(routine.as_str()))
        .part(Part::Text(item.as_str()));
    parts.into_iter().fold(named, |key, part| key.part(part)).finish()
}

#[cfg(test)]
mod tests {
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
            tick_key(&a, &item, tick),
            tick_key(&b, &item, tick),
            tick_key(&a, &other, tick),
            tick_key(&a, &item, later),
            tick_row_key(&a, &item, tick, 0),
            tick_row_key(&a, &item, tick, 1),
            tuple_key(&a, &item, []),
            tuple_key(&a, &item, [Part::Missing]),
            tuple_key(&a, &item, [Part::Null]),
            tuple_key(&a, &item, [Part::Text("7")]),
            tuple_key(&a, &item, [Part::Integer(7)]),
            tuple_key(&b, &item, [Part::Integer(7)]),
            tuple_key(&a, &other, [Part::Integer(7)]),
        ]);
        assert_eq!(keys.len(), 19);
    }

    /// Keys are stored; one which changes with a release would let an item in
    /// a second time.
    #[test]
    fn keys_stay_the_same_from_release_to_release() {
        let mut layout = DOMAIN.to_vec();
        for text in ["tick", "digest", "item"] {
            layout.push(b't');
            layout.extend((text.len() as u64).to_be_bytes());
            layout.extend(text.as_bytes());
        }
        layout.extend([b'i', 0, 0, 0, 0, 0, 0, 0, 16]);
        layout.extend(7_000_000_000_i128.to_be_bytes());
        let want = DedupKey(Sha256::digest(&layout).into());
        let digest = RoutineName::parse("digest").unwrap();
        assert_eq!(tick_key(&digest, &ItemName::only(), Timestamp::from_second(7).unwrap()), want);
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

    #[track_caller]
    fn check_same(a: &str, b: &str) {
        let hash = |text: &str| key(&[Part::Json(&serde_json::from_str(text).unwrap())]);
        assert_eq!(hash(a), hash(b), "{a} and {b}");
    }
}
