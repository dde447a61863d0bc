//! Values of the event or the row: tables with `get`.

use super::constant;
use crate::rules::path::{Path, Roots};
use crate::rules::problem::Problem;
use crate::rules::routine::literal::small_integer;
use crate::rules::routine::table::{Findings, Keys, Table, Text, text_of};
use crate::rules::template::Variables;
use crate::rules::text::{closest, listed};

/// A value of the event or the row, checked for its type.
#[derive(Clone, Debug)]
pub struct Get {
    /// Where it is.
    pub path: Path,
    /// The type it must have.
    pub kind: ValueType,
    /// What stands in for it if it is missing or null.
    pub default: Option<serde_json::Value>,
    /// After so many characters text is cut off.
    pub max_len: Option<usize>,
}

/// The type a value must have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ValueType {
    /// Any, as it comes.
    #[default]
    Json,
    /// Text.
    String,
    /// A number.
    Number,
    /// A number without a fraction.
    Integer,
    /// True or false.
    Boolean,
    /// A list.
    Array,
    /// An object.
    Object,
}

impl ValueType {
    /// All of them, in the order in which they are documented.
    pub const ALL: [Self; 7] =
        [Self::String, Self::Number, Self::Integer, Self::Boolean, Self::Array, Self::Object, Self::Json];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::String => "string",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

const GET_KEYS: Keys<'static> =
    Keys { owner: "a value with `get`", known: &["get", "type", "default", "max_len"], later: &[] };

const GET_HELP: &str = "write `{ get = \"data.amount\", type = \"number\" }`";

/// Whether a table says where its value comes from, and is no object by itself. One
/// which names a type there is, or a path below what is almost `get`, and has nothing
/// else but keys of such a table, has lost its `get`, and is complained about.
pub(super) fn is_meant(table: &Table<'_>, variables: Variables) -> bool {
    if table.get("get").is_some() {
        return true;
    }
    let is_type = |text: &str| ValueType::ALL.iter().any(|kind| kind.as_str() == text);
    let is_path = |text: &str| {
        text.contains('.') && variables.roots().is_some_and(|roots| Path::parse_in(text, roots).is_ok())
    };
    let mut meant = false;
    for (key, value) in table.entries() {
        let text = text_of(value).map_or("", |text| text.text);
        match key.text {
            "type" => meant |= is_type(text),
            "default" | "max_len" => {}
            other if closest(other, ["get"]).is_some() && is_path(text) => meant = true,
            _ => return false,
        }
    }
    meant
}

/// A table with `get`. `key` is what the value is called.
pub(in crate::rules::routine) fn get(
    findings: &mut Findings,
    key: &Text<'_>,
    table: &Table<'_>,
    variables: Variables,
) -> Option<Get> {
    table.check_keys(findings, &GET_KEYS);
    if table.get("get").is_none() {
        let message = format!("`{}` does not say where its value comes from", key.text);
        findings.missing(Problem::error(table.span.clone(), message).label("has no `get`").help(GET_HELP));
        return None;
    }
    let path = path(findings, table, variables);
    let kind = kind(findings, table);
    let default = match table.get("default") {
        Some(value) => constant(findings, "default", value).map(Some),
        None => Some(None),
    };
    let max_len = max_len(findings, table);
    let get = Get { path: path?, kind: kind?, default: default?, max_len: max_len? };
    sensible(findings, table, &get).then_some(get)
}

fn path(findings: &mut Findings, table: &Table<'_>, variables: Variables) -> Option<Path> {
    let text = table.text(findings, "get")?;
    let Some(roots) = variables.roots() else {
        let problem = Problem::error(text.span, "a tick has nothing to `get`");
        let help = "write a template: `day = \"{{ tick | date('%Y-%m-%d') }}\"`";
        findings.push(problem.label("only events have fields").help(help));
        return None;
    };
    let path = checked_path(findings, &text, roots)?;
    if path.has_quantifier() {
        let message = "a path of `get` has no `[any]`, `[all]` or `[none]`";
        let problem = Problem::error(text.span, message).label("says how many elements must match");
        findings.push(problem.help("leave it out: the value is the list of what all elements have there"));
        return None;
    }
    Some(path)
}

/// Reads a path; complains with its place in the file.
pub(in crate::rules::routine) fn checked_path(
    findings: &mut Findings,
    text: &Text<'_>,
    roots: Roots,
) -> Option<Path> {
    let error = match Path::parse_in(text.text, roots) {
        Ok(path) => return Some(path),
        Err(error) => error,
    };
    let span = text.part(findings.text(), error.span);
    let problem = Problem::error(span, error.message).label("in this path");
    findings.push(Problem { help: error.help, ..problem });
    None
}

fn kind(findings: &mut Findings, table: &Table<'_>) -> Option<ValueType> {
    if table.get("type").is_none() {
        return Some(ValueType::Json);
    }
    let text = table.text(findings, "type")?;
    let found = ValueType::ALL.into_iter().find(|kind| kind.as_str() == text.text);
    if found.is_none() {
        let words = ValueType::ALL.map(ValueType::as_str);
        let help = match closest(text.text, words) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("types are {}", listed(words)),
        };
        let problem = Problem::error(text.span, format!("there is no type `{}`", text.text));
        findings.push(problem.label("not a type").help(help));
    }
    found
}

fn max_len(findings: &mut Findings, table: &Table<'_>) -> Option<Option<usize>> {
    let Some(value) = table.get("max_len") else {
        return Some(None);
    };
    let number = small_integer(findings, "max_len", value)?;
    match usize::try_from(number) {
        Ok(length @ 1..) => Some(Some(length)),
        _ => {
            let problem = Problem::error(value.span(), "`max_len` is at least 1");
            findings.push(problem.label("cuts off everything").help("leave it out to keep the text whole"));
            None
        }
    }
}

/// Complains about parts which contradict each other.
fn sensible(findings: &mut Findings, table: &Table<'_>, get: &Get) -> bool {
    if get.max_len.is_some() && !matches!(get.kind, ValueType::String | ValueType::Json) {
        let message = format!("`max_len` is for text, not for `{}`", get.kind.as_str());
        let problem = Problem::error(table.key_span("max_len"), message).label("cuts off nothing");
        findings.push(problem.help("leave it out, or write `type = \"string\"`"));
        return false;
    }
    match &get.default {
        Some(default) if !get.kind.accepts(default) => {
            let message = format!("the default is no `{}`", get.kind.as_str());
            let problem = Problem::error(table.key_span("default"), message).label("of another type");
            findings.push(problem.help("make default and `type` agree"));
            false
        }
        _ => true,
    }
}

impl ValueType {
    /// Whether the value is of this type.
    #[must_use]
    pub fn accepts(self, value: &serde_json::Value) -> bool {
        match self {
            Self::Json => true,
            Self::String => value.is_string(),
            Self::Number => value.is_number(),
            Self::Integer => value.as_number().is_some_and(crate::rules::value::is_integral),
            Self::Boolean => value.is_boolean(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
        }
    }
}
