//! Deliveries to a server in this process, by a process of `hearken work --webhooks` with
//! 64 requests on their way at once: how many a second, and in how much memory.
//!
//! The server shares the two cores with those who deliver and with the database.

use crate::bed::{Bed, Database};
use crate::server::{self, Arrivals};
use crate::store;
use crate::worker::Worker;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ITEMS: usize = 20_000;
const IN_FLIGHT: usize = 64;
const ROUNDS: usize = 3;
/// Deliveries a second.
const BOUND: f64 = 1000.0;
/// The variable with the secret; the value is no secret.
const SECRET: (&str, &str) = ("BENCH_SECRET", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signing {
    Off,
    On,
}

struct Measured {
    /// Deliveries a second.
    rate: f64,
    /// Megabytes of the process at most.
    memory: f64,
    /// Connections which were open at most.
    connections: usize,
}

pub async fn run(bed: &mut Bed) -> anyhow::Result<()> {
    println!(
        "\nwebhooks: {ITEMS} deliveries to a local server, {IN_FLIGHT} in flight \
         (best of {ROUNDS} rounds, in turns)"
    );
    let mut best: [Option<Measured>; 2] = [None, None];
    for _ in 0..ROUNDS {
        for (place, signing) in [Signing::Off, Signing::On].into_iter().enumerate() {
            let measured = deliver(&bed.database().await?, signing).await?;
            let slower = best[place].as_ref().is_some_and(|best| best.rate >= measured.rate);
            if !slower {
                best[place] = Some(measured);
            }
        }
    }
    for (measured, name) in best.iter().flatten().zip(["unsigned", "signed"]) {
        let verdict = if measured.rate >= BOUND { "" } else { ", NOT REACHED" };
        println!(
            "  {name:<8}: {:>6.0} deliveries/s (bound {BOUND}{verdict}), {:.1} MB at most, {} connections",
            measured.rate, measured.memory, measured.connections
        );
        bed.note(
            "work_webhooks",
            serde_json::json!({ "signing": name, "items": ITEMS, "per_s": measured.rate,
                "memory_mb": measured.memory, "connections": measured.connections }),
        )?;
    }
    Ok(())
}

async fn deliver(db: &Database, signing: Signing) -> anyhow::Result<Measured> {
    let (port, arrivals) = server::serve().await?;
    fill(db, port, signing).await?;
    store::settle(db).await?;
    let folder = tempfile::tempdir()?;
    // One endpoint only: all of what is in flight may go to it.
    let settings = format!(
        "[webhooks]\nin_flight = {IN_FLIGHT}\nper_endpoint = {IN_FLIGHT}\n\
         allow_http = [\"127.0.0.1:{port}\"]\nallow_private = [\"127.0.0.1/32\"]\n"
    );
    std::fs::write(folder.path().join("hearken.toml"), settings)?;
    let arguments = ["--webhooks", "--config", "hearken.toml"];
    let mut worker = Worker::start(db, folder.path(), &arguments, &[SECRET])?;
    arrived(&mut worker, &arrivals).await?;
    let memory = worker.memory("VmHWM");
    ended(db).await?;
    let requests = arrivals.requests();
    anyhow::ensure!(requests == ITEMS, "{requests} requests for {ITEMS} items");
    let signed = if signing == Signing::On { ITEMS } else { 0 };
    anyhow::ensure!(arrivals.signed() == signed, "{} of {signed} are signed", arrivals.signed());
    Ok(Measured { rate: arrivals.rate(), memory, connections: arrivals.connections() })
}

async fn arrived(worker: &mut Worker, arrivals: &Arc<Arrivals>) -> anyhow::Result<()> {
    let began = Instant::now();
    while arrivals.requests() < ITEMS {
        worker.runs()?;
        anyhow::ensure!(
            began.elapsed() < Duration::from_secs(120),
            "only {} of {ITEMS} arrived",
            arrivals.requests()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Waits until the last answers are in the database.
async fn ended(db: &Database) -> anyhow::Result<()> {
    let began = Instant::now();
    while store::done(db, "webhooks").await? < ITEMS {
        anyhow::ensure!(began.elapsed() < Duration::from_secs(30), "some deliveries are not done");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Items as a routine with `[webhook]` makes them, each an event of some 300 bytes.
async fn fill(db: &Database, port: u16, signing: Signing) -> anyhow::Result<()> {
    let mut webhook = serde_json::json!({
        "to": { "url": format!("http://127.0.0.1:{port}/hook") },
        "mode": "structured", "timeout_ms": 15_000, "retry_ms": [1000, 5000],
    });
    if signing == Signing::On {
        webhook["secret"] = serde_json::json!({ "env": SECRET.0 });
    }
    let sql = format!(
        "insert into hearken.inbox_items \
             (dedup_key, event_seq, queue, routine, version, title, attempts_max, context, webhook) \
         select sha256(convert_to('hook/' || n, 'UTF8')), n, 'webhooks', 'hook', '0123456789abcdef', \
                'order.created to 127.0.0.1', 3, \
                jsonb_build_object('specversion', '1.0', 'id', n::text, 'source', '/bench', \
                    'type', 'order.created', 'subject', n::text, 'time', '2026-11-21T12:00:00Z', \
                    'datacontenttype', 'application/json', \
                    'data', jsonb_build_object('n', n, 'msg', repeat('z', 140))), \
                '{webhook}' \
         from generate_series(1, {ITEMS}) n"
    );
    Ok(db.client.batch_execute(&sql).await?)
}
