//! What came of the tests, for people.

use super::{Report, Tested};
use std::io::{Result, Write};

/// The most of what the gates said which is shown of a test.
const NOTES_SHOWN: usize = 20;

/// Writes a line for each routine, what is wrong with it below, and a summary.
pub(super) fn print(out: &mut impl Write, reports: &[Report]) -> Result<()> {
    for report in reports {
        print_one(out, report)?;
    }
    writeln!(out, "{}", summary(reports))
}

fn print_one(out: &mut impl Write, report: &Report) -> Result<()> {
    if report.broken.is_some() {
        return writeln!(out, "✗ {}  cannot be used, see above", report.routine);
    }
    let sign = match report.is_good() {
        true if report.has_no_tests() => "!",
        true => "✓",
        false => "✗",
    };
    writeln!(out, "{sign} {}  {}", report.routine, line(report))?;
    for test in report.tests.iter().filter(|test| !test.passed()) {
        print_test(out, report, test)?;
    }
    for problem in &report.problems {
        writeln!(out, "    {problem}")?;
    }
    if report.has_no_tests() {
        return Ok(());
    }
    let mut lacks = report.coverage.iter().flat_map(|coverage| &coverage.lacks);
    lacks.try_for_each(|lack| writeln!(out, "    not tried: {lack}"))
}

fn line(report: &Report) -> String {
    if report.has_no_tests() {
        return "no tests".to_owned();
    }
    let tests = match report.failures() {
        0 => counted(report.tests.len(), "test"),
        failures => format!("{failures} of {} failed", counted(report.tests.len(), "test")),
    };
    match report.coverage.as_ref().map(|coverage| coverage.conditions) {
        Some(conditions) if conditions.total > 0 => {
            format!("{tests}, conditions {}/{}", conditions.covered, conditions.total)
        }
        _ => tests,
    }
}

fn print_test(out: &mut impl Write, report: &Report, test: &Tested) -> Result<()> {
    writeln!(out, "    ✗ {} ({}:{})", test.name, report.file, test.line)?;
    for problem in &test.problems {
        writeln!(out, "        {problem}")?;
    }
    // They say why something did not come, so they stand below what did not.
    for note in test.notes.iter().take(NOTES_SHOWN) {
        writeln!(out, "        note: {note}")?;
    }
    match test.notes.len().saturating_sub(NOTES_SHOWN) {
        0 => Ok(()),
        more => writeln!(out, "        note: and {more} more, which `--json` shows"),
    }
}

fn summary(reports: &[Report]) -> String {
    let tests = reports.iter().map(|report| report.tests.len()).sum::<usize>();
    let failed = reports.iter().map(Report::failures).sum::<usize>();
    let untested = reports.iter().filter(|report| report.has_no_tests()).count();
    let short = reports.iter().filter(|report| !report.problems.is_empty()).count();
    let broken = reports.iter().filter(|report| report.broken.is_some()).count();
    let mut text = format!("{}, {}", counted(reports.len(), "routine"), counted(tests, "test"));
    text.push_str(&format!(": {} passed, {failed} failed", tests - failed));
    if untested > 0 {
        text.push_str(&format!("; {} without a test", counted(untested, "routine")));
    }
    if short > 0 {
        text.push_str(&format!("; {} not tested enough", counted(short, "routine")));
    }
    if broken > 0 {
        text.push_str(&format!("; {} cannot be used", counted(broken, "file")));
    }
    text
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
