//! The next ticks of routines which are paused, laid aside until they go on.
//!
//! What is known here of pauses is nothing but a hint, so that nobody wakes for
//! a tick that waits: each transaction which deals with ticks looks at
//! `hearken.paused` itself.
//!
//! A routine which goes on is on duty again from the moment at which that was
//! seen. Ticks up to then were missed, though a daemon was there all the time.

use crate::rules::name::RoutineName;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};

/// Which routines are paused, and what waits for the end of it.
#[derive(Debug)]
pub(in crate::daemon) struct Shelf<T> {
    paused: HashSet<RoutineName>,
    aside: HashMap<RoutineName, T>,
    /// Since when those are on duty which went on, until they have caught up.
    resumed: HashMap<RoutineName, Timestamp>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { paused: HashSet::new(), aside: HashMap::new(), resumed: HashMap::new() }
    }
}

impl<T> Shelf<T> {
    /// Whether the routine is paused, as far as is known.
    pub(in crate::daemon) fn is_paused(&self, routine: &RoutineName) -> bool {
        !self.paused.is_empty() && self.paused.contains(routine)
    }

    /// A transaction found these routines paused.
    pub(in crate::daemon) fn found(&mut self, paused: impl IntoIterator<Item = RoutineName>) {
        self.paused.extend(paused);
    }

    /// Lays aside what a paused routine would do next.
    pub(in crate::daemon) fn lay(&mut self, routine: RoutineName, next: T) {
        self.aside.insert(routine, next);
    }

    /// Takes note of which routines are paused, as a pass read it at `now`.
    /// Returns what those do next which go on; none, if the same routines were
    /// paused before.
    pub(in crate::daemon) fn update(
        &mut self,
        paused: &HashSet<RoutineName>,
        now: Timestamp,
    ) -> Option<Vec<(RoutineName, T)>> {
        if self.paused == *paused {
            return None;
        }
        let mut back = Vec::new();
        for name in self.paused.difference(paused) {
            // Nothing is laid aside for a routine whose tick is at work.
            self.resumed.insert(name.clone(), now);
            back.extend(self.aside.remove(name).map(|next| (name.clone(), next)));
        }
        self.paused.clone_from(paused);
        Some(back)
    }

    /// Since when the routine is on duty, where others are since `others`.
    pub(in crate::daemon) fn on_duty_since(&self, routine: &RoutineName, others: Timestamp) -> Timestamp {
        self.resumed.get(routine).map_or(others, |resumed| others.max(*resumed))
    }

    /// The routine was seen to be paused at `now`: it is on duty later.
    pub(in crate::daemon) fn absent(&mut self, routine: &RoutineName, now: Timestamp) {
        let since = self.resumed.entry(routine.clone()).or_insert(now);
        *since = now.max(*since);
    }

    /// The routine's ticks are dealt with up to `until`.
    pub(in crate::daemon) fn caught_up(&mut self, routine: &RoutineName, until: Timestamp) {
        if self.resumed.get(routine).is_some_and(|resumed| *resumed <= until) {
            self.resumed.remove(routine);
        }
    }

    /// Other routines are in force: nothing is laid aside any more, and of those
    /// which are gone nothing is remembered.
    pub(in crate::daemon) fn begin_again(&mut self, in_force: impl Fn(&RoutineName) -> bool) {
        self.aside.clear();
        self.resumed.retain(|name, _| in_force(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RoutineName {
        RoutineName::parse(text).unwrap()
    }

    fn names(texts: &[&str]) -> HashSet<RoutineName> {
        texts.iter().map(|text| name(text)).collect()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn what_was_laid_aside_comes_back_once_its_routine_goes_on() {
        let mut shelf = Shelf::default();
        assert_eq!(shelf.update(&names(&[]), at(0)), None);
        assert_eq!(shelf.update(&names(&["a", "b"]), at(1)), Some(vec![]));
        assert!(shelf.is_paused(&name("a")) && !shelf.is_paused(&name("c")));
        shelf.lay(name("a"), 1);
        shelf.lay(name("b"), 2);
        assert_eq!(shelf.update(&names(&["a", "b"]), at(2)), None);
        assert_eq!(shelf.update(&names(&["a"]), at(3)), Some(vec![(name("b"), 2)]));
        assert_eq!(shelf.update(&names(&[]), at(4)), Some(vec![(name("a"), 1)]));
        assert_eq!(shelf.update(&names(&["a"]), at(5)), Some(vec![]));
        assert_eq!(shelf.update(&names(&[]), at(6)), Some(vec![]));
    }

    #[test]
    fn a_routine_is_on_duty_since_it_went_on_until_it_has_caught_up() {
        let mut shelf = Shelf::default();
        shelf.found([name("a")]);
        shelf.lay(name("a"), ());
        assert_eq!(shelf.on_duty_since(&name("a"), at(5)), at(5));
        shelf.update(&names(&[]), at(10));
        assert_eq!(shelf.on_duty_since(&name("a"), at(5)), at(10));
        assert_eq!(shelf.on_duty_since(&name("a"), at(15)), at(15));
        assert_eq!(shelf.on_duty_since(&name("b"), at(5)), at(5));
        shelf.caught_up(&name("a"), at(9));
        assert_eq!(shelf.on_duty_since(&name("a"), at(5)), at(10));
        shelf.caught_up(&name("a"), at(10));
        assert_eq!(shelf.on_duty_since(&name("a"), at(5)), at(5));
    }

    #[test]
    fn another_set_of_routines_keeps_who_went_on_and_forgets_who_is_gone() {
        let mut shelf = Shelf::default();
        shelf.found([name("a"), name("b"), name("c")]);
        for routine in ["a", "b", "c"] {
            shelf.lay(name(routine), ());
        }
        shelf.update(&names(&["c"]), at(10));
        shelf.begin_again(|routine| *routine != name("b"));
        assert_eq!(shelf.on_duty_since(&name("a"), at(5)), at(10));
        assert_eq!(shelf.on_duty_since(&name("b"), at(5)), at(5));
        assert!(shelf.is_paused(&name("c")));
        assert_eq!(shelf.update(&names(&[]), at(11)), Some(vec![]));
    }
}
