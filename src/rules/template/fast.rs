//! Templates made only of text and plain paths, such as
//! `Refund {{ data.refund_id }}: {{ data.amount }}`, which nearly all are.
//!
//! They are rendered straight from the event, without the template engine. What
//! they yield is what the engine would: a test holds the two against each other.

use super::scope::{Scope, Variable, Variables};
use super::{OUTPUT_BYTES_MAX, TemplateError};
use crate::rules::path::Found;
use serde_json::Value;

/// A piece of such a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    /// Text which stands for itself.
    Text(Box<str>),
    /// A path whose value stands there.
    Path(Reference),
}

/// A variable and the keys after it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reference {
    variable: Variable,
    keys: Vec<Box<str>>,
}

/// The pieces of a template, if it is made of nothing but text and plain paths.
pub(super) fn pieces(text: &str, variables: Variables) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        push_text(&mut pieces, &rest[..start])?;
        let inside = &rest[start + 2..];
        let end = inside.find("}}")?;
        pieces.push(Piece::Path(Reference::parse(inside[..end].trim_ascii(), variables)?));
        rest = &inside[end + 2..];
    }
    push_text(&mut pieces, rest)?;
    Some(pieces)
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) -> Option<()> {
    if text.contains("{%") || text.contains("{#") {
        return None;
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text.into()));
    }
    Some(())
}

/// The paths which the pieces name.
pub(super) fn paths(pieces: &[Piece]) -> Vec<String> {
    let path = |piece: &Piece| match piece {
        Piece::Text(_) => None,
        Piece::Path(reference) => Some(reference.path(reference.keys.len())),
    };
    pieces.iter().filter_map(path).collect()
}

/// Renders the pieces one after another.
pub(super) fn render(pieces: &[Piece], scope: Scope<'_>) -> Result<String, TemplateError> {
    let mut out = String::with_capacity(128);
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Path(reference) => write_found(&mut out, &reference.resolve(scope)?),
        }
        if out.len() > OUTPUT_BYTES_MAX {
            return Err(TemplateError::TooLong);
        }
    }
    Ok(out)
}

fn write_found(out: &mut String, found: &Found<'_>) {
    match found {
        Found::Text(text) => out.push_str(text),
        Found::Json(value) => write_json(out, value),
    }
}

/// Writes a value as templates show it: text bare, numbers as they were
/// written, lists and objects as JSON.
fn write_json(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("none"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => out.push_str(number.as_str()),
        Value::String(text) => out.push_str(text),
        Value::Array(_) | Value::Object(_) => out.push_str(&value.to_string()),
    }
}

impl Reference {
    fn parse(text: &str, variables: Variables) -> Option<Self> {
        let mut names = text.split('.');
        let variable = variables.find(names.next()?)?;
        let keys = names.map(|name| is_name(name).then(|| name.into())).collect::<Option<Vec<_>>>()?;
        // Text has no keys; the scan of the code says so.
        (keys.is_empty() || variable.has_keys()).then_some(Self { variable, keys })
    }

    /// The value there.
    pub(super) fn value(&self, scope: Scope<'_>) -> Result<Value, TemplateError> {
        Ok(match self.resolve(scope)? {
            Found::Text(text) => Value::String(text.into_owned()),
            Found::Json(value) => value.clone(),
        })
    }

    fn resolve<'a>(&self, scope: Scope<'a>) -> Result<Found<'a>, TemplateError> {
        let mut found = scope.read(self.variable).ok_or_else(|| self.missing(0))?;
        for (place, key) in self.keys.iter().enumerate() {
            let next = match found {
                Found::Json(Value::Object(map)) => map.get(&**key),
                Found::Json(_) | Found::Text(_) => None,
            };
            found = Found::Json(next.ok_or_else(|| self.missing(place + 1))?);
        }
        Ok(found)
    }

    /// Says that there is nothing after `count` keys.
    fn missing(&self, count: usize) -> TemplateError {
        TemplateError::Missing { path: self.path(count) }
    }

    /// The path up to so many keys.
    fn path(&self, count: usize) -> String {
        let mut path = self.variable.as_str().to_owned();
        for key in self.keys.iter().take(count) {
            path.push('.');
            path.push_str(key);
        }
        path
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
}
