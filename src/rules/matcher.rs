//! Finds the routines which want an event.
//!
//! Routines are looked up by the type of the event: the exact one, each
//! beginning of it which some routine names, and those routines which name no
//! type. Only their conditions are asked. The matcher is built once for a set of
//! routines and never changes; a new set gets a new one.

use super::event::Event;
use super::name::SourceName;
use super::routine::{EventTrigger, RoutineSet, Trigger, TypePattern};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The routines of a set by the types of events they want.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    set: Arc<RoutineSet>,
    exact: HashMap<String, Vec<usize>>,
    prefixes: HashMap<String, Vec<usize>>,
    /// The lengths of the prefixes, so that only those of a type are looked up.
    prefix_lengths: BTreeSet<usize>,
    /// Routines which want all types.
    any: Vec<usize>,
}

impl Matcher {
    /// A matcher for these routines.
    #[must_use]
    pub fn new(set: Arc<RoutineSet>) -> Self {
        let mut matcher = Self { set: set.clone(), ..Self::default() };
        for (place, routine) in set.routines.iter().enumerate() {
            if let Trigger::Event(trigger) = &routine.trigger {
                matcher.insert(place, trigger);
            }
        }
        matcher
    }

    /// Whether any routine may want an event of this type from this source. If
    /// none does, the event need not be read further.
    #[must_use]
    pub fn wants_type(&self, from: &SourceName, kind: &str) -> bool {
        self.candidates(kind).any(|place| self.is_from(place, from))
    }

    /// The routines which want the event, by their places in the set, ascending.
    #[must_use]
    pub fn matches(&self, event: &Event) -> Vec<usize> {
        let wanted = |place: &usize| {
            self.is_from(*place, &event.from) && self.set.routines[*place].when.matches(event)
        };
        let mut places = self.candidates(&event.kind).collect::<Vec<_>>();
        // A routine may name a type and its beginning.
        places.sort_unstable();
        places.dedup();
        places.retain(wanted);
        places
    }

    fn insert(&mut self, place: usize, trigger: &EventTrigger) {
        if trigger.types.is_empty() {
            self.any.push(place);
        }
        for pattern in &trigger.types {
            match pattern {
                TypePattern::Exact(kind) => self.exact.entry(kind.clone()).or_default().push(place),
                TypePattern::Prefix(prefix) if prefix.is_empty() => self.any.push(place),
                TypePattern::Prefix(prefix) => {
                    self.prefix_lengths.insert(prefix.len());
                    self.prefixes.entry(prefix.clone()).or_default().push(place);
                }
            }
        }
    }

    fn candidates(&self, kind: &str) -> impl Iterator<Item = usize> {
        let exact = self.exact.get(kind).into_iter().flatten();
        let lengths = self.prefix_lengths.range(..=kind.len());
        let prefixes = lengths.filter_map(move |length| self.prefixes.get(kind.get(..*length)?)).flatten();
        exact.chain(prefixes).chain(&self.any).copied()
    }

    fn is_from(&self, place: usize, from: &SourceName) -> bool {
        match &self.set.routines[place].trigger {
            Trigger::Event(trigger) => trigger.from.as_ref().is_none_or(|wanted| wanted == from),
            Trigger::Schedule(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::name::RoutineName;
    use crate::rules::routine;
    use crate::rules::testing;
    use proptest::prelude::*;
    use serde_json::json;

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
                Trigger::Schedule(_) => false,
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
