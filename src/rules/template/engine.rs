//! The template engine, for templates which do more than name paths.

use super::code::{self, Block, Braces};
use super::convert::{self, Moment, NoJson, Written};
use super::output::{self, Limited};
use super::scope::{Scope, Variable, Variables};
use super::weigh::Weighed;
use super::{FUEL, TemplateError, TemplateProblem, budget, filters, limits, replaced, scan};
use crate::rules::path::Found;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value as Dynamic;
use minijinja::{Environment, Error, ErrorKind, Expression, UndefinedBehavior};
use serde_json::Value;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

/// The name under which a template is kept in its environment.
const NAME: &str = "template";

/// The name under which a template finds how numbers were written. No template
/// can say it.
pub(super) const WRITTEN: &str = " written";

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
    expression: Option<OnlyExpression>,
    /// The text of the template, for messages.
    text: String,
    /// What the engine was given instead.
    weighed: Weighed,
    /// The variables it uses, so that no others are converted.
    variables: Vec<Variable>,
    /// The same with the keys after them, where those are plain.
    paths: Vec<String>,
}

/// The expression which is all of a template.
struct OnlyExpression {
    compiled: Expression<'static, 'static>,
    /// Where it stands in the template.
    place: Range<usize>,
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiled").field("variables", &self.variables).finish_non_exhaustive()
    }
}

/// Understands a template.
pub(super) fn compile(text: &str, variables: Variables) -> Result<Compiled, TemplateProblem> {
    let blocks = code::blocks(text);
    limits::check(&blocks)?;
    let weighed = Weighed::of(text, &blocks);
    let mut environment = engine().clone();
    environment
        .add_template_owned(NAME, weighed.text.clone())
        .map_err(|error| syntax_problem(text, &weighed, &error))?;
    let (mut free, nested) = match environment.get_template(NAME) {
        Ok(template) => (template.undeclared_variables(false), template.undeclared_variables(true)),
        Err(_) => (HashSet::new(), HashSet::new()),
    };
    free.extend(scan::sliced(&blocks));
    scan::check(text, &blocks, variables, &free)?;
    let expression = only_expression(text, &blocks, &weighed);
    let used = free.iter().filter_map(|name| variables.find(name)).collect();
    let mut paths = nested.into_iter().collect::<Vec<_>>();
    paths.sort_unstable();
    Ok(Compiled { environment, expression, text: text.to_owned(), weighed, variables: used, paths })
}

/// The expression between the braces, if the template is one pair of them.
fn only_expression(text: &str, blocks: &[Block<'_>], weighed: &Weighed) -> Option<OnlyExpression> {
    let [block] = blocks else { return None };
    if block.braces != Braces::Output || block.span != (0..text.len()) {
        return None;
    }
    let place = block.inside.clone();
    // Nothing is ever put in outside of the braces.
    let end = weighed.text.len() - (text.len() - place.end);
    let source = weighed.text.get(place.start..end)?.to_owned();
    let compiled = engine().compile_expression_owned(source).ok()?;
    Some(OnlyExpression { compiled, place })
}

fn syntax_problem(text: &str, weighed: &Weighed, error: &Error) -> TemplateProblem {
    let span = error.range().map_or(0..text.len(), |range| weighed.original(range));
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let message = format!("this template cannot be read: {detail}");
    let help = "`{{ data.amount }}` puts a value in; see docs/routines.md for what templates can do";
    TemplateProblem { message, span, help: Some(help.to_owned()) }
}

impl Compiled {
    /// The paths it names, as far as they are plain: `data.customer.name`.
    pub(super) fn paths(&self) -> &[String] {
        &self.paths
    }

    /// The text of the template.
    pub(super) fn text(&self, scope: Scope<'_>) -> Result<String, TemplateError> {
        let context = self.context(scope).0;
        let mut out = Limited::default();
        let result = self
            .environment
            .get_template(NAME)
            .and_then(|template| template.render_captured_to(context, &mut out).map(drop));
        match result {
            Ok(()) => Ok(out.into_text()),
            Err(_) if out.is_full() => Err(TemplateError::TooLong),
            Err(error) => Err(self.explain(&error, 0)),
        }
    }

    /// The value of the template, if it is an expression and nothing else.
    pub(super) fn value(&self, scope: Scope<'_>) -> Option<Result<Value, TemplateError>> {
        let expression = self.expression.as_ref()?;
        let (context, written) = self.context(scope);
        let value = expression.compiled.eval(context);
        let value = value.map_err(|error| self.explain(&error, expression.place.start));
        let source = self.text.get(expression.place.clone()).unwrap_or_default().trim();
        Some(value.and_then(|value| json(&value, &written, source)))
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

    /// What went wrong, in words which hold nothing of the event but paths. What
    /// the engine read begins `from` bytes after its text.
    fn explain(&self, error: &Error, from: usize) -> TemplateError {
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
        let place = error.range().map(|range| self.weighed.original(range.start + from..range.end + from));
        let code = place.and_then(|place| self.text.get(place)).map(str::trim);
        let reason = match code.filter(|code| !code.is_empty()) {
            Some(code) => format!("{} in `{code}`", error.kind()),
            None => error.kind().to_string(),
        };
        TemplateError::Failed { reason }
    }
}

/// The JSON for what the expression `source` has yielded.
fn json(value: &Dynamic, written: &Dynamic, source: &str) -> Result<Value, TemplateError> {
    let none = Written::default();
    let written = written.downcast_object_ref::<Written>().unwrap_or(&none);
    convert::to_json(value, written).map_err(|why| match why {
        NoJson::Undefined => TemplateError::Missing { path: source.to_owned() },
        NoJson::TooLong => TemplateError::TooLong,
        NoJson::Foreign => TemplateError::Failed { reason: format!("`{source}` is no value for an item") },
    })
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

/// The engine, with our filters and limits.
pub(super) fn engine() -> &'static Environment<'static> {
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
    environment.set_formatter(output::format);
    filters::install(&mut environment);
    budget::install(&mut environment);
    replaced::install(&mut environment);
    for name in UNWANTED_FILTERS {
        environment.remove_filter(name);
    }
    for name in UNWANTED_FUNCTIONS {
        environment.remove_global(name);
    }
    environment
}

/// The path in "`data.x` is undefined".
fn undefined_path(detail: &str) -> Option<&str> {
    let before = &detail[..detail.find("` is undefined")?];
    Some(&before[before.rfind('`')? + 1..])
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
