//! Writes the log of deliveries: one task, one statement for many attempts.
//!
//! A delivery does not wait for its entry. What is in memory when the process dies is
//! lost for the log, and for nothing else: that it was delivered stands in the item.

use super::line::Line;
use crate::pg::deliveries::{self, Logged};
use crate::pg::error::{PgError, Policy};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// So many entries may wait to be written; then deliveries wait, too.
const WAITING_MAX: usize = 4_096;
/// So many are written at once,
const BATCH: usize = 500;
/// and they are not kept longer than this.
const KEPT: Duration = Duration::from_millis(100);
/// Between two tries to write.
const AGAIN: Duration = Duration::from_secs(1);
/// So often entries are tried, which may be for minutes where the database is away.
const TRIES: u32 = 120;

/// An entry on its way.
#[derive(Debug)]
enum Message {
    Attempt(Instant, Logged),
    /// Write all there is, and say so.
    Flush(oneshot::Sender<()>),
}

/// Where entries are left.
#[derive(Clone, Debug)]
pub struct Log {
    to: mpsc::Sender<Message>,
}

impl Log {
    /// Starts the task, which ends when the last clone is gone.
    pub fn start(line: Arc<Line>, worker: String) -> Self {
        let (to, from) = mpsc::channel(WAITING_MAX);
        tokio::spawn(Writer { line, worker, from, batch: Vec::new() }.run());
        Self { to }
    }

    /// Leaves an entry of an attempt which began then.
    pub async fn record(&self, began: Instant, entry: Logged) {
        // An error means that the task is gone, and the process about to end.
        let _ = self.to.send(Message::Attempt(began, entry)).await;
    }

    /// Waits until all entries are written which were left before.
    pub async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.to.send(Message::Flush(done)).await.is_ok() {
            let _ = written.await;
        }
    }
}

struct Writer {
    line: Arc<Line>,
    worker: String,
    from: mpsc::Receiver<Message>,
    batch: Vec<(Instant, Logged)>,
}

impl Writer {
    async fn run(mut self) {
        while let Some(message) = self.from.recv().await {
            let mut flush = self.take(message);
            let until = tokio::time::Instant::now() + KEPT;
            while flush.is_none() && self.batch.len() < BATCH {
                match tokio::time::timeout_at(until, self.from.recv()).await {
                    Ok(Some(message)) => flush = self.take(message),
                    Ok(None) | Err(_) => break,
                }
            }
            self.write().await;
            if let Some(done) = flush {
                // Whoever asked may have given up.
                let _ = done.send(());
            }
        }
    }

    fn take(&mut self, message: Message) -> Option<oneshot::Sender<()>> {
        match message {
            Message::Attempt(began, entry) => {
                self.batch.push((began, entry));
                None
            }
            Message::Flush(done) => Some(done),
        }
    }

    /// Writes the batch. What the database does not take is not tried for ever.
    async fn write(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return;
        }
        for tried in 1..=TRIES {
            let Err(error) = self.try_write(&batch).await else { return };
            let hopeless = matches!(error.policy(), Policy::Blocked | Policy::Refused | Policy::Narrow);
            if hopeless || tried == TRIES {
                let count = batch.len();
                let what = "the log of deliveries cannot be written; these are left out";
                tracing::error!(error = %error, deliveries = count, "{what}");
                return;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn try_write(&self, batch: &[(Instant, Logged)]) -> Result<(), PgError> {
        let session = self.line.session().await?;
        let rows: Vec<(Duration, Logged)> =
            batch.iter().map(|(began, entry)| (began.elapsed(), entry.clone())).collect();
        deliveries::write(&session, &self.worker, &rows).await
    }
}
