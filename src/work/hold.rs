//! What a handler has of the lease under which it works.

use super::holds::{Held, Holds};
use crate::pg::work::Lease;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The lease of one item, which the engine extends as long as the handler works.
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hold {
    held: Arc<Held>,
    holds: Arc<Holds>,
    stopping: watch::Receiver<bool>,
}

impl Hold {
    pub(super) fn new(held: Arc<Held>, holds: Arc<Holds>, stopping: watch::Receiver<bool>) -> Self {
        Self { held, holds, stopping }
    }

    /// A hold of nothing, for tests of handlers: it is never lost, never stops, and
    /// drops its notes.
    #[must_use]
    pub fn detached() -> Self {
        let lasts = Duration::from_secs(24 * 3600);
        let held = Held::new(Lease { id: 0, token: 0 }, false, Instant::now(), lasts);
        let (_, stopping) = watch::channel(false);
        Self { held: Arc::new(held), holds: Arc::default(), stopping }
    }

    /// Waits until the lease is lost: somebody else may have the item by now, so
    /// stop, and answer [`Answer::Lost`](super::Answer::Lost).
    pub async fn lost(&self) {
        self.held.lost().await;
    }

    /// Whether the lease is lost.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.held.is_lost()
    }

    /// Waits until the worker is told to stop. The lease is extended all the same:
    /// finish what can be finished within the grace, or answer
    /// [`Answer::Released`](super::Answer::Released).
    pub async fn stopping(&self) {
        let mut stopping = self.stopping.clone();
        let alone = stopping.wait_for(|stop| *stop).await.is_err();
        if alone {
            std::future::pending::<()>().await;
        }
    }

    /// A note for whoever watches the item. Of notes which come fast one a second is
    /// sent, and the last one always; one which is not heard is not sent again.
    pub fn progress(&self, note: Value) {
        self.held.note(note);
        self.holds.has_note();
    }
}
