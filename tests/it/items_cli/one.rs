//! `hearken item`: one item with what led to it.

use super::{check, database, run, state};
use crate::support::daemon::{EVERY, Setup};
use crate::support::{TestDatabase, until};
use serde_json::{Value, json};

/// Makes an item of each event, and stops the second of a kind.
const ONCE: &str = r#"
title = "Once"

[on.event]
type = "test.event"

[flow]
dedup = { key = ["data.n"], window = "forever" }

[item]
queue = "q"
title = "once {{ data.n }}"
"#;

async fn lease(db: &TestDatabase, id: i64) -> anyhow::Result<i64> {
    let sql = "select l.id, l.token from hearken.lease('py-1', '{q}') l";
    let row = db.client.query_one(sql, &[]).await?;
    assert_eq!(row.get::<_, i64>(0), id);
    Ok(row.get(1))
}

#[track_caller]
fn check_text(db: &TestDatabase, id: i64, wants: &[&str]) {
    let said = run(db, &["item", &id.to_string()]);
    assert_eq!((said.status, said.err.as_str()), (0, ""));
    for want in wants {
        assert!(said.out.contains(want), "{want:?} is not in:\n{}", said.out);
    }
}

fn json_of(db: &TestDatabase, id: i64) -> Value {
    run(db, &["item", &id.to_string(), "--json"]).json_lines().remove(0)
}

/// From the event to the second attempt, while it is open and when it is history.
#[tokio::test(flavor = "multi_thread")]
async fn the_causes_of_an_item_are_told() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let daemon = Setup::new(&db.url, &[("every", EVERY)]).start();
    daemon.leads().await;
    let seq = db.emit("test.event", json!({ "n": 1 })).await?;
    db.items(1).await?;
    let id: i64 = db.client.query_one("select id from hearken.inbox_items", &[]).await?.get(0);
    assert!(daemon.stop().await.success());
    let token = lease(&db, id).await?;
    let failed = "select hearken.fail($1, $2, 'the bank did not answer', retry_after => '0')";
    db.client.query_one(failed, &[&id, &token]).await?;
    let token = lease(&db, id).await?;
    db.client.query_one("select hearken.progress($1, $2, '\"half way\"')", &[&id, &token]).await?;
    let event = format!("  event      test.event, number {seq}, written ");
    check_text(
        &db,
        id,
        &[
            &format!("{id}  event 1\n"),
            "  state      leased\n",
            "  attempts   2 of 5\n",
            "  progress   half way (",
            &event,
            "  routine    every, every.toml, version ",
            ", in force now\n",
            "failed   the bank did not answer\n",
            "at it    -\n",
        ],
    );
    db.client.query_one("select hearken.complete($1, $2, '{\"ok\": true}')", &[&id, &token]).await?;
    db.client.batch_execute("select hearken.archive_items('0', '0')").await?;
    check_text(&db, id, &["  state      done, in the history\n", &event, "\nresult\n{\n  \"ok\": true\n}\n"]);

    let item = json_of(&db, id);
    assert_eq!((&item["id"], &item["state"], &item["archived"]), (&json!(id), &json!("done"), &json!(true)));
    assert_eq!((&item["event"]["type"], &item["event"]["seq"]), (&json!("test.event"), &json!(seq)));
    assert_eq!(item["event"]["data"], json!({ "n": 1 }));
    assert_eq!(item["routine_version"]["text"], EVERY);
    assert_eq!(item["errors"][0]["error"], "the bank did not answer");
    assert_eq!((&item["result"], &item["unknown"]), (&json!({ "ok": true }), &json!([])));

    // The log is not kept for ever.
    db.client.batch_execute("delete from hearken.events").await?;
    check_text(&db, id, &[&format!("  event      number {seq}; it is no longer in the log")]);
    assert_eq!(json_of(&db, id)["event"], Value::Null);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_which_concern_an_item_are_told() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let daemon = Setup::new(&db.url, &[("once", ONCE), ("every", EVERY)]).start();
    daemon.leads().await;
    db.emit("test.event", json!({ "n": 1 })).await?;
    db.items(2).await?;
    let second = db.emit("test.event", json!({ "n": 1 })).await?;
    until("the decision", || async {
        let sql = "select from hearken.decisions where outcome = 'duplicate'";
        (db.count(sql).await.ok()? == 1).then_some(())
    })
    .await;
    db.items(3).await?;
    let ids = "select max(id) filter (where routine = 'every'), max(id) filter (where routine = 'once') \
               from hearken.inbox_items";
    let row = db.client.query_one(ids, &[]).await?;
    let (every, once): (i64, i64) = (row.get(0), row.get(1));
    // Of the same event another routine made nothing.
    let decisions = &json_of(&db, every)["decisions"];
    assert_eq!(decisions.as_array().map(Vec::len), Some(1), "{decisions}");
    assert_eq!((&decisions[0]["routine"], &decisions[0]["outcome"]), (&json!("once"), &json!("duplicate")));
    // And the item is why.
    let met = &json_of(&db, once)["met"];
    assert_eq!(met.as_array().map(Vec::len), Some(1), "{met}");
    assert_eq!((&met[0]["event_seq"], &met[0]["outcome"]), (&json!(second), &json!("duplicate")));
    check_text(&db, every, &["decisions about the same event or tick\n", "duplicate"]);
    check_text(&db, once, &["decisions about others because of this item\n", &format!("event {second} ")]);
    Ok(())
}

/// A webhook shows where it goes, and nothing that may be a secret.
#[tokio::test(flavor = "multi_thread")]
async fn values_of_headers_are_not_shown() -> anyhow::Result<()> {
    let db = database().await?;
    let webhook = json!({
        "to": { "url": "https://a.example/hook?key=TOPSECRET" },
        "headers": { "authorization": "Bearer TOPSECRET", "x-key": { "env": "HOOK_KEY" } },
        "timeout_ms": 15000, "retry_ms": [5000],
    });
    db.client.execute("update hearken.inbox_items set webhook = $1 where id = 5", &[&webhook]).await?;
    let sql = "insert into hearken.deliveries (item_id, attempt, status, duration_ms, outcome, endpoint, \
                   error) values (5, 1, 503, 12, 'failed', 'https://a.example', 'answered 503')";
    db.client.batch_execute(sql).await?;
    let letter = json!({ "title": "t", "webhook": webhook });
    let sql =
        "insert into hearken.dead_letters (kind, source, message, draft) values ('refused', 's', 'm', $1)";
    db.client.execute(&sql.replace("$1", "$1::jsonb::json"), &[&letter]).await?;
    for args in [&["item", "5"][..], &["item", "5", "--json"], &["items", "--json"], &["dead", "--json"]] {
        let said = run(&db, args);
        assert!(!said.out.contains("TOPSECRET"), "{args:?}: {}", said.out);
        assert!(
            said.out.contains("authorization") && said.out.contains("HOOK_KEY"),
            "{args:?}: {}",
            said.out
        );
    }
    check_text(&db, 5, &["https://a.example/hook?…", "deliveries\n", "503", "12", "answered 503\n"]);
    assert_eq!(json_of(&db, 5)["deliveries"][0]["status"], 503);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_which_is_no_item_is_explained() -> anyhow::Result<()> {
    let db = database().await?;
    let sql = "insert into hearken.held (id, event_seq, due_at, phase, gate, routine, version, item, queue, \
                   dedup_key, draft, request) \
               values (50, 1, hearken.now(), 'accepted', 'hours', 'refunds', 'v', 'item', 'q', \
                   sha256('50'), '{}', '{}'); \
               insert into hearken.foreign_items (id, due_at, inbox, routine, version, item, dedup_key, \
                   locator) values (51, hearken.now(), 'agents', 'refunds', 'v', 'item', sha256('51'), '{}')";
    db.client.batch_execute(sql).await?;
    let held = "50 is no item yet: a gate of `refunds` holds it, see `hearken held`\n";
    check(&db, &["item", "50"], 1, "", held);
    let foreign = "51 is a row of a table of yours, the inbox `agents`: look there\n";
    check(&db, &["item", "51"], 1, "", foreign);
    let nothing = "there is no item 99: there never was, or its week of the history is gone\n";
    check(&db, &["item", "99"], 1, "", nothing);
    assert_eq!(run(&db, &["item", "one"]).status, 2);
    assert_eq!(state(&db, 5).await?, "dead");
    Ok(())
}
