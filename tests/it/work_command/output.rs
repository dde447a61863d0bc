//! What a command says: by its exit status, and by what it prints.

use super::{Worker, becomes, command, never_again, once, put, text};
use crate::support::TestDatabase;

const STATE: &str = "select concat_ws(' ', state, attempt) from hearken.inbox_items";

/// Runs a script for one item; state and attempt, result, and error are then these.
/// A dash is null.
async fn check(script: &str, state: &str, result: &str, error: &str) -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    never_again(&db.client).await?;
    put(&db.client, "q", 1).await?;
    let (status, said) = once(&db, &["--queue", "q", "--result-max", "1KiB"], script);
    let failed = state.starts_with("failed") || state.starts_with("dead");
    assert_eq!(status, i32::from(failed), "{script}: {said}");
    assert_eq!(text(&db.client, STATE).await?, state, "{script}");
    assert_eq!(text(&db.client, "select result from hearken.inbox_items").await?, result, "{script}");
    assert_eq!(text(&db.client, "select error from hearken.inbox_items").await?, error, "{script}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_status_decides() -> anyhow::Result<()> {
    check("true", "done 1", "-", "-").await?;
    check("echo '{\"ok\": true}'", "done 1", "{\"ok\": true}", "-").await?;
    check("echo no JSON", "done 1", "\"no JSON\"", "-").await?;
    check("exit 3", "failed 1", "-", "exited with status 3").await?;
    check("echo why >&2; exit 1", "failed 1", "-", "exited with status 1: why").await?;
    check("kill -9 $$", "failed 1", "-", "killed by signal 9 (SIGKILL)").await?;
    check("echo later >&2; exit 75", "waiting 0", "-", "-").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_does_not_take_costs_the_content_and_not_the_answer() -> anyhow::Result<()> {
    check("printf 'a\\0b\\377c'", "done 1", "\"a\u{FFFD}b\u{FFFD}c\"", "-").await?;
    check("printf 'a\\0b' >&2; exit 1", "failed 1", "-", "exited with status 1: a\u{FFFD}b").await?;
    // A number which is JSON, and which `jsonb` does not hold.
    let lost = "{\"lost\": \"the database does not take this result\"}";
    check("echo 1e999999", "done 1", lost, "-").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_megabytes_are_read_and_little_is_kept() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    put(&db.client, "q", 1).await?;
    let script = "head -c 10000000 /dev/zero | tr '\\0' x; head -c 10000000 /dev/zero >&2";
    let (status, said) = once(&db, &["--queue", "q", "--result-max", "1KiB"], script);
    assert_eq!(status, 0, "{said}");
    let result = "select replace(result #>> '{}', repeat('x', 1024), 'X') from hearken.inbox_items";
    assert_eq!(text(&db.client, result).await?, "X\n[cut: 1024 bytes of 10000000]");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_which_keeps_the_pipe_does_not_hold_up_the_answer() -> anyhow::Result<()> {
    check("sleep 600 & echo done", "done 1", "\"done\"", "-").await
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_are_seen_while_the_command_runs_and_the_last_one_stays() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let folder = super::folder();
    let go = folder.path().join("go");
    let script = format!(
        "echo '::progress {{\"step\": 1}}'; while [ ! -e {} ]; do sleep 0.02; done; \
         for n in 2 3 4; do echo \"::progress step $n\"; done; echo the result",
        go.display()
    );
    put(&db.client, "q", 1).await?;
    let _worker = Worker::start(command(&db.url, &["--queue", "q"], &script));
    let progress = "select concat_ws(' ', state, progress) from hearken.inbox_items";
    becomes(&db.client, progress, "leased {\"step\": 1}").await;
    std::fs::write(go, "")?;
    becomes(&db.client, progress, "done \"step 4\"").await;
    assert_eq!(text(&db.client, "select result from hearken.inbox_items").await?, "\"the result\"");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_which_is_not_there_is_told_before_anything_is_leased() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    put(&db.client, "q", 1).await?;
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hearken"));
    command.args(["work", "--queue", "q", "--once", "--", "no-such-program"]).current_dir("/");
    let output = command.env("DATABASE_URL", &db.url).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("`no-such-program` is in no folder of PATH"), "{said}");
    assert_eq!(text(&db.client, STATE).await?, "waiting 0");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn output_is_shown_with_its_item_if_asked_for() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    put(&db.client, "q", 1).await?;
    let script = "echo out; printf 'red \\033[31m\\n' >&2; printf 'no end'";
    let (_, said) = once(&db, &["--queue", "q", "--show-output"], script);
    for line in ["[item 1] out", "[item 1] red \u{FFFD}[31m", "[item 1] no end"] {
        assert!(said.lines().any(|said| said == line), "{line:?} is not in {said}");
    }
    put(&db.client, "q", 1).await?;
    let (_, said) = once(&db, &["--queue", "q"], script);
    assert!(!said.contains("[item"), "{said}");
    Ok(())
}
