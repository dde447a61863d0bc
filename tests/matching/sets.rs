//! Sets of routines and some events: the matcher finds the routines of an event
//! among all others, and reads no more of the event than it needs.

use super::events::event;
use super::model;
use super::naive::{Seen, matches};
use super::routines::routine;
use super::support::{Tally, cases, pairs, read, run, shown};
use hearken::rules::event::Event;
use hearken::rules::matcher::Matcher;
use hearken::rules::path::Root;
use hearken::rules::routine::RoutineSet;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use serde_json::Value;
use std::sync::Arc;

/// The pairs of a case, on the average.
const PAIRS: u64 = 30 * 10;

#[test]
fn a_matcher_finds_all_routines_of_an_event_and_no_other() {
    let tally = Tally::default();
    let sets = (vec(routine(), 1..=60), vec(event(), 1..=20));
    run(cases(pairs() / 2, PAIRS), 4_000, &sets, |(models, events)| {
        let seen = events.iter().map(Seen::of).collect::<Vec<_>>();
        let set = Set::read(&models, &seen, &tally)?;
        for (event, seen) in events.iter().zip(&seen) {
            set.check(event, seen, &tally)?;
        }
        Ok(())
    });
    tally.check("sets");
}

/// A matcher, and the models of its routines by their places.
pub struct Set {
    models: Vec<model::Routine>,
    matcher: Matcher,
}

impl Set {
    /// Puts those routines in force which are not refused.
    pub fn read(models: &[model::Routine], seen: &[Seen], tally: &Tally) -> Result<Self, TestCaseError> {
        let mut routines = Vec::new();
        let mut accepted = Vec::new();
        for model in models {
            // The set sorts by name, and keeps this order.
            match read(&format!("r{:05}", accepted.len()), &model.to_toml()) {
                Ok(routine) => {
                    tally.routine();
                    routines.push(Arc::new(routine));
                    accepted.push(model.clone());
                }
                Err(problems) => tally.refusal(model, &problems, seen)?,
            }
        }
        Ok(Self { models: accepted, matcher: Matcher::new(Arc::new(RoutineSet::new(routines))) })
    }

    /// Compares all that is found for an event.
    pub fn check(&self, event: &Event, seen: &Seen, tally: &Tally) -> TestCaseResult {
        let want = self.models.iter().map(|model| matches(model, seen)).collect::<Vec<_>>();
        want.iter().for_each(|does_match| tally.pair(*does_match));
        let want = (0..want.len()).filter(|place| want[*place]).collect::<Vec<_>>();
        self.compare("the whole event", &self.matcher.matches(event), &want, event)?;
        self.compare(
            "what is read of the event",
            &self.matcher.matches(&self.projected(event)),
            &want,
            event,
        )?;
        let is_wanted = self.matcher.wants_type(&event.from, &event.kind);
        prop_assert!(is_wanted || want.is_empty(), "no routine wants this type:\n{}", shown(event));
        Ok(())
    }

    fn compare(&self, what: &str, got: &[usize], want: &[usize], event: &Event) -> TestCaseResult {
        if got == want {
            return Ok(());
        }
        let one_sided = |place: &usize| got.contains(place) != want.contains(place);
        let text = match (0..self.models.len()).find(one_sided) {
            Some(place) => format!("routine {place}:\n{}", self.models[place].to_toml()),
            None => "the places are not in order".to_owned(),
        };
        let message = format!("{what}: got {got:?}, want {want:?}\n{text}\nevent: {}", shown(event));
        Err(TestCaseError::fail(message))
    }

    /// The event with only that of its values which the matcher reads.
    fn projected(&self, event: &Event) -> Event {
        let read = |root: Root, value: &Value| {
            let json = serde_json::to_vec(value).expect("JSON");
            self.matcher.reads().read(root, &json).expect("JSON is read")
        };
        Event {
            data: read(Root::Data, &event.data),
            old: event.old.as_ref().map(|old| read(Root::Old, old)),
            meta: read(Root::Meta, &event.meta),
            ..event.clone()
        }
    }
}
