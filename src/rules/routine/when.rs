//! Reads `[when]`.

use super::literal::{literal, number};
use super::table::{Findings, Keys, Table, Text, Value, not_built, table_of, text_of, wrong_type};
use crate::rules::condition::{Condition, Literal, MissingPolicy, Test};
use crate::rules::path::{Path, PathError};
use crate::rules::problem::Problem;
use crate::rules::value::compare_numbers;
use crate::rules::when::When;
use serde_json::Number;
use std::cmp::Ordering;
use std::ops::Range;
use toml::de::DeValue;

const KNOWN: [&str; 8] = ["not", "gt", "gte", "lt", "lte", "prefix", "exists", "missing"];

/// The operators of the language which do not work yet, and what does.
const LATER: [(&str, &str); 26] = [
    ("eq", "write the value itself: `\"data.currency\" = \"EUR\"`"),
    ("in", "write the list itself: `\"data.currency\" = [\"EUR\", \"USD\"]`"),
    ("not_in", "write `not` with a list: `{ not = [\"DE\", \"FR\"] }`"),
    ("is", "`exists = true` and `exists = false` tell whether the field is there"),
    ("suffix", ALONE),
    ("contains", ALONE),
    ("like", "`prefix` compares beginnings"),
    ("regex", "`prefix` compares beginnings"),
    ("iequals", ALONE),
    ("iprefix", "`prefix` compares beginnings, case by case"),
    ("isuffix", ALONE),
    ("ilike", ALONE),
    ("cidr", ALONE),
    ("changed", ALONE),
    ("became", ALONE),
    ("was", "conditions on `old` see the row before: `\"old.status\" = \"open\"`"),
    ("contains_any", "a list means one of them: `\"data.flags\" = [\"manual\", \"new\"]`"),
    ("contains_all", ALONE),
    ("len", ALONE),
    ("where", "conditions through one array are met by one element: `\"data.items.sku\" = \"a\"`"),
    ("any", "a condition on an array holds if one element meets it"),
    ("all", ALONE),
    ("none", ALONE),
    ("and", "several conditions in `[when]` must all hold"),
    ("or", ALONE),
    ("any_of", ALONE),
];

const ALONE: &str = "leave it to the worker, or to two routines";

const EXAMPLE: &str = "write a value, a list of values, or tests such as `{ gte = 500, lt = 1000 }`";

/// Reads the conditions; without `[when]` there are none.
pub(super) fn parse(findings: &mut Findings, root: &Table<'_>) -> Option<When> {
    if root.get("when").is_none() {
        return Some(When::default());
    }
    let table = root.table(findings, "when")?;
    let mut conditions = Vec::new();
    let mut all = true;
    for (key, value) in table.entries() {
        match condition(findings, &key, value) {
            Some(condition) => conditions.push(condition),
            None => all = false,
        }
    }
    all.then(|| When::new(conditions))
}

fn condition(findings: &mut Findings, key: &Text<'_>, value: &Value<'_>) -> Option<Condition> {
    if key.text == "any_of" {
        findings.push(not_built(key.span.clone(), "when.any_of", "make a routine of each alternative"));
        return None;
    }
    if is_nested(findings.text(), key, value) {
        unquoted(findings, key.text, value);
        return None;
    }
    let path = path(findings, key);
    let tests = tests(findings, key, value);
    let (path, (tests, missing)) = (path?, tests?);
    Some(Condition { path, tests, missing })
}

fn path(findings: &mut Findings, key: &Text<'_>) -> Option<Path> {
    let PathError { message, span, help } = match Path::parse(key.text) {
        Ok(path) => return Some(path),
        Err(error) => error,
    };
    let span = key.part(findings.text(), span);
    let problem = Problem::error(span, message).label("in this path");
    findings.push(Problem { help, ..problem });
    None
}

/// Whether the table came from a key without quotes, `data.amount = …`, or from
/// a header, `[when.data]`, and not from braces.
fn is_nested(file: &str, key: &Text<'_>, value: &Value<'_>) -> bool {
    let braces = file.get(value.span()).is_some_and(|text| text.starts_with('{'));
    value.get_ref().is_table() && (value.span() == key.span || !braces)
}

/// Complains about each condition in a table which was meant to be a path.
fn unquoted(findings: &mut Findings, before: &str, value: &Value<'_>) {
    let Some(table) = table_of(value) else { return };
    for (key, value) in table.entries() {
        let path = format!("{before}.{}", quoted_key(key.text));
        if is_nested(findings.text(), &key, value) {
            unquoted(findings, &path, value);
            continue;
        }
        let file = findings.text();
        let (span, wanted) = (whole_key(file, &key.span), file.get(value.span()).unwrap_or("…"));
        let wanted = wanted.lines().next().unwrap_or_default().to_owned();
        let problem = Problem::error(span, "a path in `[when]` stands in quotes");
        let problem = problem.label("read as a table inside a table");
        findings.push(problem.help(format!("write {} = {wanted}", toml_key(&path))));
    }
}

fn quoted_key(key: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '@' | ':');
    if !key.is_empty() && key.chars().all(plain) { key.to_owned() } else { format!("{key:?}") }
}

fn toml_key(path: &str) -> String {
    if path.contains('"') { format!("'{path}'") } else { format!("\"{path}\"") }
}

/// The whole of a dotted key, of which `last` is the last part.
fn whole_key(file: &str, last: &Range<usize>) -> Range<usize> {
    let Some(before) = file.get(..last.start) else { return last.clone() };
    let line = before.rfind('\n').map_or(0, |newline| newline + 1);
    let start = line + before[line..].find(|c: char| !c.is_whitespace()).unwrap_or(before.len() - line);
    let dotted = !before[start..].is_empty() && !before[start..].contains(['=', '{', ',', '[']);
    if dotted { start..last.end } else { last.clone() }
}

type Tests = (Vec<Test>, MissingPolicy);

fn tests(findings: &mut Findings, key: &Text<'_>, value: &Value<'_>) -> Option<Tests> {
    match value.get_ref() {
        DeValue::Table(entries) => {
            let table = Table::new(entries, value.span());
            operators(findings, key, &table)
        }
        DeValue::Array(_) => {
            let list = literals(findings, key.text, value)?;
            Some((vec![Test::OneOf(list)], MissingPolicy::NoMatch))
        }
        _ => {
            let literal = literal(findings, key.text, value)?;
            Some((vec![Test::Equals(literal)], MissingPolicy::NoMatch))
        }
    }
}

fn literals(findings: &mut Findings, key: &str, value: &Value<'_>) -> Option<Vec<Literal>> {
    let items = value.get_ref().as_array()?;
    if items.is_empty() {
        let problem = Problem::error(value.span(), format!("`{key}` has an empty list, which nothing is in"));
        findings.push(problem.label("names no value").help(EXAMPLE));
        return None;
    }
    let mut list = Vec::new();
    let mut all = true;
    for item in items {
        if item.get_ref().as_table().is_some_and(|table| table.contains_key("is")) {
            findings.push(not_built(item.span(), "is", "`exists` tells whether the field is there"));
            all = false;
            continue;
        }
        match literal(findings, key, item) {
            Some(literal) if list.contains(&literal) => {
                let problem = Problem::error(item.span(), "this value is in the list twice");
                findings.push(problem.label("again").help("remove it"));
                all = false;
            }
            Some(literal) => list.push(literal),
            None => all = false,
        }
    }
    all.then_some(list)
}

fn operators(findings: &mut Findings, key: &Text<'_>, table: &Table<'_>) -> Option<Tests> {
    table.check_keys(findings, &Keys { owner: "a condition", known: &KNOWN, later: &LATER });
    let mut tests = Vec::new();
    let mut missing = MissingPolicy::NoMatch;
    let mut all = true;
    for (operator, value) in table.entries() {
        match operator.text {
            "missing" => match missing_policy(findings, value) {
                Some(policy) => missing = policy,
                None => all = false,
            },
            name if KNOWN.contains(&name) => match operator_test(findings, name, value) {
                Some(test) => tests.push(test),
                None => all = false,
            },
            // Has been complained about.
            _ => all = false,
        }
    }
    if !all {
        return None;
    }
    if tests.is_empty() {
        let problem = Problem::error(table.span.clone(), format!("`{}` has nothing to test", key.text));
        findings.push(problem.label("no test").help(EXAMPLE));
        return None;
    }
    possible(findings, table, &tests, missing).then_some((tests, missing))
}

fn operator_test(findings: &mut Findings, name: &str, value: &Value<'_>) -> Option<Test> {
    match name {
        "not" if value.get_ref().is_array() => literals(findings, name, value).map(Test::Not),
        "not" => literal(findings, name, value).map(|literal| Test::Not(vec![literal])),
        "prefix" => match text_of(value) {
            Some(text) => Some(Test::Prefix(text.text.into())),
            None => wrong_type(findings, name, value, "a string"),
        },
        "exists" => match value.get_ref().as_bool() {
            Some(exists) => Some(Test::Exists(exists)),
            None => wrong_type(findings, name, value, "`true` or `false`"),
        },
        _ => {
            let Some(limit) = number(value) else {
                return wrong_type(findings, name, value, "a number");
            };
            Some(match name {
                "gt" => Test::Gt(limit),
                "gte" => Test::Gte(limit),
                "lt" => Test::Lt(limit),
                _ => Test::Lte(limit),
            })
        }
    }
}

fn missing_policy(findings: &mut Findings, value: &Value<'_>) -> Option<MissingPolicy> {
    if text_of(value).is_some_and(|text| text.text == "match") {
        return Some(MissingPolicy::Match);
    }
    let problem = Problem::error(value.span(), "`missing` can only be `\"match\"`");
    findings.push(problem.label("not a word it knows").help("without it, a missing field does not match"));
    None
}

/// Complains about tests which no value can pass, or which say nothing.
fn possible(findings: &mut Findings, table: &Table<'_>, tests: &[Test], missing: MissingPolicy) -> bool {
    let exists = tests.iter().any(|test| matches!(test, Test::Exists(_)));
    let (message, help) = if exists && missing == MissingPolicy::Match {
        ("`exists` and `missing` contradict each other", "keep one of the two")
    } else if tests.contains(&Test::Exists(false)) && tests.len() > 1 {
        (
            "a field which is not there passes no test",
            "for a field which may be missing, write `missing = \"match\"`",
        )
    } else if !range_is_possible(tests) {
        ("no number is in this range", "the lower end is `gt` or `gte`, the upper end `lt` or `lte`")
    } else {
        return true;
    };
    findings.push(Problem::error(table.span.clone(), message).label("can never match").help(help));
    false
}

fn range_is_possible(tests: &[Test]) -> bool {
    let lower = |test: &Test| match test {
        Test::Gt(limit) => Some((limit.clone(), false)),
        Test::Gte(limit) => Some((limit.clone(), true)),
        _ => None,
    };
    let upper = |test: &Test| match test {
        Test::Lt(limit) => Some((limit.clone(), false)),
        Test::Lte(limit) => Some((limit.clone(), true)),
        _ => None,
    };
    let fits =
        |(low, low_included): &(Number, bool), (high, high_included): &(Number, bool)| match compare_numbers(
            low, high,
        ) {
            Ordering::Less => true,
            Ordering::Equal => *low_included && *high_included,
            Ordering::Greater => false,
        };
    let uppers = tests.iter().filter_map(upper).collect::<Vec<_>>();
    tests.iter().filter_map(lower).all(|low| uppers.iter().all(|high| fits(&low, high)))
}
