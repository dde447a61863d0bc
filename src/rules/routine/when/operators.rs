//! Reads the tests of a condition: a value, a list of values, or operators.

use super::contradiction::{self, Domain};
use super::{Ground, OPERATORS, Paths, conditions, names, texts};
use crate::rules::condition::{Literal, MissingPolicy, Test};
use crate::rules::path::Root;
use crate::rules::problem::{Level, Problem};
use crate::rules::routine::literal::{literal, literals};
use crate::rules::routine::table::{Findings, Table, Text, Value, table_of, text_of, type_name};
use crate::rules::text::closest;
use toml::de::DeValue;

mod numbers;

const EXAMPLE: &str = "write a value, a list of values, or tests such as `{ gte = 500, lt = 1000 }`";

/// The tests of a condition as they are written.
pub(super) struct Spec {
    pub(super) tests: Vec<Test>,
    /// The operators of the tests; a plain value has none.
    pub(super) names: Vec<&'static str>,
    pub(super) missing: MissingPolicy,
}

/// Where tests stand.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Where the path of the condition begins; none, if it is broken.
    pub(super) root: Option<Root>,
    /// How bad it is if the tests can never be passed.
    pub(super) level: Level,
    pub(super) inside: Inside,
}

/// What tests are part of, which decides which ones may stand there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    /// A condition itself.
    Condition,
    /// `not`.
    Not,
    /// `became` or `was`.
    Moment(&'static str),
}

/// Reads the tests of the condition at `key`.
pub(super) fn spec(findings: &mut Findings, key: &Text<'_>, value: &Value<'_>, place: Place) -> Option<Spec> {
    inner(findings, key.text, value, place)
}

fn inner(findings: &mut Findings, key: &str, value: &Value<'_>, place: Place) -> Option<Spec> {
    let literals = match value.get_ref() {
        DeValue::Table(entries) => {
            return table(findings, key, &Table::new(entries, value.span()), place);
        }
        DeValue::Array(_) => literals(findings, key, value)?,
        _ => vec![literal(findings, key, value)?],
    };
    let missing = MissingPolicy::NoMatch;
    Some(Spec { tests: vec![Test::OneOf(literals)], names: vec![""], missing })
}

fn table(findings: &mut Findings, key: &str, table: &Table<'_>, place: Place) -> Option<Spec> {
    // Where a missing field matches, no test is in vain altogether.
    let tolerant = table.get("missing").is_some();
    let place = Place { level: if tolerant { Level::Warning } else { place.level }, ..place };
    let mut spec = Spec { tests: Vec::new(), names: Vec::new(), missing: MissingPolicy::NoMatch };
    let mut whole = true;
    for (operator, value) in table.entries() {
        whole &= entry(findings, &operator, value, place, &mut spec);
    }
    if !whole {
        return None;
    }
    if spec.tests.is_empty() {
        let problem = Problem::error(table.span.clone(), format!("`{key}` has nothing to test"));
        findings.push(problem.label("no test").help(EXAMPLE));
        return None;
    }
    may_be_missing(findings, table, &spec).then_some(spec)
}

/// Reads one operator into `spec`; tells whether that could be done.
fn entry(
    findings: &mut Findings,
    operator: &Text<'_>,
    value: &Value<'_>,
    place: Place,
    spec: &mut Spec,
) -> bool {
    if is_misplaced(findings, operator, place) {
        return false;
    }
    if operator.text == "missing" {
        let policy = missing_policy(findings, value);
        spec.missing = policy.unwrap_or_default();
        return policy.is_some();
    }
    let Some(name) = OPERATORS.into_iter().find(|name| *name == operator.text) else {
        names::unknown(findings, operator);
        return false;
    };
    let Some(test) = test(findings, name, value, place) else { return false };
    spec.tests.push(test);
    spec.names.push(name);
    true
}

/// Complains about an operator which cannot stand there.
fn is_misplaced(findings: &mut Findings, operator: &Text<'_>, place: Place) -> bool {
    let name = operator.text;
    let looks_back = matches!(name, "changed" | "became" | "was");
    let (message, help) = match place.inside {
        Inside::Condition if looks_back && place.root.is_some_and(|root| root != Root::Data) => (
            format!("`{name}` stands on a path of `data`"),
            "it compares `data` with `old`, both at that path; nothing else has a value before",
        ),
        Inside::Not if looks_back || name == "missing" => {
            (format!("`{name}` does not go inside `not`"), "write it beside `not`")
        }
        Inside::Not if name == "exists" => {
            ("`exists` does not go inside `not`".to_owned(), "write `exists = true` or `exists = false`")
        }
        Inside::Moment(outer) if matches!(name, "exists" | "missing") => (
            format!("`{name}` does not go inside `{outer}`"),
            "write `{ is = \"missing\" }`, or `{ not = { is = \"missing\" } }`",
        ),
        Inside::Moment(outer) if looks_back => {
            (format!("`{name}` does not go inside `{outer}`"), "write both in one table, beside each other")
        }
        Inside::Moment(outer) if name == "where" => (
            format!("`{name}` does not go inside `{outer}`"),
            "compare the fields of objects by their own paths",
        ),
        _ => return false,
    };
    findings.push(Problem::error(operator.span.clone(), message).label("not here").help(help));
    true
}

fn missing_policy(findings: &mut Findings, value: &Value<'_>) -> Option<MissingPolicy> {
    if text_of(value).is_some_and(|text| text.text == "match") {
        return Some(MissingPolicy::Match);
    }
    let problem = Problem::error(value.span(), "`missing` can only be `\"match\"`");
    findings.push(problem.label("not a word it knows").help("without it, a missing field does not match"));
    None
}

/// Complains about `missing` beside tests which speak about missing fields
/// themselves.
fn may_be_missing(findings: &mut Findings, table: &Table<'_>, spec: &Spec) -> bool {
    let speaks = |test: &Test| matches!(test, Test::Exists(_)) || test.looks_back();
    let Some(at) = spec.tests.iter().position(speaks).filter(|_| spec.missing == MissingPolicy::Match) else {
        return true;
    };
    let name = spec.names[at];
    let (message, help) = if spec.tests[at].looks_back() {
        let help = "leave `missing` out: to come or to go is a change like any other";
        (format!("`missing` does not go with `{name}`"), help)
    } else {
        (format!("`{name}` and `missing` contradict each other"), "keep one of the two")
    };
    findings.push(Problem::error(table.span.clone(), message).label("can never match").help(help));
    false
}

fn test(findings: &mut Findings, name: &'static str, value: &Value<'_>, place: Place) -> Option<Test> {
    match name {
        "eq" => equal(findings, value),
        "in" => list(findings, name, value).map(Test::OneOf),
        "not_in" => list(findings, name, value).map(|list| Test::Not(vec![Test::OneOf(list)])),
        "contains_any" => list(findings, name, value).map(Test::ContainsAny),
        "contains_all" => list(findings, name, value).map(Test::ContainsAll),
        "not" => negation(findings, value, place),
        "gt" | "gte" | "lt" | "lte" => numbers::limit(findings, name, value),
        "len" => numbers::length(findings, value),
        "exists" => match value.get_ref().as_bool() {
            Some(exists) => Some(Test::Exists(exists)),
            None => mistyped(findings, name, value, "`true` or `false`", "write `exists = true`"),
        },
        "is" => state(findings, value, place),
        "where" => within(findings, value, place),
        "changed" if value.get_ref().as_bool() == Some(true) => Some(Test::Changed),
        "changed" => {
            let help = "what has stayed the same has no test; without `changed`, both match";
            let met = value.get_ref().as_bool().map_or(type_name(value), |_| "`false`");
            let problem = Problem::error(value.span(), format!("`changed` must be `true`, not {met}"));
            findings.push(problem.label("expected `true`").help(help));
            None
        }
        "became" => moment(findings, name, value, place).map(Test::Became),
        "was" => moment(findings, name, value, place).map(Test::Was),
        _ => texts::test(findings, name, value),
    }
}

fn equal(findings: &mut Findings, value: &Value<'_>) -> Option<Test> {
    let help = match value.get_ref() {
        DeValue::Array(_) => "for one of several write `in`",
        DeValue::Table(_) => "null is written `{ is = \"null\" }`; fields inside have paths of their own",
        _ => return literal(findings, "eq", value).map(|literal| Test::OneOf(vec![literal])),
    };
    mistyped(findings, "eq", value, "one value", help)
}

fn list(findings: &mut Findings, name: &str, value: &Value<'_>) -> Option<Vec<Literal>> {
    if value.get_ref().is_array() {
        return literals(findings, name, value);
    }
    mistyped(findings, name, value, "an array", format!("write a list: `{name} = [\"a\", \"b\"]`"))
}

fn negation(findings: &mut Findings, value: &Value<'_>, place: Place) -> Option<Test> {
    let inside = if place.inside == Inside::Condition { Inside::Not } else { place.inside };
    let spec = inner(findings, "not", value, Place { inside, level: Level::Warning, ..place })?;
    if let Some(found) = contradiction::find(&spec.tests, &spec.names, Domain::Any) {
        let problem = Problem::warning(value.span(), "nothing passes what is negated, so `not` always holds");
        findings.push(problem.label(found.message).help(found.help));
    }
    let whole = spec.tests.iter().filter(|test| test.sees_whole()).count();
    if whole > 0 && whole < spec.tests.len() {
        let problem =
            Problem::warning(value.span(), "this `not` mixes tests of a list with tests of its elements");
        let help = "here all of them are asked of single elements; alone, `len`, `is`, `contains_any` and \
                    `contains_all` are asked of the list";
        findings.push(problem.label("asked of one element").help(help));
    }
    Some(Test::Not(spec.tests))
}

fn state(findings: &mut Findings, value: &Value<'_>, place: Place) -> Option<Test> {
    let words = ["null", "missing", "empty"];
    let Some(word) = text_of(value) else {
        return mistyped(findings, "is", value, "a string", "write `\"null\"`, `\"missing\"` or `\"empty\"`");
    };
    let (message, help) = match word.text {
        "null" => return Some(Test::IsNull),
        "empty" => return Some(Test::IsEmpty),
        "missing" if place.inside == Inside::Not => {
            let message = "`not` is only asked of what is there".to_owned();
            (message, "for a field which is there, write `exists = true`".to_owned())
        }
        "missing" => return Some(Test::Exists(false)),
        other => {
            let help = match closest(other, words) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    "write `\"null\"`, `\"missing\"` or `\"empty\"`; values are compared with `eq`".to_owned()
                }
            };
            (format!("`is` cannot be `{other}`"), help)
        }
    };
    findings.push(Problem::error(value.span(), message).label("not a word it knows").help(help));
    None
}

fn within(findings: &mut Findings, value: &Value<'_>, place: Place) -> Option<Test> {
    let help = "write the conditions on an element: `where = { sku = \"a\", count = { gte = 2 } }`";
    let Some(table) = table_of(value) else {
        return mistyped(findings, "where", value, "a table of conditions", help);
    };
    if table.is_empty() {
        let problem = Problem::error(table.span, "`where` has no conditions");
        findings.push(problem.label("empty").help(help));
        return None;
    }
    let ground = Ground { paths: Paths::Element, level: place.level };
    conditions(findings, &table, ground, &[]).map(|when| Test::Where(Box::new(when)))
}

fn moment(findings: &mut Findings, name: &'static str, value: &Value<'_>, place: Place) -> Option<Vec<Test>> {
    let inside = Inside::Moment(name);
    let spec = inner(findings, name, value, Place { inside, level: Level::Warning, ..place })?;
    if let Some(found) = contradiction::find(&spec.tests, &spec.names, Domain::Any) {
        findings
            .push(Problem::warning(value.span(), found.message).label("can never match").help(found.help));
    }
    Some(spec.tests)
}

/// Complains that a value is not of the type it should be, and says what to do.
pub(super) fn mistyped<T>(
    findings: &mut Findings,
    key: &str,
    value: &Value<'_>,
    wanted: &str,
    help: impl Into<String>,
) -> Option<T> {
    let message = format!("`{key}` must be {wanted}, not {}", type_name(value));
    findings.push(Problem::error(value.span(), message).label(format!("expected {wanted}")).help(help));
    None
}
