//! A transaction holds xmin while items come and go at full speed, and the archive takes
//! those which have finished: how long a lease takes at the end, beside the start.
//!
//! Nothing can be cleaned up meanwhile, so that each item leaves its dead versions, and
//! their entries in the indexes, where the lease looks for the next one. Leases are as
//! short as can be, so that theirs come to lie in the past, where ended leases are looked
//! for: an hour's worth of that, too, in a minute.

use crate::bed::{Bed, Database, connect, percentile};
use crate::store::{self, Keys};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio_postgres::{Client, Statement};

/// Items come in so many at a time.
const CHUNK: usize = 2_000;
const BATCH: i32 = 100;
/// Each chunk ends with so many which are leased alone.
const ALONE: usize = 100;
/// The end of the churn, whichever comes first.
const SECONDS: f64 = 60.0;
const ITEMS: usize = 1_000_000;
/// So many leases at each end are compared.
const SAMPLE: usize = 200;
/// Items stay in the hot table for so long.
const KEPT: &str = "5 seconds";
const BOUND: f64 = 3.0;

/// Milliseconds of the calls of one kind, in order.
#[derive(Default)]
struct Calls(Vec<f64>);

impl Calls {
    fn since(&mut self, began: Instant) {
        self.0.push(began.elapsed().as_secs_f64() * 1e3);
    }

    /// The medians of the first and of the last ones.
    fn ends(&self) -> (f64, f64) {
        let sample = SAMPLE.min(self.0.len() / 2);
        let (mut first, mut last) = (self.0[..sample].to_vec(), self.0[self.0.len() - sample..].to_vec());
        (percentile(&mut first, 0.5), percentile(&mut last, 0.5))
    }
}

/// What is timed.
#[derive(Default)]
struct Timed {
    batches: Calls,
    alone: Calls,
    completions: Calls,
    items: usize,
}

pub async fn run(bed: &mut Bed) -> anyhow::Result<()> {
    let db = bed.database().await?;
    let holder = connect(&db.url).await?;
    holder.batch_execute("begin isolation level repeatable read; select pg_current_xact_id()").await?;
    let stop = Arc::new(AtomicBool::new(false));
    let archive = tokio::spawn(archive(connect(&db.url).await?, stop.clone()));
    let began = Instant::now();
    let timed = churn(&db).await?;
    let seconds = began.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    let (moved, longest) = archive.await??;
    holder.batch_execute("commit").await?;
    println!(
        "\nxmin held through {} items leased and completed in {seconds:.0} s; {moved} went to the history \
         meanwhile, {longest:.0} ms at most for 1,000 (p50 of {SAMPLE} calls at each end)",
        timed.items
    );
    for (what, calls, bound) in [
        ("lease of 100", &timed.batches, " (bound 3)"),
        ("lease of 1", &timed.alone, " (bound 3)"),
        ("complete_all of 100", &timed.completions, ""),
    ] {
        let (first, last) = calls.ends();
        let ratio = last / first;
        let verdict = if bound.is_empty() || ratio <= BOUND { "" } else { ", NOT REACHED" };
        println!(
            "  {what:<20}: {first:>6.2} ms at the start, {last:>6.2} ms at the end, \
             ratio {ratio:.2}{bound}{verdict}"
        );
        bed.note(
            "work_churn",
            serde_json::json!({ "what": what, "items": timed.items, "seconds": seconds, "moved": moved,
                "first_ms": first, "last_ms": last, "ratio": ratio }),
        )?;
    }
    Ok(())
}

async fn churn(db: &Database) -> anyhow::Result<Timed> {
    let worker = Churner::ready(connect(&db.url).await?).await?;
    let mut timed = Timed::default();
    let began = Instant::now();
    while timed.items < ITEMS && began.elapsed().as_secs_f64() < SECONDS {
        store::fill(db, CHUNK, Keys::None).await?;
        for _ in 0..(CHUNK - ALONE) / BATCH as usize {
            worker.turn(BATCH, &mut timed).await?;
        }
        // What is left of the chunk.
        while worker.turn(1, &mut timed).await? > 0 {}
    }
    Ok(timed)
}

struct Churner {
    client: Client,
    lease: Statement,
    complete: Statement,
}

impl Churner {
    async fn ready(client: Client) -> anyhow::Result<Self> {
        let lease =
            client.prepare("select id, token from hearken.lease('bench', '{q}', $1, '5 seconds')").await?;
        let complete = client.prepare("select answer from hearken.complete_all($1, $2)").await?;
        Ok(Self { client, lease, complete })
    }

    /// Leases and completes; says how many.
    async fn turn(&self, max: i32, timed: &mut Timed) -> anyhow::Result<usize> {
        let began = Instant::now();
        let rows = self.client.query(&self.lease, &[&max]).await?;
        match (max, rows.is_empty()) {
            // Nothing to be had is not what is asked about.
            (_, true) => return Ok(0),
            (1, false) => timed.alone.since(began),
            (_, false) => timed.batches.since(began),
        }
        let (ids, tokens): (Vec<i64>, Vec<i64>) =
            rows.iter().map(|row| (row.get::<_, i64>(0), row.get::<_, i64>(1))).unzip();
        let began = Instant::now();
        let answers = self.client.query(&self.complete, &[&ids, &tokens]).await?;
        if max > 1 {
            timed.completions.since(began);
        }
        anyhow::ensure!(answers.iter().all(|row| row.get::<_, &str>(0) == "done"), "a lease was lost");
        timed.items += ids.len();
        Ok(ids.len())
    }
}

/// Moves what has finished, as the daemon does; says how many items, and the
/// milliseconds of the longest call.
async fn archive(client: Client, stop: Arc<AtomicBool>) -> anyhow::Result<(i64, f64)> {
    let sql = format!("select hearken.archive_items('{KEPT}', '90 days', 1000)");
    let statement = client.prepare(&sql).await?;
    let (mut moved, mut longest) = (0, 0.0_f64);
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let now: i64 = client.query_one(&statement, &[]).await?.get(0);
        longest = longest.max(began.elapsed().as_secs_f64() * 1e3);
        moved += now;
        // The daemon rests, too: the workers come first.
        tokio::time::sleep(Duration::from_millis(if now > 0 { 100 } else { 1000 })).await;
    }
    Ok((moved, longest))
}
