//! One time of leadership: from connecting to losing a session.
//!
//! Whatever is lost, a backend, the server, the network, the answer is one:
//! drop all sessions, connect again, LISTEN, and look before calling ourselves
//! well. What a term knows and the database does not is nothing but hints.

mod begin;
mod held;
mod look;

pub(super) use self::look::tell;

use super::bell::Bell;
use super::caution::{Batch, Cautions};
use super::chores::Chores;
use super::clock::DbClock;
use super::doorbell::{Doorbell, Lock};
use super::failpoint;
use super::fan_out;
use super::held::HeldClock;
use super::page_size::PageSize;
use super::pass::{Care, Force, rollback};
use super::pressure::Gauge;
use super::query::{Queries, Settled};
use super::rhythm::{ECHO_WITHIN, Found, PING_EVERY, Rhythm, answered, at, at_or_now, closed};
use super::source::Said;
use super::status::{Role, Status};
use super::ticks::{self, Planner};
use crate::config::Config;
use crate::pg::connect::ConnectOptions;
use crate::pg::each::EachQueries;
use crate::pg::enqueue::Writer;
use crate::pg::error::{PgError, Policy};
use crate::pg::log::LogReader;
use crate::pg::paused::PauseReader;
use crate::pg::session::Session;
use crate::pg::{doorbell, gates, registry, schedules};
use crate::rules::name::RoutineName;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Before a pass is tried again which another one was in the way of.
const TAKEN_PAUSE: Duration = Duration::from_millis(50);

/// Why a term ended.
#[derive(Debug)]
pub enum TermEnd {
    /// We were told to stop.
    Stopped,
    /// A session was lost.
    Lost(PgError),
}

/// What a term needs from outside.
#[derive(Debug)]
pub struct Environment {
    /// The settings.
    pub config: Arc<Config>,
    /// Where the database is.
    pub options: ConnectOptions,
    /// What is told about us.
    pub status: Arc<Status>,
    /// The routines in force, and their changes.
    pub force: watch::Receiver<Arc<Force>>,
    /// Becomes true when we are to stop.
    pub stop: watch::Receiver<bool>,
    /// Our name in `hearken.daemons`.
    pub instance: String,
}

/// The sessions and the state of a term.
#[derive(Debug)]
struct Term<'a> {
    environment: &'a mut Environment,
    leader: &'a Session,
    work: Session,
    listener: Option<Session>,
    bell: Arc<Bell>,
    doorbell: Doorbell,
    reader: LogReader,
    writer: Writer,
    force: Arc<Force>,
    planner: Planner,
    queries: Queries,
    each: EachQueries,
    /// Whether some routine has a query to be asked in passes.
    fans_out: bool,
    /// Whether events may wait for such a query to be mended.
    unanswered: bool,
    clock: DbClock,
    caution: &'a mut Cautions,
    /// Reads which routines are paused.
    pauses: PauseReader,
    /// Which ones are, as the last pass read.
    paused: HashSet<RoutineName>,
    /// When held drafts are to be looked at.
    held: HeldClock,
    /// Routines which are there and cannot be used for now: their held drafts wait.
    resting: Vec<String>,
    page_size: PageSize,
    echo: Option<(u64, Instant)>,
    /// The routines in force, for the sources.
    adopted: watch::Sender<Arc<Force>>,
    /// What the sources say.
    said: mpsc::Receiver<Said>,
    /// Tables of the user's, each a task; with the term they end.
    sources: JoinSet<()>,
    /// Asks whether the database is under pressure.
    watching: JoinSet<()>,
    /// Whether the database is to be spared.
    pressure: Arc<Gauge>,
    chores: Chores,
    rhythm: Rhythm,
}

/// Leads until a session is lost or we are told to stop. `leader` holds the
/// leader's lock.
pub async fn lead(environment: &mut Environment, leader: &Session, caution: &mut Cautions) -> TermEnd {
    let mut term = match Term::begin(environment, leader, caution).await {
        Ok(term) => term,
        Err(error) => return TermEnd::Lost(error),
    };
    match term.run().await {
        Ok(()) => TermEnd::Stopped,
        Err(error) => TermEnd::Lost(error),
    }
}

/// What woke us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wake {
    Bell,
    Granted,
    Tick,
    Query,
    Held,
    Poll,
    Ping,
    Expiry,
    Said(Said),
    Partitions,
    Reload,
    Stop,
}

impl<'a> Term<'a> {
    /// Puts a set of routines in force: recorded, and its schedules planned.
    async fn adopt(&mut self) -> Result<(), PgError> {
        registry::record_set(&self.work, &self.force.set).await?;
        let planned =
            schedules::adopt(&self.work, &ticks::fingerprints(&self.force), &self.force.set.refused).await?;
        self.cancel_gone().await?;
        self.resting = self.force.set.refused.iter().map(|name| name.as_str().to_owned()).collect();
        self.held.ask();
        self.planner.adopt(&self.force, &planned);
        self.queries.adopt(&self.force, &planned);
        self.each.retain(&self.force.set);
        self.fans_out = fan_out::is_needed(&self.force.set);
        // What was blocked may have been mended in the routine itself.
        self.unanswered = self.fans_out;
        registry::report(&self.work, &self.environment.instance, "leader", &self.force.set.hash).await?;
        self.adopted.send_replace(self.force.clone());
        let count = self.force.set.routines.len();
        tracing::info!(routines.count = count, routines.hash = %self.force.set.hash, "routines are in force");
        Ok(())
    }

    /// Cancels the held drafts of routines which are no more. What cannot be done now
    /// is done at the next reload.
    async fn cancel_gone(&mut self) -> Result<(), PgError> {
        let set = &self.force.set;
        let names = set.routines.iter().map(|routine| &routine.name).chain(&set.refused).collect();
        match gates::cancel_gone(&self.work, &names).await {
            Ok(0) => Ok(()),
            Ok(cancelled) => {
                let cancelled_of = "held drafts of routines which were removed are cancelled";
                tracing::warn!(held.cancelled = cancelled, "{cancelled_of}");
                Ok(())
            }
            Err(error) if error.policy() == Policy::Reconnect => Err(error),
            Err(error) => {
                tracing::warn!(error = %error, "held drafts of routines which were removed could not be cancelled");
                Ok(())
            }
        }
    }

    /// The loop. Each turn looks, if there is a reason to, and waits for the next
    /// reason. What is due is never starved by events that keep coming.
    async fn run(&mut self) -> Result<(), PgError> {
        while !*self.environment.stop.borrow() {
            if std::mem::take(&mut self.rhythm.look) {
                // Held and rung for: let go of the lock, and look meanwhile.
                let rung = self.rhythm.quiet_since.is_none() && matches!(self.doorbell.lock, Lock::Held);
                let letting_go = rung.then(|| self.doorbell.let_go()).flatten();
                let found = self.look().await?;
                if let Some(letting_go) = letting_go {
                    answered(Duration::ZERO, letting_go).await?;
                }
                self.looked(found).await?;
            }
            self.tick_if_due().await?;
            self.queries.start_due(&self.clock);
            self.let_go_on().await?;
            if !self.rhythm.look {
                let linger = self.environment.config.daemon.linger;
                self.rhythm.fall_asleep(&mut self.doorbell, linger);
            }
            let wake = self.wait().await?;
            self.woken(wake).await?;
        }
        self.stop().await
    }

    /// What a look means for the next one.
    async fn looked(&mut self, found: Found) -> Result<(), PgError> {
        self.rhythm.next_poll = Instant::now() + self.poll();
        self.held.looked();
        if !std::mem::replace(&mut self.rhythm.well, true) {
            self.environment.status.role(Role::Leader);
            self.environment.status.looked();
            self.environment.status.metrics.terms.inc();
            tracing::info!("leading");
        }
        self.rhythm.looked(found, &mut self.doorbell, &self.work).await
    }

    async fn woken(&mut self, wake: Wake) -> Result<(), PgError> {
        match wake {
            Wake::Bell => {
                self.environment.status.metrics.bells.inc();
                self.rhythm.quiet_since = None;
                self.rhythm.look = true;
                if self.bell.take_gates() {
                    self.held.ask();
                }
                if self.bell.take_leases() {
                    self.chores.next_expiry = Instant::now();
                }
            }
            Wake::Granted => {
                self.rhythm.look = !failpoint::leaves_out(failpoint::NO_LAST_LOOK);
                self.held.granted();
            }
            Wake::Poll => self.rhythm.polled(),
            Wake::Stop | Wake::Tick | Wake::Held => {}
            Wake::Query => self.settle_queries(),
            Wake::Ping => {
                self.ping().await?;
                let wait = self.echo.map_or(PING_EVERY, |_| ECHO_WITHIN);
                self.rhythm.next_ping = Instant::now() + wait;
            }
            Wake::Expiry => {
                answered(ECHO_WITHIN, self.chores.expire(self.leader)).await?;
                self.ask_again().await?;
            }
            Wake::Said(Said::Held) => self.held.ask(),
            Wake::Said(Said::Blocked) => {
                self.chores.block();
                self.unanswered = self.fans_out;
            }
            Wake::Partitions => self.chores.keep_partitions(self.environment, self.clock.now()).await,
            Wake::Reload => {
                self.force = self.environment.force.borrow_and_update().clone();
                self.adopt().await?;
            }
        }
        Ok(())
    }

    fn poll(&self) -> Duration {
        match self.doorbell.lock {
            Lock::Off => self.environment.config.daemon.poll,
            Lock::Free | Lock::Asked(_) | Lock::Held => self.environment.config.daemon.reconcile,
        }
    }

    /// Waits for a reason to do something.
    async fn wait(&mut self) -> Result<Wake, PgError> {
        let next_tick = self.planner.next().map(|at| self.clock.instant_of(at));
        let next_query = self.queries.next(&self.clock);
        let next_held = Some(self.held.instant(&self.clock));
        let next_look = self.rhythm.next_look(&self.doorbell);
        let keeping = self.chores.is_keeping();
        let lock_session = self.doorbell.session().cloned();
        let environment = &mut *self.environment;
        tokio::select! {
            biased;
            _ = environment.stop.changed() => Ok(Wake::Stop),
            () = self.work.closed() => Err(PgError::lost("the session which runs passes")),
            () = self.leader.closed() => Err(PgError::lost("the session which holds the leader's lock")),
            () = closed(self.listener.as_ref()) => Err(PgError::lost("the listener")),
            () = closed(lock_session.as_deref()) => Err(PgError::lost("the session of the doorbell")),
            () = at(next_tick) => Ok(Wake::Tick),
            () = at(next_held) => Ok(Wake::Held),
            () = at(next_query) => Ok(Wake::Query),
            () = self.queries.ended() => Ok(Wake::Query),
            _ = environment.force.changed() => Ok(Wake::Reload),
            () = at(Some(self.rhythm.next_ping)) => Ok(Wake::Ping),
            () = at(Some(self.chores.next_expiry)) => Ok(Wake::Expiry),
            () = at(Some(self.chores.next_partitions)), if !keeping => Ok(Wake::Partitions),
            () = self.chores.kept() => Ok(Wake::Partitions),
            Some(said) = self.said.recv() => Ok(Wake::Said(said)),
            () = self.bell.wait() => Ok(Wake::Bell),
            granted = self.doorbell.granted() => granted.map(|()| Wake::Granted),
            () = at_or_now(next_look) => Ok(Wake::Poll),
        }
    }

    /// Decides what a failed pass means, ends its transaction, and waits where
    /// waiting helps.
    async fn recover(&mut self, error: PgError, batch: Batch) -> Result<(), PgError> {
        let policy = error.policy();
        if policy == Policy::Reconnect || self.work.is_closed() {
            return Err(error);
        }
        // If the session is gone after all, the pass counts as one that cost it.
        rollback(&self.work).await?;
        let caution = self.caution.of(batch);
        caution.leave();
        let care = caution.care;
        if matches!(error, PgError::Taken(_)) {
            tracing::debug!(error = %error, "once more in a moment");
            tokio::time::sleep(TAKEN_PAUSE).await;
            return Ok(());
        }
        tracing::warn!(error = %error, policy = ?policy, care = ?care, batch = ?batch, "a pass failed and was rolled back");
        let caution = self.caution.of(batch);
        caution.strike(&error);
        if batch == Batch::Log && error.is_cancelled() {
            self.page_size.was_too_large();
        }
        match policy {
            // What fails although it was set aside is somebody else's fault, and may last.
            Policy::Narrow | Policy::Refused | Policy::Blocked if care == Care::SetAside => {
                tokio::time::sleep(caution.pause()).await;
            }
            Policy::Narrow | Policy::Refused | Policy::Blocked => caution.escalate(),
            Policy::RetryLater | Policy::Reconnect => {
                let suspicious = caution.is_suspicious();
                tokio::time::sleep(caution.pause()).await;
                if suspicious && self.writes_work().await {
                    self.caution.of(batch).escalate();
                }
            }
        }
        Ok(())
    }

    /// Whether the database takes other writes: if not, the batch is innocent.
    async fn writes_work(&self) -> bool {
        let hash = &self.force.set.hash;
        registry::report(&self.work, &self.environment.instance, "leader", hash).await.is_ok()
    }

    /// Takes note of the queries which have ended.
    fn settle_queries(&mut self) {
        for settled in self.queries.settle() {
            match settled {
                Settled::Done(done) => self.tell(&done, "query"),
                Settled::Early(now) => self.clock = DbClock::heard(now),
            }
        }
    }

    /// Proves that the sessions live: S by an empty statement, N by hearing
    /// itself.
    async fn ping(&mut self) -> Result<(), PgError> {
        if let Some((sent, at)) = self.echo {
            if self.bell.echoes() < sent && at.elapsed() >= ECHO_WITHIN {
                return Err(PgError::lost("the listener, which does not hear itself"));
            }
            if self.bell.echoes() >= sent {
                self.echo = None;
            }
            return Ok(());
        }
        if let (Some(session), Lock::Held | Lock::Free) = (self.doorbell.session(), &self.doorbell.lock) {
            answered(Duration::ZERO, doorbell::ping(session)).await?;
        }
        if let Some(listener) = &self.listener {
            self.echo = Some((self.bell.echoes() + 1, Instant::now()));
            answered(Duration::ZERO, doorbell::ring_self(listener)).await?;
        }
        Ok(())
    }

    async fn stop(&mut self) -> Result<(), PgError> {
        self.doorbell.wake(&self.work).await?;
        // Each ends with the pass in hand.
        while self.sources.join_next().await.is_some() {}
        registry::sign_off(&self.work, &self.environment.instance).await
    }
}
