//! The benchmark of tables which people have already: a queue which is a source, a
//! table which is an inbox, and a table which is watched. Each figure is beside what
//! it is to be compared with, measured in the same run on the same server.
//!
//! `cargo bench --bench foreign` runs everything in about six minutes;
//! `cargo bench --bench foreign -- drain` one part. It prints a table for people and
//! appends JSON lines to `bench-results/pipeline.jsonl`. The parts: `drain` (source to
//! inbox, by a flag and by keys), `watch` (what a watch costs those who write), `marks`
//! (what the doorbell of a source costs an update which marks its rows), `fan` (ten
//! rows of `[each]` for each event).

// Other parts of these two are used by the benchmarks they belong to.
#[allow(dead_code)]
#[path = "../pipeline/bed.rs"]
mod bed;
#[allow(dead_code)]
#[path = "../gates/daemon.rs"]
mod daemon;
mod drain;
mod fan;
mod floor;
mod marks;
mod tables;
mod watch;

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
    if wanted("watch") {
        watch::run(&mut bed).await?;
    }
    if wanted("marks") {
        marks::run(&mut bed).await?;
    }
    if wanted("fan") {
        fan::run(&mut bed).await?;
    }
    Ok(())
}
