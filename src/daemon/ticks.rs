//! The schedules: which tick comes next, and the pass that makes items of ticks.
//!
//! The planner is a heap of the next tick of each routine, so that a hundred
//! thousand schedules cost nothing while none is due. A thousand ticks of one
//! second are one pass. What to do about ticks that were missed is decided by
//! [`crate::rules::schedule`], which iterates from the last tick on record and
//! never asks whether "now" matches.

use super::failpoint;
use super::outcome::Plan;
use super::pass::{Care, Done, Force, rollback};
use crate::pg::dead::{About, Decision, Outcome};
use crate::pg::enqueue::{Advance, Enqueued, Writer};
use crate::pg::error::PgError;
use crate::pg::schedules::{self, Due};
use crate::pg::session::Session;
use crate::rules::name::RoutineName;
use crate::rules::plan;
use crate::rules::routine::{Routine, Trigger};
use crate::rules::schedule::ticks::{TickPlan, Window, plan_ticks};
use crate::rules::schedule::{self, Schedule};
use jiff::Timestamp;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Instant;

/// The most routines one tick pass takes, so that its memory and its
/// transaction stay bounded.
const ROUTINES_MAX: usize = 10_000;

/// The source of ticks in decisions and letters.
pub(super) const SOURCE: &str = "schedule";

/// The next tick of each scheduled routine.
#[derive(Debug, Default)]
pub struct Planner {
    heap: BinaryHeap<Reverse<(Timestamp, usize)>>,
    on_duty_since: Timestamp,
}

/// The schedules of a routine whose ticks become items, if it has any.
#[must_use]
pub fn schedules_of(routine: &Routine) -> Option<&[Schedule]> {
    match &routine.trigger {
        Trigger::Schedule(schedules) => Some(schedules),
        Trigger::Event(_) | Trigger::Query(_) => None,
    }
}

/// The schedules of a routine, also of one whose ticks run a query.
fn any_schedules_of(routine: &Routine) -> Option<&[Schedule]> {
    match &routine.trigger {
        Trigger::Query(query) => Some(std::slice::from_ref(&query.schedule)),
        Trigger::Event(_) | Trigger::Schedule(_) => schedules_of(routine),
    }
}

/// The scheduled routines and what places their ticks, to be told the database.
#[must_use]
pub fn fingerprints(force: &Force) -> Vec<(RoutineName, String)> {
    let scheduled =
        force.set.routines.iter().filter_map(|routine| Some((routine, any_schedules_of(routine)?)));
    scheduled.map(|(routine, schedules)| (routine.name.clone(), schedule::fingerprint(schedules))).collect()
}

impl Planner {
    /// Plans the routines in force. Ticks up to `on_duty_since` which are not
    /// planned yet were missed.
    #[must_use]
    pub fn new(force: &Force, planned: &HashMap<RoutineName, Timestamp>, on_duty_since: Timestamp) -> Self {
        let mut planner = Self { heap: BinaryHeap::new(), on_duty_since };
        for (index, routine) in force.set.routines.iter().enumerate() {
            if let Some(until) = planned.get(&routine.name) {
                planner.push(index, routine, *until);
            }
        }
        planner
    }

    fn push(&mut self, index: usize, routine: &Routine, after: Timestamp) {
        if let Some(next) = schedules_of(routine).and_then(|schedules| schedule::next_after(schedules, after))
        {
            self.heap.push(Reverse((next, index)));
        }
    }

    /// When the next tick is due.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes out what is due; [`Planner::give_back`] undoes it.
    fn take_due(&mut self, now: Timestamp) -> Vec<(Timestamp, usize)> {
        let mut due = Vec::new();
        while due.len() < ROUTINES_MAX && self.next().is_some_and(|at| at <= now) {
            due.extend(self.heap.pop().map(|Reverse(entry)| entry));
        }
        due
    }

    fn give_back(&mut self, due: Vec<(Timestamp, usize)>) {
        self.heap.extend(due.into_iter().map(Reverse));
    }
}

/// How a tick pass ended.
#[derive(Clone, Copy, Debug)]
pub enum TickEnd {
    /// Nothing was due after all: the clock is not there yet.
    Early(Timestamp),
    /// Ticks were dealt with.
    Worked(Done, Timestamp),
    /// Another daemon is at it.
    Taken,
}

/// A tick pass and what it works with.
#[derive(Debug)]
pub struct TickPass<'a> {
    /// The session.
    pub session: &'a Session,
    /// Writes the outcome.
    pub writer: &'a Writer,
    /// The routines.
    pub force: &'a Force,
    /// How carefully to enqueue.
    pub care: Care,
}

impl TickPass<'_> {
    /// Deals with the ticks that are due at `guess`, the clock as we think it is.
    ///
    /// # Errors
    ///
    /// Of the database. Nothing was written then, and the planner is as before.
    pub async fn run(&self, planner: &mut Planner, guess: Timestamp) -> Result<TickEnd, PgError> {
        let due = planner.take_due(guess);
        match self.run_due(planner, &due).await {
            Ok(TickEnd::Worked(done, now)) => Ok(TickEnd::Worked(done, now)),
            other => {
                planner.give_back(due);
                other
            }
        }
    }

    async fn run_due(&self, planner: &mut Planner, due: &[(Timestamp, usize)]) -> Result<TickEnd, PgError> {
        let began = Instant::now();
        let routines = &self.force.set.routines;
        let names: Vec<RoutineName> = due.iter().map(|(_, index)| routines[*index].name.clone()).collect();
        let (planned, now) = match schedules::begin(self.session, &names).await? {
            Due::Taken => return Ok(TickEnd::Taken),
            Due::Open { planned, now } => (planned, now),
        };
        let claim = began.elapsed();
        let mut work = Plan::default();
        let mut advance = Vec::new();
        let mut next = Vec::new();
        for (_, index) in due {
            let routine = &routines[*index];
            let (Some(after), Some(schedules)) = (planned.get(&routine.name), schedules_of(routine)) else {
                continue;
            };
            let ticks = plan_ticks(schedules, Window { after: *after, until: now }, planner.on_duty_since);
            if ticks.planned_until > *after {
                advance.push((routine.name.clone(), ticks.planned_until));
            }
            next.push((*index, ticks.planned_until));
            work.matches += ticks.run.len();
            draft_ticks(&mut work, routine, &ticks);
        }
        failpoint::hit("ticks.planned");
        let plan = began.elapsed() - claim;
        if work.drafts.is_empty() && work.decisions.is_empty() {
            rollback(self.session).await?;
            return Ok(TickEnd::Early(now));
        }
        let enqueued = self.commit(&mut work, &advance).await?;
        for (index, until) in next {
            planner.push(index, &routines[index], until);
        }
        let (dead, blocked, matches) = (work.letters.len(), work.blocked(), work.matches);
        let commit = began.elapsed() - plan - claim;
        Ok(TickEnd::Worked(Done { events: 0, enqueued, dead, blocked, matches, claim, plan, commit }, now))
    }

    async fn commit(
        &self,
        work: &mut Plan,
        advance: &[(RoutineName, Timestamp)],
    ) -> Result<Enqueued, PgError> {
        let advance = Advance::Schedules(advance);
        if self.care == Care::Together {
            let mut sending = self.writer.begin(self.session, SOURCE);
            sending.push(std::mem::take(&mut work.drafts)).await;
            return sending.commit(&work.decisions, &work.letters, advance).await;
        }
        let verdicts = self.writer.enqueue_each(self.session, &work.drafts).await?;
        let enqueued = work.judge(SOURCE, &verdicts, &[]);
        let mut sending = self.writer.begin(self.session, SOURCE);
        work.ring_for_created(&verdicts, &mut sending);
        sending.commit(&work.decisions, &work.letters, advance).await?;
        Ok(enqueued)
    }
}

fn draft_ticks(work: &mut Plan, routine: &Routine, ticks: &TickPlan) {
    for tick in &ticks.run {
        match plan::plan_tick(routine, *tick) {
            Ok(drafts) => work.drafts.extend(drafts),
            Err(error) => {
                let about = About::Ticks { first: *tick, last: *tick, count: 1 };
                work.bury(about, SOURCE, routine, &error.to_string(), None);
            }
        }
    }
    note_missed(work, routine, ticks);
}

/// The decisions on ticks which are not run.
pub(super) fn note_missed(work: &mut Plan, routine: &Routine, ticks: &TickPlan) {
    for run in &ticks.missed {
        work.decisions.push(Decision {
            about: About::Ticks {
                first: run.first,
                last: run.last,
                count: i64::try_from(run.count).unwrap_or(i64::MAX),
            },
            source: SOURCE.into(),
            routine: Some((routine.name.clone(), routine.version.clone())),
            item: None,
            outcome: Outcome::Missed,
            reason: run.reason.to_string(),
            met_item_id: None,
        });
    }
}
