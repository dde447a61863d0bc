//! The weeks of the log: added ahead, dropped behind the cursor, and never in
//! the way of a writer.

use crate::support::{TestDatabase, until};
use hearken::pg::log::LogReader;
use hearken::pg::partitions::{Table, maintain, partitions};
use hearken::pg::session::SessionRole;
use jiff::{SignedDuration, Timestamp};
use std::time::Instant;

const MONTH: SignedDuration = SignedDuration::from_hours(24 * 30);

fn now() -> Timestamp {
    Timestamp::now()
}

fn weeks(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * 7 * count)
}

async fn covers_all_of_time(db: &TestDatabase) -> anyhow::Result<()> {
    let session = db.session(SessionRole::Tool).await?;
    for table in [Table::Events, Table::Decisions] {
        let all = partitions(&session, table).await?;
        assert_eq!(hearken::rules::partition::gaps(&all), [], "{all:#?}");
    }
    Ok(())
}

/// A year of weeks passes, with rows in each; nothing fails, old weeks go.
#[tokio::test(flavor = "multi_thread")]
async fn a_year_passes() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let session = db.session(SessionRole::Housekeeping).await?;
    let work = db.session(SessionRole::Work).await?;
    LogReader::prepare(&work).await?.begin(&work).await?;
    for week in 0..52 {
        db.set_clock(&format!("clock_timestamp() + interval '{week} weeks'")).await?;
        db.client.batch_execute("insert into hearken.events (type) values ('x')").await?;
        // Read: what is old may go.
        db.client
            .batch_execute("insert into hearken.progress (source, n, old, nonce) select 'events', max(n) + 1, pg_current_snapshot(), (select nonce from hearken.restore_mark) from hearken.progress")
            .await?;
        maintain(&session, Table::Events, now() + weeks(week), MONTH).await?;
        covers_all_of_time(&db).await?;
    }
    let left = partitions(&session, Table::Events).await?;
    assert!((8..=14).contains(&left.len()), "{left:#?}");
    let rows = db.count("select from hearken.events").await?;
    assert!((4..=7).contains(&rows), "{rows} rows are left of a month");
    Ok(())
}

/// What was not read is not dropped, however old.
#[tokio::test(flavor = "multi_thread")]
async fn unread_weeks_stay() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let session = db.session(SessionRole::Housekeeping).await?;
    let work = db.session(SessionRole::Work).await?;
    LogReader::prepare(&work).await?.begin(&work).await?;
    db.client.batch_execute("insert into hearken.events (type) values ('x')").await?;
    let report = maintain(&session, Table::Events, now() + weeks(60), MONTH).await?;
    assert_eq!(report.dropped, [] as [String; 0]);
    assert_eq!(db.count("select from hearken.events").await?, 1);
    covers_all_of_time(&db).await
}

/// The daemon was away for half a year: the last partition is in use. It becomes
/// one large one, and inserts go on all the while.
#[tokio::test(flavor = "multi_thread")]
async fn a_last_partition_in_use_is_closed_ahead() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let session = db.session(SessionRole::Housekeeping).await?;
    db.set_clock("clock_timestamp() + interval '26 weeks'").await?;
    db.client
        .batch_execute("insert into hearken.events (type) select 'x' from generate_series(1, 1000)")
        .await?;
    let writer = db.connect().await?;
    let writing = tokio::spawn(async move {
        let mut slowest = std::time::Duration::ZERO;
        for _ in 0..2000 {
            let began = Instant::now();
            writer.batch_execute("insert into hearken.events (type) values ('x')").await?;
            slowest = slowest.max(began.elapsed());
        }
        anyhow::Ok(slowest)
    });
    maintain(&session, Table::Events, now() + weeks(26), weeks(1000)).await?;
    eprintln!("the slowest insert meanwhile took {:?}", writing.await??);
    covers_all_of_time(&db).await?;
    let last = partitions(&session, Table::Events).await?.pop().expect("a last one");
    assert!(last.from > Some(now() + weeks(26)), "{last:?}");
    assert_eq!(db.count("select from hearken.events").await?, 3000);
    Ok(())
}

/// An open transaction on the log: the keeper gives up after 100 ms a try, and
/// no insert waits longer than that.
#[tokio::test(flavor = "multi_thread")]
async fn no_insert_waits_for_the_keeper() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let session = db.session(SessionRole::Housekeeping).await?;
    db.set_clock("clock_timestamp() + interval '26 weeks'").await?;
    let open = db.connect().await?;
    open.batch_execute("begin; insert into hearken.events (type) values ('x')").await?;
    let writer = db.connect().await?;
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let writing = tokio::spawn(async move {
        let mut slowest = std::time::Duration::ZERO;
        while stopped.try_recv().is_err() {
            let began = Instant::now();
            writer.batch_execute("insert into hearken.events (type) values ('x')").await?;
            slowest = slowest.max(began.elapsed());
        }
        anyhow::Ok(slowest)
    });
    let kept = maintain(&session, Table::Events, now() + weeks(26), MONTH).await;
    assert!(kept.is_err_and(|error| error.is_lock_timeout()), "the open transaction is in the way");
    let _ = stop.send(());
    let slowest = writing.await??;
    eprintln!("the slowest insert meanwhile took {slowest:?}");
    // 100 ms, and what a busy machine adds; without the timeout it would wait
    // for the open transaction, which is for ever.
    assert!(slowest.as_millis() < 2000, "{slowest:?}");
    open.batch_execute("commit").await?;
    maintain(&session, Table::Events, now() + weeks(26), weeks(1000)).await?;
    covers_all_of_time(&db).await
}

/// Interrupted runs leave a detach pending, a table aside, a gap: the next one
/// mends them.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_is_mended() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let session = db.session(SessionRole::Housekeeping).await?;
    let second = partitions(&session, Table::Events).await?.remove(1).name;
    let open = db.connect().await?;
    open.batch_execute("begin; select from hearken.events").await?;
    let cut = format!(
        "set lock_timeout = '100ms'; alter table hearken.events detach partition {second} concurrently"
    );
    let result = async {
        db.client.batch_execute("set lock_timeout = '100ms'").await?;
        db.client
            .batch_execute(&format!("alter table hearken.events detach partition {second} concurrently"))
            .await
    };
    assert!(result.await.is_err(), "{cut} should have met the open transaction");
    db.client.batch_execute("reset lock_timeout").await?;
    assert_eq!(db.count("select from pg_inherits where inhdetachpending").await?, 1);
    open.batch_execute("commit").await?;
    until("the keeper to succeed", || async { maintain(&session, Table::Events, now(), MONTH).await.ok() })
        .await;
    assert_eq!(db.count("select from pg_inherits where inhdetachpending").await?, 0);
    covers_all_of_time(&db).await
}
