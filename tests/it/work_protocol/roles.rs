//! Workers which may touch one queue, or one tenant: all else is as if it were not
//! there, also where a limit or a key counts it.

use super::{Lease, lease, lease_one};
use crate::tenants::world::{World, count, refused, text};

/// What a worker says of an item which is not its own, by its number and token.
const ANSWERS: &[(&str, &str)] = &[
    ("extend", ""),
    ("progress", ", '{}'"),
    ("complete", ""),
    ("fail", ""),
    ("snooze", ", '1 hour'"),
    ("release", ""),
];

/// What is for the daemon and for operators.
const NOT_FOR_WORKERS: &[&str] = &[
    "select hearken.retry(1)",
    "select hearken.\"drop\"(1)",
    "select hearken.pause_queue('p')",
    "select hearken.archive_items('0', '0')",
    "select hearken.to_history('{1}', null)",
    "select hearken.watch_leases('1 second')",
    "select hearken.retry_all()",
    "select hearken.drop_all()",
    "select hearken.cancel_all()",
    "update hearken.queues set concurrency = 1000",
    "insert into hearken.queues (name) values ('mine')",
    "delete from hearken.queue_uses",
    "select from hearken.history",
];

/// Items 7, 8 and 9 are of queue `p`, the others of `q`.
#[tokio::test(flavor = "multi_thread")]
async fn another_queues_item_is_as_if_it_were_not_there() -> anyhow::Result<()> {
    let world = World::enabled().await?;
    let of_p = world.worker("of_p", "('p', null)").await?;
    let of_q = world.worker("of_q", "('q', null)").await?;
    let theirs = lease_one(&of_q, "'w', '{q}'").await?;

    assert!(lease(&of_p, "'w', '{q}', 9").await?.is_empty());
    assert_eq!(text(&of_p, "coalesce(hearken.next_due('{q}')::text, 'never')").await?, "never");
    for held in [theirs, Lease { token: 0, ..theirs }, Lease { id: 999, ..theirs }] {
        for (function, arguments) in ANSWERS {
            assert_eq!(held.tell(&of_p, function, arguments).await?, "stale", "{function} {held:?}");
        }
        let both = format!("hearken.complete_all('{{{}}}', '{{{}}}')", held.id, held.token);
        assert_eq!(text(&of_p, &format!("(select answer from {both})")).await?, "stale", "{held:?}");
    }
    assert_eq!(theirs.tell(&of_q, "complete", "").await?, "done");
    for (function, arguments) in ANSWERS {
        assert_eq!(theirs.tell(&of_p, function, arguments).await?, "stale", "{function}, of a finished one");
    }
    for sql in NOT_FOR_WORKERS {
        refused(&of_p, sql, "42501").await;
    }

    // In its own queue it may do all a worker can.
    let mine = lease(&of_p, "'w', '{p,q}', 9").await?;
    assert_eq!(mine.len(), 3);
    for (held, (function, arguments, word)) in mine.iter().zip([
        ("fail", ", 'no'", "failed"),
        ("snooze", ", '1 hour', 'later'", "snoozed"),
        ("complete", ", '{}'", "done"),
    ]) {
        assert_eq!(held.tell(&of_p, "extend", "").await?, "extended");
        assert_eq!(held.tell(&of_p, "progress", ", '{\"half\": true}'").await?, "noted");
        assert_eq!(held.tell(&of_p, function, arguments).await?, word);
        assert_eq!(held.tell(&of_p, function, arguments).await?, word, "again");
    }
    Ok(())
}

/// A limit is the queue's, whoever's items fill it; and nobody is given another's.
#[tokio::test(flavor = "multi_thread")]
async fn limits_and_keys_count_what_a_worker_cannot_see() -> anyhow::Result<()> {
    for change in [
        "insert into hearken.queues (name, concurrency) values ('q', 1)",
        "insert into hearken.queues (name, rate_max, rate_per) values ('q', 1, '1 hour')",
        "update hearken.inbox_items set key = 'k'",
    ] {
        let world = World::enabled().await?;
        let a = world.worker("a", "(null, 'a')").await?;
        let b = world.worker("b", "(null, 'b')").await?;
        world.postgres.batch_execute(change).await?;
        // a1 is the first of the key.
        let theirs = lease(&a, "'w', '{q}', 9").await?;
        assert_eq!(theirs.len(), 1, "{change}");
        assert!(lease(&b, "'w', '{q}', 9").await?.is_empty(), "{change}");
        assert_eq!(count(&b, "select from hearken.inbox_items where tenant <> 'b'").await?, 0);
        assert_eq!(theirs[0].tell(&b, "release", "").await?, "stale", "{change}");
        assert_eq!(theirs[0].tell(&a, "complete", "").await?, "done", "{change}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_told_again_from_the_history_to_its_own_worker_only() -> anyhow::Result<()> {
    let world = World::enabled().await?;
    let a = world.worker("a", "(null, 'a')").await?;
    let b = world.worker("b", "(null, 'b')").await?;
    let held = lease_one(&a, "'w', '{q}'").await?;
    assert_eq!(held.tell(&a, "complete", "").await?, "done");
    world.owner("select hearken.archive_items('0 seconds', '0 seconds')").await?;
    assert_eq!(count(&world.postgres, "select from hearken.history").await?, 1);
    assert_eq!(held.tell(&a, "complete", "").await?, "done");
    assert_eq!(held.tell(&b, "complete", "").await?, "stale");
    refused(&a, "select from hearken.items", "42501").await;
    Ok(())
}
