//! One tick of an `[on.query]`: the statement, the items of its rows and how far
//! the schedule has come, in one transaction.

use crate::daemon::deliver::Delivery;
use crate::daemon::failpoint;
use crate::daemon::gates::{GatePass, Through};
use crate::daemon::outcome::Plan;
use crate::daemon::pass::{Care, Done, rollback};
use crate::daemon::ticks::{SOURCE, note_missed};
use crate::pg::connect::ConnectOptions;
use crate::pg::dead::{About, LetterKind};
use crate::pg::enqueue::Writer;
use crate::pg::error::PgError;
use crate::pg::inboxes::Specs;
use crate::pg::paused;
use crate::pg::query::{self, Begun, Failure, Moved, OfTheMoment};
use crate::pg::session::{Session, SessionRole};
use crate::rules::item::Planned;
use crate::rules::name::RoutineName;
use crate::rules::plan;
use crate::rules::routine::{Query, QueryParam, Routine, Trigger};
use crate::rules::schedule::ticks::{Window, plan_ticks};
use jiff::Timestamp;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a tick takes beside its query, at most: silence beyond it is taken for a
/// lost session.
const BESIDE: Duration = Duration::from_secs(60);

/// A session which runs queries.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) session: Session,
    writer: Writer,
    /// The settings of the session when it was fresh.
    settings: String,
}

/// How a tick is to be run.
#[derive(Clone, Debug)]
pub(super) enum Attempt {
    /// Trouble of the moment is waited out.
    Try,
    /// Trouble of the moment is the fault of the query.
    Blame,
    /// It is not run, but buried with this error.
    SetAside(String),
}

/// What a task is to do.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) routine: Arc<Routine>,
    pub(super) options: ConnectOptions,
    pub(super) inboxes: Specs,
    pub(super) on_duty_since: Timestamp,
    pub(super) attempt: Attempt,
}

/// How a tick ended.
#[derive(Debug)]
pub(super) enum TickEnd {
    /// It was dealt with; so are all ticks up to then.
    Worked { done: Done, until: Timestamp },
    /// Nothing was due after all.
    Early { planned: Timestamp, now: Timestamp },
    /// Another daemon is at it, or was faster.
    Taken,
    /// The routine is paused, and was at that time.
    Paused { now: Timestamp },
    /// The routine has no schedule any more.
    Gone,
    /// The session could not be opened.
    Unconnected(PgError),
    /// It failed, and nothing was written.
    Failed(PgError),
    /// The same, while the database takes no writes at all: nobody is to blame.
    Unwritable(PgError),
}

/// A tick which has ended, and the session which is free again.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) routine: RoutineName,
    pub(super) worker: Option<Worker>,
    pub(super) end: TickEnd,
}

/// What a routine does at its ticks, if that is a query.
pub(super) fn query_of(routine: &Routine) -> Option<&Query> {
    match &routine.trigger {
        Trigger::Query(query) => Some(query),
        Trigger::Event(_) | Trigger::Schedule(_) => None,
    }
}

/// Runs the tick of a routine which is due, and gives the session back.
pub(super) async fn work(order: Order, idle: Option<Worker>) -> Ended {
    let routine = order.routine.name.clone();
    let worker = match idle.filter(|worker| !worker.session.is_closed()) {
        Some(worker) => worker,
        None => match Worker::open(&order.options, order.inboxes.clone()).await {
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
    async fn open(options: &ConnectOptions, inboxes: Specs) -> Result<Self, PgError> {
        let session = Session::open(options, SessionRole::Query, None).await?;
        let writer = Writer::prepare(&session, inboxes).await?;
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
        // In the transaction of the tick, so that a pause which was committed is
        // obeyed.
        if paused::is_paused(&self.session, &routine.name).await? {
            rollback(&self.session).await?;
            return Ok(TickEnd::Paused { now });
        }
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
        let Some(through) = self.commit(&mut work, &order.attempt, moved).await? else {
            rollback(&self.session).await?;
            return Ok(TickEnd::Taken);
        };
        failpoint::hit("query.committed");
        let done = Done {
            events: 0,
            enqueued: through.enqueued,
            held: through.held,
            stopped: through.stopped,
            timers: through.timers,
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
                query::run(
                    &self.session,
                    query,
                    routine.confined.run_as.as_ref(),
                    &values,
                    of_attempt(attempt),
                )
                .await?
            }
        };
        let failure = match rows {
            Ok(rows) => match drafts_of(routine, tick, &rows) {
                Ok(planned) => {
                    work.take(routine, planned);
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
    ) -> Result<Option<Through>, PgError> {
        let care = if matches!(attempt, Attempt::Try) { Care::Guarded } else { Care::Alone };
        let (session, writer) = (&self.session, &self.writer);
        let delivery = Delivery { session, writer, care, trouble: None, source: SOURCE };
        let (enqueued, mut queues) =
            if work.has_no_drafts() { Default::default() } else { delivery.with_care(work, &[]).await? };
        let about = moved.until;
        let gates = GatePass { session, writer, care, trouble: None, about };
        let mut through = gates.run(work, &[]).await?;
        through.enqueued += enqueued;
        queues.extend(through.queues.iter().cloned());
        let committed = query::commit(&self.session, moved, &work.decisions, &work.letters, &queues).await?;
        Ok(committed.then_some(through))
    }
}

fn of_attempt(attempt: &Attempt) -> OfTheMoment {
    match attempt {
        Attempt::Try => OfTheMoment::Retry,
        Attempt::Blame | Attempt::SetAside(_) => OfTheMoment::Blame,
    }
}

pub(in crate::daemon) fn value_of(param: &QueryParam, tick: Timestamp) -> Value {
    match param {
        QueryParam::Literal(value) => value.clone(),
        QueryParam::Tick => Value::String(tick.to_string()),
    }
}

/// The items of all rows, or why one of them cannot be made.
pub(in crate::daemon) fn drafts_of(
    routine: &Routine,
    tick: Timestamp,
    rows: &[Value],
) -> Result<Vec<Planned>, Failure> {
    let mut planned = Vec::new();
    for (number, row) in (0..).zip(rows) {
        let of_row = plan::plan_tick_row(routine, tick, row, number)
            .map_err(|error| Failure::of_the_routine(format!("row {} of its query: {error}", number + 1)));
        planned.extend(of_row?);
    }
    Ok(planned)
}
