//! `hearken uninstall`.

use super::install::explained;
use super::{ConfigArgs, of_schema, runtime, say};
use crate::pg::install::{self, Hung};
use crate::pg::session::Session;
use crate::rules::name::SourceName;
use std::process::ExitCode;

/// Take the triggers which ring off the tables of sources.
///
/// Found are all of them, also on tables which were renamed since, and of sources
/// which are gone from the settings. What hearken remembers of the rows stays.
#[derive(Debug, clap::Args)]
pub struct UninstallArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print it as a script for psql, and change nothing.
    #[arg(long)]
    print: bool,
    /// This source only; may be given several times.
    #[arg(long = "source", value_name = "NAME", value_parser = SourceName::parse)]
    sources: Vec<SourceName>,
}

/// Runs it.
///
/// # Errors
///
/// Of the settings or the database, or without the right to change a table.
pub fn run(args: &UninstallArgs) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(async {
        let session = args.config.connect().await?;
        let names = match args.sources.is_empty() {
            true => install::registered(&session).await.map_err(of_schema)?,
            false => args.sources.clone(),
        };
        let mut found = 0;
        if args.print {
            say("\\set ON_ERROR_STOP on\n\n")?;
        }
        for name in &names {
            let triggers = install::hung(&session, name).await.map_err(of_schema)?;
            found += triggers.len();
            if triggers.is_empty() {
                continue;
            } else if args.print {
                say(&install::removal_script(name, &triggers))?;
            } else {
                remove(&session, name, &triggers).await?;
            }
        }
        if found == 0 {
            say(if args.print { "-- Nothing to do.\n" } else { "nothing to do: no trigger rings\n" })?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn remove(session: &Session, name: &SourceName, triggers: &[Hung]) -> anyhow::Result<()> {
    for trigger in triggers {
        install::remove(session, trigger).await.map_err(explained)?;
        say(&format!("{name}: took {} off {}\n", trigger.trigger, trigger.table))?;
    }
    Ok(())
}
