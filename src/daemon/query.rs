//! The ticks of `[on.query]`: each a pass of its own, on a session of its own,
//! so that a slow query holds up neither the log nor other schedules.
//!
//! A routine has one tick at work at a time; the next waits, and what it missed
//! meanwhile obeys `missed`. Some routines may be at work at once. All of it
//! belongs to a term of leadership: with the term the tasks end, their sessions
//! are closed, and the server rolls back what they had begun.

use super::clock::DbClock;
use super::failpoint;
use super::outcome::{Plan, of_the_moment};
use super::pass::{Done, Force, rollback};
use super::ticks::{SOURCE, note_missed};
use crate::pg::connect::ConnectOptions;
use crate::pg::dead::{About, LetterKind};
use crate::pg::enqueue::{Enqueued, Verdict, Writer};
use crate::pg::error::PgError;
use crate::pg::query::{self, Begun, Failure, Moved, OfTheMoment};
use crate::pg::session::{Session, SessionRole};
use crate::rules::item::ItemDraft;
use crate::rules::name::{QueueName, RoutineName};
use crate::rules::plan;
use crate::rules::routine::{Query, QueryParam, Routine, Trigger};
use crate::rules::schedule::ticks::{Window, plan_ticks};
use jiff::Timestamp;
use serde_json::Value;
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
/// What a tick takes beside its query, at most: silence beyond it is taken for a
/// lost session.
const BESIDE: Duration = Duration::from_secs(60);

/// A session which runs queries.
#[derive(Debug)]
struct Worker {
    session: Session,
    writer: Writer,
    /// The settings of the session when it was fresh.
    settings: String,
}

/// How a tick is to be run.
#[derive(Clone, Debug)]
enum Attempt {
    /// Trouble of the moment is waited out.
    Try,
    /// Trouble of the moment is the fault of the query.
    Blame,
    /// It is not run, but buried with this error.
    SetAside(String),
}

/// What a task is to do.
#[derive(Debug)]
struct Order {
    routine: Arc<Routine>,
    options: ConnectOptions,
    on_duty_since: Timestamp,
    attempt: Attempt,
}

/// How a tick ended.
#[derive(Debug)]
enum TickEnd {
    /// It was dealt with; so are all ticks up to then.
    Worked { done: Done, until: Timestamp },
    /// Nothing was due after all.
    Early { planned: Timestamp, now: Timestamp },
    /// Another daemon is at it, or was faster.
    Taken,
    /// The routine has no schedule any more.
    Gone,
    /// The session could not be opened.
    Unconnected(PgError),
    /// It failed, and nothing was written.
    Failed(PgError),
    /// The same, while the database takes no writes at all: nobody is to blame.
    Unwritable(PgError),
}

#[derive(Debug)]
struct Ended {
    routine: RoutineName,
    worker: Option<Worker>,
    end: TickEnd,
}

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
    on_duty_since: Timestamp,
    routines: HashMap<RoutineName, Arc<Routine>>,
    /// The next tick of each routine, by the database's clock.
    due: BTreeSet<(Timestamp, RoutineName)>,
    /// Ticks to be run again, by our clock: the database's may stand still.
    put_off: BTreeSet<(Instant, RoutineName)>,
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
    pub fn new(options: ConnectOptions, on_duty_since: Timestamp) -> Self {
        Self {
            options,
            on_duty_since,
            routines: HashMap::new(),
            due: BTreeSet::new(),
            put_off: BTreeSet::new(),
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
                on_duty_since: self.on_duty_since,
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
                self.plan(&routine, until);
                return Some(Settled::Done(done));
            }
            TickEnd::Early { planned, now } => {
                self.plan(&routine, planned);
                return Some(Settled::Early(now));
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
            self.put_off.insert((Instant::now() + pause, routine));
        }
    }

    /// Plans the first tick after `after`.
    fn plan(&mut self, name: &RoutineName, after: Timestamp) {
        let query = self.routines.get(name).and_then(|routine| query_of(routine));
        if let Some(tick) = query.and_then(|query| query.schedule.next_after(after)) {
            self.due.insert((tick.at, name.clone()));
        }
    }
}

fn query_of(routine: &Routine) -> Option<&Query> {
    match &routine.trigger {
        Trigger::Query(query) => Some(query),
        Trigger::Event(_) | Trigger::Schedule(_) => None,
    }
}

/// Runs the tick of a routine which is due, and gives the session back.
async fn work(order: Order, idle: Option<Worker>) -> Ended {
    let routine = order.routine.name.clone();
    let worker = match idle.filter(|worker| !worker.session.is_closed()) {
        Some(worker) => worker,
        None => match Worker::open(&order.options).await {
            Ok(worker) => worker,
            Err(error) => return Ended { routine, worker: None, end: TickEnd::Unconnected(error) },
        },
    };
    let limit = query_of(&order.routine).map_or(Duration::ZERO, |query| query.timeout) + BESIDE;
    let end = match tokio::time::timeout(limit, worker.tick(&order)).await {
        Ok(Ok(end)) => end,
        Ok(Err(error)) => worker.failed(&routine, error).await,
        Err(_) => {
            let end = TickEnd::Failed(PgError::lost("a session which does not answer any more"));
            return Ended { routine, worker: None, end };
        }
    };
    let tidied = tokio::time::timeout(BESIDE, query::tidy(&worker.session)).await;
    let worker = matches!(tidied, Ok(Ok(()))).then_some(worker);
    Ended { routine, worker, end }
}

impl Worker {
    async fn open(options: &ConnectOptions) -> Result<Self, PgError> {
        let session = Session::open(options, SessionRole::Query, None).await?;
        let writer = Writer::prepare(&session).await?;
        let settings = query::settings(&session).await?;
        Ok(Self { session, writer, settings })
    }

    /// Ends the transaction of a tick which failed, and finds out whether it
    /// failed alone.
    async fn failed(&self, routine: &RoutineName, error: PgError) -> TickEnd {
        let rolled_back = async {
            rollback(&self.session).await?;
            Ok::<bool, PgError>(query::takes_writes(&self.session, routine).await)
        };
        match tokio::time::timeout(BESIDE, rolled_back).await {
            Ok(Ok(false)) if !self.session.is_closed() => TickEnd::Unwritable(error),
            Ok(_) | Err(_) => TickEnd::Failed(error),
        }
    }

    /// The transaction of one tick.
    async fn tick(&self, order: &Order) -> Result<TickEnd, PgError> {
        let began = Instant::now();
        let routine = &*order.routine;
        let Some(query) = query_of(routine) else { return Ok(TickEnd::Gone) };
        let (after, now) = match query::begin(&self.session, &routine.name).await? {
            Begun::Open { planned, now } => (planned, now),
            Begun::Taken => return Ok(TickEnd::Taken),
            Begun::Gone => return Ok(TickEnd::Gone),
        };
        let schedules = std::slice::from_ref(&query.schedule);
        let ticks = plan_ticks(schedules, Window { after, until: now }, order.on_duty_since);
        if ticks.run.is_empty() && ticks.missed.is_empty() {
            rollback(&self.session).await?;
            return Ok(TickEnd::Early { planned: after, now });
        }
        let claim = began.elapsed();
        // One tick a transaction. All that were missed lie before those to run.
        let until = match ticks.run[..] {
            [first, _, ..] => first,
            [_] | [] => ticks.planned_until,
        };
        let mut work = Plan::default();
        note_missed(&mut work, routine, &ticks);
        if let Some(tick) = ticks.run.first() {
            self.run_query(routine, query, *tick, &order.attempt, &mut work).await?;
        }
        failpoint::hit("query.ran");
        let plan = began.elapsed() - claim;
        let moved = Moved { routine: &routine.name, from: after, until };
        let Some(enqueued) = self.commit(&mut work, &order.attempt, moved).await? else {
            rollback(&self.session).await?;
            return Ok(TickEnd::Taken);
        };
        failpoint::hit("query.committed");
        let done = Done {
            events: 0,
            enqueued,
            dead: work.letters.len(),
            blocked: work.blocked(),
            matches: work.matches,
            claim,
            plan,
            commit: began.elapsed() - plan - claim,
        };
        Ok(TickEnd::Worked { done, until })
    }

    /// Runs the query and drafts the items of its rows. If either fails, nothing
    /// of it stays, and the tick is buried.
    async fn run_query(
        &self,
        routine: &Routine,
        query: &Query,
        tick: Timestamp,
        attempt: &Attempt,
        work: &mut Plan,
    ) -> Result<(), PgError> {
        work.matches += 1;
        let rows = match attempt {
            Attempt::SetAside(why) => Err(Failure::of_the_routine(why.as_str())),
            Attempt::Try | Attempt::Blame => {
                let values: Vec<Value> = query.params.iter().map(|param| value_of(param, tick)).collect();
                query::run(&self.session, query, &values, of_attempt(attempt)).await?
            }
        };
        let failure = match rows {
            Ok(rows) => match drafts_of(routine, tick, &rows) {
                Ok(drafts) => {
                    work.drafts = drafts;
                    return query::keep(&self.session, &self.settings).await;
                }
                Err(failure) => {
                    query::undo(&self.session).await?;
                    failure
                }
            },
            Err(failure) => failure,
        };
        // Never blocked: the next tick tries by itself.
        let failure = Failure { kind: LetterKind::Failed, ..failure };
        let about = About::Ticks { first: tick, last: tick, count: 1 };
        work.bury_failure(about, SOURCE, routine, &failure, None);
        Ok(())
    }

    /// Puts the drafts into the inbox, each with a verdict of its own, and
    /// commits. None, if the ticks are not where they were: then nothing is.
    async fn commit(
        &self,
        work: &mut Plan,
        attempt: &Attempt,
        moved: Moved<'_>,
    ) -> Result<Option<Enqueued>, PgError> {
        let mut enqueued = Enqueued::default();
        let mut queues: BTreeSet<QueueName> = BTreeSet::new();
        if !work.drafts.is_empty() {
            let verdicts = self.writer.enqueue_each(&self.session, &work.drafts).await?;
            if matches!(attempt, Attempt::Try)
                && let Some(error) = of_the_moment(&verdicts)
            {
                return Err(error);
            }
            enqueued = work.judge(SOURCE, &verdicts, &[]);
            for (draft, verdict) in work.drafts.iter().zip(&verdicts) {
                if matches!(verdict, Verdict::Created) {
                    queues.insert(draft.queue.clone());
                }
            }
        }
        let committed = query::commit(&self.session, moved, &work.decisions, &work.letters, &queues).await?;
        Ok(committed.then_some(enqueued))
    }
}

fn of_attempt(attempt: &Attempt) -> OfTheMoment {
    match attempt {
        Attempt::Try => OfTheMoment::Retry,
        Attempt::Blame | Attempt::SetAside(_) => OfTheMoment::Blame,
    }
}

fn value_of(param: &QueryParam, tick: Timestamp) -> Value {
    match param {
        QueryParam::Literal(value) => value.clone(),
        QueryParam::Tick => Value::String(tick.to_string()),
    }
}

/// The items of all rows, or why one of them cannot be made.
fn drafts_of(routine: &Routine, tick: Timestamp, rows: &[Value]) -> Result<Vec<ItemDraft>, Failure> {
    let mut drafts = Vec::new();
    for (number, row) in (0..).zip(rows) {
        let planned = plan::plan_tick_row(routine, tick, row, number);
        drafts.extend(
            planned.map_err(|error| {
                Failure::of_the_routine(format!("row {} of its query: {error}", number + 1))
            })?,
        );
    }
    Ok(drafts)
}

#[cfg(test)]
mod tests;
