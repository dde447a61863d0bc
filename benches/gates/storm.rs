//! Ten thousand ticks which fall due in the same second.
//!
//! Each routine has a schedule of one tick, and all of them are at one moment, which
//! lies ahead when the daemon starts. How many transactions made the items is told
//! by the rows themselves: `xmin` is that of the insert.

use crate::bed::{Bed, Database};
use crate::daemon::{Daemon, folder};
use jiff::Timestamp;
use std::time::{Duration, Instant};

const TICKS: usize = 10_000;
/// So far ahead of the start of the daemon. It has to read all of the routines.
const AHEAD: Duration = Duration::from_secs(45);
/// The most time for all items after the moment of the ticks.
const WITHIN: Duration = Duration::from_secs(60);

pub async fn run(bed: &mut Bed) -> anyhow::Result<()> {
    let plain = storm(&bed.database().await?, "").await?;
    let gated = storm(&bed.database().await?, "[flow]\noverlap = \"skip\"\n").await?;
    println!("\n{TICKS} ticks which fall due at the same moment, a routine each");
    for (name, measured) in [("without gates", &plain), ("overlap = \"skip\"", &gated)] {
        println!(
            "  {name:<18} first item after {:.3} s, all after {:.2} s, in {} passes, {:.0} MB at most",
            measured.first, measured.all, measured.passes, measured.memory
        );
        bed.note(
            "storm",
            serde_json::json!({ "case": name, "ticks": TICKS, "first_s": measured.first, "all_s": measured.all,
                "passes": measured.passes, "memory_mb": measured.memory }),
        )?;
    }
    Ok(())
}

struct Measured {
    /// Seconds from the moment of the ticks to the first item.
    first: f64,
    /// The same to the last one being visible.
    all: f64,
    passes: f64,
    /// Megabytes at most.
    memory: f64,
}

async fn storm(db: &Database, flow: &str) -> anyhow::Result<Measured> {
    let at: Timestamp = db.client.query_one("select date_trunc('second', hearken.now())", &[]).await?.get(0);
    let at = at.checked_add(AHEAD)?;
    let folder = folder((0..TICKS).map(|n| (format!("tick-{n}"), routine(n, at, flow))))?;
    let mut daemon = Daemon::start(db, folder.path(), "")?;
    daemon.leads(db, AHEAD).await?;
    let early = until(db, at).await?;
    anyhow::ensure!(early > 0.0, "the daemon was not ready in time: make AHEAD longer");
    tokio::time::sleep(Duration::from_secs_f64(early)).await;
    let waiting = Instant::now();
    while db.number("select count(*) from hearken.inbox_items").await? < TICKS as f64 {
        anyhow::ensure!(waiting.elapsed() < WITHIN, "not all ticks are items after {WITHIN:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let all = -until(db, at).await?;
    let first =
        db.number("select extract(epoch from min(created_at) - min(tick)) from hearken.inbox_items").await?;
    let passes = db.number("select count(distinct xmin::text) from hearken.inbox_items").await?;
    Ok(Measured { first, all, passes, memory: daemon.memory("VmHWM") })
}

/// Seconds until this moment by the clock of the database; negative when it is past.
async fn until(db: &Database, at: Timestamp) -> anyhow::Result<f64> {
    db.number(&format!("select extract(epoch from timestamptz '{at}' - clock_timestamp())")).await
}

fn routine(n: usize, at: Timestamp, flow: &str) -> String {
    format!(
        "title = \"Tick {n}\"\n[on.schedule]\nat = \"{at}\"\n{flow}[item]\nqueue = \"q\"\n\
         title = \"Tick {n} of {{{{ tick }}}}\"\n"
    )
}
