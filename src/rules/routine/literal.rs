//! Values written in a routine, as JSON.

use super::table::{Findings, Value, type_name};
use crate::rules::condition::Literal;
use crate::rules::problem::Problem;
use crate::rules::value::canonical;
use serde_json::Number;
use std::collections::HashSet;
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

/// A list of values to compare with, none of them twice; complains about all
/// else.
pub(super) fn literals(findings: &mut Findings, key: &str, value: &Value<'_>) -> Option<Vec<Literal>> {
    let items = value.get_ref().as_array()?;
    if items.is_empty() {
        let message = format!("`{key}` has an empty list, which nothing is in");
        let help = "write the values: `[\"EUR\", \"USD\"]`; whether a list is empty asks `is = \"empty\"`";
        findings.push(Problem::error(value.span(), message).label("names no value").help(help));
        return None;
    }
    let (mut list, mut seen) = (Vec::new(), HashSet::new());
    let mut whole = true;
    for item in items.iter() {
        match element(findings, key, item) {
            Some(literal) if !seen.insert(spelling(&literal)) => {
                let problem = Problem::error(item.span(), "this value is in the list twice");
                findings.push(problem.label("again").help("remove it"));
                whole = false;
            }
            Some(literal) => list.push(literal),
            None => whole = false,
        }
    }
    whole.then_some(list)
}

/// Equal literals are spelled alike, however they are written; others are not.
fn spelling(literal: &Literal) -> String {
    match literal {
        Literal::Text(text) => format!("\"{text}"),
        Literal::Number(number) => canonical(number),
        Literal::Bool(value) => value.to_string(),
        Literal::Null => "null".to_owned(),
    }
}

/// A value in a list. TOML has no null, so it is written as a test.
fn element(findings: &mut Findings, key: &str, item: &Value<'_>) -> Option<Literal> {
    let is = item.get_ref().as_table().and_then(|table| table.get("is").filter(|_| table.len() == 1));
    let Some(is) = is else { return literal(findings, key, item) };
    let (message, help) = match is.get_ref().as_str() {
        Some("null") => return Some(Literal::Null),
        Some("missing") => (
            "what is missing is no value, so no list has it",
            "beside the list, `missing = \"match\"` lets a missing field match",
        ),
        _ => (
            "in a list, `is` can only be `\"null\"`",
            "write the values themselves; `is = \"empty\"` stands beside the list, not in it",
        ),
    };
    findings.push(Problem::error(item.span(), message).label("no value").help(help));
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
