//! The part about `[when]`: paths, and what their values must be.

use super::{add, key, reference, set, table};
use crate::rules::path::{Quantifier, Root};
use serde_json::{Map, Value, json};

/// An operator of the language.
struct Operator {
    name: &'static str,
    help: &'static str,
    takes: Takes,
    place: Place,
}

/// What an operator takes.
#[derive(Clone, Copy)]
enum Takes {
    Scalar,
    Literals,
    Number,
    Texts,
    TrueOrFalse,
    True,
    State,
    Length,
    Match,
    Group,
    Negated,
    Earlier,
}

/// Where an operator may stand, from everywhere to almost nowhere.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Place {
    /// Also in `became` and `was`.
    Earlier,
    /// Also in `not`.
    Negated,
    /// Only in a condition itself.
    Condition,
}

const fn operator(name: &'static str, takes: Takes, place: Place, help: &'static str) -> Operator {
    Operator { name, help, takes, place }
}

/// The operators, in the order in which they are documented.
const OPERATORS: [Operator; 29] = [
    operator("eq", Takes::Scalar, Place::Earlier, "Equal to this value; the same as the value itself."),
    operator("in", Takes::Literals, Place::Earlier, "Equal to one of these; the same as the list itself."),
    operator(
        "not",
        Takes::Negated,
        Place::Earlier,
        "Not this value, none of these, or not passing these tests.",
    ),
    operator("not_in", Takes::Literals, Place::Earlier, "None of these values."),
    operator("gt", Takes::Number, Place::Earlier, "A number greater than this one."),
    operator("gte", Takes::Number, Place::Earlier, "A number greater than this one, or equal to it."),
    operator("lt", Takes::Number, Place::Earlier, "A number less than this one."),
    operator("lte", Takes::Number, Place::Earlier, "A number less than this one, or equal to it."),
    operator("prefix", Takes::Texts, Place::Earlier, "Text which begins so, or with one of these."),
    operator("suffix", Takes::Texts, Place::Earlier, "Text which ends so, or with one of these."),
    operator("contains", Takes::Texts, Place::Earlier, "Text which has this in it, or one of these."),
    operator(
        "like",
        Takes::Texts,
        Place::Earlier,
        "Text of this shape; * is any text, \\* and \\\\ are themselves.",
    ),
    operator(
        "regex",
        Takes::Texts,
        Place::Earlier,
        "Text in which this regular expression is found, anywhere.",
    ),
    operator("iequals", Takes::Texts, Place::Earlier, "This text in upper or lower case."),
    operator("iprefix", Takes::Texts, Place::Earlier, "Text which begins so, in upper or lower case."),
    operator("isuffix", Takes::Texts, Place::Earlier, "Text which ends so, in upper or lower case."),
    operator("icontains", Takes::Texts, Place::Earlier, "Text which has this in it, in upper or lower case."),
    operator("ilike", Takes::Texts, Place::Earlier, "Text of this shape, in upper or lower case."),
    operator(
        "cidr",
        Takes::Texts,
        Place::Earlier,
        "Text which is an address in this network: 10.0.0.0/8, 2001:db8::/32.",
    ),
    operator("exists", Takes::TrueOrFalse, Place::Condition, "Whether the field is there. Null is there."),
    operator(
        "is",
        Takes::State,
        Place::Earlier,
        "null; missing; or empty: text, a list or an object with nothing in it.",
    ),
    operator(
        "len",
        Takes::Length,
        Place::Earlier,
        "How long it is: characters of text, elements of a list, keys of an object.",
    ),
    operator("contains_any", Takes::Literals, Place::Earlier, "A list which has one of these values."),
    operator("contains_all", Takes::Literals, Place::Earlier, "A list which has each of these values."),
    operator(
        "where",
        Takes::Group,
        Place::Negated,
        "An element of the list, an object, which meets these conditions.",
    ),
    operator("changed", Takes::True, Place::Condition, "The value is another than in the row before."),
    operator(
        "became",
        Takes::Earlier,
        Place::Condition,
        "The value is so now, and was not in the row before.",
    ),
    operator("was", Takes::Earlier, Place::Condition, "The value was so in the row before."),
    operator(
        "missing",
        Takes::Match,
        Place::Condition,
        "With \"match\", a field which is not there is as good as one which passes.",
    ),
];

/// One key of a path: bare, or in quotes.
const KEY: &str = r#"([^."\[\]*\s]+|"([^"\\]|\\["\\])*")"#;

/// `[when]` itself.
pub(super) fn conditions_of_events() -> Value {
    conditions(&path_of_event(), "alternative")
}

/// What conditions are made of, some of it of itself.
pub(super) fn definitions() -> Map<String, Value> {
    let spec = "What the value must be: this one, one of a list, or one which passes all tests of a table.";
    let alternative = "One alternative: conditions which must all hold.";
    let group = "Conditions on one element, with paths from there.";
    let list = [
        key("literal", "A value to compare with; null is { is = \"null\" }.", literal()),
        key("spec", spec, tests(Place::Condition)),
        key("negated", "What the value must not be.", tests(Place::Negated)),
        key("earlier", "What the value is, or was.", tests(Place::Earlier)),
        key("alternative", alternative, conditions(&path_of_event(), "alternative")),
        key("group", group, conditions(&relative_path(), "group")),
    ];
    list.into_iter().collect()
}

/// Paths with what their values must be, and groups of alternatives.
fn conditions(path: &str, alternative: &str) -> Value {
    let groups = json!({
        "type": "object",
        "minProperties": 1,
        "additionalProperties": { "type": "array", "minItems": 1, "items": reference(alternative) },
    });
    let any_of = "Groups of alternatives by their names: of each group, one alternative must hold.";
    let mut conditions = table(vec![key("any_of", any_of, groups)], &[]);
    // Not by patterns of properties: one which fits all paths fits `any_of` too.
    let paths = json!({
        "propertyNames": { "pattern": path },
        "additionalProperties": reference("spec"),
    });
    add(&mut conditions, paths);
    conditions
}

fn quantifiers() -> String {
    format!(r"(\[({})\])*", Quantifier::ALL.map(Quantifier::as_str).join("|"))
}

/// The pattern of paths into an event, and of `any_of`.
fn path_of_event() -> String {
    let roots = |json: fn(&Root) -> bool| {
        Root::ALL.into_iter().filter(json).map(Root::as_str).collect::<Vec<_>>().join("|")
    };
    let (texts, trees) = (roots(|root| !root.is_json()), roots(|root| root.is_json()));
    let some = quantifiers();
    format!(r"^(any_of|{texts}|({trees}){some}(\.{KEY}{some})*)$")
}

fn relative_path() -> String {
    let some = quantifiers();
    format!(r"^{KEY}{some}(\.{KEY}{some})*$")
}

fn literal() -> Value {
    let is = key("is", "Null, which TOML cannot write.", json!({ "type": "string", "enum": ["null"] }));
    let mut literal = table(vec![is], &["is"]);
    add(&mut literal, json!({ "type": ["string", "number", "boolean", "object"] }));
    literal
}

/// A value, a list, or a table of the operators which may stand in this place.
fn tests(place: Place) -> Value {
    let allowed = OPERATORS.iter().filter(|operator| operator.place <= place);
    let operators = allowed.map(|operator| key(operator.name, operator.help, argument(operator.takes)));
    let mut tests = table(operators.collect(), &[]);
    add(&mut tests, set(reference("literal")));
    let types = ["string", "number", "boolean", "array", "object"];
    add(&mut tests, json!({ "type": types, "minProperties": 1 }));
    tests
}

fn argument(takes: Takes) -> Value {
    match takes {
        Takes::Scalar => json!({ "type": ["string", "number", "boolean"] }),
        Takes::Literals => set(reference("literal")),
        Takes::Number => json!({ "type": "number" }),
        Takes::Texts => {
            let mut texts = set(json!({ "type": "string" }));
            add(&mut texts, json!({ "type": ["string", "array"] }));
            texts
        }
        Takes::TrueOrFalse => json!({ "type": "boolean" }),
        Takes::True => json!({ "type": "boolean", "enum": [true] }),
        Takes::State => json!({ "type": "string", "enum": ["null", "missing", "empty"] }),
        Takes::Length => length(),
        Takes::Match => json!({ "type": "string", "enum": ["match"] }),
        Takes::Group => reference("group"),
        Takes::Negated => reference("negated"),
        Takes::Earlier => reference("earlier"),
    }
}

fn length() -> Value {
    let number = || json!({ "type": "integer", "minimum": 0 });
    let keys = [
        ("eq", "Exactly so long."),
        ("gt", "Longer."),
        ("gte", "So long or longer."),
        ("lt", "Shorter."),
        ("lte", "So long or shorter."),
    ];
    let keys = keys.into_iter().map(|(name, help)| key(name, help, number()));
    let mut length = table(keys.collect(), &[]);
    add(&mut length, json!({ "type": ["integer", "object"], "minimum": 0, "minProperties": 1 }));
    length
}
