//! The wake flag: set by the listener, cleared before a look.
//!
//! Cleared *before*, never after: a bell which rings during a look leaves the
//! flag set and causes one more look.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::Notify;

/// Set by anybody who knows that there may be something new.
#[derive(Debug, Default)]
pub struct Bell {
    rung: AtomicBool,
    gates: AtomicBool,
    leases: AtomicBool,
    rings: AtomicU64,
    echoes: AtomicU64,
    notify: Notify,
}

impl Bell {
    /// Rings: whoever waits wakes, and if nobody does, the next to wait.
    pub fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        self.rings.fetch_add(1, Ordering::Relaxed);
        self.notify.notify_one();
    }

    /// Rings, since something was done about held drafts or pauses.
    pub fn ring_for_gates(&self) {
        self.gates.store(true, Ordering::Release);
        self.ring();
    }

    /// Whether something was done about held drafts or pauses; asked once.
    pub fn take_gates(&self) -> bool {
        self.gates.swap(false, Ordering::AcqRel)
    }

    /// Rings, since a lease ends before we meant to look for such.
    pub fn ring_for_leases(&self) {
        self.leases.store(true, Ordering::Release);
        self.ring();
    }

    /// Whether a lease ends earlier than was planned for; asked once.
    pub fn take_leases(&self) -> bool {
        self.leases.swap(false, Ordering::AcqRel)
    }

    /// Counts a notification of the listener to itself.
    pub fn echo(&self) {
        self.echoes.fetch_add(1, Ordering::Release);
    }

    /// How many notifications to itself the listener has heard.
    #[must_use]
    pub fn echoes(&self) -> u64 {
        self.echoes.load(Ordering::Acquire)
    }

    /// How often it rang.
    #[must_use]
    pub fn rings(&self) -> u64 {
        self.rings.load(Ordering::Relaxed)
    }

    /// Clears the flag; says whether it was set. Call it before looking.
    pub fn clear(&self) -> bool {
        self.rung.swap(false, Ordering::AcqRel)
    }

    /// Waits until the flag is set; returns at once if it is.
    pub async fn wait(&self) {
        while !self.rung.load(Ordering::Acquire) {
            self.notify.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_ring_before_the_wait_is_not_lost() {
        let bell = Bell::default();
        bell.ring();
        bell.wait().await;
        assert!(bell.clear());
        assert!(!bell.clear());
    }
}
