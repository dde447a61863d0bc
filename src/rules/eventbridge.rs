//! Routines from the event patterns of Amazon EventBridge.
//!
//! A pattern is read by the rules which EventBridge has published: what it would
//! refuse is refused here, each mistake in its place. Then each part is said in
//! our language; a part which cannot be said is named, and there is no routine.
//! At last the routine is read as `hearken check` would read it, so that what is
//! printed can be used.
//!
//! Where the same words judge differently here and there is listed in the
//! documentation of routines. The importer does not hide such differences by
//! writing something which says neither.

mod entries;
mod json;
mod matcher;
mod pattern;
mod place;
mod specs;
mod write;

use super::name::{QueueName, RoutineName};
use super::path::Path;
use super::problem::{Level, Problem, Problems};
use super::routine;
use json::Node;
use pattern::{Clause, Field, OrReading};

/// The longest pattern, in bytes. EventBridge itself takes a few thousand.
pub const PATTERN_BYTES_MAX: usize = 64 * 1024;

/// How many problems of a pattern are told at once.
const PROBLEMS_MAX: usize = 50;

/// What the routine is to be like.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where in our events the pattern begins: an attribute which is JSON, or a
    /// path below it, without quantifiers. None stands for the envelope of
    /// EventBridge, whose `detail` is our `data`.
    pub root: Option<Path>,
    /// The title of the routine; never empty. None for a placeholder.
    pub title: Option<String>,
    /// The queue of its item. None for a placeholder.
    pub queue: Option<QueueName>,
}

/// Why there is no routine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// EventBridge would refuse the pattern, too.
    Invalid(Problems),
    /// The pattern says something which a routine cannot say.
    Unsupported(Problems),
}

/// Turns an event pattern into the text of a routine. `file` is how messages call
/// the pattern.
///
/// # Errors
///
/// If the pattern is not valid, or has a part without an equivalent.
pub fn import(file: &str, text: &str, options: &Options) -> Result<String, Refusal> {
    let invalid = |list| Refusal::Invalid(problems(file, text, list));
    let unsupported = |list| Refusal::Unsupported(problems(file, text, list));
    if text.len() > PATTERN_BYTES_MAX {
        let message = format!("an event pattern has at most {PATTERN_BYTES_MAX} bytes here");
        return Err(invalid(vec![
            Problem::error(0..0, message).label("too long").help("is this a pattern?"),
        ]));
    }
    let node = json::parse(text).map_err(|problem| invalid(vec![problem]))?;
    let clauses = match pattern::read(&node, OrReading::Alternatives) {
        Ok(clauses) => clauses,
        Err(list) if pattern::read(&node, OrReading::Field).is_ok() => {
            return Err(unsupported(list.into_iter().map(field_called_or).collect()));
        }
        Err(list) => return Err(invalid(list)),
    };
    written(file, &node, &clauses, options).map_err(unsupported)
}

fn written(
    file: &str,
    node: &Node,
    clauses: &[Clause<'_>],
    options: &Options,
) -> Result<String, Vec<Problem>> {
    let translation = entries::translate(clauses, options.root.as_ref())?;
    let routine = write::routine(file, options, &translation);
    let Some(reason) = refused(&routine) else { return Ok(routine) };
    let message = format!("a routine cannot say this: {}", reason.message);
    let problem = match said(&routine, reason.span.start, clauses, options) {
        Some(field) => Problem::error(field.span.clone(), message).label("in an event of ours"),
        None => Problem::error(node.span.clone(), message).label("this pattern"),
    };
    Err(vec![Problem { help: reason.help, ..problem }])
}

/// The field of the pattern which the line of the routine around `at` says.
fn said<'c, 'p>(
    routine: &str,
    at: usize,
    clauses: &'c [Clause<'p>],
    options: &Options,
) -> Option<&'c Field<'p>> {
    let start = routine.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    let line = routine.get(start..)?;
    clauses.iter().flat_map(entries::fields).find(|field| {
        let path = place::path(field, options.root.as_ref());
        path.is_ok_and(|path| line.starts_with(&format!("{} = ", write::quoted(&path))))
    })
}

/// EventBridge takes every `$or` of a pattern for the name of a field, if one of
/// them cannot be a list of alternatives. Who wrote it hardly meant that.
fn field_called_or(problem: Problem) -> Problem {
    let message = format!("{}, so EventBridge takes `$or` for a field of that name", problem.message);
    let help = "write at least two objects into its list, `\"$or\": [{ \"a\": [1] }, { \"b\": [2] }]`; \
                a routine asks for a field called `$or` as `\"data.$or\"`";
    Problem { message, help: Some(help.to_owned()), ..problem }
}

/// Why the routine cannot be used, if it cannot: some patterns, such as one which
/// wants `source` to be a number, can never match.
fn refused(text: &str) -> Option<Problem> {
    let name = RoutineName::parse("imported").ok()?;
    let (_, problems) = routine::check(&name, "imported.toml", text);
    problems.iter().find(|problem| problem.level == Level::Error).cloned()
}

fn problems(file: &str, text: &str, list: Vec<Problem>) -> Problems {
    let mut problems = Problems::new(file, text);
    for problem in told(list) {
        problems.push(problem);
    }
    problems
}

/// The problems in the order of the pattern; the last one says how many are left
/// out.
fn told(mut list: Vec<Problem>) -> Vec<Problem> {
    list.sort_by_key(|problem| (problem.span.start, problem.span.end));
    let rest = list.split_off(list.len().min(PROBLEMS_MAX));
    if let Some(next) = rest.first() {
        let message = format!("more is wrong with this pattern, in {} places", rest.len());
        list.push(Problem::error(next.span.clone(), message).label("the next one"));
    }
    list
}

#[cfg(test)]
mod tests;
