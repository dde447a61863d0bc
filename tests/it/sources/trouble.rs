//! Trouble with a table, and with the inbox its items go to: it is told, stops nothing
//! else, costs no item, and when it is over all goes on by itself.

use super::{BOTH, ITEMS, JOBS, POLLED, ROUTINE, Strategy, World, settings, source};
use crate::support::daemon::Setup;

/// A second queue beside the first.
const CHORES: &str = "create table chores (like jobs including all);";

/// One whose table is gone, or lost a column, waits for it, and the other source goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_which_cannot_be_used_stops_itself_alone() -> anyhow::Result<()> {
    const TROUBLE: [(&str, &str, &str); 4] = [
        ("alter table jobs rename to away", "alter table away rename to jobs", "does not exist"),
        ("alter table jobs rename done to away", "alter table jobs rename away to done", "done"),
        ("alter table jobs rename kind to away", "alter table jobs rename away to kind", "kind"),
        (
            "drop table jobs",
            "create table jobs (like chores including all); alter table jobs alter id restart with 100",
            "does not exist",
        ),
    ];
    let chores = source(Strategy::Flag, POLLED).replace("jobs", "chores");
    let text = settings(&format!("{chores}{}", source(Strategy::Flag, POLLED)));
    let world = World::of(&format!("{JOBS}{ITEMS}{CHORES}"), &text).await?;
    let _daemon = world.setup.start();
    let mut items = 0;
    for (begins, ends, word) in TROUBLE {
        world.run("insert into jobs default values").await?;
        items += 1;
        world.until_items(items).await;
        world.run(begins).await?;
        world.until_error(Some(word)).await;
        world.run(&format!("insert into chores (id) values (1000 + {items})")).await?;
        items += 1;
        world.until_items(items).await;
        world.run(ends).await?;
        world.until_error(None).await;
    }
    world.run("insert into jobs default values").await?;
    world.until_items(items + 1).await;
    Ok(())
}

/// Nothing comes of rows which the mark does not reach.
#[tokio::test(flavor = "multi_thread")]
async fn a_mark_which_is_kept_from_rows_makes_no_items() -> anyhow::Result<()> {
    let world = World::polled(Strategy::Flag, "").await?;
    world
        .run(
            "create function keep() returns trigger language plpgsql as $$ begin \
               if old.n = 3 then return null; end if; return new; end $$; \
             create trigger keep before update on jobs for each row execute function keep(); \
             insert into jobs (n) select generate_series(1, 5)",
        )
        .await?;
    let _daemon = world.setup.start();
    world.until_error(Some("the mark of the source")).await;
    assert_eq!(world.db.count("select from items").await?, 0);
    world.run("drop trigger keep on jobs").await?;
    world.settle().await
}

/// A mark after which rows are pending still: nothing is made of them twice, and the
/// source says what is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn a_mark_which_leaves_rows_pending_makes_nothing_twice() -> anyhow::Result<()> {
    for mark in ["n = n + 1", "done = (n <> 2)"] {
        let text = source(Strategy::Flag, POLLED).replace("done = true", mark);
        let world = World::of(&format!("{JOBS}{ITEMS}"), &settings(&text)).await?;
        world.run("insert into jobs (n) select generate_series(1, 3)").await?;
        let _daemon = world.setup.start();
        world.until_error(Some("pending")).await;
        let twice = "select from items group by title having count(*) > 1";
        assert_eq!(world.db.count(twice).await?, 0, "{mark}");
    }
    Ok(())
}

/// What the inbox does when the job 3 or 4 comes, and how many of six jobs get through.
const HANGS: [(&str, i64); 2] = [
    ("if new.title = 'job 3' then perform pg_terminate_backend(pg_backend_pid()); end if;", 5),
    ("if new.title in ('job 3', 'job 4') then perform pg_sleep(3600); end if;", 4),
];

/// An item which ends the connection, or hangs, is found out and set aside.
#[tokio::test(flavor = "multi_thread")]
async fn an_item_which_takes_the_session_with_it_is_set_aside() -> anyhow::Result<()> {
    for (sql, through) in HANGS {
        let tables = format!(
            "{JOBS}{ITEMS} create function hang() returns trigger language plpgsql as $$ begin {sql} \
             return new; end $$; \
             create trigger hang before insert on items for each row execute function hang();"
        );
        let text = format!("statement_timeout = \"1s\"\n{}", settings(&source(Strategy::Flag, POLLED)));
        let world = World::of(&tables, &text).await?;
        world.run("insert into jobs (n) select generate_series(1, 6)").await?;
        let _daemon = world.setup.start();
        world.until_items(through).await;
        world.until_rows("select from hearken.dead_letters", 6 - through).await;
        world.until_rows("select from jobs where not done", 0).await;
    }
    Ok(())
}

/// Somebody alters a table, which takes a while: that is nobody's fault, and costs
/// no item, whichever table it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_which_is_locked_for_long_costs_no_item() -> anyhow::Result<()> {
    for (strategy, table) in BOTH.into_iter().zip(["items", "jobs"]) {
        let world = World::polled(strategy, "").await?;
        let _daemon = world.setup.start();
        world.run("insert into jobs (n) values (1)").await?;
        world.until_items(1).await;
        let locks = world.db.connect().await?;
        locks.batch_execute(&format!("begin; lock table {table} in access exclusive mode")).await?;
        let rows = "insert into jobs (n) select generate_series(2, 6)";
        if table == "jobs" {
            locks.batch_execute(rows).await?
        } else {
            world.run(rows).await?
        }
        // Longer than it takes to try everything with all care.
        locks.batch_execute("select pg_sleep(20); commit").await?;
        world.settle().await?;
        assert_eq!(world.db.count("select from hearken.dead_letters").await?, 0, "{table}");
    }
    Ok(())
}

/// A source and a routine which is for another one: neither hears the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_routine_hears_its_source_only() -> anyhow::Result<()> {
    let chores = source(Strategy::Flag, POLLED).replace("jobs", "chores");
    let text = settings(&format!("{chores}{}", source(Strategy::Flag, POLLED)));
    let world = World::of(&format!("{JOBS}{ITEMS}{CHORES}"), &text).await?;
    let one = ROUTINE.replace("type = \"job\"", "type = \"job\"\nfrom = \"chores\"");
    let _daemon = Setup::new(&world.db.url, &[("chore", &one)]).daemon(&text).start();
    world.run("insert into jobs (id) values (1); insert into chores (id) values (2)").await?;
    world.until_rows("select from jobs where not done", 0).await;
    world.until_items(1).await;
    assert_eq!(world.texts("select title from items").await?, ["job 2"]);
    Ok(())
}
