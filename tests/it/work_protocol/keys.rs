//! Items of one key run one after another, in order, whatever their workers do.

use super::{Clock, Dice, Lease, fill, lease, lease_one, move_clock, states, text, watch};
use crate::support::TestDatabase;
use tokio::task::JoinSet;
use tokio_postgres::Client;

const WORKERS: u64 = 16;
const KEYS: i32 = 12;
const ITEMS: i32 = 160;

/// Which earlier items hold up a later one of their key, by `blocked_by`.
const BLOCKS: &[(&str, &str)] = &[
    (
        "leased",
        "earlier.state = 'leased' \
         or (earlier.state in ('waiting', 'failed') and earlier.due_at <= new.leased_at)",
    ),
    (
        "failed",
        "earlier.state in ('leased', 'failed') \
         or (earlier.state = 'waiting' and earlier.due_at <= new.leased_at)",
    ),
    ("earlier", "earlier.state in ('leased', 'waiting', 'failed')"),
];

/// Whether an item is open.
const OPEN: &str = "exists (select from hearken.inbox_items where finished_at is null)";

/// A worker which does with its items whatever comes to its mind, until none is open.
/// Who finds nothing moves the clock on.
async fn whim(client: &Client, mut dice: Dice) -> anyhow::Result<()> {
    loop {
        let leased = lease(client, &format!("'whim', '{{q}}', {}, '10 seconds'", 1 + dice.roll(3))).await?;
        if leased.is_empty() {
            if text(client, OPEN).await? == "false" {
                return Ok(());
            }
            move_clock(client, "1500 milliseconds").await?;
        }
        for item in leased {
            follow_whim(client, item, &mut dice).await?;
        }
    }
}

async fn follow_whim(client: &Client, item: Lease, dice: &mut Dice) -> anyhow::Result<()> {
    let (function, arguments, words): (_, _, &[&str]) = match dice.roll(20) {
        0..=9 => ("complete", String::new(), &["done"]),
        10..=12 => ("fail", ", 'a whim'".to_owned(), &["failed", "dead"]),
        13 => ("fail", ", 'now', true, '0 seconds'".to_owned(), &["failed", "dead"]),
        14 => ("fail", ", 'never', retry => false".to_owned(), &["dead"]),
        15 | 16 => ("snooze", format!(", '{} seconds'", dice.roll(5)), &["snoozed"]),
        17 => ("release", String::new(), &["released"]),
        18 => ("extend", ", '20 seconds'".to_owned(), &["extended"]),
        // Dies: the lease runs out by itself.
        _ => return Ok(()),
    };
    let word = item.tell(client, function, &arguments).await?;
    // Others moved the clock on, so that the lease may have run out meanwhile.
    anyhow::ensure!(word == "stale" || words.contains(&word.as_str()), "{function}{arguments}: {word}");
    Ok(())
}

async fn check_order(blocked_by: &str, per_key: u32) -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    Clock::stopped(&db).await?;
    let c = &db.client;
    c.batch_execute(&format!(
        "insert into hearken.queues (name, blocked_by, concurrency_per_key) \
         values ('q', '{blocked_by}', {per_key})"
    ))
    .await?;
    watch::key(c, per_key).await?;
    if per_key == 1 {
        let (_, blocks) = BLOCKS.iter().find(|(name, _)| *name == blocked_by).expect("a rule");
        watch::order(c, blocks).await?;
    }
    // Some are urgent, some of the future, some have no key; and one key has a third of them.
    let key = format!("case when n % 13 = 0 then null when n % 3 = 0 then 'hot' else 'k' || n % {KEYS} end");
    let due = "hearken.now() + case when n % 7 = 0 then n % 40 else -n end * interval '1 second'";
    fill(c, "q", ITEMS, &[("key", &key), ("due_at", due), ("priority", "n % 4 / 3")]).await?;

    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let client = db.connect().await?;
        workers.spawn(async move { whim(&client, Dice::new(worker + 1)).await });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    let finished = "select count(*) from hearken.inbox_items where state in ('done', 'dead')";
    assert_eq!(text(c, finished).await?, ITEMS.to_string(), "{blocked_by}: {}", states(c).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_one_key_one_runs_at_a_time_and_in_order() -> anyhow::Result<()> {
    check_order("leased", 1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_item_may_hold_up_its_key() -> anyhow::Result<()> {
    check_order("failed", 1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_earlier_item_may_hold_up_its_key() -> anyhow::Result<()> {
    check_order("earlier", 1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_of_a_key_run_as_the_queue_says() -> anyhow::Result<()> {
    check_order("leased", 3).await
}

/// Of key `a` the first failed and waits an hour, the second is of tomorrow, the third
/// is due. `b` and the item without a key are none of their business.
async fn check_held_up(blocked_by: Option<&str>, leased: &str) -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    let policy = blocked_by.map_or("null".to_owned(), |word| format!("'{word}'"));
    c.batch_execute(&format!("insert into hearken.queues (name, blocked_by) values ('q', {policy})")).await?;
    fill(c, "q", 1, &[("key", "'a'")]).await?;
    let first = lease_one(c, "'w', '{q}'").await?;
    assert_eq!(first.tell(c, "fail", ", 'no', true, '1 hour'").await?, "failed");
    fill(c, "q", 1, &[("key", "'a'"), ("due_at", "hearken.now() + interval '1 day'")]).await?;
    for key in ["'a'", "'a'", "'b'", "null"] {
        fill(c, "q", 1, &[("key", key)]).await?;
    }
    let ids = lease(c, "'w', '{q}', 9").await?;
    let ids: Vec<String> = ids.iter().map(|lease| lease.id.to_string()).collect();
    assert_eq!(ids.join(" "), leased, "{blocked_by:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_holds_up_its_key_only_if_the_queue_says_so() -> anyhow::Result<()> {
    check_held_up(None, "3 5 6").await?;
    check_held_up(Some("leased"), "3 5 6").await?;
    check_held_up(Some("failed"), "5 6").await?;
    check_held_up(Some("earlier"), "5 6").await
}

/// What is of the future and never failed holds up its key by `earlier` alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_future_item_holds_up_its_key_only_if_the_queue_says_so() -> anyhow::Result<()> {
    for (blocked_by, leased) in [("leased", 1), ("failed", 1), ("earlier", 0)] {
        let db = TestDatabase::new().await?;
        let c = &db.client;
        let policy = format!("insert into hearken.queues (name, blocked_by) values ('q', '{blocked_by}')");
        c.batch_execute(&policy).await?;
        fill(c, "q", 1, &[("key", "'a'"), ("due_at", "hearken.now() + interval '1 day'")]).await?;
        fill(c, "q", 2, &[("key", "'a'")]).await?;
        assert_eq!(lease(c, "'w', '{q}', 9").await?.len(), leased, "{blocked_by}");
    }
    Ok(())
}

/// Thousands of items of one key before it do not hide an item of another.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_key_does_not_hide_the_others() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    fill(c, "q", 3000, &[("key", "'long'")]).await?;
    fill(c, "q", 1, &[("key", "'short'")]).await?;
    fill(c, "q", 1, &[]).await?;
    let ids: Vec<i64> = lease(c, "'w', '{q}', 9").await?.iter().map(|lease| lease.id).collect();
    assert_eq!(ids, [1, 3001, 3002]);
    assert!(lease(c, "'w', '{q}', 9").await?.is_empty());
    Ok(())
}

/// The same key in two queues is two keys.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_of_their_queue() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    for queue in ["p", "q"] {
        fill(&db.client, queue, 2, &[("key", "'a'")]).await?;
    }
    assert_eq!(lease(&db.client, "'w', '{p,q}', 9").await?.len(), 2);
    Ok(())
}

/// A lease which is not committed yet counts for those who come after it.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_transaction_holds_its_key() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let (one, other) = (db.connect().await?, db.connect().await?);
    fill(&db.client, "q", 2, &[("key", "'a'")]).await?;
    one.batch_execute("begin").await?;
    let first = lease_one(&one, "'w', '{q}'").await?;
    let waiting = tokio::spawn(async move { anyhow::Ok((lease(&other, "'w', '{q}'").await?, other)) });
    crate::support::until("the other to wait", || async {
        let waits = "select count(*) from pg_stat_activity where datname = current_database() \
                     and wait_event_type = 'Lock' and wait_event = 'advisory'";
        (text(&db.client, waits).await.ok()? == "1").then_some(())
    })
    .await;
    one.batch_execute("commit").await?;
    let (leased, other) = waiting.await??;
    assert!(leased.is_empty(), "{leased:?}");
    assert_eq!(first.tell(&one, "complete", "").await?, "done");
    assert_eq!(lease_one(&other, "'w', '{q}'").await?.id, 2);
    Ok(())
}
