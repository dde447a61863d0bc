//! The doorbell loses no wake-up. The reconciling poll is set to an hour, so
//! that only the bell and the grant can explain a prompt item.

use crate::support::daemon::{EVERY, Setup};
use crate::support::database::connect;
use crate::support::{TestDatabase, until};
use serde_json::json;
use std::time::{Duration, Instant};

const HOUR: &str = "reconcile = \"1h\"";
/// Later than this is not prompt. A lost wake-up is an hour late; a slow machine
/// is not.
const PROMPT: Duration = Duration::from_secs(5);

/// Tens of thousands of sparse commits from several writers, at all the moments
/// at which the daemon goes to sleep; each becomes an item promptly.
///
/// Each writer waits until its event is an item before it sleeps a random while
/// and writes the next, so that a lost wake-up stands out: it would wait for an
/// hour, unless another writer rings. Hence also phases with one writer only.
#[tokio::test(flavor = "multi_thread")]
async fn no_sparse_commit_is_late() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let daemon = Setup::new(&db.url, &[("every", EVERY)]).daemon(HOUR).daemon("linger = \"1ms\"").start();
    daemon.leads().await;
    let (mut events, mut worst) = (0, Duration::ZERO);
    for (writers, each) in [(1, 2500), (2, 2500), (4, 2500), (8, 1000)] {
        let mut set = tokio::task::JoinSet::new();
        for writer in 0..writers {
            set.spawn(sparse_writer(db.url.clone(), writer, each));
        }
        while let Some(late) = set.join_next().await {
            worst = worst.max(late??);
        }
        events += writers * each;
    }
    eprintln!("{events} sparse commits, the latest item after {worst:?}");
    assert_eq!(db.not_exactly_once("test.event").await?, [] as [String; 0]);
    Ok(())
}

/// Returns the longest time from commit to item.
async fn sparse_writer(url: String, writer: u32, events: u32) -> anyhow::Result<Duration> {
    let client = connect(&url).await?;
    let emit = client.prepare("select hearken.emit('test.event', jsonb_build_object('n', $1::int8))").await?;
    let look = client.prepare("select exists (select from hearken.inbox_items where event_seq = $1)").await?;
    let mut worst = Duration::ZERO;
    let mut random = u64::from(writer) * 7919 + 1;
    for turn in 0..events {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if turn % 3 == 0 {
            client.batch_execute("begin").await?;
        }
        let seq: i64 = client.query_one(&emit, &[&i64::from(turn)]).await?.get(0);
        if turn % 3 == 0 {
            // The insert and the commit fall on different moments.
            tokio::time::sleep(Duration::from_micros(random >> 52)).await;
            client.batch_execute("commit").await?;
        }
        let committed = Instant::now();
        while !client.query_one(&look, &[&seq]).await?.get::<_, bool>(0) {
            let late = committed.elapsed();
            anyhow::ensure!(late < PROMPT, "event {seq} is not an item after {late:?}: its wake-up was lost");
        }
        worst = worst.max(committed.elapsed());
        // From nothing to four milliseconds: around the time of falling asleep.
        tokio::time::sleep(Duration::from_micros(random >> 52)).await;
    }
    Ok(worst)
}

/// A transaction which inserted while the daemon was awake, and commits long
/// after it fell asleep, is heard at its commit: the grant is the bell.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_silent_transaction_is_heard_at_its_commit() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let daemon = Setup::new(&db.url, &[("every", EVERY)]).daemon(HOUR).daemon("linger = \"500ms\"").start();
    daemon.leads().await;
    let slow = db.connect().await?;
    for n in 0..20 {
        // Wake it, so that S does not hold the lock and the insert is silent.
        db.emit("test.event", json!({ "n": n })).await?;
        slow.batch_execute(
            "begin; insert into hearken.events (type, data) values ('test.event', '{\"n\": -1}')",
        )
        .await?;
        until("the daemon to ask for the lock", || async {
            let sql =
                "select from pg_locks where locktype = 'advisory' and classid = 1751478891 and not granted";
            (db.count(sql).await.ok()? == 1 || n % 2 == 0).then_some(())
        })
        .await;
        let committed = Instant::now();
        slow.batch_execute("commit").await?;
        db.items(2 * (n + 1)).await?;
        assert!(committed.elapsed() < PROMPT);
    }
    Ok(())
}

/// What the last look is for (step 7), and that these tests would catch a
/// protocol without it: a writer which was silent, because the daemon was awake
/// when it inserted, is not heard when it commits.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_last_look_a_wake_up_is_lost() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let daemon = Setup::new(&db.url, &[("every", EVERY)])
        .daemon(HOUR)
        .daemon("linger = \"500ms\"")
        .env("HEARKEN_FAILPOINT", hearken::daemon::failpoint::NO_LAST_LOOK)
        .start();
    daemon.leads().await;
    let slow = db.connect().await?;
    db.emit("test.event", json!({ "n": 1 })).await?;
    db.items(1).await?;
    slow.batch_execute("begin; insert into hearken.events (type, data) values ('test.event', '{\"n\": 2}')")
        .await?;
    let asked = "select from pg_locks where locktype = 'advisory' and classid = 1751478891 and objid = 1 \
                 and mode = 'ExclusiveLock' and database = (select oid from pg_database where datname = current_database())";
    until("the daemon to wait for the lock", || async {
        (db.count(&format!("{asked} and not granted")).await.ok()? == 1).then_some(())
    })
    .await;
    slow.batch_execute("commit").await?;
    until("the daemon to be granted the lock", || async {
        (db.count(&format!("{asked} and granted")).await.ok()? == 1).then_some(())
    })
    .await;
    // It sleeps, and the event is there: whoever inserts next rings for both.
    let events = db.count("select from hearken.events where type = 'test.event'").await?;
    assert_eq!((events, db.count("select from hearken.inbox_items").await?), (2, 1));
    db.emit("test.event", json!({ "n": 3 })).await?;
    db.items(3).await
}

/// Awake, the daemon makes nobody ring: the bells are few while writers are busy.
#[tokio::test(flavor = "multi_thread")]
async fn busy_writers_are_not_made_to_ring() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let daemon = Setup::new(&db.url, &[("every", EVERY)]).daemon(HOUR).start();
    daemon.leads().await;
    db.client
        .batch_execute(
            "do $$ begin for i in 1..5000 loop \
               insert into hearken.events (type, data) values ('test.event', '{\"n\": 1}'); commit; end loop; end $$",
        )
        .await?;
    db.items(5000).await?;
    // A pass logs its events; had every commit rung, the passes would be tiny.
    let passes = daemon.log().iter().filter(|line| line.contains("\"pass\"")).count();
    eprintln!("5000 commits were read in {passes} passes");
    Ok(())
}

/// Rolling back to a savepoint takes back row, lock and bell; what stays is heard.
#[tokio::test(flavor = "multi_thread")]
async fn savepoints_take_nothing_else_back() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let daemon = Setup::new(&db.url, &[("every", EVERY)]).daemon(HOUR).start();
    daemon.leads().await;
    let insert =
        |n| format!("insert into hearken.events (type, data) values ('test.event', '{{\"n\": {n}}}')");
    for n in 0..50 {
        let script = format!(
            "begin; savepoint a; {}; rollback to a; {}; savepoint b; {}; rollback to b; commit",
            insert(-1),
            insert(n),
            insert(-2)
        );
        db.client.batch_execute(&script).await?;
        db.items(n + 1).await?;
    }
    Ok(())
}

/// If the lock cannot be had, writers ring.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_takes_the_lock_silences_nothing() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let daemon = Setup::new(&db.url, &[("every", EVERY)]).daemon(HOUR).start();
    daemon.leads().await;
    let stranger = db.connect().await?;
    for n in 0..20 {
        // It waits behind the sleeping daemon, or holds the lock: all the same.
        let wait = "begin; set local lock_timeout = '20ms'; select pg_advisory_xact_lock(1751478891, 1)";
        let _ = stranger.batch_execute(wait).await;
        db.emit("test.event", json!({ "n": n })).await?;
        db.items(n + 1).await?;
        stranger.batch_execute("rollback").await?;
    }
    Ok(())
}

/// Whoever commits before the request for the lock has arrived is not heard with the
/// longest of those which were silent, but soon.
#[tokio::test(flavor = "multi_thread")]
async fn a_short_silent_commit_does_not_wait_for_a_long_one() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let daemon = Setup::new(&db.url, &[("every", EVERY)])
        .daemon(HOUR)
        .env("HEARKEN_FAILPOINT", hearken::daemon::failpoint::SLOW_ASK)
        .start();
    daemon.leads().await;
    let mut long = db.connect().await?;
    for n in 0..5 {
        db.emit("test.event", json!({ "n": 0 })).await?;
        db.items(3 * n + 1).await?;
        // Awake, or about to ask: both are silent, and the long one keeps the lock.
        let open = long.transaction().await?;
        open.execute("select hearken.emit('test.event', '{\"n\": 1}')", &[]).await?;
        db.emit("test.event", json!({ "n": 2 })).await?;
        let committed = Instant::now();
        db.items(3 * n + 2).await?;
        assert!(committed.elapsed() < PROMPT, "{:?}", committed.elapsed());
        open.commit().await?;
        db.items(3 * n + 3).await?;
    }
    Ok(())
}
