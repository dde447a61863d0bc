//! `hearken watch`.

use super::{ConfigArgs, of_schema, runtime, say};
use crate::pg::error::PgError;
use crate::pg::install::watch::{self, Watch};
use crate::rules::foreign::TableName;
use anyhow::{Context, bail};
use std::process::ExitCode;

/// Make events of the changes of a table.
///
/// Each row which is inserted, changed or deleted becomes an event of hearken's log:
/// PREFIX.created, PREFIX.updated, PREFIX.deleted. Watching a table again replaces how
/// it was watched; after `alter table`, watch it again.
#[derive(Debug, clap::Args)]
pub struct WatchArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The table, such as public.tasks.
    #[arg(value_name = "TABLE", value_parser = TableName::parse)]
    table: TableName,
    /// What the types of the events begin with [default: the name of the table].
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// The columns which are in the events [default: all]. An update of others is no
    /// event. The primary key is always there.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// Columns, and paths into JSON such as config.token, which never are.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    redact: Option<Vec<String>>,
    /// Of which rows: a condition over the columns. An update is an event if the old
    /// or the new row meets it.
    #[arg(long, value_name = "SQL")]
    when: Option<String>,
    /// The column which says whose event it is.
    #[arg(long, value_name = "COLUMN")]
    tenant: Option<String>,
    /// The source of the events [default: schema and table].
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// What becomes of `truncate`: one event, an error, or nothing.
    #[arg(long, value_enum, default_value = "record")]
    truncate: Truncate,
    /// Print it as a script for psql; no database is needed.
    #[arg(long)]
    print: bool,
    /// Watch it no more.
    #[arg(long, conflicts_with_all = ["prefix", "columns", "redact", "when", "tenant", "source", "truncate"])]
    drop: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Truncate {
    Record,
    Refuse,
    Ignore,
}

impl Truncate {
    fn word(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Refuse => "refuse",
            Self::Ignore => "ignore",
        }
    }
}

impl WatchArgs {
    fn watch(&self) -> Watch<'_> {
        Watch {
            table: &self.table,
            prefix: self.prefix.as_deref(),
            columns: self.columns.as_deref(),
            redact: self.redact.as_deref(),
            filter: self.when.as_deref(),
            tenant: self.tenant.as_deref(),
            truncates: self.truncate.word(),
            source: self.source.as_deref(),
        }
    }
}

/// Runs it.
///
/// # Errors
///
/// Of the settings or the database, or if the table cannot be watched so.
pub fn run(args: &WatchArgs) -> anyhow::Result<ExitCode> {
    if args.print {
        let script = if args.drop { watch::drop_script(&args.table) } else { watch::script(&args.watch()) };
        say(&script)?;
        return Ok(ExitCode::SUCCESS);
    }
    // The database may remark with whose rights the trigger runs.
    let remarks = tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(tracing::Level::INFO);
    let plain = remarks.without_time().with_level(false).with_target(false).with_ansi(false);
    // If there is a log already, they are in that.
    let _ = plain.try_init();
    runtime()?.block_on(async {
        let session = args.config.connect().await?;
        let table = &args.table;
        if !watch::exists(&session, table).await? {
            bail!("there is no table {table}");
        }
        let answer = match args.drop {
            true => watch::unwatch(&session, table).await,
            false => watch::watch(&session, &args.watch()).await,
        };
        let answer =
            answer.map_err(explained).with_context(|| format!("cannot change how {table} is watched"))?;
        say(&format!("{table} is {answer}\n"))?;
        Ok(ExitCode::SUCCESS)
    })
}

/// An error with what to do about it.
fn explained(error: PgError) -> anyhow::Error {
    if error.is_lock_timeout() {
        let advice = "somebody has the table open for long; try again later";
        return anyhow::Error::new(error).context(advice);
    }
    if error.sqlstate() == Some("42501") {
        let advice =
            "hand `hearken watch … --print` to whoever owns the table and may create in the schema hearken";
        return anyhow::Error::new(error).context(advice);
    }
    of_schema(error)
}
