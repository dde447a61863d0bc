//! Two daemons are as good as one: nothing twice, nothing missed, and a kill is
//! taken over within seconds.

use crate::support::daemon::{EVERY, Setup, TestDaemon};
use crate::support::{TestDatabase, until};
use serde_json::json;
use std::time::{Duration, Instant};

const TICKING: &str = r#"
title = "Every second"

[on.schedule]
every = "1s"
missed = "all"

[item]
queue = "t"
title = "tick"
"#;

/// Several daemons at once, the leader killed again and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_leader_is_taken_over() -> anyhow::Result<()> {
    for replicas in [2, 5] {
        let db = TestDatabase::new().await?;
        let setup = Setup::new(&db.url, &[("every", EVERY), ("ticking", TICKING)]);
        let mut daemons: Vec<TestDaemon> = (0..replicas).map(|_| setup.start()).collect();
        let mut n = 0;
        for _ in 0..3 {
            let leader = leading(&daemons).await;
            db.emit("test.event", json!({ "n": n })).await?;
            let killed = Instant::now();
            daemons[leader].kill();
            daemons[leader] = setup.start();
            // Written while nobody leads.
            db.emit("test.event", json!({ "n": n + 1 })).await?;
            n += 2;
            until("the events of both", || async {
                (db.count("select from hearken.inbox_items where queue = 'q'").await.ok()? >= n).then_some(())
            })
            .await;
            eprintln!("{replicas} daemons: taken over {:?} after the leader was killed", killed.elapsed());
            assert!(killed.elapsed() < Duration::from_secs(10));
        }
        assert_eq!(db.not_exactly_once("test.event").await?, [] as [String; 0]);
        until("some ticks", || async {
            (db.count("select from hearken.inbox_items where queue = 't'").await.ok()? >= 5).then_some(())
        })
        .await;
        let double =
            "select tick from hearken.inbox_items where queue = 't' group by tick having count(*) > 1";
        assert_eq!(db.count(double).await?, 0, "ticks are not doubled");
        let hole = "select from (select tick, lead(tick) over (order by tick) n from hearken.inbox_items where queue = 't') t \
                    where n - tick > interval '1 second'";
        assert_eq!(db.count(hole).await?, 0, "no tick is missed");
    }
    Ok(())
}

/// A leader which does not run (stopped, swapped out, paused by its host) is
/// given up by the database, and changes nothing when it comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_which_was_suspended_does_no_harm() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let setup = Setup::new(&db.url, &[("every", EVERY)]);
    let first = setup.start();
    first.leads().await;
    let second = setup.start();
    second.says("standing by").await;
    first.signal(nix::sys::signal::Signal::SIGSTOP);
    // As the server would when the connection is found dead.
    let ended = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() \
                 and application_name like 'hearken%leader' and pid in (select pid from pg_locks where locktype = 'advisory' and granted)";
    assert!(!db.client.query(ended, &[]).await?.is_empty());
    second.leads().await;
    db.emit("test.event", json!({ "n": 1 })).await?;
    db.items(1).await?;
    first.signal(nix::sys::signal::Signal::SIGCONT);
    first.says("lost the database").await;
    db.emit("test.event", json!({ "n": 2 })).await?;
    db.items(2).await?;
    assert_eq!(db.not_exactly_once("test.event").await?, [] as [String; 0]);
    Ok(())
}

/// A standby with other routines says so; the leader's count.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_which_differs_says_so() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let first = Setup::new(&db.url, &[("every", EVERY)]).start();
    first.leads().await;
    let other = Setup::new(&db.url, &[("other", EVERY)]).start();
    other.says("other routines than those in force").await;
    Ok(())
}

async fn leading(daemons: &[TestDaemon]) -> usize {
    until("a leader", || async {
        daemons.iter().position(|daemon| daemon.log().iter().any(|line| line.contains("\"leading\"")))
    })
    .await
}
