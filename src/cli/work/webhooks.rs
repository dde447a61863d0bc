//! `hearken work --webhooks`: delivers webhooks without a daemon.

use crate::cli::runtime;
use crate::config::Config;
use crate::daemon::webhooks::{How, deliver};
use crate::pg::connect::ConnectOptions;
use crate::work::{Ending, Stop};
use std::process::ExitCode;

/// Delivers until it is told to stop, or until nothing is due if `how` says so. The exit
/// status is that of `hearken work`.
///
/// # Errors
///
/// Of the settings under `[webhooks]`, or if the database cannot be used.
pub fn run(config: &Config, options: ConnectOptions, how: How) -> anyhow::Result<ExitCode> {
    let summary = runtime()?.block_on(async {
        let stop = Stop::on_signals()?;
        anyhow::Ok(deliver(config, options, how, stop).await?)
    })?;
    super::tell(&summary);
    Ok(match summary.ending {
        Ending::AtOnce => ExitCode::from(130),
        Ending::Drained if summary.failed + summary.dead > 0 => ExitCode::FAILURE,
        Ending::Drained | Ending::Stopped => ExitCode::SUCCESS,
    })
}
