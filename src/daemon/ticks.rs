//! The schedules: which tick comes next, and the pass that makes items of ticks.
//!
//! Which tick comes next is known by the [`Planner`]. A thousand ticks of one
//! second are one pass. What to do about ticks that were missed is decided by
//! [`crate::rules::schedule`], which iterates from the last tick on record and
//! never asks whether "now" matches.
//!
//! The ticks of a paused routine wait: how far its schedule has come stays as it
//! is. Once the routine goes on they are planned like those of an outage.

mod planner;
pub(super) mod shelf;

pub use planner::Planner;

use self::planner::Next;
use super::deliver::Delivery;
use super::failpoint;
use super::gates::{GatePass, Through};
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
use std::collections::HashMap;
use std::time::Instant;

/// The source of ticks in decisions and letters.
pub(super) const SOURCE: &str = "schedule";

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
    /// Why so carefully.
    pub trouble: Option<&'a str>,
}

/// What a tick pass is to write, and what comes after it.
#[derive(Default)]
struct Drafted {
    work: Plan,
    /// Up to when the ticks of each routine are dealt with.
    advance: Vec<(RoutineName, Timestamp)>,
    /// The same, by the place of the routine.
    next: Vec<(usize, Timestamp)>,
}

impl TickPass<'_> {
    /// Deals with the ticks that are due at `guess`, the clock as we think it is.
    ///
    /// # Errors
    ///
    /// Of the database. Nothing was written then, and the planner is as before,
    /// but for pauses it has learned of.
    pub async fn run(&self, planner: &mut Planner, guess: Timestamp) -> Result<TickEnd, PgError> {
        let mut due = planner.take_due(guess);
        if self.care >= Care::OneEvent {
            // One routine at a time, so that the others are not set aside with it.
            for next in due.drain(1.min(due.len())..) {
                planner.put(self.force, next);
            }
        }
        let end = self.run_due(planner, &due).await;
        let worked = matches!(end, Ok(TickEnd::Worked(..)));
        for next in due {
            // What waits for the end of a pause is laid aside.
            if !worked || planner.is_paused(&self.force.set.routines[next.1].name) {
                planner.put(self.force, next);
            }
        }
        end
    }

    async fn run_due(&self, planner: &mut Planner, due: &[Next]) -> Result<TickEnd, PgError> {
        let began = Instant::now();
        let routines = &self.force.set.routines;
        let names: Vec<RoutineName> = due.iter().map(|(_, index)| routines[*index].name.clone()).collect();
        let (planned, paused, now) = match schedules::begin(self.session, &names).await? {
            Due::Taken => return Ok(TickEnd::Taken),
            Due::Open { planned, paused, now } => (planned, paused, now),
        };
        planner.found_paused(paused);
        let claim = began.elapsed();
        let Drafted { mut work, advance, next } = self.draft(planner, due, &planned, now);
        failpoint::hit("ticks.planned");
        let plan = began.elapsed() - claim;
        if work.has_no_drafts() && work.decisions.is_empty() {
            rollback(self.session).await?;
            return Ok(TickEnd::Early(now));
        }
        let through = self.commit(&mut work, &advance, now).await?;
        for (index, until) in next {
            planner.caught_up(&routines[index].name, until);
            planner.plan(self.force, index, until);
        }
        let (dead, blocked, matches) = (work.letters.len(), work.blocked(), work.matches);
        let commit = began.elapsed() - plan - claim;
        let Through { enqueued, held, stopped, timers, .. } = through;
        let done =
            Done { events: 0, enqueued, dead, blocked, matches, held, stopped, timers, claim, plan, commit };
        Ok(TickEnd::Worked(done, now))
    }

    /// Plans the ticks of the routines which are due and not paused.
    fn draft(
        &self,
        planner: &Planner,
        due: &[Next],
        planned: &HashMap<RoutineName, Timestamp>,
        now: Timestamp,
    ) -> Drafted {
        let mut drafted = Drafted::default();
        for (_, index) in due {
            let routine = &self.force.set.routines[*index];
            let (Some(after), Some(schedules)) = (planned.get(&routine.name), schedules_of(routine)) else {
                continue;
            };
            let window = Window { after: *after, until: now };
            let ticks = plan_ticks(schedules, window, planner.on_duty_since(&routine.name));
            if ticks.planned_until > *after {
                drafted.advance.push((routine.name.clone(), ticks.planned_until));
            }
            drafted.next.push((*index, ticks.planned_until));
            drafted.work.matches += ticks.run.len();
            draft_ticks(&mut drafted.work, routine, &ticks);
        }
        drafted
    }

    async fn commit(
        &self,
        work: &mut Plan,
        advance: &[(RoutineName, Timestamp)],
        about: Timestamp,
    ) -> Result<Through, PgError> {
        let advance = Advance::Schedules(advance);
        let mut sending = self.writer.begin(self.session, SOURCE);
        let (session, writer, care) = (self.session, self.writer, self.care);
        let gates = GatePass { session, writer, care, trouble: self.trouble, about };
        let delivery = Delivery { session, writer, care, trouble: self.trouble, source: SOURCE };
        let mut done = Enqueued::default();
        if care == Care::Together {
            sending.push(std::mem::take(&mut work.drafts)).await;
            done += delivery.foreign(work).await?;
        } else {
            let (enqueued, created) = delivery.with_care(work, &[]).await?;
            done += enqueued;
            created.iter().for_each(|queue| sending.ring_for(queue));
        }
        let mut through = gates.run(work, &[]).await?;
        through.queues.iter().for_each(|queue| sending.ring_for(queue));
        done += sending.commit(&work.decisions, &work.letters, advance).await?;
        through.enqueued += done;
        Ok(through)
    }
}

fn draft_ticks(work: &mut Plan, routine: &Routine, ticks: &TickPlan) {
    for tick in &ticks.run {
        match plan::plan_tick(routine, *tick) {
            Ok(planned) => work.take(routine, planned),
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
            event_id: None,
        });
    }
}
