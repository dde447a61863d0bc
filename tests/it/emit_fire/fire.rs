//! `hearken fire` for an event.

use super::{Bench, outcomes, rows};
use crate::support::TestDatabase;
use crate::support::daemon::Setup;
use serde_json::{Value, json};

const LARGE: &str = r#"
title = "Large invoices"

[on.event]
type = "invoice.received"

[when]
"data.amount" = { gte = 1000 }

[item]
queue = "accounting"
title = "Check invoice {{ data.invoice }}"
max_attempts = 3

[item.context]
invoice = { get = "data.invoice" }
"#;

const EACH: &str = r#"
title = "Each agent"

[on.event]
type = "team.called"

[each]
sql = "select n, 10 / $1::int as share from generate_series(1, 3) as n"
params = [{ get = "data.parts" }]

[item]
queue = "agents"
title = "Agent {{ row.n }} has {{ row.share }}"
"#;

async fn invoice(db: &TestDatabase, amount: i64) -> anyhow::Result<String> {
    let seq = db.emit("invoice.received", json!({ "invoice": 7, "amount": amount })).await?;
    Ok(seq.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn firing_twice_makes_nothing_twice() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let bench = Bench::new(&db, &[("large", LARGE)]);
    let seq = invoice(&db, 1200).await?;
    let fire = |more: &[&str]| bench.run(&[&["fire", "large", "--event", &seq][..], more].concat());

    let said = fire(&[]);
    let id: i64 = db.client.query_one("select id from hearken.inbox_items", &[]).await?.get(0);
    assert_eq!(said.fine().trim_end(), format!("item: item {id} for accounting: Check invoice 7"));
    assert!(said.err.contains("`large` is not in force"), "{}", said.err);
    let sql = "select event_seq, queue, attempts_max, context::text, \
                      exists (select from hearken.routine_versions v \
                              where v.name = i.routine and v.version = i.version) \
               from hearken.inbox_items i";
    let row = db.client.query_one(sql, &[]).await?;
    assert_eq!((row.get::<_, i64>(0).to_string(), row.get(1)), (seq.clone(), "accounting"));
    assert_eq!((row.get(2), row.get(3), row.get(4)), (3, "{\"invoice\": 7}", true));

    assert_eq!(fire(&[]).fine().trim_end(), format!("item: was there before (item {id})"));
    assert_eq!(db.titles().await?.len(), 1);
    assert_eq!(outcomes(&db).await?, ["duplicate"]);

    let again = fire(&["--again", "--json"]).json();
    assert_eq!((&again["event"].to_string(), &again["matched"]), (&seq, &json!(true)));
    let item = &again["items"][0];
    assert_eq!((&item["outcome"], &item["title"]), (&json!("created"), &json!("Check invoice 7")));
    assert_ne!(item["id"], json!(id));
    assert_eq!(fire(&["--again"]).status, 0);
    assert_eq!(db.titles().await?.len(), 3);
    let keys = "select distinct dedup_key from hearken.inbox_items";
    assert_eq!(db.count(keys).await?, 3);
    Ok(())
}

/// It is the same item as the daemon's, whoever comes first, also once it is history.
#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_and_a_firing_make_one_item() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let bench = Bench::new(&db, &[("large", LARGE)]);
    let setup = Setup::new(&db.url, &[("large", LARGE)]);
    let first = invoice(&db, 1200).await?;
    assert_eq!(bench.run(&["fire", "large", "--event", &first]).status, 0);
    let daemon = setup.start();
    daemon.leads().await;
    let second = invoice(&db, 1300).await?;
    db.items(2).await?;
    let said = bench.run(&["fire", "large", "--event", &second]);
    assert!(said.fine().trim_end().starts_with("item: was there before (item "), "{}", said.out);
    // A version which is in force is nothing to remark.
    assert_eq!(said.err, "");
    assert_eq!(db.titles().await?.len(), 2);
    assert_eq!(outcomes(&db).await?, ["duplicate", "duplicate"]);
    assert!(daemon.stop().await.success());

    db.client
        .batch_execute(
            "select hearken.complete(l.id, l.token) from hearken.lease('w', '{accounting}', 10) l; \
             select hearken.archive_items('0', '0')",
        )
        .await?;
    assert_eq!(db.titles().await?.len(), 0);
    let said = bench.run(&["fire", "large", "--event", &second]);
    assert!(said.fine().trim_end().ends_with("it is in the history"), "{}", said.out);
    assert_eq!(db.titles().await?.len(), 0);
    assert_eq!(bench.run(&["fire", "large", "--event", &second, "--again"]).status, 0);
    assert_eq!(db.titles().await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_writes_nothing() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let bench = Bench::new(&db, &[("large", LARGE)]);
    let seq = invoice(&db, 1200).await?;
    let before = rows(&db).await?;
    let said = bench.run(&["fire", "large", "--event", &seq, "--dry-run"]);
    assert!(
        said.fine().trim_end().starts_with("dry run: nothing of this was kept\nitem: an item for accounting"),
        "{}",
        said.out
    );
    let json = said.out.split_once("Check invoice 7\n").expect("a title").1;
    let item: Value = serde_json::from_str(json)?;
    assert_eq!((&item["queue"], &item["context"]), (&json!("accounting"), &json!({ "invoice": 7 })));
    let said = bench.run(&["fire", "large", "--event", &seq, "--dry-run", "--json"]).json();
    assert_eq!((&said["dry_run"], &said["items"][0]["outcome"]), (&json!(true), &json!("created")));
    assert_eq!(rows(&db).await?, before);
    assert_eq!(bench.run(&["fire", "large", "--event", &seq]).status, 0);
    assert_eq!(db.titles().await?, ["Check invoice 7"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_which_does_not_match_says_why() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let bench = Bench::new(&db, &[("large", LARGE)]);
    let seq = invoice(&db, 20).await?;
    let before = rows(&db).await?;
    let said = bench.run(&["fire", "large", "--event", &seq]);
    assert_eq!(said.status, 1);
    let head = format!("large does not match the event {seq} of type invoice.received");
    let want = format!("{head}\n  when.data.amount: wants gte 1000, met 20\n");
    assert_eq!(said.out, want);
    let said = bench.run(&["fire", "large", "--event", &seq, "--json"]);
    assert_eq!((said.status, &said.json()["because"]), (1, &json!("when.data.amount")));
    let other = db.emit("invoice.paid", json!({})).await?.to_string();
    let said = bench.run(&["fire", "large", "--event", &other, "--json"]).json();
    assert_eq!((&said["matched"], &said["because"]), (&json!(false), &json!("on.event.type")));
    assert_eq!(rows(&db).await?, before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_found_by_its_number_or_its_id() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let bench = Bench::new(&db, &[("large", LARGE)]);
    let emit = "select hearken.emit('invoice.received', '{\"invoice\": 7, \"amount\": 1000}', id => $1)";
    let mut seqs = Vec::new();
    for id in ["o-1", "17", "twice", "twice"] {
        seqs.push(db.client.query_one(emit, &[&id]).await?.get::<_, i64>(0));
    }
    let fire = |event: &str| bench.run(&["fire", "large", "--event", event, "--json"]);
    assert_eq!(fire("o-1").json()["event"], json!(seqs[0]));
    assert_eq!(fire("id:17").json()["event"], json!(seqs[1]));
    fire("twice").complains(1, &format!("by its number, of {}, {}", seqs[3], seqs[2]));
    fire("17").complains(1, "no event has had the number 17 yet");
    fire("none").complains(1, "no event with the id `none`");
    db.client.execute("delete from hearken.events where seq = $1", &[&seqs[0]]).await?;
    fire(&seqs[0].to_string()).complains(1, "its week was dropped");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_becomes_an_item_or_none_does() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let bench = Bench::new(&db, &[("each", EACH)]);
    let all = db.emit("team.called", json!({ "parts": 2 })).await?.to_string();
    let said = bench.run(&["fire", "each", "--event", &all]);
    assert_eq!(said.fine().trim_end().lines().count(), 3, "{}", said.out);
    assert_eq!(db.titles().await?, ["Agent 1 has 5", "Agent 2 has 5", "Agent 3 has 5"]);
    let before = rows(&db).await?;

    let none = db.emit("team.called", json!({ "parts": 0 })).await?.to_string();
    let said = bench.run(&["fire", "each", "--event", &none]);
    assert_eq!(said.status, 1);
    assert!(
        said.out.contains("nothing was written") && said.out.contains("division by zero"),
        "{}",
        said.out
    );
    bench.write("routines/each.toml", &EACH.replace("generate_series", "nothing_of_the_kind"));
    let said = bench.run(&["fire", "each", "--event", &all, "--json"]);
    assert!(said.json()["errors"][0].as_str().is_some_and(|why| why.contains("nothing_of_the_kind")));
    assert_eq!((said.status, rows(&db).await?), (1, before));
    Ok(())
}

/// What the inbox refuses is told to whoever fires, and leaves no dead letter.
#[tokio::test(flavor = "multi_thread")]
async fn an_item_which_is_refused_is_said_and_not_buried() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let bench = Bench::new(&db, &[("large", LARGE)]);
    let seq = invoice(&db, 1200).await?;
    db.client
        .batch_execute(
            "alter table hearken.inbox_items add constraint no_invoice check (title not like '%invoice%')",
        )
        .await?;
    let before = rows(&db).await?;
    let said = bench.run(&["fire", "large", "--event", &seq]);
    assert_eq!(said.status, 1);
    assert!(said.out.contains("no_invoice") && said.out.contains("SQLSTATE 23514"), "{}", said.out);
    assert_eq!(rows(&db).await?, before);
    Ok(())
}

/// A paused routine rests, and an event which its own item led to is stopped.
#[tokio::test(flavor = "multi_thread")]
async fn a_pause_and_the_loop_guard_hold() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let bench = Bench::new(&db, &[("large", LARGE)]);
    let seq = invoice(&db, 1200).await?;
    db.client.batch_execute("select hearken.pause('large')").await?;
    let said = bench.run(&["fire", "large", "--event", &seq]);
    assert_eq!(said.status, 1);
    assert!(said.out.contains("large is paused"), "{}", said.out);
    db.client.batch_execute("select hearken.resume('large')").await?;
    assert_eq!(db.titles().await?.len(), 0);

    assert_eq!(bench.run(&["fire", "large", "--event", &seq]).status, 0);
    let leased = db.client.query_one("select id, token from hearken.lease('w', '{accounting}')", &[]).await?;
    let under = format!("{}:{}", leased.get::<_, i64>(0), leased.get::<_, i64>(1));
    let data = "{\"invoice\": 8, \"amount\": 5000}";
    let circle = bench.run(&["emit", "invoice.received", "--data", data, "--under", &under]);
    let said = bench.run(&["fire", "large", "--event", circle.fine().trim_end()]);
    assert!(said.fine().trim_end().starts_with("loop: "), "{}", said.out);
    assert_eq!((db.titles().await?.len(), outcomes(&db).await?), (1, vec!["loop".to_owned()]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_fired_is_refused() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let foreign = LARGE.replace("[on.event]", "[on.event]\nfrom = \"plugins\"");
    let bench =
        Bench::new(&db, &[("large", LARGE), ("broken", "title = 1\n"), ("plugins", foreign.as_str())]);
    bench.run(&["fire", "large"]).complains(2, "by `--event` or `--tick`");
    bench.run(&["fire", "large", "--tick", "now"]).complains(2, "has no ticks");
    bench.run(&["fire", "large", "--tick", "soon"]).complains(2, "write `now`");
    bench.run(&["fire", "large", "--tick", "now", "--event", "1"]).complains(2, "cannot be used with");
    bench.run(&["fire", "lrage", "--event", "1"]).complains(2, "did you mean `large`?");
    bench.run(&["fire", "lrage", "--event", "1"]).complains(2, "rows of the database");
    bench.run(&["fire", "broken", "--event", "1"]).complains(2, "broken.toml:1");
    bench.run(&["fire", "plugins", "--event", "1"]).complains(2, "there is no source `plugins`");
    Ok(())
}
