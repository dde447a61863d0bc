//! Finds the routines which want an event, however many there are.
//!
//! The conditions of a routine make one or more *conjunctions* (see
//! [`super::when`]). Each is put under the rarest thing it needs: a value at a
//! path, the beginning of a text, a range (`access` says what there is,
//! `build` chooses). An event is walked once along the paths which conditions
//! use (`facts`), what it has is looked up (`lookup`), and only the
//! conjunctions found so are judged, by the same code which judges a single
//! routine. The index may only propose too many: it never changes an answer.
//!
//! A matcher is built once for a set of routines and never changes; a new set
//! gets a new one.

mod access;
mod build;
mod candidate;
mod facts;
mod hash;
mod heavy;
mod interval;
mod level;
mod lookup;
mod needles;
mod paths;
mod projection;
mod types;

pub use projection::Projection;

use super::event::Event;
use super::name::{RoutineName, SourceName};
use super::routine::{EventTrigger, Routine, RoutineSet, Trigger};
use access::Accesses;
use facts::{Facts, Scratch};
use hash::Hashes;
use heavy::Heaviness;
use level::Level;
use paths::Paths;
use std::cell::RefCell;
use std::sync::Arc;
use types::Types;

/// The routines of a set, by what they want.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    set: Arc<RoutineSet>,
    types: Types,
    paths: Paths,
    hashes: Hashes,
    conjunctions: Box<[Conjunction]>,
    index: Level,
    heaviness: Heaviness,
}

/// One branch of a routine's conditions.
#[derive(Clone, Copy, Debug)]
struct Conjunction {
    routine: u32,
    branch: u32,
}

/// Routines which are so many, and so much alike in what they ask for, that
/// matching suffers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heavy {
    /// How many are asked together.
    pub routines: usize,
    /// What they have in common: "are asked of every event, since …".
    pub why: String,
    /// One of them.
    pub example: RoutineName,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Matcher {
    /// A matcher for these routines.
    #[must_use]
    pub fn new(set: Arc<RoutineSet>) -> Self {
        let mut matcher = Self { set: set.clone(), ..Self::default() };
        let mut conjunctions = Vec::new();
        let mut accesses = Vec::new();
        for (routine, number) in set.routines.iter().zip(0..) {
            let Some(trigger) = event_trigger(routine) else { continue };
            matcher.types.add(trigger);
            let mut finder = Accesses { paths: &mut matcher.paths, hashes: &matcher.hashes };
            for (branch, place) in routine.when.branches().iter().zip(0..) {
                accesses.push(finder.of(trigger, &routine.when, branch));
                conjunctions.push(Conjunction { routine: number, branch: place });
            }
        }
        for access in accesses.iter().flatten() {
            matcher.paths.index(access);
        }
        (matcher.index, matcher.heaviness) = build::build(&accesses);
        matcher.conjunctions = conjunctions.into();
        matcher
    }

    /// Whether any routine may want an event of this type from this source. If
    /// none does, the event need not be read further.
    #[must_use]
    pub fn wants_type(&self, from: &SourceName, kind: &str) -> bool {
        self.types.wants(from, kind)
    }

    /// The routines which want the event, by their places in the set, ascending.
    #[must_use]
    pub fn matches(&self, event: &Event) -> Vec<usize> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut facts = Facts::of(event, &self.paths, &self.hashes, self.conjunctions.len(), scratch);
            let mut found = lookup::candidates(&self.index, &mut facts);
            found.sort_unstable();
            let mut places: Vec<usize> = Vec::new();
            for number in found {
                let conjunction = self.conjunctions[number as usize];
                let place = conjunction.routine as usize;
                // Another branch may have done.
                if places.last() != Some(&place) && self.holds(conjunction, event) {
                    places.push(place);
                }
            }
            places
        })
    }

    fn holds(&self, conjunction: Conjunction, event: &Event) -> bool {
        let routine = &self.set.routines[conjunction.routine as usize];
        let wanted = |trigger: &EventTrigger| trigger.wants(&event.from, &event.kind);
        let branch = &routine.when.branches()[conjunction.branch as usize];
        event_trigger(routine).is_some_and(wanted) && routine.when.branch_holds(branch, event)
    }

    /// What conditions look at, to read no more of an event than that.
    #[must_use]
    pub fn reads(&self) -> Projection<'_> {
        Projection::new(&self.paths)
    }

    /// Where many routines must be asked one by one, the worst first.
    #[must_use]
    pub fn heavy(&self) -> Vec<Heavy> {
        let heavy = |(routines, crowd, number): &(usize, heavy::Crowd, u32)| {
            let place = self.conjunctions[*number as usize].routine as usize;
            let example = self.set.routines[place].name.clone();
            Heavy { routines: *routines, why: crowd.describe().to_owned(), example }
        };
        let mut list = self.heaviness.lists.iter().map(heavy).collect::<Vec<_>>();
        list.sort_by_key(|heavy| std::cmp::Reverse(heavy.routines));
        list
    }
}

fn event_trigger(routine: &Routine) -> Option<&EventTrigger> {
    match &routine.trigger {
        Trigger::Event(trigger) => Some(trigger),
        Trigger::Schedule(_) | Trigger::Query(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::routine;
    use crate::rules::testing;
    use proptest::prelude::*;
    use serde_json::json;
    use std::collections::BTreeSet;

    #[test]
    fn routines_are_found_by_type_prefix_source_and_condition() {
        let matcher = matcher(&[
            ("a", "type = \"refund.requested\"", ""),
            ("b", "type = \"refund.*\"", "\"data.n\" = { gte = 5 }"),
            ("c", "type = [\"refund.requested\", \"refund.*\", \"*\"]", ""),
            ("d", "from = \"plugins\"", ""),
            ("e", "", "\"data.n\" = 7"),
            ("f", "type = \"refundx\"", ""),
        ]);
        let found = |kind: &str, n: i64| matcher.matches(&testing::event(kind, json!({ "n": n })));
        assert_eq!(found("refund.requested", 1), [0, 2]);
        assert_eq!(found("refund.requested", 7), [0, 1, 2, 4]);
        assert_eq!(found("refund.", 5), [1, 2]);
        assert_eq!(found("refund", 5), [2]);
        assert_eq!(found("réfund.x", 7), [2, 4]);
    }

    #[test]
    fn a_type_which_nobody_wants_is_known_without_the_event() {
        let matcher = matcher(&[
            ("a", "type = \"refund.*\"", "\"data.n\" = 1"),
            ("b", "type = \"order.placed\"\nfrom = \"plugins\"", ""),
        ]);
        let (log, plugins) = (SourceName::log(), SourceName::parse("plugins").unwrap());
        assert!(matcher.wants_type(&log, "refund.requested"));
        assert!(!matcher.wants_type(&log, "order.placed"));
        assert!(matcher.wants_type(&plugins, "order.placed"));
        assert!(!matcher.wants_type(&plugins, "user.signed_up"));
        assert!(!Matcher::default().wants_type(&log, "refund.requested"));
    }

    proptest! {
        /// The lookup by type never changes an answer.
        #[test]
        fn the_matcher_finds_what_asking_each_routine_finds(
            patterns in prop::collection::vec(prop::collection::vec("([ab][.]){0,2}([ab]|[*])", 0..3), 0..8),
            kind in "[ab]([.][ab]){0,3}",
        ) {
            let set = Arc::new(RoutineSet::new(patterns.iter().enumerate().map(|(number, types)| {
                let types = types.iter().collect::<BTreeSet<_>>();
                let list = types.iter().map(|kind| format!("{kind:?}")).collect::<Vec<_>>().join(", ");
                let types = if list.is_empty() { list } else { format!("type = [{list}]") };
                routine(&format!("r{number}"), &types, "")
            }).collect()));
            let event = testing::event(&kind, json!({}));
            let naive = set.routines.iter().enumerate().filter(|(_, routine)| match &routine.trigger {
                Trigger::Event(trigger) => trigger.wants(&event.from, &event.kind) && routine.when.matches(&event),
                Trigger::Schedule(_) | Trigger::Query(_) => false,
            });
            let naive = naive.map(|(place, _)| place).collect::<Vec<_>>();
            let matcher = Matcher::new(set.clone());
            prop_assert_eq!(matcher.matches(&event), naive.clone());
            prop_assert_eq!(matcher.wants_type(&event.from, &event.kind), !naive.is_empty());
        }
    }

    fn routine(name: &str, trigger: &str, when: &str) -> Arc<routine::Routine> {
        let text = format!(
            "title = \"x\"\n[on.event]\n{trigger}\n[when]\n{when}\n[item]\nqueue = \"q\"\ntitle = \"t\"\n"
        );
        Arc::new(routine::parse(&RoutineName::parse(name).unwrap(), "r.toml", &text).unwrap())
    }

    fn matcher(routines: &[(&str, &str, &str)]) -> Matcher {
        let routines = routines.iter().map(|(name, trigger, when)| routine(name, trigger, when));
        Matcher::new(Arc::new(RoutineSet::new(routines.collect())))
    }
}
