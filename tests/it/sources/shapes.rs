//! Tables of many shapes, and a daemon which may only read.

use super::{ITEMS, POLLED, ROUTINE, World, settings, source};
use crate::support::daemon::Setup;
use crate::support::database::connect;
use crate::support::{own_cluster, until};

/// Rows which are written in two pages are one item each.
async fn check(tables: &str, source: &str, insert: &str, each: i64) -> anyhow::Result<()> {
    let world = World::of(&format!("{ITEMS}{tables}"), &settings(source)).await?;
    world.run(insert).await?;
    let daemon = world.setup.start();
    world.until_items(each).await;
    world.run(insert).await?;
    world.until_items(2 * each).await;
    let titles = world.texts("select distinct title from items").await?;
    assert_eq!(i64::try_from(titles.len())?, 2 * each, "{tables}");
    assert!(daemon.stop().await.success());
    Ok(())
}

/// Marking moves each row to another partition.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_partitioned_table_are_one_item_each() -> anyhow::Result<()> {
    let tables = "create table jobs (id bigint generated always as identity, kind text default 'job', \
                  n integer, done boolean not null default false) partition by list (done); \
                  create table jobs_new partition of jobs for values in (false); \
                  create table jobs_done partition of jobs for values in (true);";
    let jobs = source(super::Strategy::Flag, POLLED);
    check(tables, &jobs, "insert into jobs (n) select generate_series(1, 50)", 50).await
}

/// Rows of heirs have places which are taken in their parents, too.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_heirs_are_one_item_each() -> anyhow::Result<()> {
    let tables = format!("{} create table more_jobs (extra text) inherits (jobs);", super::JOBS);
    let insert = "insert into jobs (n) select generate_series(1, 20); \
                  insert into more_jobs (id, n) \
                  select nextval('jobs_id_seq'), n from generate_series(1, 20) n";
    check(&tables, &source(super::Strategy::Flag, POLLED), insert, 40).await
}

/// An heir which comes while the daemon runs: at worst the source begins anew.
#[tokio::test(flavor = "multi_thread")]
async fn an_heir_may_come_later() -> anyhow::Result<()> {
    let world = World::polled(super::Strategy::Flag, "").await?;
    let _daemon = world.setup.start();
    world.run("insert into jobs (n) select generate_series(1, 5)").await?;
    world.until_items(5).await;
    world
        .run(
            "create table more_jobs () inherits (jobs); \
             insert into more_jobs (id, n) select nextval('jobs_id_seq'), n from generate_series(1, 5) n; \
             insert into jobs (n) select generate_series(1, 5)",
        )
        .await?;
    world.settle().await
}

/// Names as they stand, keywords among them, and an id which is an expression.
#[tokio::test(flavor = "multi_thread")]
async fn names_are_taken_as_they_stand() -> anyhow::Result<()> {
    let tables = "create schema \"My Shop\"; create table \"My Shop\".\"Order Queue\" ( \
                  \"Id\" uuid primary key default gen_random_uuid(), \
                  \"order\" integer generated always as identity, \"user\" text default 'ann', \
                  \"select\" boolean not null default false, \"from\" text default 'job');";
    let source = format!(
        "[source.orders]\ntable = '\"My Shop\".\"Order Queue\"'\n\
         id = '\"Id\"::text || $$:$$ || \"user\"'\ntype = '\"from\"'\nsubject = '\"user\"'\n\
         pending = 'not \"select\"'\nmark = '\"select\" = true'\n\
         order = '\"order\", \"Id\"'\ndata = 'jsonb_build_object($$id$$, \"Id\")'\n{POLLED}\n"
    );
    let insert = "insert into \"My Shop\".\"Order Queue\" (\"user\") \
                  select 'u' || n from generate_series(1, 20) n";
    check(tables, &source, insert, 20).await
}

/// By keys the table needs no right but to be read.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_may_be_for_reading_only() -> anyhow::Result<()> {
    // Roles belong to the whole cluster: a cluster of its own.
    let own = own_cluster();
    connect(&own.url("postgres")).await?.batch_execute("create database app").await?;
    let admin = connect(&own.url("app")).await?;
    admin.batch_execute(&format!("{}{ITEMS}", super::JOBS)).await?;
    admin
        .batch_execute(
            "create role hearken_daemon login; create schema hearken authorization hearken_daemon; \
             grant select on jobs to hearken_daemon; grant select, insert on items to hearken_daemon; \
             insert into jobs (n) select generate_series(-3, 3)",
        )
        .await?;
    let url = own.url("app").replace("user=postgres", "user=hearken_daemon");
    // With a row which fails, so that the careful way is gone, too.
    let data = format!("{POLLED}\ndata = \"jsonb_build_object('id', id, 'n', 1 / n)\"");
    let daemon = Setup::new(&url, &[("job", ROUTINE)])
        .daemon(&settings(&source(super::Strategy::Keys, &data)))
        .start();
    until("six items", || async {
        let row = admin.query_one("select count(*) from items", &[]).await.ok()?;
        (row.get::<_, i64>(0) == 6).then_some(())
    })
    .await;
    assert!(daemon.stop().await.success());
    Ok(())
}
