//! One bad thing stops nothing else.

use crate::support::daemon::{EVERY, Setup};
use crate::support::{TestDatabase, until};
use serde_json::json;

const OTHER: &str = r#"
title = "Another"

[on.event]
type = "test.event"

[item]
queue = "other"
title = "other {{ data.n }}"
"#;

/// What the test does to the inbox so that the event 13 is refused, and what is
/// to be found in the dead letter.
const REFUSALS: &[(&str, &str, &str)] = &[
    (
        "alter table hearken.inbox_items add constraint no_thirteen check (title <> 'event 13')",
        "23514",
        "no_thirteen",
    ),
    (
        "create table seen (title text); insert into seen select 'event ' || n from generate_series(1, 40) n where n <> 13; \
         alter table seen add unique (title); alter table hearken.inbox_items add constraint is_seen \
         foreign key (title) references seen (title) not valid deferrable initially deferred",
        "23503",
        "is_seen",
    ),
    (
        "create function refuse() returns trigger language plpgsql as $$ begin \
           if new.title = 'event 13' then perform 'x'::int; end if; return new; end $$; \
         create trigger refuse before insert on hearken.inbox_items for each row execute function refuse()",
        "22P02",
        "invalid input syntax",
    ),
    (
        "create function refuse() returns trigger language plpgsql as $$ begin \
           if new.title = 'event 13' then raise exception 'unlucky'; end if; return new; end $$; \
         create trigger refuse before insert on hearken.inbox_items for each row execute function refuse()",
        "P0001",
        "unlucky",
    ),
];

/// Only the guilty draft is set aside, with its SQLSTATE; the rest goes through,
/// in order.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_item_is_the_only_one_set_aside() -> anyhow::Result<()> {
    for (sql, sqlstate, message) in REFUSALS {
        let db = TestDatabase::new().await?;
        db.client.batch_execute(sql).await?;
        // One batch: written before the daemon starts. The foreign key knows
        // the titles of `every` only.
        let others = if *sqlstate == "23503" { vec![] } else { vec![("other", OTHER)] };
        let routines = [vec![("every", EVERY)], others.clone()].concat();
        db.client
            .batch_execute("insert into hearken.events (type, data) select 'test.event', jsonb_build_object('n', n) from generate_series(1, 30) n")
            .await?;
        let daemon = Setup::new(&db.url, &routines).start();
        db.items(29 + 30 * others.len() as i64).await?;
        let titles = db.titles().await?;
        let mine: Vec<_> = titles.into_iter().filter(|title| title.starts_with("event")).collect();
        let want: Vec<String> = (1..=30).filter(|n| *n != 13).map(|n| format!("event {n}")).collect();
        assert_eq!(mine, want, "{sqlstate}");
        let letter = db
            .client
            .query_one("select kind, sqlstate, message, routine, event_seq, event -> 'data' ->> 'n', draft ->> 'title' from hearken.dead_letters", &[])
            .await?;
        assert_eq!(letter.get::<_, &str>(0), "refused");
        assert_eq!(letter.get::<_, &str>(1), *sqlstate);
        assert!(letter.get::<_, &str>(2).contains(message), "{}", letter.get::<_, &str>(2));
        assert_eq!((letter.get(3), letter.get(4)), ("every", 13_i64));
        assert_eq!((letter.get(5), letter.get(6)), ("13", "event 13"));
        let decision =
            "select from hearken.decisions where outcome = 'dead' and event_seq = 13 and routine = 'every'";
        assert_eq!(db.count(decision).await?, 1);
        assert!(daemon.stop().await.success());
    }
    Ok(())
}

/// Workers are rung also for the items of a pass which was done with care.
#[tokio::test(flavor = "multi_thread")]
async fn workers_are_rung_beside_a_refused_item() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute(REFUSALS[0].0).await?;
    let heard = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flag = heard.clone();
    let on_notify: hearken::pg::session::OnNotify = std::sync::Arc::new(move |notification| {
        if notification.channel() == "hearken:q" {
            flag.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    });
    let options = crate::support::database::options(&db.url);
    let role = hearken::pg::session::SessionRole::Listener;
    let worker = hearken::pg::session::Session::open(&options, role, Some(on_notify)).await?;
    worker.client().batch_execute("listen \"hearken:q\"").await?;
    db.client
        .batch_execute("insert into hearken.events (type, data) values ('test.event', '{\"n\": 13}'), ('test.event', '{\"n\": 14}')")
        .await?;
    let _daemon = Setup::new(&db.url, &[("every", EVERY)]).start();
    db.items(1).await?;
    until("the worker to be rung", || async {
        heard.load(std::sync::atomic::Ordering::SeqCst).then_some(())
    })
    .await;
    Ok(())
}

/// `\u0000` cannot be stored as jsonb; the routine which makes one harms itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_nul_in_the_context_is_a_dead_letter() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let nul = format!("{EVERY}[item.context]\nnote = \"nul \\u0000\"\n");
    let _daemon = Setup::new(&db.url, &[("nul", &nul), ("other", OTHER)]).start();
    for n in 0..3 {
        db.emit("test.event", json!({ "n": n })).await?;
    }
    db.items(3).await?;
    assert_eq!(db.titles().await?, ["other 0", "other 1", "other 2"]);
    until("three dead letters", || async {
        (db.count("select from hearken.dead_letters where routine = 'nul' and sqlstate like '22%'")
            .await
            .ok()?
            == 3)
            .then_some(())
    })
    .await;
    Ok(())
}

/// A draft on which the database hangs is found by the statement timeout.
#[tokio::test(flavor = "multi_thread")]
async fn a_draft_which_hangs_is_set_aside() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client
        .batch_execute(
            "create function hang() returns trigger language plpgsql as $$ begin \
               if new.title = 'event 3' then perform pg_sleep(3600); end if; return new; end $$; \
             create trigger hang before insert on hearken.inbox_items for each row execute function hang()",
        )
        .await?;
    let _daemon = Setup::new(&db.url, &[("every", EVERY)]).daemon("statement_timeout = \"1s\"").start();
    for n in 0..6 {
        db.emit("test.event", json!({ "n": n })).await?;
    }
    db.items(5).await?;
    let row =
        db.client.query_one("select sqlstate, draft ->> 'title' from hearken.dead_letters", &[]).await?;
    assert_eq!((row.get(0), row.get(1)), ("57014", "event 3"));
    Ok(())
}

/// A routine whose template fails on an event is recorded; others go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_routine_which_fails_harms_only_itself() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let strict = EVERY.replace("data.n", "data.missing");
    let _daemon = Setup::new(&db.url, &[("strict", &strict), ("other", OTHER)]).start();
    db.emit("test.event", json!({ "n": 1 })).await?;
    db.items(1).await?;
    let row = db
        .client
        .query_one("select kind, routine, message, event -> 'data' ->> 'n' from hearken.dead_letters", &[])
        .await?;
    assert_eq!((row.get(0), row.get(1), row.get(3)), ("failed", "strict", "1"));
    assert!(row.get::<_, &str>(2).contains("data.missing"), "{}", row.get::<_, &str>(2));
    Ok(())
}

/// What lacks a grant or a column waits, and goes through in order once mended.
#[tokio::test(flavor = "multi_thread")]
async fn blocked_items_are_redriven_in_order() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client
        .batch_execute(
            "create function broken() returns trigger language plpgsql as $$ begin \
               perform * from a_table_which_is_gone; return new; end $$; \
             create trigger broken before insert on hearken.inbox_items for each row execute function broken()",
        )
        .await?;
    let daemon = Setup::new(&db.url, &[("every", EVERY)]).start();
    for n in 0..5 {
        db.emit("test.event", json!({ "n": n })).await?;
    }
    until("five blocked letters", || async {
        (db.count("select from hearken.dead_letters where kind = 'blocked' and sqlstate = '42P01'")
            .await
            .ok()?
            == 5)
            .then_some(())
    })
    .await;
    db.client.batch_execute("create table a_table_which_is_gone ()").await?;
    db.items(5).await?;
    let want: Vec<String> = (0..5).map(|n| format!("event {n}")).collect();
    assert_eq!(db.titles().await?, want);
    until("no letter to be left", || async {
        (db.count("select from hearken.dead_letters").await.ok()? == 0).then_some(())
    })
    .await;
    assert!(daemon.stop().await.success());
    Ok(())
}

/// Too large, or nested too deep: set aside, and the log goes on.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_which_cannot_be_weighed_is_set_aside() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let _daemon = Setup::new(&db.url, &[("every", EVERY)]).daemon("data_max = \"64KiB\"").start();
    db.emit("test.event", json!({ "n": 0, "text": "x".repeat(100_000) })).await?;
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    db.client
        .execute("insert into hearken.events (type, data) values ('test.event', $1::text::jsonb)", &[&deep])
        .await?;
    db.client
        .batch_execute(
            "insert into hearken.events (type, time, data) values ('test.event', 'infinity', '{\"n\": 2}')",
        )
        .await?;
    db.items(1).await?;
    assert_eq!(db.titles().await?, ["event 2"]);
    let sql = "select message from hearken.dead_letters where kind = 'oversized' order by event_seq";
    let letters = db.client.query(sql, &[]).await?;
    assert_eq!(letters.len(), 2);
    assert!(letters[0].get::<_, &str>(0).contains("data_max"));
    assert!(letters[1].get::<_, &str>(0).contains("recursion limit"));
    Ok(())
}

/// What was there before is a decision which names the item it met.
#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_is_a_decision() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let daemon = Setup::new(&db.url, &[("every", EVERY)]).start();
    db.emit("test.event", json!({ "n": 1 })).await?;
    db.items(1).await?;
    assert!(daemon.stop().await.success());
    // As after a restore of the progress alone: the log is read again.
    db.client.batch_execute("delete from hearken.progress").await?;
    let _daemon = Setup::new(&db.url, &[("every", EVERY)]).start();
    let row = until("a decision", || async {
        let sql = "select routine, outcome, event_seq, met_item_id = (select id from hearken.inbox_items), length(version) from hearken.decisions";
        db.client.query_opt(sql, &[]).await.ok()?
    })
    .await;
    assert_eq!((row.get(0), row.get(1), row.get(2)), ("every", "duplicate", 1_i64));
    assert_eq!((row.get(3), row.get(4)), (true, 16));
    assert_eq!(db.count("select from hearken.inbox_items").await?, 1);
    Ok(())
}
