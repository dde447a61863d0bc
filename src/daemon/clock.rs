//! The database's clock, as last heard, so that a timer can be set for a time
//! of the database without asking it.

use jiff::Timestamp;
use std::time::{Duration, Instant};

/// What the database's clock showed at some moment of ours.
#[derive(Clone, Copy, Debug)]
pub struct DbClock {
    heard: Instant,
    showed: Timestamp,
}

impl DbClock {
    /// The clock showed `showed` just now.
    #[must_use]
    pub fn heard(showed: Timestamp) -> Self {
        Self { heard: Instant::now(), showed }
    }

    /// The moment of ours at which the clock should show `time`; now, if that
    /// is past.
    #[must_use]
    pub fn instant_of(&self, time: Timestamp) -> Instant {
        let ahead = time.duration_since(self.showed);
        self.heard + Duration::try_from(ahead).unwrap_or(Duration::ZERO)
    }

    /// What the clock should show now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.showed + self.heard.elapsed()
    }
}
