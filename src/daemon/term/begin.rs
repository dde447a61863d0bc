//! How a term begins: its sessions, where the log stands, and its sources.

use super::{Environment, Term};
use crate::config::{Config, DoorbellMode};
use crate::daemon::bell::Bell;
use crate::daemon::caution::Cautions;
use crate::daemon::chores::Chores;
use crate::daemon::clock::DbClock;
use crate::daemon::doorbell::Doorbell;
use crate::daemon::held::HeldClock;
use crate::daemon::page_size::PageSize;
use crate::daemon::pass::Force;
use crate::daemon::pressure;
use crate::daemon::query::Queries;
use crate::daemon::queues;
use crate::daemon::rhythm::Rhythm;
use crate::daemon::source::{self, Bells, Common, Said};
use crate::daemon::ticks::Planner;
use crate::pg::connect::ConnectOptions;
use crate::pg::each::EachQueries;
use crate::pg::enqueue::Writer;
use crate::pg::error::PgError;
use crate::pg::log::{Begin, LOG_ID, LogReader};
use crate::pg::paused::PauseReader;
use crate::pg::session::{OnNotify, Session, SessionRole};
use crate::pg::{doorbell, schedules};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// So many words of sources wait for the term; more would say the same.
const SAID_MAX: usize = 16;

/// The bells which the listener rings.
#[derive(Clone, Default)]
struct Rung {
    /// For the log, and for what is held.
    log: Arc<Bell>,
    /// For tables of the user's.
    tables: Arc<Bells>,
}

/// What a term and its sources tell each other.
struct Wires {
    common: Common,
    adopted: watch::Sender<Arc<Force>>,
    said: mpsc::Receiver<Said>,
}

impl<'a> Term<'a> {
    pub(super) async fn begin(
        environment: &'a mut Environment,
        leader: &'a Session,
        caution: &'a mut Cautions,
    ) -> Result<Self, PgError> {
        let rung = Rung::default();
        let work = Session::open(&environment.options, SessionRole::Work, None).await?;
        work.limit_statements(environment.config.daemon.statement_timeout).await?;
        let (listener, doorbell) = listen(&environment.config, &environment.options, &rung).await?;
        let reader = LogReader::prepare(&work).await?;
        take_over(&reader, &work).await?;
        let force = environment.force.borrow_and_update().clone();
        let now = schedules::now(&work).await?;
        let Wires { common, adopted, said } = wire(environment, force.clone(), rung.tables);
        let (inboxes, options) = (common.inboxes.clone(), common.options.clone());
        let chores = Chores::due(inboxes.clone(), environment);
        let mut term = Self {
            page_size: PageSize::new(&environment.config.daemon, environment.config.daemon.batch_max),
            environment,
            leader,
            listener,
            bell: rung.log,
            doorbell,
            reader,
            writer: Writer::prepare(&work, inboxes.clone()).await?,
            pauses: PauseReader::prepare(&work).await?,
            work,
            planner: Planner::new(now),
            queries: Queries::new(options, inboxes, now),
            each: EachQueries::default(),
            fans_out: false,
            unanswered: true,
            force,
            clock: DbClock::heard(now),
            caution,
            paused: HashSet::new(),
            held: HeldClock::begin(),
            resting: Vec::new(),
            echo: None,
            adopted,
            said,
            sources: JoinSet::new(),
            watching: JoinSet::new(),
            pressure: common.pressure.clone(),
            chores,
            rhythm: Rhythm::begin(),
        };
        term.adopt().await?;
        term.sources = source::start(&common, &mut term.caution.sources);
        queues::put_in_force(&common.config, &common.options, term.leader, &mut term.watching).await?;
        term.watching.spawn(pressure::watch(common.config, common.options, common.pressure));
        Ok(term)
    }
}

/// The listener, which listens already, and the session of the lock.
async fn listen(
    config: &Config,
    options: &ConnectOptions,
    rung: &Rung,
) -> Result<(Option<Session>, Doorbell), PgError> {
    match config.daemon.doorbell {
        DoorbellMode::Off => Ok((None, Doorbell::off())),
        DoorbellMode::On => {
            let listener = Session::open(options, SessionRole::Listener, Some(hear(rung))).await?;
            doorbell::listen(&listener).await?;
            let lock = Session::open(options, SessionRole::Doorbell, None).await?;
            Ok((Some(listener), Doorbell::on(Arc::new(lock), LOG_ID)))
        }
    }
}

/// Finds out where the log stands, and says what is worth knowing of it.
async fn take_over(reader: &LogReader, work: &Session) -> Result<(), PgError> {
    match reader.begin(work).await? {
        Begin::First => tracing::info!("reading the log from its beginning"),
        Begin::Same => {}
        Begin::Restored { seq } => {
            tracing::warn!(event.seq = seq, "the database was restored from a dump; working off its backlog");
        }
    }
    Ok(())
}

fn wire(environment: &Environment, force: Arc<Force>, bells: Arc<Bells>) -> Wires {
    let (adopted, adopting) = watch::channel(force);
    let (saying, said) = mpsc::channel(SAID_MAX);
    let common = Common {
        config: environment.config.clone(),
        options: environment.options.clone(),
        status: environment.status.clone(),
        inboxes: Arc::new(environment.config.inbox.clone()),
        force: adopting,
        stop: environment.stop.clone(),
        bells,
        said: saying,
        instance: environment.instance.clone(),
        pressure: Arc::default(),
    };
    Wires { common, adopted, said }
}

/// What the listener does with a notification: next to nothing.
fn hear(rung: &Rung) -> OnNotify {
    let Rung { log: bell, tables: bells } = rung.clone();
    Arc::new(move |notification| {
        if notification.channel() == doorbell::CHANNEL {
            match notification.payload().parse() {
                _ if notification.payload() == doorbell::GATES => bell.ring_for_gates(),
                _ if notification.payload() == doorbell::LEASES => bell.ring_for_leases(),
                Ok(id) if id != LOG_ID => bells.ring(id),
                Ok(_) | Err(_) => bell.ring(),
            }
        } else {
            bell.echo();
        }
    })
}
