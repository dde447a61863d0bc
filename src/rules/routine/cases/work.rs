//! What workers do in a test: `lease` and `complete` in `given`.

use super::given::{Given, What};
use super::moment;
use crate::rules::problem::Problem;
use crate::rules::routine::literal::small_integer;
use crate::rules::routine::table::{Findings, Keys, Table};
use jiff::Timestamp;

const KEYS: Keys<'static> =
    Keys { owner: "what a worker does in `given`", known: &["at", "lease", "complete"], later: &[] };

const HELP: &str = "write `{ at = \"5m\", lease = 1 }` for the first item which came into the inbox";

/// Whether a worker does something in this entry.
pub(super) fn is_work(table: &Table<'_>) -> bool {
    table.get("lease").is_some() || table.get("complete").is_some()
}

/// Reads the entry, which [`is_work`], of a test whose clock starts at `start`;
/// without `at` it happens when the one before it does.
pub(super) fn parse(
    findings: &mut Findings,
    table: &Table<'_>,
    start: Timestamp,
    before: Timestamp,
) -> Option<Given> {
    table.check_keys(findings, &KEYS);
    let at = moment::read(findings, table, "at", start);
    let lease = number(findings, table, "lease");
    let complete = number(findings, table, "complete");
    let what = match (lease?, complete?) {
        (Some(lease), None) => What::Lease(lease),
        (None, Some(complete)) => What::Complete(complete),
        (None, None) => return None,
        (Some(_), Some(_)) => {
            let message = "a worker does one thing after the other";
            let problem = Problem::error(table.key_span("complete"), message).label("beside `lease`");
            findings.push(problem.help("make two entries of it"));
            return None;
        }
    };
    Some(Given { at: at?.unwrap_or(before), what, rows: None, because: None, span: table.span.clone() })
}

/// The number of an item, if there is one; the outer option is empty after a
/// complaint.
fn number(findings: &mut Findings, table: &Table<'_>, key: &str) -> Option<Option<usize>> {
    let Some(value) = table.get(key) else {
        return Some(None);
    };
    match usize::try_from(small_integer(findings, key, value)?) {
        Ok(number @ 1..) => Some(Some(number)),
        _ => {
            let problem = Problem::error(value.span(), format!("`{key}` counts items from 1"));
            findings.push(problem.label("no item").help(HELP));
            None
        }
    }
}
