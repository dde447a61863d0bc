//! Templates: text of a routine with values of the event put in.
//!
//! Templates are those of minijinja, strict about what is undefined and with a
//! limit on their work. Most are only text and paths, and are rendered without
//! the engine: rendering runs tens of thousands of times a second.
//! Values show as they were written: text bare, numbers digit by digit, `true`,
//! `false` and `none`, lists and objects as JSON.
//!
//! Templates are written by operators and filled in by strangers, so whatever an
//! event holds, rendering ends soon and within bounds: the engine counts steps,
//! `limits` keeps out what cannot be bounded, `weigh` and `budget` count bytes,
//! and `replaced` has the engine's parts which needed a bound.

mod budget;
mod code;
mod convert;
mod decimal;
mod engine;
mod fast;
mod filters;
mod limits;
mod output;
mod replaced;
mod scan;
mod scope;
mod weigh;

pub use scope::{Scope, Variables};

use fast::Piece;
use serde_json::Value;
use std::ops::Range;
use std::sync::Arc;

/// The longest template, in bytes. Longer text belongs to the worker.
pub const TEMPLATE_BYTES_MAX: usize = 16 * 1024;

/// The longest text a template may yield, in bytes: enough for any letter, and
/// too little to fill an inbox by mistake.
pub const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// How many steps of the engine one rendering may take; a template which loops
/// over a hundred rows takes some thousand.
pub const FUEL: u64 = 20_000;

/// A template, understood once, when its routine is loaded. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Template(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Static(Arc<str>),
    Paths(Arc<[Piece]>),
    Engine(Arc<engine::Compiled>),
}

/// Why a text is not a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateProblem {
    /// What is wrong.
    pub message: String,
    /// The offending bytes of the template.
    pub span: Range<usize>,
    /// What to do about it.
    pub help: Option<String>,
}

/// Why a template could not be rendered. Says nothing of what is in the event
/// beyond the paths which the template names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The event, or the row, has nothing there.
    #[error("`{path}` is missing in this {place}", place = place_of(.path))]
    Missing {
        /// The path up to the first key which is missing.
        path: String,
    },
    /// It takes more than [`FUEL`] steps.
    #[error("the template takes more than {max} steps", max = FUEL)]
    TooMuchWork,
    /// It yields more than [`OUTPUT_BYTES_MAX`].
    #[error("the template yields more than {max} bytes", max = OUTPUT_BYTES_MAX)]
    TooLong,
    /// An operation of the template does not work on these values.
    #[error("{reason}")]
    Failed {
        /// Which one, and what it lacks.
        reason: String,
    },
}

impl Template {
    /// Understands a template.
    ///
    /// # Errors
    ///
    /// Says what is wrong, and where in the text: it cannot be read, is too
    /// involved, names a variable, filter or test which does not exist, or a key
    /// which no event can have.
    pub fn compile(text: &str, variables: Variables) -> Result<Self, TemplateProblem> {
        if text.len() > TEMPLATE_BYTES_MAX {
            let message = format!("a template has at most {TEMPLATE_BYTES_MAX} bytes");
            return Err(TemplateProblem { message, span: 0..text.len(), help: None });
        }
        if !has_code(text) {
            return Ok(Self(Kind::Static(text.into())));
        }
        if let Some(pieces) = fast::pieces(text, variables) {
            return Ok(Self(Kind::Paths(pieces.into())));
        }
        engine::compile(text, variables).map(|compiled| Self(Kind::Engine(Arc::new(compiled))))
    }

    /// The text, if nothing is put into it.
    #[must_use]
    pub fn as_static(&self) -> Option<&str> {
        match &self.0 {
            Kind::Static(text) => Some(text),
            Kind::Paths(_) | Kind::Engine(_) => None,
        }
    }

    /// The paths it names, such as `data.customer.name`, as far as they are
    /// plain names with dots between. Some may be meant to be missing.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        match &self.0 {
            Kind::Static(_) => Vec::new(),
            Kind::Paths(pieces) => fast::paths(pieces),
            Kind::Engine(compiled) => compiled.paths().to_vec(),
        }
    }

    /// The text with the values of the event or tick put in.
    ///
    /// # Errors
    ///
    /// Says which value is missing, or what else went wrong.
    pub fn text(&self, scope: Scope<'_>) -> Result<String, TemplateError> {
        match &self.0 {
            Kind::Static(text) => Ok(text.as_ref().to_owned()),
            Kind::Paths(pieces) => fast::render(pieces, scope),
            Kind::Engine(compiled) => compiled.text(scope),
        }
    }

    /// The same as a JSON value: a template which is one expression and nothing
    /// else yields that value with its type, any other yields text.
    ///
    /// # Errors
    ///
    /// Says which value is missing, or what else went wrong.
    pub fn value(&self, scope: Scope<'_>) -> Result<Value, TemplateError> {
        match &self.0 {
            Kind::Paths(pieces) => {
                if let [Piece::Path(reference)] = &**pieces {
                    return reference.value(scope);
                }
            }
            Kind::Engine(compiled) => {
                if let Some(value) = compiled.value(scope) {
                    return value;
                }
            }
            Kind::Static(_) => {}
        }
        self.text(scope).map(Value::String)
    }
}

/// What a path leads into, for people.
pub(super) fn place_of(path: &str) -> &'static str {
    if path == "row" || path.starts_with("row.") { "row" } else { "event" }
}

/// Whether the text is more than itself to the template engine.
#[must_use]
pub fn has_code(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}

#[cfg(test)]
mod tests;
