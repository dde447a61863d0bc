//! What the tests of a routine have tried.
//!
//! A condition is covered once it has held for one event and failed for
//! another: one which always holds may as well not be there, and nobody would
//! notice if it were wrong. Only events count which the trigger takes. A gate is
//! covered once it kept a draft, or let one take the place of another.

use super::Outcome;
use crate::rules::event::Event;
use crate::rules::gate::note::Gate;
use crate::rules::gate::resolve::gates;
use crate::rules::routine::{Routine, Trigger};

/// How many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many were tried.
    pub covered: usize,
    /// How many there are.
    pub total: usize,
}

/// What the tests of a routine have tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Conditions which held and failed.
    pub conditions: Count,
    /// Items which were made.
    pub items: Count,
    /// Types of the trigger of which there was an event.
    pub types: Count,
    /// Gates of `[flow]` which did something.
    pub gates: Count,
    /// What was not tried, a sentence each.
    pub lacks: Vec<String>,
}

impl Coverage {
    /// How much of all was tried, in percent, rounded down; 100 if there is
    /// nothing to try.
    #[must_use]
    pub fn percent(&self) -> usize {
        let parts = [self.conditions, self.items, self.types, self.gates];
        let covered = parts.iter().map(|count| count.covered).sum::<usize>();
        let total = parts.iter().map(|count| count.total).sum::<usize>();
        (covered * 100).checked_div(total).unwrap_or(100)
    }
}

impl Count {
    fn add(&mut self, covered: usize) {
        self.covered += covered;
        self.total += 1;
    }
}

/// What tests with these outcomes have tried of the routine.
#[must_use]
pub fn coverage(routine: &Routine, outcomes: &[Outcome]) -> Coverage {
    let mut coverage = Coverage::default();
    if let Trigger::Event(trigger) = &routine.trigger {
        let events = outcomes.iter().flat_map(|outcome| &outcome.events);
        let events = events.filter(|event| trigger.wants(&event.from, &event.kind)).collect::<Vec<_>>();
        for pattern in &trigger.types {
            let seen = events.iter().any(|event| pattern.matches(&event.kind));
            coverage.types.add(seen.into());
            if !seen {
                coverage.lacks.push(format!("there was no event of the type `{pattern}`"));
            }
        }
        conditions(&mut coverage, routine, &events);
    }
    for item in &routine.items {
        let mut made = outcomes.iter().flat_map(|outcome| &outcome.made);
        let seen = made.any(|made| made.draft.item == item.name);
        coverage.items.add(seen.into());
        if !seen {
            coverage.lacks.push(format!("the item `{}` was never made", item.name));
        }
    }
    // The loop guard stands before every routine, and is no choice of this one.
    for gate in gates(routine).into_iter().filter(|gate| *gate != Gate::Loop) {
        let seen = outcomes.iter().any(|outcome| outcome.gates.contains(&gate));
        coverage.gates.add(seen.into());
        if !seen {
            coverage.lacks.push(format!("the gate `flow.{}` never had anything to do", gate.as_str()));
        }
    }
    coverage
}

fn conditions(coverage: &mut Coverage, routine: &Routine, events: &[&Event]) {
    for labelled in routine.when.conditions() {
        let held = events.iter().any(|event| labelled.condition.holds(event));
        let failed = events.iter().any(|event| !labelled.condition.holds(event));
        coverage.conditions.add((held && failed).into());
        let never = match (held, failed) {
            (true, true) => continue,
            (true, false) => "was never false",
            (false, true) => "was never true",
            (false, false) => "was never asked",
        };
        coverage.lacks.push(format!("`{}` {never}", labelled.key));
    }
}
