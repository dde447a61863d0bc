//! What a routine should make of events and ticks: `[[tests]]`.
//!
//! A test says what happens and when, by a clock of its own, and which items
//! come of it. It is part of the routine's file, so that the two change
//! together. A test which could pass by accident is an error of the file: one
//! which expects nothing must say which condition, or which gate of `[flow]`,
//! keeps the items away.

mod expect;
mod given;
mod json;
mod moment;
mod verify;
mod work;

pub use expect::{Expected, ExpectedWebhook, ItemState};
pub use given::{Attributes, Given, What};
pub use json::Rows;

pub(super) use verify::verify;

use super::literal::small_integer;
use super::table::{Findings, Keys, Table, Value, table_of, wrong_type};
use crate::rules::gate::note::Gate;
use crate::rules::problem::Problem;
use jiff::Timestamp;
use std::ops::Range;
use toml::de::DeValue;

/// Where the clock of a test starts which does not say: 2026-01-01T00:00:00Z.
pub const START_DEFAULT: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// One test of a routine.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// What it shows, in a few words; no other test of the routine has it.
    pub name: String,
    /// The place of the name in the file.
    pub span: Range<usize>,
    /// Where its clock starts.
    pub start: Timestamp,
    /// How far the clock runs; until all that is given has happened and nothing
    /// is held but for an item, if none. On its way it meets every tick of the
    /// schedule, and every draft which falls due.
    pub until: Option<Timestamp>,
    /// What happens, in the order of time.
    pub given: Vec<Given>,
    /// What the routine's query finds, wherever an entry has no rows of its own.
    pub rows: Option<Rows>,
    /// The items which come, in order; no others do.
    pub expect: Vec<Expected>,
    /// Why events make no items at once, wherever an entry does not say it itself:
    /// the condition with which they fail, or the gate which keeps their drafts.
    pub because: Option<Word>,
    /// How many drafts the gates hold at the end. If it does not say, there are
    /// none, unless the clock stops at `until`.
    pub held: Option<usize>,
}

/// A text of a test, and its place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The text.
    pub text: String,
    /// Its place.
    pub span: Range<usize>,
}

impl Word {
    /// Whether it speaks of a gate, one which there is or not: `flow.limit`.
    #[must_use]
    pub fn is_of_flow(&self) -> bool {
        self.text.starts_with(FLOW)
    }

    /// The gate it speaks of.
    #[must_use]
    pub fn gate(&self) -> Option<Gate> {
        Gate::parse(self.text.strip_prefix(FLOW)?)
    }
}

impl Case {
    /// Why an event of this entry makes no item at once; it must match, if nothing
    /// says so, or if it says a gate.
    #[must_use]
    pub fn because<'a>(&'a self, given: &'a Given) -> Option<&'a Word> {
        given.because.as_ref().or(self.because.as_ref())
    }

    /// Whether there is a reason for which no item may come.
    fn says_why_nothing_comes(&self) -> bool {
        let none_found = |rows: &Option<Rows>| rows.as_ref().is_some_and(|rows| rows.list.is_empty());
        let says = |given: &Given| given.because.is_some() || none_found(&given.rows);
        self.because.is_some()
            || none_found(&self.rows)
            || self.until.is_some()
            || self.held.is_some_and(|held| held > 0)
            || self.given.iter().any(says)
    }
}

/// What stands before the name of a gate in `because`.
const FLOW: &str = "flow.";

const KEYS: Keys<'static> = Keys {
    owner: "a test",
    known: &["name", "start", "until", "given", "rows", "expect", "because", "held"],
    later: &[],
};

/// Reads `[[tests]]` of the whole file; without it there are no tests. One which
/// cannot be read is complained about and left out, so that the others are looked
/// at all the same; the complaint keeps the routine from being used.
pub(super) fn parse(findings: &mut Findings, root: &Table<'_>) -> Option<Vec<Case>> {
    let Some(value) = root.get("tests") else {
        return Some(Vec::new());
    };
    if table_of(value).is_some() {
        let problem = Problem::error(root.key_span("tests"), "a routine has a list of tests");
        findings.push(problem.label("a single table").help("write `[[tests]]`, for one test as well"));
        return None;
    }
    let mut cases: Vec<Case> = Vec::new();
    for table in tables(findings, "tests", value)? {
        let Some(case) = case(findings, &table) else { continue };
        if cases.iter().any(|known| known.name == case.name) {
            let message = format!("there are two tests `{}`", case.name);
            let problem = Problem::error(case.span.clone(), message).label("the other one is above");
            findings.push(problem.help("say what is different in this one"));
        }
        cases.push(case);
    }
    Some(cases)
}

fn case(findings: &mut Findings, table: &Table<'_>) -> Option<Case> {
    table.check_keys(findings, &KEYS);
    let name = name(findings, table);
    let start = moment::start(findings, table);
    // A wrong start is reported once; what counts from it is read all the same.
    let from = start.unwrap_or(START_DEFAULT);
    let until = moment::read(findings, table, "until", from);
    let given = given::parse(findings, table, from);
    let rows = json::rows(findings, table);
    let expect = expect::parse(findings, table, from);
    let because = word(findings, table, "because");
    let held = held(findings, table);
    let name = name?;
    let case = Case {
        name: name.text,
        span: name.span,
        start: start?,
        until: until?,
        given: given?,
        rows: rows?,
        expect: expect?,
        because: because?,
        held: held?,
    };
    let problem = nonsense(table, &case);
    let sensible = problem.is_none();
    problem.into_iter().for_each(|problem| findings.push(problem));
    sensible.then_some(case)
}

fn name(findings: &mut Findings, table: &Table<'_>) -> Option<Word> {
    let help = "say what the test shows: `name = \"small refunds pass\"`";
    let text = table.required_text(findings, "name", help)?;
    if text.text.trim().is_empty() {
        findings.push(Problem::error(text.span, "`name` is empty").label("says nothing").help(help));
        return None;
    }
    Some(Word { text: text.text.to_owned(), span: text.span })
}

/// What is wrong with a test whose parts are right each by itself.
fn nonsense(table: &Table<'_>, case: &Case) -> Option<Problem> {
    if case.given.iter().all(|given| given.what.is_of_worker()) && case.until.is_none() {
        let problem = Problem::error(table.span.clone(), "nothing happens in this test");
        let help = "give it events: `given = [ { type = \"order.placed\", data = { amount = 5 } } ]`; or let \
                    the clock of a schedule run: `until = \"8d\"`";
        let alone =
            if case.given.is_empty() { "has neither `given` nor `until`" } else { "only a worker works" };
        return Some(problem.label(alone).help(help));
    }
    if case.expect.is_empty() && !case.says_why_nothing_comes() {
        let message = "this test expects no items, and does not say why none come";
        let problem = Problem::error(table.key_span("expect"), message).label("would pass by accident");
        let help = "name the condition which fails, `because = \"when.data.amount\"`, or the gate which keeps \
                    the items away, `because = \"flow.limit\"`, or list the items in `expect`";
        return Some(problem.help(help));
    }
    if let Some(because) = &case.because
        && !because.is_of_flow()
        && !case.expect.is_empty()
    {
        let message = "events which do not match make no items, and this test expects some";
        let problem = Problem::error(because.span.clone(), message).label("speaks of all events of the test");
        return Some(problem.help("write `because` into the entry of the event which does not match"));
    }
    let last = case.given.last().map_or(case.start, |given| given.at);
    if case.until.is_some_and(|until| until < last) {
        let problem = Problem::error(table.key_span("until"), "the clock of this test stops too early");
        let help = "leave it out to run until all that is given has happened";
        return Some(problem.label("before what is given").help(help));
    }
    None
}

/// How many drafts are held at the end, if the test says; the outer option is
/// empty after a complaint.
fn held(findings: &mut Findings, table: &Table<'_>) -> Option<Option<usize>> {
    let Some(value) = table.get("held") else {
        return Some(None);
    };
    let count = usize::try_from(small_integer(findings, "held", value)?).ok();
    if count.is_none() {
        let problem = Problem::error(value.span(), "`held` counts drafts").label("less than none");
        findings.push(problem.help("say how many drafts are held at the end: `held = 1`"));
    }
    count.map(Some)
}

/// The text at `key`, if there is one; the outer option is empty after a
/// complaint.
fn word(findings: &mut Findings, table: &Table<'_>, key: &str) -> Option<Option<Word>> {
    if table.get(key).is_none() {
        return Some(None);
    }
    let text = table.text(findings, key)?;
    Some(Some(Word { text: text.text.to_owned(), span: text.span }))
}

/// The tables of a list; complains about anything else.
fn tables<'a>(findings: &mut Findings, key: &str, value: &'a Value<'a>) -> Option<Vec<Table<'a>>> {
    let DeValue::Array(items) = value.get_ref() else {
        return wrong_type(findings, key, value, "an array of tables");
    };
    let mut tables = Vec::new();
    let mut all = true;
    for item in items.iter() {
        match table_of(item) {
            Some(table) => tables.push(table),
            None => {
                all = false;
                wrong_type::<()>(findings, key, item, "an array of tables");
            }
        }
    }
    all.then_some(tables)
}

#[cfg(test)]
mod tests;
