//! Log to inbox: how fast the daemon works off a backlog, beside the same claim
//! and insert done in bare SQL by one connection on the same tables.

use crate::bed::{Bed, Daemon, Database};
use std::time::{Duration, Instant};

const EVENTS: usize = 200_000;
const ROUNDS: usize = 3;
/// The floor is the best of these.
const BATCHES: [i64; 3] = [500, 1000, 2000];

struct Measured {
    rate: f64,
    wal: f64,
    memory: f64,
}

pub async fn run(bed: &mut Bed) -> anyhow::Result<()> {
    println!(
        "\nlog to inbox, {EVENTS} events of 300 B, one item each, 100 routines (best of {ROUNDS} rounds, taken in turns)"
    );
    let (mut floor, mut daemon): (Option<Measured>, Option<Measured>) = (None, None);
    for _ in 0..ROUNDS {
        for batch in BATCHES {
            let measured = bare_sql(&bed.database().await?, batch).await?;
            println!(
                "  bare SQL, batch {batch:>5}: {:>7.0} events/s, {:>5.0} B of WAL an event",
                measured.rate, measured.wal
            );
            floor = better(floor, measured);
        }
        let measured = drained(&bed.database().await?).await?;
        println!(
            "  hearken              : {:>7.0} events/s, {:>5.0} B of WAL an event, {:.1} MB at most",
            measured.rate,
            measured.wal,
            measured.memory / 1024.0
        );
        daemon = better(daemon, measured);
    }
    let (Some(floor), Some(daemon)) = (floor, daemon) else { anyhow::bail!("nothing was measured") };
    let (rate, wal) = (daemon.rate / floor.rate, daemon.wal / floor.wal);
    println!(
        "  ratio: {rate:.2} of the floor (bound 0.8), WAL {wal:.2} (bound 1.15), memory {:.1} MB (bound 40)",
        daemon.memory / 1024.0
    );
    bed.note(
        "drain",
        serde_json::json!({ "floor_per_s": floor.rate, "per_s": daemon.rate, "ratio": rate, "wal_floor": floor.wal,
            "wal": daemon.wal, "wal_ratio": wal, "memory_mb": daemon.memory / 1024.0 }),
    )
}

fn better(best: Option<Measured>, new: Measured) -> Option<Measured> {
    match best {
        Some(best) if best.rate >= new.rate => Some(best),
        _ => Some(new),
    }
}

/// The daemon, from the commit of its first batch to that of its last.
async fn drained(db: &Database) -> anyhow::Result<Measured> {
    db.fill(EVENTS).await?;
    let before = db.wal().await?;
    let daemon = Daemon::start(&db.url)?;
    let began = Instant::now();
    while db.number("select last_value from hearken.inbox_items_id_seq").await? < EVENTS as f64 {
        anyhow::ensure!(began.elapsed() < Duration::from_secs(120), "the backlog is not worked off");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    // The last batch is being committed.
    while db.number("select count(*) from hearken.inbox_items").await? < EVENTS as f64 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let wal = (db.wal().await? - before) / EVENTS as f64;
    // created_at is the moment of the insert; the start is not counted.
    let sql =
        "select count(*) / extract(epoch from max(created_at) - min(created_at)) from hearken.inbox_items";
    let rate = db.number(sql).await?;
    Ok(Measured { rate, wal, memory: daemon.memory("VmHWM") })
}

/// One statement does what a pass does, with everything in the server.
async fn bare_sql(db: &Database, batch: i64) -> anyhow::Result<Measured> {
    db.fill(EVENTS).await?;
    db.client
        .batch_execute(
            "insert into hearken.progress (source, n, old, nonce) select 'events', 0, '1:1:', nonce from hearken.restore_mark; \
             set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set enable_bitmapscan = off; set jit = off",
        )
        .await?;
    let claim = include_str!("../../sql/queries/claim_log.sql");
    let sql = format!(
        "with c as materialized ({claim}), \
         i as (insert into hearken.inbox_items (dedup_key, event_seq, priority, attempts_max, queue, routine, version, item, title, instructions, context) \
               select sha256(convert_to('routine-42/item/events/' || c.seq, 'UTF8')), c.seq, 0, 5, 'q', 'routine-42', '0123456789abcdef', 'item', \
                      'Order ' || c.subject || ' of ' || (c.data -> 'user' ->> 'id'), 'Look at the order and act on it.', \
                      jsonb_build_object('msg', c.data -> 'msg', 'user', c.data -> 'user' -> 'id') \
               from c where c.type = 'order.created' and c.data -> 'n' = '42' on conflict (dedup_key) do nothing), \
         l as (select c.xid, c.seq from c order by c.xid desc, c.seq desc limit 1), \
         k as (select count(*) as n from c), \
         p as (insert into hearken.progress (source, n, old, new, xid, seq, nonce) \
               select 'events', p.n + 1, case when k.n < $1 then s.snapshot else p.old end, case when k.n < $1 then null else s.snapshot end, \
                      case when k.n < $1 then '0' else l.xid end, case when k.n < $1 then 0 else l.seq end, p.nonce \
               from (select * from hearken.progress where source = 'events' order by n desc limit 1) p, k, l, \
                    (select snapshot from c where snapshot is not null) s) \
         select n from k"
    );
    let statement = db.client.prepare(&sql).await?;
    let before = db.wal().await?;
    let began = Instant::now();
    let mut done = 0_i64;
    loop {
        let n: i64 = db.client.query_one(&statement, &[&batch, &(4_i64 << 20), &(1_i64 << 20)]).await?.get(0);
        if n == 0 {
            break;
        }
        done += n;
    }
    let rate = done as f64 / began.elapsed().as_secs_f64();
    let items = db.number("select count(*) from hearken.inbox_items").await?;
    anyhow::ensure!(items == EVENTS as f64, "the floor made {items} items");
    Ok(Measured { rate, wal: (db.wal().await? - before) / EVENTS as f64, memory: 0.0 })
}
