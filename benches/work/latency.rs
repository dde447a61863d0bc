//! An idle system, one event at a time: from just before the insert of the event to the
//! start of the command which `hearken work` runs for its item, and to the moment at which
//! a client which listens has leased it.
//!
//! Beside it what no queue can save: the insert itself, and starting the same command
//! with a pipe.

use crate::bed::{BODY, Bed, Database, connect, percentile};
use crate::daemon::{Daemon, folder};
use crate::ears;
use crate::stamp::{self, Stamps};
use crate::store::QUEUE;
use crate::ways::{Hand, Way};
use crate::worker::Worker;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const EVENTS: usize = 300;
/// The first ones fill caches and plans.
const WARMING: usize = 20;
const PAUSE: Duration = Duration::from_millis(50);

const ROUTINE: &str = "title = \"An order\"\n[on.event]\ntype = \"order.created\"\n[item]\nqueue = \"q\"\n\
    title = \"Order {{ subject }}\"\ninstructions = \"Look at the order and act on it.\"\n\
    [item.context]\nmsg = { get = \"data.msg\" }\n";

/// Milliseconds of each event.
#[derive(Default)]
struct Samples {
    all: Vec<f64>,
    warming: usize,
}

impl Samples {
    fn add(&mut self, milliseconds: f64) {
        self.warming += 1;
        if self.warming > WARMING {
            self.all.push(milliseconds);
        }
    }

    fn quantiles(&mut self) -> (f64, f64) {
        (percentile(&mut self.all, 0.5), percentile(&mut self.all, 0.99))
    }
}

pub async fn run(bed: &mut Bed) -> anyhow::Result<()> {
    println!("\nlatency, an idle system, an event every {PAUSE:?} ({EVENTS} events)");
    let folder = folder([("order".to_owned(), ROUTINE.to_owned())])?;
    let stamps = Stamps::listen(folder.path())?;
    let spawned = spawned(&stamps).await?;
    report(bed, "a process started by hand", spawned)?;

    let db = bed.database().await?;
    let mut daemon = Daemon::start(&db, folder.path(), "")?;
    daemon.leads(&db, Duration::from_secs(30)).await?;
    let (inserted, commanded) = to_command(&db, folder.path(), &stamps).await?;
    report(bed, "insert of the event", inserted)?;
    report(bed, "insert to the start of the command", commanded)?;
    report(bed, "insert to leased by a client", to_client(&db).await?)
}

fn report(bed: &mut Bed, what: &str, mut samples: Samples) -> anyhow::Result<()> {
    let (p50, p99) = samples.quantiles();
    println!("  {what:<36}: p50 {p50:>6.2} ms, p99 {p99:>6.2} ms");
    bed.note(
        "work_latency",
        serde_json::json!({ "what": what, "n": samples.all.len(), "ms_p50": p50, "ms_p99": p99 }),
    )
}

/// The same command, started as a worker would: with pipes, and something to read.
async fn spawned(stamps: &Stamps) -> anyhow::Result<Samples> {
    let command = stamps.command()?;
    let mut samples = Samples::default();
    for _ in 0..EVENTS + WARMING {
        tokio::time::sleep(PAUSE).await;
        let began = stamp::now();
        let mut child = tokio::process::Command::new(&command[0])
            .args(&command[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // It may have ended without reading.
            let _ = stdin.write_all(BODY.as_bytes()).await;
        }
        samples.add(stamp::milliseconds(began, stamps.next().await?));
        child.wait().await?;
    }
    Ok(samples)
}

/// What one event is, by an insert which is prepared.
struct Emitter {
    client: tokio_postgres::Client,
    insert: tokio_postgres::Statement,
}

impl Emitter {
    async fn ready(db: &Database) -> anyhow::Result<Self> {
        let client = connect(&db.url).await?;
        let sql = format!(
            "insert into hearken.events (type, subject, data) values ('order.created', '1', '{BODY}')"
        );
        let insert = client.prepare(&sql).await?;
        Ok(Self { client, insert })
    }

    /// Emits one; says when it began.
    async fn emit(&self) -> anyhow::Result<u64> {
        let began = stamp::now();
        self.client.execute(&self.insert, &[]).await?;
        Ok(began)
    }
}

/// To the acknowledgement of the insert, and to the start of the command.
async fn to_command(db: &Database, folder: &Path, stamps: &Stamps) -> anyhow::Result<(Samples, Samples)> {
    let command = stamps.command()?;
    let mut arguments = vec!["--queue", QUEUE, "--"];
    arguments.extend(command.iter().map(String::as_str));
    let mut worker = Worker::start(db, folder, &arguments, &[])?;
    worker.listens(db, QUEUE).await?;
    let emitter = Emitter::ready(db).await?;
    let (mut inserted, mut started) = (Samples::default(), Samples::default());
    for _ in 0..EVENTS + WARMING {
        tokio::time::sleep(PAUSE).await;
        let began = emitter.emit().await?;
        inserted.add(stamp::milliseconds(began, stamp::now()));
        started.add(stamp::milliseconds(began, stamps.next().await?));
    }
    Ok((inserted, started))
}

/// A client as `docs/workers.md` describes it: it sleeps until the bell rings, and leases.
async fn to_client(db: &Database) -> anyhow::Result<Samples> {
    let (listener, mut bells) = ears::listen(&db.url, &format!("hearken:{QUEUE}")).await?;
    let hand = Hand::ready(connect(&db.url).await?, Way::Hearken, 1).await?;
    let emitter = Emitter::ready(db).await?;
    let mut samples = Samples::default();
    for _ in 0..EVENTS + WARMING {
        tokio::time::sleep(PAUSE).await;
        let began = emitter.emit().await?;
        let (ids, tokens) = loop {
            let rang = tokio::time::timeout(Duration::from_secs(10), bells.recv()).await;
            anyhow::ensure!(matches!(rang, Ok(Some(()))), "no bell rang");
            let (ids, tokens) = hand.lease().await?;
            if !ids.is_empty() {
                break (ids, tokens);
            }
        };
        samples.add(stamp::milliseconds(began, stamp::now()));
        hand.complete(&ids, &tokens).await?;
    }
    drop(listener);
    Ok(samples)
}
