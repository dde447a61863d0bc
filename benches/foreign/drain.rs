//! A table of the user's to another one: how fast the daemon works off a backlog,
//! beside the same claim and insert done in bare SQL on the same tables.
//!
//! Both end with the same rows, down to the last column; that is made sure of.

use crate::bed::{Bed, Database};
use crate::daemon::{Daemon, folder};
use crate::floor;
use crate::tables::{self, Strategy};
use std::time::{Duration, Instant};

/// How the source knows what it has claimed, how many rows wait, and how many rounds.
///
/// With keys each look passes over all rows which are known and pending, and here all
/// of them stay pending: a backlog of five times the size says what that costs.
const CASES: [(Strategy, usize, usize); 3] =
    [(Strategy::Flag, 100_000, 3), (Strategy::Keys, 20_000, 3), (Strategy::Keys, 100_000, 1)];
/// Within so long a backlog must be worked off.
const WITHIN: Duration = Duration::from_secs(300);

struct Measured {
    /// Events a second.
    rate: f64,
    /// Bytes for an event.
    wal: f64,
    /// Megabytes of the daemon at most.
    memory: f64,
    /// What was made, as a digest of all rows but for what is new each time.
    made: String,
}

pub async fn run(bed: &mut Bed) -> anyhow::Result<()> {
    for (strategy, rows, rounds) in CASES {
        compare(bed, strategy, rows, rounds).await?;
    }
    Ok(())
}

async fn compare(bed: &mut Bed, strategy: Strategy, rows: usize, rounds: usize) -> anyhow::Result<()> {
    let name = strategy.name();
    println!(
        "\n{name}: a table to an inbox of 15 columns, {rows} rows of 300 B, one item each, 100 routines \
         (best of {rounds}, taken in turns)"
    );
    let (mut floor, mut daemon): (Option<Measured>, Option<Measured>) = (None, None);
    for _ in 0..rounds {
        let measured = bare_sql(&bed.database().await?, strategy, rows).await?;
        println!("  bare SQL: {:>7.0} events/s, {:>5.0} B of WAL an event", measured.rate, measured.wal);
        floor = better(floor, measured)?;
        let measured = drained(&bed.database().await?, strategy, rows).await?;
        println!(
            "  hearken : {:>7.0} events/s, {:>5.0} B of WAL an event, {:.1} MB at most",
            measured.rate, measured.wal, measured.memory
        );
        daemon = better(daemon, measured)?;
    }
    let (Some(floor), Some(daemon)) = (floor, daemon) else { anyhow::bail!("nothing was measured") };
    anyhow::ensure!(floor.made == daemon.made, "the daemon made other items than the bare SQL");
    let (rate, wal) = (daemon.rate / floor.rate, daemon.wal / floor.wal);
    let bound = match strategy {
        Strategy::Flag => " (bound 0.7)",
        Strategy::Keys => "",
    };
    println!("  ratio: {rate:.2} of the floor{bound}, WAL {wal:.2}");
    bed.note(
        "foreign_drain",
        serde_json::json!({ "strategy": name, "rows": rows, "floor_per_s": floor.rate,
            "per_s": daemon.rate, "ratio": rate, "wal_floor": floor.wal, "wal": daemon.wal,
            "wal_ratio": wal, "memory_mb": daemon.memory }),
    )
}

/// The faster of two, which must have made the same.
fn better(best: Option<Measured>, new: Measured) -> anyhow::Result<Option<Measured>> {
    let Some(best) = best else { return Ok(Some(new)) };
    anyhow::ensure!(best.made == new.made, "two rounds made different items");
    Ok(Some(if best.rate >= new.rate { best } else { new }))
}

/// The tables with a backlog.
async fn backlog(db: &Database, rows: usize) -> anyhow::Result<()> {
    tables::fill(db, 1, rows).await?;
    Ok(db.client.batch_execute("vacuum analyze public.queue").await?)
}

async fn bare_sql(db: &Database, strategy: Strategy, rows: usize) -> anyhow::Result<Measured> {
    tables::make(db).await?;
    backlog(db, rows).await?;
    let before = db.wal().await?;
    let seconds = floor::work_off(db, strategy).await?;
    let wal = (db.wal().await? - before) / rows as f64;
    Ok(Measured { rate: rows as f64 / seconds, wal, memory: 0.0, made: made(db, rows).await? })
}

/// The daemon with its doorbell on the table, from the start of its first pass to that
/// of its last one: all items but those of the last page are made meanwhile.
async fn drained(db: &Database, strategy: Strategy, rows: usize) -> anyhow::Result<Measured> {
    tables::make(db).await?;
    let folder = folder(tables::routines())?;
    tables::install(db, folder.path(), strategy, "").await?;
    backlog(db, rows).await?;
    let before = db.wal().await?;
    let mut daemon = Daemon::start(db, folder.path(), &tables::settings(strategy, ""))?;
    daemon.leads(db, Duration::from_secs(30)).await?;
    let began = Instant::now();
    let last = format!(
        "select count(*) from public.items where tenant_id = {} and dedup_key = 'task:{rows}:assigned' \
         and status in ('pending', 'leased')",
        tables::tenant(&rows.to_string())
    );
    while db.number(&last).await? < 1.0 {
        anyhow::ensure!(began.elapsed() < WITHIN, "the backlog is not worked off");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let wal = (db.wal().await? - before) / rows as f64;
    // created_at is the start of the pass.
    let sql = "select count(*) filter (where i.created_at < t.last) / extract(epoch from t.last - t.first) \
               from public.items i, \
                    (select min(created_at) as first, max(created_at) as last from public.items) t \
               group by t.first, t.last";
    let rate = db.number(sql).await?;
    Ok(Measured { rate, wal, memory: daemon.memory("VmHWM"), made: made(db, rows).await? })
}

/// A digest of what was made.
async fn made(db: &Database, rows: usize) -> anyhow::Result<String> {
    let items = db.number("select count(*) from public.items").await?;
    anyhow::ensure!(items == rows as f64, "{items} items, not {rows}");
    let sql = "select md5(string_agg((to_jsonb(i) - '{id,created_at}'::text[])::text, '' \
                   order by i.dedup_key)) from public.items i";
    Ok(db.client.query_one(sql, &[]).await?.get(0))
}
