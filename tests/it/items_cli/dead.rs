//! `hearken dead`: dead items and dead letters together.

use super::{check, database, run, state};
use crate::support::TestDatabase;
use crate::support::daemon::Setup;
use crate::support::until;
use serde_json::{Value, json};

/// Two letters: one whose item can be offered again, and one which never had an item.
async fn letters(db: &TestDatabase) -> anyhow::Result<()> {
    let draft = json!({
        "dedup_key": "11".repeat(32), "event_seq": 17, "priority": 0, "queue": "mail", "routine": "refunds",
        "version": "v1", "item": "item", "tenant": "acme", "title": "Letter one", "instructions": "",
        "context": {}, "tags": [],
    });
    let sql = "insert into hearken.dead_letters (id, at, kind, source, routine, version, item, queue, \
                   event_seq, message, event, draft) overriding system value \
               values (1, hearken.now() - interval '49 minutes 30 seconds', 'refused', 'events', 'refunds', \
                           'v1', 'item', 'mail', 17, 'value too long', '{\"tenant\": \"acme\"}', $1), \
                      (2, hearken.now() - interval '10 minutes', 'failed', 'events', 'digest', 'v1', \
                           null, null, 18, 'data.amount is undefined', '{\"tenant\": \"other\"}', null)";
    db.client.execute(sql, &[&draft]).await?;
    Ok(())
}

/// What is listed, as `12` and `L12`.
#[track_caller]
fn check_listed(db: &TestDatabase, filters: &[&str], want: &[&str]) {
    let args = [&["dead", "--json"][..], filters].concat();
    let name = |dead: &Value| match dead["dead"].as_str() {
        Some("letter") => format!("L{}", dead["id"]),
        _ => dead["id"].to_string(),
    };
    let names: Vec<String> = run(db, &args).json_lines().iter().map(name).collect();
    assert_eq!(names, want, "{filters:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn items_and_letters_are_listed_together() -> anyhow::Result<()> {
    let db = database().await?;
    check_listed(&db, &[], &["5"]);
    letters(&db).await?;
    for (filters, want) in [
        (&[][..], &["L2", "L1", "5"][..]),
        (&["--limit", "1"], &["L2"]),
        (&["--only", "items"], &["5"]),
        (&["--only", "letters"], &["L2", "L1"]),
        (&["--queue", "mail"], &["L1", "5"]),
        (&["--routine", "digest"], &["L2"]),
        (&["--tenant", "acme"], &["L1"]),
        (&["--tenant", "other"], &["L2"]),
        (&["--error", "undefined"], &["L2"]),
        (&["--error", "TIMEOUT"], &["5"]),
        (&["--since", "49m 45s"], &["L2", "L1"]),
        (&["--until", "20m"], &["L1", "5"]),
    ] {
        check_listed(&db, filters, want);
    }
    let said = run(&db, &["dead"]);
    let lines: Vec<Vec<&str>> = said.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[1][..2], ["failed", "L2"], "{}", said.out);
    assert_eq!(lines[2][..2], ["refused", "L1"], "{}", said.out);
    assert!(said.out.contains("value too long") && said.out.contains("Letter one"), "{}", said.out);
    assert_eq!(lines[3][..2], ["item", "5"], "{}", said.out);
    assert!(said.out.contains("Timeout after 30 s"), "{}", said.out);
    let listed = run(&db, &["dead", "--json"]).json_lines();
    assert_eq!((&listed[1]["kind"], &listed[1]["draft"]["title"]), (&json!("refused"), &json!("Letter one")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_offered_to_the_inbox_again() -> anyhow::Result<()> {
    let db = database().await?;
    letters(&db).await?;
    // What was wrong is wrong still.
    let mend = "alter table hearken.inbox_items drop constraint short";
    let spoil = "alter table hearken.inbox_items add constraint short check (title <> 'Letter one')";
    db.client.batch_execute(spoil).await?;
    let refused = "L1 was refused once more: `hearken dead --only letters` says why\n";
    check(&db, &["dead", "retry", "L1"], 1, "", refused);
    let listed = run(&db, &["dead", "--json", "--queue", "mail", "--only", "letters"]).json_lines();
    assert!(listed[0]["message"].as_str().is_some_and(|text| text.contains("\"short\"")), "{listed:?}");
    db.client.batch_execute(mend).await?;
    check(&db, &["dead", "retry", "L1"], 0, "L1 is an item now, and waits\n", "");
    let made = "select from hearken.inbox_items \
                where title = 'Letter one' and state = 'waiting' and tenant = 'acme'";
    assert_eq!(db.count(made).await?, 1);
    check(&db, &["dead", "retry", "L1"], 1, "", "L1 is not there\n");
    let said = run(&db, &["dead", "retry", "L2", "5"]);
    assert_eq!((said.status, said.out.as_str()), (1, "5 waits again, due now\n"));
    assert!(said.err.starts_with("L2 has no item to offer"), "{}", said.err);
    Ok(())
}

/// A letter of which the daemon must take care is left to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_for_the_daemon_becomes_blocked() -> anyhow::Result<()> {
    let db = database().await?;
    letters(&db).await?;
    let sql = "update hearken.dead_letters set draft = '{\"stored\": {}, \"title\": \"x\"}' where id = 1";
    db.client.batch_execute(sql).await?;
    let said = "L1 will be tried again by the daemon within half a minute\n";
    check(&db, &["dead", "retry", "L1"], 0, said, "");
    assert_eq!(db.count("select from hearken.dead_letters where id = 1 and kind = 'blocked'").await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_is_dropped() -> anyhow::Result<()> {
    let db = database().await?;
    letters(&db).await?;
    check(&db, &["dead", "drop", "L2", "5", "--reason", "old"], 0, "L2 dropped\n5 dropped\n", "");
    assert_eq!(state(&db, 5).await?, "dropped");
    assert_eq!(db.count("select from hearken.inbox_items where id = 5").await?, 0);
    check(&db, &["dead", "drop", "3", "L9"], 1, "", "3 is open: cancel it first\nL9 is not there\n");
    check(
        &db,
        &["dead", "drop", "--all", "--routine", "refunds", "--dry-run"],
        0,
        "no items would be dropped\n1 dead letter would be dropped\n",
        "",
    );
    check(
        &db,
        &["dead", "drop", "--all", "--routine", "refunds"],
        0,
        "no items dropped\n1 dead letter dropped\n",
        "",
    );
    check(&db, &["dead"], 0, "nothing is dead\n", "");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_kinds_are_started_again_by_filter() -> anyhow::Result<()> {
    let db = database().await?;
    letters(&db).await?;
    check(
        &db,
        &["dead", "retry", "--all", "--queue", "mail", "--only", "letters"],
        0,
        "1 dead letter offered to the inbox again\n",
        "",
    );
    assert_eq!(state(&db, 5).await?, "dead");
    let said = run(&db, &["dead", "retry", "--all", "--yes"]);
    assert_eq!(said.status, 1, "the letter which has no item is left");
    assert_eq!(said.out, "1 item waits again, due now\n0 dead letters offered to the inbox again\n");
    assert!(said.err.starts_with("1 could not be"), "{}", said.err);
    Ok(())
}

/// Cannot make its item of an event without `n`.
const STRICT: &str = r#"
title = "Strict"

[on.event]
type = "test.event"

[item]
queue = "q"
title = "n is {{ data.n }}"
"#;

/// A letter as a daemon writes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_of_the_daemon_is_listed() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let daemon = Setup::new(&db.url, &[("strict", STRICT)]).start();
    daemon.leads().await;
    db.emit("test.event", json!({})).await?;
    until("the letter", || async {
        (db.count("select from hearken.dead_letters").await.ok()? == 1).then_some(())
    })
    .await;
    let listed = run(&db, &["dead", "--json", "--routine", "strict"]).json_lines();
    assert_eq!((&listed[0]["dead"], &listed[0]["kind"]), (&json!("letter"), &json!("failed")));
    assert_eq!(listed[0]["event"]["type"], "test.event");
    Ok(())
}
