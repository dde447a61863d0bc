//! The template engine, for templates which do more than name paths.

use super::convert::{self, Moment, NoJson, Written};
use super::scope::{Scope, Variable, Variables};
use super::{FUEL, OUTPUT_BYTES_MAX, TemplateError, TemplateProblem, filters, scan};
use crate::rules::path::Found;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value as Dynamic, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Expression, Output, State, UndefinedBehavior};
use serde_json::Value;
use std::collections::HashSet;
use std::fmt;
use std::io;
use std::sync::LazyLock;

/// The name under which a template is kept in its environment.
const NAME: &str = "template";

/// The name under which a template finds how numbers were written. No template
/// can say it.
const WRITTEN: &str = " written";

/// How deep blocks may nest.
const DEPTH_MAX: usize = 100;

/// What the engine brings along and templates of routines have no use for: they
/// are for web pages, dump all variables, or make text of any length.
const UNWANTED_FILTERS: [&str; 5] = ["safe", "escape", "e", "pprint", "format"];
const UNWANTED_FUNCTIONS: [&str; 2] = ["debug", "namespace"];

/// A template which was understood.
pub(super) struct Compiled {
    /// Holds the template alone; filters and tests are shared.
    environment: Environment<'static>,
    /// The expression, if the template is one and nothing else.
    expression: Option<Expression<'static, 'static>>,
    /// The expression's text.
    source: String,
    /// The variables it uses, so that no others are converted.
    variables: Vec<Variable>,
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiled").field("variables", &self.variables).finish_non_exhaustive()
    }
}

/// Understands a template.
pub(super) fn compile(text: &str, variables: Variables) -> Result<Compiled, TemplateProblem> {
    let mut environment = engine().clone();
    environment.add_template_owned(NAME, text.to_owned()).map_err(|error| syntax_problem(text, &error))?;
    let free = match environment.get_template(NAME) {
        Ok(template) => template.undeclared_variables(false),
        Err(_) => HashSet::new(),
    };
    scan::check(text, variables, &free)?;
    let source = only_expression(text).unwrap_or_default();
    let expression = match source {
        "" => None,
        source => engine().compile_expression_owned(source.to_owned()).ok(),
    };
    let variables = free.iter().filter_map(|name| variables.find(name)).collect();
    Ok(Compiled { environment, expression, source: source.trim().to_owned(), variables })
}

/// What stands between the braces, if the template is one pair of them.
fn only_expression(text: &str) -> Option<&str> {
    let inside = text.strip_prefix("{{")?.strip_suffix("}}")?;
    let inside = inside.strip_prefix(['-', '+']).unwrap_or(inside);
    Some(inside.strip_suffix(['-', '+']).unwrap_or(inside))
}

fn syntax_problem(text: &str, error: &Error) -> TemplateProblem {
    let span = error.range().unwrap_or(0..text.len());
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let message = format!("this template cannot be read: {detail}");
    let help = "`{{ data.amount }}` puts a value in; see docs/routines.md for what templates can do";
    TemplateProblem { message, span, help: Some(help.to_owned()) }
}

impl Compiled {
    /// The text of the template.
    pub(super) fn text(&self, scope: Scope<'_>) -> Result<String, TemplateError> {
        let context = self.context(scope).0;
        let mut out = Limited::default();
        let result = self
            .environment
            .get_template(NAME)
            .and_then(|template| template.render_captured_to(context, &mut out).map(drop));
        match result {
            Ok(()) => Ok(String::from_utf8_lossy(&out.bytes).into_owned()),
            Err(_) if out.full => Err(TemplateError::TooLong),
            Err(error) => Err(explain(&error)),
        }
    }

    /// The value of the template, if it is an expression and nothing else.
    pub(super) fn value(&self, scope: Scope<'_>) -> Option<Result<Value, TemplateError>> {
        let expression = self.expression.as_ref()?;
        let (context, written) = self.context(scope);
        let value = expression.eval(context).map_err(|error| explain(&error));
        Some(value.and_then(|value| self.json(&value, &written)))
    }

    fn json(&self, value: &Dynamic, written: &Dynamic) -> Result<Value, TemplateError> {
        let none = Written::default();
        let written = written.downcast_object_ref::<Written>().unwrap_or(&none);
        convert::to_json(value, written).map_err(|why| match why {
            NoJson::Undefined => TemplateError::Missing { path: self.source.clone() },
            NoJson::TooLong => TemplateError::TooLong,
            NoJson::Foreign => {
                TemplateError::Failed { reason: format!("`{}` is no value for an item", self.source) }
            }
        })
    }

    /// The variables the template uses, and how their numbers were written.
    fn context(&self, scope: Scope<'_>) -> (Dynamic, Dynamic) {
        let mut written = Written::default();
        let mut pairs = Vec::with_capacity(self.variables.len() + 1);
        for variable in &self.variables {
            if let Some(value) = variable_value(*variable, scope, &mut written) {
                pairs.push((variable.as_str(), value));
            }
        }
        let written = if written.is_empty() { Dynamic::UNDEFINED } else { Dynamic::from_object(written) };
        if !written.is_undefined() {
            pairs.push((WRITTEN, written.clone()));
        }
        (Dynamic::from_pairs(pairs), written)
    }
}

fn variable_value(variable: Variable, scope: Scope<'_>, written: &mut Written) -> Option<Dynamic> {
    if let (Variable::Tick, Scope::Tick { tick, tz, .. }) = (variable, scope) {
        return Some(Dynamic::from_object(Moment { at: tick, tz: tz.clone() }));
    }
    Some(match scope.read(variable)? {
        Found::Text(text) => Dynamic::from(&*text),
        Found::Json(value) => convert::from_json(value, written),
    })
}

fn engine() -> &'static Environment<'static> {
    static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(build);
    &ENGINE
}

fn build() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEPTH_MAX);
    // Only so do errors say which variable is undefined, and where.
    environment.set_debug(true);
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_formatter(format);
    environment.add_filter("date", filters::date);
    for name in UNWANTED_FILTERS {
        environment.remove_filter(name);
    }
    for name in UNWANTED_FUNCTIONS {
        environment.remove_global(name);
    }
    environment
}

/// Writes a value as [`super::fast`] writes it.
fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Dynamic) -> Result<(), Error> {
    match value.kind() {
        ValueKind::None => out.write_str("none")?,
        ValueKind::Bool => out.write_str(if value.is_true() { "true" } else { "false" })?,
        ValueKind::Number if !value.is_integer() => format_float(out, state, value)?,
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => {
            let table = state.lookup(WRITTEN).unwrap_or_default();
            let none = Written::default();
            let written = table.downcast_object_ref::<Written>().unwrap_or(&none);
            let json = convert::to_json(value, written).map_err(|_| {
                Error::new(ErrorKind::BadSerialization, "a list or an object which is no JSON")
            })?;
            write!(out, "{json}")?;
        }
        _ => write!(out, "{value}")?,
    }
    Ok(())
}

fn format_float(out: &mut Output<'_>, state: &State<'_, '_>, value: &Dynamic) -> fmt::Result {
    let table = state.lookup(WRITTEN).unwrap_or_default();
    let written = table.downcast_object_ref::<Written>();
    let float = f64::try_from(value.clone()).unwrap_or(f64::NAN);
    match written.and_then(|written| written.number(float)) {
        Some(number) => out.write_str(number.as_str()),
        None => write!(out, "{value}"),
    }
}

/// What went wrong, in words which hold nothing of the event but paths.
fn explain(error: &Error) -> TemplateError {
    if error.kind() == ErrorKind::OutOfFuel {
        return TemplateError::TooMuchWork;
    }
    if error.kind() == ErrorKind::UndefinedError {
        let path = error.detail().and_then(undefined_path).unwrap_or("a value");
        return TemplateError::Missing { path: path.to_owned() };
    }
    let source = std::error::Error::source(error);
    if let Some(said) = source.and_then(|source| source.downcast_ref::<filters::Said>()) {
        return TemplateError::Failed { reason: said.to_string() };
    }
    let place = error.range().and_then(|range| error.template_source()?.get(range));
    let reason = match place {
        Some(place) => format!("{} in `{}`", error.kind(), place.trim()),
        None => error.kind().to_string(),
    };
    TemplateError::Failed { reason }
}

/// The path in "`data.x` is undefined".
fn undefined_path(detail: &str) -> Option<&str> {
    let before = &detail[..detail.find("` is undefined")?];
    Some(&before[before.rfind('`')? + 1..])
}

/// Takes the output of a template, up to a limit.
#[derive(Default)]
struct Limited {
    bytes: Vec<u8>,
    full: bool,
}

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > OUTPUT_BYTES_MAX {
            self.full = true;
            return Err(io::Error::other("the output is too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_which_are_offered_are_known_to_the_engine() {
        let mut state = engine().empty_state();
        for name in scan::FILTERS {
            let error = state.apply_filter(name, &[]).err().map(|error| error.kind());
            assert_ne!(error, Some(ErrorKind::UnknownFilter), "{name}");
        }
        for name in scan::TESTS {
            let error = state.perform_test(name, &[]).err().map(|error| error.kind());
            assert_ne!(error, Some(ErrorKind::UnknownTest), "{name}");
        }
        let globals = engine().globals().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(globals.len(), scan::FUNCTIONS.len());
        assert!(scan::FUNCTIONS.iter().all(|name| globals.contains(name)));
    }

    #[test]
    fn compiled_templates_can_be_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Compiled>();
    }
}
