//! Values of an event or a row, as a routine asks for them.

use super::error::PlanReason;
use crate::rules::event::Event;
use crate::rules::routine::{ContextField, ContextValue, Get};
use crate::rules::template::{Scope, TemplateError};
use serde_json::{Map, Value};

/// Why a field has no value.
pub(super) struct Failed {
    /// The field, from the outermost object on: `customer.name`.
    pub(super) field: String,
    /// What is wrong with it.
    pub(super) reason: PlanReason,
}

impl Failed {
    /// The same, of a field of this object.
    fn within(self, object: &str) -> Self {
        let field =
            if self.field.is_empty() { object.to_owned() } else { format!("{object}.{}", self.field) };
        Self { field, ..self }
    }
}

impl From<PlanReason> for Failed {
    fn from(reason: PlanReason) -> Self {
        Self { field: String::new(), reason }
    }
}

impl From<TemplateError> for Failed {
    fn from(error: TemplateError) -> Self {
        PlanReason::from(error).into()
    }
}

/// The values of an object, or of columns.
pub(super) fn resolve_all(fields: &[ContextField], scope: Scope<'_>) -> Result<Map<String, Value>, Failed> {
    let mut map = Map::with_capacity(fields.len());
    for field in fields {
        let value = resolve(&field.value, scope).map_err(|failed| failed.within(&field.name))?;
        map.insert(field.name.clone(), value);
    }
    Ok(map)
}

fn resolve(value: &ContextValue, scope: Scope<'_>) -> Result<Value, Failed> {
    match value {
        ContextValue::Literal(value) => Ok(value.clone()),
        ContextValue::Template(template) => Ok(template.value(scope)?),
        ContextValue::Get(get) => Ok(resolve_get(get, scope.event(), scope.row())?),
        ContextValue::List(values) => values.iter().map(|value| resolve(value, scope)).collect(),
        ContextValue::Object(fields) => resolve_all(fields, scope).map(Value::Object),
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

pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
