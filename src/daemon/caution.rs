//! How much trouble the batch in hand has given.
//!
//! It outlives the loss of a session: a batch which kills the connection each
//! time is found out too.

use super::pass::Care;
use crate::pg::error::PgError;
use std::time::Duration;

/// The first pause after a pass that failed, doubled each time.
const RETRY_FIRST: Duration = Duration::from_millis(50);
/// The longest such pause.
const RETRY_MAX: Duration = Duration::from_secs(5);
/// Failures of one batch for a reason of the moment, after which the batch
/// itself is suspected.
const STRIKES_MAX: u32 = 3;

/// What outlives a term: how much trouble the batch in hand has given.
#[derive(Debug)]
pub struct Caution {
    /// How carefully to enqueue.
    pub care: Care,
    /// The last error.
    pub trouble: Option<String>,
    strikes: u32,
    in_pass: bool,
}

impl Default for Caution {
    fn default() -> Self {
        Self { care: Care::Together, trouble: None, strikes: 0, in_pass: false }
    }
}

impl Caution {
    /// A session was lost. If it was in the middle of a pass that counts
    /// against the batch.
    pub fn lost(&mut self, error: &PgError) {
        if std::mem::take(&mut self.in_pass) {
            self.strike(error);
        }
    }

    /// A pass begins.
    pub fn enter(&mut self) {
        self.in_pass = true;
    }

    /// A pass ended without a word on the batch.
    pub fn leave(&mut self) {
        self.in_pass = false;
    }

    /// The batch went through: its trouble is over.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// A pass failed.
    pub fn strike(&mut self, error: &PgError) {
        self.strikes += 1;
        self.trouble = Some(error.to_string());
    }

    /// Whether the batch has failed so often, for reasons of the moment, that it
    /// is itself suspected.
    #[must_use]
    pub fn is_suspicious(&self) -> bool {
        self.strikes >= STRIKES_MAX
    }

    /// The next pass is more careful.
    pub fn escalate(&mut self) {
        self.care = self.care.more();
        self.strikes = 0;
    }

    /// How long to wait before the next try.
    #[must_use]
    pub fn pause(&self) -> Duration {
        RETRY_FIRST.saturating_mul(1 << self.strikes.min(10)).min(RETRY_MAX)
    }

    /// A session was lost while others work: a batch which does that again and
    /// again is handled with more care.
    pub fn suspect(&mut self) {
        if self.is_suspicious() {
            self.escalate();
        }
    }
}
