//! `hearken emit`: one event, and many.

use super::Bench;
use crate::support::{TestDatabase, until};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::process::Stdio;

/// An event of the log as JSON, without what the log assigns.
async fn event(db: &TestDatabase, seq: i64) -> anyhow::Result<Value> {
    let sql = "select (to_jsonb(e) - 'seq' - 'xid' - 'at' || jsonb_build_object( \
                   'time', to_char(e.time at time zone 'UTC', 'YYYY-MM-DD HH24:MI')))::text \
               from hearken.events e where e.seq = $1";
    Ok(serde_json::from_str(db.client.query_one(sql, &[&seq]).await?.get(0))?)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_has_all_that_was_said() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let bench = Bench::new(&db, &[]);
    bench.write("old.json", "{\"amount\": 5}");
    let said = bench.run(&[
        "emit",
        "invoice.paid",
        "--data",
        "{\"n\": 12345678901234567890.10}",
        "--subject",
        "i-7",
        "--source",
        "shop",
        "--id",
        "e-1",
        "--tenant",
        "t1",
        "--time",
        "2026-03-02T09:00:00+01:00",
        "--meta",
        "[1]",
        "--old",
        "@old.json",
    ]);
    assert_eq!(said.fine().trim_end(), "1");
    let want = json!({
        "time": "2026-03-02 08:00", "id": "e-1", "source": "shop", "type": "invoice.paid",
        "subject": "i-7", "tenant": "t1", "old": { "amount": 5 }, "meta": [1], "chain": null,
    });
    let mut got = event(&db, 1).await?;
    let data = got.as_object_mut().and_then(|got| got.remove("data")).expect("data");
    assert_eq!(data.to_string(), "{\"n\":12345678901234567890.10}");
    assert_eq!(got, want);

    // What is left out has the defaults of the log, and an id may come twice.
    let said = bench.run(&["emit", "invoice.paid", "--id", "e-1", "--json", "--meta", "null"]);
    assert_eq!(said.json(), json!({ "seq": 2, "type": "invoice.paid" }));
    let got = event(&db, 2).await?;
    assert_eq!((&got["data"], &got["source"], &got["id"]), (&json!({}), &json!("app"), &json!("e-1")));
    assert_eq!((&got["meta"], &got["time"]), (&Value::Null, &Value::Null));
    let said = bench.run_with(&["emit", "invoice.paid", "--data", "-"], " [1, -2]\n");
    assert_eq!(
        (said.fine().trim_end(), event(&db, 3).await?["data"].to_string()),
        ("3", "[1,-2]".to_owned())
    );
    let said = bench.run(&["emit", "invoice.paid", "--data", "-5"]);
    assert_eq!((said.fine().trim_end(), &event(&db, 4).await?["data"]), ("4", &json!(-5)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_an_event_is_refused_with_its_place() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let bench = Bench::new(&db, &[]);
    bench.run(&["emit", "a", "--data", "{\"n\": }"]).complains(2, "--data:1:7");
    bench.run(&["emit", "a", "--data", "{\"n\": }"]).complains(2, "this is not JSON: expected value");
    let file = bench.write("data.json", "{\n  \"n\": 1,\n}");
    bench.run(&["emit", "a", "--data", "@data.json"]).complains(2, "data.json:3:1");
    bench.run(&["emit", "a", "--data", "@none.json"]).complains(2, "cannot read none.json");
    bench.run_with(&["emit", "a", "--data", "-"], "{").complains(2, "standard input:1:1");
    bench.run(&["emit", "a", "--meta", "x"]).complains(2, "--meta:1:1");
    bench.run(&["emit", "a", "--time", "soon"]).complains(2, "a time with its offset");
    bench.run(&["emit", "a", "--under", "12"]).complains(2, "such as `12:7`");
    bench.run(&["emit", ""]).complains(2, "TYPE");
    bench.run(&["emit"]).complains(2, "TYPE");
    bench.run(&["emit", "a", "--data", "{\"a\": \"\\u0000\"}"]).complains(1, "SQLSTATE 22P05");
    assert!(file.exists());
    assert_eq!(db.count("select from hearken.events").await?, 0);
    Ok(())
}

/// By its lease an event carries the causes of the item; by one which is over, none.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_under_a_lease_carries_its_causes() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let bench = Bench::new(&db, &[]);
    let sql = "insert into hearken.inbox_items (dedup_key, queue, routine, version, title, chain) \
               values (sha256('a'), 'q', 'second', 'v', 't', '{first}') returning id";
    let id: i64 = db.client.query_one(sql, &[]).await?.get(0);
    let leased = db.client.query_one("select token from hearken.lease('w', '{q}')", &[]).await?;
    let token: i64 = leased.get(0);
    let emit = |token: i64| bench.run(&["emit", "a", "--under", &format!("{id}:{token}")]);
    assert_eq!((emit(token).fine().trim_end(), emit(token + 1).fine().trim_end()), ("1", "2"));
    assert_eq!(event(&db, 1).await?["chain"], json!(["first", "second"]));
    assert_eq!(event(&db, 2).await?["chain"], Value::Null);
    Ok(())
}

/// How many events there are of a type, and whether their numbers follow `data.n`.
async fn in_order(db: &TestDatabase, kind: &str) -> anyhow::Result<(i64, bool)> {
    let sql = "select count(*), coalesce(bool_and(e.place = (e.data ->> 'n')::bigint), true) \
               from (select data, row_number() over (order by seq) as place \
                     from hearken.events where type = $1) e";
    let row = db.client.query_one(sql, &[&kind]).await?;
    Ok((row.get(0), row.get(1)))
}

#[tokio::test(flavor = "multi_thread")]
async fn many_lines_are_many_events_in_their_order() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let bench = Bench::new(&db, &[]);
    let lines = |of: fn(i64) -> String| (1..=1200).map(of).collect::<String>();
    let said =
        bench.run_with(&["emit", "a", "--lines", "--subject", "s"], &lines(|n| format!("{{\"n\": {n}}}\n")));
    assert_eq!(said.fine().trim_end(), "1200 events written: 1 to 1200");
    assert_eq!(in_order(&db, "a").await?, (1200, true));
    assert_eq!(db.count("select from hearken.events where subject = 's'").await?, 1200);

    let whole = lines(|n| format!("{{\"type\": \"b\", \"data\": {{\"n\": {n}}}, \"id\": \"{n}\"}}\n\n"));
    let said = bench.run_with(&["emit", "--lines", "--json"], &whole);
    assert_eq!(said.json(), json!({ "written": 1200, "first": 1201, "last": 2400 }));
    assert_eq!(in_order(&db, "b").await?, (1200, true));
    assert_eq!(bench.run_with(&["emit", "a", "--lines"], "\n").fine().trim_end(), "no event written");
    Ok(())
}

/// What stands before a bad line is written, and nothing from it on.
#[tokio::test(flavor = "multi_thread")]
async fn it_stops_at_the_first_bad_line() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let bench = Bench::new(&db, &[]);
    let with = |bad: &str| format!("{{\"n\": 1}}\n\n{{\"n\": 2}}\n{bad}\n{{\"n\": 3}}\n");
    let said = bench.run_with(&["emit", "a", "--lines"], &with("{\"n\": "));
    said.complains(2, "line 4: this is not JSON");
    assert_eq!(said.out, "2 events written: 1 to 2\n");
    assert_eq!(in_order(&db, "a").await?, (2, true));

    // The same, if it is the database which does not take it.
    let said = bench.run_with(&["emit", "b", "--lines", "--json"], &with("{\"n\": \"\\u0000\"}"));
    said.complains(1, "line 4: unsupported Unicode escape sequence");
    let object = said.json();
    assert_eq!((&object["written"], &object["line"]), (&json!(2), &json!(4)));
    assert_eq!(in_order(&db, "b").await?, (2, true));
    Ok(())
}

/// A stream which goes on is written as it comes, and a bad line ends it though the
/// writer holds on to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_stream_is_not_held_up() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let bench = Bench::new(&db, &[]);
    let mut command = bench.command(env!("CARGO_BIN_EXE_hearken"));
    command
        .args(["emit", "a", "--lines"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let mut stdin = child.stdin.take().expect("a pipe");
    for n in 1..=3 {
        stdin.write_all(format!("{{\"n\": {n}}}\n").as_bytes())?;
        stdin.flush()?;
        until("the event", || async { (in_order(&db, "a").await.ok()? == (n, true)).then_some(()) }).await;
    }
    stdin.write_all(b"no\n")?;
    stdin.flush()?;
    let status = until("the end", || {
        let ended = child.try_wait().expect("a child");
        async move { ended }
    })
    .await;
    assert_eq!(status.code(), Some(2));
    let mut out = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut out)?;
    assert_eq!(out, "3 events written: 1 to 3\n");
    drop(stdin);
    Ok(())
}
