//! Pauses against a real database: events become decisions, ticks wait and then
//! obey `missed`, held drafts wait, and no restart forgets a pause.

use crate::support::daemon::{EVERY, Setup};
use crate::support::{TestDatabase, until};
use serde_json::json;

const ITEM: &str = "[item]\nqueue = \"t\"\ntitle = \"{{ tick }}\"\n";

/// A routine of `EVERY`'s events which waits until it is quiet.
const HELD: &str = r#"
title = "Bursts"

[on.event]
type = "test.event"

[flow]
debounce = { quiet = "10s", max_wait = "1m" }

[item]
queue = "q"
title = "burst {{ data.n }}"
"#;

fn schedule(schedule: &str) -> String {
    format!("title = \"A schedule\"\n[on.schedule]\n{schedule}\n{ITEM}")
}

fn query(schedule: &str) -> String {
    format!(
        "title = \"A query\"\n[on.query]\n{schedule}\nsql = \"select 1 as id\"\n\
         [flow]\ndedup = {{ key = [\"row.id\", \"tick\"] }}\n{ITEM}"
    )
}

/// Routines, by name, with the daemon that looks at the clock often.
fn setup(db: &TestDatabase, routines: &[(&str, String)]) -> Setup {
    let routines: Vec<(&str, &str)> = routines.iter().map(|(name, text)| (*name, text.as_str())).collect();
    Setup::new(&db.url, &routines).daemon("reconcile = \"100ms\"")
}

async fn pause(db: &TestDatabase, routine: &str) -> anyhow::Result<()> {
    let answer: String = db.client.query_one("select hearken.pause($1, 'a test')", &[&routine]).await?.get(0);
    assert_eq!(answer, "paused");
    Ok(())
}

async fn resume(db: &TestDatabase, routine: &str) -> anyhow::Result<()> {
    let answer: String = db.client.query_one("select hearken.resume($1)", &[&routine]).await?.get(0);
    assert_eq!(answer, "resumed");
    Ok(())
}

/// Waits until the ticks of a routine are dealt with up to a time.
async fn planned(db: &TestDatabase, routine: &str, want: &str) {
    until(&format!("{routine} to be planned until {want}"), || async {
        let sql = format!(
            "select from hearken.schedules where routine = '{routine}' and planned_until >= '{want}'"
        );
        (db.count(&sql).await.ok()? == 1).then_some(())
    })
    .await;
}

/// How many items a routine has, and how many of its ticks were missed.
async fn counts(db: &TestDatabase, routine: &str) -> anyhow::Result<(i64, i64)> {
    let items = db.count(&format!("select from hearken.inbox_items where routine = '{routine}'")).await?;
    let sql = "select coalesce(sum(count), 0)::bigint from hearken.decisions \
               where outcome = 'missed' and routine = $1";
    Ok((items, db.client.query_one(sql, &[&routine]).await?.get(0)))
}

/// Waits until so many decisions `paused` were written.
async fn paused_events(db: &TestDatabase, want: i64) {
    let sql = "select from hearken.decisions where outcome = 'paused' and routine = 'every' \
               and event_seq is not null and version is not null";
    until(&format!("{want} decisions"), || async { (db.count(sql).await.ok()? == want).then_some(()) }).await;
}

/// Each event of a paused routine is a decision and nothing else, also after a
/// restart, and it is not made up for; another routine does not notice.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_paused_routine_become_decisions() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let other = EVERY.replace("event {{", "other {{");
    let setup = setup(&db, &[("every", EVERY.to_owned()), ("other", other)]);
    let daemon = setup.start();
    daemon.leads().await;
    pause(&db, "every").await?;
    db.emit("test.event", json!({ "n": 1 })).await?;
    paused_events(&db, 1).await;
    db.items(1).await?;
    assert!(daemon.stop().await.success());

    let _daemon = setup.start();
    db.emit("test.event", json!({ "n": 2 })).await?;
    paused_events(&db, 2).await;
    db.items(2).await?;

    resume(&db, "every").await?;
    db.emit("test.event", json!({ "n": 3 })).await?;
    db.items(4).await?;
    let mut titles = db.titles().await?;
    titles.sort();
    assert_eq!(titles, ["event 3", "other 1", "other 2", "other 3"]);
    paused_events(&db, 2).await;
    Ok(())
}

/// The ticks of an hour's pause are those of an hour's outage: `missed` and
/// `within` say which are run, and decisions cover the others.
#[tokio::test(flavor = "multi_thread")]
async fn ticks_of_a_pause_obey_missed_on_resume() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let setup = setup(
        &db,
        &[
            ("all", schedule("every = \"1m\"\nmissed = \"all\"")),
            ("latest", schedule("every = \"1m\"\nmissed = \"latest\"")),
            ("skip", schedule("every = \"1m\"\nmissed = \"skip\"")),
            ("within", schedule("every = \"1m\"\nmissed = \"all\"\nwithin = \"10m\"")),
            ("rows", query("every = \"1m\"\nmissed = \"latest\"")),
            ("awake", schedule("every = \"1m\"")),
            ("awake-rows", query("every = \"1m\"")),
        ],
    );
    db.set_clock("'2026-03-04 12:00:30+00'::timestamptz").await?;
    let _daemon = setup.start();
    planned(&db, "awake", "2026-03-04 12:00:30+00").await;
    let paused = ["all", "latest", "skip", "within", "rows"];
    for routine in paused {
        pause(&db, routine).await?;
    }
    db.set_clock("'2026-03-04 13:00:30+00'::timestamptz").await?;
    planned(&db, "awake", "2026-03-04 13:00:00+00").await;
    planned(&db, "awake-rows", "2026-03-04 13:00:00+00").await;
    for routine in paused {
        assert_eq!(counts(&db, routine).await?, (0, 0), "{routine}");
        let stays = format!(
            "select from hearken.schedules where routine = '{routine}' and planned_until = '2026-03-04 12:00:30+00'"
        );
        assert_eq!(db.count(&stays).await?, 1, "{routine}");
    }
    for routine in paused {
        resume(&db, routine).await?;
    }
    for (routine, want) in
        [("all", (60, 0)), ("latest", (1, 59)), ("skip", (0, 60)), ("within", (10, 50)), ("rows", (1, 59))]
    {
        planned(&db, routine, "2026-03-04 13:00:00+00").await;
        assert_eq!(counts(&db, routine).await?, want, "{routine}");
    }
    Ok(())
}

/// A tick of a pause was missed though it is only seconds old when the pause
/// ends, and the next one is on time.
#[tokio::test(flavor = "multi_thread")]
async fn a_tick_of_a_short_pause_was_missed() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let setup = setup(
        &db,
        &[
            ("skip", schedule("every = \"1m\"\nmissed = \"skip\"")),
            ("skip-rows", query("every = \"1m\"\nmissed = \"skip\"")),
            ("awake", schedule("every = \"1m\"")),
            ("awake-rows", query("every = \"1m\"")),
        ],
    );
    db.set_clock("'2026-03-04 12:00:30+00'::timestamptz").await?;
    let _daemon = setup.start();
    planned(&db, "awake", "2026-03-04 12:00:30+00").await;
    pause(&db, "skip").await?;
    pause(&db, "skip-rows").await?;
    db.set_clock("'2026-03-04 12:01:05+00'::timestamptz").await?;
    planned(&db, "awake", "2026-03-04 12:01:00+00").await;
    planned(&db, "awake-rows", "2026-03-04 12:01:00+00").await;
    for routine in ["skip", "skip-rows"] {
        resume(&db, routine).await?;
        planned(&db, routine, "2026-03-04 12:01:00+00").await;
        assert_eq!(counts(&db, routine).await?, (0, 1), "{routine}");
    }
    assert_eq!(counts(&db, "awake").await?, (1, 0));
    db.set_clock("'2026-03-04 12:02:05+00'::timestamptz").await?;
    for routine in ["skip", "skip-rows"] {
        planned(&db, routine, "2026-03-04 12:02:00+00").await;
        assert_eq!(counts(&db, routine).await?, (1, 1), "{routine}");
    }
    Ok(())
}

/// A pause outlives the daemon: the next one leaves the ticks alone as well, and
/// a routine which was resumed while nobody was there goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_pause_survives_a_restart() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let hourly = || schedule("every = \"1h\"\nmissed = \"all\"");
    let setup = setup(&db, &[("one", hourly()), ("two", hourly()), ("awake", hourly())]);
    db.set_clock("'2026-03-04 12:30:00+00'::timestamptz").await?;
    let mut daemon = setup.start();
    planned(&db, "awake", "2026-03-04 12:30:00+00").await;
    pause(&db, "one").await?;
    pause(&db, "two").await?;
    daemon.kill();
    db.set_clock("'2026-03-04 15:30:00+00'::timestamptz").await?;
    let daemon = setup.start();
    planned(&db, "awake", "2026-03-04 15:00:00+00").await;
    assert_eq!(counts(&db, "awake").await?, (3, 0));
    assert_eq!(counts(&db, "one").await?, (0, 0));
    assert!(daemon.stop().await.success());

    resume(&db, "two").await?;
    let _daemon = setup.start();
    planned(&db, "two", "2026-03-04 15:00:00+00").await;
    assert_eq!(counts(&db, "two").await?, (3, 0));
    assert_eq!(counts(&db, "one").await?, (0, 0));
    resume(&db, "one").await?;
    planned(&db, "one", "2026-03-04 15:00:00+00").await;
    assert_eq!(counts(&db, "one").await?, (3, 0));
    Ok(())
}

/// A reload of the routines ends no pause, and does not lose the ticks.
#[tokio::test(flavor = "multi_thread")]
async fn a_pause_survives_a_reload() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let text = schedule("every = \"1m\"\nmissed = \"all\"");
    let setup = setup(&db, &[("one", text.clone()), ("awake", text.clone())]);
    db.set_clock("'2026-03-04 12:00:30+00'::timestamptz").await?;
    let daemon = setup.start();
    daemon.leads().await;
    let seen = daemon.says("routines are in force").await;
    pause(&db, "one").await?;
    std::fs::write(setup.routines().join("one.toml"), text.replace("A schedule", "Renamed"))?;
    daemon.says_after(seen, "routines are in force").await;
    db.set_clock("'2026-03-04 12:02:30+00'::timestamptz").await?;
    planned(&db, "awake", "2026-03-04 12:02:00+00").await;
    assert_eq!(counts(&db, "one").await?, (0, 0));
    resume(&db, "one").await?;
    planned(&db, "one", "2026-03-04 12:02:00+00").await;
    assert_eq!(counts(&db, "one").await?, (2, 0));
    Ok(())
}

/// What a paused routine holds stays held beyond its time, and goes on when the
/// routine does.
#[tokio::test(flavor = "multi_thread")]
async fn held_drafts_of_a_paused_routine_wait() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let setup = setup(&db, &[("one", HELD.to_owned()), ("awake", HELD.to_owned())]);
    db.set_clock("'2026-03-04 12:00:00+00'::timestamptz").await?;
    let daemon = setup.start();
    daemon.leads().await;
    db.emit("test.event", json!({ "n": 1 })).await?;
    until("both drafts to be held", || async {
        (db.count("select from hearken.held").await.ok()? == 2).then_some(())
    })
    .await;
    pause(&db, "one").await?;
    db.set_clock("'2026-03-04 12:01:00+00'::timestamptz").await?;
    db.items(1).await?;
    assert_eq!(db.count("select from hearken.inbox_items where routine = 'awake'").await?, 1);
    assert_eq!(db.count("select from hearken.held where routine = 'one'").await?, 1);
    resume(&db, "one").await?;
    db.items(2).await?;
    assert_eq!(db.titles().await?, ["burst 1", "burst 1"]);
    assert_eq!(db.count("select from hearken.held").await?, 0);
    Ok(())
}
