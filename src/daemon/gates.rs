//! The gates of a pass: what they have to know is read, the drafts are judged in
//! memory, and what changed is written, all in the pass's transaction.
//!
//! A draft which the inbox would refuse must leave no key and no use of a limit
//! behind. So a pass which is done with care first tries each draft as a plain item
//! behind a savepoint, and lets only those through the gates which were taken.

use super::deliver::{Delivery, there_before};
use super::failpoint;
use super::outcome::Plan;
use super::pass::{Care, SOURCE};
use super::ticks;
use crate::pg::dead::{Decision, group_of};
use crate::pg::enqueue::{Enqueued, Verdict, Writer, about_cause};
use crate::pg::error::{PgError, Policy};
use crate::pg::gates::{ForeignRows, Gates, Known, Queue, Timers};
use crate::pg::session::Session;
use crate::rules::event::Event;
use crate::rules::gate::{Note, Phase, Ruling, State};
use crate::rules::item::{Cause, DedupKey, FromRow, ItemDraft, Planned};
use crate::rules::name::QueueName;
use jiff::Timestamp;
use std::collections::HashMap;

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
        for group in groups(drafts, plan) {
            through.add(self.judge_alone(gates, group, plan, events).await?);
        }
        Ok(through)
    }

    /// Lets drafts through the gates, all together. Where a table of the user's has the
    /// row of a new item already, all is taken back and judged again without it.
    async fn judge(
        &self,
        gates: &Gates,
        mut drafts: Vec<Planned>,
        plan: &mut Plan,
    ) -> Result<Through, PgError> {
        if !drafts.iter().any(|planned| planned.draft.foreign.is_some()) {
            return Ok(self.judge_once(gates, drafts, &mut Met::default(), plan).await?.unwrap_or_default());
        }
        let (mut met, said) = (Met::default(), plan.decisions.len());
        loop {
            self.session.savepoint("judged").await?;
            if let Some(mut through) = self.judge_once(gates, drafts.clone(), &mut met, plan).await? {
                self.session.release("judged").await?;
                through.enqueued.duplicates += met.told(plan);
                return Ok(through);
            }
            self.session.take_back("judged").await?;
            plan.decisions.truncate(said);
            drafts.retain(|planned| !met.takes_out(&planned.draft));
        }
    }

    /// The same once; nothing, if there were such rows, whose keys are then in `met`.
    async fn judge_once(
        &self,
        gates: &Gates,
        drafts: Vec<Planned>,
        met: &mut Met,
        plan: &mut Plan,
    ) -> Result<Option<Through>, PgError> {
        let inboxes = self.writer.inboxes();
        let Known { mut state, now, rows } = gates.know(self.session, inboxes, &drafts, self.about).await?;
        failpoint::hit("gates.loaded");
        met.give_up(&mut state);
        let mut notes = state.release_due(now);
        for planned in drafts {
            notes.extend(state.offer(planned, now));
        }
        self.write(gates, state, &rows, notes, met, plan).await
    }

    /// Lets one draft, or those which come together, through the gates, behind a
    /// savepoint: what it would change may be refused though it was taken by itself, the
    /// list it is added to, say.
    async fn judge_alone(
        &self,
        gates: &Gates,
        group: Vec<Planned>,
        plan: &mut Plan,
        events: &[&Event],
    ) -> Result<Through, PgError> {
        self.session.savepoint("gate").await?;
        let drafts: Vec<ItemDraft> = group.iter().map(|planned| planned.draft.clone()).collect();
        let said = plan.decisions.len();
        let error = match self.judge(gates, group, plan).await {
            Ok(through) => {
                self.session.release("gate").await?;
                return Ok(through);
            }
            Err(error) => error,
        };
        let (Policy::Refused | Policy::Blocked, Some(answer)) = (error.policy(), error.answer()) else {
            return Err(error);
        };
        self.session.take_back("gate").await?;
        plan.decisions.truncate(said);
        for draft in &drafts {
            plan.refuse(source_of(draft), draft, &answer.sqlstate, &answer.message, events);
        }
        Ok(Through::default())
    }

    /// Writes down what the gates said and changed. Nothing, if a table of the user's
    /// had the row of a new item already: its key is in `met` then.
    pub(super) async fn write(
        &self,
        gates: &Gates,
        state: State,
        rows: &ForeignRows,
        notes: Vec<Note>,
        met: &mut Met,
        plan: &mut Plan,
    ) -> Result<Option<Through>, PgError> {
        failpoint::hit("gates.judged");
        let mut through = Through { timers: timers_of(&state), ..Through::default() };
        let mut changes = state.into_changes();
        through.enqueued.created = changes.created.len() as u64;
        // A worker may have passed over what was locked to be changed.
        let touched = changes.created.iter().chain(&changes.appended).chain(&changes.replaced);
        let own = touched.filter(|item| item.draft.foreign.is_none());
        through.queues = own.map(|item| item.draft.queue.clone()).collect();
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
            let created: Vec<ItemDraft> = changes
                .created
                .iter()
                .filter(|item| item.draft.foreign.is_some())
                .map(|item| item.draft.clone())
                .collect();
            let inboxes = self.writer.inboxes();
            let duplicates = match gates.write(self.session, inboxes, rows, &mut changes).await {
                Ok(duplicates) => duplicates,
                Err(error) => {
                    inboxes.learn(&error).await;
                    return Err(error);
                }
            };
            if !duplicates.is_empty() {
                met.add(created, &duplicates);
                return Ok(None);
            }
        }
        failpoint::hit("gates.written");
        Ok(Some(through))
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
                    let draft = &planned.draft;
                    plan.refuse(source_of(draft), draft, &sqlstate, &message, events);
                }
            }
        }
        Ok(taken)
    }

    /// Tries drafts as plain items, without leaving anything behind.
    pub(super) async fn probe(&self, drafts: &[ItemDraft]) -> Result<Vec<Verdict>, PgError> {
        let Self { session, writer, care, trouble, .. } = *self;
        Delivery { session, writer, care, trouble, source: SOURCE }.probe(drafts).await
    }
}

/// The drafts one by one, but those which come together as one.
fn groups(drafts: Vec<Planned>, plan: &Plan) -> Vec<Vec<Planned>> {
    let mut groups: Vec<Vec<Planned>> = Vec::new();
    for planned in drafts {
        let own = group_of(&planned.draft);
        match groups.last_mut() {
            Some(last)
                if plan.has_siblings(&planned.draft)
                    && last.first().is_some_and(|first| group_of(&first.draft) == own) =>
            {
                last.push(planned);
            }
            _ => groups.push(vec![planned]),
        }
    }
    groups
}

/// Drafts whose rows tables of the user's had already, by the keys of their causes.
#[derive(Debug, Default)]
pub(super) struct Met(HashMap<DedupKey, ItemDraft>);

impl Met {
    fn add(&mut self, created: Vec<ItemDraft>, keys: &[DedupKey]) {
        let met = created.into_iter().filter(|draft| keys.contains(&draft.key));
        self.0.extend(met.map(|draft| (draft.key, draft)));
    }

    /// Whether the draft is one of them.
    fn takes_out(&self, draft: &ItemDraft) -> bool {
        self.0.contains_key(&draft.key)
    }

    /// Held drafts which are among them are held no more.
    pub(super) fn give_up(&self, state: &mut State) {
        if self.0.is_empty() {
            return;
        }
        for (id, draft) in state.subjects() {
            if self.takes_out(&draft) {
                state.give_up(id);
            }
        }
    }

    /// Adds the decisions on them; says how many.
    pub(super) fn told(&self, plan: &mut Plan) -> u64 {
        plan.decisions.extend(self.0.values().map(|draft| there_before(source_of(draft), draft)));
        self.0.len() as u64
    }
}

/// When what is held now is to be looked at.
fn timers_of(state: &State) -> Timers {
    let queued = state.held().any(|held| held.phase == Phase::Queued);
    Timers { next: state.next_due(), queue: if queued { Queue::Waiting } else { Queue::Empty } }
}

/// Where what caused a draft came from, as decisions have it.
pub(super) fn source_of(draft: &ItemDraft) -> &str {
    source(draft.cause, draft.from.as_deref())
}

fn source(cause: Cause, from: Option<&FromRow>) -> &str {
    match (cause, from) {
        (Cause::Event(_), Some(from)) => from.source.as_str(),
        (Cause::Event(_), None) => SOURCE,
        (Cause::Tick(_), _) => ticks::SOURCE,
    }
}

fn decision(note: Note) -> Decision {
    Decision {
        about: about_cause(note.cause),
        source: source(note.cause, note.from.as_deref()).to_owned(),
        routine: Some((note.routine, note.version)),
        item: Some(note.item),
        outcome: note.ruling.into(),
        reason: note.reason,
        met_item_id: note.met,
        event_id: note.from.as_ref().map(|from| from.id.clone()),
    }
}
