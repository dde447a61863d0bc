//! `hearken held`, `pause`, `resume` and `status` as an operator uses them.

mod operator;

use crate::support::command::{Said, hearken, said};
use crate::support::daemon::{EVERY, Setup};
use crate::support::{TestDatabase, until};
use serde_json::{Value, json};

/// A routine which holds each of its events for an hour.
const HELD: &str = r#"
title = "Held for an hour"

[on.event]
type = "test.event"

[flow]
debounce = { key = ["data.n"], quiet = "1h", max_wait = "2h" }

[item]
queue = "q"
title = "held {{ data.n }}"
"#;

const HOURLY: &str = r#"
title = "Every hour"

[on.schedule]
every = "1h"

[item]
queue = "t"
title = "tick"
"#;

/// Runs a command of hearken's on the database.
fn run(db: &TestDatabase, args: &[&str]) -> Said {
    run_at(&db.url, args)
}

/// The same with a connection string.
fn run_at(url: &str, args: &[&str]) -> Said {
    let folder = tempfile::tempdir().expect("a folder");
    said(hearken(args).current_dir(folder.path()).env("DATABASE_URL", url))
}

/// Emits events which are held, and waits for it.
async fn hold(db: &TestDatabase, numbers: std::ops::RangeInclusive<i64>) -> anyhow::Result<()> {
    let want = db.count("select from hearken.held").await? + numbers.clone().count() as i64;
    for n in numbers {
        db.emit("test.event", json!({ "n": n })).await?;
    }
    until("the drafts to be held", || async {
        (db.count("select from hearken.held").await.ok()? == want).then_some(())
    })
    .await;
    Ok(())
}

/// The id of the held draft with a title.
#[track_caller]
fn id_of(listed: &[Value], title: &str) -> String {
    let draft = listed.iter().find(|draft| draft["title"] == title);
    draft.unwrap_or_else(|| panic!("no {title} in {listed:?}"))["id"].to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn held_drafts_are_listed_cancelled_and_released() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let daemon = Setup::new(&db.url, &[("one", HELD)]).start();
    daemon.leads().await;
    assert_eq!(run(&db, &["held"]).out, "nothing is held\n");
    hold(&db, 1..=3).await?;

    let listed = run(&db, &["held", "--json"]).json_lines();
    assert_eq!(listed.len(), 3);
    let first = &listed[0];
    assert_eq!(first["title"], "held 1");
    assert_eq!(first["routine"], "one");
    assert_eq!((&first["gate"], &first["phase"]), (&json!("debounce"), &json!("collecting")));
    assert_eq!((&first["count"], &first["paused"]), (&json!(1), &json!(false)));
    let shown = run(&db, &["held", "--routine", "one"]);
    assert_eq!((shown.status, shown.out.lines().count()), (0, 4));
    assert!(shown.out.contains("held 2"), "{}", shown.out);
    assert_eq!(run(&db, &["held", "--routine", "other"]).out, "nothing is held\n");

    let second = id_of(&listed, "held 2");
    let said = run(&db, &["held", "cancel", &second, "--reason", "not wanted"]);
    assert_eq!((said.status, said.out), (0, format!("{second} cancelled\n")));
    let sql = "select met_item_id, reason from hearken.decisions where outcome = 'cancelled'";
    let row = db.client.query_one(sql, &[]).await?;
    assert_eq!(row.get::<_, i64>(0).to_string(), second);
    assert!(row.get::<_, &str>(1).ends_with("not wanted"));
    let said = run(&db, &["held", "cancel", &second]);
    assert_eq!((said.status, said.out.as_str()), (1, ""));
    assert!(said.err.contains("is not held"), "{}", said.err);

    // The item bears the number of the draft.
    let third = id_of(&listed, "held 3");
    let said = run(&db, &["held", "release", &third]);
    assert_eq!((said.status, said.out), (0, format!("{third} released\n")));
    db.items(1).await?;
    let row = db.client.query_one("select id, title from hearken.inbox_items", &[]).await?;
    assert_eq!((row.get::<_, i64>(0).to_string(), row.get::<_, &str>(1)), (third, "held 3"));
    Ok(())
}

/// All drafts of one routine, and of no other.
#[tokio::test(flavor = "multi_thread")]
async fn the_held_drafts_of_a_routine_are_cancelled_together() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let other = HELD.replace("test.event", "other.event");
    let daemon = Setup::new(&db.url, &[("one", HELD), ("other", &other)]).start();
    daemon.leads().await;
    hold(&db, 1..=5).await?;
    db.emit("other.event", json!({ "n": 1 })).await?;
    until("the other draft to be held", || async {
        (db.count("select from hearken.held where routine = 'other'").await.ok()? == 1).then_some(())
    })
    .await;
    assert_eq!(run(&db, &["held", "cancel", "--routine", "one"]).out, "5 held drafts of `one` cancelled\n");
    assert_eq!(db.count("select from hearken.held").await?, 1);
    assert_eq!(db.count("select from hearken.decisions where outcome = 'cancelled'").await?, 5);
    // Neither says which.
    assert_eq!(run(&db, &["held", "cancel"]).status, 2);
    assert_eq!(run(&db, &["held", "cancel", "1", "--routine", "one"]).status, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_routine_is_paused_and_resumed_by_name() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let daemon = Setup::new(&db.url, &[("every", EVERY)]).start();
    daemon.leads().await;
    let said = run(&db, &["pause", "every", "--reason", "mending"]);
    assert!(said.status == 0 && said.out.starts_with("`every` is paused"), "{}", said.out);
    assert_eq!(said.err, "");
    assert_eq!(
        db.count("select from hearken.paused where routine = 'every' and reason = 'mending'").await?,
        1
    );
    let said = run(&db, &["pause", "every"]);
    assert!(said.status == 0 && said.out.contains("was paused before"), "{}", said.out);
    let said = run(&db, &["resume", "every"]);
    assert!(said.status == 0 && said.out.starts_with("`every` goes on"), "{}", said.out);
    let said = run(&db, &["resume", "every"]);
    assert!(said.status == 0 && said.out.contains("was not paused"), "{}", said.out);

    // A name which is not known is paused all the same, and said to be unknown.
    let said = run(&db, &["pause", "evry"]);
    assert_eq!(said.status, 0);
    assert!(said.err.contains("no routine called `evry` was ever in force; did you mean `every`?"));
    assert_eq!(db.count("select from hearken.paused where routine = 'evry'").await?, 1);
    assert_eq!(run(&db, &["pause", "no name"]).status, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_says_who_leads_and_what_waits() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let text = run(&db, &["status"]);
    assert_eq!(text.status, 0, "{}", text.err);
    assert!(text.out.starts_with("leader    none"), "{}", text.out);

    let every = EVERY.replace("test.event", "plain.event");
    let routines = [("one", HELD), ("every", every.as_str()), ("hourly", HOURLY), ("off", HOURLY)];
    let setup = Setup::new(&db.url, &routines);
    let daemon = setup.start();
    daemon.leads().await;
    let standby = setup.start();
    standby.says("standing by").await;
    until("both daemons to be written down", || async {
        (db.count("select from hearken.daemons").await.ok()? == 2).then_some(())
    })
    .await;
    assert_eq!(run(&db, &["pause", "off"]).status, 0);
    hold(&db, 1..=2).await?;
    db.emit("plain.event", json!({ "n": 1 })).await?;
    db.items(1).await?;

    let status = run(&db, &["status", "--json"]).json_lines().remove(0);
    assert_eq!(status["led"], true);
    let states: Vec<&Value> =
        status["daemons"].as_array().expect("a list").iter().map(|daemon| &daemon["state"]).collect();
    assert_eq!(states, ["leader", "standby"]);
    assert_eq!(status["set"]["routines"], 4);
    assert_eq!(status["paused"][0]["routine"], "off");
    assert_eq!((&status["log"]["behind"], &status["log"]["more"]), (&json!(0), &json!(false)));
    let item = &status["items"][0];
    assert_eq!((&item["queue"], &item["state"], &item["count"]), (&json!("q"), &json!("waiting"), &json!(1)));
    let held = &status["held"][0];
    assert_eq!((&held["routine"], &held["count"]), (&json!("one"), &json!(2)));
    assert_eq!(held["gate"], "debounce");
    assert_eq!(status["dead_letters"], json!([]));
    let ticks = status["ticks"].as_array().expect("a list");
    assert_eq!((ticks.len(), &ticks[0]["routine"]), (1, &json!("hourly")));

    let text = run(&db, &["status"]).out;
    for wanted in ["standby   ", "routines  4 in force", "read to its end", "paused routine", "next ticks"] {
        assert!(text.contains(wanted), "{wanted} is not in {text}");
    }
    Ok(())
}

/// What is in the log while nobody reads it is behind, and is not what was read.
#[tokio::test(flavor = "multi_thread")]
async fn the_status_says_how_far_the_log_is_behind() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let setup = Setup::new(&db.url, &[("every", EVERY)]);
    let daemon = setup.start();
    daemon.leads().await;
    // Begun before the last look and committed after the daemon is gone.
    let mut late = db.connect().await?;
    let open = late.transaction().await?;
    open.execute("select hearken.emit('test.event', '{\"n\": 0}')", &[]).await?;
    db.emit("test.event", json!({ "n": 1 })).await?;
    db.items(1).await?;
    assert!(daemon.stop().await.success());
    let behind = || run(&db, &["status", "--json"]).json_lines().remove(0)["log"]["behind"].clone();
    assert_eq!(behind(), json!(0));
    open.commit().await?;
    assert_eq!(behind(), json!(1));
    db.emit("test.event", json!({ "n": 2 })).await?;
    db.emit("test.event", json!({ "n": 3 })).await?;
    assert_eq!(behind(), json!(3));
    let text = run(&db, &["status"]).out;
    assert!(text.contains("3 events to be read, the oldest written"), "{text}");
    Ok(())
}

/// Without the schema the commands say what to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_the_schema_is_explained() -> anyhow::Result<()> {
    let db = TestDatabase::empty().await?;
    for args in [&["held"][..], &["status"], &["pause", "every"], &["resume", "every"]] {
        let said = run(&db, args);
        assert_eq!(said.status, 1, "{args:?}");
        assert!(said.err.contains("run `hearken migrate`"), "{args:?}: {}", said.err);
    }
    Ok(())
}
