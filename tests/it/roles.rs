//! Least privilege: the grants of docs/operations.md suffice, and no more is
//! possible with them.

use crate::support::TestDatabase;
use crate::support::daemon::{EVERY, Setup};
use crate::support::database::{cluster, connect};

/// The SQL under a heading of docs/operations.md.
fn documented(heading: &str) -> String {
    let text = include_str!("../../docs/operations.md");
    let section = text.split(heading).nth(1).expect(heading);
    let block = section.split("```sql").nth(1).expect("a block of SQL").split("```").next().expect("an end");
    block.to_owned()
}

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

    let refused = [
        (&writer, "insert into hearken.events (type, seq) values ('x', 1)"),
        (&writer, "insert into hearken.events (type, xid) values ('x', '1')"),
        (&writer, "insert into hearken.events (type, at) values ('x', now())"),
        (&writer, "insert into hearken.events_floor (type) values ('x')"),
        (&writer, "select data from hearken.events"),
        (&writer, "delete from hearken.events"),
        (&writer, "select * from hearken.inbox_items"),
        (
            &worker,
            "insert into hearken.inbox_items (dedup_key, queue, routine, version, title) values ('', '', '', '', '')",
        ),
        (&worker, "delete from hearken.inbox_items"),
        (&worker, "update hearken.inbox_items set instructions = 'mine'"),
        (&worker, "select hearken.enqueue_each('{}')"),
        (&worker, "insert into hearken.events (type) values ('x')"),
        (&worker, "select * from hearken.dead_letters"),
    ];
    for (client, sql) in refused {
        let error = client.batch_execute(sql).await.expect_err(sql);
        assert_eq!(error.code().map(|code| code.code()), Some("42501"), "{sql}");
    }
    assert!(daemon.stop().await.success());
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
        where n.nspname = 'hearken' and p.proname not in ('now', 'enqueue_each') and coalesce(p.proconfig::text, '') not like '%search_path%'";
    assert_eq!(db.count(loose).await?, 0, "every function fixes its search_path");
    Ok(())
}
