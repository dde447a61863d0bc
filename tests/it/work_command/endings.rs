//! Stopping: workers which are told to, and commands whose lease is lost.

use super::{Worker, becomes, command, folder, is_gone, lines, put, text};
use crate::support::{TestDatabase, until};
use nix::sys::signal::Signal;
use std::path::Path;

const STATE: &str = "select concat_ws(' ', state, attempt, result #>> '{}') from hearken.inbox_items";

/// A script which says in a file that it has begun, and what signals it is sent, and
/// then does as `on_term` says.
fn script(folder: &Path, on_term: &str) -> String {
    let file = folder.join("said");
    format!(
        "trap 'echo TERM >> {0}; {on_term}' TERM; echo begun $$ >> {0}; while :; do sleep 0.05; done",
        file.display()
    )
}

async fn said(folder: &Path, want: &str) -> String {
    let file = folder.join("said");
    until(&format!("the command to say {want:?}"), || async {
        lines(&file).into_iter().find(|line| line.starts_with(want))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_which_comes_to_its_end_when_told_to_stop_is_done() -> anyhow::Result<()> {
    let (db, folder) = (TestDatabase::new().await?, folder());
    put(&db.client, "q", 1).await?;
    let script = script(folder.path(), "echo saved; exit 0");
    let mut worker = Worker::start(command(&db.url, &["--queue", "q"], &script));
    said(folder.path(), "begun").await;
    worker.signal(Signal::SIGTERM);
    assert_eq!(worker.ended().await.code(), Some(0));
    assert_eq!(text(&db.client, STATE).await?, "done 1 saved");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_which_stops_without_an_end_is_given_back_at_once() -> anyhow::Result<()> {
    let (db, folder) = (TestDatabase::new().await?, folder());
    put(&db.client, "q", 1).await?;
    let script = script(folder.path(), "exit 1");
    let mut worker = Worker::start(command(&db.url, &["--queue", "q"], &script));
    said(folder.path(), "begun").await;
    worker.signal(Signal::SIGINT);
    assert_eq!(worker.ended().await.code(), Some(0));
    assert_eq!(text(&db.client, STATE).await?, "waiting 0");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_which_does_not_stop_is_killed_and_its_item_given_back() -> anyhow::Result<()> {
    let (db, folder) = (TestDatabase::new().await?, folder());
    put(&db.client, "q", 1).await?;
    let script = script(folder.path(), ":");
    let mut worker = Worker::start(command(&db.url, &["--queue", "q", "--grace", "500ms"], &script));
    let begun = said(folder.path(), "begun").await;
    worker.signal(Signal::SIGTERM);
    said(folder.path(), "TERM").await;
    assert_eq!(worker.ended().await.code(), Some(0));
    assert_eq!(text(&db.client, STATE).await?, "waiting 0");
    is_gone(begun.trim_start_matches("begun ")).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_does_not_wait() -> anyhow::Result<()> {
    let (db, folder) = (TestDatabase::new().await?, folder());
    put(&db.client, "q", 1).await?;
    let script = script(folder.path(), ":");
    let mut worker = Worker::start(command(&db.url, &["--queue", "q", "--grace", "1h"], &script));
    let begun = said(folder.path(), "begun").await;
    worker.signal(Signal::SIGTERM);
    said(folder.path(), "TERM").await;
    worker.signal(Signal::SIGTERM);
    assert_eq!(worker.ended().await.code(), Some(130));
    assert_eq!(text(&db.client, STATE).await?, "waiting 0");
    is_gone(begun.trim_start_matches("begun ")).await;
    Ok(())
}

/// The heartbeat finds out, and the worker goes on with the next item.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_lease_is_lost_is_stopped_and_answers_nothing() -> anyhow::Result<()> {
    let (db, folder) = (TestDatabase::new().await?, folder());
    put(&db.client, "q", 2).await?;
    let stubborn = script(folder.path(), ":");
    let script = format!("if [ $HEARKEN_ITEM_ID = 2 ]; then exit 0; fi; {stubborn}");
    let _worker = Worker::start(command(&db.url, &["--queue", "q", "--lease", "5s"], &script));
    let begun = said(folder.path(), "begun").await;
    let cancel = "update hearken.inbox_items \
                  set state = 'cancelled', lease_until = null, finished_at = hearken.now() \
                  where id = 1 and state = 'leased'";
    assert_eq!(db.client.execute(cancel, &[]).await?, 1);
    said(folder.path(), "TERM").await;
    // It pays no heed to SIGTERM, and is killed.
    is_gone(begun.trim_start_matches("begun ")).await;
    let states = "select string_agg(concat_ws(' ', id, state, attempt), ', ' order by id) \
                  from hearken.inbox_items";
    becomes(&db.client, states, "1 cancelled 1, 2 done 1").await;
    Ok(())
}

/// Whoever completes the item in its own transaction, with the token it was given, is
/// not stopped for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_which_completes_its_item_itself_may_go_on() -> anyhow::Result<()> {
    let (db, folder) = (TestDatabase::new().await?, folder());
    put(&db.client, "q", 1).await?;
    let script = script(folder.path(), "exit 1");
    let _worker = Worker::start(command(&db.url, &["--queue", "q", "--lease", "5s"], &script));
    said(folder.path(), "begun").await;
    let complete = "select hearken.complete(id, token, '\"mine\"') from hearken.inbox_items";
    let answer: String = db.client.query_one(complete, &[]).await?.get(0);
    assert_eq!(answer, "done");
    // The heartbeats end, as the item is done; a lease which is lost would bring a
    // signal with the next one.
    until("two heartbeats' time", || async {
        let sql = "select hearken.now() - finished_at > interval '4 seconds' from hearken.inbox_items";
        db.client.query_one(sql, &[]).await.expect("a row").get::<_, bool>(0).then_some(())
    })
    .await;
    assert_eq!(lines(&folder.path().join("said")).len(), 1, "it was sent a signal");
    assert_eq!(text(&db.client, STATE).await?, "done 1 mine");
    Ok(())
}
