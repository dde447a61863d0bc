//! What is done now and then, beside the passes: expired leases are given back,
//! blocked dead letters tried again, partitions kept.

use super::archive;
use super::pass::rollback;
use super::term::Environment;
use crate::config::Config;
use crate::pg::connect::ConnectOptions;
use crate::pg::dead::Redriven;
use crate::pg::enqueue::Writer;
use crate::pg::error::{PgError, Policy};
use crate::pg::inboxes::{Inboxes, Specs};
use crate::pg::session::{Session, SessionRole};
use crate::pg::{dead, gates, history, partitions, registry};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::{JoinHandle, JoinSet};

/// Between two looks for expired leases while there are none: the leader's
/// session must not seem idle.
const IDLE_EVERY: Duration = Duration::from_secs(20);
/// Between two looks for expired leases at least, so that a thousand leases which end
/// one after another cost no thousand statements.
const LEASES_PAUSE: Duration = Duration::from_millis(100);
/// Between two tries of blocked letters while there are any.
const REDRIVE_EVERY: Duration = Duration::from_secs(5);
/// How many blocked letters are tried again at once.
const REDRIVE_MAX: i64 = 1000;
/// Between two runs of the keeper of partitions.
const PARTITIONS_EVERY: Duration = Duration::from_secs(3600);
/// How many keys and uses which have run out are removed at once, and how often in
/// a row.
const PRUNED_MAX: i32 = 5_000;
const PRUNES_MAX: u32 = 1_000;
/// The same, after one which failed.
const PARTITIONS_RETRY: Duration = Duration::from_secs(60);

/// When which chore is due.
#[derive(Debug)]
pub struct Chores {
    /// When to look for expired leases.
    pub next_expiry: Instant,
    /// When to keep the partitions.
    pub next_partitions: Instant,
    blocked: bool,
    inboxes: Specs,
    /// For blocked letters, over the leader's session.
    writer: Option<Writer>,
    keeper: Option<JoinHandle<Result<(), PgError>>>,
    /// Moves what has finished into the history; with the chores it ends.
    _archive: JoinSet<()>,
}

impl Chores {
    /// All are due at once.
    #[must_use]
    pub fn due(inboxes: Specs, environment: &Environment) -> Self {
        let now = Instant::now();
        let mut archive = JoinSet::new();
        archive.spawn(archive::keep(environment.options.clone(), environment.config.retention.clone()));
        Self {
            next_expiry: now,
            next_partitions: now,
            blocked: true,
            inboxes,
            writer: None,
            keeper: None,
            _archive: archive,
        }
    }

    /// Some items are blocked from now on; says whether that is news.
    pub fn block(&mut self) -> bool {
        if self.blocked {
            return false;
        }
        self.blocked = true;
        self.next_expiry = Instant::now() + REDRIVE_EVERY;
        true
    }

    /// Whether the keeper of partitions is at work.
    #[must_use]
    pub fn is_keeping(&self) -> bool {
        self.keeper.is_some()
    }

    /// Waits for the keeper of partitions; for ever, if it is not at work.
    pub async fn kept(&self) {
        match &self.keeper {
            None => std::future::pending().await,
            Some(keeper) => {
                while !keeper.is_finished() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    /// Gives back expired leases, which also keeps the leader's session from
    /// being taken for idle, and tries blocked letters again.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn expire(&mut self, leader: &Session) -> Result<(), PgError> {
        // A lease which is taken meanwhile and ends before then rings.
        let mut wait = registry::watch_leases(leader, IDLE_EVERY).await?.max(LEASES_PAUSE);
        if self.blocked || dead::some_are_blocked(leader).await? {
            self.redrive(leader).await?;
            wait = wait.min(REDRIVE_EVERY);
        }
        self.next_expiry = Instant::now() + wait;
        Ok(())
    }

    async fn redrive(&mut self, leader: &Session) -> Result<(), PgError> {
        match self.try_again(leader).await {
            Ok(redriven) => {
                self.blocked = redriven.left > 0 || redriven.taken as i64 == REDRIVE_MAX;
                if redriven.taken > 0 {
                    tracing::info!(
                        items.created = redriven.taken,
                        "what had blocked dead letters is mended; their items are enqueued"
                    );
                }
                Ok(())
            }
            Err(error) if error.policy() == Policy::Reconnect => Err(error),
            Err(error) => {
                tracing::warn!(error = %error, "blocked dead letters could not be tried again");
                rollback(leader).await
            }
        }
    }

    /// Letters for our inbox, and those for tables of the user's.
    async fn try_again(&mut self, leader: &Session) -> Result<Redriven, PgError> {
        let own = dead::redrive_blocked(leader, REDRIVE_MAX).await?;
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => Writer::prepare(leader, self.inboxes.clone()).await?,
        };
        let together = dead::redrive_together(leader, &writer, REDRIVE_MAX).await;
        self.writer = Some(writer);
        let together = together?;
        Ok(Redriven { taken: own.taken + together.taken, left: own.left + together.left })
    }

    /// Starts the keeper of partitions, or takes note of how it ended.
    pub async fn keep_partitions(&mut self, environment: &Environment, now: Timestamp) {
        if let Some(task) = self.keeper.take() {
            let wait = match task.await {
                Ok(Ok(())) => PARTITIONS_EVERY,
                Ok(Err(error)) => {
                    tracing::warn!(error = %error, "keeping the partitions failed, will be tried again");
                    PARTITIONS_RETRY
                }
                Err(_) => PARTITIONS_RETRY,
            };
            self.next_partitions = Instant::now() + wait;
            return;
        }
        let options = environment.options.clone();
        let config = environment.config.clone();
        self.keeper = Some(tokio::spawn(housekeeping(options, config, now)));
    }
}

impl Drop for Chores {
    fn drop(&mut self) {
        if let Some(keeper) = &self.keeper {
            keeper.abort();
        }
    }
}

/// The hourly chores, on a session of their own.
async fn housekeeping(
    options: ConnectOptions,
    config: Arc<Config>,
    now: jiff::Timestamp,
) -> Result<(), PgError> {
    let session = Session::open(&options, SessionRole::Housekeeping, None).await?;
    for _ in 0..PRUNES_MAX {
        if gates::prune(&session, PRUNED_MAX).await? < PRUNED_MAX {
            break;
        }
    }
    for _ in 0..PRUNES_MAX {
        if history::prune_keys(&session, config.retention.keys, PRUNED_MAX).await? < PRUNED_MAX {
            break;
        }
    }
    let inboxes = Inboxes::new(Arc::new(config.inbox.clone()));
    if !inboxes.is_empty()
        && let Err(error) = gates::sweep(&session, &inboxes, config.retention.decisions.as_secs_f64()).await
    {
        // Nothing waits for it, and partitions must not.
        tracing::warn!(error = %error, "items in other tables could not be looked through");
    }
    let tables = [
        (partitions::Table::Events, config.retention.events),
        (partitions::Table::Decisions, config.retention.decisions),
        (partitions::Table::History, config.retention.history),
        (partitions::Table::Deliveries, config.retention.deliveries),
    ];
    for (table, keep) in tables {
        let keep = jiff::SignedDuration::try_from(keep).unwrap_or(jiff::SignedDuration::MAX);
        let report = partitions::maintain(&session, table, now, keep).await?;
        if !report.made.is_empty() || !report.dropped.is_empty() {
            tracing::info!(made = ?report.made, dropped = ?report.dropped, "partitions were kept");
        }
    }
    Ok(())
}
