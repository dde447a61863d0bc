//! The doorbell: how the daemon sleeps without missing anything, and without
//! making writers pay while it is awake.
//!
//! `NOTIFY` takes one lock for the whole server until its transaction has
//! committed, so an application which notifies with every insert commits one
//! transaction after another. The trigger `hearken.ring()` therefore notifies
//! only if somebody sleeps. How it knows is an advisory lock `L`, one per
//! source: the trigger tries it, shared, for its transaction, and rings if it
//! fails; whoever sleeps holds `L` exclusively, or has asked for it, which
//! makes later tries fail as well.
//!
//! # The invariant
//!
//! *Whenever the daemon will not look again by itself, every uncommitted insert
//! either has a notification queued, or holds `L` shared with our request queued
//! behind it.*
//!
//! # The steps
//!
//! 1. Three sessions: N listens, S is for the lock, P runs the passes.
//! 2. The writer: the trigger. No exception block, nothing cached; rolling back
//!    to a savepoint takes back row, lock and bell together.
//! 3. Start or takeover: LISTEN is committed, then we look.
//! 4. Awake ([`Lock::Free`]): S neither holds nor asks for `L`. In a loop the
//!    flag is cleared, then a pass runs, in this order.
//! 5. After some milliseconds of empty passes S asks for `L` and does not wait
//!    for the answer ([`Lock::Asked`]). From here on new writers ring.
//! 6. We wait for a bell, the grant, a timer, or the loss of a session. The timer
//!    looks again after 4 ms, 8 ms, 16 ms and so on while the grant does not come.
//! 7. On the grant ([`Lock::Held`]) we look once more, in a *new* statement: in
//!    the one that waited the snapshot is too old. If nothing is there we sleep,
//!    holding `L`.
//! 8. A bell while S holds: unlock, and on with 4. A bell while S waits: pass,
//!    and keep waiting; under sustained load the request is cancelled, and on
//!    with 4.
//! 9. An error, or the loss of S or N, means awake: on with 3. Both are pinged.
//! 10. Standbys never touch `L`.
//!
//! The grant is the bell for writers which stayed silent: those which held `L`
//! when S asked are heard when they commit, since that is when the lock comes. But
//! it comes when the *last* of them has committed. One which committed before the
//! request arrived, or after our look and before a longer one, would be heard with
//! that longer one, hours later perhaps. Hence the timer of step 6: what was written
//! in time t after we asked is seen within 2t, and a transaction which is open for an
//! hour costs twenty looks.
//!
//! # Edges
//!
//! A stranger who takes `L` exclusively silences nothing: everybody rings then.
//! A transaction which notifies cannot be prepared, so two-phase writers set
//! `hearken.doorbell = 'off'`; their events, those inserted straight into a
//! partition and those written with `session_replication_role = replica` are
//! found by the reconciling poll.

use super::failpoint;
use crate::pg::doorbell;
use crate::pg::error::PgError;
use crate::pg::session::Session;
use futures_util::future::BoxFuture;
use std::sync::{Arc, Mutex, PoisonError};

/// What S does about `L`.
pub enum Lock {
    /// There is no doorbell: the source is polled.
    Off,
    /// Awake: S neither holds nor asks.
    Free,
    /// S has asked; the future ends with the grant. (A mutex which nobody locks: it
    /// lets the state be lent to several threads.)
    Asked(Mutex<BoxFuture<'static, Result<(), PgError>>>),
    /// S holds it: we may sleep.
    Held,
}

impl std::fmt::Debug for Lock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Off => "Off",
            Self::Free => "Free",
            Self::Asked(_) => "Asked",
            Self::Held => "Held",
        })
    }
}

/// The lock half of the doorbell of one source: session S and its state.
#[derive(Debug)]
pub struct Doorbell {
    session: Option<Arc<Session>>,
    source: i32,
    /// The state of the lock.
    pub lock: Lock,
}

impl Doorbell {
    /// The doorbell of the source with this id; it is awake.
    #[must_use]
    pub fn on(session: Arc<Session>, source: i32) -> Self {
        Self { session: Some(session), source, lock: Lock::Free }
    }

    /// No doorbell.
    #[must_use]
    pub fn off() -> Self {
        Self { session: None, source: 0, lock: Lock::Off }
    }

    /// Session S, if there is a doorbell.
    #[must_use]
    pub fn session(&self) -> Option<&Arc<Session>> {
        self.session.as_ref()
    }

    /// Step 5: asks for the lock. The request travels while we wait; a writer
    /// which slips in before it arrives is seen by the look after the grant.
    pub fn ask(&mut self) {
        if let Some(session) = self.session.clone() {
            let source = self.source;
            let asking = Box::pin(async move {
                failpoint::delay(failpoint::SLOW_ASK).await;
                doorbell::wait_for_lock(&session, source).await
            });
            self.lock = Lock::Asked(Mutex::new(asking));
        }
    }

    /// Waits for the grant; for ever, if it was not asked for.
    ///
    /// # Errors
    ///
    /// If S is lost or its wait cancelled by somebody else.
    pub async fn granted(&mut self) -> Result<(), PgError> {
        match &mut self.lock {
            Lock::Asked(wait) => {
                wait.get_mut().unwrap_or_else(PoisonError::into_inner).await?;
                self.lock = Lock::Held;
                Ok(())
            }
            Lock::Off | Lock::Free | Lock::Held => std::future::pending().await,
        }
    }

    /// Step 8: lets go of a lock which is held, and is awake. The future is to be
    /// awaited; a look may run meanwhile.
    pub fn let_go(&mut self) -> Option<BoxFuture<'static, Result<(), PgError>>> {
        let session = self.session.clone()?;
        self.lock = Lock::Free;
        let mut unlock: BoxFuture<'static, _> = Box::pin(async move { doorbell::unlock(&session).await });
        // The first poll hands the statement to the connection's task.
        let mut context = std::task::Context::from_waker(futures_util::task::noop_waker_ref());
        if let std::task::Poll::Ready(result) = unlock.as_mut().poll(&mut context) {
            unlock = Box::pin(std::future::ready(result));
        }
        Some(unlock)
    }

    /// Step 8: lets go of the lock, held or asked for, and is awake.
    ///
    /// # Errors
    ///
    /// If S is lost.
    pub async fn wake(&mut self, cancel_from: &Session) -> Result<(), PgError> {
        let Some(session) = self.session.clone() else { return Ok(()) };
        match std::mem::replace(&mut self.lock, Lock::Free) {
            Lock::Off | Lock::Free => Ok(()),
            Lock::Held => doorbell::unlock(&session).await,
            Lock::Asked(wait) => {
                doorbell::cancel_wait(cancel_from, &session).await?;
                match wait.into_inner().unwrap_or_else(PoisonError::into_inner).await {
                    // The grant came before the cancel.
                    Ok(()) => doorbell::unlock(&session).await,
                    Err(error) if error.is_cancelled() => Ok(()),
                    Err(error) => Err(error),
                }
            }
        }
    }
}
