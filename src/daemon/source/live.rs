//! The sessions of a source and when it looks, while it can be used.

use super::{Common, End};
use crate::daemon::bell::Bell;
use crate::daemon::clock::DbClock;
use crate::daemon::doorbell::{Doorbell, Lock};
use crate::daemon::fan_out;
use crate::daemon::page_size::PageSize;
use crate::daemon::pass::Force;
use crate::daemon::rhythm::{Found, PING_EVERY, Rhythm, answered, at, at_or_now, closed};
use crate::pg::each::EachQueries;
use crate::pg::enqueue::Writer;
use crate::pg::error::{PgError, Policy};
use crate::pg::paused::PauseReader;
use crate::pg::session::{Session, SessionRole};
use crate::pg::table::{self, Rung, TableReader};
use crate::pg::{doorbell, schedules};
use crate::rules::foreign::SourceSpec;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two questions whether the doorbell is there: somebody may put one there, or
/// drop it with the table.
const RUNG_EVERY: Duration = Duration::from_secs(10);
/// Between two removals of old keys.
const FORGET_EVERY: Duration = Duration::from_secs(600);

/// What a source works with while it can be used.
pub(super) struct Live {
    pub(super) work: Session,
    pub(super) reader: TableReader,
    pub(super) writer: Writer,
    pub(super) pauses: PauseReader,
    pub(super) each: EachQueries,
    pub(super) force: Arc<Force>,
    pub(super) fans_out: bool,
    pub(super) bell: Arc<Bell>,
    pub(super) rhythm: Rhythm,
    pub(super) clock: DbClock,
    /// When the next row is ready.
    pub(super) ready: Option<Timestamp>,
    pub(super) page_size: PageSize,
    spec: SourceSpec,
    doorbell: Doorbell,
    next_rung: Option<Instant>,
    next_forget: Instant,
}

impl Live {
    pub(super) async fn begin(spec: &SourceSpec, common: &Common) -> Result<Self, End> {
        let work = Session::open(&common.options, SessionRole::Work, None).await.map_err(PgError::from)?;
        work.limit_statements(common.config.daemon.statement_timeout).await?;
        let id = table::register(&work, spec).await?;
        let reader = TableReader::open(&work, spec, id).await.map_err(unusable)?;
        let bell = common.bells.of(id);
        let on = common.config.daemon.doorbell == crate::config::DoorbellMode::On;
        let doorbell = if on && reader.rung() == Rung::Yes {
            let lock =
                Session::open(&common.options, SessionRole::Doorbell, None).await.map_err(PgError::from)?;
            Doorbell::on(Arc::new(lock), id)
        } else {
            Doorbell::off()
        };
        if on && reader.rung() == Rung::Missing {
            tracing::warn!(
                source = %spec.name, table = %spec.table, poll = ?spec.poll,
                "there is no doorbell on the table, so it is polled: run hearken install"
            );
        }
        let next_rung = (on && reader.rung() != Rung::Polled).then(|| Instant::now() + RUNG_EVERY);
        let force = common.force.borrow().clone();
        let now = schedules::now(&work).await?;
        Ok(Self {
            writer: Writer::prepare(&work, common.inboxes.clone()).await?,
            pauses: PauseReader::prepare(&work).await?,
            each: EachQueries::default(),
            fans_out: fan_out::is_needed(&force.set),
            force,
            bell,
            rhythm: Rhythm::begin(),
            clock: DbClock::heard(now),
            ready: None,
            page_size: PageSize::new(&common.config.daemon, spec.batch),
            spec: spec.clone(),
            doorbell,
            next_rung,
            next_forget: Instant::now() + FORGET_EVERY,
            work,
            reader,
        })
    }

    /// What a look means for the next one.
    pub(super) async fn looked(&mut self, found: Found) -> Result<(), End> {
        self.rhythm.next_poll = Instant::now() + self.poll();
        self.rhythm.well = true;
        Ok(self.rhythm.looked(found, &mut self.doorbell, &self.work).await?)
    }

    fn poll(&self) -> Duration {
        match self.doorbell.lock {
            Lock::Off => self.spec.poll,
            Lock::Free | Lock::Asked(_) | Lock::Held => self.spec.reconcile,
        }
    }

    /// Asks for the lock once it has been quiet for long enough.
    pub(super) fn fall_asleep(&mut self, linger: Duration) {
        self.rhythm.fall_asleep(&mut self.doorbell, linger);
    }

    /// Waits for a reason to do something, and does what is not a look.
    pub(super) async fn wait(&mut self, common: &mut Common) -> Result<(), End> {
        let next_ready = self.ready.map(|at| self.clock.instant_of(at));
        let next_look = self.rhythm.next_look(&self.doorbell);
        let lock_session = self.doorbell.session().cloned();
        tokio::select! {
            biased;
            _ = common.stop.changed() => {}
            () = self.work.closed() => return Err(PgError::lost("the session of a source").into()),
            () = closed(lock_session.as_deref()) => {
                return Err(PgError::lost("the session of a source's doorbell").into());
            }
            _ = common.force.changed() => {
                self.force = common.force.borrow_and_update().clone();
                self.fans_out = fan_out::is_needed(&self.force.set);
                self.each.retain(&self.force.set);
            }
            () = at(next_ready) => {
                self.ready = None;
                self.rhythm.look = true;
            }
            () = at(Some(self.rhythm.next_ping)) => self.ping().await?,
            () = at(Some(self.next_forget)) => self.forget().await?,
            () = at(self.next_rung) => self.ask_for_doorbell().await?,
            () = self.bell.wait() => {
                common.status.metrics.bells.inc();
                self.rhythm.quiet_since = None;
                self.rhythm.look = true;
                self.awake().await?;
            }
            granted = self.doorbell.granted() => {
                granted?;
                self.rhythm.look = true;
            }
            () = at_or_now(next_look) => self.rhythm.polled(),
        }
        Ok(())
    }

    /// A bell while S holds the lock: let go of it.
    async fn awake(&mut self) -> Result<(), End> {
        if matches!(self.doorbell.lock, Lock::Held) {
            self.doorbell.wake(&self.work).await?;
        }
        Ok(())
    }

    async fn ping(&mut self) -> Result<(), End> {
        self.rhythm.next_ping = Instant::now() + PING_EVERY;
        if let (Some(session), Lock::Held | Lock::Free) = (self.doorbell.session(), &self.doorbell.lock) {
            answered(Duration::ZERO, doorbell::ping(session)).await?;
        }
        Ok(())
    }

    async fn forget(&mut self) -> Result<(), End> {
        self.next_forget = Instant::now() + FORGET_EVERY;
        match self.reader.forget_old(&self.work).await {
            Ok(_) => Ok(()),
            Err(error) if error.policy() == Policy::Reconnect => Err(error.into()),
            Err(error) => {
                tracing::warn!(source = %self.spec.name, error = %error, "old keys of a source could not be removed");
                Ok(())
            }
        }
    }

    /// Somebody may have run `hearken install` since, or made the table anew.
    async fn ask_for_doorbell(&mut self) -> Result<(), End> {
        self.next_rung = Some(Instant::now() + RUNG_EVERY);
        let rung = self.reader.rung_now(&self.work).await.map_err(unusable)?;
        if rung == self.reader.rung() { Ok(()) } else { Err(End::Again) }
    }

    /// Lets go of the lock.
    pub(super) async fn end(&mut self) -> Result<(), End> {
        Ok(self.doorbell.wake(&self.work).await?)
    }
}

/// An error of opening a source: of its table, or of the session.
pub(super) fn unusable(error: PgError) -> End {
    match error.policy() {
        Policy::Reconnect => End::Lost(error),
        Policy::Blocked | Policy::Refused | Policy::Narrow | Policy::RetryLater => End::Unusable(error),
    }
}
