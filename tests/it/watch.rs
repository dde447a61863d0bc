//! `hearken.watch`: changes of tables become events, whoever makes them and however.

mod altered;
mod command;
mod kinds;
mod rights;

use crate::support::TestDatabase;
use tokio_postgres::Client;

/// A database with a table which is watched; `call` is what stands behind `select
/// hearken.`.
pub(crate) async fn watched(schema: &str, call: &str) -> anyhow::Result<TestDatabase> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute(schema).await?;
    db.client.batch_execute(&format!("select hearken.{call}")).await?;
    Ok(db)
}

/// The events so far, in order, a line each; and no more of them in the log.
pub(crate) async fn events(client: &Client) -> anyhow::Result<Vec<String>> {
    let sql = "select concat_ws(' ', type, coalesce(subject, '-'), data, coalesce(old::text, '-'), \
                      coalesce(meta ->> 'changed', '-')) \
               from hearken.events order by seq";
    let rows = client.query(sql, &[]).await?;
    client.batch_execute("delete from hearken.events").await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Runs statements one by one; these must be the events.
#[track_caller]
pub(crate) fn check<'a>(
    db: &'a TestDatabase,
    sql: &'a [&'a str],
    want: &'a [&'a str],
) -> impl Future<Output = anyhow::Result<()>> + 'a {
    let place = std::panic::Location::caller();
    async move {
        for statement in sql {
            db.client.batch_execute(statement).await?;
        }
        let got = events(&db.client).await?;
        assert_eq!(got, want, "{place}: {sql:#?}");
        Ok(())
    }
}

const TASKS: &str =
    "create table tasks (id int primary key, title text, state text default 'open', secret text)";

#[tokio::test(flavor = "multi_thread")]
async fn rows_which_come_change_and_go_are_events() -> anyhow::Result<()> {
    let db = watched(TASKS, "watch('tasks', 'task', redact => '{secret}')").await?;
    check(
        &db,
        &[
            "insert into tasks values (1, 'a', 'open', 's'), (2, 'b', 'open', 's')",
            "update tasks set state = 'done', secret = 'x' where id = 1",
            "update tasks set secret = 'y'",
            "update tasks set state = state",
            "update tasks set state = 'none' where false",
            "delete from tasks where id = 2",
            "truncate tasks",
        ],
        &[
            r#"task.created 1 {"id": 1, "state": "open", "title": "a"} - -"#,
            r#"task.created 2 {"id": 2, "state": "open", "title": "b"} - -"#,
            r#"task.updated 1 {"id": 1, "state": "done", "title": "a"} {"id": 1, "state": "open", "title": "a"} ["state"]"#,
            r#"task.deleted 2 {"id": 2, "state": "open", "title": "b"} {"id": 2, "state": "open", "title": "b"} -"#,
            "task.truncated - {} - -",
        ],
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_says_where_it_comes_from_and_whose_it_is() -> anyhow::Result<()> {
    let schema = "create table tasks (id int primary key, org uuid, at timestamptz)";
    let db = watched(schema, "watch('tasks', columns => '{at}', tenant => 'org')").await?;
    db.client
        .batch_execute(
            "set timezone = 'Asia/Tokyo'; \
             insert into tasks values (1, '00000000-0000-0000-0000-0000000000a1', '2026-03-02 09:00:00+00')",
        )
        .await?;
    let sql = "select type, source, tenant, meta::text, data::text from hearken.events";
    let row = db.client.query_one(sql, &[]).await?;
    let text = |place: usize| row.get::<_, String>(place);
    assert_eq!((text(0), text(1)), ("tasks.created".to_owned(), "public.tasks".to_owned()));
    assert_eq!(text(2), "00000000-0000-0000-0000-0000000000a1");
    assert_eq!(text(3), r#"{"table": "public.tasks", "operation": "insert"}"#);
    // In UTC, whatever the writer's zone; and the tenant's column was not asked for.
    assert_eq!(text(4), r#"{"at": "2026-03-02T09:00:00+00:00", "id": 1}"#);
    Ok(())
}

/// Pairing by key would take the old row 2 for the new row 2.
#[tokio::test(flavor = "multi_thread")]
async fn rows_whose_keys_change_places_keep_their_own_past() -> anyhow::Result<()> {
    let schema = "create table t (id int primary key deferrable initially deferred, v text); \
                  insert into t select n, 'v' || n from generate_series(1, 3) n";
    let db = watched(schema, "watch('t')").await?;
    check(
        &db,
        &["update t set id = id % 3 + 1"],
        &[
            r#"t.updated 2 {"v": "v1", "id": 2} {"v": "v1", "id": 1} ["id"]"#,
            r#"t.updated 3 {"v": "v2", "id": 3} {"v": "v2", "id": 2} ["id"]"#,
            r#"t.updated 1 {"v": "v3", "id": 1} {"v": "v3", "id": 3} ["id"]"#,
        ],
    )
    .await
}

/// What is planned for one row must do for many, and no row may meet another's past.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_update_pairs_each_row_after_a_small_one() -> anyhow::Result<()> {
    let schema = "create table t (id int primary key, n int, v text); \
                  insert into t select n, n, repeat('x', 100) from generate_series(1, 20000) n";
    let db = watched(schema, "watch('t')").await?;
    db.client.batch_execute("set work_mem = '64kB'; update t set v = 'y' where id = 1").await?;
    db.client.batch_execute("delete from hearken.events; update t set n = -n").await?;
    assert_eq!(db.count("select from hearken.events").await?, 20_000);
    let wrong = "select from hearken.events \
                 where (data ->> 'n')::int <> -(old ->> 'n')::int or data ->> 'id' <> old ->> 'id' or subject <> data ->> 'id'";
    assert_eq!(db.count(wrong).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_takes_updates_whose_old_or_new_row_meets_it() -> anyhow::Result<()> {
    let db =
        watched(TASKS, "watch('tasks', 'task', '{title}', filter => 'state <> ''draft'' -- but drafts')")
            .await?;
    check(
        &db,
        &[
            "insert into tasks values (1, 'a', 'draft'), (2, 'b', 'open'), (3, 'c', null)",
            "update tasks set title = 'd', state = 'open' where id = 1",
            "update tasks set title = 'e', state = 'draft' where id = 1",
            "update tasks set title = 'f' where id = 1",
            "update tasks set state = 'done' where id = 2",
            "delete from tasks",
        ],
        &[
            r#"task.created 2 {"id": 2, "title": "b"} - -"#,
            r#"task.updated 1 {"id": 1, "title": "d"} {"id": 1, "title": "a"} ["title"]"#,
            r#"task.updated 1 {"id": 1, "title": "e"} {"id": 1, "title": "d"} ["title"]"#,
            r#"task.deleted 2 {"id": 2, "title": "b"} {"id": 2, "title": "b"} -"#,
        ],
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_are_left_out_wherever_they_lead() -> anyhow::Result<()> {
    let schema = "create table t (id int primary key, config jsonb, plain json)";
    let db =
        watched(schema, "watch('t', redact => '{config.token, config.users.password, plain.token}')").await?;
    check(
        &db,
        &[
            r#"insert into t values (1, '{"token": 1, "a": 2, "users": [{"password": 1, "n": 2}, 3]}', '{"token": 1}')"#,
            r#"update t set config = config || '{"token": 9}'"#,
            r#"update t set config = '["text", {"token": 1}]', plain = null"#,
            r#"update t set config = '"token"'"#,
            "delete from t",
        ],
        &[
            r#"t.created 1 {"id": 1, "plain": {}, "config": {"a": 2, "users": [{"n": 2}, 3]}} - -"#,
            r#"t.updated 1 {"id": 1, "plain": null, "config": ["text", {}]} {"id": 1, "plain": {}, "config": {"a": 2, "users": [{"n": 2}, 3]}} ["plain", "config"]"#,
            r#"t.updated 1 {"id": 1, "plain": null, "config": "token"} {"id": 1, "plain": null, "config": ["text", {}]} ["config"]"#,
            r#"t.deleted 1 {"id": 1, "plain": null, "config": "token"} {"id": 1, "plain": null, "config": "token"} -"#,
        ],
    )
    .await
}

/// json holds what jsonb does not; the statement of the writer must not fail for it.
#[tokio::test(flavor = "multi_thread")]
async fn what_jsonb_cannot_hold_becomes_text() -> anyhow::Result<()> {
    let db = watched("create table t (id int primary key, j json)", "watch('t')").await?;
    check(
        &db,
        &[r#"insert into t values (1, '{"a":"\u0000"}'), (2, '1e400000'), (3, '{"a": 1}')"#],
        &[
            r#"t.created 1 {"j": "{\"a\":\"\\u0000\"}", "id": 1} - -"#,
            r#"t.created 2 {"j": "1e400000", "id": 2} - -"#,
            r#"t.created 3 {"j": {"a": 1}, "id": 3} - -"#,
        ],
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn truncate_is_an_event_an_error_or_nothing() -> anyhow::Result<()> {
    let db = watched(TASKS, "watch('tasks', 'task', truncates => 'refuse')").await?;
    let error = db.client.batch_execute("truncate tasks").await.expect_err("a refusal");
    assert_eq!(error.code().map(|code| code.code()), Some("55000"));
    db.client.batch_execute("select hearken.watch('tasks', 'task', truncates => 'ignore')").await?;
    check(&db, &["truncate tasks"], &[]).await?;
    db.client.batch_execute("select hearken.watch('tasks', 'task')").await?;
    check(&db, &["truncate tasks"], &["task.truncated - {} - -"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_again_replaces_and_unwatching_leaves_nothing() -> anyhow::Result<()> {
    let db = watched(TASKS, "watch('tasks', 'task')").await?;
    db.client.batch_execute("select hearken.watch('tasks', 'job', columns => '{title}')").await?;
    check(&db, &["insert into tasks values (1, 'a')"], &[r#"job.created 1 {"id": 1, "title": "a"} - -"#])
        .await?;
    let ours = "select from pg_proc where pronamespace = 'hearken'::regnamespace and proname like 'watch\\_tasks\\_%'";
    assert_eq!(db.count(ours).await?, 1);
    let row = db.client.query_one("select prefix, columns, missing from hearken.watches", &[]).await?;
    assert_eq!(row.get::<_, &str>(0), "job");
    assert_eq!(row.get::<_, Vec<String>>(1), ["title"]);
    assert!(row.get::<_, Vec<String>>(2).is_empty());
    for want in ["no longer watched", "not watched"] {
        let row = db.client.query_one("select hearken.unwatch('tasks')", &[]).await?;
        assert_eq!(row.get::<_, &str>(0), want);
    }
    check(&db, &["insert into tasks values (2, 'b')", "truncate tasks"], &[]).await?;
    assert_eq!(db.count(ours).await?, 0);
    assert_eq!(db.count("select from hearken.watches").await?, 0);
    assert_eq!(db.count("select from pg_trigger where tgrelid = 'tasks'::regclass").await?, 0);
    Ok(())
}

/// A migration of the application's must not be able to break its own statements, nor
/// to let a secret out.
#[tokio::test(flavor = "multi_thread")]
async fn after_alter_table_the_columns_known_before_go_on() -> anyhow::Result<()> {
    let db = watched(
        TASKS,
        "watch('tasks', 'task', redact => '{secret}', filter => 'state is distinct from ''draft''')",
    )
    .await?;
    db.client
        .batch_execute("insert into tasks values (1, 'a', 'open', 's'); delete from hearken.events")
        .await?;
    check(
        &db,
        &[
            "alter table tasks rename secret to token",
            "alter table tasks add column n int default 7",
            "update tasks set title = 'b'",
            "alter table tasks drop column state",
            "update tasks set title = 'c', token = 'x'",
            "alter table tasks rename column title to name",
            "insert into tasks (id) values (2)",
        ],
        &[
            r#"task.updated 1 {"id": 1, "state": "open", "title": "b"} {"id": 1, "state": "open", "title": "a"} ["title"]"#,
            r#"task.updated 1 {"id": 1, "title": "c"} {"id": 1, "title": "b"} ["title"]"#,
            r#"task.created 2 {"id": 2} - -"#,
        ],
    )
    .await?;
    let row = db.client.query_one("select missing from hearken.watches", &[]).await?;
    assert_eq!(row.get::<_, Vec<String>>(0), ["title", "state"]);
    db.client.batch_execute("select hearken.watch('tasks', 'task', redact => '{token}')").await?;
    check(
        &db,
        &["delete from tasks where id = 2"],
        &[r#"task.deleted 2 {"n": 7, "id": 2, "name": null} {"n": 7, "id": 2, "name": null} -"#],
    )
    .await
}
