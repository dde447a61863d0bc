//! What the tests of single values mean, said as plainly as can be.

use super::words::PATTERNS;
use regex::Regex;
use serde_json::Value;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::LazyLock;

/// The decimal places a number may have here.
const PLACES: i32 = 12;

/// A number in units of a millionth of a millionth.
///
/// # Panics
///
/// If it has more digits than the vocabulary has.
pub fn decimal(text: &str) -> i128 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.parse::<i32>().expect("an exponent");
    let fraction_places = i32::try_from(fraction.len()).expect("few digits");
    let shift = u32::try_from(PLACES + exponent - fraction_places).expect("few decimal places");
    let units = format!("{whole}{fraction}").parse::<i128>().expect("digits");
    let scale = 10_i128.checked_pow(shift).expect("a small exponent");
    sign * units.checked_mul(scale).expect("few digits")
}

/// Whether two values are equal: numbers as numbers, all else as it is.
pub fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => decimal(one.as_str()) == decimal(other.as_str()),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let has = |(key, one): (&String, &Value)| other.get(key).is_some_and(|other| same(one, other));
            one.len() == other.len() && one.iter().all(has)
        }
        (one, other) => one == other,
    }
}

/// The text with its case left aside: each character in upper, then in lower
/// case.
pub fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// A part of a pattern of `like`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    AnyText,
    Char(char),
}

/// Whether the whole text has the shape of the pattern.
pub fn is_like(text: &str, pattern: &str) -> bool {
    let text = text.chars().collect::<Vec<_>>();
    fits(&text, &pieces(pattern))
}

/// The same without regard to case.
pub fn is_like_folded(text: &str, pattern: &str) -> bool {
    let text = fold(text).chars().collect::<Vec<_>>();
    let folded = pieces(pattern).into_iter().flat_map(|piece| match piece {
        Piece::AnyText => vec![Piece::AnyText],
        Piece::Char(c) => fold(&c.to_string()).chars().map(Piece::Char).collect(),
    });
    fits(&text, &folded.collect::<Vec<_>>())
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        pieces.push(match c {
            '*' => Piece::AnyText,
            '\\' => Piece::Char(chars.next().expect("a character after the backslash")),
            c => Piece::Char(c),
        });
    }
    pieces
}

fn fits(text: &[char], pieces: &[Piece]) -> bool {
    match pieces.split_first() {
        None => text.is_empty(),
        Some((Piece::AnyText, rest)) => (0..=text.len()).any(|skipped| fits(&text[skipped..], rest)),
        Some((Piece::Char(c), rest)) => text.first() == Some(c) && fits(&text[1..], rest),
    }
}

/// Whether the expression, one of the vocabulary, finds something in the text.
pub fn finds(text: &str, pattern: &str) -> bool {
    static EXPRESSIONS: LazyLock<HashMap<&str, Regex>> = LazyLock::new(|| {
        let compile = |pattern: &&'static str| (*pattern, Regex::new(pattern).expect("an expression"));
        PATTERNS.iter().map(compile).collect()
    });
    EXPRESSIONS[pattern].is_match(text)
}

/// Whether the text is an address of the range.
pub fn is_within(text: &str, range: &str) -> bool {
    let (base, length) = match range.split_once('/') {
        Some((base, length)) => (base, Some(length.parse::<u32>().expect("a length"))),
        None => (range, None),
    };
    let (base, width) = bits(base.parse().expect("a base address"));
    let Ok(address) = text.parse::<IpAddr>() else { return false };
    let (address, address_width) = bits(address);
    let dropped = width - length.unwrap_or(width);
    let kept = |bits: u128| bits.checked_shr(dropped).unwrap_or(0);
    width == address_width && kept(address) == kept(base)
}

fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact() {
        for same in [["1", "1.0"], ["1e0", "1e+0"], ["-0", "0.0"], ["1e-1", "0.10"]] {
            assert_eq!(decimal(same[0]), decimal(same[1]), "{same:?}");
        }
        assert!(decimal("9007199254740992") < decimal("9007199254740992.5"));
        assert!(decimal("12345678901234567890123") < decimal("12345678901234567890123.5"));
        assert!(decimal("-1") < decimal("-0.5"));
    }

    #[test]
    fn shapes_and_ranges_are_what_they_seem() {
        assert!(is_like("a*b", "a\\*b") && !is_like("axb", "a\\*b") && is_like("axb", "a*b"));
        assert!(is_like_folded("οδος", "ΟΔ*Σ") && is_like_folded("STRASSE", "*ß*"));
        assert!(is_within("10.1.2.3", "10.0.0.0/8") && !is_within("::ffff:10.1.2.3", "10.0.0.0/8"));
        assert!(is_within("10.1.2.3", "0.0.0.0/0") && !is_within("10.1.2", "0.0.0.0/0"));
        assert!(is_within("::1", "::/0") && !is_within("10.1.2.3", "::/0"));
    }
}
