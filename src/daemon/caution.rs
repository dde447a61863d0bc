//! How much trouble the batch in hand has given.
//!
//! It outlives the loss of a session: a batch which kills the connection each
//! time is found out too.

use super::pass::Care;
use super::source::SourceCautions;
use crate::pg::error::PgError;
use std::sync::PoisonError;
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
    /// The held draft which was tried alone.
    pub alone: Option<i64>,
    strikes: u32,
    in_pass: bool,
}

/// The caution of each kind of pass: a batch of one kind which goes through says
/// nothing about one of another.
#[derive(Debug, Default)]
pub struct Cautions {
    /// Over the log.
    pub log: Caution,
    /// Over ticks.
    pub ticks: Caution,
    /// Over held drafts which are due.
    pub due: Caution,
    /// Over held drafts whose item was closed.
    pub free: Caution,
    /// Over each table of the user's.
    pub(super) sources: SourceCautions,
}

/// Kinds of passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// Over the log.
    Log,
    /// Over ticks.
    Ticks,
    /// Over held drafts which are due.
    Due,
    /// Over held drafts whose item was closed.
    Free,
}

impl Cautions {
    /// That of one kind.
    pub fn of(&mut self, batch: Batch) -> &mut Caution {
        match batch {
            Batch::Log => &mut self.log,
            Batch::Ticks => &mut self.ticks,
            Batch::Due => &mut self.due,
            Batch::Free => &mut self.free,
        }
    }

    /// A session was lost while others work: it counts against the batch which was
    /// at work, and one which does that again and again is handled with more care.
    pub fn lost(&mut self, error: &PgError) {
        for caution in [&mut self.log, &mut self.ticks, &mut self.due, &mut self.free] {
            caution.lost(error);
            caution.suspect();
        }
        for caution in self.sources.values() {
            let mut caution = caution.lock().unwrap_or_else(PoisonError::into_inner);
            caution.lost(error);
            caution.suspect();
        }
    }
}

impl Default for Caution {
    fn default() -> Self {
        Self { care: Care::Together, trouble: None, alone: None, strikes: 0, in_pass: false }
    }
}

impl Caution {
    /// A session was lost. If it was in the middle of a pass that counts
    /// against the batch.
    pub(super) fn lost(&mut self, error: &PgError) {
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

    /// Nothing was there to be tried. The batch which gave trouble may be locked for
    /// another moment, by a session of ours which is on its way out; so its trouble is
    /// not forgotten. But what comes next may be another one, and is not set aside untried.
    pub(super) fn calm(&mut self) {
        self.in_pass = false;
        if self.care == Care::SetAside {
            self.care = Care::OneEvent;
            self.strikes = 0;
        }
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
    pub(super) fn suspect(&mut self) {
        if self.is_suspicious() {
            self.escalate();
        }
    }
}
