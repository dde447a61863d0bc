//! Values written in a routine, as JSON.

use super::table::{Findings, Value, type_name};
use crate::rules::condition::Literal;
use crate::rules::problem::Problem;
use serde_json::Number;
use toml::de::{DeFloat, DeInteger, DeValue};

/// A number as it is written, digit by digit; none for `inf` and `nan`, which
/// JSON does not have.
pub(super) fn number(value: &Value<'_>) -> Option<Number> {
    match value.get_ref() {
        DeValue::Integer(integer) => from_integer(integer),
        DeValue::Float(float) => from_float(float),
        _ => None,
    }
}

/// An integer within the bounds of `i32`; complains about anything else.
pub(super) fn small_integer(findings: &mut Findings, key: &str, value: &Value<'_>) -> Option<i32> {
    let DeValue::Integer(integer) = value.get_ref() else {
        return super::table::wrong_type(findings, key, value, "an integer");
    };
    let parsed = from_integer(integer).and_then(|number| number.as_i64()).map(i32::try_from);
    if let Some(Ok(small)) = parsed {
        return Some(small);
    }
    let message = format!("`{key}` is too large");
    findings
        .push(Problem::error(value.span(), message).label("beyond 32 bits").help("write a smaller number"));
    None
}

/// A scalar to compare with; complains about dates, tables and arrays.
pub(super) fn literal(findings: &mut Findings, key: &str, value: &Value<'_>) -> Option<Literal> {
    let (message, help) = match value.get_ref() {
        DeValue::String(text) => return Some(Literal::Text(Box::from(&**text))),
        DeValue::Boolean(value) => return Some(Literal::Bool(*value)),
        DeValue::Integer(_) | DeValue::Float(_) => match number(value) {
            Some(number) => return Some(Literal::Number(number)),
            None => {
                (format!("`{key}` cannot be compared with this number"), "JSON has no `inf` and no `nan`")
            }
        },
        DeValue::Datetime(_) => (
            format!("`{key}` cannot be compared with a date"),
            "times are text in an event: put it in quotes, exactly as the event has it",
        ),
        DeValue::Array(_) | DeValue::Table(_) => {
            let message =
                format!("`{key}` is compared with text, numbers or booleans, not {}", type_name(value));
            (message, "conditions on the parts are written as paths: `\"data.customer.vip\" = true`")
        }
    };
    findings.push(Problem::error(value.span(), message).label("not comparable").help(help));
    None
}

fn from_integer(integer: &DeInteger<'_>) -> Option<Number> {
    let digits = integer.as_str().replace('_', "");
    let digits = digits.strip_prefix('+').unwrap_or(&digits);
    if integer.radix() == 10 {
        return serde_json::from_str(digits).ok();
    }
    u128::from_str_radix(digits, integer.radix()).ok().map(Number::from)
}

fn from_float(float: &DeFloat<'_>) -> Option<Number> {
    let text = float.as_str().replace('_', "");
    serde_json::from_str(text.strip_prefix('+').unwrap_or(&text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        for (toml, want) in [
            ("500", "500"),
            ("+1_000", "1000"),
            ("-7", "-7"),
            ("12.50", "12.50"),
            ("12345678901234567890.123", "12345678901234567890.123"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("0xff", "255"),
            ("0b101", "5"),
        ] {
            let value = DeValue::parse(toml).unwrap();
            assert_eq!(number(&value).unwrap().as_str(), want, "{toml}");
        }
        for toml in ["inf", "-nan"] {
            assert!(number(&DeValue::parse(toml).unwrap()).is_none(), "{toml}");
        }
    }
}
