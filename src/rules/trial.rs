//! Runs the tests of a routine: `hearken test`.
//!
//! A trial is a simulation. What a test gives stands on an agenda, in the order
//! of a clock of its own; one entry after the other happens to the routine as it
//! would in the daemon, through the same matching, planning and gates, and the
//! items which come of it are kept as an inbox keeps them. Between two entries the
//! clock stops wherever a held draft falls due. Nothing waits and nothing is read,
//! so that a test of eight days takes as long as one of a second.
//!
//! What came is compared with what the test expects (`compare`), and over all
//! tests of a routine it is counted what they have tried ([`coverage`]).

mod agenda;
mod compare;
mod coverage;
mod fixture;
mod world;

pub use coverage::{Count, Coverage, coverage};

pub(in crate::rules) use agenda::{just_before, schedules};

use super::event::Event;
use super::explain::{self, Reason, explain};
use super::gate::note::Gate;
use super::item::ItemDraft;
use super::routine::{Case, ItemState, Routine, Trigger};
use jiff::Timestamp;
use std::collections::BTreeSet;
use world::World;

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
    /// From when on workers may take it.
    pub due_at: Timestamp,
    /// How it stands at the end.
    pub state: ItemState,
    /// The item as it is at the end.
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
    /// The gates which kept a draft, or let it take the place of another.
    pub gates: BTreeSet<Gate>,
    /// What the gates said, in order, a sentence each: why nothing came.
    pub notes: Vec<String>,
}

/// Runs one test of a routine. Files of events are asked for by the paths which
/// the test names.
#[must_use]
pub fn run(routine: &Routine, case: &Case, fixtures: &Fixtures<'_>) -> Outcome {
    let mut world = World::new(routine, case);
    match world.run(fixtures) {
        Ok(()) => world.finish(),
        Err(why) => world.give_up(why),
    }
}

/// Whether the routine asks a query for rows: then each row makes its items.
pub(in crate::rules) fn takes_rows(routine: &Routine) -> bool {
    routine.each.is_some() || matches!(routine.trigger, Trigger::Query(_))
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
