//! The benchmark of the pipeline: each figure beside its floor, measured in the
//! same run on the same server.
//!
//! `cargo bench` runs everything in about six minutes; `cargo bench -- drain` one
//! part. It prints a table for people and appends JSON lines to
//! `bench-results/pipeline.jsonl`. The parts: `drain` (log to inbox), `latency`
//! (an event every 100 ms), `writers` (what the doorbell costs them), `idle`,
//! `xmin` (a transaction open through a million events).

mod bed;
mod drain;
mod idle;
mod latency;
mod writers;
mod xmin;

use bed::Bed;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    // `cargo bench` passes `--bench`; `cargo test --benches` passes nothing.
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("run with `cargo bench`");
        return Ok(());
    }
    let wanted = |part: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == part);
    let mut bed = Bed::make().await?;
    bed.describe().await?;
    if wanted("drain") {
        drain::run(&mut bed).await?;
    }
    if wanted("latency") {
        latency::run(&mut bed).await?;
    }
    if wanted("writers") {
        writers::run(&mut bed).await?;
    }
    if wanted("idle") {
        idle::run(&mut bed).await?;
    }
    if wanted("xmin") {
        xmin::run(&mut bed).await?;
    }
    Ok(())
}
