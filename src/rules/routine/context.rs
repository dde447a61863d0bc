//! Typed values for the worker: `[item.context]`, and the columns of items for
//! tables of the user's.
//!
//! They are values, never spliced into text, so that a worker, and above all an
//! agent, can tell what an event says from what it has been told to do.

mod get;

pub use get::{Get, ValueType};
pub(super) use get::{checked_path, get};

use super::item::template;
use super::literal::number;
use super::table::{Findings, Table, Text, Value, text_of, wrong_type};
use crate::rules::problem::Problem;
use crate::rules::template::{Template, Variables};
use std::ops::Range;
use toml::de::DeValue;

/// The most values of one object, and the most columns of one item; more belong
/// into an object.
pub const FIELDS_MAX: usize = 100;

/// One value for the worker, or for a column.
#[derive(Clone, Debug)]
pub struct ContextField {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub value: ContextValue,
    /// The place of the name in the file.
    pub span: Range<usize>,
}

/// Where a value for the worker comes from.
#[derive(Clone, Debug)]
pub enum ContextValue {
    /// The routine itself: all of it is written there.
    Literal(serde_json::Value),
    /// A template; one which is a single expression keeps the type of its value.
    Template(Template),
    /// A path of the event or the row.
    Get(Get),
    /// Several of these.
    List(Vec<ContextValue>),
    /// An object of these, in the order of the file.
    Object(Vec<ContextField>),
}

/// Reads `[item.context]`; without it there are no values.
pub(super) fn parse(
    findings: &mut Findings,
    item: &Table<'_>,
    variables: Variables,
) -> Option<Vec<ContextField>> {
    if item.get("context").is_none() {
        return Some(Vec::new());
    }
    let table = item.table(findings, "context")?;
    object(findings, &table, variables)
}

/// Complains about more values than an object, or an item, may have.
pub(super) fn are_few(findings: &mut Findings, span: Range<usize>, count: usize, owner: &str) -> bool {
    if count <= FIELDS_MAX {
        return true;
    }
    let problem = Problem::error(span, format!("{owner} has at most {FIELDS_MAX} values")).label("too many");
    findings.push(problem.help("take a whole object: `{ get = \"data\" }`"));
    false
}

/// Reads one value with its name.
pub(super) fn field(
    findings: &mut Findings,
    key: &Text<'_>,
    value: &Value<'_>,
    variables: Variables,
) -> Option<ContextField> {
    let value = context_value(findings, key, value, variables)?;
    Some(ContextField { name: key.text.to_owned(), value, span: key.span.clone() })
}

fn object(findings: &mut Findings, table: &Table<'_>, variables: Variables) -> Option<Vec<ContextField>> {
    let fields = table.entries().map(|(key, value)| field(findings, &key, value, variables));
    // All of them are read, so that all that is wrong is found.
    let fields = fields.collect::<Vec<_>>();
    let few = are_few(findings, table.span.clone(), fields.len(), "an object");
    fields.into_iter().collect::<Option<Vec<_>>>().filter(|_| few)
}

fn context_value(
    findings: &mut Findings,
    key: &Text<'_>,
    value: &Value<'_>,
    variables: Variables,
) -> Option<ContextValue> {
    match value.get_ref() {
        DeValue::String(_) => {
            let template = template(findings, &text_of(value)?, variables)?;
            Some(match template.as_static() {
                Some(text) => ContextValue::Literal(text.into()),
                None => ContextValue::Template(template),
            })
        }
        DeValue::Array(items) => {
            let values = items.iter().map(|item| context_value(findings, key, item, variables));
            let values = values.collect::<Vec<_>>();
            values.into_iter().collect::<Option<Vec<_>>>().map(list)
        }
        DeValue::Table(entries) => {
            let table = Table::new(entries, value.span());
            if get::is_meant(&table, variables) {
                return get(findings, key, &table, variables).map(ContextValue::Get);
            }
            object(findings, &table, variables).map(object_of)
        }
        _ => constant(findings, key.text, value).map(ContextValue::Literal),
    }
}

/// A list; one of literals is a literal.
fn list(values: Vec<ContextValue>) -> ContextValue {
    let literals = values.iter().map(|value| value.literal().cloned());
    match literals.collect::<Option<Vec<_>>>() {
        Some(literals) => ContextValue::Literal(serde_json::Value::Array(literals)),
        None => ContextValue::List(values),
    }
}

/// An object; one of literals is a literal.
fn object_of(fields: Vec<ContextField>) -> ContextValue {
    let literal = |field: &ContextField| Some((field.name.clone(), field.value.literal()?.clone()));
    match fields.iter().map(literal).collect::<Option<serde_json::Map<_, _>>>() {
        Some(map) => ContextValue::Literal(serde_json::Value::Object(map)),
        None => ContextValue::Object(fields),
    }
}

impl ContextValue {
    /// The value, if the routine alone says it.
    #[must_use]
    pub fn literal(&self) -> Option<&serde_json::Value> {
        match self {
            Self::Literal(value) => Some(value),
            Self::Template(_) | Self::Get(_) | Self::List(_) | Self::Object(_) => None,
        }
    }
}

/// A scalar, or a list of them, as JSON; complains about anything else.
pub(super) fn constant(findings: &mut Findings, key: &str, value: &Value<'_>) -> Option<serde_json::Value> {
    let found: Option<serde_json::Value> = match value.get_ref() {
        DeValue::String(text) => Some((&**text).into()),
        DeValue::Boolean(value) => Some((*value).into()),
        DeValue::Datetime(date) => Some(date.to_string().into()),
        DeValue::Integer(_) | DeValue::Float(_) => number(value).map(serde_json::Value::Number),
        DeValue::Array(items) => {
            let items = items.iter().map(|item| constant(findings, key, item)).collect::<Vec<_>>();
            return items.into_iter().collect::<Option<Vec<_>>>().map(serde_json::Value::Array);
        }
        DeValue::Table(_) => return wrong_type(findings, key, value, "text, a number, a boolean or a list"),
    };
    if found.is_none() {
        let problem = Problem::error(value.span(), format!("`{key}` is a number which JSON does not have"));
        findings.push(problem.label("not in JSON").help("write it as text"));
    }
    found
}
