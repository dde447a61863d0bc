//! `hearken run`.

use super::{ConfigArgs, environment, runtime};
use crate::daemon::run::{RunError, stop_on_signals};
use crate::daemon::status::Status;
use crate::daemon::telemetry;
use crate::pg::connect::ConnectOptions;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Run the daemon.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The folder of routine files [default: routines].
    #[arg(long, value_name = "DIR")]
    routines: Option<PathBuf>,
}

/// Runs it.
///
/// # Errors
///
/// On wrong settings, or a schema of another version.
pub fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let mut config = args.config.load()?;
    if let Some(routines) = &args.routines {
        config.daemon.routines.clone_from(routines);
    }
    telemetry::start(config.log.format, &config.log.level)?;
    let options = ConnectOptions::resolve(config.database_url()?.as_deref(), &environment)?;
    let status = Arc::new(Status::new(config.poll()));
    let result = runtime()?.block_on(async {
        let stop = stop_on_signals()?;
        anyhow::Ok(crate::daemon::run::run(Arc::new(config), options, status, stop).await)
    })?;
    match result {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(RunError::Routines(error)) => {
            eprintln!("{:#}", anyhow::Error::from(error));
            Ok(ExitCode::from(2))
        }
        Err(error) => Err(error.into()),
    }
}
