//! `hearken items --follow`: lines as items change, until a signal.

use super::{command, database};
use crate::support::{TestDatabase, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

/// A command which follows, and what it printed.
struct Following {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Following {
    fn start(db: &TestDatabase, filters: &[&str]) -> Self {
        let args = [&["items", "--follow", "--json"][..], filters].concat();
        let mut child = command(db, &args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a command");
        let out = child.stdout.take().expect("a pipe");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                sink.lock().expect("a lock").push(line);
            }
        });
        Self { child, lines }
    }

    /// What was printed, as (id, state, attempt).
    fn seen(&self) -> Vec<(i64, String, i64)> {
        let lines = self.lines.lock().expect("a lock");
        let read = |line: &String| {
            let item: Value = serde_json::from_str(line).expect("JSON");
            let number = |name: &str| item[name].as_i64().expect("a number");
            (number("id"), item["state"].as_str().expect("a state").to_owned(), number("attempt"))
        };
        lines.iter().map(read).collect()
    }

    /// Waits until so many lines were printed, and holds the last ones against what is
    /// wanted.
    #[track_caller]
    fn shows(&self, before: usize, want: &[(i64, &str, i64)]) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        let want: Vec<_> = want.iter().map(|(id, state, n)| (*id, (*state).to_owned(), *n)).collect();
        async move {
            let what = format!("{place}: {want:?} to be shown");
            let seen = until(&what, || async {
                let seen = self.seen();
                (seen.len() >= before + want.len()).then_some(seen)
            })
            .await;
            assert_eq!(seen[before..].to_vec(), want, "{place}");
        }
    }

    async fn ended(&mut self) -> ExitStatus {
        let child = Mutex::new(&mut self.child);
        until("the command to end", || async { child.lock().expect("a lock").try_wait().expect("a child") })
            .await
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a pid")), signal).expect("a signal");
}

const OPEN: [(i64, &str, i64); 3] = [(1, "waiting", 0), (2, "leased", 1), (3, "failed", 2)];

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_a_line() -> anyhow::Result<()> {
    let db = database().await?;
    let mut following = Following::start(&db, &["--queue", "finance"]);
    following.shows(0, &OPEN).await;

    db.client.batch_execute("select hearken.complete(2, 2)").await?;
    following.shows(3, &[(2, "done", 1)]).await;
    // Made, and of another queue: only the first is shown.
    let sql = "insert into hearken.inbox_items (id, dedup_key, queue, routine, version, title) \
               overriding system value values (20, sha256('20'), 'finance', 'r', 'v', 't'), \
                                              (21, sha256('21'), 'mail', 'r', 'v', 't')";
    db.client.batch_execute(sql).await?;
    following.shows(4, &[(20, "waiting", 0)]).await;
    let row = db.client.query_one("select id, token from hearken.lease('w', '{finance}')", &[]).await?;
    let (id, token): (i64, i64) = (row.get(0), row.get(1));
    let attempt = if id == 3 { 3 } else { 1 };
    following.shows(5, &[(id, "leased", attempt)]).await;
    db.client.query_one("select hearken.progress($1, $2, '{\"done\": 1}')", &[&id, &token]).await?;
    following.shows(6, &[(id, "leased", attempt)]).await;
    let noted: Value = serde_json::from_str(&following.lines.lock().expect("a lock")[6])?;
    assert_eq!(noted["progress"]["done"], 1);
    db.client.query_one("select hearken.fail($1, $2, 'no', false)", &[&id, &token]).await?;
    following.shows(7, &[(id, "dead", attempt)]).await;

    signal(&following.child, Signal::SIGINT);
    assert_eq!(following.ended().await.code(), Some(0));
    assert_eq!(following.seen().len(), 8, "nothing is shown twice");
    Ok(())
}

/// An item which was made before the watch began, and was never shown.
#[tokio::test(flavor = "multi_thread")]
async fn an_item_appears_when_it_comes_to_fit() -> anyhow::Result<()> {
    let db = database().await?;
    let mut following = Following::start(&db, &["--state", "dead", "--limit", "1"]);
    following.shows(0, &[(5, "dead", 5)]).await;
    db.client.batch_execute("select hearken.fail(2, 2, 'no', retry => false)").await?;
    following.shows(1, &[(2, "dead", 1)]).await;
    signal(&following.child, Signal::SIGTERM);
    assert_eq!(following.ended().await.code(), Some(0));
    Ok(())
}

/// What is moved into the history before the next look is told all the same.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_item_is_found_in_the_history() -> anyhow::Result<()> {
    let db = database().await?;
    let following = Following::start(&db, &["--queue", "finance"]);
    following.shows(0, &OPEN).await;
    let sql = "begin; select hearken.complete(2, 2); select hearken.archive_items('0', '0'); commit";
    db.client.batch_execute(sql).await?;
    following.shows(3, &[(2, "done", 1)]).await;
    let last: Value = serde_json::from_str(&following.lines.lock().expect("a lock")[3])?;
    assert_eq!(last["archived"], true);
    Ok(())
}

/// Whoever has read enough ends the command, without a complaint.
#[tokio::test(flavor = "multi_thread")]
async fn it_ends_when_nobody_reads_any_more() -> anyhow::Result<()> {
    let db = database().await?;
    let mut child = command(&db, &["items", "--follow", "--limit", "1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    out.read_line(&mut line)?;
    assert!(line.starts_with("id        state"), "{line:?}");
    out.read_line(&mut line)?;
    drop(out);
    let child = Mutex::new(&mut child);
    let mut n = 100;
    let status = until("the command to end", || {
        n += 1;
        let sql = format!(
            "insert into hearken.inbox_items (dedup_key, queue, routine, version, title) \
             values (sha256('{n}'), 'q', 'r', 'v', 't')"
        );
        let (db, child) = (&db, &child);
        async move {
            db.client.batch_execute(&sql).await.expect("an item");
            child.lock().expect("a lock").try_wait().expect("a child")
        }
    })
    .await;
    assert_eq!(status.code(), Some(0));
    let mut err = String::new();
    let stderr = child.lock().expect("a lock").stderr.take().expect("a pipe");
    std::io::Read::read_to_string(&mut BufReader::new(stderr), &mut err)?;
    assert_eq!(err, "");
    Ok(())
}
