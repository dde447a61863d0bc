//! Least privilege: the grants of docs/operations.md suffice, and no more is
//! possible with them.

use crate::support::TestDatabase;
use crate::support::daemon::{EVERY, Setup};
use crate::support::database::{cluster, connect, migrate};
use tokio_postgres::Client;

/// The SQL under a heading of docs/operations.md.
fn documented(heading: &str) -> String {
    let text = include_str!("../../docs/operations.md");
    let section = text.split(heading).nth(1).expect(heading);
    let block = section.split("```sql").nth(1).expect("a block of SQL").split("```").next().expect("an end");
    block.to_owned()
}

const NOT_FOR_WRITERS: &[&str] = &[
    "insert into hearken.events (type, seq) values ('x', 1)",
    "insert into hearken.events (type, xid) values ('x', '1')",
    "insert into hearken.events (type, at) values ('x', now())",
    "insert into hearken.events_floor (type) values ('x')",
    "select data from hearken.events",
    "delete from hearken.events",
    "select * from hearken.inbox_items",
    "insert into hearken.events (type, chain) values ('x', '{a}')",
    "select hearken.pause('every')",
];

const NOT_FOR_WORKERS: &[&str] = &[
    "insert into hearken.inbox_items (dedup_key, queue, routine, version, title) values ('', '', '', '', '')",
    "delete from hearken.inbox_items",
    "update hearken.inbox_items set instructions = 'mine'",
    "select hearken.enqueue_each('{}')",
    "insert into hearken.events (type) values ('x')",
    "select * from hearken.dead_letters",
    "select * from hearken.held",
    "update hearken.inbox_items set open_key = null",
    "select hearken.pause('every')",
    "select hearken.cancel_held(1)",
    "select hearken.release_held(1)",
    "select hearken.retry(1)",
    "select hearken.prune_gates()",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_grants_suffice_and_are_least() -> anyhow::Result<()> {
    // Roles belong to the whole cluster: a cluster of its own.
    let own = crate::support::own_cluster();
    let _ = cluster;
    let postgres = connect(&own.url("postgres")).await?;
    postgres.batch_execute("create database app").await?;
    let admin = connect(&own.url("app")).await?;
    admin.batch_execute(&documented("Daemon role")).await?;
    let as_role = |role: &str| own.url("app").replace("user=postgres", &format!("user={role}"));

    let daemon = Setup::new(&as_role("hearken_daemon"), &[("every", EVERY)]).start();
    daemon.leads().await;
    admin.batch_execute(&documented("Writer role")).await?;
    admin.batch_execute(&documented("Worker role")).await?;

    let writer = connect(&as_role("app_writer")).await?;
    writer.query_one("select hearken.emit('test.event', '{\"n\": 1}')", &[]).await?;
    writer
        .batch_execute("insert into hearken.events (type, data) values ('test.event', '{\"n\": 2}')")
        .await?;
    let worker = connect(&as_role("agent_worker")).await?;
    crate::support::until("both items", || async {
        (worker
            .query("select id, token from hearken.inbox_items where state = 'waiting'", &[])
            .await
            .ok()?
            .len()
            == 2)
            .then_some(())
    })
    .await;
    let rows = worker.query("select id, token from hearken.lease('w', '{q}', 2)", &[]).await?;
    assert_eq!(rows.len(), 2);
    let done = worker
        .query_one("select hearken.complete($1, $2)", &[&rows[0].get::<_, i64>(0), &rows[0].get::<_, i64>(1)])
        .await?;
    assert_eq!(done.get::<_, &str>(0), "done");
    worker
        .query_one("select hearken.fail($1, $2)", &[&rows[1].get::<_, i64>(0), &rows[1].get::<_, i64>(1)])
        .await?;

    for (client, refused) in [(&writer, NOT_FOR_WRITERS), (&worker, NOT_FOR_WORKERS)] {
        for sql in refused {
            check_refused(client, sql).await;
        }
    }
    assert!(daemon.stop().await.success());
    Ok(())
}

async fn check_refused(client: &Client, sql: &str) {
    let error = client.batch_execute(sql).await.expect_err(sql);
    assert_eq!(error.code().map(|code| code.code()), Some("42501"), "{sql}");
}

/// Two items with keys, and two held drafts.
const HELD: &str = "\
    insert into hearken.inbox_items (dedup_key, open_key, queue, routine, version, title) \
        select sha256(n::text::bytea), sha256(n::text::bytea), 'q', 'r', 'v', 't' from generate_series(1, 2) n; \
    insert into hearken.held \
        (id, event_seq, due_at, phase, gate, routine, version, item, queue, dedup_key, draft, request) \
        select n, n, hearken.now(), 'queued', 'dedup', 'r', 'v', 'item', 'q', sha256(n::text::bytea), '{}', '{}' \
        from generate_series(11, 12) n; \
    insert into hearken.held_parts (held_id, n, context) values (11, 1, '{}'); \
    insert into hearken.dedup_keys (key, item_id, routine, item) values (sha256('x'), 11, 'r', 'item')";

/// Where functions are for nobody unless granted, the documented grants name all
/// of them.
#[tokio::test(flavor = "multi_thread")]
async fn the_documented_grants_suffice_where_functions_are_closed() -> anyhow::Result<()> {
    let own = crate::support::own_cluster();
    connect(&own.url("postgres")).await?.batch_execute("create database app").await?;
    let admin = connect(&own.url("app")).await?;
    admin
        .batch_execute(
            "create role hearken_daemon login; create schema hearken authorization hearken_daemon; \
             alter default privileges for role hearken_daemon revoke execute on functions from public",
        )
        .await?;
    let as_role = |role: &str| own.url("app").replace("user=postgres", &format!("user={role}"));
    migrate(&as_role("hearken_daemon")).await?;
    for heading in ["Writer role", "Worker role", "Operator role"] {
        admin.batch_execute(&documented(heading)).await?;
    }
    admin.batch_execute(HELD).await?;

    let worker = connect(&as_role("agent_worker")).await?;
    worker.batch_execute("select hearken.lease('w', '{q}'); select hearken.lease('w', '{q}')").await?;
    check(&worker, "hearken.complete(1, 1)", "done").await?;
    check(&worker, "hearken.extend(2, 2)", "extended").await?;
    let writer = connect(&as_role("app_writer")).await?;
    writer
        .batch_execute("begin; select hearken.under(2, 2); select hearken.emit('test.event'); commit")
        .await?;
    check(&admin, "(select chain::text from hearken.events)", "{r}").await?;
    check(&worker, "hearken.fail(2, 2, retry => false)", "dead").await?;

    let operator = connect(&as_role("hearken_operator")).await?;
    for (call, answer) in [
        ("hearken.pause('r')", "paused"),
        ("hearken.resume('r')", "resumed"),
        ("hearken.cancel_held(11, 'no use')", "cancelled"),
        ("hearken.release_held(12)", "released"),
        ("hearken.retry(1)", "waiting"),
        ("(select phase from hearken.held_overview)", "accepted"),
        ("(select reason from hearken.decisions)", "cancelled by hearken_operator: no use"),
        ("hearken.reload()::text", ""),
    ] {
        check(&operator, call, answer).await?;
    }
    for sql in [
        "insert into hearken.paused (routine, paused_by) values ('x', 'somebody else')",
        "update hearken.held set draft = '{}'",
        "update hearken.inbox_items set instructions = 'mine'",
        "delete from hearken.inbox_items",
        "insert into hearken.events (type) values ('x')",
        "select hearken.enqueue_each('{}')",
    ] {
        check_refused(&operator, sql).await;
    }
    Ok(())
}

async fn check(client: &Client, call: &str, want: &str) -> anyhow::Result<()> {
    let row = client.query_one(&format!("select {call}"), &[]).await?;
    anyhow::ensure!(row.get::<_, &str>(0) == want, "{call}: {}", row.get::<_, &str>(0));
    Ok(())
}

/// Nothing of ours is in the way of a database whose public schema is closed,
/// and nothing is added outside the schema `hearken`.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_schema_hearken_is_touched() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let outside = "select from pg_class c join pg_namespace n on n.oid = c.relnamespace \
        where n.nspname not in ('hearken', 'information_schema') and n.nspname not like 'pg_%'";
    assert_eq!(db.count(outside).await?, 0);
    let loose = "select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace \
        where n.nspname = 'hearken' and p.proname not in ('now', 'enqueue_each', 'place_each', 'read_each') and coalesce(p.proconfig::text, '') not like '%search_path%'";
    assert_eq!(db.count(loose).await?, 0, "every function fixes its search_path");
    Ok(())
}
