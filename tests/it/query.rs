//! `[on.query]` against a real database: rows become items once, with what the
//! statement wrote, and a slow or broken statement harms only itself.

use crate::support::daemon::{EVERY, Setup};
use crate::support::{TestDatabase, until};
use serde_json::json;

const ITEM: &str =
    "[flow]\ndedup = { key = [\"row.id\"] }\n[item]\nqueue = \"q\"\ntitle = \"row {{ row.id }}\"\n";

fn routine(query: &str, rest: &str) -> String {
    format!("title = \"Rows\"\n[on.query]\n{query}\n{rest}")
}

/// Waits until a query has some rows.
async fn some(db: &TestDatabase, sql: &str, least: i64) {
    until(&format!("{least} rows of {sql}"), || async { (db.count(sql).await.ok()? >= least).then_some(()) })
        .await;
}

const DUPLICATES: &str = "select from hearken.decisions where outcome = 'duplicate' and routine = 'rows'";
const LETTERS: &str = "select from hearken.dead_letters where routine = 'rows'";
const SLEEPING: &str = "select from pg_stat_activity where datname = current_database() \
                        and application_name like 'hearken%' and query like '%pg_sleep%' and state = 'active'";

/// The same row at every tick is one item; each further tick says so.
#[tokio::test(flavor = "multi_thread")]
async fn rows_become_items_once() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client
        .batch_execute(
            "create table late (id integer, days integer); insert into late values (1, 9), (2, 20), (3, 30)",
        )
        .await?;
    let query = "every = \"1s\"\nsql = \"select id from late where days > $1 order by id -- the late ones\"\nparams = [14]";
    let _daemon = Setup::new(&db.url, &[("rows", &routine(query, ITEM))]).start();
    db.items(2).await?;
    some(&db, DUPLICATES, 2).await;
    db.client.batch_execute("insert into late values (4, 40)").await?;
    db.items(3).await?;
    assert_eq!(db.titles().await?, ["row 2", "row 3", "row 4"]);
    assert_eq!(db.count(LETTERS).await?, 0);
    assert_eq!(db.count("select from hearken.inbox_items where tick is null").await?, 0);
    Ok(())
}

/// What the statement wrote and the items are one: a daemon which is killed
/// between them leaves neither.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_statement_writes_comes_with_its_items() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client
        .batch_execute("create table jobs (id integer, state text); insert into jobs select n, 'new' from generate_series(1, 3) n")
        .await?;
    let query = "every = \"1s\"\nsql = \"\"\"\n\
        with moved as (update jobs set state = 'sent' where state = 'new' returning id)\n\
        select id from moved order by id\"\"\"";
    let text = routine(query, ITEM);
    let setup = Setup::new(&db.url, &[("rows", &text)]);
    let status = setup.clone().env("HEARKEN_FAILPOINT", "query.ran:1").start().ended().await;
    assert!(!status.success(), "query.ran was not reached");
    until("the killed daemon's session to end", || async {
        let sql = "select from pg_stat_activity where datname = current_database() and application_name like 'hearken%'";
        (db.count(sql).await.ok()? == 0).then_some(())
    })
    .await;
    assert_eq!(db.count("select from jobs where state = 'sent'").await?, 0);
    assert_eq!(db.count("select from hearken.inbox_items").await?, 0);
    let status = setup.clone().env("HEARKEN_FAILPOINT", "query.committed:1").start().ended().await;
    assert!(!status.success(), "query.committed was not reached");
    let _daemon = setup.start();
    some(&db, "select from jobs where state = 'sent'", 3).await;
    db.items(3).await?;
    assert_eq!(db.titles().await?, ["row 1", "row 2", "row 3"]);
    Ok(())
}

/// While a query runs for a long time, events become items.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_query_does_not_hold_up_the_log() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let slow = routine("every = \"1s\"\nsql = \"select 1 as id from pg_sleep(600)\"\ntimeout = \"1h\"", ITEM);
    let mut daemon = Setup::new(&db.url, &[("slow", &slow), ("every", EVERY)]).start();
    some(&db, SLEEPING, 1).await;
    for n in 0..3 {
        db.emit("test.event", json!({ "n": n })).await?;
    }
    db.items(3).await?;
    assert_eq!(db.count(SLEEPING).await?, 1, "one tick of a routine at a time, and it still runs");
    // The server notices that nobody waits for the query any more.
    daemon.kill();
    until("the query to be cancelled", || async { (db.count(SLEEPING).await.ok()? == 0).then_some(()) })
        .await;
    Ok(())
}

/// A statement which fails is a dead letter at each tick; the ticks go on, and
/// another routine does not notice.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_which_fails_is_a_dead_letter() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let broken = routine("every = \"1s\"\nsql = \"select 1 / 0 as id\"", ITEM);
    let well = routine("every = \"1s\"\nsql = \"select 7 as id\"", ITEM);
    let _daemon = Setup::new(&db.url, &[("rows", &broken), ("well", &well)]).start();
    db.items(1).await?;
    some(&db, LETTERS, 2).await;
    let sql = "select bool_and(kind = 'failed' and sqlstate = '22012' and tick is not null), \
               count(distinct tick) = count(*) from hearken.dead_letters";
    let row = db.client.query_one(sql, &[]).await?;
    assert!(row.get::<_, bool>(0) && row.get::<_, bool>(1));
    let decisions = "select from hearken.decisions where outcome = 'dead' and routine = 'rows'";
    assert!(db.count(decisions).await? >= 2);
    Ok(())
}

/// Too many rows, a statement which hangs, a template which fails: all that the
/// statement wrote is undone.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_failed_tick_wrote_is_undone() -> anyhow::Result<()> {
    for (query, item, message) in [
        ("sql = \"delete from t returning id\"\nmax_rows = 2", ITEM.to_owned(), "more than 2 rows"),
        (
            "sql = \"with d as (delete from t returning id) select id from d, pg_sleep(3600)\"\ntimeout = \"300ms\"",
            ITEM.to_owned(),
            "300ms",
        ),
        (
            "sql = \"delete from t returning id\"",
            ITEM.replace("{{ row.id }}", "{{ row.other }}"),
            "row.other",
        ),
        ("sql = \"delete from t returning id, id\"", ITEM.to_owned(), "two columns"),
    ] {
        let db = TestDatabase::new().await?;
        db.client.batch_execute("create table t (id integer); insert into t values (1), (2), (3)").await?;
        let text = routine(&format!("every = \"1s\"\n{query}"), &item);
        let _daemon = Setup::new(&db.url, &[("rows", &text)]).start();
        some(&db, LETTERS, 1).await;
        let row = db.client.query_one("select message from hearken.dead_letters limit 1", &[]).await?;
        assert!(row.get::<_, &str>(0).contains(message), "{}", row.get::<_, &str>(0));
        assert_eq!(db.count("select from t").await?, 3, "{query}");
        assert_eq!(db.count("select from hearken.inbox_items").await?, 0, "{query}");
    }
    Ok(())
}

/// Without `[item]` a statement just does its work; the tick is a parameter.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_may_just_clean_up() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client
        .batch_execute(
            "create table old (at timestamptz, tags text[]); \
             insert into old values (now() - interval '1 day', '{a}'), (now() + interval '1 day', '{a}'), \
                                    (now() - interval '1 day', '{b}')",
        )
        .await?;
    let query = "every = \"1s\"\nsql = \"delete from old where at < $1 and tags && $2\"\n\
                 params = [{ get = \"tick\" }, [\"a\", \"it's\"]]";
    let _daemon = Setup::new(&db.url, &[("rows", &routine(query, ""))]).start();
    until("the old row to be gone", || async {
        (db.count("select from old").await.ok()? == 2).then_some(())
    })
    .await;
    assert_eq!(db.count("select from hearken.inbox_items").await?, 0);
    assert_eq!(db.count(LETTERS).await?, 0);
    Ok(())
}

/// A deadlock is trouble of the moment: the tick is run again, and is no dead
/// letter.
#[tokio::test(flavor = "multi_thread")]
async fn trouble_of_the_moment_is_waited_out() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute("create table t (id integer); insert into t values (1)").await?;
    let holder = db.connect().await?;
    holder.batch_execute("begin; lock table t in access exclusive mode").await?;
    let query = "every = \"1s\"\nsql = \"update t set id = id returning id\"";
    let daemon = Setup::new(&db.url, &[("rows", &routine(query, ITEM))]).start();
    daemon.says("a query failed and was rolled back").await;
    assert_eq!(db.count(LETTERS).await?, 0);
    holder.batch_execute("rollback").await?;
    db.items(1).await?;
    assert_eq!(db.count(LETTERS).await?, 0);
    Ok(())
}

/// Settings, a role, temporary tables and locks which a function leaves behind are
/// there neither for what hearken writes nor at the next tick.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_rows_stays_of_a_statement() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client
        .batch_execute(
            "create table seen (settings text); \
             create function note() returns integer language plpgsql as $$ begin \
                 insert into public.seen select concat_ws(' ', current_user, current_setting('search_path'), \
                     current_setting('work_mem'), current_setting('lock_timeout'), current_setting('timezone')); \
                 create temporary table own (); \
                 perform pg_advisory_lock(77); \
                 set search_path = pg_temp; set work_mem = '9MB'; set lock_timeout = 0; set timezone = 'Asia/Tokyo'; \
                 set role pg_monitor; \
                 return 1; \
             end $$",
        )
        .await?;
    let text = routine("every = \"1s\"\nsql = \"select note() as id\"", ITEM);
    let _daemon = Setup::new(&db.url, &[("rows", &text)]).start();
    some(&db, "select from seen", 3).await;
    assert_eq!(db.count("select distinct settings from seen").await?, 1);
    assert_eq!(db.count(LETTERS).await?, 0);
    db.items(1).await?;
    until("the lock to be free", || async {
        let row = db.client.query_one("select pg_try_advisory_lock(77)", &[]).await.ok()?;
        row.get::<_, bool>(0).then_some(())
    })
    .await;
    Ok(())
}

/// However long the items of a tick take, a reload does not wait for them; and if
/// their routine is gone by then, so are they.
#[tokio::test(flavor = "multi_thread")]
async fn a_reload_does_not_wait_for_a_tick() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client
        .batch_execute(
            "create function slow() returns trigger language plpgsql as \
                 'begin perform pg_sleep(4); return new; end'; \
             create trigger slow before insert on hearken.inbox_items for each row execute function slow()",
        )
        .await?;
    let text = routine("every = \"1s\"\nsql = \"select 1 as id\"", ITEM);
    let daemon = Setup::new(&db.url, &[("rows", &text), ("every", EVERY)]).start();
    let from = daemon.says("routines are in force").await;
    let sleeping =
        "select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'";
    some(&db, sleeping, 1).await;
    std::fs::remove_file(daemon.routines.join("rows.toml"))?;
    daemon.says_after(from, "routines are in force").await;
    assert!(!daemon.log().iter().any(|line| line.contains("lost the database")));
    until("the tick to end", || async { (db.count(sleeping).await.ok()? == 0).then_some(()) }).await;
    assert!(daemon.stop().await.success());
    assert_eq!(db.count("select from hearken.inbox_items").await?, 0);
    Ok(())
}

/// Parameters which are lists of JSON, or of a type which restricts another.
#[tokio::test(flavor = "multi_thread")]
async fn a_literal_is_of_any_type() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client
        .batch_execute(
            "create domain marks as integer[]; create domain extra as jsonb check (value <> 'null')",
        )
        .await?;
    let query = "every = \"1s\"\nsql = \"select ($1::jsonb[])[1] #>> '{}' || ($2::marks)[2] || ($3::extra #>> '{}') as id\"\n\
                 params = [[\"a\", true], [1, 2], \"c\"]";
    let _daemon = Setup::new(&db.url, &[("rows", &routine(query, ITEM))]).start();
    db.items(1).await?;
    assert_eq!(db.titles().await?, ["row a2c"]);
    assert_eq!(db.count(LETTERS).await?, 0);
    Ok(())
}
