//! Leases which ran out: found, given back, and never taken from who finished.

use super::{Clock, Lease, ear, fill, lease, lease_one, states, text};
use crate::support::{PATIENCE, TestDaemon, TestDatabase};
use std::collections::HashMap;
use tokio::task::JoinSet;

const ROUNDS: i32 = 6;
const ITEMS: i32 = 150;

/// Rescue and completion of items whose leases have just ended: whichever comes
/// first holds, and the worker is told which it was.
#[tokio::test(flavor = "multi_thread")]
async fn rescue_never_overwrites_what_was_finished() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let clock = Clock::stopped(&db).await?;
    for round in 0..ROUNDS {
        db.client.batch_execute("delete from hearken.inbox_items").await?;
        fill(&db.client, "q", ITEMS, &[]).await?;
        let held = lease(&db.client, &format!("'w', '{{q}}', {ITEMS}")).await?;
        clock.forward("1 hour").await?;
        let mut told = HashMap::new();
        let mut all = JoinSet::new();
        // Rescue goes by the numbers, the workers against them: they meet.
        for worker in 0..4_usize {
            let client = db.connect().await?;
            let mine: Vec<Lease> = held.iter().rev().skip(worker).step_by(4).copied().collect();
            all.spawn(async move {
                let mut told = Vec::new();
                for held in mine {
                    told.push((held.id, held.tell(&client, "complete", "").await?));
                }
                anyhow::Ok(told)
            });
        }
        for _ in 0..2 {
            let client = db.connect().await?;
            all.spawn(async move {
                for _ in 0..ITEMS {
                    text(&client, "hearken.expire_leases(1)").await?;
                }
                anyhow::Ok(Vec::new())
            });
        }
        while let Some(words) = all.join_next().await {
            told.extend(words??);
        }
        let rows = db
            .client
            .query("select id, state, attempt, errors is null from hearken.inbox_items", &[])
            .await?;
        assert_eq!(rows.len(), told.len());
        for row in rows {
            let (id, state): (i64, &str) = (row.get(0), row.get(1));
            let want = if told[&id] == "done" { "done" } else { "failed" };
            assert_eq!(state, want, "round {round}, item {id} was told {}", told[&id]);
            assert_eq!((row.get::<_, i32>(2), row.get::<_, bool>(3)), (1, want == "done"));
        }
    }
    Ok(())
}

/// Whoever completes in a long transaction is not rescued in the middle of it, and
/// nobody waits for it either.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_completing_is_passed_over() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    let clock = Clock::stopped(&db).await?;
    fill(c, "q", 2, &[]).await?;
    let held = lease(c, "'w', '{q}', 2").await?;
    let worker = db.connect().await?;
    worker.batch_execute("begin").await?;
    assert_eq!(held[0].tell(&worker, "complete", "").await?, "done");
    clock.forward("1 hour").await?;
    c.batch_execute("set lock_timeout = '1s'").await?;
    assert_eq!(lease(c, "'other', '{q}', 9").await?.iter().map(|lease| lease.id).collect::<Vec<_>>(), [2]);
    worker.batch_execute("commit").await?;
    text(c, "hearken.expire_leases()").await?;
    assert_eq!(states(c).await?, "done 1, leased 1");
    Ok(())
}

/// A lease which has ended, and nobody has noticed, is still the worker's.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_late_may_answer_until_it_is_given_back() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    let clock = Clock::stopped(&db).await?;
    fill(c, "q", 1, &[]).await?;
    let held = lease_one(c, "'w', '{q}'").await?;
    clock.forward("1 hour").await?;
    assert_eq!(held.tell(c, "extend", "").await?, "extended");
    clock.forward("1 hour").await?;
    assert_eq!(held.tell(c, "complete", "").await?, "done");
    Ok(())
}

/// The worker is killed; one which listens, and does not poll, has its item within a
/// lease and two seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_workers_item_runs_elsewhere_soon() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    let daemon = TestDaemon::start(&db);
    daemon.leads().await;
    let (client, mut bells) = ear(&db.url, "hearken:q").await?;
    fill(c, "q", 1, &[]).await?;
    let first = lease_one(&db.connect().await?, "'killed', '{q}', lease => '5 seconds'").await?;
    c.batch_execute("create table public.ends as select lease_until from hearken.inbox_items").await?;
    let second = loop {
        tokio::time::timeout(PATIENCE, bells.recv()).await?;
        if let Some(second) = lease(&client, "'other', '{q}'").await?.pop() {
            break second;
        }
    };
    assert_eq!((second.id, second.attempt), (first.id, 2));
    let late = "select leased_at - ends.lease_until from hearken.inbox_items, public.ends";
    let soon = format!("({late}) between interval '0' and interval '2 seconds'");
    assert_eq!(text(c, &soon).await?, "true", "after its end: {}", text(c, late).await?);
    Ok(())
}

/// The daemon sleeps until it means to look for leases which have ended. One which ends
/// before tells it, whoever made it so short: the worker, the queue, or a heartbeat.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_which_ends_before_the_daemon_looks_rings_it() -> anyhow::Result<()> {
    for (policy, lease, extend, rings) in [
        ("", "", None, false),
        ("", ", lease => '30 seconds'", None, true),
        ("lease = '30 seconds'", "", None, true),
        ("lease = '30 seconds'", ", lease => '4 minutes'", None, false),
        ("deadline = '30 seconds'", ", lease => '4 minutes'", None, true),
        ("", "", Some(", '30 seconds'"), true),
        ("", "", Some(""), false),
        ("lease = '30 seconds'", ", lease => '4 minutes'", Some(""), true),
        ("deadline = '3 minutes'", "", Some(", '1 minute'"), true),
    ] {
        let db = TestDatabase::new().await?;
        let c = &db.client;
        if !policy.is_empty() {
            let (column, value) = policy.split_once(" = ").expect("a column");
            let sql = format!("insert into hearken.queues (name, {column}) values ('q', {value})");
            c.batch_execute(&sql).await?;
        }
        fill(c, "q", 1, &[]).await?;
        c.batch_execute("update hearken.lease_timer set next_at = hearken.now() + interval '2 minutes'")
            .await?;
        let (_ear, mut bells) = ear(&db.url, "hearken_doorbell").await?;
        let held = lease_one(c, &format!("'w', '{{q}}', 2{lease}")).await?;
        if let Some(extend) = extend {
            assert!(bells.try_recv().is_err(), "{policy} {lease}: it rang already");
            assert_eq!(held.tell(c, "extend", extend).await?, "extended");
        }
        // Whatever was said comes before this.
        c.batch_execute("notify hearken_doorbell, 'the last one'").await?;
        let mut said = Vec::new();
        while said.last().is_none_or(|word| word != "the last one") {
            let bell = tokio::time::timeout(PATIENCE, bells.recv()).await?;
            said.push(bell.ok_or_else(|| anyhow::anyhow!("the ear is deaf"))?.1);
        }
        let rang = said.iter().any(|word| word == "leases");
        assert_eq!(rang, rings, "{policy:?} {lease:?} {extend:?}: {said:?}");
    }
    Ok(())
}
