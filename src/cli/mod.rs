//! The command line: arguments to calls, no logic.

mod aligned;
pub mod cancel;
pub mod check;
pub mod dead;
pub mod demo;
pub mod emit;
pub mod explain;
pub mod fire;
pub mod health;
pub mod held;
pub mod import;
pub mod install;
pub mod item;
pub mod items;
pub mod migrate;
pub mod next;
pub mod pause;
pub mod protocol;
pub mod retry;
pub mod run;
pub mod schema;
pub mod status;
pub mod test;
pub mod uninstall;
pub mod watch;
pub mod work;

use crate::pg::connect::ConnectOptions;
use crate::pg::error::PgError;
use crate::pg::session::{Session, SessionRole};
use clap::{Parser, Subcommand};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Turns PostgreSQL events and schedules into inbox items, each exactly once.
#[derive(Debug, Parser)]
#[command(name = "hearken", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon.
    Run(run::RunArgs),
    /// Bring the schema `hearken` up to date.
    Migrate(migrate::MigrateArgs),
    /// Check routine files, and with --database the tables they need.
    Check(check::CheckArgs),
    /// Run the tests inside routine files; no database is needed.
    Test(test::TestArgs),
    /// Say what each routine makes of an event, and why not; no database is needed.
    Explain(explain::ExplainArgs),
    /// Make a routine of a rule of another system; no database is needed.
    Import(import::ImportArgs),
    /// Print the JSON Schema of routine files, for editors.
    Schema(schema::SchemaArgs),
    /// List coming ticks of schedules; no database is needed.
    Next(next::NextArgs),
    /// Say who leads, what is in force and what waits.
    Status(status::StatusArgs),
    /// List the drafts which gates hold back, cancel them or let them go on.
    Held(held::HeldArgs),
    /// Pause a routine: its events become decisions, its ticks and held drafts wait.
    Pause(pause::PauseArgs),
    /// End the pause of a routine.
    Resume(pause::ResumeArgs),
    /// Write an event to the log.
    Emit(emit::EmitArgs),
    /// Run one routine by hand, for an event or a tick.
    Fire(fire::FireArgs),
    /// Lease items and run a command for each, or deliver webhooks.
    Work(work::WorkArgs),
    /// List items, and follow what becomes of them.
    Items(items::ItemsArgs),
    /// Tell everything about one item, and why it is there.
    Item(item::ItemArgs),
    /// Start items which have finished again.
    Retry(retry::RetryArgs),
    /// Cancel items which have not finished.
    Cancel(cancel::CancelArgs),
    /// List dead letters, start them again or drop them.
    Dead(dead::DeadArgs),
    /// Put doorbells on the tables which are sources; --print shows the SQL.
    Install(install::InstallArgs),
    /// Remove them again.
    Uninstall(uninstall::UninstallArgs),
    /// Turn the changes of a table into events.
    Watch(watch::WatchArgs),
    /// Make the functions by which workers lease rows of a table of yours.
    Protocol(protocol::ProtocolArgs),
    /// Show hearken at work on a private PostgreSQL.
    Demo(demo::DemoArgs),
    /// Ask a running daemon whether it is ready; for container health checks.
    Health(health::HealthArgs),
}

/// Where settings come from, the same for every command that needs them.
#[derive(Debug, clap::Args)]
pub struct ConfigArgs {
    /// The settings; `hearken.toml` in this folder if it is there.
    #[arg(long, value_name = "FILE", env = "HEARKEN_CONFIG")]
    pub config: Option<PathBuf>,
}

impl ConfigArgs {
    /// Reads the settings.
    ///
    /// # Errors
    ///
    /// If the file is missing though named, or has an error.
    pub fn load(&self) -> Result<crate::config::Config, crate::config::ConfigError> {
        crate::config::Config::load(self.config.as_deref(), &environment)
    }

    /// A session for a command, with the database of the settings.
    async fn connect(&self) -> anyhow::Result<Session> {
        let config = self.load()?;
        let options = ConnectOptions::resolve(config.database_url()?.as_deref(), &environment)?;
        Ok(Session::open(&options, SessionRole::Tool, None).await?)
    }
}

/// An error of the database, with what to do if the schema is not the one this
/// program knows: an undefined table, schema or function.
fn of_schema(error: PgError) -> anyhow::Error {
    // What is missing of the user's own is named by the error.
    let undefined = error.answer().is_some_and(|answer| {
        matches!(&*answer.sqlstate, "42P01" | "3F000" | "42883") && answer.message.contains("hearken")
    });
    let error = anyhow::Error::new(error);
    if !undefined {
        return error;
    }
    error.context("the schema `hearken` is not there or older than this program; run `hearken migrate`")
}

/// Writes to standard output. Whoever reads may have seen enough before the end.
fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// A variable of the environment; empty means not set, as libpq has it.
#[must_use]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Runs the command of the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.command {
        Command::Run(args) => run::run(args),
        Command::Migrate(args) => migrate::run(args),
        Command::Check(args) => check::run(args),
        Command::Test(args) => test::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Import(args) => import::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Next(args) => next::run(args),
        Command::Status(args) => status::run(args),
        Command::Held(args) => held::run(args),
        Command::Pause(args) => pause::pause(args),
        Command::Resume(args) => pause::resume(args),
        Command::Emit(args) => emit::run(args),
        Command::Fire(args) => fire::run(args),
        Command::Work(args) => work::run(args),
        Command::Items(args) => items::run(args),
        Command::Item(args) => item::run(args),
        Command::Retry(args) => retry::run(args),
        Command::Cancel(args) => cancel::run(args),
        Command::Dead(args) => dead::run(args),
        Command::Protocol(args) => protocol::run(args),
        Command::Install(args) => install::run(args),
        Command::Uninstall(args) => uninstall::run(args),
        Command::Watch(args) => watch::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Health(args) => health::run(args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("hearken: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A runtime for commands which speak to the database. One thread: the server
/// does the heavy work, and handing each answer from thread to thread would cost
/// more than it gains.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
