//! The gates of a pass: what they have to know is read, the drafts are judged in
//! memory, and what changed is written, all in the pass's transaction.
//!
//! A draft which the inbox would refuse must leave no key and no use of a limit
//! behind. So a pass which is done with care first tries each draft as a plain item
//! behind a savepoint, and lets only those through the gates which were taken.

use super::failpoint;
use super::outcome::{Plan, of_the_moment};
use super::pass::{Care, SOURCE};
use super::ticks;
use crate::pg::dead::Decision;
use crate::pg::enqueue::{Enqueued, Verdict, Writer, about_cause};
use crate::pg::error::{PgError, Policy};
use crate::pg::gates::{Gates, Queue, Timers};
use crate::pg::session::Session;
use crate::rules::event::Event;
use crate::rules::gate::{Note, Phase, Ruling, State};
use crate::rules::item::{Cause, ItemDraft, Planned};
use crate::rules::name::QueueName;
use jiff::Timestamp;

/// How long a statement may take when drafts go alone.
pub(super) const ALONE_TIMEOUT_MS: u32 = 2_000;

/// What came of the gates.
#[derive(Clone, Debug, Default)]
pub(super) struct Through {
    /// New items, and drafts which were the same as others.
    pub(super) enqueued: Enqueued,
    /// Drafts which are held from now on, and those which joined others.
    pub(super) held: u64,
    /// Drafts which were stopped for other reasons than being the same.
    pub(super) stopped: u64,
    /// The queues whose workers are to be rung for.
    pub(super) queues: Vec<QueueName>,
    /// When held drafts are to be looked at, as far as this pass knows.
    pub(super) timers: Timers,
}

impl Through {
    fn add(&mut self, other: Self) {
        self.enqueued += other.enqueued;
        self.held += other.held;
        self.stopped += other.stopped;
        self.queues.extend(other.queues);
        let next = [self.timers.next, other.timers.next];
        self.timers.next = next.into_iter().flatten().min();
        if other.timers.queue == Queue::Waiting {
            self.timers.queue = Queue::Waiting;
        }
    }
}

/// A pass which has drafts for the gates.
pub(super) struct GatePass<'a> {
    pub(super) session: &'a Session,
    pub(super) writer: &'a Writer,
    /// How carefully.
    pub(super) care: Care,
    /// Why so carefully.
    pub(super) trouble: Option<&'a str>,
    /// The clock as we think it is, no later than it is.
    pub(super) about: Timestamp,
}

impl GatePass<'_> {
    /// Lets the drafts of a plan through the gates which ask for it. Decisions and
    /// letters are added to the plan.
    ///
    /// # Errors
    ///
    /// Of the database; the transaction is then to be rolled back.
    pub(super) async fn run(&self, plan: &mut Plan, events: &[&Event]) -> Result<Through, PgError> {
        if plan.gated.is_empty() {
            return Ok(Through::default());
        }
        let drafts = std::mem::take(&mut plan.gated);
        let drafts = self.taken(drafts, plan, events).await?;
        let gates = self.writer.gates(self.session).await?;
        if self.care < Care::Alone {
            return self.judge(gates, drafts, plan).await;
        }
        let mut through = Through::default();
        for planned in drafts {
            through.add(self.judge_alone(gates, planned, plan, events).await?);
        }
        Ok(through)
    }

    /// Lets drafts through the gates, all together.
    async fn judge(&self, gates: &Gates, drafts: Vec<Planned>, plan: &mut Plan) -> Result<Through, PgError> {
        let (mut state, now) = gates.know(self.session, &drafts, self.about).await?;
        failpoint::hit("gates.loaded");
        let mut notes = state.release_due(now);
        for planned in drafts {
            notes.extend(state.offer(planned, now));
        }
        self.write(gates, state, notes, plan).await
    }

    /// Lets one draft through the gates, behind a savepoint: what it would change may
    /// be refused though it was taken by itself, the list it is added to, say.
    async fn judge_alone(
        &self,
        gates: &Gates,
        planned: Planned,
        plan: &mut Plan,
        events: &[&Event],
    ) -> Result<Through, PgError> {
        let client = self.session.client();
        client.batch_execute("savepoint gate").await?;
        let (draft, said) = (planned.draft.clone(), plan.decisions.len());
        let error = match self.judge(gates, vec![planned], plan).await {
            Ok(through) => {
                client.batch_execute("release savepoint gate").await?;
                return Ok(through);
            }
            Err(error) => error,
        };
        let (Policy::Refused | Policy::Blocked, Some(answer)) = (error.policy(), error.answer()) else {
            return Err(error);
        };
        client.batch_execute("rollback to savepoint gate; release savepoint gate").await?;
        plan.decisions.truncate(said);
        plan.refuse(source_of(draft.cause), &draft, &answer.sqlstate, &answer.message, events);
        Ok(Through::default())
    }

    /// Writes down what the gates said and changed.
    pub(super) async fn write(
        &self,
        gates: &Gates,
        state: State,
        notes: Vec<Note>,
        plan: &mut Plan,
    ) -> Result<Through, PgError> {
        failpoint::hit("gates.judged");
        let mut through = Through { timers: timers_of(&state), ..Through::default() };
        let mut changes = state.into_changes();
        through.enqueued.created = changes.created.len() as u64;
        through.queues = changes.created.iter().map(|item| item.draft.queue.clone()).collect();
        // A worker may have passed over what was locked to be changed.
        through.queues.extend(changes.appended.iter().map(|item| item.draft.queue.clone()));
        through.queues.extend(changes.replaced.iter().map(|item| item.draft.queue.clone()));
        through.queues.sort_unstable();
        through.queues.dedup();
        for note in &notes {
            match note.ruling {
                Ruling::Duplicate => through.enqueued.duplicates += 1,
                Ruling::Held | Ruling::Merged | Ruling::Replaced => through.held += 1,
                Ruling::Limited | Ruling::OutsideHours | Ruling::Overlap => through.stopped += 1,
                Ruling::Superseded => {}
            }
        }
        plan.decisions.extend(notes.into_iter().map(decision));
        if !changes.is_empty() {
            gates.write(self.session, &mut changes).await?;
        }
        failpoint::hit("gates.written");
        Ok(through)
    }

    /// The drafts which the inbox would take; the others become dead letters.
    async fn taken(
        &self,
        drafts: Vec<Planned>,
        plan: &mut Plan,
        events: &[&Event],
    ) -> Result<Vec<Planned>, PgError> {
        if self.care == Care::Together {
            return Ok(drafts);
        }
        let items: Vec<ItemDraft> = drafts.iter().map(|planned| planned.draft.clone()).collect();
        let verdicts = self.probe(&items).await?;
        let mut taken = Vec::with_capacity(drafts.len());
        for (planned, verdict) in drafts.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Created | Verdict::Duplicate(_) => taken.push(planned),
                Verdict::Refused { sqlstate, message } => {
                    let source = source_of(planned.draft.cause);
                    plan.refuse(source, &planned.draft, &sqlstate, &message, events);
                }
            }
        }
        Ok(taken)
    }

    /// Tries drafts as plain items, without leaving anything behind.
    pub(super) async fn probe(&self, drafts: &[ItemDraft]) -> Result<Vec<Verdict>, PgError> {
        let client = self.session.client();
        if self.care == Care::SetAside {
            let message = self.trouble.unwrap_or("the connection was lost whenever it was tried");
            let verdict = Verdict::Refused { sqlstate: "XX000".into(), message: message.to_owned() };
            return Ok(vec![verdict; drafts.len()]);
        }
        client.batch_execute("savepoint gates").await?;
        let verdicts = match self.care {
            Care::Together | Care::Guarded => self.writer.enqueue_each(self.session, drafts).await?,
            Care::Alone | Care::OneEvent | Care::SetAside => {
                self.writer.enqueue_singly(self.session, drafts, ALONE_TIMEOUT_MS).await?
            }
        };
        client.batch_execute("rollback to savepoint gates; release savepoint gates").await?;
        if self.care == Care::Guarded
            && let Some(error) = of_the_moment(&verdicts)
        {
            return Err(error);
        }
        Ok(verdicts)
    }
}

/// When what is held now is to be looked at.
fn timers_of(state: &State) -> Timers {
    let queued = state.held().any(|held| held.phase == Phase::Queued);
    Timers { next: state.next_due(), queue: if queued { Queue::Waiting } else { Queue::Empty } }
}

/// Where what caused a draft came from, as decisions have it.
pub(super) fn source_of(cause: Cause) -> &'static str {
    match cause {
        Cause::Event(_) => SOURCE,
        Cause::Tick(_) => ticks::SOURCE,
    }
}

fn decision(note: Note) -> Decision {
    Decision {
        about: about_cause(note.cause),
        source: source_of(note.cause).to_owned(),
        routine: Some((note.routine, note.version)),
        item: Some(note.item),
        outcome: note.ruling.into(),
        reason: note.reason,
        met_item_id: note.met,
    }
}
