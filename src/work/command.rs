//! A command for each item: the item on its standard input and in its environment,
//! what it prints as the result.
//!
//! The command is the head of a process group of its own. When the worker stops or
//! the lease is lost, the whole group is told; when the handler is dropped, it is
//! killed. Pipes are read to their end whatever is kept of them, so that no command
//! waits for us, and not for ever, so that we wait for no grandchild.
//!
//! | the command | the answer |
//! |---|---|
//! | exits with 0 | done, what it printed is the result |
//! | exits with 75 | snoozed: due again after `later`, the attempt does not count |
//! | exits otherwise, is killed, cannot be started | failed: the backoff and the attempts of the queue |
//! | ends because the worker stops | done if it exits with 0, else released |
//! | ends because its lease is lost | none |

mod find;
mod group;
mod input;
mod output;
mod tail;
#[cfg(test)]
mod tests;

pub use self::find::{FindError, find};

use self::group::Group;
use self::output::{Stdout, read_stdout};
use self::tail::{Echo, Tail, read_stderr};
use super::{Answer, Handler, Hold};
use crate::pg::work::{Leased, Retry};
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The exit status which means "not now": `EX_TEMPFAIL` of `sysexits.h`.
pub const NOT_NOW: i32 = 75;
/// How long a command may take to stop once its lease is lost.
pub const LOST_GRACE: Duration = Duration::from_secs(5);
/// How long pipes are read on after the command has ended: something it started
/// may have them open.
pub const PIPES_GRACE: Duration = Duration::from_secs(2);
/// The same, once the group has been killed.
const PIPES_LAST: Duration = Duration::from_millis(200);

/// What is done with what commands print, besides keeping it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// Nothing.
    Nothing,
    /// It is passed on to our standard error line by line, with the item's number.
    Output,
}

/// What is run, and how.
#[derive(Clone, Debug)]
pub struct CommandSettings {
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// A program, with arguments, which is given the command as further arguments
    /// and becomes it; nothing, if the command is started as it is.
    pub launcher: Vec<OsString>,
    /// How many bytes of what it prints are kept.
    pub result_max: usize,
    /// How long an item waits whose command exits with [`NOT_NOW`].
    pub later: Duration,
    /// Who sees what it prints.
    pub show: Show,
}

/// Runs a command for each item.
#[derive(Debug)]
pub struct CommandHandler {
    settings: CommandSettings,
}

/// Why a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// By itself.
    Itself,
    /// The worker is told to stop.
    Stopping,
    /// The lease was lost.
    Lost,
}

/// What became of a command.
#[derive(Debug)]
struct Ended {
    why: Why,
    status: std::io::Result<ExitStatus>,
    stdout: Stdout,
    stderr: Tail,
}

impl CommandHandler {
    /// A handler which runs this.
    #[must_use]
    pub fn new(settings: CommandSettings) -> Self {
        Self { settings }
    }

    fn start(&self, item: &Leased) -> std::io::Result<Child> {
        let mut words = self.settings.launcher.iter().chain(&self.settings.command);
        let Some(program) = words.next() else { return Err(std::io::Error::other("there is no command")) };
        let mut command = Command::new(program);
        command.args(words).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, value) in input::variables(item) {
            match value {
                Some(value) => command.env(name, value),
                // One which a worker around us may have set is about another item.
                None => command.env_remove(name),
            };
        }
        command.spawn()
    }

    /// Sees a command through to its end.
    async fn attend(&self, mut child: Child, item: &Leased, hold: &Hold) -> Ended {
        let mut group = Group::of(&child);
        let echo = || (self.settings.show == Show::Output).then(|| Echo::of(item.id));
        let stdout = Arc::new(Mutex::new(Stdout::keeping(self.settings.result_max)));
        let stderr = Arc::new(Mutex::new(Tail::default()));
        // Both end with this future, at the latest.
        let mut writing = JoinSet::new();
        let mut reading = JoinSet::new();
        if let Some(pipe) = child.stdin.take() {
            writing.spawn(input::write(pipe, input::json(item)));
        }
        if let Some(pipe) = child.stdout.take() {
            reading.spawn(read_stdout(pipe, stdout.clone(), hold.clone(), echo()));
        }
        if let Some(pipe) = child.stderr.take() {
            reading.spawn(read_stderr(pipe, stderr.clone(), echo()));
        }
        let (why, status) = wait(&mut child, &group, hold).await;
        // What the command leaves behind may go on, unless it was to end.
        if why == Why::Lost {
            group.tell(Signal::SIGKILL);
        }
        drain(&mut reading, &group).await;
        if why == Why::Stopping {
            group.tell(Signal::SIGKILL);
        }
        group.let_go();
        let stdout = std::mem::take(&mut *stdout.lock().unwrap_or_else(PoisonError::into_inner));
        let stderr = std::mem::take(&mut *stderr.lock().unwrap_or_else(PoisonError::into_inner));
        Ended { why, status, stdout, stderr }
    }

    fn answer(&self, ended: Ended, hold: &Hold) -> Answer {
        let (note, result) = ended.stdout.end();
        if let Some(note) = note {
            hold.progress(note);
        }
        let status = match ended.status {
            Ok(status) => status,
            Err(error) => {
                let error = format!("it is not known how the command ended: {error}");
                return Answer::Failed { error, retry: Retry::Backoff };
            }
        };
        match (ended.why, status.code()) {
            (Why::Lost, _) => Answer::Lost,
            (Why::Itself | Why::Stopping, Some(0)) => Answer::Done(result),
            (Why::Stopping, _) => Answer::Released,
            (Why::Itself, Some(NOT_NOW)) => {
                let note = ended.stderr.last_line().unwrap_or_else(|| said(status));
                Answer::Snoozed { pause: self.settings.later, note }
            }
            (Why::Itself, _) => {
                let error = match ended.stderr.text() {
                    Some(text) => format!("{}: {text}", said(status)),
                    None => said(status),
                };
                Answer::Failed { error, retry: Retry::Backoff }
            }
        }
    }
}

impl Handler for CommandHandler {
    async fn handle(self: Arc<Self>, item: Leased, hold: Hold) -> Answer {
        let began = Instant::now();
        let answer = match self.start(&item) {
            Ok(child) => {
                let ended = self.attend(child, &item, &hold).await;
                self.answer(ended, &hold)
            }
            Err(error) => {
                let error = format!("the command could not be started: {error}");
                Answer::Failed { error, retry: Retry::Backoff }
            }
        };
        tracing::info!(
            item.id = item.id,
            item.queue = %item.queue,
            item.attempt = item.attempt,
            duration_ms = began.elapsed().as_millis() as u64,
            outcome = outcome(&answer),
            "command ended"
        );
        answer
    }
}

/// Waits for the end of a command, and sees to it when it is to end.
async fn wait(child: &mut Child, group: &Group, hold: &Hold) -> (Why, std::io::Result<ExitStatus>) {
    let mut why = Why::Itself;
    let mut kill_at: Option<Instant> = None;
    loop {
        tokio::select! {
            biased;
            status = child.wait() => return (why, status),
            () = hold.lost(), if why != Why::Lost => {
                why = Why::Lost;
                group.tell(Signal::SIGTERM);
                kill_at = Some(Instant::now() + LOST_GRACE);
            }
            // How long it may take is the engine's to say: it drops us, and the group
            // is killed.
            () = hold.stopping(), if why == Why::Itself => {
                why = Why::Stopping;
                group.tell(Signal::SIGTERM);
            }
            () = at(kill_at) => {
                group.tell(Signal::SIGKILL);
                kill_at = None;
            }
        }
    }
}

/// Reads the pipes to their end, or until it is plain that something else has them
/// open; that is killed, if it is still of the group.
async fn drain(reading: &mut JoinSet<()>, group: &Group) {
    let in_time = timeout(PIPES_GRACE, all_of(reading)).await.is_ok();
    if in_time {
        return;
    }
    group.tell(Signal::SIGKILL);
    let at_last = timeout(PIPES_LAST, all_of(reading)).await.is_ok();
    if !at_last {
        reading.shutdown().await;
    }
}

async fn all_of(tasks: &mut JoinSet<()>) {
    while tasks.join_next().await.is_some() {}
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}

/// How a command ended, for people.
fn said(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(signal)) => match Signal::try_from(signal) {
            Ok(name) => format!("killed by signal {signal} ({name})"),
            Err(_) => format!("killed by signal {signal}"),
        },
        (None, None) => "ended, nobody knows how".to_owned(),
    }
}

fn outcome(answer: &Answer) -> &'static str {
    match answer {
        Answer::Done(_) => "done",
        Answer::Failed { .. } => "failed",
        Answer::Snoozed { .. } => "snoozed",
        Answer::Released => "released",
        Answer::Lost => "lost",
    }
}
