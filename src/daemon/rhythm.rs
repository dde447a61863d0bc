//! When a term looks at the log, and how it waits for what comes next.

use super::doorbell::{Doorbell, Lock};
use super::failpoint;
use crate::pg::error::PgError;
use crate::pg::session::Session;
use std::time::{Duration, Instant};

/// Between two proofs that the sessions live.
pub(super) const PING_EVERY: Duration = Duration::from_secs(20);
/// A listener which does not hear itself within this is deaf.
pub(super) const ECHO_WITHIN: Duration = Duration::from_secs(5);
/// The pause between two looks while awake, at least.
pub(super) const LOOK_PAUSE: Duration = Duration::from_millis(1);
/// The same for each row the last look found: the busier the writers, the larger
/// the pages and the fewer the passes which compete with them. Up to about a
/// thousand events a second the pause stays at its least.
const LOOK_PAUSE_A_ROW: Duration = Duration::from_micros(250);
/// The same, at most.
const LOOK_PAUSE_MAX: Duration = Duration::from_millis(8);

/// Looks in a row that found something while S waits, after which the request
/// is cancelled: the load is sustained and the bells would make writers queue.
const BUSY_LOOKS: u32 = 16;
/// How long after S has asked we look again, for the first time.
const LOOK_AGAIN: Duration = Duration::from_millis(4);
/// For how long such a look is put off at most.
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(60);

/// What a look found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing new.
    Nothing,
    /// Something, all of it.
    All,
    /// Something, and there is more; or the pass failed and is to be repeated.
    More,
}

/// When to look, and what the last looks were like.
#[derive(Debug)]
pub(super) struct Rhythm {
    /// There is a reason to look.
    pub(super) look: bool,
    /// A look has succeeded in this term.
    pub(super) well: bool,
    /// Looks in a row which found something.
    pub(super) busy_looks: u32,
    /// Since when there was nothing to do.
    pub(super) quiet_since: Option<Instant>,
    /// The pause before the next look while awake.
    pub(super) pause: Duration,
    /// When to prove that the sessions live.
    pub(super) next_ping: Instant,
    /// When to look though nothing was heard.
    pub(super) next_poll: Instant,
    /// While S waits: when to look again, and how long that was put off.
    again: (Instant, Duration),
}

impl Rhythm {
    /// A term begins with a look.
    pub(super) fn begin() -> Self {
        let now = Instant::now();
        Self {
            look: true,
            well: false,
            busy_looks: 0,
            quiet_since: None,
            pause: LOOK_PAUSE,
            next_ping: now + PING_EVERY,
            next_poll: now,
            again: (now, LOOK_AGAIN),
        }
    }

    /// What a look means for the next one, and for the doorbell; `work` is a session
    /// over which a wait for its lock can be cancelled.
    pub(super) async fn looked(
        &mut self,
        found: Found,
        doorbell: &mut Doorbell,
        work: &Session,
    ) -> Result<(), PgError> {
        if found == Found::Nothing {
            self.busy_looks = 0;
            return Ok(());
        }
        self.quiet_since = None;
        self.busy_looks += 1;
        let asked = matches!(doorbell.lock, Lock::Asked(_));
        if matches!(doorbell.lock, Lock::Held) || (asked && self.busy_looks >= BUSY_LOOKS) {
            doorbell.wake(work).await?;
        }
        // While S waits, whoever is not in this page rings. Awake, we look again
        // after a pause: looking all the time would take from the writers what
        // the doorbell spares them.
        self.look = found == Found::More || matches!(doorbell.lock, Lock::Off);
        Ok(())
    }

    /// Asks for the doorbell's lock once it has been quiet for long enough.
    pub(super) fn fall_asleep(&mut self, doorbell: &mut Doorbell, linger: Duration) {
        let quiet = *self.quiet_since.get_or_insert_with(Instant::now);
        if matches!(doorbell.lock, Lock::Free) && quiet.elapsed() >= linger {
            doorbell.ask();
            self.again = (Instant::now() + LOOK_AGAIN, LOOK_AGAIN);
        }
    }

    /// A look though nothing was heard. While S waits behind a long transaction, each
    /// is put off twice as long as the one before: see step 6 of the doorbell.
    pub(super) fn polled(&mut self) {
        self.look = true;
        let pause = self.again.1.saturating_mul(2).min(LOOK_AGAIN_MAX);
        self.again = (Instant::now() + pause, pause);
    }

    /// When to look though nothing was heard; none, if there is a reason already.
    pub(super) fn next_look(&self, doorbell: &Doorbell) -> Option<Instant> {
        match doorbell.lock {
            // Not even a timer of nothing: those end at the next millisecond.
            _ if self.look => None,
            Lock::Free => Some(Instant::now() + self.pause),
            Lock::Asked(_) if failpoint::leaves_out(failpoint::NO_LAST_LOOK) => Some(self.next_poll),
            Lock::Asked(_) => Some(self.next_poll.min(self.again.0)),
            Lock::Off | Lock::Held => Some(self.next_poll),
        }
    }

    /// A look found so many rows.
    pub(super) fn found(&mut self, rows: usize) {
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        self.pause = LOOK_PAUSE_A_ROW.saturating_mul(rows).clamp(LOOK_PAUSE, LOOK_PAUSE_MAX);
    }
}

/// Waits until the session ends; for ever, if there is none.
pub(super) async fn closed(session: Option<&Session>) {
    match session {
        Some(session) => session.closed().await,
        None => std::future::pending().await,
    }
}

/// An answer, or the loss of the session: the server ends statements which take
/// longer than `timeout`, so that silence well beyond it means that the network
/// swallows what we send.
pub(super) async fn answered<T>(
    timeout: Duration,
    asking: impl Future<Output = Result<T, PgError>>,
) -> Result<T, PgError> {
    let silence = || PgError::lost("a session which does not answer any more");
    tokio::time::timeout(timeout + ECHO_WITHIN, asking).await.unwrap_or_else(|_| Err(silence()))
}

/// Waits until then; not at all, if there is no then.
pub(super) async fn at_or_now(instant: Option<Instant>) {
    if let Some(instant) = instant {
        tokio::time::sleep_until(instant.into()).await;
    }
}

/// Waits until then; for ever, if there is no then.
pub(super) async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Awake for long, every look is one which nobody rang for.
    #[test]
    fn looks_are_put_off_no_longer_than_a_minute() {
        let mut rhythm = Rhythm::begin();
        for _ in 0..200 {
            rhythm.polled();
        }
        assert_eq!(rhythm.again.1, LOOK_AGAIN_MAX);
    }
}
