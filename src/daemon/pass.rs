//! The pass over the log: claim → match → plan → enqueue, one transaction.
//!
//! Start here to understand the daemon. Claiming is one round trip, enqueueing
//! and committing another, whatever the size of the page; the queries of `[each]`
//! are one more, before their items are planned. If the database refuses an item
//! the pass is done again more carefully, see [`Care`].

use super::failpoint;
use super::fan_out::{Fanned, fan_out};
use super::outcome::{Plan, of_the_moment};
use crate::pg::each::EachQueries;
use crate::pg::enqueue::{Advance, Enqueued, Verdict, Writer};
use crate::pg::error::PgError;
use crate::pg::log::{Claim, Claimed, LogReader, Page, PageLimits};
use crate::pg::session::Session;
use crate::rules::matcher::Matcher;
use crate::rules::routine::RoutineSet;
use crate::rules::snapshot::PageEnd;
use jiff::Timestamp;
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

/// How long a statement may take when drafts go alone.
const ALONE_TIMEOUT_MS: u32 = 2_000;

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
}

/// The source of the log in decisions and letters.
pub(super) const SOURCE: &str = "events";

impl LogPass<'_> {
    /// Runs it.
    ///
    /// # Errors
    ///
    /// Of the database. Nothing was written then; the transaction may still be
    /// open, and [`rollback`] ends it.
    pub async fn run(&self) -> Result<PassEnd, PgError> {
        let began = Instant::now();
        failpoint::hit("pass.begun");
        let wants = |kind: &str| self.force.matcher.wants_type(&crate::rules::name::SourceName::log(), kind);
        let page = match self.reader.claim(self.session, self.limits(), wants).await? {
            Claim::Taken => return Ok(PassEnd::Taken),
            Claim::Page(page) => page,
        };
        failpoint::hit("pass.claimed");
        let claim = began.elapsed();
        if page.next.is_none() {
            rollback(self.session).await?;
            return Ok(PassEnd::Empty(page.now));
        }
        let fanned = fan_out(self, &page).await?;
        let (plan, enqueued, planned) = match self.care {
            Care::Together => self.plan_and_send(&page, fanned, began).await?,
            Care::Guarded | Care::Alone | Care::OneEvent | Care::SetAside => {
                self.plan_with_care(&page, fanned, began).await?
            }
        };
        let (end, now, rows) = (page.end, page.now, page.rows);
        // Letting go of a page takes as long as planning some of it: elsewhere,
        // while the next one is claimed.
        tokio::task::spawn_blocking(move || drop(page));
        failpoint::hit("pass.committed");
        let done = Done {
            events: rows,
            enqueued,
            dead: plan.letters.len(),
            blocked: plan.blocked(),
            matches: plan.matches,
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
    /// one before.
    async fn plan_and_send(
        &self,
        page: &Page,
        mut fanned: Option<Fanned>,
        began: Instant,
    ) -> Result<(Plan, Enqueued, Duration), PgError> {
        let mut sending = self.writer.begin(self.session, SOURCE);
        let mut plan = Plan::default();
        let fans_out = fanned.as_ref().is_some_and(Fanned::asked);
        let (first, part) = if fans_out { (FANNED_PART, FANNED_PART) } else { (FIRST_PART, PART) };
        let (first, others) = page.events.split_at(first.min(page.events.len()));
        let mut place = 0;
        for part in std::iter::once(first).chain(others.chunks(part)) {
            self.plan(place, part, fanned.as_mut(), &mut plan);
            place += part.len();
            sending.push(std::mem::take(&mut plan.drafts)).await;
        }
        failpoint::hit("pass.planned");
        let planned = began.elapsed();
        let enqueued =
            sending.commit(&plan.decisions, &plan.letters, Advance::Log(page.next.as_ref())).await?;
        Ok((plan, enqueued, planned))
    }

    /// The careful way: the inbox says of each draft what became of it.
    async fn plan_with_care(
        &self,
        page: &Page,
        mut fanned: Option<Fanned>,
        began: Instant,
    ) -> Result<(Plan, Enqueued, Duration), PgError> {
        let mut plan = Plan::default();
        self.plan(0, &page.events, fanned.as_mut(), &mut plan);
        failpoint::hit("pass.planned");
        let planned = began.elapsed();
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
        let enqueued = plan.judge(SOURCE, &verdicts, &events.collect::<Vec<_>>());
        let advance = Advance::Log(page.next.as_ref());
        let mut sending = self.writer.begin(self.session, SOURCE);
        plan.ring_for_created(&verdicts, &mut sending);
        sending.commit(&plan.decisions, &plan.letters, advance).await?;
        Ok((plan, enqueued, planned))
    }

    /// Why an event is set aside.
    pub(super) fn why_set_aside(&self) -> &str {
        self.trouble.unwrap_or("the connection was lost whenever it was tried")
    }

    /// Plans some events of the page, of which the first is at `place`.
    fn plan(&self, place: usize, events: &[Claimed], mut fanned: Option<&mut Fanned>, plan: &mut Plan) {
        for (place, claimed) in (place..).zip(events) {
            let event = match claimed {
                Claimed::Unwanted => continue,
                Claimed::SetAside { seq, kind, why } => {
                    plan.set_aside(*seq, kind, why);
                    continue;
                }
                Claimed::Event(event) => event,
            };
            match fanned.as_deref_mut() {
                None => {
                    for index in self.force.matcher.matches(event) {
                        plan.add(&self.force.set.routines[index], event);
                    }
                }
                Some(fanned) => {
                    for index in fanned.matches(place) {
                        let routine = &self.force.set.routines[index];
                        match &routine.each {
                            None => plan.add(routine, event),
                            Some(_) => plan.add_rows(routine, event, fanned.rows(place, index)),
                        }
                    }
                }
            }
        }
    }
}

/// Ends a transaction which failed, if there is one.
///
/// # Errors
///
/// If the connection is gone.
pub async fn rollback(session: &Session) -> Result<(), PgError> {
    Ok(session.client().batch_execute("rollback").await?)
}
