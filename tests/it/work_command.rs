//! `hearken work`: real processes, whatever becomes of them.

mod endings;
mod engine;
mod kills;
mod output;
mod restart;
mod wakes;

use crate::support::{TestDatabase, until};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use tokio_postgres::Client;

/// Puts so many items into a queue, and rings for them as the daemon does.
async fn put(client: &Client, queue: &str, count: i32) -> anyhow::Result<()> {
    client
        .batch_execute(&format!(
            "begin; \
             insert into hearken.inbox_items (dedup_key, queue, routine, version, title, context) \
             select sha256(('{queue}' || n || clock_timestamp())::bytea), '{queue}', 'r', 'v', 'item ' || n, \
                    jsonb_build_object('n', n) \
             from generate_series(1, {count}) n; \
             select hearken.ring_queue('{queue}'); \
             commit"
        ))
        .await?;
    Ok(())
}

/// What fails in the queue `q` does not come back while a test looks.
async fn never_again(client: &Client) -> anyhow::Result<()> {
    let slow = "insert into hearken.queues (name, backoff_first) values ('q', '1 hour')";
    Ok(client.batch_execute(slow).await?)
}

/// One text out of a query.
async fn text(client: &Client, sql: &str) -> anyhow::Result<String> {
    let row = client.query_one(&format!("select (q.v)::text from ({sql}) q (v)"), &[]).await?;
    Ok(row.get::<_, Option<String>>(0).unwrap_or_else(|| "-".to_owned()))
}

/// Waits until a query gives this text.
async fn becomes(client: &Client, sql: &str, want: &str) {
    until(&format!("{sql} to give {want:?}"), || async {
        text(client, sql).await.is_ok_and(|text| text == want).then_some(())
    })
    .await;
}

/// `hearken work` with these arguments, and a script for the shell.
fn command(url: &str, args: &[&str], script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearken"));
    command.arg("work").args(args).args(["--", "/bin/sh", "-c", script]);
    command.env("DATABASE_URL", url).env("HEARKEN_LOG", "debug").env_remove("HEARKEN_CONFIG");
    command.env_remove("HEARKEN_FAILPOINT").current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Runs it once, to its end; its exit status and what it said.
fn once(db: &TestDatabase, args: &[&str], script: &str) -> (i32, String) {
    let args: Vec<&str> = args.iter().copied().chain(["--once"]).collect();
    let output = command(&db.url, &args, script).output().expect("a worker");
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A running worker.
struct Worker {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Worker {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("a worker");
        let stderr = child.stderr.take().expect("a pipe");
        let log = Arc::new(Mutex::new(Vec::new()));
        let sink = log.clone();
        std::thread::spawn(move || {
            use std::io::BufRead;
            for line in std::io::BufReader::new(stderr).lines().map_while(Result::ok) {
                sink.lock().expect("a lock").push(line);
            }
        });
        Self { child, log }
    }

    /// Waits until it says something.
    async fn says(&self, text: &str) {
        until(&format!("the worker to say {text:?}"), || async {
            let log = self.log.lock().expect("a lock");
            log.iter().any(|line| line.contains(text)).then_some(())
        })
        .await;
    }

    fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        nix::sys::signal::kill(pid, signal).expect("a signal");
    }

    /// Waits for it to end.
    async fn ended(&mut self) -> ExitStatus {
        let child = Mutex::new(&mut self.child);
        until("the worker to end", || async { child.lock().expect("a lock").try_wait().expect("a child") })
            .await
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log.lock().map(|log| log.clone()).unwrap_or_default();
            eprintln!("the worker's last lines: {:#?}", &log[log.len().saturating_sub(20)..]);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder in which commands leave what they have to say.
fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("hearken-work").tempdir().expect("a folder")
}

/// The lines of a file; none, if there is none yet.
fn lines(file: &Path) -> Vec<String> {
    std::fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Waits until no process of that number runs any more; one whose parent has not
/// looked yet counts as gone.
async fn is_gone(pid: &str) {
    let stat = format!("/proc/{pid}/stat");
    until(&format!("the process {pid} to be gone"), || async {
        let state = std::fs::read_to_string(&stat).unwrap_or_default();
        let is_zombie = state.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'));
        (state.is_empty() || is_zombie).then_some(())
    })
    .await;
}
