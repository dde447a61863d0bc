//! What happens in a test: the entries of `given`.

use super::json::{self, Rows};
use super::{Word, moment, tables, word, work};
use crate::rules::name::{RoutineName, SourceName};
use crate::rules::problem::Problem;
use crate::rules::routine::table::{Findings, Keys, Table, text_of, wrong_type};
use jiff::Timestamp;
use serde_json::Value as Json;
use std::ops::Range;

/// One thing which happens in a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// When, by the clock of the test.
    pub at: Timestamp,
    /// What.
    pub what: What,
    /// What the routine's query finds then, if not the rows of the test.
    pub rows: Option<Rows>,
    /// Why nothing comes of it at once: the condition with which the event fails,
    /// or the gate which keeps its drafts. Without it, and without one of the test,
    /// the event must match.
    pub because: Option<Word>,
    /// Its place in the file.
    pub span: Range<usize>,
}

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// An event.
    Event(Attributes),
    /// The events of a file; the attributes stand over those of the file.
    File {
        /// Its path, relative to the routine's file.
        path: String,
        /// What is different from the file.
        attributes: Attributes,
    },
    /// A tick of the schedule.
    Tick,
    /// A worker takes the item with this number, counted from 1 in the order in
    /// which items came into the inbox.
    Lease(usize),
    /// A worker completes the item with this number.
    Complete(usize),
}

impl What {
    /// Whether a worker does it, and not the world.
    #[must_use]
    pub fn is_of_worker(&self) -> bool {
        matches!(self, Self::Lease(_) | Self::Complete(_))
    }
}

/// Those attributes of an event which a test names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes {
    /// `type`.
    pub kind: Option<String>,
    /// `id`.
    pub id: Option<String>,
    /// `source`, the writer's name for where it happened.
    pub origin: Option<String>,
    /// `subject`.
    pub subject: Option<String>,
    /// `time`, by the writer's clock.
    pub time: Option<Timestamp>,
    /// `tenant`.
    pub tenant: Option<String>,
    /// `data`.
    pub data: Option<Json>,
    /// `old`, the row before.
    pub old: Option<Json>,
    /// `meta`.
    pub meta: Option<Json>,
    /// `from`, the source it is read from.
    pub from: Option<SourceName>,
    /// `chain`, the routines whose items led to it.
    pub chain: Option<Vec<RoutineName>>,
}

impl Attributes {
    /// The names of the attributes, as tests and files of events write them.
    pub const NAMES: [&'static str; 11] =
        ["type", "id", "source", "subject", "time", "tenant", "data", "old", "meta", "from", "chain"];
}

const EVENT_KEYS: Keys<'static> = Keys {
    owner: "an event of `given`",
    known: &[
        "at", "type", "data", "old", "subject", "source", "tenant", "id", "time", "meta", "from", "chain",
        "file", "rows", "because", "tick", "lease", "complete",
    ],
    later: &[],
};

const TICK_KEYS: Keys<'static> =
    Keys { owner: "a tick of `given`", known: &["tick", "rows", "because"], later: &[] };

/// Reads `given` of a test whose clock starts at `start`.
pub(super) fn parse(findings: &mut Findings, case: &Table<'_>, start: Timestamp) -> Option<Vec<Given>> {
    let Some(value) = case.get("given") else {
        return Some(Vec::new());
    };
    let mut list: Vec<Given> = Vec::new();
    let mut all = true;
    for table in tables(findings, "given", value)? {
        let before = list.last().map_or(start, |last| last.at);
        let found = entry(findings, &table, start, before);
        match found.filter(|given| in_order(findings, &table, given, before)) {
            Some(given) => list.push(given),
            None => all = false,
        }
    }
    all.then_some(list)
}

/// Complains about what happens before the entry above it, or before the start.
fn in_order(findings: &mut Findings, table: &Table<'_>, given: &Given, before: Timestamp) -> bool {
    if given.at >= before {
        return true;
    }
    let key = if given.what == What::Tick { "tick" } else { "at" };
    let message = format!("this happens before {before}, when the test has got so far");
    let help = "entries stand in the order in which they happen, and none before `start`";
    findings.push(Problem::error(table.key_span(key), message).label("too early").help(help));
    false
}

fn entry(findings: &mut Findings, table: &Table<'_>, start: Timestamp, before: Timestamp) -> Option<Given> {
    if table.get("tick").is_some() {
        return tick(findings, table, start);
    }
    if work::is_work(table) {
        return work::parse(findings, table, start, before);
    }
    table.check_keys(findings, &EVENT_KEYS);
    let at = moment::read(findings, table, "at", start);
    let attributes = attributes(findings, table, start);
    let rows = json::rows(findings, table);
    let because = word(findings, table, "because");
    let file = word(findings, table, "file");
    if table.get("type").is_none() && table.get("file").is_none() {
        let problem = Problem::error(table.span.clone(), "this entry does not say what happens");
        let help = "write `type = \"order.placed\"`, `file = \"fixtures/order.json\"` or `tick = \"1h\"`";
        findings.missing(problem.label("has no `type`").help(help));
        return None;
    }
    let attributes = attributes?;
    let what = match file? {
        Some(file) => What::File { path: file.text, attributes },
        None => What::Event(attributes),
    };
    Some(Given { at: at?.unwrap_or(before), what, rows: rows?, because: because?, span: table.span.clone() })
}

fn tick(findings: &mut Findings, table: &Table<'_>, start: Timestamp) -> Option<Given> {
    table.check_keys(findings, &TICK_KEYS);
    let at = moment::read(findings, table, "tick", start);
    let rows = json::rows(findings, table);
    let because = word(findings, table, "because");
    Some(Given { at: at??, what: What::Tick, rows: rows?, because: because?, span: table.key_span("tick") })
}

fn attributes(findings: &mut Findings, table: &Table<'_>, start: Timestamp) -> Option<Attributes> {
    let kind = filled(findings, table, "type");
    let id = filled(findings, table, "id");
    let origin = filled(findings, table, "source");
    let subject = word(findings, table, "subject");
    let time = moment::read(findings, table, "time", start);
    let tenant = word(findings, table, "tenant");
    let data = json::at(findings, table, "data");
    let old = json::at(findings, table, "old");
    let meta = json::at(findings, table, "meta");
    let from = source(findings, table);
    let chain = chain(findings, table);
    Some(Attributes {
        kind: kind?,
        id: id?,
        origin: origin?,
        subject: subject?.map(|word| word.text),
        time: time?,
        tenant: tenant?.map(|word| word.text),
        data: data?,
        old: old?,
        meta: meta?,
        from: from?,
        chain: chain?,
    })
}

/// The names at `chain`, if there are any; the outer option is empty after a
/// complaint.
fn chain(findings: &mut Findings, table: &Table<'_>) -> Option<Option<Vec<RoutineName>>> {
    let Some(value) = table.get("chain") else {
        return Some(None);
    };
    let Some(items) = value.get_ref().as_array() else {
        return wrong_type(findings, "chain", value, "an array of names of routines");
    };
    let mut chain = Vec::new();
    for item in items {
        let Some(text) = text_of(item) else {
            return wrong_type(findings, "chain", item, "an array of names of routines");
        };
        match RoutineName::parse(text.text) {
            Ok(name) => chain.push(name),
            Err(error) => {
                let message = format!("this is no name of a routine: {error}");
                let help = "write the names of routines whose items led to the event: `chain = [\"triage\"]`";
                findings.push(Problem::error(text.span, message).label("not a name").help(help));
                return None;
            }
        }
    }
    Some(Some(chain))
}

/// The text at `key`, which no event has empty.
fn filled(findings: &mut Findings, table: &Table<'_>, key: &str) -> Option<Option<String>> {
    match word(findings, table, key)? {
        Some(word) if word.text.is_empty() => {
            let problem = Problem::error(word.span, format!("no event has an empty `{key}`"));
            findings.push(problem.label("empty").help("leave it out, or write what the event would have"));
            None
        }
        word => Some(word.map(|word| word.text)),
    }
}

fn source(findings: &mut Findings, table: &Table<'_>) -> Option<Option<SourceName>> {
    let Some(word) = word(findings, table, "from")? else {
        return Some(None);
    };
    match SourceName::parse(&word.text) {
        Ok(name) => Some(Some(name)),
        Err(error) => {
            let problem = Problem::error(word.span, format!("`from` is no name of a source: {error}"));
            let help = "leave it out for `events`, hearken's own log";
            findings.push(problem.label("not a name").help(help));
            None
        }
    }
}
