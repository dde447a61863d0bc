//! The end: no more leases, the handlers are told, and what is left is given back.

use super::{Engine, Looked};
use crate::pg::work::{Lease, Taken};
use crate::work::answers::Due;
use crate::work::holds::Held;
use crate::work::{Answer, Ending, Handler};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// How long a look may take whose items are to be given back.
const LAST_LOOK: Duration = Duration::from_secs(1);
/// How long the last answers may take.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// The same, if the end is to be at once.
const LAST_WORDS_AT_ONCE: Duration = Duration::from_secs(2);

impl<H: Handler> Engine<H> {
    /// Ends what is under way.
    pub(super) async fn wind_down(&mut self) {
        self.stopping.send_replace(true);
        if !self.running.is_empty() {
            tracing::info!(items.count = self.running.len(), "stopping; waiting for the items in hand");
        }
        if !self.looking.is_idle()
            && let Ok(Ok(looked)) = timeout(LAST_LOOK, self.looking.ended()).await
        {
            self.give_back(looked);
        }
        self.wait_for_handlers().await;
        // What is aborted is dropped before this ends: a command is killed by then.
        self.running.abort_all();
        while let Some(left) = self.running.join_next_with_id().await {
            self.left(left);
        }
        let limit = match self.summary.ending {
            Ending::AtOnce => LAST_WORDS_AT_ONCE,
            Ending::Stopped | Ending::Drained => LAST_WORDS,
        };
        let last_words = async {
            while let Some(told) = self.telling.join_next().await {
                self.told(told);
            }
        };
        let unheard = timeout(limit, last_words).await.is_err();
        if unheard {
            tracing::warn!("the last answers were not heard; the leases of their items run out");
            self.summary.unanswered += self.untold as u64;
        }
    }

    /// Waits until all have ended, the grace is over, or the end is to be at once.
    async fn wait_for_handlers(&mut self) {
        let grace = sleep(self.settings.grace);
        tokio::pin!(grace);
        while !self.running.is_empty() {
            tokio::select! {
                biased;
                () = self.stop.at_once() => {
                    self.summary.ending = Ending::AtOnce;
                    return;
                }
                () = &mut grace => {
                    tracing::warn!(items.count = self.running.len(), "the grace is over; giving items back");
                    return;
                }
                Some(left) = self.running.join_next_with_id() => self.left(left),
                Some(told) = self.telling.join_next() => self.told(told),
                looked = self.looking.ended() => {
                    if let Ok(looked) = looked {
                        self.give_back(looked);
                    }
                }
            }
        }
    }

    /// What a last look brought is not begun.
    fn give_back(&mut self, looked: Looked) {
        let Looked::Took { taken, sent, .. } = looked else { return };
        let held = |taken: Taken, sent: Instant| {
            let lease = Lease { id: taken.id, token: taken.token };
            Held::new(lease, false, sent, taken.lease)
        };
        let due = taken
            .into_iter()
            .map(|taken| Due { held: self.holds.add(held(taken, sent)), answer: Answer::Released })
            .collect();
        self.answer(due);
    }
}
