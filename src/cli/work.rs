//! `hearken work`.

pub mod webhooks;

use super::{ConfigArgs, environment, runtime};
use crate::daemon::webhooks::How;
use crate::daemon::{failpoint, telemetry};
use crate::pg::connect::ConnectOptions;
use crate::rules::name::QueueName;
use crate::work::command::{CommandHandler, CommandSettings, Show, find};
use crate::work::{self, Answer, Ending, Handler, Hold, Leased, Run, Settings, Stop, Summary};
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// A shorter lease would be lost to a short pause of the network; a longer one keeps
/// an item from others for long when we are gone.
const LEASE: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(24 * 3600)];
/// A result is kept in the database, and in memory before.
const RESULT_MAX: usize = 16 << 20;
/// How a process names itself to its children, so that they know what to become of.
const OURSELVES: &str = "/proc/self/exe";

/// Run a command for each item of a queue, or deliver webhooks.
///
/// The item is one JSON object on the command's standard input, and its main fields are
/// in the environment as HEARKEN_ITEM_ID and so on. What the command prints is the
/// result. Exit status 0: done. 75: not now, the item comes again after --later. Any
/// other: the attempt failed, and the item comes again as its queue says.
#[derive(Debug, clap::Args)]
pub struct WorkArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// A queue to take items from; may be given several times.
    #[arg(
        long = "queue",
        value_name = "NAME",
        value_parser = QueueName::parse,
        required_unless_present_any = ["webhooks", "under"]
    )]
    queues: Vec<QueueName>,
    /// Deliver items which are webhooks, as the daemon does, instead of running a command.
    #[arg(long, conflicts_with_all = ["command", "concurrency", "lease", "tags", "poll"])]
    webhooks: bool,
    /// How many items are worked on at once.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    concurrency: u16,
    /// How long a lease is; it is extended as long as the command runs [default: as
    /// the queue says].
    #[arg(long, value_name = "DURATION", value_parser = lease)]
    lease: Option<Duration>,
    /// What this worker can do; may be given several times. It takes only items all of
    /// whose tags are among them [default: any item].
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// The name by which the items know the worker [default: host and process id].
    #[arg(long, value_name = "NAME")]
    worker: Option<String>,
    /// End when no item is due; exit status 1 if one failed.
    #[arg(long)]
    once: bool,
    /// How long items in hand may take once we are told to stop.
    #[arg(long, value_name = "DURATION", default_value = "25s", value_parser = humantime::parse_duration)]
    grace: Duration,
    /// How often to look though nothing rang.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = poll)]
    poll: Duration,
    /// How much of what a command prints is kept as its result.
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = size)]
    result_max: usize,
    /// How long an item waits whose command exits with 75.
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = humantime::parse_duration)]
    later: Duration,
    /// Pass on what commands print to standard error, with the item before each line.
    #[arg(long)]
    show_output: bool,
    /// For ourselves: become the command, and end with this process.
    #[arg(long, value_name = "PID", hide = true)]
    under: Option<i32>,
    /// The command, and its arguments.
    #[arg(last = true, value_name = "COMMAND", required_unless_present = "webhooks")]
    command: Vec<OsString>,
}

/// Runs it. The exit status is 2 if there is no such command; with `--once` 1 if an
/// item failed; 130 if it was told to stop twice.
///
/// # Errors
///
/// Of the settings, or if the database cannot be used.
pub fn run(args: &WorkArgs) -> anyhow::Result<ExitCode> {
    if let Some(parent) = args.under {
        return become_command(parent, &args.command);
    }
    if let Some(program) = args.command.first()
        && let Err(error) = find(program, std::env::var_os("PATH").as_deref())
    {
        eprintln!("hearken: the command cannot be started: {error}");
        return Ok(ExitCode::from(2));
    }
    let config = args.config.load()?;
    telemetry::start(config.log.format, &config.log.level)?;
    let options = ConnectOptions::resolve(config.database_url()?.as_deref(), &environment)?;
    let run = if args.once { Run::Once } else { Run::Forever };
    let worker = args.worker.clone().unwrap_or_else(own_name);
    if args.webhooks {
        let how = How { worker, queues: args.queues.clone(), run, grace: args.grace };
        return webhooks::run(&config, options, how);
    }
    let summary = runtime()?.block_on(async {
        let stop = Stop::on_signals()?;
        let handler = Arc::new(Breakable(Arc::new(CommandHandler::new(args.command_settings()))));
        anyhow::Ok(work::run(options, args.settings(worker, run), handler, stop).await?)
    })?;
    tell(&summary);
    Ok(match summary.ending {
        Ending::AtOnce => ExitCode::from(130),
        Ending::Drained if summary.failed + summary.dead > 0 => ExitCode::FAILURE,
        Ending::Drained | Ending::Stopped => ExitCode::SUCCESS,
    })
}

impl WorkArgs {
    fn settings(&self, worker: String, run: Run) -> Settings {
        Settings {
            worker,
            queues: self.queues.clone(),
            slots: usize::from(self.concurrency),
            lease: self.lease,
            tags: (!self.tags.is_empty()).then(|| self.tags.clone()),
            run,
            grace: self.grace,
            poll: self.poll,
        }
    }

    fn command_settings(&self) -> CommandSettings {
        CommandSettings {
            command: self.command.clone(),
            launcher: launcher(),
            result_max: self.result_max,
            later: self.later,
            show: if self.show_output { Show::Output } else { Show::Nothing },
        }
    }
}

fn tell(summary: &Summary) {
    tracing::info!(
        items.done = summary.done,
        items.failed = summary.failed,
        items.dead = summary.dead,
        items.snoozed = summary.snoozed,
        items.released = summary.released,
        items.lost = summary.lost,
        items.unanswered = summary.unanswered,
        "stopped"
    );
}

/// The handler, with the places at which tests kill us.
struct Breakable(Arc<CommandHandler>);

impl Handler for Breakable {
    async fn handle(self: Arc<Self>, item: Leased, hold: Hold) -> Answer {
        failpoint::hit("work.leased");
        let answer = self.0.clone().handle(item, hold).await;
        failpoint::hit("work.answer");
        answer
    }
}

/// By what a command is started: by ourselves as another process, which asks the
/// system to be killed when we are, and then becomes the command. So nobody works on
/// under a lease which nobody extends. Only Linux has this.
fn launcher() -> Vec<OsString> {
    if !cfg!(target_os = "linux") || !Path::new(OURSELVES).exists() {
        return Vec::new();
    }
    let parent = std::process::id().to_string();
    [OURSELVES, "work", "--under", &parent, "--"].map(OsString::from).to_vec()
}

fn become_command(parent: i32, command: &[OsString]) -> anyhow::Result<ExitCode> {
    end_with(parent)?;
    let Some((program, arguments)) = command.split_first() else { anyhow::bail!("there is no command") };
    let error = std::process::Command::new(program).args(arguments).exec();
    eprintln!("hearken: cannot start {}: {error}", program.display());
    Ok(ExitCode::from(127))
}

/// From here on we end when the parent does.
#[cfg(target_os = "linux")]
fn end_with(parent: i32) -> anyhow::Result<()> {
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
    // It may have ended before.
    if nix::unistd::getppid().as_raw() != parent {
        anyhow::bail!("the worker is gone");
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn end_with(_: i32) -> anyhow::Result<()> {
    Ok(())
}

fn own_name() -> String {
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    format!("{}:{}", host.as_deref().unwrap_or("?"), std::process::id())
}

fn lease(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let [least, most] = LEASE;
    if duration < least || duration > most {
        return Err("a lease lasts from 5s to 24h".to_owned());
    }
    Ok(duration)
}

fn poll(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if duration < Duration::from_millis(100) || duration > Duration::from_secs(3600) {
        return Err("it looks every 100ms to 1h".to_owned());
    }
    Ok(duration)
}

/// A size such as `64KiB`, up to 16 MiB.
fn size(text: &str) -> Result<usize, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        other => return Err(format!("{other:?} is no unit: B, KiB or MiB")),
    };
    let size = number.parse::<usize>().ok().and_then(|number| number.checked_mul(factor));
    size.filter(|size| *size <= RESULT_MAX).ok_or_else(|| "a size is a number up to 16MiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("10"), Ok(10));
        assert_eq!(size("1 MiB"), Ok(1 << 20));
        for wrong in ["", "KiB", "17MiB", "1kb", "-1", "99999999999999999999"] {
            assert!(size(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_lease_is_neither_too_short_nor_too_long() {
        assert_eq!(lease("5m"), Ok(Duration::from_secs(300)));
        for wrong in ["4s", "25h", "soon"] {
            assert!(lease(wrong).is_err(), "{wrong:?}");
        }
    }
}
