//! `docs/workers.md`: its SQL answers as the page says, and each of its workers
//! works, beats, wakes and stops.

#[path = "../../examples/workers/worker.rs"]
#[allow(dead_code, reason = "its main is not called")]
mod rust_worker;

use crate::support::database::cluster;
use crate::support::languages::{PG, PSYCOPG, compiled, node_with, not_tested, python_with};
use crate::support::{TestDatabase, until};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, SimpleQueryMessage};

const PAGE: &str = include_str!("../../docs/workers.md");
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/workers");

/// What a comment behind a statement may claim that it answers.
const ANSWERS: &[&str] =
    &["extended", "noted", "done", "stale", "failed", "dead", "snoozed", "released", "waiting", "0"];

/// A worker which waits for no bell looks again after so long; one which wakes at the
/// bell is done well before.
const SOON: Duration = Duration::from_secs(20);

/// The blocks of the page: mark and text.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let parts = PAGE.split("\n```").skip(1).step_by(2);
    parts.map(|block| block.split_once('\n').expect("a block of several lines")).collect()
}

/// The page shows the files which are run here, and nothing else.
#[test]
fn the_page_shows_the_examples() {
    let marks = ["sh", "python", "ts", "rust"];
    let mut shown: Vec<String> = blocks()
        .into_iter()
        .filter(|(mark, _)| marks.contains(mark))
        .map(|(_, text)| format!("{text}\n"))
        .collect();
    let mut files: Vec<String> = std::fs::read_dir(EXAMPLES)
        .expect("the examples")
        .map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("a text"))
        .collect();
    shown.sort();
    files.sort();
    assert_eq!(shown, files);
}

#[test]
fn every_link_of_the_page_leads_somewhere() {
    let plain = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let anchor =
        |heading: &str| heading.to_lowercase().chars().filter(plain).collect::<String>().replace(' ', "-");
    let anchors_of = |text: &str| -> Vec<String> {
        text.lines()
            .filter(|line| line.starts_with('#'))
            .map(|line| anchor(line.trim_start_matches(['#', ' '])))
            .collect()
    };
    for target in PAGE.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        let (file, place) = target.split_once('#').unwrap_or((target, ""));
        let text = match file {
            "" => PAGE.to_owned(),
            file => {
                std::fs::read_to_string(Path::new("docs").join(file)).unwrap_or_else(|_| panic!("{target}"))
            }
        };
        assert!(place.is_empty() || anchors_of(&text).iter().any(|anchor| anchor == place), "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sql_of_the_page_answers_as_it_says() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    for queue in ["finance", "finance", "finance", "finance", "collections", "finance", "finance"] {
        fill(&db.client, queue, "{}").await?;
    }
    let mut answered = 0;
    for (_, text) in blocks().iter().filter(|(mark, _)| *mark == "sql") {
        for piece in text.split_inclusive(";").filter(|piece| piece.contains(';')) {
            // The comment behind the statement before it stands at the beginning.
            let messages =
                db.client.simple_query(piece).await.map_err(|error| anyhow::anyhow!("{piece}: {error:?}"))?;
            let behind =
                text[text.find(piece).expect("a place") + piece.len()..].lines().next().unwrap_or_default();
            let said = behind.trim().trim_start_matches("-- ");
            if ANSWERS.contains(&said) {
                let first = messages.iter().find_map(|message| match message {
                    SimpleQueryMessage::Row(row) => row.get(0),
                    _ => None,
                });
                assert_eq!(first, Some(said), "{piece}");
                answered += 1;
            }
        }
    }
    assert!(answered >= 13, "only {answered} answers were found");
    Ok(())
}

/// An item.
async fn fill(client: &Client, queue: &str, context: &str) -> anyhow::Result<()> {
    let sql = "insert into hearken.inbox_items (dedup_key, queue, routine, version, title, context) \
        values (sha256(gen_random_uuid()::text::bytea), $1, 'r', 'v', 'an item', $2::text::jsonb)";
    client.execute(sql, &[&queue, &context]).await?;
    Ok(())
}

/// Items with the bell for them, as the daemon rings.
async fn send(client: &Client, contexts: &[&str]) -> anyhow::Result<()> {
    client.batch_execute("begin").await?;
    for context in contexts {
        fill(client, "finance", context).await?;
    }
    Ok(client.batch_execute("select pg_notify('hearken:finance', ''); commit").await?)
}

/// A worker of the examples at work.
enum Worker {
    Process(Child),
    Task(watch::Sender<bool>, JoinHandle<()>),
}

impl Worker {
    fn process(db: &TestDatabase, command: &mut Command) -> Self {
        let folder = db.url.split("host=").nth(1).and_then(|rest| rest.split('&').next()).expect("a folder");
        let programs = cluster().psql().parent().expect("a folder").display().to_string();
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PGHOST", folder).env("PGUSER", "postgres").env("PGDATABASE", &db.name);
        command.env("PATH", format!("{programs}:{path}")).env_remove("PGPORT").env_remove("PGSERVICE");
        Self::Process(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("a worker"))
    }

    fn rust(db: &TestDatabase) -> Self {
        let (stop, mut stopped) = watch::channel(false);
        let url = db.url.clone();
        let task = tokio::spawn(async move {
            while let Err(error) = rust_worker::work(&url, &["finance".to_owned()], &mut stopped).await {
                eprintln!("{error}");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        Self::Task(stop, task)
    }

    /// Tells it to stop, as an operator does, and waits for its end.
    async fn stop(mut self) {
        match &mut self {
            Self::Process(child) => {
                let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
                nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("a signal");
                while child.try_wait().expect("a child").is_none() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
            Self::Task(stop, task) => {
                stop.send(true).expect("a worker");
                task.await.expect("a worker");
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        match self {
            Self::Process(child) => {
                let _ = child.kill();
                let _ = child.wait();
            }
            Self::Task(_, task) => task.abort(),
        }
    }
}

/// Waits until an expression is as it should be, and gives back meanwhile what
/// nobody keeps alive.
async fn wait(client: &Client, expression: &str, want: &str) -> Duration {
    let began = Instant::now();
    let sql =
        format!("select coalesce(({expression})::text, 'null') from (select hearken.expire_leases()) e");
    until(&format!("{expression} to be {want}"), || async {
        let value: String = client.query_one(&sql, &[]).await.ok()?.get(0);
        (value == want).then_some(())
    })
    .await;
    began.elapsed()
}

const STATES: &str = "select string_agg(state || attempt, ' ' order by id) from hearken.inbox_items";
const LEASED: &str = "select count(*) from hearken.inbox_items where state = 'leased'";

/// All that the page says of a whole worker. `at_stop` is what becomes of the item in
/// hand when it is told to stop.
async fn check_worker(start: impl FnOnce(&TestDatabase) -> Worker, at_stop: &str) -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    c.batch_execute("insert into hearken.queues (name, lease) values ('finance', '5 seconds')").await?;
    let opens = c.query_one("select (extract(epoch from now())::bigint + 2)::text", &[]).await?;
    let later = format!(r#"{{"name": "bob", "opens": {}}}"#, opens.get::<_, &str>(0));
    send(c, &[r#"{"name": "ann"}"#, &later, r#"{"nobody": 1}"#]).await?;
    let worker = start(&db);
    wait(c, STATES, "done1 done1 dead1").await;
    let said = "select string_agg(coalesce(result ->> 'greeting', error), ', ' order by id) \
        from hearken.inbox_items";
    wait(c, said, "hello ann, hello bob, there is no name to greet").await;
    wait(c, "select progress #>> '{}' from hearken.inbox_items where id = 2", "not open yet").await;

    // It wakes at the bell.
    wait(
        c,
        "select count(*) from pg_stat_activity where datname = current_database() and query ~ 'next_due' \
             and state = 'idle'",
        "1",
    )
    .await;
    send(c, &[r#"{"name": "cat"}"#]).await?;
    assert!(wait(c, STATES, "done1 done1 dead1 done1").await < SOON, "it has slept through the bell");

    // It keeps its lease of five seconds for seven.
    send(c, &[r#"{"name": "dan", "seconds": 7}"#]).await?;
    assert!(wait(c, STATES, "done1 done1 dead1 done1 done1").await > Duration::from_secs(6));

    // It stops when nobody wants it any more, and goes on with others.
    send(c, &[r#"{"name": "eve", "seconds": 600}"#]).await?;
    wait(c, LEASED, "1").await;
    c.batch_execute("select hearken.cancel(6)").await?;
    send(c, &[r#"{"name": "fay"}"#]).await?;
    let took = wait(c, STATES, "done1 done1 dead1 done1 done1 cancelled1 done1").await;
    assert!(took < SOON, "it went on for {took:?} though the item was cancelled");

    // It answers though its connections broke, and goes on.
    send(c, &[r#"{"name": "gus", "seconds": 1}"#]).await?;
    wait(c, LEASED, "1").await;
    let others =
        "datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'";
    c.batch_execute(&format!("select pg_terminate_backend(pid) from pg_stat_activity where {others}"))
        .await?;
    wait(c, "select state || attempt from hearken.inbox_items where id = 8", "done1").await;
    send(c, &[r#"{"name": "hal"}"#]).await?;
    wait(c, "select state || attempt from hearken.inbox_items where id = 9", "done1").await;

    send(c, &[r#"{"name": "ida", "seconds": 3}"#]).await?;
    wait(c, LEASED, "1").await;
    worker.stop().await;
    wait(c, "select state || attempt from hearken.inbox_items where id = 10", at_stop).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_in_rust_works() -> anyhow::Result<()> {
    check_worker(Worker::rust, "waiting0").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_in_python_works() -> anyhow::Result<()> {
    let Some(python) = python_with(&[PSYCOPG]) else {
        not_tested("the worker in Python");
        return Ok(());
    };
    let script = Path::new(EXAMPLES).join("worker.py");
    let start = |db: &TestDatabase| Worker::process(db, Command::new(python).arg(script).arg("finance"));
    check_worker(start, "waiting0").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_in_typescript_works() -> anyhow::Result<()> {
    let Some(node) = node_with(PG) else {
        not_tested("the worker in TypeScript");
        return Ok(());
    };
    let program = compiled(&node, &Path::new(EXAMPLES).join("worker.ts"));
    let start =
        |db: &TestDatabase| Worker::process(db, Command::new("node").arg(&program.script).arg("finance"));
    check_worker(start, "done1").await
}

/// Ten lines: what a command prints is the result, and how it ends the outcome.
async fn check_ten_lines(start: impl Fn(&TestDatabase, &[&str]) -> Worker) -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    let odd = r#"{"text": "it's \"$HOME\" `id` \\ \n ü"}"#;
    c.batch_execute("insert into hearken.queues (name, lease) values ('finance', '5 seconds')").await?;
    for context in ["{}", odd, "{}"] {
        fill(c, "finance", context).await?;
    }
    {
        let _worker = start(&db, &["cat"]);
        wait(c, STATES, "done1 done1 done1").await;
        let same =
            "select (result #>> '{}')::jsonb -> 'context' = context from hearken.inbox_items where id = 2";
        wait(c, same, "true").await;
    }
    let _worker = start(&db, &["sh", "-c", "echo oops >&2; exit 3"]);
    fill(c, "finance", "{}").await?;
    wait(c, "select trim(e'\\n' from error) from hearken.inbox_items where id = 4", "oops").await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_lines_of_shell_work() -> anyhow::Result<()> {
    if !cluster().has_program("psql") {
        not_tested("the worker in shell: there is no psql");
        return Ok(());
    }
    let script = Path::new(EXAMPLES).join("worker.sh");
    check_ten_lines(|db, command| {
        Worker::process(db, Command::new("sh").arg(&script).arg("finance").args(command))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_lines_of_python_work() -> anyhow::Result<()> {
    let Some(python) = python_with(&[PSYCOPG]) else {
        not_tested("ten lines of Python");
        return Ok(());
    };
    let script = Path::new(EXAMPLES).join("ten_lines.py");
    check_ten_lines(|db, command| {
        Worker::process(db, Command::new(&python).arg(&script).arg("finance").args(command))
    })
    .await
}
