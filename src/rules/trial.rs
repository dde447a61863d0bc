//! Runs the tests of a routine: `hearken test`.
//!
//! A trial is a simulation. What a test gives stands on an agenda, in the order
//! of a clock of its own; one entry after the other happens to the routine as it
//! would in the daemon, through the same matching and planning, and the items
//! which come of it are kept as an inbox keeps them: of two with one key, the
//! first. Nothing waits and nothing is read, so that a test of eight days takes
//! as long as one of a second. What a routine wants to happen later can be put
//! on the agenda while it runs.
//!
//! What came is compared with what the test expects (`compare`), and over all
//! tests of a routine it is counted what they have tried ([`coverage`]).

mod agenda;
mod compare;
mod coverage;
mod fixture;

pub use coverage::{Count, Coverage, coverage};

pub(in crate::rules) use agenda::{just_before, schedules};

use super::event::Event;
use super::explain::{self, Reason, explain};
use super::item::{DedupKey, ItemDraft};
use super::plan::{PlanError, plan_event, plan_event_row, plan_tick, plan_tick_row};
use super::routine::{Case, Given, Routine, Rows, Trigger};
use agenda::Happening;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::HashSet;

/// The most items one test may make: more are a mistake, and would only take
/// time.
pub const ITEMS_MAX: usize = 10_000;

/// The text of a fixture by its path, or why it cannot be read.
pub type Fixtures<'a> = dyn Fn(&str) -> Result<String, String> + 'a;

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// All came as expected.
    Passed,
    /// Something else came.
    Failed,
    /// It could not be run.
    Error,
}

/// An item which came into the inbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// When, by the clock of the test.
    pub at: Timestamp,
    /// The item.
    pub draft: ItemDraft,
}

/// What came of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// How it ended.
    pub standing: Standing,
    /// What is not as expected, a sentence each; none if it passed.
    pub problems: Vec<String>,
    /// The items which came, in order.
    pub made: Vec<Made>,
    /// The events which were given, in order.
    pub events: Vec<Event>,
}

/// Runs one test of a routine. Files of events are asked for by the paths which
/// the test names.
#[must_use]
pub fn run(routine: &Routine, case: &Case, fixtures: &Fixtures<'_>) -> Outcome {
    let mut world = World::new(routine, case);
    match world.run(fixtures) {
        Ok(()) => world.finish(),
        Err(why) => {
            let World { made, events, .. } = world;
            Outcome { standing: Standing::Error, problems: vec![why], made, events }
        }
    }
}

/// Whether the routine asks a query for rows: then each row makes its items.
pub(in crate::rules) fn takes_rows(routine: &Routine) -> bool {
    routine.each.is_some() || matches!(routine.trigger, Trigger::Query(_))
}

struct World<'a> {
    routine: &'a Routine,
    case: &'a Case,
    made: Vec<Made>,
    keys: HashSet<DedupKey>,
    events: Vec<Event>,
    problems: Vec<String>,
}

impl<'a> World<'a> {
    fn new(routine: &'a Routine, case: &'a Case) -> Self {
        let (made, events, problems) = (Vec::new(), Vec::new(), Vec::new());
        Self { routine, case, made, keys: HashSet::new(), events, problems }
    }

    fn run(&mut self, fixtures: &Fixtures<'_>) -> Result<(), String> {
        let mut agenda = agenda::of(self.routine, self.case, fixtures)?;
        while let Some(((at, _), happening)) = agenda.pop_first() {
            match happening {
                Happening::Event { given, event } => self.event(at, given, *event),
                Happening::Tick { rows } => self.tick(at, rows),
            }
            if self.made.len() > ITEMS_MAX {
                return Err(format!("it makes more than {ITEMS_MAX} items"));
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Outcome {
        self.problems.extend(compare::differences(self.case, &self.made));
        let standing = if self.problems.is_empty() { Standing::Passed } else { Standing::Failed };
        Outcome { standing, problems: self.problems, made: self.made, events: self.events }
    }

    fn event(&mut self, at: Timestamp, given: &Given, event: Event) {
        let who = format!("event {} ({})", event.seq, event.kind);
        let found = reason(self.routine, &event);
        match (self.case.because(given), found) {
            (None, None) => {
                let drafts = self.plan_event(given, &event);
                self.keep(at, &who, drafts);
            }
            (Some(because), Some(found)) if because.text == found.because => {}
            (None, Some(found)) => self.problems.push(format!("{who} does not match: {}", tell(&found))),
            (Some(because), None) => {
                self.problems.push(format!("{who} matches, and should fail with `{}`", because.text));
            }
            (Some(because), Some(found)) => {
                self.problems.push(format!(
                    "{who} should fail with `{}`, and fails with {}",
                    because.text,
                    tell(&found)
                ));
            }
        }
        self.events.push(event);
    }

    fn tick(&mut self, at: Timestamp, rows: Option<&Rows>) {
        let drafts = match self.rows(rows) {
            None => plan_tick(self.routine, at),
            Some(rows) => each(rows, |row, number| plan_tick_row(self.routine, at, row, number)),
        };
        self.keep(at, &format!("the tick at {at}"), drafts);
    }

    fn plan_event(&self, given: &Given, event: &Event) -> Result<Vec<ItemDraft>, PlanError> {
        match self.rows(given.rows.as_ref()) {
            None => plan_event(self.routine, event),
            Some(rows) => each(rows, |row, number| plan_event_row(self.routine, event, row, number)),
        }
    }

    /// The rows which the query finds; none, if the routine does not ask.
    fn rows<'r>(&self, own: Option<&'r Rows>) -> Option<&'r [Value]>
    where
        'a: 'r,
    {
        let rows = own.or(self.case.rows.as_ref());
        takes_rows(self.routine).then(|| rows.map_or(&[] as &[Value], |rows| rows.list.as_slice()))
    }

    /// Takes in what is new, as the inbox does.
    fn keep(&mut self, at: Timestamp, who: &str, drafts: Result<Vec<ItemDraft>, PlanError>) {
        match drafts {
            Ok(drafts) => {
                for draft in drafts {
                    if self.keys.insert(draft.key) {
                        self.made.push(Made { at, draft });
                    }
                }
            }
            Err(error) => self.problems.push(format!("{who} makes no item: {error}")),
        }
    }
}

/// The items of all rows together, or of none.
fn each(
    rows: &[Value],
    plan: impl Fn(&Value, u32) -> Result<Vec<ItemDraft>, PlanError>,
) -> Result<Vec<ItemDraft>, PlanError> {
    let mut drafts = Vec::new();
    for (row, number) in rows.iter().zip(0..) {
        drafts.extend(plan(row, number)?);
    }
    Ok(drafts)
}

/// Why the event does not set the routine off; nothing, if it does.
fn reason(routine: &Routine, event: &Event) -> Option<Reason> {
    match explain(routine, event).outcome {
        explain::Outcome::NoMatch(reason) => Some(reason),
        explain::Outcome::Items(_) | explain::Outcome::Rows | explain::Outcome::Failed(_) => None,
    }
}

/// The reason on one line, with those of the alternatives of a group.
fn tell(reason: &Reason) -> String {
    let mut lines = reason.lines().into_iter().map(|(_, line)| line);
    let first = lines.next().unwrap_or_default();
    let others = lines.collect::<Vec<_>>();
    if others.is_empty() { first } else { format!("{first} ({})", others.join("; ")) }
}

#[cfg(test)]
mod tests;
