//! What operators are told who may see little, and about routines which are paused.

use super::{HELD, hold, id_of, run, run_at};
use crate::support::TestDatabase;
use crate::support::daemon::Setup;
use serde_json::json;

/// The grants of docs/operations.md for one who shall not see everything.
const NARROW: &str = "\
    grant usage on schema hearken to ROLE; \
    grant select on hearken.held, hearken.held_overview, hearken.paused, hearken.inbox_items, \
        hearken.dedup_keys, hearken.decisions to ROLE; \
    grant insert (routine, reason), delete on hearken.paused to ROLE; \
    grant delete, update (due_at, phase, waits_open, waits_overlap, open_key, request) on hearken.held to ROLE";

/// An operator who may not see the routines pauses and resumes them all the same.
#[tokio::test(flavor = "multi_thread")]
async fn advice_which_cannot_be_given_fails_nothing() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    // Roles belong to the cluster.
    let role = format!("narrow_{}", db.name);
    let grants = NARROW.replace("ROLE", &role);
    db.client.batch_execute(&format!("create role {role} login; {grants}")).await?;
    let url = db.url.replace("user=postgres", &format!("user={role}"));
    assert_ne!(url, db.url);
    for (command, says) in [
        ("pause", "`one` is paused"),
        ("pause", "`one` was paused before"),
        ("resume", "`one` goes on"),
        ("resume", "`one` was not paused"),
    ] {
        let said = run_at(&url, &[command, "one"]);
        assert_eq!((said.status, said.err.as_str()), (0, ""), "{command}");
        assert!(said.out.starts_with(says), "{}", said.out);
    }
    assert_eq!(run_at(&url, &["held"]).out, "nothing is held\n");
    db.client.batch_execute(&format!("drop owned by {role}; drop role {role}")).await?;
    Ok(())
}

/// What is held of a paused routine is shown to wait for that, and released goes on
/// with the routine.
#[tokio::test(flavor = "multi_thread")]
async fn drafts_of_a_paused_routine_are_told_apart() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let daemon = Setup::new(&db.url, &[("one", HELD)]).start();
    daemon.leads().await;
    hold(&db, 1..=2).await?;
    let held = || run(&db, &["status", "--json"]).json_lines().remove(0)["held"][0].clone();
    assert_eq!((&held()["paused"], &held()["count"]), (&json!(false), &json!(2)));
    assert_eq!(run(&db, &["pause", "one"]).status, 0);
    assert_eq!(held()["paused"], true);
    let text = run(&db, &["status"]).out;
    assert!(text.contains("one      debounce  collecting  2      paused\n"), "{text}");

    let first = id_of(&run(&db, &["held", "--json"]).json_lines(), "held 1");
    let said = run(&db, &["held", "release", &first]);
    let want = format!("{first} released; it goes on when the routine is resumed\n");
    assert_eq!((said.status, said.out), (0, want));
    assert_eq!(db.count("select from hearken.inbox_items").await?, 0);
    assert_eq!(run(&db, &["resume", "one"]).status, 0);
    db.items(1).await?;
    assert_eq!(db.titles().await?, ["held 1"]);
    Ok(())
}
