//! Makes way: puts items of busy endpoints off in the database, many at once.
//!
//! Items are leased in the order in which they are due. If thousands of them go to an
//! endpoint which takes none now, leasing each and sending it away would hold up all
//! others behind them. So once some were sent away, those of the same endpoints which
//! stand at the front of the queue are put off by a statement, into the row in which the
//! endpoint can take them; and if there is no end of them, a few items of other endpoints
//! are moved ahead meanwhile.

use super::gate::Gate;
use super::line::Line;
use crate::pg::endpoints;
use crate::pg::error::PgError;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Who is sent away comes in crowds: one look sees them all.
const SETTLE: Duration = Duration::from_millis(20);
/// How many items of the front of a queue are looked at by one statement.
const FRONT: u32 = 1_000;
/// Between two looks through all that is due.
const OVERTAKE_EVERY: Duration = Duration::from_secs(2);
/// After an error.
const REST: Duration = Duration::from_secs(1);

/// Makes way in these queues for as long as the task lives.
pub async fn make_way(gate: Arc<Gate>, line: Arc<Line>, queues: Vec<String>, in_flight: u32) {
    let mut maker = Maker { gate, line, queues, in_flight, overtook: None };
    loop {
        maker.gate.crowded().await;
        tokio::time::sleep(SETTLE).await;
        if let Err(error) = maker.run().await {
            // Those who are sent away one by one make way, too, if slowly.
            tracing::debug!(error = %error, "items of busy endpoints could not be put off");
            tokio::time::sleep(REST).await;
        }
        maker.gate.way_is_made();
    }
}

struct Maker {
    gate: Arc<Gate>,
    line: Arc<Line>,
    queues: Vec<String>,
    in_flight: u32,
    overtook: Option<Instant>,
}

impl Maker {
    async fn run(&mut self) -> Result<(), PgError> {
        loop {
            let busy = self.gate.busy();
            if busy.is_empty() {
                return Ok(());
            }
            let session = self.line.session().await?;
            let moved = endpoints::make_way(&session, &self.queues, &busy, i64::from(FRONT)).await?;
            let mut all = 0_u32;
            for (key, count) in &moved {
                self.gate.put_off(key, *count);
                all = all.saturating_add(*count);
            }
            if all < FRONT / 2 {
                return Ok(());
            }
            tracing::debug!(items = all, endpoints = moved.len(), "items of busy endpoints were put off");
            if self.overtook.is_none_or(|last| last.elapsed() >= OVERTAKE_EVERY) {
                let keys: Vec<String> = busy.into_iter().map(|busy| busy.key).collect();
                endpoints::overtake(&session, &self.queues, &keys, i64::from(self.in_flight)).await?;
                // From its end, so that half of the time at most goes into it.
                self.overtook = Some(Instant::now());
            }
        }
    }
}
