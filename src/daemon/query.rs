//! The ticks of `[on.query]`: each a pass of its own, on a session of its own,
//! so that a slow query holds up neither the log nor other schedules.
//!
//! A routine has one tick at work at a time; the next waits, and what it missed
//! meanwhile obeys `missed`. Some routines may be at work at once. All of it
//! belongs to a term of leadership: with the term the tasks end, their sessions
//! are closed, and the server rolls back what they had begun.

mod pausing;
mod worker;

use self::pausing::Next;
use self::worker::{Attempt, Ended, Order, TickEnd, Worker, query_of, work};
pub(super) use self::worker::{drafts_of, value_of};
use super::clock::DbClock;
use super::pass::{Done, Force};
use super::ticks::shelf::Shelf;
use crate::pg::connect::ConnectOptions;
use crate::pg::inboxes::Specs;
use crate::rules::name::RoutineName;
use crate::rules::routine::Routine;
use jiff::Timestamp;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::{Id, JoinError, JoinSet};

/// So many queries run at once; the others wait.
const AT_ONCE: usize = 4;
/// A tick which failed so often for reasons of the moment is itself suspected.
const STRIKES_MAX: u32 = 3;
/// The first pause after a tick which failed, doubled each time.
const RETRY_FIRST: Duration = Duration::from_millis(200);
/// The longest such pause.
const RETRY_MAX: Duration = Duration::from_secs(30);
/// The pause while another daemon is at it.
const TAKEN_PAUSE: Duration = Duration::from_secs(1);

/// What is told of a tick which has ended.
#[derive(Clone, Copy, Debug)]
pub enum Settled {
    /// What it did.
    Done(Done),
    /// The database's clock, which was not there yet.
    Early(Timestamp),
}

/// Failures of one tick in a row, and the last of them.
#[derive(Debug, Default)]
struct Strikes {
    count: u32,
    last: String,
}

/// The queries of a term.
#[derive(Debug)]
pub struct Queries {
    options: ConnectOptions,
    inboxes: Specs,
    on_duty_since: Timestamp,
    routines: HashMap<RoutineName, Arc<Routine>>,
    /// The next tick of each routine, by the database's clock.
    due: BTreeSet<(Timestamp, RoutineName)>,
    /// Ticks to be run again, by our clock: the database's may stand still.
    put_off: BTreeSet<(Instant, RoutineName)>,
    /// What paused routines do next.
    shelf: Shelf<Next>,
    running: JoinSet<Ended>,
    at_work: HashMap<Id, RoutineName>,
    ended: Vec<Result<Ended, JoinError>>,
    idle: Vec<Worker>,
    strikes: HashMap<RoutineName, Strikes>,
}

impl Queries {
    /// No queries yet. Ticks up to `on_duty_since` which are not planned yet were
    /// missed.
    #[must_use]
    pub fn new(options: ConnectOptions, inboxes: Specs, on_duty_since: Timestamp) -> Self {
        Self {
            options,
            inboxes,
            on_duty_since,
            routines: HashMap::new(),
            due: BTreeSet::new(),
            put_off: BTreeSet::new(),
            shelf: Shelf::default(),
            running: JoinSet::new(),
            at_work: HashMap::new(),
            ended: Vec::new(),
            idle: Vec::new(),
            strikes: HashMap::new(),
        }
    }

    /// Plans the routines in force. What is at work goes on to its end.
    pub fn adopt(&mut self, force: &Force, planned: &HashMap<RoutineName, Timestamp>) {
        let queries = force.set.routines.iter().filter(|routine| query_of(routine).is_some());
        self.routines = queries.map(|routine| (routine.name.clone(), routine.clone())).collect();
        self.due.clear();
        self.put_off.clear();
        self.shelf.begin_again(|name| self.routines.contains_key(name));
        let names: Vec<RoutineName> = self.routines.keys().cloned().collect();
        for name in names {
            if let Some(until) = planned.get(&name)
                && !self.at_work.values().any(|busy| *busy == name)
            {
                self.plan(&name, *until);
            }
        }
        self.strikes.retain(|name, _| self.routines.contains_key(name));
        if self.routines.is_empty() {
            self.idle.clear();
        }
    }

    /// When the next tick is to be run; none while as many are at work as may be.
    #[must_use]
    pub fn next(&self, clock: &DbClock) -> Option<Instant> {
        if self.running.len() >= AT_ONCE {
            return None;
        }
        let due = self.due.first().map(|(at, _)| clock.instant_of(*at));
        due.into_iter().chain(self.put_off.first().map(|(at, _)| *at)).min()
    }

    /// Sets to work what is due.
    pub fn start_due(&mut self, clock: &DbClock) {
        while self.running.len() < AT_ONCE
            && let Some(name) = self.take_due(clock.now())
        {
            let Some(routine) = self.routines.get(&name) else { continue };
            let order = Order {
                routine: routine.clone(),
                options: self.options.clone(),
                inboxes: self.inboxes.clone(),
                on_duty_since: self.shelf.on_duty_since(&name, self.on_duty_since),
                attempt: self.attempt(&name),
            };
            let task = self.running.spawn(work(order, self.idle.pop()));
            self.at_work.insert(task.id(), name);
        }
    }

    fn take_due(&mut self, now: Timestamp) -> Option<RoutineName> {
        if self.put_off.first().is_some_and(|(at, _)| *at <= Instant::now()) {
            return self.put_off.pop_first().map(|(_, name)| name);
        }
        if self.due.first().is_some_and(|(at, _)| *at <= now) {
            return self.due.pop_first().map(|(_, name)| name);
        }
        None
    }

    fn attempt(&self, name: &RoutineName) -> Attempt {
        match self.strikes.get(name) {
            Some(strikes) if strikes.count >= 2 * STRIKES_MAX => Attempt::SetAside(strikes.last.clone()),
            Some(strikes) if strikes.count >= STRIKES_MAX => Attempt::Blame,
            Some(_) | None => Attempt::Try,
        }
    }

    /// Waits until a tick has ended; for ever, if none is at work.
    pub async fn ended(&mut self) {
        match self.running.join_next_with_id().await {
            None => std::future::pending().await,
            Some(Ok((id, ended))) => {
                self.at_work.remove(&id);
                self.ended.push(Ok(ended));
            }
            Some(Err(error)) => self.ended.push(Err(error)),
        }
    }

    /// Takes note of the ticks which have ended, and plans the next ones.
    pub fn settle(&mut self) -> Vec<Settled> {
        let mut settled = Vec::new();
        for ended in std::mem::take(&mut self.ended) {
            match ended {
                Ok(ended) => settled.extend(self.settle_one(ended)),
                Err(error) => {
                    // A task which panicked; its tick is not lost.
                    if let Some(name) = self.at_work.remove(&error.id()) {
                        self.again(name, "its task ended early");
                    }
                }
            }
        }
        settled
    }

    fn settle_one(&mut self, ended: Ended) -> Option<Settled> {
        let Ended { routine, worker, end } = ended;
        self.idle.extend(worker.filter(|worker| !worker.session.is_closed()));
        match end {
            TickEnd::Worked { done, until } => {
                self.strikes.remove(&routine);
                self.shelf.caught_up(&routine, until);
                self.plan(&routine, until);
                return Some(Settled::Done(done));
            }
            TickEnd::Early { planned, now } => {
                self.plan(&routine, planned);
                return Some(Settled::Early(now));
            }
            // Until a look at the log has heard of it, or of its end.
            TickEnd::Paused { now } => {
                self.shelf.absent(&routine, now);
                self.put_off(routine, TAKEN_PAUSE);
            }
            // Gone: a reload may have brought the routine back meanwhile.
            TickEnd::Taken | TickEnd::Gone => self.put_off(routine, TAKEN_PAUSE),
            TickEnd::Unconnected(error) => {
                tracing::warn!(routine.name = %routine, error = %error, "no session for a query; trying again");
                self.put_off(routine, TAKEN_PAUSE);
            }
            TickEnd::Failed(error) => {
                tracing::warn!(routine.name = %routine, error = %error, "a query failed and was rolled back");
                self.again(routine, &error.to_string());
            }
            TickEnd::Unwritable(error) => {
                let what = "a query failed while the database takes no writes; trying again";
                tracing::warn!(routine.name = %routine, error = %error, "{what}");
                self.put_off(routine, TAKEN_PAUSE);
            }
        }
        None
    }

    /// The same tick is run again after a while.
    fn again(&mut self, routine: RoutineName, why: &str) {
        let strikes = self.strikes.entry(routine.clone()).or_default();
        strikes.count += 1;
        why.clone_into(&mut strikes.last);
        let pause = RETRY_FIRST.saturating_mul(1 << strikes.count.min(10)).min(RETRY_MAX);
        self.put_off(routine, pause);
    }

    fn put_off(&mut self, routine: RoutineName, pause: Duration) {
        if self.routines.contains_key(&routine) {
            self.put(routine, Next::Again(Instant::now() + pause));
        }
    }

    /// Plans the first tick after `after`.
    fn plan(&mut self, name: &RoutineName, after: Timestamp) {
        let query = self.routines.get(name).and_then(|routine| query_of(routine));
        if let Some(tick) = query.and_then(|query| query.schedule.next_after(after)) {
            self.put(name.clone(), Next::Due(tick.at));
        }
    }
}

#[cfg(test)]
mod tests;
