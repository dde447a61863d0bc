//! `[each]` against a real database: rows become items, the query only reads,
//! and what fails fails alone.

use crate::support::daemon::{EVERY, Setup};
use crate::support::{TestDatabase, until};
use serde_json::json;

fn routine(each: &str, title: &str) -> String {
    format!(
        "title = \"Rows\"\n[on.event]\ntype = \"test.event\"\n[each]\n{each}\n[item]\nqueue = \"r\"\ntitle = \"{title}\"\n"
    )
}

/// The dead letters of a routine: kind, SQLSTATE, message and the event's `n`.
async fn letters(db: &TestDatabase) -> anyhow::Result<Vec<(String, Option<String>, String, Option<String>)>> {
    let sql = "select kind, sqlstate, message, event -> 'data' ->> 'n' from hearken.dead_letters \
               where routine = 'rows' order by event_seq";
    let rows = db.client.query(sql, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect())
}

async fn some_letters(
    db: &TestDatabase,
    want: usize,
) -> anyhow::Result<Vec<(String, Option<String>, String, Option<String>)>> {
    until(&format!("{want} dead letters"), || async {
        (letters(db).await.ok()?.len() >= want).then_some(())
    })
    .await;
    letters(db).await
}

/// Parameters of many types, one of them null; the rows keep their order.
#[tokio::test(flavor = "multi_thread")]
async fn rows_become_items_in_their_order() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client
        .batch_execute(
            "create type mood as enum ('calm', 'busy'); \
             create table agents (n integer, owner uuid, price numeric, since timestamptz, tags text[], meta jsonb, \
                                  mood mood, big bigint); \
             insert into agents select n, '6f1d4a3e-0000-4000-8000-000000000001', 12345678901234567890.5, \
                 '2026-01-01T00:00:00Z', '{a,b}', '{\"k\": [1]}', 'busy', 9007199254740993 from generate_series(1, 9) n",
        )
        .await?;
    let each = "sql = \"\"\"\n\
        select n, big from agents -- $1 is no parameter here\n\
        where owner = $1 and n >= $2 and price = $3 and since < $4 and tags && $5 and meta @> $6 and mood = $7\n\
          and ($8::text is null or false) and n not in (4, 5)\n\
        order by n desc limit $9;\n\"\"\"\n\
        params = [{ get = \"data.owner\" }, { get = \"data.least\" }, { get = \"data.price\" }, \
                  { get = \"time\" }, { get = \"data.tags\" }, { get = \"data.meta\" }, \"busy\", \
                  { get = \"data.nothing\" }, 3]";
    let text = routine(each, "{{ data.n }}: {{ row.n }} {{ row.big }}");
    let daemon = Setup::new(&db.url, &[("rows", &text)]).start();
    for n in 0..2 {
        let data = json!({
            "n": n, "owner": "6f1d4a3e-0000-4000-8000-000000000001", "least": 2,
            "price": serde_json::from_str::<serde_json::Value>("12345678901234567890.50")?,
            "tags": ["b", "c"], "meta": { "k": [1] }, "nothing": null,
        });
        let text = data.to_string();
        db.client
            .execute(
                "insert into hearken.events (type, data) values ('test.event', $1::text::jsonb)",
                &[&text],
            )
            .await?;
    }
    db.items(6).await?;
    let want =
        ["0: 9", "0: 8", "0: 7", "1: 9", "1: 8", "1: 7"].map(|start| format!("{start} 9007199254740993"));
    assert_eq!(db.titles().await?, want);
    assert_eq!(letters(&db).await?, []);
    assert!(daemon.stop().await.success());
    Ok(())
}

/// An event without rows makes nothing, and is done.
#[tokio::test(flavor = "multi_thread")]
async fn no_rows_are_no_items() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let each = "sql = \"select n from generate_series(1, $1) n\"\nparams = [{ get = \"data.n\" }]";
    let _daemon = Setup::new(&db.url, &[("rows", &routine(each, "{{ data.n }}"))]).start();
    for n in [0, 2, 0] {
        db.emit("test.event", json!({ "n": n })).await?;
    }
    db.items(2).await?;
    assert_eq!(db.titles().await?, ["2", "2"]);
    assert_eq!(letters(&db).await?, []);
    Ok(())
}

/// More rows than allowed are an error of that event; nothing is cut off.
#[tokio::test(flavor = "multi_thread")]
async fn too_many_rows_are_a_dead_letter() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let each =
        "sql = \"select n from generate_series(1, $1) n\"\nparams = [{ get = \"data.n\" }]\nmax_rows = 3";
    let _daemon = Setup::new(&db.url, &[("rows", &routine(each, "{{ row.n }}"))]).start();
    for n in [3, 4, 1] {
        db.emit("test.event", json!({ "n": n })).await?;
    }
    db.items(4).await?;
    let letters = some_letters(&db, 1).await?;
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].0.as_str(), letters[0].3.as_deref()), ("failed", Some("4")));
    assert!(letters[0].2.contains("more than 3 rows"), "{}", letters[0].2);
    Ok(())
}

/// A query which hangs for one event: only that event is lost to it, and other
/// routines do not notice.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_which_hangs_is_cancelled_for_its_event() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let each =
        "sql = \"select 1 as id from pg_sleep($1)\"\nparams = [{ get = \"data.wait\" }]\ntimeout = \"500ms\"";
    db.client
        .batch_execute(
            "insert into hearken.events (type, data) select 'test.event', \
             jsonb_build_object('n', n, 'wait', case when n = 2 then 3600 else 0 end) from generate_series(1, 4) n",
        )
        .await?;
    let routines = [("every", EVERY), ("rows", &*routine(each, "row {{ data.n }}"))];
    let _daemon = Setup::new(&db.url, &routines).start();
    db.items(7).await?;
    let letters = some_letters(&db, 1).await?;
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].1.as_deref(), letters[0].3.as_deref()), (Some("57014"), Some("2")));
    assert!(letters[0].2.contains("500ms"), "{}", letters[0].2);
    Ok(())
}

/// The query reads, also where it calls what writes.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_cannot_write() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client
        .batch_execute(
            "create table written (); \
             create function write_it() returns integer language sql as 'insert into written default values returning 1'",
        )
        .await?;
    let each = "sql = \"select write_it() as id\"";
    let routines = [("every", EVERY), ("rows", &*routine(each, "row {{ data.n }}"))];
    let _daemon = Setup::new(&db.url, &routines).start();
    db.emit("test.event", json!({ "n": 1 })).await?;
    db.items(1).await?;
    let letters = some_letters(&db, 1).await?;
    assert_eq!((letters[0].0.as_str(), letters[0].1.as_deref()), ("failed", Some("25006")));
    assert_eq!(db.count("select from written").await?, 0);
    Ok(())
}

/// A value which is not of the parameter's type harms its own event only.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_which_cannot_be_converted_harms_its_event_only() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute("create table agents (id uuid)").await?;
    db.client
        .batch_execute(
            "insert into hearken.events (type, data) select 'test.event', jsonb_build_object('n', n, \
             'id', case when n in (3, 7) then 'not a uuid' else gen_random_uuid()::text end) from generate_series(1, 9) n",
        )
        .await?;
    let each = "sql = \"select $1::uuid as id, exists (select from agents where id = $1) as known\"\nparams = [{ get = \"data.id\" }]";
    let _daemon = Setup::new(&db.url, &[("rows", &routine(each, "{{ data.n }}"))]).start();
    db.items(7).await?;
    assert_eq!(db.titles().await?, ["1", "2", "4", "5", "6", "8", "9"]);
    let letters = some_letters(&db, 2).await?;
    let whose: Vec<_> = letters.iter().map(|letter| (letter.1.as_deref(), letter.3.as_deref())).collect();
    assert_eq!(whose, [(Some("22P02"), Some("3")), (Some("22P02"), Some("7"))]);
    Ok(())
}

/// A parameter which is missing in one event is that event's dead letter.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_parameter_harms_its_event_only() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let each = "sql = \"select $1::int as id\"\nparams = [{ get = \"data.id\" }]";
    let _daemon = Setup::new(&db.url, &[("rows", &routine(each, "{{ row.id }}"))]).start();
    db.emit("test.event", json!({ "n": 1 })).await?;
    db.emit("test.event", json!({ "n": 2, "id": 5 })).await?;
    db.items(1).await?;
    let letters = some_letters(&db, 1).await?;
    assert_eq!(letters[0].3.as_deref(), Some("1"));
    assert!(letters[0].2.contains("data.id"), "{}", letters[0].2);
    Ok(())
}

/// A table which is missing blocks the events of its routine until it is there;
/// a table which changes is noticed.
#[tokio::test(flavor = "multi_thread")]
async fn blocked_events_are_asked_for_again() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let each = "sql = \"select * from agents where team = $1\"\nparams = [{ get = \"data.n\" }]";
    let routines = [("every", EVERY), ("rows", &*routine(each, "row {{ row.name }}"))];
    let _daemon = Setup::new(&db.url, &routines).start();
    db.emit("test.event", json!({ "n": 1 })).await?;
    db.emit("test.event", json!({ "n": 2 })).await?;
    let letters = some_letters(&db, 2).await?;
    assert!(letters.iter().all(|letter| letter.0 == "blocked" && letter.1.as_deref() == Some("42P01")));
    db.client
        .batch_execute(
            "create table agents (team integer, name text); insert into agents values (1, 'a'), (2, 'b')",
        )
        .await?;
    db.items(4).await?;
    until("no letter to be left", || async {
        (db.count("select from hearken.dead_letters").await.ok()? == 0).then_some(())
    })
    .await;
    // The prepared query does not fit any more.
    db.client
        .batch_execute(
            "alter table agents alter team type bigint, alter name type varchar(9), add column more text",
        )
        .await?;
    db.emit("test.event", json!({ "n": 2 })).await?;
    db.items(6).await?;
    assert_eq!(db.count("select from hearken.dead_letters").await?, 0);
    Ok(())
}

/// However many events a page holds, a routine asks once: all rows tell the same
/// time at which their statement began.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_one_statement() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client
        .batch_execute(
            "insert into hearken.events (type, data) select 'test.event', jsonb_build_object('n', n) \
             from generate_series(1, 300) n",
        )
        .await?;
    let each =
        "sql = \"select statement_timestamp()::text as at, $1::int as n\"\nparams = [{ get = \"data.n\" }]";
    let setup = Setup::new(&db.url, &[("rows", &routine(each, "{{ row.at }}"))]);
    let _daemon = setup.daemon("batch_min = 1000\nbatch_max = 1000").start();
    db.items(300).await?;
    assert_eq!(db.count("select distinct title from hearken.inbox_items").await?, 1);
    Ok(())
}

/// Whatever is killed, no row becomes two items.
#[tokio::test(flavor = "multi_thread")]
async fn a_pass_which_is_done_again_doubles_nothing() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let each = "sql = \"select n from generate_series(1, 3) n\"";
    let text = routine(each, "{{ data.n }}.{{ row.n }}");
    for step in ["pass.claimed", "pass.planned", "pass.committed"] {
        db.emit("test.event", json!({ "n": step })).await?;
        let setup = Setup::new(&db.url, &[("rows", &text)]).env("HEARKEN_FAILPOINT", &format!("{step}:1"));
        assert!(!setup.start().ended().await.success(), "{step} was not reached");
    }
    let _daemon = Setup::new(&db.url, &[("rows", &text)]).start();
    db.emit("test.event", json!({ "n": "last" })).await?;
    db.items(12).await?;
    assert_eq!(db.count("select distinct title from hearken.inbox_items").await?, 12);
    Ok(())
}

/// What a function raises is the fault of its event, whatever its SQLSTATE: no
/// pass is done again for it.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_somebodys_own_holds_up_nobody() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client
        .batch_execute(
            "create function pick(n integer) returns integer language plpgsql as $$ begin \
                 if n = 2 then raise 'not this one' using errcode = 'MY001'; end if; return n; end $$; \
             insert into hearken.events (type, data) \
             select 'test.event', jsonb_build_object('n', n) from generate_series(1, 3) n",
        )
        .await?;
    let each = "sql = \"select pick($1) as id\"\nparams = [{ get = \"data.n\" }]";
    let routines = [("every", EVERY), ("rows", &*routine(each, "row {{ row.id }}"))];
    let daemon = Setup::new(&db.url, &routines).start();
    db.items(5).await?;
    let letters = some_letters(&db, 1).await?;
    assert_eq!((letters[0].0.as_str(), letters[0].1.as_deref()), ("failed", Some("MY001")));
    assert_eq!(letters[0].3.as_deref(), Some("2"));
    assert!(!daemon.log().iter().any(|line| line.contains("a pass failed")));
    Ok(())
}

/// However many events hang after one failed, the page goes on in time.
#[tokio::test(flavor = "multi_thread")]
async fn events_which_are_tried_one_by_one_share_their_time() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client
        .batch_execute(
            "insert into hearken.events (type, data) select 'test.event', jsonb_build_object('n', n, \
             'wait', case n when 1 then '\"x\"'::jsonb when 2 then '0' else '3600' end) \
             from generate_series(1, 60) n",
        )
        .await?;
    let each =
        "sql = \"select 1 as id from pg_sleep($1)\"\nparams = [{ get = \"data.wait\" }]\ntimeout = \"1s\"";
    let routines = [("every", EVERY), ("rows", &*routine(each, "row {{ data.n }}"))];
    let daemon = Setup::new(&db.url, &routines).start();
    let began = std::time::Instant::now();
    let letters = some_letters(&db, 59).await?;
    assert!(began.elapsed() < std::time::Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!((letters[0].1.as_deref(), letters[0].3.as_deref()), (Some("22P02"), Some("1")));
    assert!(letters[1..].iter().all(|letter| letter.1.as_deref() == Some("57014")));
    db.items(61).await?;
    assert!(!daemon.log().iter().any(|line| line.contains("lost the database")));
    Ok(())
}

/// A lock which a query takes for the session is given back.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_keeps_no_lock() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let each = "sql = \"select 1 as id from pg_advisory_lock(77)\"";
    let _daemon = Setup::new(&db.url, &[("rows", &routine(each, "row"))]).start();
    db.emit("test.event", json!({ "n": 1 })).await?;
    db.items(1).await?;
    let row = db.client.query_one("select pg_try_advisory_lock(77)", &[]).await?;
    assert!(row.get::<_, bool>(0));
    Ok(())
}

/// A routine which waits for good, with however many events, keeps no other
/// waiting.
#[tokio::test(flavor = "multi_thread")]
async fn blocked_routines_take_turns() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client
        .batch_execute(
            "insert into hearken.events (type, data) \
             select 'test.event', jsonb_build_object('n', n) from generate_series(1, 150) n",
        )
        .await?;
    let never = routine("sql = \"select id from never_there\"", "never");
    let soon = routine("sql = \"select id from soon_there\"", "soon").replace("test.event", "other.event");
    let _daemon = Setup::new(&db.url, &[("rows", &never), ("soon", &soon)]).start();
    some_letters(&db, 150).await?;
    db.emit("other.event", json!({})).await?;
    until("the other routine to be blocked", || async {
        let blocked = "select from hearken.dead_letters where routine = 'soon' and kind = 'blocked'";
        (db.count(blocked).await.ok()? == 1).then_some(())
    })
    .await;
    db.client
        .batch_execute("create table soon_there (id integer); insert into soon_there values (1)")
        .await?;
    db.items(1).await?;
    assert_eq!(db.titles().await?, ["soon"]);
    assert_eq!(letters(&db).await?.len(), 150);
    Ok(())
}

/// An event which fails for good when it is asked for again does not keep those
/// behind it waiting.
#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_event_which_fails_for_good_is_set_aside() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let each = "sql = \"select pick($1) as id\"\nparams = [{ get = \"data.n\" }]";
    let _daemon = Setup::new(&db.url, &[("rows", &routine(each, "row {{ row.id }}"))]).start();
    for n in 1..=3 {
        db.emit("test.event", json!({ "n": n })).await?;
    }
    some_letters(&db, 3).await?;
    db.client
        .batch_execute(
            "create function pick(n integer) returns integer language plpgsql as $$ begin \
             if n = 1 then raise 'broken' using errcode = 'XX000'; end if; return n; end $$",
        )
        .await?;
    db.items(2).await?;
    assert_eq!(db.titles().await?, ["row 2", "row 3"]);
    let letters = letters(&db).await?;
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].0.as_str(), letters[0].1.as_deref()), ("failed", Some("XX000")));
    Ok(())
}
