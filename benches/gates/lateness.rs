//! How late ticks are while nothing else happens: from the moment of a tick to the
//! insert of its item, by the clock of the database.
//!
//! Each routine ticks every second, and their ticks are spread evenly over it, so
//! that each is a pass of its own. The commit comes after the insert, and is the
//! database's affair: the benchmark of the pipeline measures it.

use crate::bed::{Bed, percentile};
use crate::daemon::{Daemon, folder};
use std::time::Duration;

/// One tick every 50 ms.
const ROUTINES: usize = 20;
const SECONDS: u64 = 60;
/// The first ticks warm the caches.
const WARMING: Duration = Duration::from_secs(5);

pub async fn run(bed: &mut Bed) -> anyhow::Result<()> {
    let db = bed.database().await?;
    let folder = folder((0..ROUTINES).map(|n| (format!("beat-{n}"), routine(n))))?;
    let mut daemon = Daemon::start(&db, folder.path(), "")?;
    daemon.leads(&db, Duration::from_secs(30)).await?;
    tokio::time::sleep(WARMING).await;
    let since: i64 =
        db.client.query_one("select coalesce(max(id), 0) from hearken.inbox_items", &[]).await?.get(0);
    let cpu = daemon.cpu();
    tokio::time::sleep(Duration::from_secs(SECONDS)).await;
    let cpu = (daemon.cpu() - cpu) / SECONDS as f64;
    let rows = db
        .client
        .query(
            "select (extract(epoch from created_at - tick) * 1000)::float8 from hearken.inbox_items where id > $1",
            &[&since],
        )
        .await?;
    let mut late: Vec<f64> = rows.iter().map(|row| row.get(0)).collect();
    let wanted = ROUTINES * usize::try_from(SECONDS)?;
    // The last of them may not be there yet.
    anyhow::ensure!(
        late.len() + 2 * ROUTINES >= wanted,
        "only {} of {wanted} ticks became items",
        late.len()
    );
    let missed = db.number("select count(*) from hearken.decisions where outcome = 'missed'").await?;
    anyhow::ensure!(missed == 0.0, "{missed} decisions on ticks which were missed");
    let (p50, p99, most) =
        (percentile(&mut late, 0.5), percentile(&mut late, 0.99), percentile(&mut late, 1.0));
    println!("\nlateness of ticks, one every {} ms, {} ticks", 1000 / ROUTINES, late.len());
    println!(
        "  tick to insert: p50 {p50:.2} ms, p99 {p99:.2} ms, at most {most:.2} ms; {:.1} % of a core",
        cpu * 100.0
    );
    bed.note(
        "lateness",
        serde_json::json!({ "ticks": late.len(), "ms_p50": p50, "ms_p99": p99, "ms_max": most, "cpu_share": cpu }),
    )
}

fn routine(n: usize) -> String {
    let millis = n * 1000 / ROUTINES;
    format!(
        "title = \"Beat {n}\"\n[on.schedule]\nevery = \"1s\"\nfrom = \"2026-01-01T00:00:00.{millis:03}Z\"\n\
         [item]\nqueue = \"q\"\ntitle = \"Beat {n}\"\n"
    )
}
