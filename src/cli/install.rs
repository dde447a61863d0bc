//! `hearken install`.

use super::{ConfigArgs, of_schema, runtime, say};
use crate::config::Config;
use crate::daemon::load::load_all;
use crate::pg::install::{self, InstallError, Parts, Roles};
use crate::pg::session::Session;
use crate::rules::foreign::{Doorbell, InboxSpec, SourceSpec};
use crate::rules::name::SourceName;
use crate::rules::routine::RoutineSet;
use crate::rules::text::{closest, listed};
use anyhow::bail;
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Put the triggers which ring onto the tables of `[source.NAME]`.
///
/// One for inserts, and one for updates which make a row pending. Nothing else is
/// added to your tables, and installing again replaces them. A source with
/// `doorbell = "off"` gets none.
#[derive(Debug, clap::Args)]
pub struct InstallArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print it as a script for psql, with the grants, and change no table.
    #[arg(long)]
    print: bool,
    /// This source only; may be given several times.
    #[arg(long = "source", value_name = "NAME", value_parser = SourceName::parse)]
    sources: Vec<SourceName>,
    /// Print the grants of the daemon for this role [default: the one connected].
    #[arg(long, value_name = "ROLE", requires = "print")]
    role: Option<String>,
    /// Print what this role, which writes to the sources, needs.
    #[arg(long, value_name = "ROLE", requires = "print")]
    writer: Option<String>,
    /// Print the grants of this role, which leases items from hearken's own inbox.
    #[arg(long, value_name = "ROLE", requires = "print")]
    worker: Option<String>,
    /// Rows come by logical replication: prepare the log for it, and insist that
    /// sources are polled.
    #[arg(long)]
    replicated: bool,
}

/// Runs it.
///
/// # Errors
///
/// Of the settings or the database, or without the right to change a table.
pub fn run(args: &InstallArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let sources = chosen(&config, &args.sources)?;
    if args.replicated {
        for spec in &sources {
            install::check_replicated(spec)?;
        }
    }
    runtime()?.block_on(async {
        let session = args.config.connect().await?;
        if args.print {
            print(args, &config, &sources, &session).await?;
        } else {
            put(args, &sources, &session).await?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The sources which were named; all, if none was.
fn chosen<'a>(config: &'a Config, names: &[SourceName]) -> anyhow::Result<Vec<&'a SourceSpec>> {
    if names.is_empty() {
        return Ok(config.source.values().collect());
    }
    let known = || config.source.keys().map(SourceName::as_str);
    let mut sources = Vec::new();
    for name in names {
        match (config.source.get(name), closest(name.as_str(), known())) {
            (Some(spec), _) => sources.push(spec),
            (None, Some(near)) => bail!("the settings have no source `{name}`; did you mean `{near}`?"),
            (None, None) if config.source.is_empty() => {
                bail!("the settings have no [source.{name}], nor any other")
            }
            (None, None) => bail!("the settings have no source `{name}`; there are {}", listed(known())),
        }
    }
    Ok(sources)
}

async fn put(args: &InstallArgs, sources: &[&SourceSpec], session: &Session) -> anyhow::Result<()> {
    if args.replicated {
        install::stamp_log(session).await.map_err(explained)?;
        say("the log takes rows which come by replication\n")?;
    }
    if sources.is_empty() && !args.replicated {
        return Ok(say(
            "nothing to do: the settings have no [source.NAME], and hearken's own log rings by itself\n",
        )?);
    }
    for spec in sources {
        let (name, table) = (&spec.name, &spec.table);
        if spec.doorbell == Doorbell::Off {
            let poll = humantime::format_duration(spec.poll);
            say(&format!("{name}: {table} has `doorbell = \"off\"` and is polled every {poll}\n"))?;
            continue;
        }
        let installation = install::plan(session, spec).await.map_err(explained)?;
        install::apply(session, &installation).await.map_err(explained)?;
        say(&format!("{name}: {table} rings\n"))?;
        for remark in &installation.remarks {
            say(&format!("{name}: {remark}\n"))?;
        }
    }
    Ok(())
}

async fn print(
    args: &InstallArgs,
    config: &Config,
    sources: &[&SourceSpec],
    session: &Session,
) -> anyhow::Result<()> {
    let mut parts = Parts::new(session).await.map_err(of_schema)?;
    let first = parts.first();
    if args.replicated {
        let title = "-- The log, for rows which come by logical replication";
        parts.script(&first, &format!("{title}\nbegin;\n{};\ncommit;\n\n", install::REPLICATED_LOG));
    }
    for spec in sources {
        if spec.doorbell == Doorbell::Off {
            let (name, table) = (&spec.name, &spec.table);
            let text = format!("-- Source `{name}`: {table} is polled, and gets no trigger\n\n");
            parts.script(&first, &text);
            continue;
        }
        parts.install(&install::plan(session, spec).await.map_err(explained)?);
    }
    let (routines, whole) = routines(config);
    if !whole {
        let note = "-- Note: not all routines could be read; columns which those set are not in the grants.";
        parts.grant(&first, note.to_owned());
    }
    if !config.routines.is_empty() {
        let note = "-- Note: columns which routines from the database set are not in the grants.";
        parts.grant(&first, note.to_owned());
    }
    let roles = Roles {
        daemon: args.role.as_deref(),
        writer: args.writer.as_deref(),
        worker: args.worker.as_deref(),
    };
    let inboxes = inboxes(&config.inbox, &args.sources);
    install::grants(session, sources, &inboxes, &routines, roles, &mut parts).await.map_err(of_schema)?;
    Ok(say(&parts.text())?)
}

/// The inboxes to print grants for: none, if it is about single sources.
fn inboxes<'a, K>(inboxes: &'a BTreeMap<K, InboxSpec>, sources: &[SourceName]) -> Vec<&'a InboxSpec> {
    if sources.is_empty() { inboxes.values().collect() } else { Vec::new() }
}

/// The routine files as far as they can be used, and whether all can. What is wrong with
/// the others is for `hearken check` to say.
fn routines(config: &Config) -> (RoutineSet, bool) {
    let Ok(files) = load_all(&config.daemon.routines) else {
        return (RoutineSet::default(), config.inbox.is_empty());
    };
    let whole = files.iter().all(|file| file.routine.is_some());
    (RoutineSet::new(files.into_iter().filter_map(|file| file.routine).collect()), whole)
}

/// An error with what to do about it.
pub(super) fn explained(error: InstallError) -> anyhow::Error {
    match error {
        InstallError::Database(error) => of_schema(error),
        error => error.into(),
    }
}
