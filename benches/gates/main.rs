//! The benchmark of gates and ticks, each figure beside what it is to be compared
//! with, measured in the same run on the same server.
//!
//! `cargo bench --bench gates` runs everything in about five minutes;
//! `cargo bench --bench gates -- judged` one part. It prints a table for people and
//! appends JSON lines to `bench-results/pipeline.jsonl`. The parts: `judged` (pages
//! of events through gates, and without), `storm` (ten thousand ticks of one
//! second), `lateness` (ticks of an idle system), `load` (a hundred thousand
//! schedules).

// Other parts of it are used by the benchmark of the pipeline.
#[allow(dead_code)]
#[path = "../pipeline/bed.rs"]
mod bed;
mod daemon;
mod judged;
mod lateness;
mod load;
mod storm;

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
    if wanted("judged") {
        judged::run(&mut bed).await?;
    }
    if wanted("storm") {
        storm::run(&mut bed).await?;
    }
    if wanted("lateness") {
        lateness::run(&mut bed).await?;
    }
    if wanted("load") {
        load::run(&mut bed).await?;
    }
    Ok(())
}
