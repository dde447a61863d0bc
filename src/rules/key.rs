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

/// The key of an item of an event of the log: one item of that name per routine,
/// event and row of `[each]`.
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

/// The key of an item of a row of a source other than the log: one item of that
/// name per routine, row and row of `[each]`. It goes by the row's own id, since the
/// number which its event gets is another one each time the row is claimed. The
/// first part, and the type of the last but one, keep it from being that of an event
/// of the log.
#[must_use]
pub fn source_row_key(
    routine: &RoutineName,
    item: &ItemName,
    from: &SourceName,
    id: &str,
    row: u32,
) -> DedupKey {
    KeyHasher::new()
        .part(Part::Text("row"))
        .part(Part::Text(routine.as_str()))
        .part(Part::Text(item.as_str()))
        .part(Part::Text(from.as_str()))
        .part(Part::Text(id))
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

/// The key by which a gate of `[flow]` knows a draft: of a routine's item, by the
/// values which the routine names, whichever event, row or tick they come from.
/// `gate` is the gate's name, so that no gate takes a key for another's. Of
/// several limits, the number of the limit comes before the values.
#[must_use]
pub fn gate_key<'a>(
    gate: &str,
    routine: &RoutineName,
    item: &ItemName,
    parts: impl IntoIterator<Item = Part<'a>>,
) -> DedupKey {
    let named = KeyHasher::new()
        .part(Part::Text(gate))
        .part(Part::Text(routine.as_str()))
        .part(Part::Text(item.as_str()));
    parts.into_iter().fold(named, |key, part| key.part(part)).finish()
}

#[cfg(test)]
mod tests;
