//! Which tick comes next: a heap of the next tick of each routine, so that a
//! hundred thousand schedules cost nothing while none is due.
//!
//! The next tick of a paused routine is laid aside until the routine goes on. It
//! stays right meanwhile, since nobody deals with its ticks.

use super::schedules_of;
use super::shelf::Shelf;
use crate::daemon::pass::Force;
use crate::rules::name::RoutineName;
use crate::rules::schedule;
use jiff::Timestamp;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

/// The most routines one tick pass takes, so that its memory and its
/// transaction stay bounded.
const ROUTINES_MAX: usize = 10_000;

/// A tick, and the place of its routine in the set in force.
pub(super) type Next = (Timestamp, usize);

/// The next tick of each scheduled routine.
#[derive(Debug, Default)]
pub struct Planner {
    heap: BinaryHeap<Reverse<Next>>,
    shelf: Shelf<Next>,
    on_duty_since: Timestamp,
}

impl Planner {
    /// Nothing is planned yet. Ticks up to `on_duty_since` which are not planned
    /// then were missed.
    #[must_use]
    pub fn new(on_duty_since: Timestamp) -> Self {
        Self { on_duty_since, ..Self::default() }
    }

    /// Plans the routines in force, each from where it is planned until.
    pub fn adopt(&mut self, force: &Force, planned: &HashMap<RoutineName, Timestamp>) {
        self.heap.clear();
        self.shelf.begin_again(|name| planned.contains_key(name));
        for (index, routine) in force.set.routines.iter().enumerate() {
            if let Some(until) = planned.get(&routine.name) {
                self.plan(force, index, *until);
            }
        }
    }

    /// Takes note of which routines are paused, as a pass read it at `now`. Free
    /// while the same ones are. `force` is what was adopted last.
    pub fn set_paused(&mut self, paused: &HashSet<RoutineName>, force: &Force, now: Timestamp) {
        let Some(back) = self.shelf.update(paused, now) else { return };
        let mut aside = Vec::new();
        self.heap.retain(|Reverse(next)| {
            let routine = force.set.routines.get(next.1);
            let paused = routine.filter(|routine| self.shelf.is_paused(&routine.name));
            aside.extend(paused.map(|routine| (routine.name.clone(), *next)));
            paused.is_none()
        });
        for (name, next) in aside {
            self.shelf.lay(name, next);
        }
        self.heap.extend(back.into_iter().map(|(_, next)| Reverse(next)));
    }

    /// When the next tick is due.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Plans the first tick of a routine after `after`.
    pub(super) fn plan(&mut self, force: &Force, index: usize, after: Timestamp) {
        let schedules = force.set.routines.get(index).and_then(|routine| schedules_of(routine));
        if let Some(at) = schedules.and_then(|schedules| schedule::next_after(schedules, after)) {
            self.put(force, (at, index));
        }
    }

    /// Takes out what is due; [`Planner::put`] undoes it.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<Next> {
        let mut due = Vec::new();
        while due.len() < ROUTINES_MAX && self.next().is_some_and(|at| at <= now) {
            due.extend(self.heap.pop().map(|Reverse(next)| next));
        }
        due
    }

    /// Puts in a tick: into the heap, or aside if its routine is paused.
    pub(super) fn put(&mut self, force: &Force, next: Next) {
        match force.set.routines.get(next.1) {
            Some(routine) if self.shelf.is_paused(&routine.name) => {
                self.shelf.lay(routine.name.clone(), next);
            }
            Some(_) => self.heap.push(Reverse(next)),
            None => {}
        }
    }

    /// A pass found these routines paused.
    pub(super) fn found_paused(&mut self, paused: Vec<RoutineName>) {
        self.shelf.found(paused);
    }

    /// Whether the routine is paused, as far as is known.
    pub(super) fn is_paused(&self, routine: &RoutineName) -> bool {
        self.shelf.is_paused(routine)
    }

    /// Ticks of the routine up to then, if they are not planned yet, were missed.
    pub(super) fn on_duty_since(&self, routine: &RoutineName) -> Timestamp {
        self.shelf.on_duty_since(routine, self.on_duty_since)
    }

    /// The ticks of the routine are dealt with up to `until`.
    pub(super) fn caught_up(&mut self, routine: &RoutineName, until: Timestamp) {
        self.shelf.caught_up(routine, until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::reload;
    use crate::rules::routine::{RoutineSet, parse};
    use std::sync::Arc;

    /// Routines which tick every minute.
    fn force(names: &[&str]) -> Arc<Force> {
        let text = "title = \"t\"\n[on.schedule]\nevery = \"1m\"\n[item]\nqueue = \"q\"\ntitle = \"t\"\n";
        let routine = |called: &&str| Arc::new(parse(&name(called), "r.toml", text).unwrap());
        reload::force(RoutineSet::new(names.iter().map(routine).collect()))
    }

    fn name(text: &str) -> RoutineName {
        RoutineName::parse(text).unwrap()
    }

    fn names(texts: &[&str]) -> HashSet<RoutineName> {
        texts.iter().map(|text| name(text)).collect()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A planner with all routines planned until then.
    fn planner(force: &Force, until: Timestamp) -> Planner {
        let planned = force.set.routines.iter().map(|routine| (routine.name.clone(), until)).collect();
        let mut planner = Planner::new(until);
        planner.adopt(force, &planned);
        planner
    }

    #[test]
    fn a_paused_routine_wakes_nobody_and_goes_on_where_it_stood() {
        let force = force(&["a", "b"]);
        let mut planner = planner(&force, at(30));
        planner.set_paused(&names(&["a"]), &force, at(40));
        assert_eq!(planner.take_due(at(60)), [(at(60), 1)]);
        assert_eq!(planner.next(), None);
        planner.set_paused(&names(&[]), &force, at(600));
        assert_eq!(planner.take_due(at(600)), [(at(60), 0)]);
        assert_eq!(planner.on_duty_since(&name("a")), at(600));
        assert_eq!(planner.on_duty_since(&name("b")), at(30));
        planner.caught_up(&name("a"), at(600));
        assert_eq!(planner.on_duty_since(&name("a")), at(30));
    }

    #[test]
    fn a_pause_which_a_pass_found_is_ended_by_the_next_look() {
        let force = force(&["a"]);
        let mut planner = planner(&force, at(30));
        let due = planner.take_due(at(60));
        planner.found_paused(vec![name("a")]);
        due.into_iter().for_each(|next| planner.put(&force, next));
        assert_eq!(planner.next(), None);
        planner.set_paused(&names(&["a"]), &force, at(61));
        assert_eq!(planner.next(), None);
        planner.set_paused(&names(&[]), &force, at(62));
        assert_eq!(planner.next(), Some(at(60)));
    }

    #[test]
    fn a_reload_keeps_who_is_paused() {
        let old = force(&["a", "b"]);
        let mut planner = planner(&old, at(30));
        planner.set_paused(&names(&["b"]), &old, at(40));
        let new = force(&["b", "c"]);
        planner.adopt(&new, &HashMap::from([(name("b"), at(30)), (name("c"), at(90))]));
        assert_eq!(planner.next(), Some(at(120)));
        planner.set_paused(&names(&[]), &new, at(100));
        assert_eq!(planner.take_due(at(100)), [(at(60), 0)]);
    }

    #[test]
    fn a_pause_of_a_name_which_is_not_in_force_changes_nothing() {
        let force = force(&["a"]);
        let mut planner = planner(&force, at(30));
        planner.set_paused(&names(&["x"]), &force, at(40));
        assert_eq!(planner.next(), Some(at(60)));
        planner.set_paused(&names(&[]), &force, at(50));
        assert_eq!(planner.take_due(at(60)), [(at(60), 0)]);
        assert_eq!(planner.on_duty_since(&name("a")), at(30));
    }
}
