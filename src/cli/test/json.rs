//! What came of the tests, for machines: an object a line.

use super::{Report, Tested};
use crate::rules::trial::{Count, Coverage, Standing};
use serde_json::{Value, json};
use std::io::{Result, Write};

/// Writes a line for each test of a routine, and then one for the routine.
pub(super) fn print(out: &mut impl Write, reports: &[Report]) -> Result<()> {
    for report in reports {
        for test in &report.tests {
            writeln!(out, "{}", test_line(report, test))?;
        }
        writeln!(out, "{}", routine_line(report))?;
    }
    Ok(())
}

fn test_line(report: &Report, test: &Tested) -> Value {
    json!({
        "routine": report.routine,
        "test": test.name,
        "file": report.file,
        "line": test.line,
        "outcome": outcome(test.standing),
        "problems": test.problems,
        "notes": test.notes,
    })
}

fn routine_line(report: &Report) -> Value {
    let mut problems = report.problems.clone();
    problems.extend(report.broken.clone());
    let outcome = match (&report.broken, report.is_good()) {
        (Some(_), _) => "error",
        (None, true) => "passed",
        (None, false) => "failed",
    };
    json!({
        "routine": report.routine,
        "file": report.file,
        "tests": report.tests.len(),
        "failed": report.failures(),
        "outcome": outcome,
        "problems": problems,
        "coverage": report.coverage.as_ref().map(coverage),
    })
}

fn coverage(coverage: &Coverage) -> Value {
    let count = |count: Count| json!({ "covered": count.covered, "total": count.total });
    json!({
        "percent": coverage.percent(),
        "conditions": count(coverage.conditions),
        "items": count(coverage.items),
        "types": count(coverage.types),
        "gates": count(coverage.gates),
        "lacks": coverage.lacks,
    })
}

fn outcome(standing: Standing) -> &'static str {
    match standing {
        Standing::Passed => "passed",
        Standing::Failed => "failed",
        Standing::Error => "error",
    }
}
