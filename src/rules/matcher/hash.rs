//! Hashes of values at paths: the keys of the index.
//!
//! Two different values may have one hash; then a routine is asked in vain, and
//! that is all. The hash is seeded anew in each process, so that nobody can
//! write events which are asked of all routines.

use super::paths::PathId;
use crate::rules::condition::Literal;
use crate::rules::value::canonical;
use foldhash::quality::RandomState;
use serde_json::{Number, Value};
use std::hash::{BuildHasher, Hasher};

/// What is hashed about a value. Only values of one lane are ever equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    /// The value itself.
    Equal,
    /// The beginning of a text, so many bytes.
    Prefix(usize),
    /// The end of a text, so many bytes.
    Suffix(usize),
    /// The same of folded text.
    FoldedEqual,
    FoldedPrefix(usize),
    FoldedSuffix(usize),
}

/// The lengths to which prefixes and suffixes are cut, in bytes, so that a text
/// is looked up a few times, however many lengths there are.
pub(super) const LENGTHS: [usize; 10] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32];

/// The greatest of the lengths within `length`.
pub(super) fn cut(length: usize) -> Option<usize> {
    LENGTHS.into_iter().rev().find(|known| *known <= length)
}

impl Lane {
    fn tag(self) -> u8 {
        match self {
            Self::Equal => 0,
            Self::Prefix(_) => 1,
            Self::Suffix(_) => 2,
            Self::FoldedEqual => 3,
            Self::FoldedPrefix(_) => 4,
            Self::FoldedSuffix(_) => 5,
        }
    }
}

/// Hashes values.
#[derive(Clone, Debug, Default)]
pub(super) struct Hashes(RandomState);

impl Hashes {
    /// The hash of a text, or of its part in this lane.
    pub(super) fn text(&self, path: PathId, lane: Lane, text: &[u8]) -> u64 {
        self.bytes(path, lane.tag(), b't', text)
    }

    pub(super) fn literal(&self, path: PathId, literal: &Literal) -> u64 {
        match literal {
            Literal::Text(text) => self.text(path, Lane::Equal, text.as_bytes()),
            Literal::Number(number) => self.number(path, number),
            Literal::Bool(value) => self.bytes(path, 0, b'b', &[u8::from(*value)]),
            Literal::Null => self.bytes(path, 0, b'n', &[]),
        }
    }

    /// The hash of a value which is no list; none for objects, which equal
    /// nothing that a routine can say.
    pub(super) fn value(&self, path: PathId, value: &Value) -> Option<u64> {
        Some(match value {
            Value::String(text) => self.text(path, Lane::Equal, text.as_bytes()),
            Value::Number(number) => self.number(path, number),
            Value::Bool(value) => self.bytes(path, 0, b'b', &[u8::from(*value)]),
            Value::Null => self.bytes(path, 0, b'n', &[]),
            Value::Array(_) | Value::Object(_) => return None,
        })
    }

    /// Equal numbers have equal hashes, however they are written.
    fn number(&self, path: PathId, number: &Number) -> u64 {
        let text = number.as_str();
        let plain = text.len() <= 16 && text != "-0" && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        if plain {
            return self.bytes(path, 0, b'i', text.as_bytes());
        }
        let canonical = canonical(number);
        match small_integer(&canonical) {
            Some(integer) => self.bytes(path, 0, b'i', integer.as_bytes()),
            None => self.bytes(path, 0, b'd', canonical.as_bytes()),
        }
    }

    fn bytes(&self, path: PathId, lane: u8, kind: u8, bytes: &[u8]) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write_u32(path);
        hasher.write_u16(u16::from_be_bytes([lane, kind]));
        hasher.write(bytes);
        hasher.finish()
    }
}

/// The digits of an integer below 10^16 in canonical form, such as `-.125e3`.
fn small_integer(canonical: &str) -> Option<String> {
    if canonical == "0" {
        return Some("0".to_owned());
    }
    let (digits, magnitude) = canonical.split_once('e')?;
    let magnitude = magnitude.parse::<usize>().ok().filter(|magnitude| *magnitude <= 16)?;
    let (sign, digits) = (digits.starts_with('-'), digits.trim_start_matches(['-', '.']));
    (digits.len() <= magnitude).then(|| format!("{}{digits:0<magnitude$}", if sign { "-" } else { "" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_have_equal_hashes() {
        let hashes = Hashes::default();
        let hash = |text: &str| hashes.number(0, &serde_json::from_str(text).unwrap());
        for (a, b) in [
            ("1", "1.0"),
            ("100", "1e2"),
            ("0", "-0"),
            ("0", "0.00"),
            ("-12", "-1.2e1"),
            ("12345678901234567", "12345678901234567.0"),
            ("123456789012345678", "123456789012345678.0"),
            ("0.5", "5e-1"),
        ] {
            assert_eq!(hash(a), hash(b), "{a} {b}");
        }
        for (a, b) in [("1", "-1"), ("9007199254740993", "9007199254740992"), ("1", "10"), ("0.5", "5")] {
            assert_ne!(hash(a), hash(b), "{a} {b}");
        }
    }
}
