//! `hearken demo`.

use super::runtime;
use crate::config::LogFormat;
use crate::daemon::load::{LoadError, load_dir};
use crate::daemon::telemetry;
use crate::demo::show::Screen;
use crate::demo::{self, DemoSettings};
use anyhow::Context;
use std::path::PathBuf;
use std::process::ExitCode;

/// Show hearken at work on a private PostgreSQL.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// End after so many seconds; until Ctrl-C otherwise.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: Option<u64>,
    /// About how many events a second are written.
    #[arg(
        long,
        value_name = "EVENTS_PER_SECOND",
        default_value_t = 4,
        value_parser = clap::value_parser!(u32).range(1..=1000)
    )]
    rate: u32,
    /// The folder of routine files.
    #[arg(long, value_name = "DIR", default_value = "routines")]
    routines: PathBuf,
}

/// Runs it. The exit status is 2 if some routine cannot be used.
///
/// # Errors
///
/// If PostgreSQL is not to be had, or the demo fails.
pub fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    telemetry::start(LogFormat::Text, "warn")?;
    let set = match load_dir(&args.routines) {
        Ok(set) => set,
        Err(error @ LoadError::Problems(_)) => {
            eprintln!("{error}");
            return Ok(ExitCode::from(2));
        }
        Err(error @ LoadError::Io { .. }) => {
            return Err(error).context("no routines to show; name their folder with --routines");
        }
    };
    let settings = DemoSettings {
        seconds: args.seconds,
        rate: args.rate,
        routines: args.routines.clone(),
        names: set.routines.iter().map(|routine| routine.name.as_str().to_owned()).collect(),
    };
    let screen = Screen::of_stdout();
    // Before Ctrl-C is caught: while it starts, Ctrl-C just ends us, and the
    // cluster removes itself.
    let cluster = demo::start_cluster(screen)?;
    let result = runtime()?.block_on(demo::run(&cluster, &settings, screen));
    // The runtime is gone, and with it every session; now the server may go.
    drop(cluster);
    result?;
    screen.line("the private PostgreSQL was stopped and removed");
    Ok(ExitCode::SUCCESS)
}
