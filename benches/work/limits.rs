//! What limits cost: the same drain where the queue has a limit, and where its items
//! have keys, beside the drain without.

use crate::bed::Bed;
use crate::drain::{Measured, work_off};
use crate::store::{self, Keys};
use crate::ways::Way;

const ITEMS: usize = 20_000;
const BATCH: i32 = 100;
const ROUNDS: usize = 2;
const CONNECTIONS: [usize; 2] = [1, 4];

/// The limits are never reached: it is the counting which is measured.
const CONCURRENCY: &str = "insert into hearken.queues (name, concurrency) values ('q', 10000)";
const RATE: &str = "insert into hearken.queues (name, rate_max, rate_per) values ('q', 1000000, '1 minute')";

/// A name, the SQL which sets the policy, and the keys of the items.
const CASES: [(&str, &str, Keys); 5] = [
    ("no limits", "", Keys::None),
    ("concurrency of 10,000", CONCURRENCY, Keys::None),
    ("1,000,000 a minute", RATE, Keys::None),
    ("1,000 keys", "", Keys::InTurns(1000)),
    // Fifty can run at once: no batch is full.
    ("50 keys", "", Keys::InTurns(50)),
];

pub async fn run(bed: &mut Bed) -> anyhow::Result<()> {
    println!("\nlimits: {ITEMS} items in batches of {BATCH} (best of {ROUNDS} rounds, in turns)");
    for connections in CONNECTIONS {
        let mut best: [Option<Measured>; CASES.len()] = [const { None }; CASES.len()];
        for _ in 0..ROUNDS {
            for (place, (_, policy, keys)) in CASES.into_iter().enumerate() {
                let db = bed.database().await?;
                db.client.batch_execute(policy).await?;
                store::fill(&db, ITEMS, keys).await?;
                store::settle(&db).await?;
                let measured = work_off(&db, Way::Hearken, BATCH, ITEMS, connections).await?;
                best[place] = Some(measured.or_better(best[place].take()));
            }
        }
        let free = best[0].as_ref().map_or(f64::NAN, |measured| measured.rate);
        for (measured, (name, ..)) in best.iter().flatten().zip(CASES) {
            let ratio = measured.rate / free;
            println!(
                "  {connections} connections, {name:<22}: {:>7.0} items/s, {ratio:.2}, \
                 {:>5.0} B of WAL an item",
                measured.rate, measured.wal
            );
            bed.note(
                "work_limits",
                serde_json::json!({ "case": name, "connections": connections, "per_s": measured.rate,
                    "ratio": ratio, "wal": measured.wal }),
            )?;
        }
    }
    Ok(())
}
