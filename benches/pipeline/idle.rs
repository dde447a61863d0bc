//! What a daemon costs when nothing happens.

use crate::bed::{Bed, Daemon};
use std::time::Duration;

const SECONDS: f64 = 60.0;

pub async fn run(bed: &mut Bed) -> anyhow::Result<()> {
    let db = bed.database().await?;
    db.client.batch_execute("create extension if not exists pg_stat_statements").await?;
    let daemon = Daemon::start(&db.url)?;
    // The work of the start is not idleness.
    tokio::time::sleep(Duration::from_secs(5)).await;
    db.client.batch_execute("select pg_stat_statements_reset()").await?;
    let cpu = daemon.cpu();
    tokio::time::sleep(Duration::from_secs_f64(SECONDS)).await;
    let cpu = daemon.cpu() - cpu;
    let statements = db
        .number(
            "select coalesce(sum(calls), 0) from pg_stat_statements s join pg_database d on d.oid = s.dbid \
             where d.datname = current_database() and query not like '%pg_stat_statements%'",
        )
        .await?;
    let memory = daemon.memory("VmRSS") / 1024.0;
    println!(
        "\nidle for {SECONDS} s: {cpu:.2} s of CPU, {statements} statements (bound 20 a minute), {memory:.1} MB"
    );
    bed.note(
        "idle",
        serde_json::json!({ "cpu_s_per_min": cpu, "statements_per_min": statements, "memory_mb": memory }),
    )
}
