//! One routine, run by hand: the pass of one event or one tick.
//!
//! It plans, asks the gates and writes as the passes do, in one transaction. Three
//! things differ. How far the log or a schedule has come stays as it is. What cannot be
//! made is told, and nothing is written: somebody is there to read it, so it needs no
//! dead letter. And the transaction may be taken back at its end, which shows what
//! would become of the cause by doing it.

mod fate;

pub use self::fate::{Fate, FiredDraft, Remark};

use super::deliver::Delivery;
use super::fan_out::parameters;
use super::gates::{GatePass, Through};
use super::outcome::Plan;
use super::pass::{Care, SOURCE as LOG, rollback};
use super::query::{drafts_of, value_of};
use super::ticks::SOURCE as SCHEDULE;
use crate::pg::dead::{About, Decision};
use crate::pg::each::{Asked, EachQueries, Failure, OfTheMoment, Rows};
use crate::pg::enqueue::Writer;
use crate::pg::error::PgError;
use crate::pg::fire::{self, Beside, Ring};
use crate::pg::inboxes::Specs;
use crate::pg::query::{self, Begun};
use crate::pg::session::Session;
use crate::pg::{paused, schedules};
use crate::rules::event::Event;
use crate::rules::item::{Cause as DraftCause, DedupKey, ItemDraft};
use crate::rules::key::{KeyHasher, Part};
use crate::rules::name::QueueName;
use crate::rules::plan;
use crate::rules::routine::{Each, Query, Routine, Trigger};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;

/// What sets the routine off.
#[derive(Clone, Debug)]
pub enum Cause {
    /// An event of the log, which matches.
    Event(Box<Event>),
    /// A tick, which need not be one of its schedule.
    Tick(Timestamp),
}

/// By what new items are known to be the same as earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// By their cause, as ever: what is there is not made again.
    OfCause,
    /// By their cause and something random: they are others.
    Again,
}

/// How the transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is kept.
    Commit,
    /// It is taken back.
    RollBack,
}

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Firing<'a> {
    /// The routine.
    pub routine: &'a Routine,
    /// What sets it off.
    pub cause: &'a Cause,
    /// By what its items are known.
    pub key: Key,
    /// How it ends.
    pub end: End,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Fired {
    /// The routine is paused; nothing was done.
    Paused,
    /// It could not be done, for these reasons, and nothing was written.
    Failed(Vec<String>),
    /// It was done, or would be.
    Done {
        /// The routine's items, and what became of each.
        drafts: Vec<FiredDraft>,
        /// What was decided about the cause beside them, the loop guard's no, say.
        remarks: Vec<Remark>,
    },
}

impl Firing<'_> {
    /// Does it. The session is a fresh one, and not to be used for others; `inboxes` are those
    /// which are tables of the user's.
    ///
    /// # Errors
    ///
    /// Of the database; nothing was written then, unless the connection was lost at the
    /// commit. [`PgError::Taken`] if a tick of the routine's query is at work.
    pub async fn run(&self, session: &Session, inboxes: Specs) -> Result<Fired, PgError> {
        let settings = query::settings(session).await?;
        let writer = Writer::prepare(session, inboxes).await?;
        let hand = Hand { firing: *self, session, writer: &writer };
        self.begin(session).await?;
        let fired = hand.work(&settings).await;
        match (&fired, self.end) {
            (Ok(Fired::Done { .. }), End::Commit) => fire::commit(session).await?,
            (Ok(_), End::Commit | End::RollBack) => rollback(session).await?,
            // What failed is told, and not that the session is gone as well.
            (Err(_), _) => drop(rollback(session).await),
        }
        fired
    }

    /// Begins the transaction. A query runs once at a time, so it keeps the daemon's
    /// next tick waiting.
    async fn begin(&self, session: &Session) -> Result<(), PgError> {
        let begun = match &self.routine.trigger {
            Trigger::Query(_) => query::begin(session, &self.routine.name).await?,
            Trigger::Event(_) | Trigger::Schedule(_) => Begun::Gone,
        };
        match begun {
            Begun::Open { .. } => Ok(()),
            Begun::Taken => Err(PgError::Taken("a tick of this routine")),
            // No daemon has it, so there is nobody to keep waiting.
            Begun::Gone => Ok(session.client().batch_execute("begin").await?),
        }
    }

    /// The cause as drafts and decisions have it.
    fn about(&self) -> About {
        match self.cause {
            Cause::Event(event) => About::Event(event.seq),
            Cause::Tick(tick) => About::Ticks { first: *tick, last: *tick, count: 1 },
        }
    }

    fn cause(&self) -> DraftCause {
        match self.cause {
            Cause::Event(event) => DraftCause::Event(event.seq),
            Cause::Tick(tick) => DraftCause::Tick(*tick),
        }
    }

    fn source(&self) -> &'static str {
        match self.cause {
            Cause::Event(_) => LOG,
            Cause::Tick(_) => SCHEDULE,
        }
    }
}

/// A firing under way, in its transaction.
struct Hand<'a> {
    firing: Firing<'a>,
    session: &'a Session,
    writer: &'a Writer,
}

impl Hand<'_> {
    async fn work(&self, settings: &str) -> Result<Fired, PgError> {
        let Firing { routine, key, .. } = self.firing;
        if paused::is_paused(self.session, &routine.name).await? {
            return Ok(Fired::Paused);
        }
        let mut plan = Plan::default();
        self.plan(settings, &mut plan).await?;
        if !plan.letters.is_empty() {
            return Ok(Fired::Failed(fate::failures(&plan.decisions)));
        }
        if key == Key::Again {
            make_others(&mut plan);
        }
        let drafts: Vec<ItemDraft> = plan.all_drafts().cloned().collect();
        let keys: Vec<DedupKey> = drafts.iter().map(|draft| draft.key).collect();
        let cause = self.firing.cause();
        let mut before = fire::standing(self.session, &keys).await?;
        let archived = fire::in_history(self.session, &routine.name, cause, &keys).await?;
        plan.drop_drafts(|draft| archived.contains_key(&draft.key));
        for (key, place) in archived {
            before.entry(key).or_insert(place);
        }
        let (through, queues) = self.deliver(&mut plan).await?;
        if !plan.letters.is_empty() {
            return Ok(Fired::Failed(fate::failures(&plan.decisions)));
        }
        let after = fire::standing(self.session, &keys).await?;
        let ring = if through.held > 0 { Ring::Daemon } else { Ring::Nobody };
        let beside = Beside { routine, decisions: &plan.decisions, queues: &queues, ring };
        fire::write(self.session, &beside).await?;
        let about = self.firing.about();
        let decisions: Vec<Decision> =
            plan.decisions.into_iter().filter(|decision| decision.about == about).collect();
        let (drafts, remarks) = fate::told(drafts, decisions, &before, &after);
        Ok(Fired::Done { drafts, remarks })
    }

    /// The items which the routine wants, as the passes would plan them.
    async fn plan(&self, settings: &str, plan: &mut Plan) -> Result<(), PgError> {
        let routine = self.firing.routine;
        match (self.firing.cause, &routine.trigger) {
            (Cause::Event(event), _) => match &routine.each {
                None => plan.add(routine, event),
                Some(each) => plan.add_rows(routine, event, self.ask(each, event).await?),
            },
            (Cause::Tick(tick), Trigger::Query(query)) => {
                self.run_query(query, *tick, settings, plan).await?;
            }
            (Cause::Tick(tick), Trigger::Event(_) | Trigger::Schedule(_)) => {
                match plan::plan_tick(routine, *tick) {
                    Ok(planned) => plan.take(routine, planned),
                    Err(error) => {
                        plan.bury(self.firing.about(), SCHEDULE, routine, &error.to_string(), None);
                    }
                }
            }
        }
        Ok(())
    }

    /// The rows of `[each]` for the event.
    async fn ask(&self, each: &Each, event: &Event) -> Result<Rows, PgError> {
        let values = match parameters(each, event) {
            Ok(values) => values,
            Err(failure) => return Ok(Err(failure)),
        };
        let asked = Asked { routine: self.firing.routine, each, parameters: vec![values] };
        let queries = EachQueries::default();
        let answers = queries.ask(self.session, std::slice::from_ref(&asked), OfTheMoment::Blame).await?;
        let rows = answers.into_iter().next().and_then(|rows| rows.into_iter().next());
        Ok(rows.unwrap_or_else(|| Err(Failure::of_the_routine("its query was not asked"))))
    }

    /// Runs the statement of an `[on.query]`, and drafts the items of its rows.
    async fn run_query(
        &self,
        query: &Query,
        tick: Timestamp,
        settings: &str,
        plan: &mut Plan,
    ) -> Result<(), PgError> {
        let routine = self.firing.routine;
        let values: Vec<Value> = query.params.iter().map(|param| value_of(param, tick)).collect();
        let run_as = routine.confined.run_as.as_ref();
        let rows = query::run(self.session, query, run_as, &values, OfTheMoment::Blame).await?;
        match rows.and_then(|rows| drafts_of(routine, tick, &rows)) {
            Ok(planned) => {
                plan.take(routine, planned);
                query::keep(self.session, settings).await
            }
            Err(failure) => {
                plan.bury_failure(self.firing.about(), SCHEDULE, routine, &failure, None);
                Ok(())
            }
        }
    }

    /// Puts the drafts into their inboxes or through the gates, each with a verdict. Says
    /// for which queues something came, too.
    async fn deliver(&self, plan: &mut Plan) -> Result<(Through, BTreeSet<QueueName>), PgError> {
        let Self { session, writer, firing } = *self;
        let events: Vec<&Event> = match firing.cause {
            Cause::Event(event) => vec![event.as_ref()],
            Cause::Tick(_) => Vec::new(),
        };
        let care = Care::Guarded;
        let delivery = Delivery { session, writer, care, trouble: None, source: firing.source() };
        let (_, mut queues) = delivery.with_care(plan, &events).await?;
        let about = schedules::now(session).await?;
        let gates = GatePass { session, writer, care, trouble: None, about };
        let through = gates.run(plan, &events).await?;
        queues.extend(through.queues.iter().cloned());
        Ok((through, queues))
    }
}

/// Gives all drafts keys of their own.
fn make_others(plan: &mut Plan) {
    let random = rand::random::<u64>();
    let gated = plan.gated.iter_mut().map(|planned| &mut planned.draft);
    for draft in plan.drafts.iter_mut().chain(&mut plan.foreign).chain(gated) {
        let earlier = hex::encode(draft.key.0);
        draft.key = KeyHasher::new()
            .part(Part::Text("again"))
            .part(Part::Text(&earlier))
            .part(Part::Integer(random.into()))
            .finish();
    }
}
