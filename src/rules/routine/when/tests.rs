//! `[when]` from the outside: what is read, and what is refused in which words.

mod alternatives;
mod impossible;
mod language;
mod refused;

use crate::rules::condition::{Condition, Literal, Test};
use crate::rules::name::RoutineName;
use crate::rules::problem::{Level, Problem, Problems};
use crate::rules::routine::{Routine, check as read};
use crate::rules::when::Clause;

/// The lines of a `[when]` as a whole file. Lines which begin with a header
/// bring their own.
fn file(lines: &str) -> String {
    let header = if lines.starts_with('[') { "" } else { "[when]\n" };
    format!(
        "title = \"x\"\n[on.event]\ntype = [\"refund.requested\", \"credit.*\"]\n{header}{lines}\n\n\
         [item]\nqueue = \"q\"\ntitle = \"t\"\n"
    )
}

fn routine(lines: &str) -> (Option<Routine>, Problems) {
    read(&RoutineName::parse("r").unwrap(), "r.toml", &file(lines))
}

/// The clauses of lines in which there is no error.
#[track_caller]
fn clauses(lines: &str) -> Vec<Clause> {
    let (routine, problems) = routine(lines);
    routine.unwrap_or_else(|| panic!("{problems}")).when.clauses().to_vec()
}

/// The condition of a single line.
#[track_caller]
fn condition(line: &str) -> Condition {
    match &clauses(line)[..] {
        [Clause::Condition(condition)] => condition.clone(),
        other => panic!("{other:?}"),
    }
}

/// A problem as the tests write it: `error: message`, and the underlined text
/// up to the end of its line.
fn written(problem: &Problem, file: &str) -> (String, String) {
    let level = match problem.level {
        Level::Error => "error",
        Level::Warning => "warning",
    };
    let underlined = file.get(problem.span.clone()).unwrap_or_default().lines().next().unwrap_or_default();
    (format!("{level}: {}", problem.message), underlined.to_owned())
}

/// Checks all problems of the lines, in the order of the file: message and
/// underlined text. Each has a label and says what to do.
#[track_caller]
fn check(lines: &str, want: &[(&str, &str)]) {
    let (routine, problems) = routine(lines);
    let file = file(lines);
    let got = problems.iter().map(|problem| written(problem, &file)).collect::<Vec<_>>();
    let got = got.iter().map(|(message, span)| (message.as_str(), span.as_str())).collect::<Vec<_>>();
    assert_eq!(got, want, "{lines}");
    assert_eq!(routine.is_none(), problems.has_errors(), "{lines}");
    for problem in problems.iter() {
        assert!(problem.help.is_some() && !problem.label.is_empty(), "{lines}: {}", problem.message);
    }
}

/// Checks that there is nothing to complain about.
#[track_caller]
fn check_fine(lines: &str) {
    check(lines, &[]);
}

/// Checks the help of the first problem.
#[track_caller]
fn check_help(lines: &str, want: &str) {
    let problems = routine(lines).1;
    let help = problems.iter().next().and_then(|problem| problem.help.clone());
    assert_eq!(help.as_deref(), Some(want), "{lines}");
}

fn text(text: &str) -> Literal {
    Literal::Text(text.into())
}

fn number(text: &str) -> serde_json::Number {
    serde_json::from_str(text).unwrap()
}

fn is(literal: Literal) -> Test {
    Test::OneOf(vec![literal])
}
