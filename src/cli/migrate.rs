//! `hearken migrate`.

use super::{ConfigArgs, environment, runtime, say};
use crate::pg::connect::ConnectOptions;
use crate::pg::migrate;
use crate::pg::session::{Session, SessionRole};
use std::process::ExitCode;

/// Bring the schema `hearken` up to date.
#[derive(Debug, clap::Args)]
pub struct MigrateArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print all migrations as a script for psql, and do nothing.
    #[arg(long, conflicts_with = "status")]
    print: bool,
    /// Say which migrations were applied, and do nothing. The exit status is 1
    /// if some are missing.
    #[arg(long)]
    status: bool,
}

/// Runs it.
///
/// # Errors
///
/// On drift, a newer schema, a failing migration, or without a database.
pub fn run(args: &MigrateArgs) -> anyhow::Result<ExitCode> {
    if args.print {
        say(&migrate::script())?;
        return Ok(ExitCode::SUCCESS);
    }
    // A migration says whom it waits for, and may wait for long.
    let remarks = tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(tracing::Level::INFO);
    let plain = remarks.without_time().with_level(false).with_target(false).with_ansi(false);
    // If there is a log already, they are in that.
    let _ = plain.try_init();
    let config = args.config.load()?;
    let options = ConnectOptions::resolve(config.database_url()?.as_deref(), &environment)?;
    runtime()?.block_on(async {
        let session = Session::open(&options, SessionRole::Tool, None).await?;
        if args.status {
            let status = migrate::status(&session).await?;
            say(&status.to_string())?;
            return Ok(if status.missing().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        let applied = migrate::run(&session).await?;
        match applied.len() {
            0 => say("nothing to do: the schema is up to date\n")?,
            _ => say(&format!("applied {}\n", applied.join(", ")))?,
        }
        Ok(ExitCode::SUCCESS)
    })
}
