//! An event reaches the inbox whether or not its notification did.

use crate::support::daemon::{EVERY, Setup};
use crate::support::{TestDaemon, TestDatabase};
use serde_json::json;

/// The notification is the fast path and the look at the start is the safety
/// net. This cuts the fast path: the event is committed before anybody listens.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_committed_while_down_is_enqueued_once() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.emit("test.event", json!({ "n": 7 })).await?;
    let daemon = TestDaemon::start(&db);
    db.items(1).await?;
    assert_eq!(db.titles().await?, ["event 7"]);
    assert!(daemon.stop().await.success());

    // The next daemon reads the same log and must add nothing.
    let daemon = TestDaemon::start(&db);
    daemon.leads().await;
    db.emit("test.event", json!({ "n": 8 })).await?;
    db.items(2).await?;
    assert_eq!(db.titles().await?, ["event 7", "event 8"]);
    assert!(daemon.stop().await.success());
    Ok(())
}

/// Plain insert works like emit, and an event nobody wants makes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_plain_insert_is_heard_and_other_types_are_not() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let daemon = Setup::new(&db.url, &[("every", EVERY)]).daemon("reconcile = \"1h\"").start();
    daemon.leads().await;
    db.client
        .batch_execute(
            "insert into hearken.events (type, data) values ('other.event', '{}'), ('test.event', '{\"n\": 1}')",
        )
        .await?;
    db.items(1).await?;
    assert_eq!(db.titles().await?, ["event 1"]);
    Ok(())
}

/// Rows that come past the trigger are found by the poll: `session_replication_role`
/// silences it, as do inserts straight into a partition.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_bell_does_not_ring_for_is_found_by_the_poll() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let daemon = Setup::new(&db.url, &[("every", EVERY)]).daemon("reconcile = \"1s\"").start();
    daemon.leads().await;
    db.client
        .batch_execute(
            "set session_replication_role = replica; \
             insert into hearken.events (type, data) values ('test.event', '{\"n\": 1}'); \
             set session_replication_role = origin; \
             set hearken.doorbell = 'off'; \
             insert into hearken.events (type, data) values ('test.event', '{\"n\": 2}'); \
             reset hearken.doorbell; \
             insert into hearken.events_floor (at, type, data) select '2020-01-01', 'test.event', '{\"n\": 3}'",
        )
        .await?;
    db.items(3).await?;
    assert_eq!(db.not_exactly_once("test.event").await?, [] as [String; 0]);
    Ok(())
}

/// Without a doorbell the source is polled.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_without_doorbell_polls() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let daemon =
        Setup::new(&db.url, &[("every", EVERY)]).daemon("doorbell = \"off\"\npoll = \"200ms\"").start();
    daemon.leads().await;
    for n in 0..3 {
        db.emit("test.event", json!({ "n": n })).await?;
        db.items(n + 1).await?;
    }
    Ok(())
}
