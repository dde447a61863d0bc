//! `hearken items`, `item`, `retry`, `cancel`, `dead` and pauses of queues as an operator
//! uses them.

mod bulk;
mod dead;
mod follow;
mod one;

use crate::support::TestDatabase;
use crate::support::command::{Said, hearken, said};
use serde_json::json;
use std::process::Command;

/// An item in each state; a higher number is younger. The fourth column is how many
/// minutes ago it was made.
const ITEMS: &str = "\
    insert into hearken.inbox_items (id, dedup_key, state, queue, routine, version, created_at, due_at, \
        title, worker, error, key, tenant, attempt, token, leased_at, lease_until, finished_at) \
    overriding system value \
    select n.id, sha256(n.id::text::bytea), n.state, n.queue, n.routine, 'v1', c.at, c.at, n.title, \
        n.worker, n.error, n.key, n.tenant, n.attempt, n.id, case when n.attempt > 0 then c.at end, \
        case when n.state = 'leased' then hearken.now() + interval '1 hour' end, \
        case when n.state in ('done', 'dead', 'cancelled', 'superseded') then c.at + interval '1 second' end \
    from (values \
        (1, 'waiting', 'finance', 180, 'refunds', 'Refund r1', null, null, 'k1', 'acme', 0), \
        (2, 'leased', 'finance', 120, 'refunds', 'Refund r2', 'w-1', null, 'k1', 'acme', 1), \
        (3, 'failed', 'finance', 100, 'digest', 'Digest', 'w-1', 'the bank did not answer', 'k2', \
            'other', 2), \
        (4, 'done', 'mail', 60, 'digest', 'Mail', 'w-2', null, null, null, 1), \
        (5, 'dead', 'mail', 50, 'refunds', 'Refund r5', 'w-2', 'Timeout after 30 s', null, null, 5), \
        (6, 'cancelled', 'mail', 40, 'refunds', 'Refund r6', null, 'cancelled by me', null, null, 0), \
        (7, 'superseded', 'mail', 30, 'refunds', 'Refund r7', null, null, null, null, 0) \
    ) as n (id, state, queue, age, routine, title, worker, error, key, tenant, attempt) \
    cross join lateral (select hearken.now() - n.age * interval '1 minute') as c (at); \
    select setval('hearken.inbox_items_id_seq', 100)";

/// A database with those.
async fn database() -> anyhow::Result<TestDatabase> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute(ITEMS).await?;
    Ok(db)
}

/// A command of hearken's on the database.
fn command(db: &TestDatabase, args: &[&str]) -> Command {
    let mut command = hearken(args);
    command.current_dir("/").env("DATABASE_URL", &db.url);
    command
}

/// Runs it.
fn run(db: &TestDatabase, args: &[&str]) -> Said {
    said(&mut command(db, args))
}

/// `args` say this on standard output and on standard error, with that status.
#[track_caller]
fn check(db: &TestDatabase, args: &[&str], status: i32, out: &str, err: &str) {
    let said = run(db, args);
    assert_eq!((said.out.as_str(), said.err.as_str()), (out, err), "{args:?}");
    assert_eq!(said.status, status, "{args:?}");
}

/// The state of an item, in the history or not.
async fn state(db: &TestDatabase, id: i64) -> anyhow::Result<String> {
    let row = db.client.query_one("select i.state from hearken.items i where i.id = $1", &[&id]).await?;
    Ok(row.get(0))
}

/// The items which are listed with these filters.
#[track_caller]
fn check_listed(db: &TestDatabase, filters: &[&str], want: &[i64]) {
    let args = [&["items", "--json"][..], filters].concat();
    let ids: Vec<i64> =
        run(db, &args).json_lines().iter().map(|item| item["id"].as_i64().expect("a number")).collect();
    assert_eq!(ids, want, "{filters:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn items_are_listed_newest_first_and_by_filter() -> anyhow::Result<()> {
    let db = database().await?;
    check_listed(&db, &[], &[7, 6, 5, 4, 3, 2, 1]);
    for (filters, want) in [
        (&["--limit", "2"][..], &[7, 6][..]),
        (&["--queue", "finance"], &[3, 2, 1]),
        (&["--queue", "none"], &[]),
        (&["--state", "dead"], &[5]),
        (&["--state", "waiting", "--state", "leased"], &[2, 1]),
        (&["--routine", "digest"], &[4, 3]),
        (&["--tenant", "acme"], &[2, 1]),
        (&["--key", "k2"], &[3]),
        (&["--worker", "w-1"], &[3, 2]),
        (&["--worker", "w-1", "--state", "failed"], &[3]),
        (&["--error", "timeout"], &[5]),
        (&["--error", "the bank%"], &[3]),
        (&["--error", "bank%"], &[]),
        (&["--since", "55m"], &[7, 6, 5]),
        (&["--since", "110m", "--until", "45m"], &[5, 4, 3]),
        (&["--until", "2020-01-01T00:00:00Z"], &[]),
    ] {
        check_listed(&db, filters, want);
    }
    for wrong in [&["items", "--state", "ded"][..], &["items", "--since", "yesterday"]] {
        let said = run(&db, wrong);
        assert_eq!((said.status, said.out.as_str()), (2, ""), "{wrong:?}");
    }
    assert!(run(&db, &["items", "--state", "ded"]).err.contains("a state is one of waiting, leased"));
    Ok(())
}

/// More than a page of the reader.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_is_read_page_by_page() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let sql = "insert into hearken.inbox_items (dedup_key, queue, routine, version, title) \
               select sha256(n::text::bytea), 'q', 'r', 'v', 't' from generate_series(1, 1300) n";
    db.client.batch_execute(sql).await?;
    for (limit, want) in [("2000", 1300), ("1001", 1001), ("500", 500), ("0", 0)] {
        let listed = run(&db, &["items", "--json", "--limit", limit]).json_lines();
        let mut ids: Vec<i64> = listed.iter().map(|item| item["id"].as_i64().expect("a number")).collect();
        assert_eq!(ids.len(), want, "{limit}");
        assert!(ids.is_sorted_by(|a, b| a > b), "{limit}");
        ids.dedup();
        assert_eq!(ids.len(), want, "{limit}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_says_what_people_look_for() -> anyhow::Result<()> {
    let db = database().await?;
    let said = run(&db, &["items", "--queue", "finance"]);
    assert_eq!((said.status, said.err.as_str()), (0, ""));
    let lines: Vec<Vec<&str>> = said.out.lines().map(|line| line.split_whitespace().collect()).collect();
    let heading = ["id", "state", "made", "queue", "routine", "attempt", "worker", "or", "due", "title"];
    assert_eq!(lines[0], heading);
    assert_eq!(lines[1], ["3", "failed", "1h", "40m", "ago", "finance", "digest", "2/5", "due", "Digest"]);
    assert_eq!(lines[2][..4], ["2", "leased", "2h", "0m"]);
    assert_eq!(lines[2][7..], ["1/5", "w-1", "Refund", "r2"]);
    check(&db, &["items", "--queue", "none"], 0, "no items\n", "");
    let said = run(&db, &["items", "--limit", "2"]);
    assert!(said.err.contains("--limit shows more"), "{}", said.err);
    // How many attempts there are is a matter of the queue where the routine is silent.
    db.client.batch_execute("insert into hearken.queues (name, max_attempts) values ('finance', 9)").await?;
    assert!(run(&db, &["items", "--key", "k2"]).out.contains("  2/9  "));
    Ok(())
}

/// What finished and was moved is there for those who ask for it.
#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_listed_on_request() -> anyhow::Result<()> {
    let db = database().await?;
    db.client.batch_execute("select hearken.archive_items('1 minute', '90 days')").await?;
    check_listed(&db, &[], &[5, 3, 2, 1]);
    check_listed(&db, &["--archived"], &[7, 6, 5, 4, 3, 2, 1]);
    check_listed(&db, &["--archived", "--since", "45m"], &[7, 6]);
    check_listed(&db, &["--archived", "--state", "done"], &[4]);
    check_listed(&db, &["--archived", "--limit", "3"], &[7, 6, 5]);
    let listed = run(&db, &["items", "--archived", "--json", "--limit", "3"]).json_lines();
    assert_eq!((&listed[0]["archived"], &listed[2]["archived"]), (&json!(true), &json!(false)));
    assert_eq!(run(&db, &["items", "--archived", "--follow"]).status, 2);
    Ok(())
}

/// Titles and errors come from strangers; a terminal is not to obey them.
#[tokio::test(flavor = "multi_thread")]
async fn no_terminal_obeys_what_an_item_says() -> anyhow::Result<()> {
    let db = database().await?;
    let nasty = "\u{1b}[2J\u{1b}]0;mine\u{7}\u{9b}31m\r\nx\u{202e}";
    let sql = "update hearken.inbox_items set title = $1, error = $1, result = to_jsonb($1::text), \
               context = jsonb_build_object('a', $1::text), worker = $1, errors = jsonb_build_array( \
                   jsonb_build_object('attempt', 1, 'error', $1::text, 'outcome', 'failed')) where id = 5";
    db.client.execute(sql, &[&nasty]).await?;
    for args in [
        &["items"][..],
        &["items", "--json"],
        &["item", "5"],
        &["item", "5", "--json"],
        &["dead"],
        &["dead", "--json"],
        &["retry", "--all", "--dry-run"],
    ] {
        let out = run(&db, args).out;
        let obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!out.contains(obeyed), "{args:?}: {out:?}");
        assert!(out.contains("\\u001b[2J"), "{args:?}: {out:?}");
    }
    let item = run(&db, &["items", "--json", "--state", "dead"]).json_lines().remove(0);
    assert_eq!((&item["title"], &item["context"]["a"]), (&json!(nasty), &json!(nasty)));
    // One line an item, whatever is in its title.
    assert_eq!(run(&db, &["items"]).out.lines().count(), 8);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_paused_and_resumed_beside_routines() -> anyhow::Result<()> {
    let db = database().await?;
    let said = run(&db, &["pause", "--queue", "finance", "--reason", "year end"]);
    assert!(said.status == 0 && said.out.starts_with("the queue `finance` is paused"), "{}", said.out);
    let none = "select from hearken.lease('w', '{finance}', 10)";
    assert_eq!(db.count(none).await?, 0);
    let paused = "select from hearken.queues where name = 'finance' and pause_reason = 'year end'";
    assert_eq!(db.count(paused).await?, 1);
    let again = "the queue `finance` was paused before; nothing was changed\n";
    check(&db, &["pause", "--queue", "finance"], 0, again, "");
    check(&db, &["resume", "--queue", "finance"], 0, "the queue `finance` goes on\n", "");
    check(&db, &["resume", "--queue", "finance"], 0, "the queue `finance` was not paused\n", "");
    assert!(db.count(none).await? > 0);
    // One of both.
    assert_eq!(run(&db, &["pause"]).status, 2);
    assert_eq!(run(&db, &["pause", "r", "--queue", "q"]).status, 2);
    assert_eq!(db.count("select from hearken.paused").await?, 0);
    Ok(())
}

/// Without the schema the commands say what to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_the_schema_is_explained() -> anyhow::Result<()> {
    let db = TestDatabase::empty().await?;
    let commands: [&[&str]; 7] = [
        &["items"],
        &["item", "1"],
        &["retry", "1"],
        &["cancel", "1"],
        &["dead"],
        &["dead", "drop", "L1"],
        &["pause", "--queue", "q"],
    ];
    for args in commands {
        let said = run(&db, args);
        assert_eq!(said.status, 1, "{args:?}");
        assert!(said.err.contains("run `hearken migrate`"), "{args:?}: {}", said.err);
    }
    Ok(())
}
