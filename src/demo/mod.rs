//! The demo: hearken at work on a private PostgreSQL.
//!
//! One process plays every part: the application which writes events, the
//! daemon, a worker, and a spectator. Each has sessions of its own, as the
//! processes they stand for would.
//!
//! **Latency** is measured as a user would: from just before the insert begins
//! to the moment at which the spectator has seen the item. The spectator does
//! not listen; it looks at the inbox every [`LOOK_EVERY`], so that what it
//! measures is up to one such pause too long, and never too short.
//!
//! **The end**, by the clock or by Ctrl-C, goes backwards: the application
//! stops, the daemon gets time to read what was written, spectator and worker
//! stop, then the daemon, and the cluster last. If all that fails, even by
//! `kill -9`, the cluster still removes itself ([`crate::cluster`]).

pub mod show;
pub mod stream;

use crate::cluster::{Durability, PrivateCluster};
use crate::config::{Config, HttpListen};
use crate::daemon;
use crate::daemon::run::stop_on_signals;
use crate::daemon::status::Status;
use crate::pg::connect::ConnectOptions;
use crate::pg::demo::{self as sql, EventWriter, ItemReader, NewEvent, Totals};
use crate::pg::error::PgError;
use crate::pg::migrate;
use crate::pg::session::{Session, SessionRole};
use anyhow::{Context, bail, ensure};
use show::{Happening, Scores, Screen, Seen, Show, Style, Written};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stream::Stream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// How long the spectator waits between two looks: short beside what it
/// measures, and still only a few hundred cheap statements a second.
pub const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Every demo tells the same story.
const SEED: u64 = 42;
/// How long the daemon may take to lead; its database is up already.
const LEAD_WITHIN: Duration = Duration::from_secs(30);
/// How long the end waits for the daemon to read what was written.
const DRAIN_WITHIN: Duration = Duration::from_secs(3);
/// How often the worker asks for work.
const WORK_EVERY: Duration = Duration::from_millis(1200);
/// How long it holds what it got.
const WORK_TAKES: Duration = Duration::from_millis(400);
/// How often the state of the inbox is shown.
const INBOX_EVERY: Duration = Duration::from_secs(5);
/// So much news may wait to be printed; then the others wait for the terminal.
const HAPPENINGS_MAX: usize = 1024;

/// A statement which becomes an item, for the spectator to try.
const EXAMPLE: &str = "select hearken.emit('payment.failed', '{\"payment_id\": \"p-1\", \"customer\": \"c-1\", \
                       \"amount\": 75, \"currency\": \"EUR\", \"attempt\": 3, \"method\": \"card\"}');";

/// What the demo is asked for.
#[derive(Clone, Debug)]
pub struct DemoSettings {
    /// End by itself after so many seconds.
    pub seconds: Option<u64>,
    /// About how many events a second.
    pub rate: u32,
    /// The folder of routines.
    pub routines: PathBuf,
    /// The names of the routines in it, to be shown.
    pub names: Vec<String>,
}

/// How far the demo is, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Events are written.
    Streaming,
    /// No more events; what was written is worked off.
    Draining,
    /// All have gone home.
    Over,
}

type News = mpsc::Sender<Happening>;
type Parts = JoinSet<Result<(), PgError>>;

/// Starts the private PostgreSQL and says so. Blocks for about two seconds;
/// for longer where PostgreSQL has to be installed first.
///
/// # Errors
///
/// If there is no PostgreSQL here and none can be installed, or it does not
/// start.
pub fn start_cluster(screen: Screen) -> anyhow::Result<PrivateCluster> {
    screen.line(&screen.paint(Style::Bold, "hearken demo"));
    let began = Instant::now();
    let cluster = PrivateCluster::start(Durability::ProcessCrash, &[])?;
    let (version, folder) = (cluster.version(), cluster.socket_folder().display());
    let text = format!("{version} started in {:.1} s, in {folder}", began.elapsed().as_secs_f64());
    screen.fact("PostgreSQL", &text);
    Ok(cluster)
}

/// Runs the demo on a cluster until its time is up, or until Ctrl-C, and prints
/// the summary. No task of it is left when it returns without an error, so that
/// the cluster can be dropped.
///
/// # Errors
///
/// If the database or the daemon fails.
pub async fn run(cluster: &PrivateCluster, settings: &DemoSettings, screen: Screen) -> anyhow::Result<()> {
    let signal = stop_on_signals().context("cannot catch Ctrl-C")?;
    let options = prepare(cluster, screen).await?;
    let config = Arc::new(config(settings));
    let status = Arc::new(Status::new(config.poll()));
    let (stop, stopped) = watch::channel(false);
    let daemon = daemon::run::run(config, options.clone(), status.clone(), stopped);
    tokio::pin!(daemon);
    let stage = Stage { cluster, settings, screen, options, status };
    let outcome = tokio::select! {
        ended = &mut daemon => {
            ended?;
            bail!("the daemon ended though nobody told it to");
        }
        outcome = stage.perform(signal) => outcome,
    };
    // The daemon first, then whatever else there is to say.
    stop.send_replace(true);
    let ended = daemon.await;
    let ending = outcome?;
    ended?;
    show::summary(screen, &ending.totals, &ending.scores, ending.lasted);
    Ok(())
}

fn config(settings: &DemoSettings) -> Config {
    let mut config = Config::default();
    config.http.listen = HttpListen::Off;
    config.daemon.routines.clone_from(&settings.routines);
    config
}

/// Makes the database and its schema.
async fn prepare(cluster: &PrivateCluster, screen: Screen) -> anyhow::Result<ConnectOptions> {
    // The environment may point to a real database; nothing of it is heeded.
    let resolve = |database: &str| ConnectOptions::resolve(Some(&cluster.url(database)), &|_| None);
    let first = Session::open(&resolve("postgres")?, SessionRole::Tool, None).await?;
    sql::create_database(&first).await?;
    drop(first);
    let options = resolve(sql::DATABASE)?;
    let began = Instant::now();
    let session = Session::open(&options, SessionRole::Tool, None).await?;
    let applied = migrate::run(&session).await?;
    let text = format!("migrations {} applied in {} ms", applied.join(", "), began.elapsed().as_millis());
    screen.fact("schema", &text);
    Ok(options)
}

/// What is left to tell when all is over.
struct Ending {
    totals: Totals,
    scores: Scores,
    lasted: Duration,
}

/// Everything but the daemon.
struct Stage<'a> {
    cluster: &'a PrivateCluster,
    settings: &'a DemoSettings,
    screen: Screen,
    options: ConnectOptions,
    status: Arc<Status>,
}

impl Stage<'_> {
    /// Waits for the daemon, plays all the parts, and ends them in order.
    async fn perform(self, mut signal: watch::Receiver<bool>) -> anyhow::Result<Ending> {
        let session = self.open().await?;
        let began = Instant::now();
        tokio::select! {
            led = until_leading(&self.status) => led?,
            () = told_to_stop(&mut signal) => {}
        }
        self.introduce(began.elapsed());

        let began = Instant::now();
        let (phase_to, phase) = watch::channel(Phase::Streaming);
        let (news, happenings) = mpsc::channel(HAPPENINGS_MAX);
        let show = tokio::spawn(Show::new(self.screen, self.open().await?).run(happenings));
        let mut parts = self.cast(&news, &phase).await?;
        // Whoever is left to tell news holds a sender; the show ends with the last.
        drop(news);

        until_over(&mut parts, &mut signal, self.settings.seconds).await?;
        let lasted = began.elapsed();
        self.screen.line(&self.screen.paint(Style::Dim, "stopping: what was written is worked off …"));
        phase_to.send_replace(Phase::Draining);
        // The application is the only part which ends here.
        if let Some(ended) = parts.join_next().await {
            ended??;
        }
        drain(&session, &self.status).await?;
        phase_to.send_replace(Phase::Over);
        while let Some(ended) = parts.join_next().await {
            ended??;
        }
        let scores = show.await??;
        Ok(Ending { totals: sql::totals(&session).await?, scores, lasted })
    }

    async fn open(&self) -> Result<Session, PgError> {
        Ok(Session::open(&self.options, SessionRole::Tool, None).await?)
    }

    /// Starts the application, the spectator and the worker.
    async fn cast(&self, news: &News, phase: &watch::Receiver<Phase>) -> Result<Parts, PgError> {
        let writer = EventWriter::open(&self.options).await?;
        let reader = ItemReader::open(&self.options).await?;
        let worker = self.open().await?;
        // Enough for every event to become an item.
        let items_max = i32::try_from(self.settings.rate).unwrap_or(i32::MAX).saturating_mul(2);
        let mut parts = JoinSet::new();
        let stream = Stream::new(SEED, self.settings.rate);
        parts.spawn(write_events(writer, stream, news.clone(), phase.clone()));
        parts.spawn(watch_items(reader, news.clone(), phase.clone()));
        parts.spawn(work(worker, items_max, news.clone(), phase.clone()));
        Ok(parts)
    }

    /// Says what is there and how to look for oneself.
    fn introduce(&self, waited: Duration) {
        let screen = self.screen;
        let names = &self.settings.names;
        let folder = self.settings.routines.display();
        screen.fact("routines", &format!("{} in {folder}: {}", names.len(), names.join(", ")));
        screen.fact("daemon", &format!("leads after {} ms", waited.as_millis()));
        screen.fact("stream", &format!("about {} events a second, and a worker", self.settings.rate));
        let look_ms = LOOK_EVERY.as_millis();
        screen.fact(
            "latency",
            &format!("from just before the insert to seeing the item, by a look every {look_ms} ms"),
        );
        screen.fact("look", &screen.paint(Style::Bold, &psql_line(self.cluster)));
        screen.fact("", "table hearken.inbox_items;");
        screen.fact("", EXAMPLE);
        let end = match self.settings.seconds {
            Some(seconds) => format!("after {seconds} s, or by Ctrl-C"),
            None => "by Ctrl-C".to_owned(),
        };
        screen.fact("end", &end);
        screen.line("");
    }
}

/// The command to look for oneself. Where PostgreSQL was unpacked rather than
/// installed, its psql needs to be told of its libraries.
fn psql_line(cluster: &PrivateCluster) -> String {
    let psql = cluster.psql();
    let mut line = String::new();
    if psql.exists() {
        let command = cluster.program("psql");
        let libraries = command
            .get_envs()
            .find(|(name, _)| name.to_str() == Some("LD_LIBRARY_PATH"))
            .and_then(|(_, value)| value);
        if let Some(folder) = libraries {
            line.push_str(&format!("LD_LIBRARY_PATH={} ", folder.display()));
        }
        line.push_str(&psql.display().to_string());
    } else {
        line.push_str("psql");
    }
    format!("{line} -h {} -U postgres {}", cluster.socket_folder().display(), sql::DATABASE)
}

/// Waits until the daemon has looked at the log for the first time.
async fn until_leading(status: &Status) -> anyhow::Result<()> {
    let deadline = Instant::now() + LEAD_WITHIN;
    while status.describe()["role"] != "leader" {
        ensure!(Instant::now() < deadline, "the daemon does not get ready: {}", status.troubles().join("; "));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Returns when the time is up, the user has had enough, or the terminal was
/// closed; fails if a part ends by itself.
async fn until_over(
    parts: &mut Parts,
    signal: &mut watch::Receiver<bool>,
    seconds: Option<u64>,
) -> anyhow::Result<()> {
    let time_is_up = async {
        match seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    // The daemon takes SIGHUP for "read the routines again", so that closing the
    // terminal would otherwise leave us behind.
    let mut hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;
    tokio::select! {
        () = time_is_up => Ok(()),
        _ = hangup.recv() => Ok(()),
        () = told_to_stop(signal) => Ok(()),
        ended = parts.join_next() => {
            if let Some(ended) = ended {
                ended??;
            }
            bail!("a part of the demo ended though nobody told it to");
        }
    }
}

async fn told_to_stop(signal: &mut watch::Receiver<bool>) {
    let _ = signal.wait_for(|stop| *stop).await;
}

async fn reached(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    let _ = phase.wait_for(|phase| *phase >= wanted).await;
}

/// Waits until the daemon has read as many events as there are.
async fn drain(session: &Session, status: &Status) -> Result<(), PgError> {
    let written = u64::try_from(sql::events_written(session).await?).unwrap_or(0);
    let deadline = Instant::now() + DRAIN_WITHIN;
    while status.metrics.events.get() < written && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// The application: writes the stream, one commit an event.
async fn write_events(
    writer: EventWriter,
    stream: Stream,
    news: News,
    mut phase: watch::Receiver<Phase>,
) -> Result<(), PgError> {
    let mut next = tokio::time::Instant::now();
    for event in stream {
        next += event.pause;
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            () = reached(&mut phase, Phase::Draining) => return Ok(()),
        }
        let data = event.data.to_string();
        let row = NewEvent { kind: event.kind, source: event.source, subject: &event.subject, data: &data };
        let began = Instant::now();
        let seq = writer.write(&row).await?;
        let written = Written { seq, began, kind: event.kind, subject: event.subject, told: event.told };
        // If nobody shows it, the demo is about to end.
        let _ = news.send(Happening::Written(written)).await;
    }
    Ok(())
}

/// The spectator: looks at the inbox again and again.
async fn watch_items(
    mut reader: ItemReader,
    news: News,
    phase: watch::Receiver<Phase>,
) -> Result<(), PgError> {
    loop {
        // Asked before the look, so that one look comes after the end.
        let over = *phase.borrow() >= Phase::Over;
        let items = reader.look().await?;
        let at = Instant::now();
        for item in items {
            let _ = news.send(Happening::Seen(Seen { item, at })).await;
        }
        if over {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The worker: takes items, holds them for a while, and completes them, so that
/// the inbox breathes.
async fn work(
    session: Session,
    items_max: i32,
    news: News,
    mut phase: watch::Receiver<Phase>,
) -> Result<(), PgError> {
    let mut counted = Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep(WORK_EVERY) => {}
            () = reached(&mut phase, Phase::Over) => return Ok(()),
        }
        let held = sql::lease_some(&session, items_max).await?;
        if counted.elapsed() >= INBOX_EVERY {
            counted = Instant::now();
            let _ = news.send(Happening::Inbox(sql::inbox_counts(&session).await?)).await;
        }
        if !held.is_empty() {
            tokio::time::sleep(WORK_TAKES).await;
            sql::finish_some(&session, &held).await?;
        }
    }
}
