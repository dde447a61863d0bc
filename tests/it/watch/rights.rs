//! Who may write to a watched table, and with whose rights the watch runs.

use super::{check, watched};
use crate::support::daemon::Setup;
use crate::support::database::{connect, migrate};
use crate::support::{TestDatabase, own_cluster};

const TABLE: &str = "create table t (id int primary key, v text)";

/// A role with nothing but one right on one table.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_insert_can_insert() -> anyhow::Result<()> {
    let db = watched(TABLE, "watch('t')").await?;
    let role = format!("{}_writer", db.name);
    db.client.batch_execute(&format!("create role {role}; grant insert on t to {role}")).await?;
    let client = db.connect().await?;
    client.batch_execute(&format!("set session authorization {role}")).await?;
    // A change of the log's partitions goes on meanwhile.
    let keeper = db.connect().await?;
    keeper.batch_execute("begin; lock table hearken.events in share update exclusive mode").await?;
    client.batch_execute("insert into t values (1, 'a')").await?;
    for sql in
        ["insert into hearken.events (type) values ('x')", "select hearken.emit('x')", "select * from t"]
    {
        let error = client.batch_execute(sql).await.expect_err(sql);
        assert_eq!(error.code().map(|code| code.code()), Some("42501"), "{sql}");
    }
    keeper.batch_execute("commit").await?;
    check(&db, &[], &[r#"t.created 1 {"v": "a", "id": 1} - -"#]).await
}

/// Hung on a table of one's own, the function would write whatever one likes.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_can_use_the_function_of_a_watch() -> anyhow::Result<()> {
    let db = watched(TABLE, "watch('t')").await?;
    let role = format!("{}_stranger", db.name);
    let row = db
        .client
        .query_one(
            "select tgfoid::regproc::text from pg_trigger where tgname = 'zz_hearken_watch_insert'",
            &[],
        )
        .await?;
    let function: String = row.get(0);
    db.client
        .batch_execute(&format!(
            "create role {role}; grant usage on schema hearken to {role}; \
             create schema own authorization {role}; set session authorization {role}; create table own.t (id int)"
        ))
        .await?;
    let sql = format!(
        "create trigger x after insert on own.t referencing new table as hearken_new \
         for each statement execute function {function}('{{}}')"
    );
    let error = db.client.batch_execute(&sql).await.expect_err("a refusal");
    assert_eq!(error.code().map(|code| code.code()), Some("42501"));
    Ok(())
}

/// Roles belong to all databases of a cluster: here one which may make them comes
/// first, or one which may not.
#[tokio::test(flavor = "multi_thread")]
async fn the_migration_needs_no_right_to_make_roles() -> anyhow::Result<()> {
    let own = own_cluster();
    let admin = connect(&own.url("postgres")).await?;
    for sql in ["create role plain login", "create role maker login createrole"] {
        admin.batch_execute(sql).await?;
    }
    for (database, owner, runs_as) in
        [("one", "plain", "plain"), ("two", "maker", "hearken_watcher"), ("three", "plain", "plain")]
    {
        admin.batch_execute(&format!("create database {database} owner {owner}")).await?;
        let url = own.url(database).replace("user=postgres", &format!("user={owner}"));
        migrate(&url).await?;
        let client = connect(&url).await?;
        client
            .batch_execute(&format!("{TABLE}; select hearken.watch('t'); select hearken.watch('t', 'other')"))
            .await?;
        client.batch_execute("insert into t values (1, 'a'); update t set v = 'b'").await?;
        let row =
            client.query_one("select string_agg(type, ' ' order by seq) from hearken.events", &[]).await?;
        assert_eq!(row.get::<_, &str>(0), "other.created other.updated", "{database}");
        let row = client.query_one("select runs_as::text from hearken.watches", &[]).await?;
        assert_eq!(row.get::<_, &str>(0), runs_as, "{database}");
    }
    // Who makes the role makes nobody else a member: the hint says what does.
    let row = dba_hint(&own.url("one")).await?;
    assert!(row.contains("grant hearken_watcher to postgres"), "{row}");
    // A DBA mends it.
    let dba = connect(&own.url("one")).await?;
    let row = dba.query_one("select hearken.make_watcher(), hearken.watch('t', 'again')", &[]).await?;
    assert_eq!(row.get::<_, &str>(0), "ready");
    let row = dba.query_one("select runs_as::text from hearken.watches", &[]).await?;
    assert_eq!(row.get::<_, &str>(0), "hearken_watcher");
    let held = "select has_schema_privilege('hearken_watcher', 'hearken', 'create'), \
                       has_table_privilege('hearken_watcher', 'hearken.events', 'select')";
    let row = dba.query_one(held, &[]).await?;
    assert_eq!((row.get::<_, bool>(0), row.get::<_, bool>(1)), (false, false));
    Ok(())
}

async fn dba_hint(url: &str) -> anyhow::Result<String> {
    let client = connect(url).await?;
    let sql = "select hearken.watch_hint('no member: must have admin option')";
    Ok(client.query_one(sql, &[]).await?.get(0))
}

const ROUTINE: &str = r#"
title = "Tasks which are done"

[on.event]
type = "t.updated"

[when]
"data.v" = { became = "done" }

[item]
queue = "q"
title = "{{ data.id }} from {{ old.v }}"
"#;

/// From the change of a table to the item, with the bell, and with the causes of the
/// lease under which it was made.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_becomes_an_item() -> anyhow::Result<()> {
    let db = watched(TABLE, "watch('t')").await?;
    let daemon = Setup::new(&db.url, &[("done", ROUTINE)]).daemon("reconcile = \"1h\"").start();
    daemon.leads().await;
    db.client.batch_execute("insert into t values (1, 'open'), (2, 'open')").await?;
    db.client.batch_execute("update t set v = 'done' where id = 2").await?;
    db.items(1).await?;
    assert_eq!(db.titles().await?, ["2 from open"]);
    db.client
        .batch_execute(
            "begin; select hearken.under(l.id, l.token) from hearken.lease('w', '{q}') l; \
             update t set v = 'closed' where id = 2; commit",
        )
        .await?;
    assert_eq!(db.count("select from hearken.events where chain = '{done}'").await?, 1);
    assert!(daemon.stop().await.success());
    Ok(())
}

/// A statement which makes no event rings no bell: it would wake the daemon for
/// nothing, and make writers queue.
#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_event_does_not_ring() -> anyhow::Result<()> {
    let db =
        watched(&format!("{TABLE}; insert into t values (1, 'a')"), "watch('t', columns => '{v}')").await?;
    for (sql, want) in [
        ("update t set v = v", 0),
        ("update t set v = 'b'", 1),
        ("delete from t where false", 0),
        ("set local hearken.doorbell = 'off'; update t set v = 'c'", 0),
    ] {
        db.client.batch_execute(&format!("begin; {sql}")).await?;
        assert_eq!(held(&db).await?, want, "{sql}");
        db.client.batch_execute("commit").await?;
    }
    Ok(())
}

/// How many locks of doorbells the session holds: ringing while nobody sleeps.
async fn held(db: &TestDatabase) -> anyhow::Result<i64> {
    db.count(
        "select from pg_locks where locktype = 'advisory' and classid = 1751478891 and pid = pg_backend_pid()",
    )
    .await
}
