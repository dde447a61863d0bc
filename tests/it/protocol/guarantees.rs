//! What the functions promise.

use super::{connect, fill, lease, made, text};
use crate::support::TestDatabase;
use std::collections::HashSet;

/// The state of the one item.
const STATE: &str = "select status || ' ' || attempts from public.agent_inbox_items";

#[tokio::test(flavor = "multi_thread")]
async fn items_are_leased_in_order() -> anyhow::Result<()> {
    let db = made().await?;
    let c = &db.client;
    fill(c, &[("ann", "low", 0), ("ann", "high", 9), ("bob", "higher", 10), ("ann", "later", 99)]).await?;
    c.batch_execute(
        "update public.agent_inbox_items set available_at = hearken.now() + interval '1 hour' where title = 'later'",
    )
    .await?;
    let titles = |rows: Vec<(String, String, String)>| rows.into_iter().map(|row| row.2).collect::<Vec<_>>();
    assert_eq!(titles(lease(c, "'w', array['ann'], 5").await?), ["high", "low"]);
    assert_eq!(titles(lease(c, "'w', array['carl']").await?), [] as [&str; 0]);
    assert_eq!(titles(lease(c, "'w', max => 5").await?), ["higher"]);
    let row = "select leased_by || ' ' || attempts || ' ' || (leased_until > hearken.now() + interval '80 s') \
               from public.agent_inbox_items where title = 'high'";
    assert_eq!(text(c, row).await?, "w 1 true");

    c.batch_execute("insert into public.agent_commands (action, urgent) values ('a', false), ('b', true)")
        .await?;
    assert_eq!(text(c, "select action from hearken.commands_lease('w')").await?, "b", "by an expression");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_worker_changes_nothing() -> anyhow::Result<()> {
    let db = made().await?;
    let c = &db.client;
    fill(c, &[("ann", "one", 0)]).await?;
    let (id, old, _) = lease(c, "'a'").await?.remove(0);
    db.set_clock("clock_timestamp() + interval '1 hour'").await?;
    let (again, new, _) = lease(c, "'b'").await?.remove(0);
    assert_eq!(id, again);
    assert!(new.parse::<i64>()? > old.parse::<i64>()?, "tokens grow");
    for call in ["complete", "fail", "extend", "release"] {
        assert_eq!(text(c, &format!("hearken.agents_{call}('{id}', {old})")).await?, "stale", "{call}");
    }
    assert_eq!(text(c, STATE).await?, "leased 2");
    assert_eq!(text(c, &format!("hearken.agents_extend('{id}', {new}, '1 day')")).await?, "extended");
    let done = format!("hearken.agents_complete('{id}', {new}, '{{\"ok\": true}}')");
    assert_eq!(text(c, &done).await?, "done");
    let again = format!("hearken.agents_complete('{id}', {new})");
    assert_eq!(text(c, &again).await?, "done", "a lost acknowledgement");
    assert_eq!(text(c, "select result ->> 'ok' from public.agent_inbox_items").await?, "true");
    assert_eq!(text(c, "(select completed_at is not null from public.agent_inbox_items)").await?, "true");
    for call in ["fail", "extend", "release"] {
        assert_eq!(text(c, &format!("hearken.agents_{call}('{id}', {new})")).await?, "stale", "{call}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_never_used_twice() -> anyhow::Result<()> {
    let db = made().await?;
    let c = &db.client;
    fill(c, &[("ann", "one", 0)]).await?;
    c.batch_execute("begin").await?;
    let (id, lost, _) = lease(c, "'a'").await?.remove(0);
    c.batch_execute("rollback").await?;
    let (_, token, _) = lease(c, "'b'").await?.remove(0);
    assert_ne!(lost, token);
    assert_eq!(text(c, &format!("hearken.agents_complete('{id}', {lost})")).await?, "stale");
    // Given back, the item is nobody's.
    let release = format!("hearken.agents_release('{id}', {token})");
    assert_eq!(text(c, &release).await?, "released");
    assert_eq!(text(c, STATE).await?, "pending 0");
    for call in ["release", "fail", "complete", "extend"] {
        assert_eq!(text(c, &format!("hearken.agents_{call}('{id}', {token})")).await?, "stale", "{call}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_back_off_and_end_as_dead() -> anyhow::Result<()> {
    let db = made().await?;
    let c = &db.client;
    fill(c, &[("ann", "one", 0)]).await?;
    let mut waits = Vec::new();
    for attempt in 1..=3 {
        db.set_clock(&format!("clock_timestamp() + interval '{attempt} days'")).await?;
        let (id, token, _) = lease(c, "'w'").await?.remove(0);
        let long = "x".repeat(100);
        let outcome =
            text(c, &format!("hearken.agents_fail('{id}', {token}, 'boom {attempt} {long}')")).await?;
        assert_eq!(outcome, if attempt < 3 { "failed" } else { "dead" });
        assert_eq!(text(c, &format!("hearken.agents_fail('{id}', {token})")).await?, outcome, "told again");
        let wait = "select extract(epoch from available_at - hearken.now()) from public.agent_inbox_items";
        waits.push(text(c, wait).await?.parse::<f64>()?);
    }
    assert!(waits[0] <= 1.25 && waits[0] > 0.5 && waits[1] <= 2.5 && waits[1] > 1.3, "{waits:?}");
    assert_eq!(text(c, STATE).await?, "failed 3");
    let error = "select left(last_error, 8) || length(last_error) from public.agent_inbox_items";
    assert_eq!(text(c, error).await?, "boom 3 x40", "as long as there is room");
    assert!(lease(c, "'w'").await?.is_empty());

    fill(c, &[("bob", "no use", 0), ("carl", "busy", 0)]).await?;
    let (id, token, _) = lease(c, "'w', array['bob']").await?.remove(0);
    assert_eq!(
        text(c, &format!("hearken.agents_fail('{id}', {token}, 'no', retry => false)")).await?,
        "dead"
    );
    let (id, token, _) = lease(c, "'w', array['carl']").await?.remove(0);
    let later = format!("hearken.agents_fail('{id}', {token}, 'busy', retry_after => '1 hour')");
    assert_eq!(text(c, &later).await?, "failed");
    assert!(lease(c, "'w'").await?.is_empty(), "not before it is due");
    Ok(())
}

/// A worker which crashes each time costs an attempt each time; the last one ends it.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_loop_ends_as_dead() -> anyhow::Result<()> {
    let db = made().await?;
    let c = &db.client;
    fill(c, &[("ann", "one", 0)]).await?;
    // A row whose own bound is null has five attempts.
    c.batch_execute("update public.agent_inbox_items set max_attempts = null").await?;
    for attempt in 1..=5 {
        db.set_clock(&format!("clock_timestamp() + interval '{attempt} days'")).await?;
        assert_eq!(lease(c, "'crasher'").await?.len(), 1, "attempt {attempt}");
    }
    db.set_clock("clock_timestamp() + interval '9 days'").await?;
    assert!(lease(c, "'w'").await?.is_empty());
    assert_eq!(text(c, STATE).await?, "failed 5");
    let error = text(c, "select last_error from public.agent_inbox_items").await?;
    assert!(error.starts_with("the lease of worker crasher ended"), "{error}");
    assert_eq!(text(c, "coalesce(hearken.agents_expire()::text, 'never')").await?, "never");
    Ok(())
}

/// Expiry touches what is leased and nothing else, also where it must wait for a row.
#[tokio::test(flavor = "multi_thread")]
async fn rescue_never_overwrites_what_was_finished() -> anyhow::Result<()> {
    let db = made().await?;
    let c = &db.client;
    fill(c, &[("ann", "one", 0)]).await?;
    let (id, token, _) = lease(c, "'w'").await?.remove(0);
    db.set_clock("clock_timestamp() + interval '1 hour'").await?;
    let worker = db.connect().await?;
    worker.batch_execute("begin").await?;
    assert_eq!(text(&worker, &format!("hearken.agents_complete('{id}', {token})")).await?, "done");
    c.batch_execute("select hearken.agents_expire()").await?;
    assert!(lease(c, "'other'").await?.is_empty());
    worker.batch_execute("commit").await?;
    c.batch_execute("select hearken.agents_expire()").await?;
    assert_eq!(text(c, STATE).await?, "completed 1");
    Ok(())
}

/// With neither attempts nor times to come back: states and tokens are enough.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_with_few_columns_does() -> anyhow::Result<()> {
    let db = made().await?;
    let c = &db.client;
    c.batch_execute("insert into public.agent_commands (action) values ('restart')").await?;
    let token = text(c, "select lease_token from hearken.commands_lease('w')").await?;
    assert_eq!(text(c, &format!("hearken.commands_fail(1, '{token}')")).await?, "failed");
    assert_eq!(text(c, "select status from public.agent_commands").await?, "retry");
    let next = text(c, "select lease_token from hearken.commands_lease('w')").await?;
    assert_ne!(token, next);
    assert_eq!(text(c, &format!("hearken.commands_complete(1, '{token}')")).await?, "stale");
    assert_eq!(text(c, &format!("hearken.commands_fail(1, '{next}', false)")).await?, "dead");
    assert_eq!(text(c, "select count(*) from hearken.commands_lease('w')").await?, "0");
    Ok(())
}

/// Two connections, each in the midst of its transaction, lease different rows; and
/// of many workers none ever holds what another does.
#[tokio::test(flavor = "multi_thread")]
async fn two_workers_never_hold_the_same_item() -> anyhow::Result<()> {
    let db = made().await?;
    let c = &db.client;
    c.batch_execute(
        "insert into public.agent_inbox_items (agent_id, title, priority) \
         select 'a' || n % 2, 'item ' || n, n % 3 from generate_series(1, 400) n",
    )
    .await?;
    let other = db.connect().await?;
    other.batch_execute("begin").await?;
    c.batch_execute("begin").await?;
    let (mine, theirs) = (lease(c, "'x', max => 20").await?, lease(&other, "'y', max => 20").await?);
    assert_eq!((mine.len(), theirs.len()), (20, 20));
    assert!(mine.iter().all(|item| theirs.iter().all(|their| their.0 != item.0)));
    c.batch_execute("rollback").await?;
    other.batch_execute("rollback").await?;

    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..8 {
        workers.spawn(work(db.url.clone(), worker));
    }
    let mut all = Vec::new();
    while let Some(mine) = workers.join_next().await {
        all.extend(mine??);
    }
    let different: HashSet<&String> = all.iter().collect();
    assert_eq!((all.len(), different.len()), (400, 400));
    Ok(())
}

/// Leases and completes until nothing is left; returns what it had.
async fn work(url: String, worker: usize) -> anyhow::Result<Vec<String>> {
    let client = connect(&url).await?;
    let mut mine = Vec::new();
    loop {
        let leased = lease(&client, &format!("'w{worker}', max => {}", worker % 4 + 1)).await?;
        if leased.is_empty() {
            return Ok(mine);
        }
        for (id, token, _) in leased {
            let answer = text(&client, &format!("hearken.agents_complete('{id}', {token})")).await?;
            anyhow::ensure!(answer == "done", "{answer}");
            mine.push(id);
        }
    }
}

/// The grants which the script names suffice, and are not more than it names.
#[tokio::test(flavor = "multi_thread")]
async fn the_printed_grants_suffice() -> anyhow::Result<()> {
    let db = made().await?;
    let script = super::run(&db.url, super::SETTINGS, &["agents", "--print"]).out;
    let grants: Vec<String> = script
        .lines()
        .filter_map(|line| line.strip_prefix("--   grant "))
        .map(|grant| format!("grant {}", grant.replace("WORKER", "protocol_worker")))
        .collect();
    assert_eq!(grants.len(), 4, "{script}");
    db.client.batch_execute("create role protocol_worker login").await?;
    db.client.batch_execute(&grants.join("\n")).await?;
    fill(&db.client, &[("ann", "one", 0), ("ann", "two", 0)]).await?;

    let worker = as_worker(&db).await?;
    let leased = lease(&worker, "'w', max => 2").await?;
    let (id, token, _) = &leased[0];
    assert_eq!(text(&worker, &format!("hearken.agents_extend('{id}', {token})")).await?, "extended");
    assert_eq!(text(&worker, &format!("hearken.agents_fail('{id}', {token}, 'no')")).await?, "failed");
    let (id, token, _) = &leased[1];
    assert_eq!(text(&worker, &format!("hearken.agents_complete('{id}', {token}, '1')")).await?, "done");
    worker.batch_execute("select hearken.agents_expire()").await?;
    for sql in [
        "update public.agent_inbox_items set title = 'mine'",
        "delete from public.agent_inbox_items",
        "insert into public.agent_inbox_items (agent_id, title) values ('ann', 'x')",
        "select * from hearken.inbox_items",
    ] {
        let error = worker.batch_execute(sql).await.expect_err(sql);
        assert_eq!(error.code().map(|code| code.code()), Some("42501"), "{sql}");
    }
    Ok(())
}

async fn as_worker(db: &TestDatabase) -> anyhow::Result<tokio_postgres::Client> {
    connect(&db.url.replace("user=postgres", "user=protocol_worker")).await
}
