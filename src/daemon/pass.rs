//! The pass over the log: claim → match → plan → enqueue, one transaction.
//!
//! Start here to understand the daemon. Claiming is one round trip, enqueueing
//! and committing another, whatever the size of the page; the queries of `[each]`
//! are one more, before their items are planned. If the database refuses an item
//! the pass is done again more carefully, see [`Care`].

use super::failpoint;
use super::fan_out::{Fanned, fan_out};
use super::gates::{ALONE_TIMEOUT_MS, GatePass, Through};
use super::outcome::{Plan, of_the_moment};
use crate::pg::each::EachQueries;
use crate::pg::enqueue::{Advance, Enqueued, Verdict, Writer};
use crate::pg::error::PgError;
use crate::pg::gates::Timers;
use crate::pg::log::{Claim, Claimed, LogReader, Page, PageLimits};
use crate::pg::paused::PauseReader;
use crate::pg::session::Session;
use crate::rules::matcher::Matcher;
use crate::rules::name::RoutineName;
use crate::rules::routine::RoutineSet;
use crate::rules::snapshot::PageEnd;
use jiff::Timestamp;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The routines in force, with their index.
#[derive(Debug)]
pub struct Force {
    /// The set.
    pub set: Arc<RoutineSet>,
    /// Its index.
    pub matcher: Matcher,
}

/// How carefully drafts are put into the inbox. Each level finds guilty drafts
/// which the one before cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Care {
    /// All with one statement, which fails if one of them does.
    Together,
    /// One statement with an exception block around each.
    Guarded,
    /// A statement for each, so that a timeout strikes the one which hangs.
    Alone,
    /// As before, and one event at a time: for what kills the connection.
    OneEvent,
    /// That one event is set aside without trying.
    SetAside,
}

impl Care {
    /// The next level.
    #[must_use]
    pub fn more(self) -> Self {
        match self {
            Self::Together => Self::Guarded,
            Self::Guarded => Self::Alone,
            Self::Alone => Self::OneEvent,
            Self::OneEvent | Self::SetAside => Self::SetAside,
        }
    }
}

/// So many events are planned before their drafts are sent: many enough that a
/// statement is worth it.
const PART: usize = 250;
/// The same for the first ones of a page, so that the server, which waits for
/// them, soon has something to do.
const FIRST_PART: usize = 80;
/// The same where rows become items: an event may make hundreds of them.
const FANNED_PART: usize = 16;

/// What a pass did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    /// Rows of the log which were read.
    pub events: usize,
    /// What the inbox made of the drafts.
    pub enqueued: Enqueued,
    /// Dead letters written.
    pub dead: usize,
    /// Those of them which are blocked.
    pub blocked: usize,
    /// Matches of events and routines.
    pub matches: usize,
    /// Drafts which a gate holds, or which joined others.
    pub held: u64,
    /// Drafts which a gate stopped, and which are not the same as others.
    pub stopped: u64,
    /// When held drafts are to be looked at, as far as the pass knows.
    pub timers: Timers,
    /// How long claiming took.
    pub claim: Duration,
    /// How long matching and planning took.
    pub plan: Duration,
    /// How long enqueueing and the commit took.
    pub commit: Duration,
}

/// How a pass ended.
#[derive(Clone, Copy, Debug)]
pub enum PassEnd {
    /// There was nothing new.
    Empty(Timestamp),
    /// Something was done; `PageEnd::Full` means there may be more.
    Worked(Done, PageEnd, Timestamp),
    /// Another daemon is at it.
    Taken,
}

/// A pass and what it works with.
#[derive(Debug)]
pub struct LogPass<'a> {
    /// The session.
    pub session: &'a Session,
    /// Reads the log.
    pub reader: &'a LogReader,
    /// Writes the outcome.
    pub writer: &'a Writer,
    /// The routines.
    pub force: &'a Force,
    /// How much to claim.
    pub limits: PageLimits,
    /// How carefully to enqueue.
    pub care: Care,
    /// Why so carefully: the error which a set-aside event is buried with.
    pub trouble: Option<&'a str>,
    /// The queries of `[each]`; none, if no routine in force has one.
    pub each: Option<&'a EachQueries>,
    /// Reads which routines are paused.
    pub pauses: &'a PauseReader,
}

/// The source of the log in decisions and letters.
pub(super) const SOURCE: &str = "events";

impl LogPass<'_> {
    /// Runs it. Which routines are paused is told in `known`, once that is
    /// read.
    ///
    /// # Errors
    ///
    /// Of the database. Nothing was written then; the transaction may still be
    /// open, and [`rollback`] ends it.
    pub async fn run(&self, known: &mut Option<HashSet<RoutineName>>) -> Result<PassEnd, PgError> {
        let began = Instant::now();
        failpoint::hit("pass.begun");
        let wants = |kind: &str| self.force.matcher.wants_type(&crate::rules::name::SourceName::log(), kind);
        let claim = self.reader.claim(self.session, self.limits(), wants);
        let (claimed, paused) = futures_util::join!(claim, self.pauses.read(self.session));
        // If the claim failed, the other one only says that the transaction did.
        let page = match claimed? {
            Claim::Taken => return Ok(PassEnd::Taken),
            Claim::Page(page) => page,
        };
        let paused = paused?;
        *known = Some(paused.clone());
        failpoint::hit("pass.claimed");
        let claim = began.elapsed();
        if page.next.is_none() {
            rollback(self.session).await?;
            return Ok(PassEnd::Empty(page.now));
        }
        let fanned = fan_out(self, &page, &paused).await?;
        let work = Work { page: &page, paused: &paused, began };
        let (plan, through, planned) = match self.care {
            Care::Together => self.plan_and_send(&work, fanned).await?,
            Care::Guarded | Care::Alone | Care::OneEvent | Care::SetAside => {
                self.plan_with_care(&work, fanned).await?
            }
        };
        let (end, now, rows) = (page.end, page.now, page.rows);
        // Letting go of a page takes as long as planning some of it: elsewhere,
        // while the next one is claimed.
        tokio::task::spawn_blocking(move || drop(page));
        failpoint::hit("pass.committed");
        let done = Done {
            events: rows,
            enqueued: through.enqueued,
            dead: plan.letters.len(),
            blocked: plan.blocked(),
            matches: plan.matches,
            held: through.held,
            stopped: through.stopped,
            timers: through.timers,
            claim,
            plan: planned - claim,
            commit: began.elapsed() - planned,
        };
        Ok(PassEnd::Worked(done, end, now))
    }

    fn limits(&self) -> PageLimits {
        match self.care {
            Care::Together | Care::Guarded | Care::Alone => self.limits,
            Care::OneEvent | Care::SetAside => PageLimits { rows: 1, ..self.limits },
        }
    }

    /// The fast way: a part of the page is planned while the server enqueues the
    /// one before. Drafts which have gates to pass are judged all together, at the
    /// end.
    async fn plan_and_send(
        &self,
        work: &Work<'_>,
        mut fanned: Option<Fanned>,
    ) -> Result<(Plan, Through, Duration), PgError> {
        let page = work.page;
        let mut sending = self.writer.begin(self.session, SOURCE);
        let mut plan = Plan::default();
        let fans_out = fanned.as_ref().is_some_and(Fanned::asked);
        let (first, part) = if fans_out { (FANNED_PART, FANNED_PART) } else { (FIRST_PART, PART) };
        let (first, others) = page.events.split_at(first.min(page.events.len()));
        let mut place = 0;
        for part in std::iter::once(first).chain(others.chunks(part)) {
            self.plan(place, part, fanned.as_mut(), work.paused, &mut plan);
            place += part.len();
            sending.push(std::mem::take(&mut plan.drafts)).await;
        }
        failpoint::hit("pass.planned");
        let planned = work.began.elapsed();
        let mut through = match self.gates(page.now).run(&mut plan, &[]).await {
            Ok(through) => through,
            // If drafts were refused before, it only says that the transaction failed.
            Err(error) => return Err(sending.failed().await.unwrap_or(error)),
        };
        through.queues.iter().for_each(|queue| sending.ring_for(queue));
        let advance = Advance::Log(page.next.as_ref());
        through.enqueued += sending.commit(&plan.decisions, &plan.letters, advance).await?;
        Ok((plan, through, planned))
    }

    /// The careful way: the inbox says of each draft what became of it.
    async fn plan_with_care(
        &self,
        work: &Work<'_>,
        mut fanned: Option<Fanned>,
    ) -> Result<(Plan, Through, Duration), PgError> {
        let page = work.page;
        let mut plan = Plan::default();
        self.plan(0, &page.events, fanned.as_mut(), work.paused, &mut plan);
        failpoint::hit("pass.planned");
        let planned = work.began.elapsed();
        let verdicts = match self.care {
            Care::Together | Care::Guarded => self.writer.enqueue_each(self.session, &plan.drafts).await?,
            Care::Alone | Care::OneEvent => {
                self.writer.enqueue_singly(self.session, &plan.drafts, ALONE_TIMEOUT_MS).await?
            }
            Care::SetAside => {
                let message = self.why_set_aside().to_owned();
                let verdict = Verdict::Refused { sqlstate: "XX000".into(), message };
                vec![verdict; plan.drafts.len()]
            }
        };
        if self.care == Care::Guarded
            && let Some(error) = of_the_moment(&verdicts)
        {
            return Err(error);
        }
        let events = page.events.iter().filter_map(|claimed| match claimed {
            Claimed::Event(event) => Some(event.as_ref()),
            Claimed::Unwanted | Claimed::SetAside { .. } => None,
        });
        let events = events.collect::<Vec<_>>();
        let enqueued = plan.judge(SOURCE, &verdicts, &events);
        let mut through = self.gates(page.now).run(&mut plan, &events).await?;
        through.enqueued += enqueued;
        let advance = Advance::Log(page.next.as_ref());
        let mut sending = self.writer.begin(self.session, SOURCE);
        plan.ring_for_created(&verdicts, &mut sending);
        through.queues.iter().for_each(|queue| sending.ring_for(queue));
        sending.commit(&plan.decisions, &plan.letters, advance).await?;
        Ok((plan, through, planned))
    }

    fn gates(&self, about: Timestamp) -> GatePass<'_> {
        let Self { session, writer, care, trouble, .. } = *self;
        GatePass { session, writer, care, trouble, about }
    }

    /// Why an event is set aside.
    pub(super) fn why_set_aside(&self) -> &str {
        self.trouble.unwrap_or("the connection was lost whenever it was tried")
    }

    /// Plans some events of the page, of which the first is at `place`.
    fn plan(
        &self,
        place: usize,
        events: &[Claimed],
        mut fanned: Option<&mut Fanned>,
        paused: &HashSet<RoutineName>,
        plan: &mut Plan,
    ) {
        for (place, claimed) in (place..).zip(events) {
            let event = match claimed {
                Claimed::Unwanted => continue,
                Claimed::SetAside { seq, kind, why } => {
                    plan.set_aside(*seq, kind, why);
                    continue;
                }
                Claimed::Event(event) => event,
            };
            let matches = match fanned.as_deref_mut() {
                None => self.force.matcher.matches(event),
                Some(fanned) => fanned.matches(place),
            };
            for index in matches {
                let routine = &self.force.set.routines[index];
                if paused.contains(&routine.name) {
                    plan.pause(routine, event);
                    continue;
                }
                match (fanned.as_deref_mut(), &routine.each) {
                    (Some(fanned), Some(_)) => plan.add_rows(routine, event, fanned.rows(place, index)),
                    (_, _) => plan.add(routine, event),
                }
            }
        }
    }
}

/// What a pass has claimed.
struct Work<'a> {
    page: &'a Page,
    paused: &'a HashSet<RoutineName>,
    began: Instant,
}

/// Ends a transaction which failed, if there is one.
///
/// # Errors
///
/// If the connection is gone.
pub async fn rollback(session: &Session) -> Result<(), PgError> {
    Ok(session.client().batch_execute("rollback").await?)
}
