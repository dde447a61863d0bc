//! The passes of a term over events and ticks, and what they mean for it.

use super::Term;
use crate::daemon::caution::Batch;
use crate::daemon::clock::DbClock;
use crate::daemon::fan_out;
use crate::daemon::pass::{Done, EventPass, Learned, PassEnd, Reader, rollback};
use crate::daemon::rhythm::{Found, LOOK_PAUSE, answered};
use crate::daemon::status::Status;
use crate::daemon::ticks::{TickEnd, TickPass};
use crate::pg::error::{PgError, Policy};
use crate::pg::page::PageLimits;
use crate::rules::snapshot::PageEnd;
use std::time::{Duration, Instant};

/// Between two tries of queries which wait for a grant or a table.
const ASK_AGAIN_EVERY: Duration = Duration::from_secs(5);

impl Term<'_> {
    /// Clears the flag and runs one pass.
    pub(super) async fn look(&mut self) -> Result<Found, PgError> {
        self.pressure.pause().await;
        self.bell.clear();
        let daemon = &self.environment.config.daemon;
        let limits = PageLimits {
            rows: self.pressure.ease(self.page_size.rows(), daemon.batch_min),
            bytes: i64::try_from(daemon.batch_bytes).unwrap_or(i64::MAX),
            data_max: i64::try_from(daemon.data_max).unwrap_or(i64::MAX),
        };
        self.caution.log.enter();
        let pass = EventPass {
            session: &self.work,
            reader: Reader::Log(&self.reader),
            writer: &self.writer,
            force: &self.force,
            limits,
            care: self.caution.log.care,
            trouble: self.caution.log.trouble.as_deref(),
            each: self.fans_out.then_some(&self.each),
            pauses: &self.pauses,
        };
        let mut learned = Learned::default();
        let began = Instant::now();
        let result = answered(self.patience(), pass.run(&mut learned)).await;
        if let Ok(PassEnd::Empty(now) | PassEnd::Worked(.., now)) = &result {
            self.clock = DbClock::heard(*now);
        }
        if let Some(paused) = learned.paused {
            self.pause_or_resume(paused);
        }
        let metrics = &self.environment.status.metrics;
        match result {
            Ok(PassEnd::Empty(_)) => {
                metrics.empty.inc();
                self.rhythm.pause = LOOK_PAUSE;
                self.environment.status.looked();
                self.caution.log.forget();
                Ok(Found::Nothing)
            }
            Ok(PassEnd::Taken) => {
                self.caution.log.leave();
                tokio::time::sleep(LOOK_PAUSE).await;
                Ok(Found::More)
            }
            Ok(PassEnd::Worked(done, end, _)) => {
                metrics.pass_seconds.observe(began.elapsed().as_secs_f64());
                self.rhythm.found(done.events);
                self.tell(&done, "pass");
                self.page_size.after(end, done.events, limits.rows);
                self.caution.log.forget();
                Ok(if end == PageEnd::Full { Found::More } else { Found::All })
            }
            Err(error) => {
                metrics.failed.inc();
                self.recover(error, Batch::Log).await?;
                Ok(Found::More)
            }
        }
    }

    /// How long a pass may be silent: a statement of ours, and the queries of the
    /// routines.
    pub(super) fn patience(&self) -> Duration {
        let statement = self.environment.config.daemon.statement_timeout;
        if self.fans_out { statement + fan_out::patience_of(&self.force.set) } else { statement }
    }

    pub(super) fn tell(&mut self, done: &Done, what: &str) {
        self.unanswered |= done.blocked > 0 && self.fans_out;
        if done.blocked > 0 && self.chores.block() {
            tracing::warn!(
                dead.blocked = done.blocked,
                "items are blocked: a grant or a column is missing, see hearken.dead_letters"
            );
        }
        self.held.told(done.timers);
        self.environment.status.looked();
        tell(&self.environment.status, done, what);
    }

    pub(super) async fn tick_if_due(&mut self) -> Result<(), PgError> {
        let now = self.clock.now();
        if self.planner.next().is_none_or(|at| at > now) {
            return Ok(());
        }
        let trouble = self.caution.ticks.trouble.clone();
        let pass = TickPass {
            session: &self.work,
            writer: &self.writer,
            force: &self.force,
            care: self.caution.ticks.care,
            trouble: trouble.as_deref(),
        };
        self.caution.ticks.enter();
        let timeout = self.environment.config.daemon.statement_timeout;
        match answered(timeout, pass.run(&mut self.planner, now)).await {
            Ok(TickEnd::Worked(done, now)) => {
                self.clock = DbClock::heard(now);
                self.tell(&done, "ticks");
                self.caution.ticks.forget();
                Ok(())
            }
            Ok(TickEnd::Early(now)) => {
                self.clock = DbClock::heard(now);
                self.caution.ticks.leave();
                Ok(())
            }
            Ok(TickEnd::Taken) => {
                self.caution.ticks.leave();
                tokio::time::sleep(LOOK_PAUSE).await;
                Ok(())
            }
            Err(error) => {
                self.environment.status.metrics.failed.inc();
                self.recover(error, Batch::Ticks).await
            }
        }
    }

    /// Asks again for events whose `[each]` waited for a grant or a table.
    pub(super) async fn ask_again(&mut self) -> Result<(), PgError> {
        if !(self.fans_out && self.unanswered) {
            return Ok(());
        }
        let asking = fan_out::redrive(&self.work, &self.writer, &self.force, &self.each, &self.paused);
        match answered(self.patience(), asking).await {
            Ok(done) => {
                self.unanswered = done.left;
                self.held.told(done.timers);
                if done.left {
                    let soon = Instant::now() + ASK_AGAIN_EVERY;
                    self.chores.next_expiry = self.chores.next_expiry.min(soon);
                }
                if done.answered > 0 {
                    tracing::info!(
                        events.count = done.answered,
                        "what had blocked the queries of `[each]` is mended; their events are dealt with"
                    );
                }
                Ok(())
            }
            Err(error) if error.policy() == Policy::Reconnect => Err(error),
            Err(error) => {
                tracing::warn!(error = %error, "blocked events could not be asked for again");
                rollback(&self.work).await
            }
        }
    }
}

/// Tells of a pass: in the log, and to those who count.
pub(in crate::daemon) fn tell(status: &Status, done: &Done, what: &str) {
    let metrics = &status.metrics;
    metrics.passes.inc();
    metrics.events.inc_by(done.events as u64);
    metrics.matches.inc_by(done.matches as u64);
    metrics.items.inc_by(done.enqueued.created);
    metrics.duplicates.inc_by(done.enqueued.duplicates);
    metrics.dead.inc_by(done.dead as u64);
    metrics.held.inc_by(done.held);
    metrics.stopped.inc_by(done.stopped);
    tracing::info!(
        events.count = done.events,
        matches.count = done.matches,
        items.created = done.enqueued.created,
        items.duplicate = done.enqueued.duplicates,
        items.held = done.held,
        items.stopped = done.stopped,
        dead.count = done.dead,
        claim_ms = ms(done.claim),
        plan_ms = ms(done.plan),
        commit_ms = ms(done.commit),
        "{what}"
    );
}

fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
