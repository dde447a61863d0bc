//! Leases: no item is held by two, a stale worker changes nothing, and nothing
//! is lost when a worker is.

use crate::support::database::connect;
use crate::support::{TestDaemon, TestDatabase, until};
use std::collections::HashSet;
use tokio_postgres::Client;

async fn fill(client: &Client, queue: &str, count: i32, extra: &str) -> anyhow::Result<()> {
    client
        .batch_execute(&format!(
            "insert into hearken.inbox_items (dedup_key, queue, routine, version, title {}) \
             select sha256(('{queue}' || n || clock_timestamp())::bytea), '{queue}', 'r', 'v', 'item ' || n {} \
             from generate_series(1, {count}) n",
            if extra.is_empty() { "" } else { ", priority, due_at, attempts_max, tags" },
            if extra.is_empty() { String::new() } else { format!(", {extra}") },
        ))
        .await?;
    Ok(())
}

async fn word(client: &Client, sql: &str) -> anyhow::Result<String> {
    Ok(client.query_one(sql, &[]).await?.get(0))
}

async fn lease(client: &Client, arguments: &str) -> anyhow::Result<Vec<(i64, i64, String)>> {
    let rows = client.query(&format!("select id, token, title from hearken.lease({arguments})"), &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
}

/// The most urgent first, then the longest due, then the oldest; the future and
/// what the worker cannot do are left alone.
#[tokio::test(flavor = "multi_thread")]
async fn items_are_leased_in_order() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    fill(c, "q", 2, "0, hearken.now() - interval '1 minute', 5, '{}'").await?;
    fill(c, "q", 1, "9, hearken.now() + interval '1 hour', 5, '{}'").await?;
    fill(c, "q", 2, "5, hearken.now() - n * interval '1 minute', 5, '{}'").await?;
    fill(c, "q", 1, "7, hearken.now(), 5, '{gpu,eu}'").await?;
    fill(c, "p", 1, "6, hearken.now(), 5, '{}'").await?;
    let ids = |leased: Vec<(i64, i64, String)>| leased.into_iter().map(|(id, ..)| id).collect::<Vec<_>>();
    assert_eq!(ids(lease(c, "'w', '{q,p}', 3, tags => '{gpu}'").await?), [7, 5, 4]);
    assert_eq!(ids(lease(c, "'w', '{q}', 1, tags => '{gpu,eu,fast}'").await?), [6]);
    assert_eq!(ids(lease(c, "'w', '{q}', 9").await?), [1, 2]);
    assert_eq!(ids(lease(c, "'w', '{q}', 9").await?), [] as [i64; 0]);
    let ends =
        "select (hearken.next_due('{q,p}') = (select min(i.lease_until) from hearken.inbox_items i))::text";
    assert_eq!(word(c, ends).await?, "true", "what is leased may come back");
    c.batch_execute("select hearken.complete(id, token) from hearken.inbox_items where state = 'leased'")
        .await?;
    let due =
        word(c, "select (hearken.next_due('{q,p}') > hearken.now() + interval '59 minutes')::text").await?;
    assert_eq!(due, "true", "an empty queue says when to come back");
    Ok(())
}

/// Every function refuses a token which is not that of the current lease.
#[tokio::test(flavor = "multi_thread")]
async fn a_stale_worker_changes_nothing() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    fill(c, "q", 1, "").await?;
    let (id, old, _) = lease(c, "'a', '{q}'").await?.remove(0);
    db.set_clock("clock_timestamp() + interval '1 hour'").await?;
    let (again, new, _) = lease(c, "'b', '{q}'").await?.remove(0);
    assert_eq!(id, again);
    assert!(new > old, "tokens grow");
    for call in ["complete", "fail", "extend", "release"] {
        assert_eq!(word(c, &format!("select hearken.{call}({id}, {old})")).await?, "stale", "{call}");
    }
    let state = "select state || ' ' || worker || ' ' || attempt from hearken.inbox_items";
    assert_eq!(word(c, state).await?, "leased b 2");
    assert_eq!(word(c, &format!("select hearken.complete({id}, {new}, '{{\"ok\": true}}')")).await?, "done");
    assert_eq!(
        word(c, &format!("select hearken.complete({id}, {new})")).await?,
        "done",
        "a lost acknowledgement"
    );
    assert_eq!(word(c, &format!("select hearken.complete({id}, {old})")).await?, "stale");
    assert_eq!(word(c, "select result ->> 'ok' from hearken.inbox_items").await?, "true");
    Ok(())
}

/// A lease that was rolled back does not leave its token to the next.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_never_used_twice() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    fill(c, "q", 1, "").await?;
    c.batch_execute("begin").await?;
    let (id, lost, _) = lease(c, "'a', '{q}'").await?.remove(0);
    c.batch_execute("rollback").await?;
    let (_, token, _) = lease(c, "'b', '{q}'").await?.remove(0);
    assert_ne!(lost, token);
    assert_eq!(word(c, &format!("select hearken.complete({id}, {lost})")).await?, "stale");
    Ok(())
}

/// Failing waits longer each time, and the last attempt is the last.
#[tokio::test(flavor = "multi_thread")]
async fn failures_back_off_and_end_as_dead() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    fill(c, "q", 1, "0, hearken.now(), 3, '{}'").await?;
    let mut waits = Vec::new();
    for attempt in 1..=3 {
        db.set_clock(&format!("clock_timestamp() + interval '{attempt} days'")).await?;
        let (id, token, _) = lease(c, "'w', '{q}'").await?.remove(0);
        let outcome = word(c, &format!("select hearken.fail({id}, {token}, 'boom {attempt}')")).await?;
        assert_eq!(outcome, if attempt < 3 { "failed" } else { "dead" });
        assert_eq!(word(c, &format!("select hearken.fail({id}, {token})")).await?, outcome, "told again");
        let wait = c.query_one(
            "select extract(epoch from due_at - hearken.now())::float8 from hearken.inbox_items",
            &[],
        );
        waits.push(wait.await?.get::<_, f64>(0));
    }
    assert!(waits[0] <= 1.25 && waits[0] > 0.5 && waits[1] <= 2.5 && waits[1] > 1.3, "{waits:?}");
    assert_eq!(word(c, "select state || ': ' || error from hearken.inbox_items").await?, "dead: boom 3");
    assert!(lease(c, "'w', '{q}'").await?.is_empty());

    fill(c, "p", 2, "").await?;
    let (id, token, _) = lease(c, "'w', '{p}'").await?.remove(0);
    assert_eq!(
        word(c, &format!("select hearken.fail({id}, {token}, 'no use', retry => false)")).await?,
        "dead"
    );
    let (id, token, _) = lease(c, "'w', '{p}'").await?.remove(0);
    let later = format!("select hearken.fail({id}, {token}, 'busy', retry_after => interval '1 hour')");
    assert_eq!(word(c, &later).await?, "failed");
    Ok(())
}

/// Releasing gives back as if nothing had happened; extending moves the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_released_and_extended() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    fill(c, "q", 1, "").await?;
    let (id, token, _) = lease(c, "'w', '{q}', lease => interval '1 second'").await?.remove(0);
    let left = "select (lease_until - hearken.now() > interval '4 seconds')::text from hearken.inbox_items";
    assert_eq!(word(c, left).await?, "true", "no lease is shorter than five seconds");
    assert_eq!(word(c, &format!("select hearken.extend({id}, {token}, '1 hour')")).await?, "extended");
    let left = "select (lease_until - hearken.now() > interval '59 minutes')::text from hearken.inbox_items";
    assert_eq!(word(c, left).await?, "true");
    assert_eq!(word(c, &format!("select hearken.release({id}, {token})")).await?, "released");
    assert_eq!(word(c, "select state || attempt from hearken.inbox_items").await?, "waiting0");
    Ok(())
}

/// A worker which dies each time costs an attempt each time, and in the end the
/// item is dead; the daemon does it, nobody needs to lease.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_loop_ends_as_dead() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    fill(c, "q", 1, "0, hearken.now(), 2, '{}'").await?;
    let daemon = TestDaemon::start(&db);
    daemon.leads().await;
    for attempt in 1..=2 {
        assert_eq!(
            lease(c, "'crasher', '{q}', lease => interval '5 seconds'").await?.len(),
            1,
            "attempt {attempt}"
        );
        let want = if attempt < 2 { "failed" } else { "dead" };
        until("the lease to come back", || async {
            (word(c, "select state from hearken.inbox_items").await.ok()? == want).then_some(())
        })
        .await;
    }
    assert!(word(c, "select error from hearken.inbox_items").await?.contains("worker crasher"));
    Ok(())
}

/// Many workers at once: every item is leased by exactly one.
#[tokio::test(flavor = "multi_thread")]
async fn two_workers_never_hold_the_same_item() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    fill(&db.client, "q", 600, "n % 3, hearken.now(), 5, '{}'").await?;
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..12 {
        let url = db.url.clone();
        workers.spawn(async move {
            let client = connect(&url).await?;
            let mut mine = Vec::new();
            loop {
                let leased = lease(&client, &format!("'w{worker}', '{{q}}', {}", worker % 4 + 1)).await?;
                if leased.is_empty() {
                    return anyhow::Ok(mine);
                }
                for (id, token, _) in leased {
                    mine.push(id);
                    let answer = word(&client, &format!("select hearken.complete({id}, {token})")).await?;
                    anyhow::ensure!(answer == "done");
                }
            }
        });
    }
    let mut all = Vec::new();
    while let Some(mine) = workers.join_next().await {
        all.extend(mine??);
    }
    let different: HashSet<i64> = all.iter().copied().collect();
    assert_eq!((all.len(), different.len()), (600, 600));
    Ok(())
}
