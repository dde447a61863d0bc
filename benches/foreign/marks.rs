//! What the doorbell of a source costs those who mark its rows: an update of all of
//! them, with the triggers of `hearken install` and without.
//!
//! The trigger for rows which become pending asks of each changed row whether it has;
//! these have not, so nothing more happens. This is what every claim pays, too.

use crate::bed::{Bed, Database};
use crate::tables::{self, Strategy};
use std::time::Instant;

const ROWS: usize = 100_000;
const ROUNDS: usize = 5;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Variant {
    Plain,
    Installed,
}

const VARIANTS: [(Variant, &str); 2] = [(Variant::Plain, "without"), (Variant::Installed, "installed")];

pub async fn run(bed: &mut Bed) -> anyhow::Result<()> {
    println!(
        "\nmarks: one update which marks {ROWS} rows of a source (best of {ROUNDS} rounds, taken in turns)"
    );
    let mut best = [f64::INFINITY; 2];
    for _ in 0..ROUNDS {
        for (place, (variant, _)) in VARIANTS.iter().enumerate() {
            best[place] = best[place].min(measure(&bed.database().await?, *variant).await?);
        }
    }
    for (place, (_, name)) in VARIANTS.iter().enumerate() {
        println!("  {name:<9}: {:>6.0} ms", best[place]);
    }
    let ratio = best[1] / best[0];
    println!("  ratio {ratio:.2}");
    bed.note(
        "foreign_marks",
        serde_json::json!({ "rows": ROWS, "plain_ms": best[0], "installed_ms": best[1], "ratio": ratio }),
    )
}

/// Milliseconds.
async fn measure(db: &Database, variant: Variant) -> anyhow::Result<f64> {
    tables::make(db).await?;
    if variant == Variant::Installed {
        let folder = crate::daemon::folder(tables::routines())?;
        tables::install(db, folder.path(), Strategy::Flag, "").await?;
    }
    tables::fill(db, 1, ROWS).await?;
    db.client.batch_execute("vacuum analyze public.queue").await?;
    let began = Instant::now();
    let marked =
        db.client.execute("update public.queue set processed = true where not processed", &[]).await?;
    let took = began.elapsed().as_secs_f64() * 1e3;
    anyhow::ensure!(marked == ROWS as u64, "{marked} rows were marked, not {ROWS}");
    Ok(took)
}
