//! Moves what has finished out of the inbox, on a session of its own beside the
//! passes: a little at a time, and no faster than half of the time.

use crate::config::Retention;
use crate::pg::connect::ConnectOptions;
use crate::pg::error::PgError;
use crate::pg::history::{self, Stay};
use crate::pg::session::{Session, SessionRole};
use std::time::{Duration, Instant};

/// Items moved in one transaction, of each state.
const MOVED_MAX: i32 = 1_000;
/// Between two looks while there is nothing to move.
const IDLE_EVERY: Duration = Duration::from_secs(60);
/// After a failure.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Moves what is due, for ever.
pub async fn keep(options: ConnectOptions, retention: Retention) {
    let stay = Stay { finished: retention.finished, dead: retention.dead };
    loop {
        if let Err(error) = keep_over(&options, stay).await {
            tracing::warn!(error = %error, "finished items could not be moved to the history, will be tried again");
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

async fn keep_over(options: &ConnectOptions, stay: Stay) -> Result<(), PgError> {
    let session = Session::open(options, SessionRole::Housekeeping, None).await?;
    // Whoever has items finish at once wants them gone soon.
    let idle = IDLE_EVERY.min(stay.finished.max(Duration::from_secs(1)));
    loop {
        let began = Instant::now();
        let moved = history::archive(&session, stay, MOVED_MAX).await?;
        if moved > 0 {
            tracing::debug!(items.count = moved, "finished items were moved to the history");
        }
        tokio::time::sleep(if moved > 0 { began.elapsed() } else { idle }).await;
    }
}
