//! What is wrong with the TOML itself, in the words of this file format.

use crate::rules::problem::Problem;
use toml::de::Error;

/// The most complaints about the TOML of one file: what follows the first few
/// is mostly their doing.
const PROBLEMS_MAX: usize = 10;

/// The problems which the TOML reader found.
pub(super) fn problems(text: &str, errors: &[Error]) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    for error in errors {
        let problem = problem(text, error);
        let known = problems.iter().any(|known| known.span.start == problem.span.start);
        if !known && problems.len() < PROBLEMS_MAX {
            problems.push(problem);
        }
    }
    problems
}

/// Where the text begins to be unreadable. A key which is given twice can be
/// read well.
pub(super) fn unreadable(errors: &[Error]) -> Option<usize> {
    let broken = errors.iter().filter(|error| error.message() != DUPLICATE);
    broken.map(|error| error.span().map_or(0, |span| span.start)).min()
}

fn problem(text: &str, error: &Error) -> Problem {
    let span = error.span().unwrap_or(0..0);
    if error.message() == DUPLICATE {
        let key = text.get(span.clone()).unwrap_or_default().trim_matches(['"', '\'']);
        let problem = Problem::error(span, format!("`{key}` is given twice"));
        return problem.label("given again").help("keep one of the two");
    }
    let (what, expected) = match error.message().split_once(", expected ") {
        Some((what, expected)) => (what, format!("expected {expected}")),
        None => (error.message(), "cannot be read".to_owned()),
    };
    let (at, message) = (span.start, error.message());
    let help = match text.get(at..).unwrap_or_default() {
        _ if message.contains("escape") => "in single quotes a backslash stands for itself: `regex = '\\d+'`",
        rest if rest.starts_with("null") => {
            "TOML has no null: leave the key out, or write `{ is = \"null\" }`"
        }
        _ => HELP,
    };
    Problem::error(span, format!("this is not TOML: {what}")).label(expected).help(help)
}

/// How the TOML reader calls a key which is given twice.
const DUPLICATE: &str = "duplicate key";

const HELP: &str = "text stands in quotes, a line holds one `key = value`, and `[names]` begin tables";
