//! Comparing JSON values exactly.
//!
//! Numbers are compared as the decimals their texts spell, so `1`, `1.0` and
//! `1e0` are equal, `9007199254740993` is not `9007199254740992`, and `0.1` is
//! exactly a tenth. No big number is ever built: an exponent of a billion costs
//! no more than one of two. Types are strict: `1` is not `"1"`.

use serde_json::{Number, Value};
use std::cmp::Ordering;

/// The most digits an integer may have for the quick comparison; nineteen
/// digits may exceed an `i64`.
const SHORT_DIGITS: usize = 18;

/// The farthest exponent which is told from its neighbours. PostgreSQL itself
/// refuses numbers beyond `1e131072`.
const EXPONENT_MAX: i128 = i128::MAX / 4;

/// Whether two values are equal: numbers by value, all else by type and content.
/// The order of the keys of an object does not matter.
#[must_use]
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare_numbers(a, b) == Ordering::Equal,
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

/// Compares two numbers by value.
#[must_use]
pub fn compare_numbers(a: &Number, b: &Number) -> Ordering {
    compare_texts(a.as_str(), b.as_str())
}

fn compare_texts(a: &str, b: &str) -> Ordering {
    match (short_integer(a), short_integer(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => Decimal::parse(a).compare(&Decimal::parse(b)),
    }
}

/// The canonical text of a number: equal numbers have equal texts, others do
/// not.
#[must_use]
pub fn canonical(number: &Number) -> String {
    let decimal = Decimal::parse(number.as_str());
    if decimal.is_zero() {
        return "0".to_owned();
    }
    let mut out = String::from(if decimal.negative { "-." } else { "." });
    out.extend(decimal.digits().map(char::from));
    let kept = out.trim_end_matches('0').len();
    out.truncate(kept);
    out.push('e');
    out.push_str(&decimal.magnitude.to_string());
    out
}

/// Whether the number has no fraction: `600.0` and `6e2` have none.
#[must_use]
pub fn is_integral(number: &Number) -> bool {
    let decimal = Decimal::parse(number.as_str());
    let digits = decimal.digits().collect::<Vec<_>>();
    let kept = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    decimal.is_zero() || i128::try_from(kept).is_ok_and(|kept| kept <= decimal.magnitude)
}

fn short_integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let short = digits.len() <= SHORT_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    if short { text.parse().ok() } else { None }
}

/// A number as `0.d₁d₂d₃… × 10^magnitude`, where `d₁` is not zero. The digits
/// stay where they are, in the text.
struct Decimal<'a> {
    negative: bool,
    /// The digits before the point, without leading zeros.
    whole: &'a str,
    /// The digits after the point; without leading zeros if `whole` is empty.
    fraction: &'a str,
    magnitude: i128,
}

impl<'a> Decimal<'a> {
    /// Reads the text of a JSON number. It has been parsed as one before.
    fn parse(text: &'a str) -> Self {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], parse_exponent(&text[at + 1..])),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let whole = whole.trim_start_matches('0');
        let (fraction, magnitude) = if whole.is_empty() {
            let kept = fraction.trim_start_matches('0');
            (kept, exponent - length(fraction) + length(kept))
        } else {
            (fraction, exponent + length(whole))
        };
        Self { negative, whole, fraction, magnitude }
    }

    fn digits(&self) -> impl Iterator<Item = u8> + '_ {
        self.whole.bytes().chain(self.fraction.bytes())
    }

    fn is_zero(&self) -> bool {
        self.digits().all(|digit| digit == b'0')
    }

    fn len(&self) -> usize {
        self.whole.len() + self.fraction.len()
    }

    /// The digits, with zeros behind them up to `most`.
    fn padded(&self, most: usize) -> impl Iterator<Item = u8> + '_ {
        self.digits().chain(std::iter::repeat(b'0')).take(most)
    }

    /// Compares without the signs; neither is zero.
    fn compare_size(&self, other: &Self) -> Ordering {
        let most = self.len().max(other.len());
        let digits = || self.padded(most).cmp(other.padded(most));
        self.magnitude.cmp(&other.magnitude).then_with(digits)
    }

    fn compare(&self, other: &Self) -> Ordering {
        let sign = |decimal: &Self| match (decimal.is_zero(), decimal.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let (mine, theirs) = (sign(self), sign(other));
        mine.cmp(&theirs).then_with(|| match mine {
            0 => Ordering::Equal,
            1 => self.compare_size(other),
            _ => other.compare_size(self),
        })
    }
}

fn length(text: &str) -> i128 {
    i128::try_from(text.len()).unwrap_or(EXPONENT_MAX)
}

/// Reads an exponent, held within bounds in which sums cannot overflow.
fn parse_exponent(text: &str) -> i128 {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let size = digits.parse().unwrap_or(EXPONENT_MAX).min(EXPONENT_MAX);
    if negative { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_numbers_are_equal_however_they_are_written() {
        for text in ["1", "1.0", "1e0", "1.000", "10e-1", "0.1e1", "0.01E+2", "100e-2"] {
            check(text, Ordering::Equal, "1");
        }
        for text in ["0", "-0", "0.0", "0e999999999", "-0.000e-5"] {
            check(text, Ordering::Equal, "0");
        }
        check("12.50", Ordering::Equal, "12.5");
        check("-12.50", Ordering::Equal, "-12.5");
    }

    #[test]
    fn numbers_beyond_the_exact_floats_are_compared_exactly() {
        check("9007199254740993", Ordering::Greater, "9007199254740992");
        check("12345678901234567890.123", Ordering::Less, "12345678901234567890.124");
        check("99999999999999999999", Ordering::Less, "100000000000000000000");
        check("0.1", Ordering::Less, "0.10000000000000000001");
        check("-9223372036854775809", Ordering::Less, "-9223372036854775808");
    }

    #[test]
    fn signs_and_sizes_are_told_apart() {
        check("-1", Ordering::Less, "1");
        check("-2", Ordering::Less, "-1");
        check("0", Ordering::Greater, "-0.5");
        check("0.5", Ordering::Less, "1");
        check("0.05", Ordering::Less, "0.5");
        check("10", Ordering::Greater, "9");
        check("-10", Ordering::Less, "-9.99");
    }

    #[test]
    fn absurd_exponents_cost_nothing() {
        check("1e999999999", Ordering::Less, "1e1000000000");
        check("1e-999999999", Ordering::Greater, "0");
        check("-1e999999999", Ordering::Less, "-1");
        check("1e99999999999999999999999999999999999999999999", Ordering::Greater, "1e9");
        check("1e-99999999999999999999999999999999999999999999", Ordering::Less, "1e-9");
        assert!(is_integral(&number("1e999999999")));
        assert!(!is_integral(&number("1e-999999999")));
    }

    #[test]
    fn types_are_strict() {
        let same_text =
            |a: &str, b: &str| same(&serde_json::from_str(a).unwrap(), &serde_json::from_str(b).unwrap());
        assert!(same_text(r#"{"a":[1,2.0],"b":null}"#, r#"{"b":null,"a":[1.0,2]}"#));
        for (a, b) in [("1", r#""1""#), ("0", "false"), ("null", "false"), ("[1]", "1"), ("[1,2]", "[2,1]")] {
            assert!(!same_text(a, b), "{a} and {b}");
        }
    }

    #[test]
    fn integers_are_known_however_they_are_written() {
        for text in ["0", "600", "600.0", "6e2", "-12.50e1", "0.0"] {
            assert!(is_integral(&number(text)), "{text}");
        }
        for text in ["0.5", "600.01", "6e-1", "-12.50"] {
            assert!(!is_integral(&number(text)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn integers_compare_as_integers(a in any::<i64>(), b in any::<i64>()) {
            prop_assert_eq!(compare_texts(&a.to_string(), &b.to_string()), a.cmp(&b));
        }

        #[test]
        fn moving_the_point_changes_nothing(digits in "[1-9][0-9]{0,30}", shift in 0_usize..40) {
            let shifted = format!("{digits}{}e-{shift}", "0".repeat(shift));
            prop_assert_eq!(compare_texts(&digits, &shifted), Ordering::Equal);
            prop_assert_eq!(canonical(&number(&digits)), canonical(&number(&shifted)));
        }

        #[test]
        fn canonical_texts_are_equal_exactly_when_numbers_are(
            a in "-?(0|[1-9][0-9]{0,3})([.][0-9]{1,3})?(e-?[0-9])?",
            b in "-?(0|[1-9][0-9]{0,3})([.][0-9]{1,3})?(e-?[0-9])?",
        ) {
            let equal = compare_texts(&a, &b) == Ordering::Equal;
            prop_assert_eq!(canonical(&number(&a)) == canonical(&number(&b)), equal);
        }

        #[test]
        fn floats_compare_as_floats(a in -1e15_f64..1e15, b in -1e15_f64..1e15) {
            let (x, y) = (format!("{a:?}"), format!("{b:?}"));
            prop_assert_eq!(Some(compare_texts(&x, &y)), a.partial_cmp(&b));
        }
    }

    fn number(text: &str) -> Number {
        serde_json::from_str(text).unwrap()
    }

    #[track_caller]
    fn check(a: &str, want: Ordering, b: &str) {
        assert_eq!(compare_texts(a, b), want, "{a} against {b}");
        assert_eq!(compare_texts(b, a), want.reverse(), "{b} against {a}");
    }
}
