//! The edges of the gates: what follows what, routines which change meanwhile,
//! batches over many passes, circles, and rows which somebody has touched.

use crate::gates::routine;
use crate::gates_refuse::{HOURS, clock, setup, shows};
use crate::support::{TestDatabase, until};
use serde_json::json;
use tokio_postgres::Client;

mod by_hand;

/// Waits until the items and the held drafts of a routine are these lines.
#[track_caller]
fn is<'a>(db: &'a TestDatabase, name: &str, want: &[&str]) -> impl Future<Output = ()> + use<'a> {
    let sql = format!(
        "select string_agg(line, '|' order by id) from ( \
         select id, state || ' ' || title || ' ' || context::text as line from hearken.inbox_items \
         where routine = '{name}' union all \
         select id, phase || ' ' || (draft ->> 'title') from hearken.held where routine = '{name}') q"
    );
    shows(db, &sql, &want.join("|"))
}

/// Waits until this was decided about a routine's events, each with its number.
#[track_caller]
fn decided<'a>(db: &'a TestDatabase, name: &str, want: &str) -> impl Future<Output = ()> + use<'a> {
    let sql = format!(
        "select string_agg(event_seq || ' ' || outcome, ', ' order by event_seq, at) \
         from hearken.decisions where routine = '{name}'"
    );
    shows(db, &sql, want)
}

/// One open item for each `data.k`.
fn while_open(conflict: &str) -> String {
    format!("dedup = {{ key = [\"data.k\"], window = \"while_open\", on_conflict = \"{conflict}\" }}")
}

/// Writes an event with this `data.n` and `data.k`. In a test with one kind of
/// event `n` is its number in the log as well.
async fn emit(db: &TestDatabase, n: i64, k: i64) -> anyhow::Result<()> {
    db.emit("test.event", json!({ "n": n, "k": k })).await?;
    Ok(())
}

/// A worker takes an item of a queue, once there is one.
async fn lease(client: &Client, queue: &str) -> (i64, i64) {
    let row = until("an item to be leased", || async {
        let sql = "select id, token from hearken.lease('w', array[$1::text])";
        client.query_opt(sql, &[&queue]).await.expect("an answer")
    })
    .await;
    (row.get(0), row.get(1))
}

async fn complete(client: &Client, (id, token): (i64, i64)) -> anyhow::Result<()> {
    let row = client.query_one("select hearken.complete($1, $2)", &[&id, &token]).await?;
    assert_eq!(row.get::<_, String>(0), "done");
    Ok(())
}

/// One draft follows an item which is running; none follows one which waits, or
/// one which follows already.
#[tokio::test(flavor = "multi_thread")]
async fn one_draft_follows_what_is_running() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let routines = [("follow", routine("test.event", "q", &while_open("follow_up")))];
    let _daemon = setup(&db, &routines).start();
    // What was met is an item, or a held draft.
    let met = "select string_agg(concat_ws(' ', d.event_seq, d.outcome, i.title, h.draft ->> 'title'), ', ' \
                                 order by d.event_seq) \
               from hearken.decisions d \
               left join hearken.inbox_items i on i.id = d.met_item_id \
               left join hearken.held h on h.id = d.met_item_id";
    emit(&db, 1, 1).await?;
    is(&db, "follow", &["waiting e1 {\"n\": 1}"]).await;
    emit(&db, 2, 1).await?;
    shows(&db, met, "2 duplicate e1").await;
    is(&db, "follow", &["waiting e1 {\"n\": 1}"]).await;

    let leased = lease(&db.client, "q").await;
    emit(&db, 3, 1).await?;
    is(&db, "follow", &["leased e1 {\"n\": 1}", "queued e3"]).await;
    emit(&db, 4, 1).await?;
    shows(&db, met, "2 duplicate e1, 3 held e3, 4 duplicate e3").await;
    is(&db, "follow", &["leased e1 {\"n\": 1}", "queued e3"]).await;
    complete(&db.client, leased).await?;
    is(&db, "follow", &["done e1 {\"n\": 1}", "waiting e3 {\"n\": 3}"]).await;
    Ok(())
}

/// An operator releases a follow-up which has collected: nothing of it is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_follow_up_which_is_released_has_all_it_collected() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let routines = [("append", routine("test.event", "q", &while_open("append")))];
    let _daemon = setup(&db, &routines).start();
    emit(&db, 1, 1).await?;
    is(&db, "append", &["waiting e1 {\"items\": [{\"n\": 1}]}"]).await;
    let leased = lease(&db.client, "q").await;
    emit(&db, 2, 1).await?;
    decided(&db, "append", "2 held").await;
    emit(&db, 3, 1).await?;
    decided(&db, "append", "2 held, 3 merged").await;
    is(&db, "append", &["leased e1 {\"items\": [{\"n\": 1}]}", "queued e2"]).await;

    shows(&db, "select hearken.release_held(h.id) from hearken.held h", "released").await;
    let released = "waiting e2 {\"items\": [{\"n\": 2}, {\"n\": 3}]}";
    is(&db, "append", &["leased e1 {\"items\": [{\"n\": 1}]}", released]).await;
    complete(&db.client, leased).await?;
    is(&db, "append", &["done e1 {\"items\": [{\"n\": 1}]}", released]).await;
    Ok(())
}

/// A routine begins to collect while the hours hold a draft of it: all is there in
/// the end, also what came before.
#[tokio::test(flavor = "multi_thread")]
async fn a_held_draft_takes_in_more_once_its_routine_appends() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let text = |conflict: &str| routine("test.event", "q", &format!("{HOURS}\n{}", while_open(conflict)));
    let setup = setup(&db, &[("late", text("replace"))]);
    clock(&db, "03:00:00").await?;
    let daemon = setup.start();
    let seen = daemon.says("routines are in force").await;
    emit(&db, 1, 1).await?;
    decided(&db, "late", "1 held").await;
    emit(&db, 2, 1).await?;
    decided(&db, "late", "1 held, 2 replaced").await;

    std::fs::write(setup.routines().join("late.toml"), text("append"))?;
    daemon.says_after(seen, "routines are in force").await;
    emit(&db, 3, 1).await?;
    decided(&db, "late", "1 held, 2 replaced, 3 merged").await;
    emit(&db, 4, 1).await?;
    decided(&db, "late", "1 held, 2 replaced, 3 merged, 4 merged").await;
    is(&db, "late", &["accepted e2"]).await;
    clock(&db, "08:00:00").await?;
    is(&db, "late", &["waiting e2 {\"items\": [{\"n\": 2}, {\"n\": 3}, {\"n\": 4}]}"]).await;
    Ok(())
}

/// A batch whose drafts came one pass each, the last one to another daemon.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_outlives_its_daemon() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let batch = "batch = { key = [\"data.k\"], max = 3, within = \"1h\" }";
    let setup = setup(&db, &[("three", routine("test.event", "q", batch))]);
    let mut daemon = setup.start();
    emit(&db, 1, 1).await?;
    decided(&db, "three", "1 held").await;
    emit(&db, 2, 1).await?;
    decided(&db, "three", "1 held, 2 merged").await;
    is(&db, "three", &["collecting e1"]).await;
    daemon.kill();
    let _daemon = setup.start();
    emit(&db, 3, 1).await?;
    is(&db, "three", &["waiting e1 {\"items\": [{\"n\": 1}, {\"n\": 2}, {\"n\": 3}]}"]).await;
    decided(&db, "three", "1 held, 2 merged, 3 merged").await;
    shows(&db, "select count(*) from hearken.held_parts", "0").await;
    Ok(())
}

/// The largest batch, filled by fifty passes: all is in it, in order.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_batch_keeps_the_order_of_its_passes() -> anyhow::Result<()> {
    const PAGES: i64 = 50;
    const PAGE: i64 = 20;
    let db = TestDatabase::new().await?;
    let batch = "batch = { max = 1000, within = \"1h\" }";
    let _daemon = setup(&db, &[("many", routine("test.event", "q", batch))]).start();
    let page = "insert into hearken.events (type, data) select 'test.event', jsonb_build_object('n', n) \
                from generate_series($1::bigint, $2::bigint) n";
    for number in 1..=PAGES {
        db.client.execute(page, &[&((number - 1) * PAGE + 1), &(number * PAGE)]).await?;
        if number < PAGES {
            shows(&db, "select h.count from hearken.held h", &(number * PAGE).to_string()).await;
        }
    }
    let list = "select concat_ws(' ', count(*), bool_and((part ->> 'n')::bigint = place)) \
                from hearken.inbox_items i \
                cross join jsonb_array_elements(i.context -> 'items') with ordinality as t (part, place)";
    shows(&db, list, "1000 t").await;
    db.items(1).await?;
    shows(&db, "select count(*) from hearken.held", "0").await;
    Ok(())
}

/// A worker of `q` does an item and emits, under its lease, what its routine hears.
async fn answer(worker: &Client) -> anyhow::Result<()> {
    let (id, token) = lease(worker, "q").await;
    let emits = "select hearken.emit('test.event', '{\"n\": 0}')";
    worker.batch_execute(&format!("begin; select hearken.under({id}, {token}); {emits}")).await?;
    complete(worker, (id, token)).await?;
    worker.batch_execute("commit").await?;
    Ok(())
}

/// What a routine's items bring about sets it off once, or, if it wants that, until
/// eight items are behind it.
#[tokio::test(flavor = "multi_thread")]
async fn a_circle_comes_to_an_end() -> anyhow::Result<()> {
    for (looping, items) in [("avoid", 1), ("allow", 8)] {
        let db = TestDatabase::new().await?;
        let flow = format!("loop = \"{looping}\"");
        let _daemon = setup(&db, &[("echo", routine("test.event", "q", &flow))]).start();
        let worker = db.connect().await?;
        emit(&db, 1, 1).await?;
        for _ in 0..items {
            answer(&worker).await?;
        }
        // The event behind the last item is the one which is stopped.
        decided(&db, "echo", &format!("{} loop", items + 1)).await;
        db.items(items).await?;
        assert_eq!(db.count("select from hearken.inbox_items where state = 'done'").await?, items);
        let chain = "select array_to_string(chain, ' ') from hearken.events order by seq desc limit 1";
        shows(&db, chain, &vec!["echo"; usize::try_from(items)?].join(" ")).await;
    }
    Ok(())
}
