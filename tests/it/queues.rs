//! Queues of hearken.toml and of SQL: who sets what, and what a lease makes of it.

use crate::support::daemon::{EVERY, Setup};
use crate::support::{TestDatabase, until};
use hearken::config::Config;
use std::process::Command;

/// All which a file can say.
const FINANCE: &str = r#"
[queue.finance]
lease = "2m"
deadline = "1h"
max_attempts = 7
backoff = { first = "500ms", factor = 3, max = "2h", jitter = 0.5 }
concurrency = 10
concurrency_per_key = 1
blocked_by = "earlier"
rate = { max = 100, per = "1m" }
"#;

/// The queues, a line each: name, who set it, lease, concurrency, whether it is paused.
async fn queues(db: &TestDatabase) -> anyhow::Result<Vec<String>> {
    let sql = "select concat_ws(' ', q.name, q.set_by, coalesce(q.lease::text, '-'), \
                                coalesce(q.concurrency::text, '-'), \
                                case when q.paused_since is null then null else 'paused' end) \
               from hearken.queues q order by q.name";
    Ok(db.client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}

/// Starts a daemon with these settings behind `[daemon]`, and stops it once it leads.
async fn led_once(db: &TestDatabase, settings: &str) -> Vec<String> {
    let daemon = Setup::new(&db.url, &[("every", EVERY)]).daemon(settings).start();
    daemon.leads().await;
    let log = daemon.log();
    assert!(daemon.stop().await.success());
    log
}

#[track_caller]
fn says(log: &[String], text: &str) {
    assert!(log.iter().any(|line| line.contains(text)), "{text:?} is not in {log:#?}");
}

/// An item of a queue, which is due.
async fn item(db: &TestDatabase, queue: &str, name: &str) -> anyhow::Result<i64> {
    let sql = "insert into hearken.inbox_items (dedup_key, queue, routine, version, title) \
               values (sha256($2::text::bytea), $1, 'r', 'v', $2) returning id";
    Ok(db.client.query_one(sql, &[&queue, &name]).await?.get(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_sets_its_queues_with_all_they_have() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    led_once(&db, FINANCE).await;
    let sql =
        "select (to_jsonb(q) - 'paused_since' - 'paused_by' - 'pause_reason')::text from hearken.queues q";
    let row: String = db.client.query_one(sql, &[]).await?.get(0);
    let row: serde_json::Value = serde_json::from_str(&row)?;
    let want = serde_json::json!({
        "name": "finance", "lease": "00:02:00", "deadline": "01:00:00", "max_attempts": 7,
        "backoff_first": "00:00:00.5", "backoff_factor": 3, "backoff_max": "02:00:00", "jitter": 0.5,
        "concurrency": 10, "concurrency_per_key": 1, "blocked_by": "earlier",
        "rate_max": 100, "rate_per": "00:01:00", "set_by": "hearken.toml",
    });
    assert_eq!(row, want);
    Ok(())
}

/// Rows which are not the file's stay, rows which the file names become its own, and
/// rows which it names no more go, but for their pauses.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_owns_the_queues_which_it_names_and_no_others() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client
        .batch_execute(
            "insert into hearken.queues (name, concurrency) values ('kept', 4), ('mine', 3); \
             select hearken.pause_queue('mine')",
        )
        .await?;
    let log = led_once(&db, "[queue.finance]\nlease = \"2m\"\n[queue.mine]\nlease = \"3m\"\n").await;
    says(&log, "which were set in SQL");
    let want = ["finance hearken.toml 00:02:00 -", "kept sql - 4", "mine hearken.toml 00:03:00 - paused"];
    assert_eq!(queues(&db).await?, want);

    let log = led_once(&db, "[queue.kept]\n").await;
    says(&log, "names no more");
    assert_eq!(queues(&db).await?, ["kept hearken.toml - -", "mine sql - - paused"]);
    Ok(())
}

/// A queue which is only paused is nobody's to be warned about.
#[tokio::test(flavor = "multi_thread")]
async fn a_paused_queue_stays_paused_when_a_file_names_it() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute("select hearken.pause_queue('finance', 'why')").await?;
    let log = led_once(&db, "[queue.finance]\nconcurrency = 2\n").await;
    assert!(!log.iter().any(|line| line.contains("which were set in SQL")), "{log:#?}");
    assert_eq!(queues(&db).await?, ["finance hearken.toml - 2 paused"]);
    item(&db, "finance", "a").await?;
    assert_eq!(db.count("select from hearken.lease('w', '{finance}')").await?, 0);
    db.client.batch_execute("select hearken.resume_queue('finance')").await?;
    assert_eq!(db.count("select from hearken.lease('w', '{finance}')").await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_if_nothing_changed() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let versions = "select string_agg(q.name || ' ' || q.xmin || ' ' || q.ctid, ', ' order by q.name) \
                    from hearken.queues q";
    led_once(&db, FINANCE).await;
    let before: String = db.client.query_one(versions, &[]).await?.get(0);
    led_once(&db, FINANCE).await;
    let after: String = db.client.query_one(versions, &[]).await?.get(0);
    assert_eq!(before, after);
    led_once(&db, &FINANCE.replace("2m", "3m")).await;
    let changed: String = db.client.query_one(versions, &[]).await?.get(0);
    assert_ne!(after, changed);
    Ok(())
}

/// Whoever has a row of it holds up the policy, and neither the daemon nor its events.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_which_somebody_holds_is_set_later() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute("insert into hearken.queues (name) values ('finance')").await?;
    db.client.batch_execute("begin; update hearken.queues set pause_reason = 'mine'").await?;
    let daemon = Setup::new(&db.url, &[("every", EVERY)]).daemon(FINANCE).start();
    daemon.says("could not be set").await;
    daemon.leads().await;
    let other = db.connect().await?;
    other.execute("select hearken.emit('test.event', '{\"n\": 1}')", &[]).await?;
    until("the item", || async {
        let row = other.query_one("select count(*) from hearken.inbox_items", &[]).await.ok()?;
        (row.get::<_, i64>(0) == 1).then_some(())
    })
    .await;
    db.client.batch_execute("rollback").await?;
    until("the queue to be set", || async {
        (queues(&db).await.ok()? == ["finance hearken.toml 00:02:00 10"]).then_some(())
    })
    .await;
    Ok(())
}

/// What a lease makes of a policy of a file: its length, its deadline, its slots.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_obeys_the_file() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.set_clock("'2026-03-02 09:00:00+00'::timestamptz").await?;
    led_once(&db, "[queue.finance]\nlease = \"2m\"\ndeadline = \"3m\"\nconcurrency = 2\nmax_attempts = 1\n")
        .await;
    for name in ["a", "b", "c"] {
        item(&db, "finance", name).await?;
    }
    let rows = db.client.query("select id, token from hearken.lease('w', '{finance}', 10)", &[]).await?;
    assert_eq!(rows.len(), 2);
    let (id, token): (i64, i64) = (rows[0].get(0), rows[0].get(1));
    let ends = "select extract(epoch from lease_until - leased_at)::float8, \
                       extract(epoch from deadline_at - leased_at)::float8 \
                from hearken.inbox_items where id = $1";
    let row = db.client.query_one(ends, &[&id]).await?;
    assert_eq!((row.get::<_, f64>(0), row.get::<_, f64>(1)), (120.0, 180.0));
    let extended = "select hearken.extend($1, $2, '1 hour')";
    assert_eq!(db.client.query_one(extended, &[&id, &token]).await?.get::<_, &str>(0), "extended");
    let row = db.client.query_one(ends, &[&id]).await?;
    assert_eq!(row.get::<_, f64>(0), 180.0);
    let failed = "select hearken.fail($1, $2, 'no')";
    assert_eq!(db.client.query_one(failed, &[&id, &token]).await?.get::<_, &str>(0), "dead");
    assert_eq!(db.count("select from hearken.lease('w', '{finance}', 10)").await?, 1);
    Ok(())
}

#[test]
fn check_says_what_is_wrong_with_a_queue() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("routines")).expect("a folder");
    std::fs::write(folder.path().join("routines/every.toml"), EVERY).expect("a file");
    let settings = folder.path().join("hearken.toml");
    std::fs::write(&settings, "[queue.finance]\nlease = \"1s\"\n").expect("a file");
    let output = Command::new(env!("CARGO_BIN_EXE_hearken"))
        .args(["check", "--config"])
        .arg(&settings)
        .current_dir(folder.path())
        .output()
        .expect("a command");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("hearken.toml:2:9") && said.contains("1s is not between 5s"), "{said}");
}

const PAGE: &str = include_str!("../../docs/queues.md");

/// The blocks of the page with this mark.
fn blocks(mark: &str) -> Vec<&'static str> {
    let fence = format!("\n```{mark}\n");
    let ends = |rest: &'static str| rest.split("\n```").next();
    PAGE.split(fence.as_str()).skip(1).filter_map(ends).collect()
}

/// The statements of the page run, one after the other, and the last words are so.
#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_page_run() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let sql = blocks("sql");
    assert!(sql.len() >= 9, "only {} statements were found", sql.len());
    for block in sql {
        db.client.batch_execute(block).await.map_err(|error| anyhow::anyhow!("{error:?}\n{block}"))?;
    }
    let names = queues(&db).await?.join(", ");
    for name in ["reports", "imports", "printer", "accounts", "crawler", "mail", "finance"] {
        assert!(names.contains(name), "{name} is not in {names}");
    }
    Ok(())
}

/// The settings which are shown are good, and those of each key are within its bounds.
#[test]
fn the_settings_of_the_page_can_be_used() {
    let settings = blocks("toml");
    assert!(!settings.is_empty());
    for block in settings {
        let config = Config::parse("hearken.toml", block).unwrap_or_else(|error| panic!("{error}\n{block}"));
        assert!(!config.queue.is_empty(), "{block}");
    }
}
