//! The pass over a source: claim → match → plan → enqueue, one transaction.
//!
//! Start here to understand the daemon. Claiming is one round trip, enqueueing
//! and committing another, whatever the size of the page; the queries of `[each]`
//! are one more, before their items are planned. If the database refuses an item
//! the pass is done again more carefully, see [`Care`].

use super::deliver::Delivery;
use super::failpoint;
use super::fan_out::{Fanned, fan_out};
use super::gates::{GatePass, Through};
use super::outcome::Plan;
use crate::pg::each::EachQueries;
use crate::pg::enqueue::{Advance, Enqueued, Writer};
use crate::pg::error::PgError;
use crate::pg::gates::Timers;
use crate::pg::log::LogReader;
use crate::pg::page::{Claim, Claimed, Page, PageLimits, Step};
use crate::pg::paused::PauseReader;
use crate::pg::session::Session;
use crate::pg::table::{Reading, TableReader};
use crate::rules::matcher::Matcher;
use crate::rules::name::{RoutineName, SourceName};
use crate::rules::routine::RoutineSet;
use crate::rules::snapshot::PageEnd;
use futures_util::future::BoxFuture;
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

/// Where the events of a pass come from.
#[derive(Clone, Copy, Debug)]
pub enum Reader<'a> {
    /// The log.
    Log(&'a LogReader),
    /// A table of the user's.
    Table(&'a TableReader),
}

impl Reader<'_> {
    /// The source's name in decisions and letters.
    #[must_use]
    pub fn source(&self) -> &str {
        match self {
            Self::Log(_) => SOURCE,
            Self::Table(reader) => reader.spec().name.as_str(),
        }
    }
}

/// What a pass has learned, however it ends.
#[derive(Debug, Default)]
pub struct Learned {
    /// Which routines are paused, once that is read.
    pub paused: Option<HashSet<RoutineName>>,
    /// How far it came.
    pub stage: Stage,
}

/// How far a pass came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// It was claiming: an error is about the source.
    #[default]
    Claiming,
    /// It had claimed.
    Claimed,
}

/// A pass and what it works with.
#[derive(Debug)]
pub struct EventPass<'a> {
    /// The session.
    pub session: &'a Session,
    /// Reads the source.
    pub reader: Reader<'a>,
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

impl EventPass<'_> {
    /// Runs it. What it learned on the way is told in `learned`.
    ///
    /// # Errors
    ///
    /// Of the database. Nothing was written then; the transaction may still be
    /// open, and [`rollback`] ends it.
    pub async fn run(&self, learned: &mut Learned) -> Result<PassEnd, PgError> {
        let began = Instant::now();
        failpoint::hit("pass.begun");
        let (claimed, paused) = futures_util::join!(self.claim(), self.pauses.read(self.session));
        // If the claim failed, the other one only says that the transaction did.
        let page = match claimed? {
            Claim::Taken => return Ok(PassEnd::Taken),
            Claim::Page(page) => page,
        };
        let paused = paused?;
        *learned = Learned { paused: Some(paused.clone()), stage: Stage::Claimed };
        failpoint::hit("pass.claimed");
        let claim = began.elapsed();
        if page.step.is_none() {
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

    async fn claim(&self) -> Result<Claim, PgError> {
        match self.reader {
            Reader::Log(reader) => {
                let log = SourceName::log();
                let wants = |kind: &str| self.force.matcher.wants_type(&log, kind);
                reader.claim(self.session, self.limits(), wants).await
            }
            Reader::Table(reader) => {
                let wants = |kind: &str| self.force.matcher.wants_type(&reader.spec().name, kind);
                let reading = if self.care == Care::Together { Reading::Page } else { Reading::EachRow };
                reader.claim(self.session, self.limits(), reading, wants).await
            }
        }
    }

    fn advance<'b>(&'b self, page: &'b Page) -> Advance<'b> {
        match (&page.step, self.reader) {
            (Some(Step::Log(progress)), _) => Advance::Log(Some(progress)),
            (Some(Step::Rows(rows)), Reader::Table(reader)) => Advance::Rows(reader, rows),
            (Some(Step::Rows(_)), Reader::Log(_)) | (None, _) => Advance::Nowhere,
        }
    }

    /// Sends the mark of a page of a table, which the server sees to while items are
    /// planned. The answer is to be asked for before all others.
    async fn begin_mark<'b>(&'b self, page: &'b Page) -> Option<Marking<'b>> {
        let (Some(Step::Rows(rows)), Reader::Table(reader)) = (&page.step, self.reader) else { return None };
        let mut marking: Marking<'b> = Box::pin(reader.mark(self.session, rows));
        // The first poll hands the statement to the connection's task, and the yield lets
        // that task write it.
        if let std::task::Poll::Ready(result) = futures_util::poll!(marking.as_mut()) {
            marking = Box::pin(std::future::ready(result));
        }
        tokio::task::yield_now().await;
        Some(marking)
    }

    fn delivery(&self) -> Delivery<'_> {
        let Self { session, writer, care, trouble, .. } = *self;
        Delivery { session, writer, care, trouble, source: self.reader.source() }
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
        let mut marking = self.begin_mark(page).await;
        let mut sending = self.writer.begin(self.session, self.reader.source());
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
        let advance = if marking.is_some() { Advance::Nowhere } else { self.advance(page) };
        if !plan.gated.is_empty()
            && let Some(marking) = marking.take()
        {
            marking.await?;
        }
        let mut through = match self.gates(page.now).run(&mut plan, &[]).await {
            Ok(through) => through,
            // If drafts were refused before, it only says that the transaction failed.
            Err(error) => return Err(sending.failed().await.unwrap_or(error)),
        };
        let delivery = self.delivery();
        let marked = async { if let Some(marking) = marking { marking.await } else { Ok(()) } };
        let (marked, placed) = futures_util::join!(marked, delivery.foreign(&mut plan));
        // What failed first failed the transaction.
        marked?;
        match placed {
            Ok(enqueued) => through.enqueued += enqueued,
            Err(error) => return Err(sending.failed().await.unwrap_or(error)),
        }
        through.queues.iter().for_each(|queue| sending.ring_for(queue));
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
        let events = page.events.iter().filter_map(|claimed| match claimed {
            Claimed::Event(event) => Some(event.as_ref()),
            Claimed::Unwanted | Claimed::SetAside { .. } => None,
        });
        let events = events.collect::<Vec<_>>();
        let (enqueued, created) = self.delivery().with_care(&mut plan, &events).await?;
        let mut through = self.gates(page.now).run(&mut plan, &events).await?;
        through.enqueued += enqueued;
        let mut sending = self.writer.begin(self.session, self.reader.source());
        created.iter().chain(&through.queues).for_each(|queue| sending.ring_for(queue));
        sending.commit(&plan.decisions, &plan.letters, self.advance(page)).await?;
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
                Claimed::SetAside { seq, id, kind, why } => {
                    plan.set_aside(self.reader.source(), *seq, id.as_deref(), kind, why);
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

/// The answer to a mark.
type Marking<'a> = BoxFuture<'a, Result<(), PgError>>;

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
