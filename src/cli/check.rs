//! `hearken check`.

use crate::daemon::load::{LoadError, load_dir};
use std::path::PathBuf;
use std::process::ExitCode;

/// Check routine files; no database is needed.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// The folder of routine files.
    #[arg(default_value = "routines", value_name = "DIR")]
    path: PathBuf,
}

/// Runs it. The exit status is 2 if some file cannot be used.
///
/// # Errors
///
/// If the folder cannot be read.
pub fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    match load_dir(&args.path) {
        Ok(set) => {
            println!("{} routines, no problems", set.routines.len());
            Ok(ExitCode::SUCCESS)
        }
        Err(error @ LoadError::Problems(_)) => {
            eprintln!("{error}");
            Ok(ExitCode::from(2))
        }
        Err(error @ LoadError::Io { .. }) => Err(error.into()),
    }
}
