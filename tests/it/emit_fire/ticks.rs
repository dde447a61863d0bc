//! `hearken fire` for a tick.

use super::{Bench, rows};
use crate::support::TestDatabase;
use crate::support::daemon::Setup;
use serde_json::json;

const DAILY: &str = r#"
title = "Daily"

[on.schedule]
cron = "0 9 * * *"

[item]
queue = "ops"
title = "Sweep of {{ tick | date('%d.%m.%Y %H:%M:%S') }}"
"#;

const QUERY: &str = r#"
title = "Old rows"

[on.query]
every = "1h"
sql = "delete from public.jobs where n < 10 returning n, $1::timestamptz as tick"
params = [{ get = "tick" }]

[flow]
dedup = { key = ["row.n"] }

[item]
queue = "ops"
title = "Job {{ row.n }}"
"#;

const TICK: &str = "2026-03-02T09:00:00Z";

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_becomes_its_item_once() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let bench = Bench::new(&db, &[("daily", DAILY)]);
    let said = bench.run(&["fire", "daily", "--tick", "2026-03-02T10:00:00+01:00"]);
    assert!(said.fine().trim_end().ends_with("for ops: Sweep of 02.03.2026 09:00:00"), "{}", said.out);
    assert!(!said.err.contains("is no tick"), "{}", said.err);
    let said = bench.run(&["fire", "daily", "--tick", TICK]);
    assert!(said.fine().trim_end().starts_with("item: was there before (item "), "{}", said.out);

    let said = bench.run(&["fire", "daily", "--tick", "2026-03-02T09:00:01Z", "--dry-run"]);
    assert!(said.err.contains("2026-03-02T09:00:01Z is no tick"), "{}", said.err);
    db.set_clock("'2026-03-04 12:00:00.5+00'::timestamptz").await?;
    let said = bench.run(&["fire", "daily", "--tick", "now", "--json"]);
    assert_eq!((said.json()["tick"].as_str(), said.status), (Some("2026-03-04T12:00:00.5Z"), 0));
    assert!(!said.err.contains("is no tick"), "{}", said.err);
    assert_eq!(db.count("select from hearken.inbox_items where tick is not null").await?, 2);
    assert_eq!(db.count("select from hearken.schedules").await?, 0);
    Ok(())
}

/// The tick of a schedule is one item, whether it is fired before its time or made by
/// the daemon.
#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_goes_on_as_if_nothing_had_been_fired() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.set_clock("'2026-03-02 08:59:30+00'::timestamptz").await?;
    let bench = Bench::new(&db, &[("daily", DAILY)]);
    let daemon = Setup::new(&db.url, &[("daily", DAILY)]).daemon("reconcile = \"100ms\"").start();
    daemon.leads().await;
    assert_eq!(bench.run(&["fire", "daily", "--tick", TICK]).status, 0);
    db.set_clock("'2026-03-02 09:00:00.1+00'::timestamptz").await?;
    crate::support::until("the decision on the tick", || async {
        let sql = "select from hearken.decisions \
                   where outcome = 'duplicate' and first_tick = '2026-03-02 09:00+00'";
        (db.count(sql).await.ok()? == 1).then_some(())
    })
    .await;
    assert_eq!(db.titles().await?, ["Sweep of 02.03.2026 09:00:00"]);
    Ok(())
}

/// A statement which writes: with its items, or not at all; in a dry run, never.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_runs_with_its_items_in_one_transaction() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client
        .batch_execute(
            "create table public.jobs (n int); insert into public.jobs select generate_series(8, 12)",
        )
        .await?;
    let bench = Bench::new(&db, &[("old", QUERY)]);
    let before = rows(&db).await?;
    let fire = |more: &[&str]| bench.run(&[&["fire", "old", "--tick", TICK][..], more].concat());
    let said = fire(&["--dry-run", "--json"]).json();
    let titles: Vec<&str> =
        said["items"].as_array().into_iter().flatten().filter_map(|item| item["title"].as_str()).collect();
    assert_eq!(titles, ["Job 8", "Job 9"]);
    assert_eq!((rows(&db).await?, db.count("select from public.jobs").await?), (before, 5));

    // An item which is refused takes the statement with it.
    let refuse = "alter table hearken.inbox_items add constraint no_job check (title <> 'Job 9')";
    db.client.batch_execute(refuse).await?;
    let said = fire(&[]);
    assert_eq!((said.status, db.count("select from public.jobs").await?), (1, 5));
    db.client.batch_execute("alter table hearken.inbox_items drop constraint no_job").await?;

    assert_eq!(fire(&[]).fine().trim_end().lines().count(), 2);
    assert_eq!(db.count("select from public.jobs").await?, 3);
    assert_eq!(db.titles().await?, ["Job 8", "Job 9"]);
    assert_eq!(fire(&[]).fine().trim_end(), "old ran, and makes no item of it");
    Ok(())
}

/// A statement which fails says so, and a paused routine does not run.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_which_cannot_run_says_why() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let bench = Bench::new(&db, &[("old", QUERY)]);
    let before = rows(&db).await?;
    let said = bench.run(&["fire", "old", "--tick", "now", "--json"]);
    assert_eq!(said.status, 1);
    let why = &said.json()["errors"][0];
    assert!(why.as_str().is_some_and(|why| why.contains("public.jobs")), "{why}");
    db.client.batch_execute("select hearken.pause('old')").await?;
    let said = bench.run(&["fire", "old", "--tick", "now", "--json"]);
    assert_eq!((said.status, &said.json()["paused"]), (1, &json!(true)));
    assert_eq!(rows(&db).await?, before);
    Ok(())
}
