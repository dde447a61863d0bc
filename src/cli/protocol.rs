//! `hearken protocol`.

use super::{ConfigArgs, of_schema, runtime, say};
use crate::config::Config;
use crate::pg::protocol::{self, ProtocolError, Schema};
use crate::pg::session::Session;
use crate::rules::foreign::InboxSpec;
use crate::rules::name::InboxName;
use crate::rules::text::{closest, listed};
use anyhow::{Context, bail};
use std::process::ExitCode;

/// What a script for psql begins with: it is to end at the first error.
const STOP: &str = "\\set ON_ERROR_STOP on\n\n";

/// Make the functions by which workers lease rows of a table of yours.
///
/// `[inbox.NAME.lease]` says which columns there are. Calling it again brings the
/// functions up to date with it, and with the table. Nothing is added to the table.
#[derive(Debug, clap::Args)]
pub struct ProtocolArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The inbox.
    #[arg(value_name = "NAME", value_parser = InboxName::parse)]
    name: InboxName,
    /// Print the SQL for psql, and change nothing.
    #[arg(long)]
    print: bool,
    /// Remove the functions.
    #[arg(long)]
    drop: bool,
    /// The schema of the functions.
    #[arg(long, value_name = "NAME", default_value = "hearken", value_parser = Schema::parse)]
    schema: Schema,
}

/// Runs it.
///
/// # Errors
///
/// Of the settings or the database, or if the table's columns do not make a lease.
pub fn run(args: &ProtocolArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let inbox = inbox(&config, &args.name)?;
    if args.drop && args.print {
        say(&format!("{STOP}{}", protocol::drop_script(inbox, &args.schema)))?;
        return Ok(ExitCode::SUCCESS);
    }
    runtime()?.block_on(async {
        let session = args.config.connect().await?;
        if args.drop {
            let script = protocol::drop_script(inbox, &args.schema);
            protocol::run(&session, &script).await?;
            say(&format!("the functions of `{}` in schema `{}` are gone\n", inbox.name, args.schema.name()))?;
        } else {
            make(args, inbox, &session).await?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn make(args: &ProtocolArgs, inbox: &InboxSpec, session: &Session) -> anyhow::Result<()> {
    let name = &inbox.name;
    let Some(lease) = &inbox.lease else {
        bail!("[inbox.{name}] has no `lease`: name the columns of the table in [inbox.{name}.lease]");
    };
    let script = protocol::prepare(session, inbox, lease, &args.schema).await.map_err(explained)?;
    if args.print {
        say(&format!("{STOP}{script}"))?;
        return Ok(());
    }
    protocol::run(session, &script).await.map_err(of_schema)?;
    let schema = args.schema.name();
    say(&format!(
        "made {schema}.{name}_lease, _extend, _complete, _fail, _release and _expire for {}\n\
         `hearken protocol {name} --print` says which grants a worker needs, and which indexes help\n",
        inbox.table
    ))?;
    Ok(())
}

fn inbox<'a>(config: &'a Config, name: &InboxName) -> anyhow::Result<&'a InboxSpec> {
    let names = || config.inbox.keys().map(InboxName::as_str);
    config.inbox.get(name).with_context(|| match closest(name.as_str(), names()) {
        Some(near) => format!("the settings have no inbox `{name}`; did you mean `{near}`?"),
        None if config.inbox.is_empty() => {
            format!("the settings have no [inbox.{name}], nor any other inbox")
        }
        None => format!("the settings have no inbox `{name}`; there are {}", listed(names())),
    })
}

fn explained(error: ProtocolError) -> anyhow::Error {
    match error {
        ProtocolError::Database(error) => of_schema(error),
        error => error.into(),
    }
}
