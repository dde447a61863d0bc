//! The sources which are tables of the user's. Each has its own sessions, its own
//! wake and its own trouble: one whose table vanished, or hangs behind a lock, stops
//! itself, says so, and comes back by itself; the others go on.
//!
//! Leadership is not needed for what they do: rows are claimed and marked in the
//! transaction which makes their items. They belong to a term all the same, so that
//! one daemon works at a time and order is kept.

mod live;
mod look;

use super::bell::Bell;
use super::caution::Caution;
use super::gates::Through;
use super::pass::{Done, Force};
use super::pressure::Gauge;
use super::status::Status;
use crate::config::Config;
use crate::pg::connect::ConnectOptions;
use crate::pg::error::PgError;
use crate::pg::inboxes::Specs;
use crate::pg::session::{Session, SessionRole};
use crate::pg::table;
use crate::rules::foreign::{SourceSpec, SourceState};
use crate::rules::name::SourceName;
use live::Live;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Before a source which cannot be used is tried again.
const SOURCE_RETRY: Duration = Duration::from_secs(3);
/// The first pause before connecting again, doubled each time.
const BACKOFF_FIRST: Duration = Duration::from_millis(200);
/// The longest such pause.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// What a source tells the term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Drafts of its events are held.
    Held,
    /// Items of its events are blocked.
    Blocked,
}

/// The bells of the sources, by their ids.
#[derive(Debug, Default)]
pub(super) struct Bells(RwLock<HashMap<i32, Arc<Bell>>>);

impl Bells {
    /// Rings for the source with this id, if it is one of ours.
    pub(super) fn ring(&self, id: i32) {
        if let Some(bell) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            bell.ring();
        }
    }

    fn of(&self, id: i32) -> Arc<Bell> {
        Arc::clone(self.0.write().unwrap_or_else(PoisonError::into_inner).entry(id).or_default())
    }
}

/// How much trouble each source has given; it outlives the terms.
pub(super) type SourceCautions = BTreeMap<SourceName, Arc<Mutex<Caution>>>;

/// What all sources of a term have in common.
#[derive(Clone, Debug)]
pub(super) struct Common {
    pub(super) config: Arc<Config>,
    pub(super) options: ConnectOptions,
    pub(super) status: Arc<Status>,
    pub(super) inboxes: Specs,
    /// The routines which the term has put in force.
    pub(super) force: watch::Receiver<Arc<Force>>,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) bells: Arc<Bells>,
    pub(super) said: mpsc::Sender<Said>,
    pub(super) pressure: Arc<Gauge>,
    pub(super) instance: String,
}

/// Starts all sources which are in use.
pub(super) fn start(common: &Common, cautions: &mut SourceCautions) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for spec in common.config.source.values() {
        match spec.state {
            SourceState::Paused => {
                tracing::info!(source = %spec.name, "the source is paused by the settings")
            }
            SourceState::Active => {
                let caution = Arc::clone(cautions.entry(spec.name.clone()).or_default());
                let source = Source {
                    spec: spec.clone(),
                    common: common.clone(),
                    caution,
                    failing: None,
                    connected: false,
                };
                tasks.spawn(source.run());
            }
        }
    }
    tasks
}

/// One source.
struct Source {
    spec: SourceSpec,
    common: Common,
    caution: Arc<Mutex<Caution>>,
    /// Why it cannot be used, as last told.
    failing: Option<String>,
    /// Whether its sessions were opened.
    connected: bool,
}

/// Why a source ended a time of work.
enum End {
    /// We were told to stop.
    Stopped,
    /// To begin anew: its table has a doorbell now, or has lost it.
    Again,
    /// Its table or its description is no good.
    Unusable(PgError),
    /// A session was lost.
    Lost(PgError),
}

impl From<PgError> for End {
    fn from(error: PgError) -> Self {
        Self::Lost(error)
    }
}

impl Source {
    async fn run(mut self) {
        let mut backoff = BACKOFF_FIRST;
        loop {
            self.connected = false;
            let wait = match self.work().await {
                Ok(()) | Err(End::Stopped) => return,
                Err(End::Again) => Duration::ZERO,
                Err(End::Unusable(error)) => {
                    self.fails(&error).await;
                    SOURCE_RETRY
                }
                Err(End::Lost(error)) => {
                    {
                        let mut caution = self.caution();
                        caution.lost(&error);
                        caution.suspect();
                    }
                    tracing::warn!(source = %self.spec.name, care = ?self.caution().care, error = %error, "the source lost the database; connecting again");
                    // Where the database can be reached it is the batch that costs sessions,
                    // and the next try handles it with more care.
                    backoff = if self.connected { BACKOFF_FIRST } else { (backoff * 2).min(BACKOFF_MAX) };
                    backoff
                }
            };
            let mut stop = self.common.stop.clone();
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// One time of work: from connecting to the end of a session.
    async fn work(&mut self) -> Result<(), End> {
        let mut live = Live::begin(&self.spec, &self.common).await?;
        self.connected = true;
        loop {
            if *self.common.stop.borrow() {
                live.end().await?;
                return Err(End::Stopped);
            }
            if std::mem::take(&mut live.rhythm.look) {
                let found = self.look(&mut live).await?;
                live.looked(found).await?;
            }
            if !live.rhythm.look {
                live.fall_asleep(self.common.config.daemon.linger);
            }
            live.wait(&mut self.common).await?;
        }
    }

    /// Says loudly, and once, that the source cannot be used.
    async fn fails(&mut self, error: &PgError) {
        let why = error.to_string();
        if self.failing.as_ref() == Some(&why) {
            return;
        }
        tracing::error!(
            source = %self.spec.name, table = %self.spec.table, error = %error,
            "the source cannot be used and waits until it can; other sources go on: see hearken check --database"
        );
        self.common.status.source(&self.spec.name, Err(&why));
        self.write_down(Some(&why)).await;
        self.failing = Some(why);
    }

    /// A look succeeded.
    async fn succeeds(&mut self, live: &Live) {
        if self.failing.take().is_some() {
            tracing::info!(source = %self.spec.name, "the source is in use again");
        } else if live.rhythm.well {
            return;
        } else {
            tracing::info!(source = %self.spec.name, table = %self.spec.table, "the source is in use");
        }
        self.common.status.source(&self.spec.name, Ok(()));
        self.write_down(None).await;
    }

    /// Keeps it where `hearken status` finds it. If that fails, the log has it.
    async fn write_down(&self, why: Option<&str>) {
        let Ok(session) = Session::open(&self.common.options, SessionRole::Work, None).await else { return };
        if let Err(error) = table::tell(&session, &self.spec, why).await {
            tracing::debug!(error = %error, "the state of a source could not be written down");
        }
    }

    fn caution(&self) -> std::sync::MutexGuard<'_, Caution> {
        self.caution.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of a pass, and the term of what it has to see to.
    fn tell(&self, done: &Done) {
        super::term::tell(&self.common.status, done, self.spec.name.as_str());
        if done.blocked > 0 {
            let _ = self.common.said.try_send(Said::Blocked);
        }
        if done.timers != Through::default().timers {
            let _ = self.common.said.try_send(Said::Held);
        }
    }
}
