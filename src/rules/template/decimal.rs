//! Decimals as people read them: rounded, with a fixed number of decimals and
//! the digits in groups.
//!
//! All is done on the digits as they are written, so no float ever comes
//! between an amount and its reader.

/// The farthest the point may move, so that `1e999999999` stays a mistake and
/// does not become a gigabyte of zeros.
const EXPONENT_MAX: u64 = 400;

/// A decimal: its digits before and after the point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    /// At least one digit; no zeros in front of others.
    whole: String,
    fraction: String,
}

/// What stands between groups of digits, and before the decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    group: &'static str,
    point: &'static str,
}

impl Style {
    /// `1,234.50`
    pub(super) const EN: Self = Self { group: ",", point: "." };

    /// The style of that name, if there is one.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "en" => Self::EN,
            "de" => Self { group: ".", point: "," },
            // A narrow space which does not break.
            "fr" => Self { group: "\u{202f}", point: "," },
            "ch" => Self { group: "’", point: "." },
            "plain" => Self { group: "", point: "." },
            _ => return None,
        })
    }
}

impl Decimal {
    /// Reads a number as JSON writes it; nothing, if it is none, or its
    /// exponent is absurd.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || exponent.unsigned_abs() > EXPONENT_MAX {
            return None;
        }
        Some(Self { negative, ..Self::shifted(whole, fraction, exponent) })
    }

    /// The digits with the point moved to the right by `exponent`.
    fn shifted(whole: &str, fraction: &str, exponent: i64) -> Self {
        let zeros = "0".repeat(usize::try_from(exponent.unsigned_abs()).unwrap_or_default());
        let (left, right) = if exponent < 0 { (zeros.as_str(), "") } else { ("", zeros.as_str()) };
        let digits = format!("{left}{whole}{fraction}{right}");
        // Moving left, the zeros in front make up for the point's way.
        let moved = usize::try_from(exponent).unwrap_or_default();
        let (whole, fraction) = digits.split_at(whole.len() + moved);
        let kept = whole.trim_start_matches('0');
        let whole = if kept.is_empty() { "0" } else { kept };
        // With an exponent, nobody has asked for the zeros at the end.
        let fraction = if exponent > 0 { fraction.trim_end_matches('0') } else { fraction };
        Self { negative: false, whole: whole.to_owned(), fraction: fraction.to_owned() }
    }

    /// The decimal with so many decimals; a five and more is rounded away from
    /// zero, as in trade.
    pub(super) fn rounded(&self, decimals: usize) -> Self {
        let up = self.fraction.as_bytes().get(decimals).is_some_and(|digit| *digit >= b'5');
        let mut digits = self.whole.clone().into_bytes();
        let zeros = std::iter::repeat(b'0');
        digits.extend(self.fraction.bytes().chain(zeros).take(decimals));
        if up {
            increment(&mut digits);
        }
        let fraction = digits.split_off(digits.len() - decimals);
        let nothing = digits.iter().chain(&fraction).all(|digit| *digit == b'0');
        let text = |digits: Vec<u8>| digits.into_iter().map(char::from).collect();
        Self { negative: self.negative && !nothing, whole: text(digits), fraction: text(fraction) }
    }

    /// The decimal as text.
    pub(super) fn show(&self, style: Style) -> String {
        let mut out = String::from(if self.negative { "-" } else { "" });
        for (place, digit) in self.whole.chars().enumerate() {
            if place > 0 && (self.whole.len() - place).is_multiple_of(3) {
                out.push_str(style.group);
            }
            out.push(digit);
        }
        if !self.fraction.is_empty() {
            out.push_str(style.point);
            out.push_str(&self.fraction);
        }
        out
    }
}

/// Adds one to the last digit, and carries it on.
fn increment(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

/// How many decimals amounts of a currency have by ISO 4217; nothing, if this is
/// no code of a currency.
pub(super) fn currency_decimals(code: &str) -> Option<usize> {
    if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    Some(match code {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI"
        | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn digits_are_kept_however_many() {
        check("0", None, "0");
        check("600", None, "600");
        check("1234.50", None, "1,234.50");
        check("-1234567", None, "-1,234,567");
        check("9007199254740993.10", None, "9,007,199,254,740,993.10");
        check("007", None, "7");
        check("12e2", None, "1,200");
        check("1.25e1", None, "12.5");
        check("125E-2", None, "1.25");
        check("1e-3", None, "0.001");
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        check("0.125", Some(2), "0.13");
        check("-0.125", Some(2), "-0.13");
        check("0.1249999", Some(2), "0.12");
        check("999.995", Some(2), "1,000.00");
        check("0.5", Some(0), "1");
        check("-0.4", Some(0), "0");
        check("-0.001", Some(2), "0.00");
        check("1.5", Some(3), "1.500");
        check("12345678901234567890.125", Some(2), "12,345,678,901,234,567,890.13");
    }

    #[test]
    fn what_is_no_number_is_not_shown() {
        for text in ["", "-", "x", "1,5", "1.", ".5", "1e", "+1", "1_000", "0x10", "NaN", "--1"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
        for text in ["1e999999999", "1e-9223372036854775808", "1e99999999999999999999"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn styles_differ_in_their_marks() {
        for (style, want) in [
            ("en", "1,234,567.5"),
            ("de", "1.234.567,5"),
            ("fr", "1\u{202f}234\u{202f}567,5"),
            ("ch", "1’234’567.5"),
            ("plain", "1234567.5"),
        ] {
            let decimal = Decimal::parse("1234567.5").unwrap();
            assert_eq!(decimal.show(Style::parse(style).unwrap()), want);
        }
        assert_eq!(Style::parse("EN"), None);
    }

    #[test]
    fn currencies_have_their_decimals() {
        for (code, want) in [("EUR", Some(2)), ("JPY", Some(0)), ("KWD", Some(3)), ("CLF", Some(4))] {
            assert_eq!(currency_decimals(code), want, "{code}");
        }
        for code in ["eur", "EURO", "EU", "€", ""] {
            assert_eq!(currency_decimals(code), None, "{code}");
        }
    }

    proptest! {
        #[test]
        fn cents_are_written_as_amounts(cents in any::<i64>()) {
            let (sign, size) = (if cents < 0 { "-" } else { "" }, cents.unsigned_abs());
            let want = format!("{sign}{}.{:02}", size / 100, size % 100);
            let decimal = Decimal::parse(&format!("{cents}e-2")).unwrap();
            prop_assert_eq!(decimal.rounded(2).show(Style { group: "", point: "." }), want);
        }
    }

    #[track_caller]
    fn check(text: &str, decimals: Option<usize>, want: &str) {
        let decimal = Decimal::parse(text).unwrap();
        let decimal = decimals.map_or(decimal.clone(), |decimals| decimal.rounded(decimals));
        assert_eq!(decimal.show(Style::EN), want);
    }
}
