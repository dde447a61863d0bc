//! The overview of the operators: it has all of them, and says what each does.

use crate::events::plain;
use crate::page::{Row, Table, blocks, place, quoted, table_of, yes_or_no};
use crate::{usable, wrapped};
use hearken::rules::event::Event;
use serde_json::{Value, json};

/// A name in the first column of the overview.
struct Form {
    name: &'static str,
    /// A condition to try.
    condition: &'static str,
    /// The types it speaks about, of those in [`values`].
    types: &'static [&'static str],
}

const TEXT: &[&str] = &["text"];
const NUMBER: &[&str] = &["number"];
const ANY: &[&str] = &["text", "number", "boolean", "object"];

const FORMS: &[Form] = &[
    form("eq", r#"{ eq = "a" }"#, TEXT),
    form("in", r#"{ in = ["a", 5] }"#, &["text", "number"]),
    form("not", r#"{ not = "a" }"#, TEXT),
    form("not_in", r#"{ not_in = ["a", "b"] }"#, TEXT),
    form("gt", "{ gt = 5 }", NUMBER),
    form("gte", "{ gte = 5 }", NUMBER),
    form("lt", "{ lt = 5 }", NUMBER),
    form("lte", "{ lte = 5 }", NUMBER),
    form("prefix", r#"{ prefix = "a" }"#, TEXT),
    form("suffix", r#"{ suffix = "a" }"#, TEXT),
    form("contains", r#"{ contains = "a" }"#, TEXT),
    form("like", r#"{ like = "a*b" }"#, TEXT),
    form("regex", r#"{ regex = "^a+b" }"#, TEXT),
    form("iequals", r#"{ iequals = "a" }"#, TEXT),
    form("iprefix", r#"{ iprefix = "a" }"#, TEXT),
    form("isuffix", r#"{ isuffix = "a" }"#, TEXT),
    form("icontains", r#"{ icontains = "a" }"#, TEXT),
    form("ilike", r#"{ ilike = "a*b" }"#, TEXT),
    form("cidr", r#"{ cidr = "10.0.0.0/8" }"#, TEXT),
    form("exists = true", "{ exists = true }", ANY),
    form("exists = false", "{ exists = false }", ANY),
    form(r#"is = "missing""#, r#"{ is = "missing" }"#, ANY),
    form(r#"is = "null""#, r#"{ is = "null" }"#, &[]),
    form(r#"is = "empty""#, r#"{ is = "empty" }"#, &["text", "object"]),
    form("len", "{ len = { gte = 1 } }", &["text", "object"]),
    form("contains_any", r#"{ contains_any = ["a", "b"] }"#, TEXT),
    form("contains_all", r#"{ contains_all = ["a"] }"#, TEXT),
    form("where", "{ where = { k = 1 } }", &["object"]),
    form("changed", "{ changed = true }", ANY),
    form("became", "{ became = 5 }", NUMBER),
    form("was", "{ was = 5 }", NUMBER),
];

const fn form(name: &'static str, condition: &'static str, types: &'static [&'static str]) -> Form {
    Form { name, condition, types }
}

#[test]
fn the_overview_has_every_operator_and_says_what_each_does() {
    let overview = table_of("| operator |").expect("an overview");
    let header = ["operator", "applies to", "missing", "null", "wrong type", "arrays"];
    assert_eq!(overview.header, header);
    let mut shown = Vec::new();
    for row in &overview.rows {
        for name in quoted(&row.cells[0]) {
            let form = FORMS.iter().find(|form| form.name == name);
            let form = form.unwrap_or_else(|| panic!("{}: what is `{name}`?", place(row.line)));
            check(&overview, row, form);
            shown.push(name);
        }
    }
    for form in FORMS {
        assert!(shown.iter().any(|shown| shown == form.name), "`{}` is not in the overview", form.name);
    }
}

#[test]
fn every_operator_has_an_example() {
    let examples = blocks().into_iter().filter(|block| block.mark == "condition");
    let examples = examples.map(|block| block.text).collect::<Vec<_>>();
    let operators = FORMS.iter().filter_map(|form| form.name.split(' ').next());
    for operator in operators.chain(["missing"]) {
        assert!(examples.iter().any(|text| uses(text, operator)), "no example uses `{operator}`");
    }
    for part in ["[any]", "[all]", "[none]", "[[when.any_of."] {
        assert!(examples.iter().any(|text| text.contains(part)), "no example uses `{part}`");
    }
}

/// Tries one operator with nothing, with null, and with a value of each type it
/// does not speak about. What the operators do which look back depends on `old`:
/// that is left to the examples.
fn check(overview: &Table, row: &Row, form: &Form) {
    let routine = usable(row.line, &wrapped(&format!("\"data.x\" = {}", form.condition)));
    let test = &routine.when.conditions()[0].condition.tests[0];
    if test.looks_back() {
        return;
    }
    let place = format!("{}: {}", place(row.line), form.condition);
    let said = |column: &str| overview.cell(row, column).expect("a cell");
    let check_one = |column: &str, data: Value| {
        let want = yes_or_no(said(column)).unwrap_or_else(|| panic!("{place}: say yes or no"));
        let event = Event { data, ..plain() };
        assert_eq!(routine.when.matches(&event), want, "{place} of {}", event.data);
    };
    check_one("missing", json!({}));
    check_one("null", json!({ "x": null }));
    let strangers = values().into_iter().filter(|(kind, _)| !form.types.contains(kind)).collect::<Vec<_>>();
    // A dash says that the operator speaks about all types.
    assert_eq!(said("wrong type") == "–", strangers.is_empty(), "{place}");
    for (_, value) in strangers {
        check_one("wrong type", json!({ "x": value }));
    }
    let arrays = if test.sees_whole() { "the whole" } else { "one element" };
    assert_eq!(said("arrays"), arrays, "{place}");
}

/// A value of each type, which passes none of the forms but by its type.
fn values() -> [(&'static str, Value); 4] {
    [("text", json!("z")), ("number", json!(1)), ("boolean", json!(true)), ("object", json!({ "z": 1 }))]
}

/// Whether a condition has this key.
fn uses(condition: &str, operator: &str) -> bool {
    condition.match_indices(operator).any(|(at, _)| {
        let before = condition[..at].chars().next_back();
        let is_whole = before.is_none_or(|c| matches!(c, ' ' | '{' | ','));
        is_whole && condition[at + operator.len()..].trim_start().starts_with('=')
    })
}
