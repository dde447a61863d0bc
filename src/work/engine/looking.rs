//! When to look for items, and what a look found.

use super::Engine;
use crate::pg::error::{PgError, Policy};
use crate::pg::work::{Ask, Taken};
use crate::work::backoff::Backoff;
use crate::work::link::Link;
use crate::work::{Handler, Run};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Of many slots a quarter is filled at once, if they become free one after
/// another: so long a free slot may wait for others.
const LINGER: Duration = Duration::from_millis(2);
/// How often to look where notifications do not arrive.
const POLL_DEAF: Duration = Duration::from_secs(1);
/// When to ask again what is due next, if that could not be said.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Whether there is a reason to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Appetite {
    /// None.
    Sated,
    /// Something falls due which the timer knows nothing of: its time is to be asked for.
    Unsure,
    /// There may be something.
    Hungry,
}

/// What a look found.
pub(super) enum Looked {
    /// These, asked for at that time; of as many as were wanted, or fewer.
    Took { taken: Vec<Taken>, wanted: usize, sent: Instant },
    /// Nothing more for now; what waits is due in so many milliseconds.
    Waits(Option<f64>),
}

/// The look under way, if there is one.
#[derive(Default)]
pub(super) struct Looking {
    look: Option<BoxFuture<'static, Result<Looked, PgError>>>,
}

impl Looking {
    pub(super) fn is_idle(&self) -> bool {
        self.look.is_none()
    }

    /// Leases up to so many items.
    fn lease(&mut self, link: Link, ask: Arc<Ask>, wanted: usize) {
        self.look = Some(Box::pin(async move {
            let live = link.get().await;
            let sent = Instant::now();
            let max = i32::try_from(wanted).unwrap_or(i32::MAX);
            let taken = live.settle(live.session.lease(&ask, max)).await?;
            Ok(Looked::Took { taken, wanted, sent })
        }));
    }

    /// Asks when to look again.
    fn next_due(&mut self, link: Link, ask: Arc<Ask>) {
        self.look = Some(Box::pin(async move {
            let live = link.get().await;
            Ok(Looked::Waits(live.settle(live.session.next_due_ms(&ask)).await?))
        }));
    }

    /// Waits for the end of the look; for ever, if there is none.
    pub(super) async fn ended(&mut self) -> Result<Looked, PgError> {
        let Some(look) = &mut self.look else { return std::future::pending().await };
        let looked = look.await;
        self.look = None;
        looked
    }
}

/// When to look though nothing was heard.
#[derive(Debug, Default)]
pub(super) struct Timer {
    at: Option<Instant>,
    /// Since when slots are free, and wait for others.
    lingers: Option<Instant>,
    /// How long to wait where something is due and not to be had, or a look failed.
    vain: Backoff,
}

impl Timer {
    pub(super) fn is_set(&self) -> bool {
        self.at.is_some()
    }

    /// When it rings.
    pub(super) fn next(&self) -> Option<Instant> {
        let lingered = self.lingers.map(|since| since + LINGER);
        [self.at, lingered].into_iter().flatten().min()
    }

    /// How long to wait, if what waits is due in so many milliseconds.
    pub(super) fn pause(&mut self, due_ms: Option<f64>, poll: Duration) -> Duration {
        let Some(ms) = due_ms else { return poll };
        match Duration::try_from_secs_f64(ms / 1e3) {
            Ok(due) if !due.is_zero() => due.min(poll),
            // Due already: others work on it, it is locked, or it is not for us.
            Ok(_) => self.vain.next().min(poll),
            Err(_) if ms < 0.0 => self.vain.next().min(poll),
            Err(_) => poll,
        }
    }
}

impl<H: Handler> Engine<H> {
    /// Looks, if there is a reason and a slot.
    pub(super) fn begin_look(&mut self) {
        let free = self.free();
        if self.appetite == Appetite::Sated || free == 0 || !self.looking.is_idle() {
            self.timer.lingers = None;
            return;
        }
        if self.appetite == Appetite::Unsure {
            self.appetite = Appetite::Sated;
            self.looking.next_due(self.link.clone(), self.ask.clone());
            return;
        }
        let enough = (self.settings.slots / 4).max(1);
        if free < enough && self.timer.lingers.get_or_insert_with(Instant::now).elapsed() < LINGER {
            return;
        }
        self.timer.lingers = None;
        self.timer.at = None;
        self.appetite = Appetite::Sated;
        self.bell.clear();
        self.looking.lease(self.link.clone(), self.ask.clone(), free);
    }

    /// The bell rang.
    pub(super) fn rung(&mut self) {
        self.timer.vain.reset();
        self.appetite = Appetite::Hungry;
    }

    /// The timer ended.
    pub(super) fn woken(&mut self) {
        let is_due = self.timer.at.is_some_and(|at| at <= Instant::now());
        if is_due {
            self.timer.at = None;
            self.appetite = Appetite::Hungry;
        }
    }

    /// A look ended.
    pub(super) fn looked(&mut self, looked: Result<Looked, PgError>) -> Result<(), PgError> {
        let poll = self.poll();
        match looked {
            Ok(Looked::Took { taken, wanted, sent }) => {
                let found = taken.len();
                self.take(taken, sent);
                if found > 0 {
                    self.timer.vain.reset();
                }
                if found >= wanted {
                    self.appetite = Appetite::Hungry;
                } else if self.settings.run == Run::Forever {
                    self.looking.next_due(self.link.clone(), self.ask.clone());
                }
            }
            Ok(Looked::Waits(due_ms)) => {
                let pause = self.timer.pause(due_ms, poll);
                self.timer.at = Some(Instant::now() + pause);
            }
            Err(error) => self.failed(error)?,
        }
        Ok(())
    }

    fn failed(&mut self, error: PgError) -> Result<(), PgError> {
        let lasting = !error.is_of_the_moment() && error.policy() != Policy::Reconnect;
        if self.settings.run == Run::Once && lasting {
            return Err(error);
        }
        tracing::warn!(error = %error, "a look for items failed");
        let pause = if lasting { self.timer.vain.next().max(ASK_AGAIN) } else { self.timer.vain.next() };
        self.timer.at = Some(Instant::now() + pause);
        Ok(())
    }

    fn poll(&self) -> Duration {
        if self.bell.is_heard() { self.settings.poll } else { self.settings.poll.min(POLL_DEAF) }
    }
}

/// Waits until then; for ever, if there is no then.
pub(super) async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}
