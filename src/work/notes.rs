//! Notes for watchers, a second apart for each item at least.

use super::answers::clean;
use super::holds::{Held, Holds};
use super::link::Link;
use futures_util::future::join_all;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How soon to look again while some note has to wait.
const TICK: Duration = Duration::from_millis(100);

/// Sends the notes of what is held. Never ends. The last note of an item goes with
/// its answer.
pub(super) async fn send(holds: Arc<Holds>, link: Link) {
    loop {
        holds.noted().await;
        loop {
            let (due, more) = holds.to_note(Instant::now());
            let sending = due.into_iter().filter_map(|held| {
                let note = held.take_note()?;
                Some(note_of(link.clone(), held, note))
            });
            join_all(sending).await;
            if !more {
                break;
            }
            tokio::time::sleep(TICK).await;
        }
    }
}

/// Sends one note; at once, if there is a connection.
pub(super) async fn note_of(link: Link, held: Arc<Held>, note: Value) {
    let live = link.get().await;
    let note = clean(note);
    // If the lease is lost, a heartbeat tells.
    if let Err(error) = live.settle(live.session.progress(held.lease, &note)).await {
        tracing::debug!(item.id = held.lease.id, error = %error, "a note was not taken");
    }
}
