//! The benchmark of the workers' half: leases, commands, webhooks. Each figure is beside
//! its floor, or beside what it is to be compared with, measured in the same run on the
//! same server.
//!
//! `cargo bench --bench work` runs everything in about fifteen minutes;
//! `cargo bench --bench work -- drain` one part. It prints a table for people and appends
//! JSON lines to `bench-results/pipeline.jsonl`. The parts: `drain` (items which nobody
//! has to do anything for, leased and completed), `limits` (the same where a queue has
//! limits or keys), `latency` (from an event to a command and to a handler), `churn` (a
//! transaction open all the while), `webhooks` (deliveries to a local server), `peers`
//! (graphile-worker and pg-boss, if node is at hand).

// Other parts of these two are used by the benchmarks they belong to.
#[allow(dead_code)]
#[path = "../pipeline/bed.rs"]
mod bed;
mod churn;
#[allow(dead_code)]
#[path = "../gates/daemon.rs"]
mod daemon;
mod drain;
mod ears;
mod engine;
mod latency;
mod limits;
mod peers;
mod server;
mod stamp;
mod store;
mod ways;
mod webhooks;
mod worker;

use bed::Bed;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    // As the command which `hearken work` starts: nothing may come before it.
    if let [part, socket] = arguments.as_slice()
        && part == stamp::PART
    {
        return stamp::send(socket);
    }
    // `cargo bench` passes `--bench`; `cargo test --benches` passes nothing.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("run with `cargo bench`");
        return Ok(());
    }
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(measure(&arguments))
}

async fn measure(parts: &[String]) -> anyhow::Result<()> {
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| wanted == part);
    let mut bed = Bed::make().await?;
    bed.describe().await?;
    if wanted("drain") {
        drain::run(&mut bed).await?;
    }
    if wanted("limits") {
        limits::run(&mut bed).await?;
    }
    if wanted("latency") {
        latency::run(&mut bed).await?;
    }
    if wanted("churn") {
        churn::run(&mut bed).await?;
    }
    if wanted("webhooks") {
        webhooks::run(&mut bed).await?;
    }
    if wanted("peers") {
        peers::run(&mut bed).await?;
    }
    Ok(())
}
