//! Schedules against a real database: ticks become items once, missed ones obey
//! the policy, and the database's clock decides.

use crate::support::daemon::Setup;
use crate::support::{TestDatabase, until};

fn routine(schedule: &str) -> String {
    format!(
        "title = \"A schedule\"\n[on.schedule]\n{schedule}\n[item]\nqueue = \"t\"\ntitle = \"{{{{ tick }}}}\"\n"
    )
}

/// A schedule at seconds grain ticks on time and starts at its first load.
#[tokio::test(flavor = "multi_thread")]
async fn ticks_become_items_on_time() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let _daemon = Setup::new(&db.url, &[("s", &routine("cron = \"* * * * * *\""))]).start();
    until("three ticks", || async {
        (db.count("select from hearken.inbox_items").await.ok()? >= 3).then_some(())
    })
    .await;
    let sql = "select max(extract(epoch from created_at - tick) * 1000)::float8, bool_and(tick > started_at) \
               from hearken.inbox_items join hearken.schedules using (routine)";
    let row = db.client.query_one(sql, &[]).await?;
    eprintln!("the latest of the ticks was {:.1} ms late", row.get::<_, f64>(0));
    assert!(row.get::<_, bool>(1), "the past does not fire at the first load");
    Ok(())
}

/// Nobody was on duty for an hour: `all` runs each tick, `latest` one, `skip`
/// none, and what was not run is a decision. Two weeks do not flood.
#[tokio::test(flavor = "multi_thread")]
async fn missed_ticks_obey_their_policy() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let routines = [
        ("all", routine("every = \"1m\"\nmissed = \"all\"")),
        ("flood", routine("every = \"5s\"\nmissed = \"all\"")),
        ("latest", routine("every = \"1m\"\nmissed = \"latest\"")),
        ("skip", routine("every = \"1m\"\nmissed = \"skip\"")),
    ];
    let routines: Vec<(&str, &str)> = routines.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let setup = Setup::new(&db.url, &routines);
    // The clock stands still between the ticks, so that nothing else is due.
    db.set_clock("'2026-03-04 12:00:30.5+00'::timestamptz").await?;
    let daemon = setup.start();
    daemon.leads().await;
    assert!(daemon.stop().await.success());
    db.set_clock("'2026-03-04 13:00:30.5+00'::timestamptz").await?;
    let daemon = setup.start();
    let counts = |routine: &'static str| {
        let db = &db;
        async move {
            let items =
                db.count(&format!("select from hearken.inbox_items where routine = '{routine}'")).await?;
            let sql = "select coalesce(sum(count), 0)::bigint from hearken.decisions where outcome = 'missed' and routine = $1";
            let missed: i64 = db.client.query_one(sql, &[&routine]).await?.get(0);
            anyhow::Ok((items, missed))
        }
    };
    until("all to be caught up", || async {
        (db.count("select from hearken.schedules where planned_until >= '2026-03-04 13:00:00+00'")
            .await
            .ok()?
            == 4)
            .then_some(())
    })
    .await;
    assert_eq!(counts("all").await?, (60, 0));
    assert_eq!(counts("flood").await?, (100, 620));
    assert_eq!(counts("latest").await?, (1, 59));
    assert_eq!(counts("skip").await?, (0, 60));
    let latest =
        "select from hearken.inbox_items where routine = 'latest' and tick = '2026-03-04 13:00:00+00'";
    assert_eq!(db.count(latest).await?, 1);
    assert!(daemon.stop().await.success());

    // Two weeks later.
    db.set_clock("'2026-03-18 13:00:30.5+00'::timestamptz").await?;
    let _daemon = setup.start();
    until("all to be caught up", || async {
        (db.count("select from hearken.schedules where planned_until >= '2026-03-18 13:00:00+00'")
            .await
            .ok()?
            == 4)
            .then_some(())
    })
    .await;
    assert_eq!(counts("flood").await?, (200, 620 + 14 * 17280 - 100));
    Ok(())
}

/// The clock goes back: nothing is repeated. It goes forward: `missed` decides.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_which_jumps_repeats_nothing() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let setup = Setup::new(&db.url, &[("s", &routine("every = \"1m\"\nmissed = \"latest\""))])
        .daemon("reconcile = \"100ms\"");
    db.set_clock("'2026-03-04 12:00:30+00'::timestamptz").await?;
    let daemon = setup.start();
    daemon.leads().await;
    let planned = |want: &'static str| {
        let db = &db;
        async move {
            until("the clock to be heard", || async {
                let sql = format!("select from hearken.schedules where planned_until >= '{want}'");
                (db.count(&sql).await.ok()? == 1).then_some(())
            })
            .await;
        }
    };
    db.set_clock("'2026-03-04 12:01:30+00'::timestamptz").await?;
    planned("2026-03-04 12:01:00+00").await;
    assert_eq!(db.titles().await?, ["2026-03-04T12:01:00Z"]);

    // An hour back: the same minute comes again and makes nothing.
    db.set_clock("'2026-03-04 11:01:30+00'::timestamptz").await?;
    let seen = db.count("select from hearken.inbox_items").await?;
    db.client.batch_execute("insert into hearken.events (type) values ('x')").await?;
    db.set_clock("'2026-03-04 12:01:30+00'::timestamptz").await?;
    db.set_clock("'2026-03-04 12:02:30+00'::timestamptz").await?;
    planned("2026-03-04 12:02:00+00").await;
    assert_eq!(db.count("select from hearken.inbox_items").await?, seen + 1);

    // A day and a year forward: one item, and a decision for the others.
    for (clock, want) in [
        ("2026-03-05 12:02:30+00", "2026-03-05 12:02:00+00"),
        ("2027-03-05 12:02:30+00", "2027-03-05 12:02:00+00"),
    ] {
        db.set_clock(&format!("'{clock}'::timestamptz")).await?;
        planned(want).await;
    }
    assert_eq!(db.count("select from hearken.inbox_items").await?, seen + 3);
    let sql = "select sum(count)::bigint from hearken.decisions where outcome = 'missed'";
    let missed: i64 = db.client.query_one(sql, &[]).await?.get(0);
    assert_eq!(missed, 1440 - 1 + 365 * 1440 - 1);
    Ok(())
}

/// A thousand schedules due in one second are one pass.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_schedules_are_one_pass() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let routines: Vec<(String, String)> =
        (0..1000).map(|n| (format!("s{n}"), routine("cron = \"0 * * * *\""))).collect();
    let routines: Vec<(&str, &str)> =
        routines.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    db.set_clock("'2026-03-04 11:59:59+00'::timestamptz").await?;
    let daemon = Setup::new(&db.url, &routines).daemon("reconcile = \"100ms\"").start();
    daemon.leads().await;
    db.set_clock("'2026-03-04 12:00:00.5+00'::timestamptz").await?;
    db.items(1000).await?;
    daemon.says("\"ticks\"").await;
    let passes = daemon.log().into_iter().filter(|line| line.contains("\"ticks\"")).count();
    assert_eq!(passes, 1);
    Ok(())
}

/// Editing what places the ticks starts a schedule afresh, other edits keep its
/// place, and a file which is gone is forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn an_edited_schedule_starts_afresh_only_if_its_ticks_moved() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.set_clock("'2026-03-04 12:00:30+00'::timestamptz").await?;
    let setup = Setup::new(&db.url, &[("s", &routine("every = \"1h\""))]).daemon("reconcile = \"100ms\"");
    let daemon = setup.start();
    daemon.leads().await;
    let started = |want: &'static str| {
        let db = &db;
        async move {
            until("the schedule to be adopted", || async {
                let sql = "select fingerprint || to_char(started_at at time zone 'UTC', ' HH24:MI') from hearken.schedules";
                let now: Option<String> = db.client.query_opt(sql, &[]).await.ok()?.map(|row| row.get(0));
                (now.as_deref().unwrap_or("none").ends_with(want)).then_some(())
            })
            .await;
        }
    };
    started("12:00").await;
    db.set_clock("'2026-03-04 12:10:30+00'::timestamptz").await?;
    let path = setup.routines().join("s.toml");
    let seen = daemon.says("routines are in force").await;
    std::fs::write(&path, routine("every = \"1h\"").replace("A schedule", "Renamed"))?;
    let seen = daemon.says_after(seen, "routines are in force").await;
    started("12:00").await;
    std::fs::write(&path, routine("every = \"2h\""))?;
    daemon.says_after(seen, "routines are in force").await;
    started("12:10").await;
    std::fs::remove_file(&path)?;
    started("none").await;
    Ok(())
}
