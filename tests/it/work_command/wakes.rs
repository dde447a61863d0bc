//! When a worker begins: by notification, and on so many items at once.

use super::{Worker, becomes, command, folder, put, text};
use crate::support::{TestDatabase, until};
use std::time::{Duration, Instant};

/// The session which leases has been silent for so long.
const SILENT: &str = "\
    select clock_timestamp() - max(query_start) > interval '3 seconds' from pg_stat_activity \
    where datname = current_database() and application_name = 'hearken work'";

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_is_silent_and_a_bell_wakes_it() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let _worker = Worker::start(command(&db.url, &["--queue", "other", "--queue", "q"], "true"));
    // If it did not listen, it would look every second.
    until("the worker to be asleep", || async {
        let row = db.client.query_one(SILENT, &[]).await.expect("a row");
        row.get::<_, Option<bool>>(0).unwrap_or_default().then_some(())
    })
    .await;
    let began = Instant::now();
    put(&db.client, "q", 1).await?;
    becomes(&db.client, "select state from hearken.inbox_items", "done").await;
    eprintln!("an idle worker had done an item {:?} after it was put", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(5), "it waited for a poll: {:?}", began.elapsed());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_falls_due_later_is_begun_then_without_a_bell() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    put(&db.client, "q", 1).await?;
    let late = "update hearken.inbox_items set due_at = hearken.now() + interval '2 seconds'";
    db.client.batch_execute(late).await?;
    let _worker = Worker::start(command(&db.url, &["--queue", "q", "--poll", "1h"], "true"));
    becomes(&db.client, "select state from hearken.inbox_items", "done").await;
    let waited = "select leased_at - due_at between interval '0' and interval '5 seconds' \
                  from hearken.inbox_items";
    assert_eq!(text(&db.client, waited).await?, "true");
    Ok(())
}

/// Three run at once, since each waits until three have begun; and never a fourth.
#[tokio::test(flavor = "multi_thread")]
async fn so_many_commands_run_at_once_as_were_asked_for() -> anyhow::Result<()> {
    let (db, folder) = (TestDatabase::new().await?, folder());
    std::fs::create_dir(folder.path().join("running"))?;
    std::fs::create_dir(folder.path().join("begun"))?;
    let script = "touch running/$HEARKEN_ITEM_ID begun/$HEARKEN_ITEM_ID; \
                  while [ $(ls begun | wc -l) -lt 3 ]; do sleep 0.02; done; sleep 0.1; \
                  ls running | wc -l; rm running/$HEARKEN_ITEM_ID";
    put(&db.client, "q", 9).await?;
    let script = format!("cd {}; {script}", folder.path().display());
    let args = ["--queue", "q", "--concurrency", "3"];
    let (status, said) = super::once(&db, &args, &script);
    assert_eq!(status, 0, "{said}");
    let figures = "select concat_ws(' ', count(*), max((result #>> '{}')::int)) from hearken.inbox_items \
                   where state = 'done'";
    assert_eq!(text(&db.client, figures).await?, "9 3");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_takes_what_its_tags_allow() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    put(&db.client, "q", 3).await?;
    let tags = "update hearken.inbox_items set tags = '{gpu}' where id = 1; \
                update hearken.inbox_items set tags = '{gpu,eu}' where id = 2";
    db.client.batch_execute(tags).await?;
    let (status, said) = super::once(&db, &["--queue", "q", "--tag", "gpu"], "true");
    assert_eq!(status, 0, "{said}");
    let states = "select string_agg(state, ' ' order by id) from hearken.inbox_items";
    assert_eq!(text(&db.client, states).await?, "done waiting done");
    Ok(())
}
