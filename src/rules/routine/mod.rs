//! Routines: what operators write, one TOML file each.
//!
//! A file is read whole, whatever is wrong with it, and all its problems are
//! reported at once, each with its place. What the language has and this
//! version has not is refused by name; nothing is ever ignored.

mod cases;
mod context;
mod each;
mod flow;
mod item;
mod literal;
mod query;
pub mod rows;
mod schedule;
mod set;
mod statement;
mod syntax;
mod table;
mod trigger;
mod version;
mod webhook;
mod when;

pub use cases::{
    Attributes, Case, Expected, ExpectedWebhook, Given, ItemState, Rows, START_DEFAULT, What, Word,
};
pub use context::{ContextField, ContextValue, FIELDS_MAX, Get, ValueType};
pub use each::{EACH_TIMEOUT_DEFAULT, EACH_TIMEOUT_MAX, Each, EachParam};
pub use flow::{
    BATCH_MIN, Dedup, Flow, Gather, HoursSpec, INTERVALS_MAX, IntervalSpec, KEY_PARTS_MAX, KeyPart, KeySpec,
    LIMITS_MAX, LimitSpec, Looping, Overlap, Setting, USES_MAX,
};
pub use item::{
    ATTEMPTS_LIMIT, ForeignSpec, INSTRUCTIONS_BYTES_MAX, ITEMS_MAX, Instructions, ItemSpec,
    ORDER_KEY_BYTES_MAX,
};
pub use query::{QUERY_TIMEOUT_DEFAULT, QUERY_TIMEOUT_MAX, Query, QueryParam};
pub use set::RoutineSet;
pub use statement::{MAX_ROWS_DEFAULT, MAX_ROWS_LIMIT};
pub use trigger::{EventTrigger, Trigger, TypePattern};
pub use version::Version;
pub use webhook::{
    HEADER_BYTES_MAX, HEADERS_MAX, HeaderSpec, RETRY_DEFAULT, RETRY_MAX, RETRY_PAUSES_MAX, TIMEOUT_DEFAULT,
    TIMEOUT_MAX, TIMEOUT_MIN, TargetSpec, Titled, WEBHOOK_QUEUE, WebhookSpec, is_header_text,
};

use super::name::RoutineName;
use super::problem::{Problem, Problems};
use super::template::Variables;
use super::when::When;
use rows::Confinement;
use std::ops::Range;
use std::sync::Arc;
use table::{Findings, Keys, Table};
use toml::de::DeTable;

/// The longest routine file, in bytes. A thousand times the usual one; what is
/// longer is some other file.
pub const ROUTINE_BYTES_MAX: usize = 512 * 1024;

/// A routine: what to do about events of a kind, or at certain times.
#[derive(Clone, Debug)]
pub struct Routine {
    /// Its name, the stem of its file.
    pub name: RoutineName,
    /// Its version, the hash of its file.
    pub version: Version,
    /// What it is for, in a few words.
    pub title: String,
    /// What sets it off.
    pub trigger: Trigger,
    /// What an event must be like.
    pub when: When,
    /// The query which makes several items of one event.
    pub each: Option<Each>,
    /// What becomes of its items before they are items.
    pub flow: Flow,
    /// What it puts into the inbox; nothing, for some queries.
    pub items: Vec<ItemSpec>,
    /// Its tests.
    pub cases: Vec<Case>,
    /// What it is confined to, if it comes from a row.
    pub confined: Confinement,
    /// Its file.
    pub text: Arc<str>,
}

const KEYS: Keys<'static> = Keys {
    owner: "a routine",
    known: &["title", "on", "when", "each", "flow", "item", "items", "webhook", "tests"],
    later: &[],
};

/// Reads a routine. `file` is how messages call it.
///
/// # Errors
///
/// All that is wrong with it.
pub fn parse(name: &RoutineName, file: &str, text: &str) -> Result<Routine, Problems> {
    let (routine, problems) = check(name, file, text);
    routine.ok_or(problems)
}

/// Reads a routine and says all there is to say about it, warnings included.
/// There is no routine if there is an error.
#[must_use]
pub fn check(name: &RoutineName, file: &str, text: &str) -> (Option<Routine>, Problems) {
    let mut problems = Problems::new(file, text);
    if text.len() > ROUTINE_BYTES_MAX {
        let message = format!("a routine file has at most {ROUTINE_BYTES_MAX} bytes");
        problems.push(Problem::error(0..0, message).label("too long").help("is this a routine?"));
        return (None, problems);
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    syntax::problems(text, &errors).into_iter().for_each(|problem| problems.push(problem));
    let start = start(document.get_ref());
    let root = Table::new(document.get_ref(), start.clone());
    let mut findings = Findings::new(problems, syntax::unreadable(&errors));
    let routine = routine(&mut findings, name, &root, start);
    let problems = findings.into_problems();
    (routine.filter(|_| !problems.has_errors()), problems)
}

fn routine(
    findings: &mut Findings,
    name: &RoutineName,
    root: &Table<'_>,
    start: Range<usize>,
) -> Option<Routine> {
    root.check_keys(findings, &KEYS);
    let title = title(findings, root);
    let trigger = trigger::parse(findings, root, start);
    let variables = variables(root);
    let when = when(findings, root, variables);
    let each = each::parse(findings, root, variables);
    let flow = flow::parse(findings, root, variables);
    let items = items(findings, root, variables);
    let deduped = query::require_dedup(findings, root);
    let fitting = flow.as_ref().and_then(|flow| webhook::check_flow(findings, root, flow));
    let cases = cases::parse(findings, root);
    let text = Arc::<str>::from(findings.text());
    deduped?;
    fitting?;
    let routine = Routine {
        name: name.clone(),
        version: Version::of(&text),
        title: title?,
        trigger: trigger?,
        when: when?,
        each: each?,
        flow: flow?,
        items: items?,
        cases: cases?,
        confined: Confinement::default(),
        text,
    };
    let routine = rows::confine(findings, routine)?;
    cases::verify(findings, &routine);
    Some(routine)
}

/// The items; a query may do without one.
fn items(findings: &mut Findings, root: &Table<'_>, variables: Variables) -> Option<Vec<ItemSpec>> {
    if root.get("webhook").is_some() {
        return webhook::parse(findings, root, variables);
    }
    let has_none = root.get("item").is_none() && root.get("items").is_none();
    if variables == Variables::TickRow && has_none {
        return Some(Vec::new());
    }
    item::parse(findings, root, variables)
}

fn title(findings: &mut Findings, root: &Table<'_>) -> Option<String> {
    let help = "say in a few words what the routine is for: `title = \"Review large refunds\"`";
    let text = root.required_text(findings, "title", help)?;
    if text.text.trim().is_empty() {
        findings.push(Problem::error(text.span, "`title` is empty").label("says nothing").help(help));
        return None;
    }
    Some(text.text.to_owned())
}

fn when(findings: &mut Findings, root: &Table<'_>, variables: Variables) -> Option<When> {
    if matches!(variables, Variables::Tick | Variables::TickRow) && root.get("when").is_some() {
        let problem = Problem::error(root.key_span("when"), "a schedule has no events to put conditions on");
        let help = "choose the times with `cron`, or let an event set the routine off";
        findings.push(problem.label("nothing to test").help(help));
        return None;
    }
    when::parse(findings, root)
}

/// Which variables the templates may use, told before the trigger is read, so
/// that a mistake in it does not bring forth others.
fn variables(root: &Table<'_>) -> Variables {
    let on = root.get("on").and_then(|on| on.get_ref().as_table());
    let has = |key: &str| on.is_some_and(|on| on.contains_key(key));
    match () {
        () if has("event") && root.get("each").is_some() => Variables::EventRow,
        () if has("event") => Variables::Event,
        () if has("query") => Variables::TickRow,
        () if has("schedule") => Variables::Tick,
        () if root.get("each").is_some() => Variables::EventRow,
        () => Variables::Event,
    }
}

/// The place of the first key, where what is missing from the whole file is
/// reported.
fn start(document: &DeTable<'_>) -> Range<usize> {
    document.keys().map(|key| key.span()).min_by_key(|span| span.start).unwrap_or(0..0)
}

#[cfg(test)]
mod tests;
