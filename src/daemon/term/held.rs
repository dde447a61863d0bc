//! Held drafts and pauses, as a term sees to them.

use super::{Batch, Term, answered};
use crate::daemon::clock::DbClock;
use crate::daemon::gates::GatePass;
use crate::daemon::held::{HeldEnd, HeldPass};
use crate::pg::error::PgError;
use crate::pg::gates::{self, Queue, Which};
use crate::rules::name::RoutineName;
use std::collections::HashSet;

impl Term<'_> {
    /// Lets held drafts go on whose time has come, or whose item was closed.
    pub(super) async fn let_go_on(&mut self) -> Result<(), PgError> {
        if self.held.is_to_look() {
            let timeout = self.environment.config.daemon.statement_timeout;
            let timers = answered(timeout, gates::timers(&self.work)).await?;
            self.held.heard(timers);
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
        self.caution.held.enter();
        let gates = GatePass {
            session: &self.work,
            writer: &self.writer,
            care: self.caution.held.care,
            trouble: self.caution.held.trouble.as_deref(),
            about: self.clock.now(),
        };
        let timeout = self.environment.config.daemon.statement_timeout;
        match answered(timeout, HeldPass { gates, which }.run()).await {
            Ok(HeldEnd::Nothing(now)) => {
                self.clock = DbClock::heard(now);
                self.caution.held.leave();
                if which == Which::Due {
                    // The clock is not there yet, or they are somebody else's.
                    self.listen_again().await?;
                    self.held.wait_a_while(now);
                }
                Ok(())
            }
            Ok(HeldEnd::Worked(done, now)) => {
                self.clock = DbClock::heard(now);
                self.tell(&done, "held");
                self.caution.held.forget();
                self.listen_again().await
            }
            Err(error) => {
                self.environment.status.metrics.failed.inc();
                self.held.ask();
                self.recover(error, Batch::Held).await
            }
        }
    }

    /// Asks the database when to look next.
    async fn listen_again(&mut self) -> Result<(), PgError> {
        let timeout = self.environment.config.daemon.statement_timeout;
        let timers = answered(timeout, gates::timers(&self.work)).await?;
        self.held.heard(timers);
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
