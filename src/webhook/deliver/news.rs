//! What other deliverers found out about endpoints: read every few seconds, and only
//! while there is something to deliver.

use super::breaker::Heard;
use super::gate::Gate;
use super::line::Line;
use crate::pg::endpoints::{self, Away, AwayState};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// What was read is good for so long.
const GOOD_FOR: Duration = Duration::from_secs(3);

/// When it was read last.
#[derive(Debug, Default)]
pub struct News {
    read: Lock<Option<Instant>>,
    reading: Mutex<()>,
}

impl News {
    /// Tells the gate what is new, if it has not been told for a while. One reads, and
    /// the others go on with what is known; before the first time they wait. True, for
    /// the one.
    pub async fn tell(&self, gate: &Gate, line: &Line) -> bool {
        let last = self.last();
        if last.is_some_and(|last| last.elapsed() < GOOD_FOR) {
            return false;
        }
        let _reading = match (self.reading.try_lock(), last) {
            (Ok(reading), _) => reading,
            (Err(_), Some(_)) => return false,
            (Err(_), None) => self.reading.lock().await,
        };
        if self.last().is_some_and(|last| last.elapsed() < GOOD_FOR) {
            return false;
        }
        let began = Instant::now();
        let away = async { endpoints::away(&*line.session().await?).await };
        match away.await {
            Ok(away) => gate.hear(away.into_iter().map(|away| heard(away, began)).collect(), began),
            // What is known stays; whoever leases items says that the database is away.
            Err(error) => tracing::debug!(error = %error, "the paused endpoints could not be read"),
        }
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        true
    }

    fn last(&self) -> Option<Instant> {
        *self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn heard(away: Away, now: Instant) -> (Arc<str>, Heard) {
    let Away { key, state, failures, left } = away;
    // A clock which was set wrong pauses nobody for ever.
    let until = now + left.min(Duration::from_secs(24 * 3600));
    let heard = match state {
        AwayState::Paused => Heard::Paused { failures, until },
        AwayState::Trying => Heard::Trying { failures, until },
    };
    (key.into(), heard)
}
