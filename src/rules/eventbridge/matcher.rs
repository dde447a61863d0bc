//! The values and comparisons in the list of a field: `["a", { "prefix": "b" }]`.
//!
//! What EventBridge refuses is refused here, by the rules of its own compiler:
//! which comparisons there are, what each takes, and that an object in a list
//! holds exactly one of them.

mod cidr;
mod numeric;

use super::json::{Json, Member, Node};
use crate::rules::condition::{Fold, Like, LikeError};
use crate::rules::problem::Problem;
use crate::rules::text::{closest, listed};
use std::ops::Range;

/// One entry of a list: the value of the field is to be like this.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Matcher {
    /// It is this value.
    Is(Scalar),
    /// It passes a test of text.
    Text(TextTest, String),
    /// It is a number between these bounds: one, or a lower and an upper one.
    Numeric(Vec<Bound>),
    /// It is there, or is not.
    Exists(bool),
    /// It is none of these values.
    NoneOf(Vec<Scalar>),
    /// It passes the test with none of these texts.
    NoText(TextTest, Vec<String>),
}

/// A value which is compared as it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    /// A number as it is written.
    Number(String),
    Text(String),
}

/// A test of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextTest {
    Prefix,
    PrefixIgnoringCase,
    Suffix,
    SuffixIgnoringCase,
    EqualsIgnoringCase,
    Wildcard,
    Cidr,
}

/// One end of a range.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bound {
    /// Our operator: `gt`, `gte`, `lt` or `lte`.
    pub(super) operator: &'static str,
    /// The number as it is written.
    pub(super) number: String,
}

impl TextTest {
    /// Our operator.
    pub(super) fn operator(self) -> &'static str {
        match self {
            Self::Prefix => "prefix",
            Self::PrefixIgnoringCase => "iprefix",
            Self::Suffix => "suffix",
            Self::SuffixIgnoringCase => "isuffix",
            Self::EqualsIgnoringCase => "iequals",
            Self::Wildcard => "like",
            Self::Cidr => "cidr",
        }
    }

    /// Whether it tells upper from lower case.
    pub(super) fn fold(self) -> Fold {
        match self {
            Self::Prefix | Self::Suffix | Self::Wildcard | Self::Cidr => Fold::Exact,
            Self::PrefixIgnoringCase | Self::SuffixIgnoringCase | Self::EqualsIgnoringCase => {
                Fold::Insensitive
            }
        }
    }
}

/// The comparisons which EventBridge has.
const NAMES: [&str; 9] = [
    "exactly",
    "prefix",
    "suffix",
    "equals-ignore-case",
    "wildcard",
    "anything-but",
    "numeric",
    "cidr",
    "exists",
];

/// The comparisons which may stand inside `anything-but`.
const NEGATED: [&str; 4] = ["prefix", "suffix", "equals-ignore-case", "wildcard"];

/// Reads one entry of a list.
pub(super) fn read(node: &Node) -> Result<Matcher, Problem> {
    if let Some(scalar) = scalar(node) {
        return Ok(Matcher::Is(scalar));
    }
    match &node.value {
        Json::Object(members) => comparison(members, &node.span),
        _ => {
            let problem = Problem::error(node.span.clone(), "a list of values has no lists in it");
            Err(problem.label("a list").help("write the values into one list: one of them has to fit"))
        }
    }
}

fn comparison(members: &[Member], span: &Range<usize>) -> Result<Matcher, Problem> {
    let Member { key, value } = only(members, span)?;
    match key.text.as_str() {
        "exactly" => text(value, "exactly").map(|text| Matcher::Is(Scalar::Text(text))),
        "prefix" => affix(value, "prefix", TextTest::Prefix, TextTest::PrefixIgnoringCase),
        "suffix" => affix(value, "suffix", TextTest::Suffix, TextTest::SuffixIgnoringCase),
        "equals-ignore-case" => {
            text(value, "equals-ignore-case").map(|text| Matcher::Text(TextTest::EqualsIgnoringCase, text))
        }
        "wildcard" => like(value).map(wildcard),
        "anything-but" => anything_but(value),
        "numeric" => numeric::read(value),
        "cidr" => cidr::read(value),
        "exists" => match value.value {
            Json::Bool(wanted) => Ok(Matcher::Exists(wanted)),
            _ => Err(mistyped(value, "exists", "`true` or `false`")),
        },
        other => Err(unknown(other, key.span.clone(), &NAMES, "a comparison of EventBridge")),
    }
}

/// The one member of an object which names a comparison.
fn only<'a>(members: &'a [Member], span: &Range<usize>) -> Result<&'a Member, Problem> {
    match members {
        [member] => Ok(member),
        [] => {
            let problem = Problem::error(span.clone(), "this object names no comparison").label("empty");
            Err(problem.help("write one, such as `{ \"prefix\": \"a\" }`; null is written `null`"))
        }
        [_, second, ..] => {
            let problem = Problem::error(second.key.span.clone(), "an object in a list has one comparison");
            let help = "give each an object of its own: one of them has to fit; a range is one `numeric`";
            Err(problem.label("the second one").help(help))
        }
    }
}

fn affix(node: &Node, name: &str, exact: TextTest, ignoring: TextTest) -> Result<Matcher, Problem> {
    let Json::Object(members) = &node.value else {
        return text(node, name).map(|text| Matcher::Text(exact, text));
    };
    let Member { key, value } = only(members, &node.span)?;
    if key.text != "equals-ignore-case" {
        let what = format!("something `{name}` takes");
        return Err(unknown(&key.text, key.span.clone(), &["equals-ignore-case"], &what));
    }
    text(value, "equals-ignore-case").map(|text| Matcher::Text(ignoring, text))
}

/// A pattern without a star compares the whole text, and so says equality.
fn wildcard(like: Like) -> Matcher {
    match like.pieces() {
        [whole] => Matcher::Is(Scalar::Text(whole.to_string())),
        _ => Matcher::Text(TextTest::Wildcard, like.as_str().to_owned()),
    }
}

fn like(node: &Node) -> Result<Like, Problem> {
    let text = text(node, "wildcard")?;
    let LikeError { message, span } = match Like::parse(&text, Fold::Exact) {
        Ok(like) => return Ok(like),
        Err(error) => error,
    };
    // Where the text is written with escapes, its places are not those of the file.
    let is_plain = node.span.len() == text.len() + 2;
    let start = node.span.start + 1;
    let place = if is_plain { start + span.start..start + span.end } else { node.span.clone() };
    let help = "`*` is any text; in JSON, `\\\\*` and `\\\\\\\\` are those characters themselves";
    Err(Problem::error(place, message).label("in this pattern").help(help))
}

fn anything_but(node: &Node) -> Result<Matcher, Problem> {
    match &node.value {
        Json::Object(members) => nothing_like(only(members, &node.span)?),
        Json::Array(items) => none_of(items, node),
        Json::Text(_) | Json::Number(_) => none_of(std::slice::from_ref(node), node),
        _ => Err(mistyped(node, "anything-but", "text, a number, or a list of one of these")),
    }
}

fn none_of(items: &[Node], node: &Node) -> Result<Matcher, Problem> {
    let Some(first) = items.first() else {
        let problem = Problem::error(node.span.clone(), "`anything-but` has an empty list");
        return Err(problem.label("names no value").help("name what the value must not be"));
    };
    let mut values = Vec::new();
    for item in items {
        let value = scalar(item).filter(|value| matches!(value, Scalar::Text(_) | Scalar::Number(_)));
        let Some(value) = value else {
            return Err(mistyped(item, "anything-but", "text and numbers"));
        };
        if item.value.kind() != first.value.kind() {
            let problem = Problem::error(item.span.clone(), "`anything-but` has text or numbers, not both");
            let help =
                "EventBridge refuses the mixture; import it apart, and put both lists into one `not_in`";
            return Err(problem.label(item.value.kind()).help(help));
        }
        values.push(value);
    }
    Ok(Matcher::NoneOf(values))
}

/// Reads what stands inside `anything-but` as an object.
fn nothing_like(member: &Member) -> Result<Matcher, Problem> {
    let Member { key, value } = member;
    let test = match key.text.as_str() {
        "prefix" => TextTest::Prefix,
        "suffix" => TextTest::Suffix,
        "equals-ignore-case" => TextTest::EqualsIgnoringCase,
        "wildcard" => TextTest::Wildcard,
        other => {
            let what = "something `anything-but` takes";
            return Err(unknown(other, key.span.clone(), &NEGATED, what));
        }
    };
    let items = match &value.value {
        Json::Array(items) => items.as_slice(),
        _ => std::slice::from_ref(value),
    };
    if items.is_empty() {
        let problem = Problem::error(value.span.clone(), format!("`{}` has an empty list", key.text));
        return Err(problem.label("names no text").help("name what the text must not be like"));
    }
    let mut texts = Vec::new();
    for item in items {
        let text = match test {
            TextTest::Wildcard => like(item)?.as_str().to_owned(),
            _ => text(item, &key.text)?,
        };
        if text.is_empty() && matches!(test, TextTest::Prefix | TextTest::Suffix) {
            let message = format!("inside `anything-but`, `{}` cannot be empty", key.text);
            let problem = Problem::error(item.span.clone(), message).label("every text has it");
            return Err(problem.help("say what the text must not have"));
        }
        texts.push(text);
    }
    Ok(Matcher::NoText(test, texts))
}

/// The value, if it is one which is compared as it is.
fn scalar(node: &Node) -> Option<Scalar> {
    Some(match &node.value {
        Json::Null => Scalar::Null,
        Json::Bool(bool) => Scalar::Bool(*bool),
        Json::Number(digits) => Scalar::Number(digits.clone()),
        Json::Text(text) => Scalar::Text(text.clone()),
        Json::Array(_) | Json::Object(_) => return None,
    })
}

fn text(node: &Node, name: &str) -> Result<String, Problem> {
    match &node.value {
        Json::Text(text) => Ok(text.clone()),
        _ => Err(mistyped(node, name, "text")),
    }
}

fn mistyped(node: &Node, name: &str, wanted: &str) -> Problem {
    let message = format!("`{name}` takes {wanted}, not {}", node.value.kind());
    Problem::error(node.span.clone(), message).label(format!("expected {wanted}"))
}

fn unknown(name: &str, span: Range<usize>, known: &[&str], what: &str) -> Problem {
    let help = match closest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there is {}", listed(known.iter().copied())),
    };
    Problem::error(span, format!("`{name}` is not {what}")).label("unknown").help(help)
}
