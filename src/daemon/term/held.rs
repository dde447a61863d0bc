//! Held drafts and pauses, as a term sees to them.

use super::{Batch, Term, answered};
use crate::daemon::clock::DbClock;
use crate::daemon::gates::GatePass;
use crate::daemon::held::{HeldEnd, HeldPass, Left};
use crate::pg::error::PgError;
use crate::pg::gates::{self, Queue, Which};
use crate::rules::name::RoutineName;
use std::collections::HashSet;

impl Term<'_> {
    /// Lets held drafts go on whose time has come, or whose item was closed.
    pub(super) async fn let_go_on(&mut self) -> Result<(), PgError> {
        if self.held.is_to_look() {
            let timeout = self.environment.config.daemon.statement_timeout;
            match answered(timeout, gates::timers(&self.work, &self.resting)).await {
                Ok(timers) => self.held.heard(timers),
                Err(error) => return self.recover(error, Batch::Due).await,
            }
            if self.held.queue() == Queue::Waiting {
                self.pass_held(Which::Free).await?;
            }
        }
        if self.held.is_due(self.clock.now()) {
            self.pass_held(Which::Due).await?;
        }
        Ok(())
    }

    async fn pass_held(&mut self, which: Which) -> Result<(), PgError> {
        let batch = match which {
            Which::Due => Batch::Due,
            Which::Free => Batch::Free,
        };
        let caution = self.caution.of(batch);
        caution.enter();
        let (care, trouble, mut alone) = (caution.care, caution.trouble.clone(), caution.alone);
        let gates = GatePass {
            session: &self.work,
            writer: &self.writer,
            care,
            trouble: trouble.as_deref(),
            about: self.clock.now(),
        };
        let timeout = self.environment.config.daemon.statement_timeout;
        let end = answered(timeout, HeldPass { gates, which, resting: &self.resting }.run(&mut alone)).await;
        self.caution.of(batch).alone = alone;
        match end {
            Ok(HeldEnd::Nothing(now)) => {
                self.clock = DbClock::heard(now);
                self.caution.of(batch).leave();
                if which == Which::Due {
                    // The clock is not there yet, or they are somebody else's.
                    self.listen_again().await?;
                    self.held.wait_a_while(now);
                }
                Ok(())
            }
            Ok(HeldEnd::Worked(done, now, left)) => {
                self.clock = DbClock::heard(now);
                self.tell(&done, "held");
                self.caution.of(batch).forget();
                self.listen_again().await?;
                if left == Left::More {
                    self.held.ask();
                }
                Ok(())
            }
            Err(error) => {
                self.environment.status.metrics.failed.inc();
                self.held.ask();
                self.recover(error, batch).await
            }
        }
    }

    /// Asks the database when to look next.
    async fn listen_again(&mut self) -> Result<(), PgError> {
        let timeout = self.environment.config.daemon.statement_timeout;
        match answered(timeout, gates::timers(&self.work, &self.resting)).await {
            Ok(timers) => self.held.heard(timers),
            Err(error) => return self.recover(error, Batch::Due).await,
        }
        Ok(())
    }

    /// Takes note of which routines are paused. The planners may have learned of a
    /// pause by themselves, so that they are told in any case; it is free if they
    /// know.
    pub(super) fn pause_or_resume(&mut self, paused: HashSet<RoutineName>) {
        let now = self.clock.now();
        self.planner.set_paused(&paused, &self.force, now);
        self.queries.set_paused(&paused, now);
        if paused != self.paused {
            self.paused = paused;
            // Held drafts of what was resumed may be due.
            self.held.ask();
        }
    }
}
