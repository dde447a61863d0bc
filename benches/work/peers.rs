//! graphile-worker and pg-boss on the same server, at the settings which their makers
//! recommend for speed, beside hearken's engine: how fast jobs which do nothing are
//! worked off, and from adding a job in an idle system to the start of its handler.
//!
//! They run in node, with the scripts of `benches/work/peers`, and are installed below
//! `target`. Where npm is not at hand, or has nothing to install from, they are left out
//! and that is said. All of them run their handlers in the process which took the job.
//! The time of theirs ends with the last handler, and of ours with the last answer.

use crate::bed::{Bed, Database, percentile};
use crate::engine::{self, Waiting};
use crate::store::{self, Keys, QUEUE};
use anyhow::Context;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::process::Command;

const JOBS: usize = 20_000;
const LATENCIES: usize = 300;
const WARMING: usize = 30;
const PAUSE: Duration = Duration::from_millis(20);
const ROUNDS: usize = 3;
const PEERS: [&str; 2] = ["graphile-worker", "pg-boss"];
/// Slots of our engine: as many as the others take at a time.
const SLOTS: usize = 500;
const SETTLING: Duration = Duration::from_secs(2);

/// The best drain so far, and the best latency, of one of them.
#[derive(Default)]
struct Best {
    rate: f64,
    wal: f64,
    /// Megabytes of the process at most; ours is this one.
    memory: Option<f64>,
    latency: Option<(f64, f64)>,
}

impl Best {
    fn drained(&mut self, rate: f64, wal: f64, memory: Option<f64>) {
        if rate > self.rate {
            (self.rate, self.wal, self.memory) = (rate, wal, memory);
        }
    }

    fn began(&mut self, p50: f64, p99: f64) {
        if self.latency.is_none_or(|(best, _)| p50 < best) {
            self.latency = Some((p50, p99));
        }
    }
}

pub async fn run(bed: &mut Bed) -> anyhow::Result<()> {
    println!(
        "\npeers: {JOBS} jobs which do nothing, and {LATENCIES} one after the other \
         (best of {ROUNDS} rounds, in turns)"
    );
    let installed = match install().await {
        Ok(folder) => Some(folder),
        Err(error) => {
            println!("  NOT MEASURED: graphile-worker and pg-boss: {error:#}");
            None
        }
    };
    let mut best = [Best::default(), Best::default(), Best::default()];
    for _ in 0..ROUNDS {
        ours(bed, &mut best[0]).await?;
        if let Some(folder) = &installed {
            for (peer, best) in PEERS.iter().zip(&mut best[1..]) {
                theirs(bed, folder, peer, best).await?;
            }
        }
    }
    let names = std::iter::once("hearken").chain(PEERS);
    for (name, best) in names.zip(&best).filter(|(_, best)| best.rate > 0.0) {
        let (p50, p99) = best.latency.unwrap_or((f64::NAN, f64::NAN));
        println!(
            "  {name:<16}: {:>7.0} jobs/s, {:>5.0} B of WAL a job; add to start p50 {p50:.2} ms, \
             p99 {p99:.2} ms{}",
            best.rate,
            best.wal,
            best.memory.map(|memory| format!("; {memory:.0} MB at most")).unwrap_or_default()
        );
        bed.note(
            "work_peers",
            serde_json::json!({ "name": name, "per_s": best.rate, "wal": best.wal, "ms_p50": p50,
                "ms_p99": p99, "memory_mb": best.memory }),
        )?;
    }
    Ok(())
}

async fn ours(bed: &mut Bed, best: &mut Best) -> anyhow::Result<()> {
    let db = bed.database().await?;
    store::fill(&db, JOBS, Keys::None).await?;
    let before = db.wal().await?;
    let rate = engine::work_off(&db, JOBS, SLOTS).await?;
    best.drained(rate, (db.wal().await? - before) / JOBS as f64, None);

    let mut worker = Waiting::start(&db)?;
    // As long as the peers take to be idle.
    tokio::time::sleep(SETTLING).await;
    let mut samples = Vec::new();
    for turn in 0..LATENCIES + WARMING {
        tokio::time::sleep(PAUSE).await;
        let began = Instant::now();
        add(&db, turn).await?;
        let begun = worker.next().await?;
        if turn >= WARMING {
            samples.push(begun.saturating_duration_since(began).as_secs_f64() * 1e3);
        }
    }
    worker.end().await?;
    best.began(percentile(&mut samples, 0.5), percentile(&mut samples, 0.99));
    Ok(())
}

/// Adds one item and rings, as a pass does, in one transaction.
async fn add(db: &Database, turn: usize) -> anyhow::Result<()> {
    let sql = format!(
        "with i as (insert into hearken.inbox_items (dedup_key, queue, routine, version, title, context) \
             values (sha256(convert_to('one/{turn}', 'UTF8')), '{QUEUE}', 'one', '0123456789abcdef', 'One', \
                     '{{\"n\": {turn}}}')) \
         select pg_notify('hearken:{QUEUE}', '')"
    );
    db.client.execute(&sql, &[]).await?;
    Ok(())
}

async fn theirs(bed: &mut Bed, folder: &Path, peer: &str, best: &mut Best) -> anyhow::Result<()> {
    let db = bed.database().await?;
    let jobs = JOBS.to_string();
    node(folder, peer, &db.url, &["prepare"]).await?;
    node(folder, peer, &db.url, &["add", &jobs]).await?;
    let before = db.wal().await?;
    let drained = node(folder, peer, &db.url, &["drain", &jobs]).await?;
    let wal = (db.wal().await? - before) / JOBS as f64;
    let number = |value: &Value, name: &str| value[name].as_f64().unwrap_or(f64::NAN);
    best.drained(number(&drained, "per_s"), wal, Some(number(&drained, "memory_mb")));
    let began = node(folder, peer, &db.url, &["latency", &LATENCIES.to_string()]).await?;
    best.began(number(&began, "p50_ms"), number(&began, "p99_ms"));
    Ok(())
}

/// Runs a part of a peer's script; returns what it printed last.
async fn node(folder: &Path, peer: &str, url: &str, arguments: &[&str]) -> anyhow::Result<Value> {
    let run = Command::new(folder.join("node_modules/.bin/node"))
        .arg(format!("{peer}.mjs"))
        .args(arguments)
        .env("DATABASE_URL", url)
        .current_dir(folder)
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(180), run).await??;
    let errors = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{peer} {arguments:?} failed: {errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().context("it printed nothing")?;
    Ok(serde_json::from_str(line)?)
}

/// Copies the scripts below `target` and installs what they need, node included: both
/// want a newer one than most systems have.
async fn install() -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (from, to) = (root.join("benches/work/peers"), root.join("target/peers"));
    std::fs::create_dir_all(&to)?;
    for name in ["package.json", "bench.mjs", "graphile-worker.mjs", "pg-boss.mjs"] {
        std::fs::copy(from.join(name), to.join(name)).with_context(|| format!("cannot copy {name}"))?;
    }
    let install = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(&to)
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(300), install)
        .await
        .context("npm takes too long")?
        .context("there is no npm")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "npm could not install them: {errors}");
    Ok(to)
}
