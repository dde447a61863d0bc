//! Values of an event or a row, as a routine asks for them.

use super::error::PlanReason;
use crate::rules::event::Event;
use crate::rules::routine::{ContextValue, Get};
use crate::rules::template::Scope;
use serde_json::Value;

/// A value for the worker.
pub(super) fn resolve(value: &ContextValue, scope: Scope<'_>) -> Result<Value, PlanReason> {
    match value {
        ContextValue::Literal(value) => Ok(value.clone()),
        ContextValue::Template(template) => template.value(scope).map_err(PlanReason::from),
        ContextValue::Get(get) => resolve_get(get, scope.event(), scope.row()),
        ContextValue::List(values) => values.iter().map(|value| resolve(value, scope)).collect(),
    }
}

/// The value which a `get` asks for, of the event or the row.
///
/// # Errors
///
/// If it is missing and has no default, or is of another type.
pub fn resolve_get(get: &Get, event: Option<&Event>, row: Option<&Value>) -> Result<Value, PlanReason> {
    let value = match (get.path.get_in(event, row), &get.default) {
        (None, None) => return Err(missing(get)),
        (None, Some(default)) => default.clone(),
        (Some(value), Some(default)) if value.is_null() => default.clone(),
        (Some(value), _) if get.kind.accepts(&value) => value.into_owned(),
        (Some(value), _) => {
            let (wanted, found) = (get.kind.as_str(), type_name(&value));
            return Err(PlanReason::Type { path: get.path.to_string(), wanted, found });
        }
    };
    Ok(match (value, get.max_len) {
        (Value::String(text), Some(max)) => Value::String(cut(text, max)),
        (value, _) => value,
    })
}

/// The text without what comes after `max` characters.
fn cut(mut text: String, max: usize) -> String {
    if text.len() > max
        && let Some((end, _)) = text.char_indices().nth(max)
    {
        text.truncate(end);
    }
    text
}

fn missing(get: &Get) -> PlanReason {
    PlanReason::Missing { path: get.path.to_string() }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
