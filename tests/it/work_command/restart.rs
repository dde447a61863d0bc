//! The database goes away under a worker.

use super::{Worker, becomes, command, folder, lines, put, text};
use crate::support::{TestDatabase, own_cluster, until};
use hearken::cluster::StopMode;
use std::path::Path;

/// Begins, and waits for a file.
fn script(folder: &Path) -> String {
    let (begun, go) = (folder.join("begun"), folder.join("go"));
    format!(
        "echo $HEARKEN_ATTEMPT >> {}; while [ ! -e {} ]; do sleep 0.02; done; echo done",
        begun.display(),
        go.display()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_does_not_notice_that_the_database_was_restarted() -> anyhow::Result<()> {
    let cluster = own_cluster();
    for mode in [StopMode::Fast, StopMode::Immediate] {
        let mut db = TestDatabase::in_cluster(&cluster).await?;
        let folder = folder();
        let begun = folder.path().join("begun");
        put(&db.client, "q", 1).await?;
        let args = ["--queue", "q", "--lease", "1m"];
        let worker = Worker::start(command(&db.url, &args, &script(folder.path())));
        until("the command to begin", || async { (!lines(&begun).is_empty()).then_some(()) }).await;
        cluster.stop_server(mode)?;
        worker.says("lost the database").await;
        // It ends while there is nobody to tell.
        std::fs::write(folder.path().join("go"), "")?;
        worker.says("command ended").await;
        cluster.start_server()?;
        db.client = until("the database", || async { db.connect().await.ok() }).await;
        becomes(&db.client, "select state from hearken.inbox_items", "done").await;
        let what = "select concat_ws(' ', attempt, result #>> '{}') from hearken.inbox_items";
        assert_eq!(text(&db.client, what).await?, "1 done", "{mode:?}");
        assert_eq!(lines(&begun), ["1"], "{mode:?}: it ran once");
        // And it is woken as before.
        put(&db.client, "q", 1).await?;
        becomes(&db.client, "select count(*) from hearken.inbox_items where state = 'done'", "2").await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_waits_for_a_database_which_is_not_there_yet_but_not_to_run_once() -> anyhow::Result<()> {
    let cluster = own_cluster();
    let mut db = TestDatabase::in_cluster(&cluster).await?;
    put(&db.client, "q", 1).await?;
    cluster.stop_server(StopMode::Fast)?;
    let (status, said) = super::once(&db, &["--queue", "q"], "true");
    assert_eq!(status, 1, "{said}");
    let worker = Worker::start(command(&db.url, &["--queue", "q"], "true"));
    worker.says("waiting for the database").await;
    cluster.start_server()?;
    db.client = until("the database", || async { db.connect().await.ok() }).await;
    becomes(&db.client, "select state from hearken.inbox_items", "done").await;
    Ok(())
}
