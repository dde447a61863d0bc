//! Rows and sources which cannot be read for a while: nothing is lost with them, and
//! nobody else waits for them.

use super::{ANN, BEN, HQ, add, application, change, hears, in_force, plain};
use crate::support::TestDatabase;
use crate::support::daemon::Setup;
use serde_json::json;
use std::time::{Duration, Instant};

/// A table which is away takes no routine with it: neither while a daemon runs
/// nor when one starts. So the schedules keep their places.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_good_rows_stay_while_their_source_cannot_be_read() -> anyhow::Result<()> {
    let db = application().await?;
    add(&db, "entity, condition", "('touched', 'task', 'any_change')").await?;
    // It never ticks while we look.
    let later = "('later', 'every_n_days', 1, '09:00'::time, '2999-01-01'::date)";
    add(&db, "cadence, n, at, starts_on", later).await?;
    let setup = Setup::new(&db.url, &[]).daemon(HQ);
    let daemon = setup.start();
    in_force(&daemon, 0, 2).await;
    daemon.leads().await;
    let place = "select started_at::text from hearken.schedules";
    let started: String = db.client.query_one(place, &[]).await?.get(0);
    db.client
        .batch_execute("alter view app.hearken_routines rename to away; select hearken.reload()")
        .await?;
    daemon.says("a source of routines cannot be read").await;
    change(&db, ANN, "a", "b").await?;
    db.items(1).await?;
    assert!(daemon.stop().await.success());

    let daemon = setup.start();
    daemon.says("this source of routines could not be read").await;
    in_force(&daemon, 0, 2).await;
    daemon.leads().await;
    change(&db, ANN, "a", "b").await?;
    // Still confined to its tenant, though nobody said so but its own text.
    change(&db, BEN, "a", "b").await?;
    change(&db, ANN, "a", "b").await?;
    db.items(3).await?;
    let now: String = db.client.query_one(place, &[]).await?.get(0);
    assert_eq!(now, started);
    db.client
        .batch_execute("alter view app.away rename to hearken_routines; delete from app.routines")
        .await?;
    in_force(&daemon, 0, 0).await;
    assert!(daemon.stop().await.success());
    Ok(())
}

/// How many drafts are held, schedules have a place, and drafts were cancelled.
async fn kept(db: &TestDatabase) -> anyhow::Result<(i64, i64, i64)> {
    let cancelled = "select from hearken.decisions where outcome = 'cancelled'";
    Ok((
        db.count("select from hearken.held").await?,
        db.count("select from hearken.schedules").await?,
        db.count(cancelled).await?,
    ))
}

/// What is held for a row, and the place of its schedule, wait while the row is there
/// and cannot be used: also over a restart, and a restart without the table.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_which_is_bad_for_a_moment_loses_nothing() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let mut held = hears("held");
    held["flow"] = json!({ "debounce": { "quiet": "1h" } });
    let mut later = hears("later");
    later["on"] = json!({ "schedule": { "every": "1d", "time": "09:00", "from": "2999-01-01" } });
    let rows = [("held", held.clone()), ("later", later.clone()), ("other", hears("other"))];
    let setup = plain(&db, "refresh = \"1h\"", &rows).await?;
    let daemon = setup.start();
    let seen = in_force(&daemon, 0, 3).await;
    db.emit("x", json!({})).await?;
    db.items(1).await?;
    assert_eq!(kept(&db).await?, (1, 1, 0));
    let place = "select started_at::text from hearken.schedules";
    let started: String = db.client.query_one(place, &[]).await?.get(0);

    let spoil = "update routines set routine = '{}' where name <> 'other'; select hearken.reload()";
    db.client.batch_execute(spoil).await?;
    in_force(&daemon, seen, 1).await;
    assert_eq!(kept(&db).await?, (1, 1, 0));
    assert!(daemon.stop().await.success());

    let daemon = setup.start();
    in_force(&daemon, 0, 1).await;
    assert_eq!(kept(&db).await?, (1, 1, 0));
    assert!(daemon.stop().await.success());

    db.client.batch_execute("alter table routines rename to away").await?;
    let daemon = setup.start();
    let seen = in_force(&daemon, 0, 1).await;
    assert_eq!(kept(&db).await?, (1, 1, 0));
    db.client.batch_execute("alter table away rename to routines").await?;
    for (name, routine) in [("held", &held), ("later", &later)] {
        db.client.execute("update routines set routine = $2 where name = $1", &[&name, routine]).await?;
    }
    db.client.batch_execute("select hearken.reload()").await?;
    let seen = in_force(&daemon, seen, 3).await;
    assert_eq!(kept(&db).await?, (1, 1, 0));
    let now: String = db.client.query_one(place, &[]).await?.get(0);
    assert_eq!(now, started);
    db.client.batch_execute("select hearken.release_held(id) from hearken.held").await?;
    db.items(2).await?;

    // One which is bad and then deleted is gone.
    db.emit("x", json!({})).await?;
    db.items(3).await?;
    db.client
        .batch_execute("update routines set routine = '{}' where name = 'held'; select hearken.reload()")
        .await?;
    let seen = in_force(&daemon, seen, 2).await;
    assert_eq!(kept(&db).await?, (1, 1, 0));
    db.client.batch_execute("delete from routines where name = 'held'; select hearken.reload()").await?;
    in_force(&daemon, seen, 2).await;
    assert_eq!(kept(&db).await?, (0, 1, 1));
    Ok(())
}

/// Under settings which changed, rows of a source which is away are judged anew: those
/// without SQL do not care about its role, and of the others one hears.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_source_which_is_away_obey_the_settings_of_today() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let mut asks = hears("asks");
    asks["each"] = json!({ "sql": "select 1 as id" });
    let rows = [("plain", hears("plain")), ("asks", asks)];
    let first = plain(&db, "run_as = \"first\"", &rows).await?;
    let second = plain(&db, "run_as = \"second\"", &[]).await?;
    let daemon = first.start();
    in_force(&daemon, 0, 2).await;
    assert!(daemon.stop().await.success());
    db.client.batch_execute("alter table routines rename to away").await?;
    let daemon = second.start();
    daemon.says("1 of its rows may not be used under the settings of today: asks").await;
    in_force(&daemon, 0, 1).await;
    daemon.leads().await;
    db.emit("x", json!({})).await?;
    db.items(1).await?;
    assert_eq!(db.titles().await?, ["plain"]);
    Ok(())
}

/// A source whose query hangs keeps neither the start nor the other sources waiting,
/// although it stands before them in the settings.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_which_hangs_keeps_only_itself_waiting() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let hangs = "create view hangs as select 's'::text as name, '{}'::jsonb as routine from pg_sleep(1000)";
    db.client.batch_execute(hangs).await?;
    let source = "\n[routines.aaa]\nsql = \"table public.hangs\"\nqueues = [\"q\"]";
    let daemon = plain(&db, &format!("refresh = \"1h\"{source}"), &[("one", hears("one"))]).await?.start();
    let seen = in_force(&daemon, 0, 1).await;
    daemon.says("`aaa`: its query gave no answer within 5 s").await;
    daemon.leads().await;
    // From now on it is tried again when somebody notifies, behind the other one.
    daemon.says("`aaa`: its query gave no answer within 10 s").await;
    db.client.execute("insert into routines values ('two', $1)", &[&hears("two")]).await?;
    let asked = Instant::now();
    db.client.batch_execute("select hearken.reload()").await?;
    in_force(&daemon, seen, 2).await;
    assert!(asked.elapsed() < Duration::from_secs(9), "{:?}", asked.elapsed());
    Ok(())
}
