//! The heartbeat: leases are extended at a third of their length, all which are
//! due in one statement, and given up when they must be over by the local clock.

use super::holds::{Held, Holds};
use super::link::{Link, Live};
use crate::pg::work::Lease;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Between two looks at the table of what is held. No statement is sent by it.
const TICK: Duration = Duration::from_millis(250);

/// Extends what is held, and gives up what is over. Never ends; `lease` is what
/// the worker asks for.
pub(super) async fn beat(holds: Arc<Holds>, link: Link, lease: Option<Duration>) {
    // The answer to a heartbeat may take long, and the clock is watched meanwhile.
    let mut beating: JoinSet<()> = JoinSet::new();
    loop {
        holds.some().await;
        let now = Instant::now();
        let given_up = holds.give_up(now);
        if given_up > 0 {
            tracing::warn!(items.count = given_up, "leases could not be extended in time and are given up");
        }
        while beating.try_join_next().is_some() {}
        if beating.is_empty()
            && let Some(live) = link.now()
        {
            let due = holds.to_extend(now);
            if !due.is_empty() {
                beating.spawn(async move { extend(&live, &due, lease).await });
            }
        }
        tokio::time::sleep(TICK).await;
    }
}

/// Extends several leases. Where that fails for one of them, each by itself.
async fn extend(live: &Live, due: &[Arc<Held>], lease: Option<Duration>) {
    let leases: Vec<Lease> = due.iter().map(|held| held.lease).collect();
    let sent = Instant::now();
    match live.settle(live.session.extend(&leases, lease)).await {
        Ok(standings) => {
            for (held, standing) in due.iter().zip(standings) {
                held.stands(standing, sent);
            }
        }
        // Over the next connection, if there is time.
        Err(error) if error.is_closed() => {}
        Err(error) => {
            tracing::debug!(error = %error, leases.count = due.len(), "a heartbeat failed; now one by one");
            for held in due {
                extend_one(live, held, lease).await;
            }
        }
    }
}

async fn extend_one(live: &Live, held: &Held, lease: Option<Duration>) {
    let sent = Instant::now();
    match live.settle(live.session.extend(&[held.lease], lease)).await {
        Ok(standings) => {
            for standing in standings {
                held.stands(standing, sent);
            }
        }
        // A command which completes its own item in a long transaction, say.
        Err(error) if error.is_lock_timeout() => held.is_locked(),
        Err(error) => tracing::warn!(item.id = held.lease.id, error = %error, "a heartbeat failed"),
    }
}
