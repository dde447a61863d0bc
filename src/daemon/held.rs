//! The pass over held drafts: those whose time has come, and those whose item has
//! been closed.
//!
//! Timers are rows with a `due_at`, so there is nothing to lose at a restart. What
//! the daemon remembers of them is when to look, and a look too many costs one
//! statement.

use super::clock::DbClock;
use super::failpoint;
use super::gates::{GatePass, Met, Through, source_of};
use super::outcome::Plan;
use super::pass::{Care, Done, rollback};
use crate::pg::enqueue::{Advance, Verdict};
use crate::pg::error::PgError;
use crate::pg::gates::{HeldLimits, Queue, Ready, Timers, Which, drop_spoilt};
use crate::rules::gate::State;
use crate::rules::item::ItemDraft;
use jiff::Timestamp;
use std::time::{Duration, Instant};

/// Between two looks while drafts wait for items to be closed. Whoever closes one
/// rings as writers of events do, and each look of ours includes these drafts; but
/// an item can be closed by hand.
const QUEUE_EVERY: Duration = Duration::from_secs(5);
/// Between two of them at least, while the log is looked at all the time.
const QUEUE_PAUSE: Duration = Duration::from_millis(20);
/// The same, while somebody else has the rows which are due.
const LOCKED_EVERY: Duration = Duration::from_millis(500);
/// Between two looks while none does.
const QUIET_EVERY: Duration = Duration::from_secs(60);

/// When held drafts are to be looked at: a hint, which the database has the better
/// of.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeldClock {
    timers: Timers,
    next_look: Instant,
}

impl HeldClock {
    /// A term begins with a look.
    pub(super) fn begin() -> Self {
        Self { timers: Timers::default(), next_look: Instant::now() }
    }

    /// Asks for a look.
    pub(super) fn ask(&mut self) {
        self.next_look = Instant::now();
    }

    /// The log was looked at: with it goes a look at what waits for items, as the
    /// doorbell's protocol wants.
    /// While the daemon is awake and looks all the time, it is enough now and then.
    pub(super) fn looked(&mut self) {
        if self.timers.queue == Queue::Waiting {
            self.next_look = self.next_look.min(Instant::now() + QUEUE_PAUSE);
        }
    }

    /// The lock of the doorbell was granted: somebody may have closed an item in
    /// silence.
    pub(super) fn granted(&mut self) {
        if self.timers.queue == Queue::Waiting {
            self.ask();
        }
    }

    /// A pass has held drafts, or let them go on.
    pub(super) fn told(&mut self, timers: Timers) {
        let next = [self.timers.next, timers.next];
        self.timers.next = next.into_iter().flatten().min();
        if timers.queue == Queue::Waiting {
            self.timers.queue = Queue::Waiting;
            self.ask();
        }
    }

    /// The database has told.
    pub(super) fn heard(&mut self, timers: Timers) {
        self.timers = timers;
        let wait = if timers.queue == Queue::Waiting { QUEUE_EVERY } else { QUIET_EVERY };
        self.next_look = Instant::now() + wait;
    }

    /// What is due could not be had: somebody else has the rows, to cancel them say.
    pub(super) fn wait_a_while(&mut self, now: Timestamp) {
        if self.is_due(now) {
            self.timers.next = None;
            self.next_look = Instant::now() + LOCKED_EVERY;
        }
    }

    /// Whether the database is to be asked.
    pub(super) fn is_to_look(&self) -> bool {
        self.next_look <= Instant::now()
    }

    /// Whether some drafts wait for items to be closed.
    pub(super) fn queue(&self) -> Queue {
        self.timers.queue
    }

    /// Whether one is due at this time.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.timers.next.is_some_and(|next| next <= now)
    }

    /// When to wake.
    pub(super) fn instant(&self, clock: &DbClock) -> Instant {
        let due = self.timers.next.map(|next| clock.instant_of(next));
        due.map_or(self.next_look, |due| due.min(self.next_look))
    }
}

/// How many held drafts one pass takes, how large they may be together, and how many
/// they may be made of.
const LIMITS: HeldLimits = HeldLimits { rows: 1_000, bytes: 4 << 20, drafts: 5_000 };

/// How a pass over held drafts ended.
#[derive(Clone, Debug)]
pub(super) enum HeldEnd {
    /// There was nothing to let go on.
    Nothing(Timestamp),
    /// Some went on.
    Worked(Done, Timestamp, Left),
}

/// Whether a pass took as many as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// It did: there may be more.
    More,
    /// It did not.
    Less,
}

/// A pass over held drafts.
pub(super) struct HeldPass<'a> {
    /// What the gates work with.
    pub(super) gates: GatePass<'a>,
    /// Which drafts.
    pub(super) which: Which,
    /// Routines which are there and cannot be used for now: their drafts wait.
    pub(super) resting: &'a [String],
}

impl HeldPass<'_> {
    /// Runs it.
    ///
    /// # Errors
    ///
    /// Of the database. Nothing was written then, and the transaction is to be
    /// rolled back.
    pub(super) async fn run(&self, alone: &mut Option<i64>) -> Result<HeldEnd, PgError> {
        let mut met = Met::default();
        loop {
            // Where a table of the user's has the row of an item already, all is taken
            // back and done again without it.
            match self.run_once(alone, &mut met).await? {
                Some(end) => return Ok(end),
                None => rollback(self.gates.session).await?,
            }
        }
    }

    async fn run_once(&self, alone: &mut Option<i64>, met: &mut Met) -> Result<Option<HeldEnd>, PgError> {
        let began = Instant::now();
        let GatePass { session, writer, care, .. } = self.gates;
        let gates = writer.gates(session).await?;
        session.client().batch_execute("begin").await?;
        if self.which == Which::Free {
            gates.look_after_foreign(session, writer.inboxes()).await?;
        }
        let rows = if care < Care::OneEvent { LIMITS.rows } else { 1 };
        let (chosen, clock) =
            gates.choose(session, self.which, HeldLimits { rows, ..LIMITS }, self.resting).await?;
        let Some(first) = chosen.first().map(|chosen| chosen.id) else {
            rollback(session).await?;
            return Ok(Some(HeldEnd::Nothing(clock)));
        };
        // Only the one which failed alone is set aside untried.
        if care == Care::SetAside && *alone == Some(first) {
            return self.bury(first, clock).await.map(Some);
        }
        if care >= Care::OneEvent {
            *alone = Some(first);
        }
        let inboxes = writer.inboxes();
        let Ready { mut state, now, count, spoilt, rows } = gates.ready(session, inboxes, &chosen).await?;
        if count == 0 && spoilt.is_empty() {
            rollback(session).await?;
            return Ok(Some(HeldEnd::Nothing(now)));
        }
        let claim = began.elapsed();
        failpoint::hit("held.begun");
        let mut plan = Plan::default();
        self.set_aside(&mut state, &mut plan).await?;
        met.give_up(&mut state);
        let notes = state.release_due(now);
        let judged = began.elapsed();
        let Some(mut through) = self.gates.write(gates, state, &rows, notes, met, &mut plan).await? else {
            return Ok(None);
        };
        through.enqueued.duplicates += met.told(&mut plan);
        drop_spoilt(session, &spoilt).await?;
        let Through { enqueued, queues, held, stopped, timers } = through;
        let mut sending = writer.begin(session, "held");
        queues.iter().for_each(|queue| sending.ring_for(queue));
        sending.commit(&plan.decisions, &plan.letters, Advance::Nowhere).await?;
        failpoint::hit("held.committed");
        let more = i64::try_from(chosen.len()).unwrap_or(i64::MAX) >= LIMITS.rows;
        let done = Done {
            events: 0,
            enqueued,
            dead: plan.letters.len() + spoilt.len(),
            blocked: plan.blocked(),
            matches: 0,
            held,
            stopped,
            timers,
            claim,
            plan: judged - claim,
            commit: began.elapsed() - judged,
        };
        let more = if more { Left::More } else { Left::Less };
        Ok(Some(HeldEnd::Worked(done, now, more)))
    }

    /// Sets a draft aside which cannot go on, without touching anything else.
    async fn bury(&self, id: i64, now: Timestamp) -> Result<HeldEnd, PgError> {
        let GatePass { session, writer, trouble, .. } = self.gates;
        let why = trouble.unwrap_or("the connection was lost whenever it was tried").to_owned();
        drop_spoilt(session, &[(id, why)]).await?;
        writer.begin(session, "held").commit(&[], &[], Advance::Nowhere).await?;
        let done = Done { dead: 1, ..Done::default() };
        Ok(HeldEnd::Worked(done, now, Left::Less))
    }

    /// With care, those which the inbox would refuse become dead letters, and are
    /// held no more.
    async fn set_aside(&self, state: &mut State, plan: &mut Plan) -> Result<(), PgError> {
        if self.gates.care == Care::Together {
            return Ok(());
        }
        let subjects: Vec<(i64, ItemDraft)> = state.subjects();
        let drafts: Vec<ItemDraft> = subjects.iter().map(|(_, draft)| draft.clone()).collect();
        let verdicts = self.gates.probe(&drafts).await?;
        for ((id, draft), verdict) in subjects.into_iter().zip(verdicts) {
            if let Verdict::Refused { sqlstate, message } = verdict {
                plan.refuse(source_of(&draft), &draft, &sqlstate, &message, &[]);
                state.give_up(id);
            }
        }
        Ok(())
    }
}
