//! What the doorbell costs writers: one event a transaction, without a trigger,
//! with the doorbell and a live daemon, and with the usual row trigger.

use crate::bed::{BODY, Bed, Daemon, Database, connect};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const SECONDS: f64 = 3.0;
const ROUNDS: usize = 3;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Variant {
    NoTrigger,
    /// The daemon reads the events, and no routine wants them.
    DoorbellRead,
    /// The daemon makes an item of each event, on the same cores.
    DoorbellItems,
    RowNotify,
}

const VARIANTS: [(Variant, &str); 4] = [
    (Variant::NoTrigger, "no trigger"),
    (Variant::DoorbellRead, "doorbell, events read"),
    (Variant::DoorbellItems, "doorbell, an item each"),
    (Variant::RowNotify, "row trigger, pg_notify"),
];

pub async fn run(bed: &mut Bed) -> anyhow::Result<()> {
    println!("\nwriters, one event a transaction (median of {ROUNDS} rounds of {SECONDS} s, taken in turns)");
    println!("  {:<24} {:>10} {:>8}", "", "tx/s", "ratio");
    for clients in [1, 16, 64] {
        let mut rates = vec![Vec::new(); VARIANTS.len()];
        for _ in 0..ROUNDS {
            for (place, (variant, _)) in VARIANTS.iter().enumerate() {
                let db = bed.database().await?;
                rates[place].push(measure(&db, *variant, clients).await?);
            }
        }
        let median: Vec<f64> = rates.iter_mut().map(|rates| crate::bed::percentile(rates, 0.5)).collect();
        for (place, (_, name)) in VARIANTS.iter().enumerate() {
            let ratio = median[place] / median[0];
            println!("  {name:<24} {:>10.0} {ratio:>8.2}   {clients} clients", median[place]);
            bed.note("writers", serde_json::json!({ "clients": clients, "variant": name, "tx_per_s": median[place], "ratio": ratio }))?;
        }
    }
    println!("  (bound for the doorbell: 0.65)");
    Ok(())
}

async fn measure(db: &Database, variant: Variant, clients: usize) -> anyhow::Result<f64> {
    let mut daemon = None;
    match variant {
        Variant::NoTrigger => {
            db.client.batch_execute("drop trigger zz_hearken_doorbell on hearken.events").await?
        }
        Variant::DoorbellRead | Variant::DoorbellItems => {
            daemon = Some(Daemon::start(&db.url)?);
            while db.number("select count(*) from hearken.daemons").await? < 1.0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Variant::RowNotify => {
            db.client
                .batch_execute(
                    "drop trigger zz_hearken_doorbell on hearken.events; \
                     create function usual() returns trigger language plpgsql as $$ begin perform pg_notify('usual', new.seq::text); return null; end $$; \
                     create trigger usual after insert on hearken.events for each row execute function usual()",
                )
                .await?;
            db.client.batch_execute("listen usual").await?;
        }
    }
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..clients {
        let client = connect(&db.url).await?;
        let kind = if variant == Variant::DoorbellRead { "page.viewed" } else { "order.created" };
        let sql =
            format!("insert into hearken.events (type, subject, data) values ('{kind}', '1', '{BODY}')");
        let insert = client.prepare(&sql).await?;
        let (stop, count) = (stop.clone(), count.clone());
        tasks.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                client.execute(&insert, &[]).await?;
                count.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (before, began) = (count.load(Ordering::Relaxed), Instant::now());
    tokio::time::sleep(Duration::from_secs_f64(SECONDS)).await;
    let rate = (count.load(Ordering::Relaxed) - before) as f64 / began.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    drop(daemon);
    Ok(rate)
}
