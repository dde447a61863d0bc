//! Runs the examples of `docs/routines.md`, `docs/gates.md` and
//! `docs/schedules.md`, so that the pages cannot say what is not so. Routines and
//! settings of other pages are tried as well, and all links followed; what needs a
//! database is run by `tests/it`.
//!
//! A block marked `condition` is put below the `[when]` of a small routine, and
//! each row of the table after it is an event: the columns `data`, `old` and
//! `event` say what it has, `holds` whether it matches, `because` why not. The
//! overview of the operators is tried in the same way, with a value of each type.

#[allow(clippy::unwrap_used, reason = "a schema it cannot read is to fail the test")]
#[path = "../../src/rules/schema/tests/checker.rs"]
mod checker;
mod events;
mod gates;
mod links;
mod overview;
mod page;
mod schema;

/// What the checker of schemas calls by these names.
mod rules {
    pub use hearken::rules::value;
}

use hearken::rules::matcher::Matcher;
use hearken::rules::name::RoutineName;
use hearken::rules::problem::Problems;
use hearken::rules::routine::{self, Routine, RoutineSet};
use hearken::rules::when::Verdict;
use page::{PAGE, Row, Table, blocks, place};
use std::path::Path;
use std::sync::Arc;

/// Fewer rows mean that the page has lost examples, or that they are not found.
const ROWS_MIN: usize = 220;

/// Fewer refused lines mean the same.
const REFUSED_MIN: usize = 15;

/// What the page may mark its blocks with: an example with another mark would
/// silently not be run.
const MARKS: &[&str] =
    &["toml", "toml fragment", "condition", "refused", "jinja", "text", "sh", "sql", "json", "jsonc", "js"];

#[test]
fn every_example_of_a_condition_holds_as_the_page_says() {
    let mut rows = 0;
    for block in blocks().iter().filter(|block| block.mark == "condition") {
        let place = place(block.line);
        let table = block.table.as_ref().unwrap_or_else(|| panic!("{place}: no table after this block"));
        assert!(!table.rows.is_empty(), "{place}: the table after this block is empty");
        let routine = Arc::new(usable(block.line, &wrapped(&block.text)));
        let matcher = Matcher::new(Arc::new(RoutineSet::new(vec![routine.clone()])));
        for row in &table.rows {
            check_row(&routine, &matcher, table, row);
            rows += 1;
        }
    }
    assert!(rows >= ROWS_MIN, "only {rows} rows were found");
}

#[test]
fn what_the_page_calls_refused_is_refused() {
    let mut refused = 0;
    for block in blocks().iter().filter(|block| block.mark == "refused") {
        for (number, line) in block.text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let place = place(block.line + 1 + number);
            let (routine, problems) = checked("r.toml", &wrapped(line));
            assert!(routine.is_none() && problems.has_errors(), "{place}: `{line}` is not refused");
            refused += 1;
        }
    }
    assert!(refused >= REFUSED_MIN, "only {refused} refused lines were found");
}

#[test]
fn every_routine_on_the_page_can_be_used() {
    let mut routines = 0;
    for block in &blocks() {
        let place = place(block.line);
        assert!(MARKS.contains(&block.mark.as_str()), "{place}: unknown mark {:?}", block.mark);
        let has_title = block.text.lines().any(|line| line.starts_with("title "));
        match block.mark.as_str() {
            "toml" if has_title => {
                usable(block.line, &block.text);
                routines += 1;
            }
            "toml" => panic!("{place}: this is not a whole routine: mark it `toml fragment`"),
            "toml fragment" => {
                if let Err(error) = toml::from_str::<toml::Table>(&block.text) {
                    panic!("{place}: {error}");
                }
            }
            _ => {}
        }
    }
    assert!(routines >= 2, "only {routines} routines were found");
}

/// The message shown on the page is that of the first routine with a slip in it.
#[test]
fn a_slip_is_shown_as_on_the_page() {
    let blocks = blocks();
    let first = blocks.iter().find(|block| block.mark == "toml").expect("a routine");
    let slip = first.text.replace("{{ data.refund_id", "{{ dta.refund_id");
    assert_ne!(slip, first.text, "the first routine has no `data.refund_id` in a template any more");
    let shown = blocks.iter().find(|block| block.mark == "text" && block.text.contains("`dta`"));
    let shown = shown.expect("the message on the page");
    let (_, problems) = checked("routines/large-refund-review.toml", &slip);
    let trimmed = |text: &str| text.trim_end().lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_eq!(trimmed(&problems.render()), trimmed(&shown.text), "{}", place(shown.line));
}

#[test]
fn every_link_on_the_page_leads_somewhere() {
    let anchors = page::ROUTINES.anchors();
    for (number, line) in PAGE.lines().enumerate() {
        for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let place = place(number + 1);
            if let Some(wanted) = target.strip_prefix('#') {
                assert!(anchors.iter().any(|anchor| anchor == wanted), "{place}: no heading `{target}`");
            } else if !target.contains("://") {
                let file = target.split('#').next().unwrap_or_default();
                assert!(Path::new("docs").join(file).exists(), "{place}: there is no file `{file}`");
            }
        }
    }
}

/// Compares what the routine does with an event with what the row says.
fn check_row(routine: &Routine, matcher: &Matcher, table: &Table, row: &Row) {
    let place = place(row.line);
    let event = events::of_row(table, row);
    let said = table.cell(row, "holds").unwrap_or_else(|| panic!("{place}: there is no column `holds`"));
    let holds = page::yes_or_no(said).unwrap_or_else(|| panic!("{place}: `{said}` is neither yes nor no"));
    assert_eq!(routine.when.matches(&event), holds, "{place}: {event:?}");
    assert_eq!(!matcher.matches(&event).is_empty(), holds, "{place}: the matcher differs: {event:?}");
    let because = match routine.when.eval(&event) {
        Verdict::Match => None,
        Verdict::NoMatch(failure) => Some(failure.because),
    };
    assert_eq!(because.is_none(), holds, "{place}: the reason is {because:?}");
    if let Some(said) = table.cell(row, "because") {
        assert_eq!(because.as_deref().unwrap_or_default(), said.trim_matches('`'), "{place}");
    }
}

/// A routine with these conditions, and as little else as a routine can have.
fn wrapped(conditions: &str) -> String {
    format!("title = \"x\"\n[on.event]\n[item]\nqueue = \"q\"\ntitle = \"t\"\n[when]\n{conditions}\n")
}

fn checked(file: &str, text: &str) -> (Option<Routine>, Problems) {
    routine::check(&RoutineName::parse("example").expect("a name"), file, text)
}

/// The routine, about which there is nothing to say, not even a warning.
fn usable(line: usize, text: &str) -> Routine {
    let (routine, problems) = checked("example.toml", text);
    assert!(problems.is_empty(), "{}:\n{problems}", place(line));
    routine.expect("a routine without problems")
}
