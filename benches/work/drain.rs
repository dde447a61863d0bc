//! Items which nobody has to do anything for: leased and completed as fast as can be, by
//! hearken's functions and by the same two updates in bare SQL.

use crate::bed::{Bed, Database, connect};
use crate::store::{self, Keys, Written};
use crate::ways::{Hand, Way};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Items of a batch, items there are, and how many rounds.
const CASES: [(i32, usize, usize); 2] = [(100, 50_000, 3), (1, 10_000, 3)];
const CONNECTIONS: [usize; 3] = [1, 4, 16];
/// Of one connection and batches of a hundred.
const BOUND: f64 = 0.7;

/// What a drain took.
pub struct Measured {
    /// Items a second.
    pub rate: f64,
    /// Bytes of WAL for each item.
    pub wal: f64,
    /// Dead versions of rows for each item.
    pub dead: f64,
}

impl Measured {
    /// The faster of two.
    pub fn or_better(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if other.rate >= self.rate => other,
            _ => self,
        }
    }
}

pub async fn run(bed: &mut Bed) -> anyhow::Result<()> {
    for (batch, items, rounds) in CASES {
        println!(
            "\nlease and complete, {items} items in batches of {batch} (best of {rounds} rounds, in turns)"
        );
        for connections in CONNECTIONS {
            compare(bed, batch, items, rounds, connections).await?;
        }
    }
    Ok(())
}

async fn compare(
    bed: &mut Bed,
    batch: i32,
    items: usize,
    rounds: usize,
    connections: usize,
) -> anyhow::Result<()> {
    let mut best: [Option<Measured>; 2] = [None, None];
    for _ in 0..rounds {
        for (place, way) in Way::BOTH.into_iter().enumerate() {
            let db = bed.database().await?;
            store::fill(&db, items, Keys::None).await?;
            store::settle(&db).await?;
            let measured = work_off(&db, way, batch, items, connections).await?;
            best[place] = Some(measured.or_better(best[place].take()));
        }
    }
    let [Some(bare), Some(hearken)] = best else { anyhow::bail!("nothing was measured") };
    for (way, measured) in Way::BOTH.into_iter().zip([&bare, &hearken]) {
        println!(
            "  {connections:>2} connections, {:<8}: {:>7.0} items/s, {:>5.0} B of WAL \
             and {:.2} dead versions an item",
            way.name(),
            measured.rate,
            measured.wal,
            measured.dead
        );
    }
    let ratio = hearken.rate / bare.rate;
    let bound = if batch > 1 && connections == 1 { format!(" (bound {BOUND})") } else { String::new() };
    println!(
        "  {connections:>2} connections: {ratio:.2} of the floor{bound}, WAL {:.2}",
        hearken.wal / bare.wal
    );
    bed.note(
        "work_drain",
        serde_json::json!({ "batch": batch, "connections": connections, "floor_per_s": bare.rate,
            "per_s": hearken.rate, "ratio": ratio, "wal_floor": bare.wal, "wal": hearken.wal,
            "dead_floor": bare.dead, "dead": hearken.dead }),
    )
}

/// Takes and completes all `items` of the queue over so many connections.
pub async fn work_off(
    db: &Database,
    way: Way,
    batch: i32,
    items: usize,
    connections: usize,
) -> anyhow::Result<Measured> {
    let mut hands = Vec::new();
    for _ in 0..connections {
        hands.push(Hand::ready(connect(&db.url).await?, way, batch).await?);
    }
    let done = Arc::new(AtomicUsize::new(0));
    let before = Written::now(db).await?;
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for hand in hands {
        tasks.spawn(toil(hand, done.clone(), items));
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let rate = items as f64 / began.elapsed().as_secs_f64();
    let (wal, dead) = before.since(db, items).await?;
    let in_fact = store::done(db, store::QUEUE).await?;
    anyhow::ensure!(in_fact == items, "{in_fact} of {items} items are done");
    Ok(Measured { rate, wal, dead })
}

async fn toil(hand: Hand, done: Arc<AtomicUsize>, items: usize) -> anyhow::Result<()> {
    let began = Instant::now();
    while done.load(Ordering::Relaxed) < items {
        anyhow::ensure!(began.elapsed() < Duration::from_secs(120), "the queue is not worked off");
        let (ids, tokens) = hand.lease().await?;
        if ids.is_empty() {
            // Others have the last ones, or all slots.
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        }
        hand.complete(&ids, &tokens).await?;
        done.fetch_add(ids.len(), Ordering::Relaxed);
    }
    Ok(())
}
