//! The passes over a source, and what they mean for it.

use super::live::{Live, unusable};
use super::{End, Source};
use crate::daemon::clock::DbClock;
use crate::daemon::fan_out;
use crate::daemon::pass::{Care, EventPass, Learned, PassEnd, Reader, Stage, rollback};
use crate::daemon::rhythm::{Found, LOOK_PAUSE, answered};
use crate::pg::error::{PgError, Policy};
use crate::pg::page::PageLimits;
use crate::pg::registry;
use crate::rules::snapshot::PageEnd;
use std::time::{Duration, Instant};

/// Before a pass is tried again which another one was in the way of.
const TAKEN_PAUSE: Duration = Duration::from_millis(50);

impl Source {
    /// Clears the flag and runs one pass.
    pub(super) async fn look(&mut self, live: &mut Live) -> Result<Found, End> {
        self.common.pressure.pause().await;
        live.bell.clear();
        let daemon = &self.common.config.daemon;
        let limits = PageLimits {
            rows: self.common.pressure.ease(live.page_size.rows(), daemon.batch_min),
            bytes: i64::try_from(daemon.batch_bytes).unwrap_or(i64::MAX),
            data_max: i64::try_from(daemon.data_max).unwrap_or(i64::MAX),
        };
        let (care, trouble) = {
            let mut caution = self.caution();
            caution.enter();
            (caution.care, caution.trouble.clone())
        };
        let pass = EventPass {
            session: &live.work,
            reader: Reader::Table(&live.reader),
            writer: &live.writer,
            force: &live.force,
            limits,
            care,
            trouble: trouble.as_deref(),
            each: live.fans_out.then_some(&live.each),
            pauses: &live.pauses,
        };
        let statement = daemon.statement_timeout;
        let patience =
            if live.fans_out { statement + fan_out::patience_of(&live.force.set) } else { statement };
        let (mut learned, began) = (Learned::default(), Instant::now());
        match answered(patience, pass.run(&mut learned)).await {
            Ok(PassEnd::Empty(now)) => {
                live.clock = DbClock::heard(now);
                live.rhythm.pause = LOOK_PAUSE;
                self.common.status.metrics.empty.inc();
                self.caution().calm();
                self.ask_when_ready(live).await?;
                self.succeeds(live).await;
                Ok(Found::Nothing)
            }
            Ok(PassEnd::Taken) => {
                self.caution().leave();
                tokio::time::sleep(LOOK_PAUSE).await;
                Ok(Found::More)
            }
            Ok(PassEnd::Worked(done, end, now)) => {
                live.clock = DbClock::heard(now);
                let metrics = &self.common.status.metrics;
                metrics.pass_seconds.observe(began.elapsed().as_secs_f64());
                live.rhythm.found(done.events);
                self.tell(&done);
                self.caution().forget();
                live.page_size.after(end, done.events, limits.rows);
                self.succeeds(live).await;
                if end == PageEnd::Last {
                    self.ask_when_ready(live).await?;
                }
                Ok(if end == PageEnd::Full { Found::More } else { Found::All })
            }
            Err(error) => {
                self.common.status.metrics.failed.inc();
                self.recover(live, error, learned.stage).await?;
                Ok(Found::More)
            }
        }
    }

    /// When the next row is ready.
    async fn ask_when_ready(&self, live: &mut Live) -> Result<(), End> {
        live.ready = live.reader.next_ready(&live.work).await.map_err(unusable)?;
        Ok(())
    }

    /// Decides what a failed pass means, ends its transaction, and waits where
    /// waiting helps.
    async fn recover(&mut self, live: &mut Live, error: PgError, stage: Stage) -> Result<(), End> {
        let policy = error.policy();
        if policy == Policy::Reconnect || live.work.is_closed() {
            return Err(End::Lost(error));
        }
        // If the session is gone after all, the pass counts as one that cost it.
        rollback(&live.work).await?;
        let care = {
            let mut caution = self.caution();
            caution.leave();
            caution.care
        };
        if matches!(error, PgError::Taken(_)) {
            tokio::time::sleep(TAKEN_PAUSE).await;
            return Ok(());
        }
        if is_about_the_source(&error, stage, care) {
            return Err(End::Unusable(error));
        }
        tracing::warn!(
            source = %self.spec.name, error = %error, policy = ?policy, care = ?care,
            "a pass failed and was rolled back"
        );
        self.caution().strike(&error);
        if error.is_cancelled() {
            live.page_size.was_too_large();
        }
        match policy {
            Policy::Narrow | Policy::Refused | Policy::Blocked if care == Care::SetAside => {
                let pause = self.caution().pause();
                tokio::time::sleep(pause).await;
            }
            Policy::Narrow | Policy::Refused | Policy::Blocked => self.caution().escalate(),
            Policy::RetryLater | Policy::Reconnect => {
                let (suspicious, pause) = {
                    let caution = self.caution();
                    (caution.is_suspicious(), caution.pause())
                };
                tokio::time::sleep(pause).await;
                // What nobody knows may be about some row; a lock on the table is not.
                let known = error.is_of_the_moment() || care > Care::Together;
                if suspicious && stage == Stage::Claiming && known {
                    return Err(End::Unusable(error));
                }
                if suspicious && self.writes_work(live).await {
                    self.caution().escalate();
                }
            }
        }
        Ok(())
    }

    /// Whether the database takes other writes: if not, the batch is innocent.
    async fn writes_work(&self, live: &Live) -> bool {
        let (instance, hash) = (&self.common.instance, &live.force.set.hash);
        registry::report(&live.work, instance, "leader", hash).await.is_ok()
    }
}

/// Whether the table, or its description, is at fault and no event.
fn is_about_the_source(error: &PgError, stage: Stage, care: Care) -> bool {
    let about_mark = error.sqlstate() == Some("42P17");
    match (stage, error.policy()) {
        _ if about_mark => true,
        (Stage::Claiming, Policy::Blocked | Policy::Narrow) => true,
        // With care rows are read one by one; what fails then is not a single row.
        (Stage::Claiming, Policy::Refused) => care > Care::Together,
        // With care each draft has its verdict; what is missing then is the source's.
        (Stage::Claimed, Policy::Blocked) => care > Care::Together,
        (Stage::Claiming | Stage::Claimed, _) => false,
    }
}
