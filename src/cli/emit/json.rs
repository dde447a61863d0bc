//! JSON which people give: text as it is, once it is known to be JSON.
//!
//! It goes to the database as it was written, so that numbers keep their digits.

use crate::rules::problem::{Problem, Problems};
use serde_json::Value;

/// The text, if it is JSON; `name` is how messages call it.
///
/// # Errors
///
/// What is wrong with it, with its place. Deeper than a daemon reads is wrong, too.
pub(super) fn checked(name: &str, text: String) -> Result<String, Problems> {
    // Some editors begin a file with a mark which is no JSON.
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    match serde_json::from_str::<Value>(&text) {
        Ok(_) => Ok(text),
        Err(error) => {
            let mut problems = Problems::new(name, &text);
            let at = place(&text, &error);
            let problem = Problem::error(at..at + 1, format!("this is not JSON: {}", said(&error)));
            problems.push(problem.label("cannot be read"));
            Err(problems)
        }
    }
}

/// The text, unless it is `null`: that is as good as none.
pub(super) fn no_null(text: String) -> Option<String> {
    (text.trim() != "null").then_some(text)
}

/// What the reader says, without the place.
pub(super) fn said(error: &serde_json::Error) -> String {
    let said = error.to_string();
    said.split(" at line ").next().unwrap_or_default().to_owned()
}

/// The byte at which reading stopped.
fn place(text: &str, error: &serde_json::Error) -> usize {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    lines.map(str::len).sum::<usize>() + error.column().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, line: usize, column: usize, message: &str) {
        let reports = checked("--data", text.to_owned()).unwrap_err().reports();
        let report = &reports[0];
        assert_eq!((report.line, report.column, report.message.as_str()), (line, column, message));
    }

    #[test]
    fn json_stays_as_it_was_written() {
        for text in ["1", " {\"a\": 12345678901234567890.10 }\n", "null", "\"x\""] {
            assert_eq!(checked("--data", text.to_owned()).as_deref(), Ok(text));
        }
        assert_eq!(checked("f", "\u{feff}[]".to_owned()).as_deref(), Ok("[]"));
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        refused("", 1, 1, "this is not JSON: EOF while parsing a value");
        refused("{\"a\":\n  tru }", 2, 6, "this is not JSON: expected ident");
        refused("{\"a\": 1} x", 1, 10, "this is not JSON: trailing characters");
        let deep = "[".repeat(200) + &"]".repeat(200);
        refused(&deep, 1, 128, "this is not JSON: recursion limit exceeded");
    }

    #[test]
    fn null_is_none() {
        assert_eq!(no_null(" null\n".to_owned()), None);
        assert_eq!(no_null("0".to_owned()).as_deref(), Some("0"));
    }
}
