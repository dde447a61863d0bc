//! Reads the tests of numbers and of lengths.

use super::mistyped;
use crate::rules::condition::{Literal, Test};
use crate::rules::problem::Problem;
use crate::rules::routine::literal::number;
use crate::rules::routine::table::{Findings, Keys, Table, Value};
use serde_json::Number;
use toml::de::DeValue;

const TIMES: &str = "times are text in an event and have no order here; `prefix` compares their beginning: \
                     `{ prefix = \"2026-03\" }`";

/// Reads one end of a range.
pub(super) fn limit(findings: &mut Findings, name: &str, value: &Value<'_>) -> Option<Test> {
    if let Some(limit) = number(value) {
        return Some(of(name, limit));
    }
    let help = match value.get_ref() {
        DeValue::Float(_) => {
            let message = format!("`{name}` cannot be compared with this number");
            let problem = Problem::error(value.span(), message).label("not comparable");
            findings.push(problem.help("JSON has no `inf` and no `nan`"));
            return None;
        }
        DeValue::Datetime(_) => TIMES.to_owned(),
        DeValue::String(text) if serde_json::from_str::<Number>(text.trim()).is_ok() => {
            format!("write it without quotes: `{name} = {}`", text.trim())
        }
        DeValue::String(text) if is_time(text) => TIMES.to_owned(),
        DeValue::String(_) => {
            "only numbers have an order here; text has `prefix`, `like` and others".to_owned()
        }
        _ => format!("write a number: `{name} = 500`"),
    };
    mistyped(findings, name, value, "a number", help)
}

/// Whether the text begins as a date does.
fn is_time(text: &str) -> bool {
    let shape = text.bytes().take(5).map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
    shape.eq(*b"0000-")
}

/// Reads `len`: a number, or tests of one.
pub(super) fn length(findings: &mut Findings, value: &Value<'_>) -> Option<Test> {
    let DeValue::Table(entries) = value.get_ref() else {
        return count(findings, "len", value).map(|count| Test::Len(vec![of("eq", count)]));
    };
    let table = Table::new(entries, value.span());
    let keys = Keys { owner: "`len`", known: &["eq", "gt", "gte", "lt", "lte"], later: &[] };
    table.check_keys(findings, &keys);
    let mut tests = Vec::new();
    let mut whole = true;
    for (key, value) in table.entries() {
        if !keys.known.contains(&key.text) {
            // Has been complained about.
            whole = false;
            continue;
        }
        match count(findings, key.text, value) {
            Some(count) => tests.push(of(key.text, count)),
            None => whole = false,
        }
    }
    if whole && tests.is_empty() {
        let problem = Problem::error(table.span, "`len` has nothing to test");
        findings.push(problem.label("no test").help("write `len = 3`, or `len = { gte = 1 }`"));
        return None;
    }
    whole.then_some(Test::Len(tests))
}

fn count(findings: &mut Findings, name: &str, value: &Value<'_>) -> Option<Number> {
    let help = "it counts characters, elements or keys: `len = 3`, or `len = { gte = 1 }`";
    let Some(count) = number(value).filter(|_| matches!(value.get_ref(), DeValue::Integer(_))) else {
        return mistyped(findings, name, value, "an integer", help);
    };
    if count.as_i64().is_some_and(|count| count < 0) {
        let problem = Problem::error(value.span(), "a length is never negative").label("below 0");
        findings.push(problem.help(help));
        return None;
    }
    Some(count)
}

/// The test of that name; any other name is that of equality.
fn of(name: &str, number: Number) -> Test {
    match name {
        "gt" => Test::Gt(number),
        "gte" => Test::Gte(number),
        "lt" => Test::Lt(number),
        "lte" => Test::Lte(number),
        _ => Test::OneOf(vec![Literal::Number(number)]),
    }
}
