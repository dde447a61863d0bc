//! The flag which wakes the engine: set by the listener, cleared before a look.
//!
//! Cleared *before*, never after: a bell which rings during a look leaves the
//! flag set and causes one more.

use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// The bell of a worker's queues.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rung: AtomicBool,
    hears: AtomicBool,
    notify: Notify,
}

impl Bell {
    /// There may be something new.
    pub(super) fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    /// Clears the flag. Call it before looking.
    pub(super) fn clear(&self) {
        self.rung.store(false, Ordering::Release);
    }

    /// Waits until the flag is set; returns at once if it is.
    pub(super) async fn wait(&self) {
        while !self.rung.load(Ordering::Acquire) {
            self.notify.notified().await;
        }
    }

    /// From now on notifications are heard, or are not. Either way there is a
    /// reason to look: for what was not heard, or to poll more often.
    pub(super) fn hears(&self, hears: Hears) {
        self.hears.store(hears == Hears::Yes, Ordering::Release);
        self.ring();
    }

    /// Whether notifications are heard.
    pub(super) fn is_heard(&self) -> bool {
        self.hears.load(Ordering::Acquire)
    }
}

/// Whether notifications arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hears {
    /// They were proven to.
    Yes,
    /// The listener is gone, or does not hear itself.
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_ring_before_the_wait_is_not_lost() {
        let bell = Bell::default();
        bell.ring();
        bell.wait().await;
        bell.clear();
        bell.hears(Hears::Yes);
        bell.wait().await;
        assert!(bell.is_heard());
    }
}
