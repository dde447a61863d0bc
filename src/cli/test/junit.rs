//! What came of the tests, as JUnit has it: what build servers read.
//!
//! A routine is a suite. What is wrong with a routine as a whole is a test case
//! of its own, named after the file.

use super::{Report, Tested};
use crate::rules::trial::Standing;

/// The whole report.
pub(super) fn render(reports: &[Report]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"hearken\">\n");
    for report in reports {
        suite(&mut out, report);
    }
    out.push_str("</testsuites>\n");
    out
}

fn suite(out: &mut String, report: &Report) {
    let of = |standing| report.tests.iter().filter(|test| test.standing == standing).count();
    let whole = usize::from(!report.problems.is_empty());
    let broken = usize::from(report.broken.is_some());
    let (tests, failures) = (report.tests.len() + whole + broken, of(Standing::Failed) + whole);
    let errors = of(Standing::Error) + broken;
    let name = escape(&report.routine);
    out.push_str(&format!(
        "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" \
         skipped=\"0\" time=\"0\">\n"
    ));
    for test in &report.tests {
        let problem = match test.standing {
            Standing::Passed => None,
            Standing::Failed => Some("failure"),
            Standing::Error => Some("error"),
        };
        case(out, report, &test.name, problem.map(|kind| (kind, located(report, test))));
    }
    if whole > 0 {
        case(out, report, &report.file, Some(("failure", report.problems.join("\n"))));
    }
    if let Some(problems) = &report.broken {
        case(out, report, &report.file, Some(("error", problems.clone())));
    }
    out.push_str("  </testsuite>\n");
}

/// The problems of a test, what the gates said, and where it is.
fn located(report: &Report, test: &Tested) -> String {
    let notes = test.notes.iter().map(|note| format!("note: {note}\n")).collect::<String>();
    format!("{}\n{notes}{}:{}", test.problems.join("\n"), report.file, test.line)
}

fn case(out: &mut String, report: &Report, name: &str, problem: Option<(&str, String)>) {
    let (class, name) = (escape(&report.routine), escape(name));
    out.push_str(&format!("    <testcase classname=\"{class}\" name=\"{name}\" time=\"0\""));
    match problem {
        None => out.push_str("/>\n"),
        Some((kind, text)) => {
            let message = escape(text.lines().next().unwrap_or_default());
            let text = escape(&text);
            out.push_str(&format!(
                ">\n      <{kind} message=\"{message}\">{text}</{kind}>\n    </testcase>\n"
            ));
        }
    }
}

/// Text as XML has it, in attributes and outside. Characters which XML does not
/// have, in whatever disguise, are replaced.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\t' => out.push_str("&#9;"),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_for_xml() {
        check("plain ✓ text", "plain ✓ text");
        check("a < b && \"c\" > 'd'", "a &lt; b &amp;&amp; &quot;c&quot; &gt; &apos;d&apos;");
        check("a\nb\tc", "a&#10;b&#9;c");
        check("a\0b\x1bc\u{ffff}", "a\u{fffd}b\u{fffd}c\u{fffd}");
    }

    #[track_caller]
    fn check(text: &str, want: &str) {
        assert_eq!(escape(text), want);
    }
}
