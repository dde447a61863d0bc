//! An idle database, one event every 100 ms: from the start of the insert to its
//! acknowledgement, and to the item being visible to another connection.

use crate::bed::{BODY, Bed, Daemon, connect, percentile};
use std::time::{Duration, Instant};

const EVENTS: usize = 200;

pub async fn run(bed: &mut Bed) -> anyhow::Result<()> {
    let db = bed.database().await?;
    let _daemon = Daemon::start(&db.url)?;
    while db.number("select count(*) from hearken.daemons").await? < 1.0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let watcher = connect(&db.url).await?;
    let look =
        watcher.prepare("select exists (select from hearken.inbox_items where event_seq = $1)").await?;
    let insert = db
        .client
        .prepare(&format!("insert into hearken.events (type, subject, data) values ('order.created', '1', '{BODY}') returning seq"))
        .await?;
    let (mut acknowledged, mut visible) = (Vec::new(), Vec::new());
    for turn in 0..EVENTS + 20 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let began = Instant::now();
        let seq: i64 = db.client.query_one(&insert, &[]).await?.get(0);
        let ack = began.elapsed();
        while !watcher.query_one(&look, &[&seq]).await?.get::<_, bool>(0) {
            // A watcher which never rests would take a core from those it watches.
            // It sees the item a tenth of a millisecond late at most.
            tokio::task::block_in_place(|| std::thread::sleep(Duration::from_micros(100)));
            anyhow::ensure!(began.elapsed() < Duration::from_secs(10), "event {seq} did not become an item");
        }
        // The first few warm the caches.
        if turn >= 20 {
            acknowledged.push(ack.as_secs_f64() * 1e3);
            visible.push(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    let ack = (percentile(&mut acknowledged, 0.5), percentile(&mut acknowledged, 0.99));
    let item = (percentile(&mut visible, 0.5), percentile(&mut visible, 0.99));
    println!("\nidle, an event every 100 ms ({EVENTS} events)");
    println!("  insert to acknowledgement: p50 {:.2} ms, p99 {:.2} ms", ack.0, ack.1);
    println!("  insert to item visible   : p50 {:.2} ms, p99 {:.2} ms", item.0, item.1);
    println!("  ratio of the p50: {:.2} (bound 3)", item.0 / ack.0);
    bed.note(
        "latency",
        serde_json::json!({ "ack_ms_p50": ack.0, "ack_ms_p99": ack.1, "item_ms_p50": item.0, "item_ms_p99": item.1, "ratio": item.0 / ack.0 }),
    )
}
