//! A worker killed at each moment: its item is done elsewhere, once more and no
//! oftener, within its lease and two seconds.

use super::{Worker, becomes, command, folder, is_gone, lines, put, text};
use crate::support::daemon::{EVERY, Setup};
use crate::support::{TestDaemon, TestDatabase, until};
use nix::sys::signal::Signal;
use std::path::Path;

/// When the first worker dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// It has the lease, and has not begun.
    Before,
    /// The command is running.
    During,
    /// The command has ended, and its answer was not told.
    Between,
    /// The answer was heard.
    After,
}

impl Moment {
    fn failpoint(self) -> Option<&'static str> {
        match self {
            Self::Before => Some("work.leased:1"),
            Self::Between => Some("work.answer:1"),
            Self::During | Self::After => None,
        }
    }

    /// The attempts which reach the command.
    fn attempts(self) -> &'static [&'static str] {
        match self {
            Self::Before => &["2"],
            Self::During | Self::Between => &["1", "2"],
            Self::After => &["1"],
        }
    }
}

async fn daemon(db: &TestDatabase) -> TestDaemon {
    let daemon = Setup::new(&db.url, &[("every", EVERY)]).start();
    daemon.leads().await;
    daemon
}

/// Kills the worker of the only item at this moment; when its lease ends.
async fn kill(db: &TestDatabase, moment: Moment, script: &str, file: &Path) -> anyhow::Result<String> {
    let mut first = command(&db.url, &["--queue", "q", "--lease", "5s", "--worker", "first"], script);
    if let Some(failpoint) = moment.failpoint() {
        first.env("HEARKEN_FAILPOINT", failpoint);
    }
    let mut first = Worker::start(first);
    match moment {
        Moment::Before | Moment::Between => {}
        Moment::During => {
            until("the command to begin", || async { (!lines(file).is_empty()).then_some(()) }).await;
            first.signal(Signal::SIGKILL);
        }
        Moment::After => {
            becomes(&db.client, "select state from hearken.inbox_items", "done").await;
            first.signal(Signal::SIGKILL);
        }
    }
    assert!(!first.ended().await.success(), "{moment:?}");
    text(&db.client, "select lease_until from hearken.inbox_items").await
}

async fn check(moment: Moment) -> anyhow::Result<()> {
    let (db, folder) = (TestDatabase::new().await?, folder());
    let file = folder.path().join("attempts");
    let waits = if moment == Moment::During { "sleep 600" } else { "true" };
    let script = format!(
        "echo $HEARKEN_ATTEMPT >> {}; if [ $HEARKEN_ATTEMPT = 1 ]; then {waits}; fi; echo $HEARKEN_ATTEMPT",
        file.display()
    );
    let _daemon = daemon(&db).await;
    put(&db.client, "q", 1).await?;
    let lease_until = kill(&db, moment, &script, &file).await?;
    // It is asleep when the lease ends, and does not look by itself: the daemon rings.
    let second = &["--queue", "q", "--lease", "1m", "--worker", "second", "--poll", "1h"];
    let _second = Worker::start(command(&db.url, second, &script));
    becomes(&db.client, "select state from hearken.inbox_items", "done").await;
    assert_eq!(lines(&file), moment.attempts(), "{moment:?}");
    let who = text(&db.client, "select concat_ws(' ', worker, result) from hearken.inbox_items").await?;
    if moment == Moment::After {
        assert_eq!(who, "first 1", "what is done stays done");
        return Ok(());
    }
    assert_eq!(who, "second 2", "{moment:?}");
    let late = format!("select leased_at - '{lease_until}' from hearken.inbox_items");
    let in_time = format!("select ({late}) < interval '2 seconds'");
    assert_eq!(text(&db.client, &in_time).await?, "true", "{moment:?}: {}", text(&db.client, &late).await?);
    let errors = "select concat_ws(' ', jsonb_array_length(errors), e ->> 'outcome', e ->> 'worker') \
                  from hearken.inbox_items, lateral (select errors -> 0) as first (e)";
    assert_eq!(text(&db.client, errors).await?, "1 expired first", "{moment:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_before_its_command_runs() -> anyhow::Result<()> {
    check(Moment::Before).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_while_its_command_runs() -> anyhow::Result<()> {
    check(Moment::During).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_between_the_result_and_the_answer() -> anyhow::Result<()> {
    check(Moment::Between).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_after_the_answer() -> anyhow::Result<()> {
    check(Moment::After).await
}

/// Nobody works on under a lease which nobody extends.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_command_of_a_killed_worker_dies_with_it() -> anyhow::Result<()> {
    let (db, folder) = (TestDatabase::new().await?, folder());
    let file = folder.path().join("pid");
    // One process, and no child: the kernel ends it, and not what it started.
    let script = format!("echo $$ > {}; exec sleep 600", file.display());
    put(&db.client, "q", 1).await?;
    let mut worker = Worker::start(command(&db.url, &["--queue", "q"], &script));
    let pid = until("the command to run", || async { lines(&file).pop() }).await;
    worker.signal(Signal::SIGKILL);
    worker.ended().await;
    is_gone(&pid).await;
    Ok(())
}
