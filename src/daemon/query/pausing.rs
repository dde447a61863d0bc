//! What the queries do about pauses: the next tick of a paused routine is laid
//! aside until the routine goes on. A tick which is at work goes on to its end.

use super::Queries;
use crate::rules::name::RoutineName;
use jiff::Timestamp;
use std::collections::HashSet;
use std::time::Instant;

/// When a routine does something next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Its next tick, by the database's clock.
    Due(Timestamp),
    /// A tick which is to be run again, by our clock.
    Again(Instant),
}

impl Queries {
    /// Takes note of which routines are paused, as a pass read it at `now`. Free
    /// while the same ones are.
    pub fn set_paused(&mut self, paused: &HashSet<RoutineName>, now: Timestamp) {
        let Some(back) = self.shelf.update(paused, now) else { return };
        let due = std::mem::take(&mut self.due).into_iter().map(|(at, name)| (name, Next::Due(at)));
        let again = std::mem::take(&mut self.put_off).into_iter().map(|(at, name)| (name, Next::Again(at)));
        for (name, next) in due.chain(again).chain(back) {
            self.put(name, next);
        }
    }

    /// Notes what a routine does next; aside, if it is paused.
    pub(super) fn put(&mut self, routine: RoutineName, next: Next) {
        if self.shelf.is_paused(&routine) {
            self.shelf.lay(routine, next);
            return;
        }
        match next {
            Next::Due(at) => self.due.insert((at, routine)),
            Next::Again(at) => self.put_off.insert((at, routine)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::super::TickEnd;
    use super::super::tests::{after, name, no};
    use super::*;

    fn names(texts: &[&str]) -> HashSet<RoutineName> {
        texts.iter().map(|text| RoutineName::parse(text).unwrap()).collect()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_paused_query_is_laid_aside_with_its_tick() {
        let mut queries = after(0, || TickEnd::Gone);
        queries.plan(&name(), at(0));
        queries.set_paused(&names(&["r"]), at(10));
        assert!(queries.due.is_empty());
        queries.set_paused(&names(&["r", "other"]), at(20));
        assert!(queries.due.is_empty());
        queries.set_paused(&names(&["other"]), at(7200));
        assert_eq!(queries.due.first(), Some(&(at(3600), name())));
        assert_eq!(queries.shelf.on_duty_since(&name(), at(0)), at(7200));
    }

    #[test]
    fn a_tick_which_is_to_be_run_again_waits_as_well() {
        let mut queries = after(1, || TickEnd::Failed(no()));
        queries.set_paused(&names(&["r"]), at(10));
        assert!(queries.put_off.is_empty());
        queries.set_paused(&names(&[]), at(20));
        assert_eq!(queries.put_off.len(), 1);
    }

    #[test]
    fn a_tick_which_found_its_routine_paused_is_tried_again_and_was_missed() {
        let queries = after(1, || TickEnd::Paused { now: at(30) });
        assert_eq!(queries.shelf.on_duty_since(&name(), at(0)), at(30));
    }

    #[test]
    fn what_ends_during_a_pause_plans_nothing_before_the_pause_is_over() {
        let mut queries = after(0, || TickEnd::Gone);
        queries.set_paused(&names(&["r"]), at(10));
        queries.plan(&name(), at(3600));
        assert!(queries.due.is_empty());
        queries.set_paused(&names(&[]), at(20));
        assert_eq!(queries.due.first(), Some(&(at(7200), name())));
    }
}
