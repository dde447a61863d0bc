//! A hundred thousand schedules: how long until they are in force, and what the
//! daemon keeps of them.
//!
//! Twice: once when the database knows none of them, and again when it knows all,
//! as after a restart. None of the ticks falls due meanwhile.

use crate::bed::{Bed, Database};
use crate::daemon::{Daemon, folder};
use std::path::Path;
use std::time::Duration;

const SCHEDULES: usize = 100_000;
const WITHIN: Duration = Duration::from_secs(300);
/// What is needed at the start only has been given back after so long.
const SETTLING: Duration = Duration::from_secs(5);
/// How long it is watched while nothing is due.
const IDLE: Duration = Duration::from_secs(20);

struct Measured {
    seconds: f64,
    /// Megabytes at most.
    most: f64,
    /// Megabytes when it has settled.
    settled: f64,
    /// Seconds of CPU in a minute.
    cpu: f64,
}

pub async fn run(bed: &mut Bed) -> anyhow::Result<()> {
    let db = bed.database().await?;
    let folder = folder((0..SCHEDULES).map(|n| (format!("schedule-{n}"), routine(n))))?;
    println!("\n{SCHEDULES} schedules, from the start of the daemon until they are in force");
    for name in ["all of them new", "after a restart"] {
        let measured = load(&db, folder.path()).await?;
        println!(
            "  {name:<16} {:.1} s, {:.0} MB at most, {:.0} MB settled, {:.2} s of CPU a minute while idle",
            measured.seconds, measured.most, measured.settled, measured.cpu
        );
        bed.note(
            "load",
            serde_json::json!({ "case": name, "schedules": SCHEDULES, "s": measured.seconds,
                "memory_max_mb": measured.most, "memory_mb": measured.settled, "cpu_s_per_min": measured.cpu }),
        )?;
    }
    Ok(())
}

async fn load(db: &Database, folder: &Path) -> anyhow::Result<Measured> {
    // A daemon which was killed has not signed off.
    db.client.batch_execute("delete from hearken.daemons").await?;
    let mut daemon = Daemon::start(db, folder, "")?;
    let took = daemon.leads(db, WITHIN).await?;
    let known = db.number("select count(*) from hearken.schedules").await?;
    anyhow::ensure!(known == SCHEDULES as f64, "{known} schedules are in force");
    tokio::time::sleep(SETTLING).await;
    let (most, settled, cpu) = (daemon.memory("VmHWM"), daemon.memory("VmRSS"), daemon.cpu());
    tokio::time::sleep(IDLE).await;
    let cpu = (daemon.cpu() - cpu) * 60.0 / IDLE.as_secs_f64();
    Ok(Measured { seconds: took.as_secs_f64(), most, settled, cpu })
}

/// A moment of the year each, all of them in other minutes: at most one of them
/// falls due while we measure.
fn routine(n: usize) -> String {
    let (minute, hour, day, month) = (n % 60, n / 60 % 24, n / 1440 % 28 + 1, n / 40_320 % 12 + 1);
    format!(
        "title = \"Schedule {n}\"\n[on.schedule]\ncron = \"{minute} {hour} {day} {month} *\"\ntz = \"Europe/Berlin\"\n\
         [item]\nqueue = \"q\"\ntitle = \"Schedule {n} of {{{{ tick | date('%d %b') }}}}\"\n"
    )
}
