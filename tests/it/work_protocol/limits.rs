//! What a queue allows: so many at once, so many in a while, so long, or nothing.

use super::{Clock, Dice, ear, fill, lease, lease_one, states, text, watch};
use crate::support::database::connect;
use crate::support::{PATIENCE, TestDatabase};
use tokio::task::JoinSet;

/// Whether an item is open.
const OPEN: &str = "exists (select from hearken.inbox_items where finished_at is null)";

#[tokio::test(flavor = "multi_thread")]
async fn no_more_run_at_once_than_the_queue_allows() -> anyhow::Result<()> {
    const MOST: u32 = 5;
    let db = TestDatabase::new().await?;
    let c = &db.client;
    c.batch_execute(&format!("insert into hearken.queues (name, concurrency) values ('q', {MOST})")).await?;
    fill(c, "q", 200, &[("priority", "n % 2"), ("attempts_max", "100")]).await?;
    watch::queue(c, MOST).await?;
    let full = lease(c, "'w', '{q}', 20").await?;
    assert_eq!(full.len(), MOST as usize, "and as many as it allows");
    assert!(lease(c, "'w', '{q}'").await?.is_empty());
    for item in full {
        assert_eq!(item.tell(c, "release", "").await?, "released");
    }

    let mut workers = JoinSet::new();
    for worker in 0..16 {
        let client = db.connect().await?;
        workers.spawn(async move {
            let mut dice = Dice::new(worker);
            while text(&client, OPEN).await? == "true" {
                for item in lease(&client, &format!("'w', '{{q}}', {}", 1 + dice.roll(4))).await? {
                    client.batch_execute("select pg_sleep(0.003)").await?;
                    let (function, arguments) = match dice.roll(10) {
                        0 => ("fail", ", 'no', true, '0 seconds'"),
                        1 => ("snooze", ", '0 seconds'"),
                        2 => ("release", ""),
                        _ => ("complete", ""),
                    };
                    let word = item.tell(&client, function, arguments).await?;
                    anyhow::ensure!(word != "stale", "{function}");
                }
            }
            anyhow::Ok(())
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    assert_eq!(states(c).await?, "done 200");
    Ok(())
}

/// Leases which began within any such while, both of its ends counted as they are in
/// the page: one which is exactly so long ago counts no more.
#[tokio::test(flavor = "multi_thread")]
async fn no_more_start_in_a_while_than_the_queue_allows() -> anyhow::Result<()> {
    const MOST: i64 = 25;
    let db = TestDatabase::new().await?;
    let c = &db.client;
    let policy = "insert into hearken.queues (name, rate_max, rate_per) values ('q', 25, '250 milliseconds')";
    c.batch_execute(policy).await?;
    fill(c, "q", 250, &[]).await?;
    watch::starts(c).await?;
    let mut workers = JoinSet::new();
    for worker in 0..8_u64 {
        let client = db.connect().await?;
        workers.spawn(async move {
            while text(&client, OPEN).await? == "true" {
                for item in lease(&client, &format!("'w', '{{q}}', {}", 1 + worker % 4)).await? {
                    item.tell(&client, "complete", "").await?;
                }
            }
            anyhow::Ok(())
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    let fullest = "select max(n) from (select count(*) over \
        (order by at range between interval '249.999 milliseconds' preceding and current row) as n \
        from public.starts) s";
    assert_eq!(text(c, fullest).await?, MOST.to_string(), "and as many as it allows");
    assert_eq!(text(c, "select count(*) from public.starts").await?, "250");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_told_when_a_rate_has_room_again() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    let clock = Clock::stopped(&db).await?;
    let policy = "insert into hearken.queues (name, rate_max, rate_per) values ('q', 2, '10 seconds')";
    c.batch_execute(policy).await?;
    fill(c, "q", 5, &[]).await?;
    assert_eq!(lease(c, "'w', '{q}', 9").await?.len(), 2);
    clock.forward("4 seconds").await?;
    assert!(lease(c, "'w', '{q}', 9").await?.is_empty());
    assert_eq!(text(c, "hearken.next_due('{q}') - hearken.now()").await?, "00:00:06");
    clock.forward("6 seconds").await?;
    assert_eq!(lease(c, "'w', '{q}', 9").await?.len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_queue_gives_nothing_and_takes_answers() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    fill(c, "q", 2, &[]).await?;
    fill(c, "p", 1, &[]).await?;
    let held = lease_one(c, "'w', '{q}'").await?;
    assert_eq!(text(c, "hearken.pause_queue('q', 'the bank is closed')").await?, "paused");
    assert_eq!(text(c, "hearken.pause_queue('q')").await?, "paused already");
    assert_eq!(lease(c, "'w', '{q,p}', 9").await?.len(), 1, "the other queue goes on");
    assert_eq!(text(c, "hearken.next_due('{q}')").await?, "null");
    assert_eq!(held.tell(c, "extend", "").await?, "extended");
    assert_eq!(held.tell(c, "complete", "").await?, "done");

    let (_ear, mut bells) = ear(&db.url, "hearken:q").await?;
    assert_eq!(text(c, "hearken.resume_queue('q')").await?, "resumed");
    let bell = tokio::time::timeout(PATIENCE, bells.recv()).await?;
    assert!(bell.is_some_and(|(channel, _)| channel == "hearken:q"));
    assert_eq!(text(c, "hearken.resume_queue('q')").await?, "not paused");
    assert_eq!(lease(c, "'w', '{q}', 9").await?.len(), 1);
    Ok(())
}

/// Another worker may be asleep: whatever gives a slot or a key back rings.
#[tokio::test(flavor = "multi_thread")]
async fn a_slot_which_is_free_again_rings() -> anyhow::Result<()> {
    check_rings("insert into hearken.queues (name, concurrency) values ('q', 1)", &[]).await?;
    check_rings("", &[("key", "'a'")]).await
}

async fn check_rings(policy: &str, values: &[(&str, &str)]) -> anyhow::Result<()> {
    for answer in ["complete", "fail", "release", "snooze", "complete_all", "cancel", "expire"] {
        let db = TestDatabase::new().await?;
        let c = &db.client;
        c.batch_execute(policy).await?;
        fill(c, "q", 2, values).await?;
        let (_ear, mut bells) = ear(&db.url, "hearken:q").await?;
        let held = lease_one(c, "'w', '{q}', 2").await?;
        let told = match answer {
            "snooze" => held.tell(c, "snooze", ", '1 hour'").await?,
            "fail" => held.tell(c, "fail", ", 'no', retry => false").await?,
            "complete_all" => {
                let call = format!("hearken.complete_all('{{{}}}', '{{{}}}')", held.id, held.token);
                text(c, &format!("select answer from {call}")).await?
            }
            "cancel" => text(c, &format!("hearken.cancel({})", held.id)).await?,
            "expire" => {
                db.set_clock("clock_timestamp() + interval '1 hour'").await?;
                text(c, "hearken.expire_leases()").await?
            }
            other => held.tell(c, other, "").await?,
        };
        assert_ne!(told, "stale", "{answer}");
        let bell = tokio::time::timeout(PATIENCE, bells.recv()).await;
        assert!(
            matches!(&bell, Ok(Some((channel, _))) if channel == "hearken:q"),
            "{policy} {answer}: {bell:?}"
        );
    }
    Ok(())
}

/// Extended for ever, an attempt ends at its deadline all the same.
#[tokio::test(flavor = "multi_thread")]
async fn no_lease_is_extended_beyond_the_deadline() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    let clock = Clock::stopped(&db).await?;
    let policy =
        "insert into hearken.queues (name, lease, deadline) values ('q', '10 seconds', '25 seconds')";
    c.batch_execute(policy).await?;
    fill(c, "q", 1, &[]).await?;
    let left = "select lease_until - hearken.now() from hearken.inbox_items";
    let held = lease_one(c, "'w', '{q}'").await?;
    for (forward, word, lasts) in [("0", "extended", "00:00:10"), ("9", "extended", "00:00:10")] {
        clock.forward(&format!("{forward} seconds")).await?;
        assert_eq!(
            (held.tell(c, "extend", "").await?.as_str(), text(c, left).await?.as_str()),
            (word, lasts)
        );
    }
    clock.forward("9 seconds").await?;
    assert_eq!(held.tell(c, "extend", ", '1 hour'").await?, "extended");
    assert_eq!(text(c, left).await?, "00:00:07", "up to the deadline");
    clock.forward("7 seconds").await?;
    assert_eq!(held.tell(c, "extend", "").await?, "stale");
    text(c, "hearken.expire_leases()").await?;
    assert_eq!(held.tell(c, "complete", "").await?, "stale");
    let error =
        "select state || ' ' || attempt || ': ' || (errors -> 0 ->> 'error') from hearken.inbox_items";
    assert_eq!(text(c, error).await?, "failed 1: the attempt had not ended at its deadline");

    let again = lease_one(c, "'w', '{q}', lease => '1 hour'").await?;
    assert_eq!(text(c, left).await?, "00:00:25", "no lease is longer either");
    assert_eq!(again.attempt, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_lasts_as_the_worker_or_the_queue_says() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    Clock::stopped(&db).await?;
    c.batch_execute("insert into hearken.queues (name, lease) values ('q', '20 seconds')").await?;
    for (queue, lease, lasts) in [
        ("q", "null", "00:00:20"),
        ("q", "'7 seconds'", "00:00:07"),
        ("q", "'1 second'", "00:00:05"),
        ("p", "null", "00:05:00"),
        ("p", "'1 second'", "00:00:05"),
    ] {
        fill(c, queue, 1, &[]).await?;
        let held = lease_one(c, &format!("'w', '{{{queue}}}', 1, {lease}")).await?;
        let left =
            format!("select lease_until - hearken.now() from hearken.inbox_items where id = {}", held.id);
        assert_eq!(text(c, &left).await?, lasts, "{queue} {lease}");
        held.tell(c, "extend", &format!(", {lease}")).await?;
        assert_eq!(text(c, &left).await?, lasts, "{queue} {lease}, extended");
        held.tell(c, "complete", "").await?;
    }
    Ok(())
}

/// An older snapshot would count wrong; without limits it does no harm.
#[tokio::test(flavor = "multi_thread")]
async fn queues_with_limits_are_leased_from_in_read_committed_only() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute("insert into hearken.queues (name, concurrency) values ('narrow', 1)").await?;
    for (queue, key) in [("plain", "null"), ("narrow", "null"), ("keyed", "'a'")] {
        fill(&db.client, queue, 1, &[("key", key)]).await?;
    }
    let client = connect(&db.url).await?;
    client.batch_execute("set default_transaction_isolation = 'repeatable read'").await?;
    assert_eq!(lease(&client, "'w', '{plain}'").await?.len(), 1);
    for queue in ["narrow", "keyed"] {
        let error = client.query("select hearken.lease('w', $1)", &[&vec![queue]]).await.expect_err(queue);
        let error = error.as_db_error().expect("an answer of the database");
        assert!(error.message().contains("read committed"), "{error}");
    }
    Ok(())
}

/// Queues with limits are looked at in another way than those without; together they
/// give no more than was asked for, and what is due first.
#[tokio::test(flavor = "multi_thread")]
async fn queues_of_both_kinds_give_as_many_as_were_asked_for() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    c.batch_execute("insert into hearken.queues (name, concurrency) values ('limited', 10)").await?;
    // Due in turns: 1 plain, 1 limited, 2 plain, 2 limited, and so on.
    for (queue, later) in [("plain", 0), ("limited", 1)] {
        let due = format!("hearken.now() - interval '1 hour' + (2 * n + {later}) * interval '1 second'");
        fill(c, queue, 6, &[("due_at", &due)]).await?;
    }
    for want in ["plain 1, limited 1, plain 2", "limited 2, plain 3, limited 3"] {
        let got = "select string_agg(l.queue || replace(l.title, 'item', ''), ', ' order by l.due_at) \
                   from hearken.lease('w', '{plain,limited}', 3) l";
        assert_eq!(text(c, got).await?, want);
    }
    // Nothing is locked, counted or leased beyond them.
    assert_eq!(states(c).await?, "leased 6, waiting 6");
    Ok(())
}
