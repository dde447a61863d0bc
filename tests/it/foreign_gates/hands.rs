//! Hands on the rows: workers who hold them, finish them by plain SQL, users who delete
//! them, or had a row of the same key before.

use super::World;

const REPLACE: &str = "dedup = { key = [\"data.k\"], window = \"while_open\", on_conflict = \"replace\" }";
const APPEND: &str = "dedup = { key = [\"data.k\"], window = \"while_open\", on_conflict = \"append\" }";
const NEWEST: &str = "supersede = { key = [\"data.k\"] }";

/// Nobody waits for a row which somebody holds: it is left alone, and what would have
/// changed it follows when it is closed.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_which_is_held_is_not_waited_for_and_not_changed() -> anyhow::Result<()> {
    let routines = [("replace", REPLACE), ("append", APPEND), ("newest", NEWEST)];
    let world = World::of(&routines, "", "").await?;
    let _daemon = world.setup.start();
    world.jobs("a1").await?;
    world.until_rows("select from items", 3).await;
    let worker = world.db.connect().await?;
    worker.batch_execute("begin; select from items for update").await?;
    // Claimed, though the worker has not let go.
    world.jobs("a2").await?;
    world.until_items("newest", "a1, a2").await;
    world.until_rows("select from hearken.held where phase = 'queued'", 2).await;
    worker.batch_execute("update items set status = 'leased' where title = 'a1'; commit").await?;
    world.until_items("replace", "a1 leased").await;
    world.run("update items set status = 'done' where title = 'a1'").await?;
    world.until_items("replace", "a1 done, a2").await;
    world.until_items("append", "a1 done [1]w1, a2 [2]w2").await;
    world.until_items("newest", "a1 done, a2").await;
    world.until_rows("select from hearken.held", 0).await;
    Ok(())
}

/// One after the other: closed by plain SQL, and deleted.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_queued_goes_on_when_a_row_is_closed_or_gone() -> anyhow::Result<()> {
    let world = World::of(&[("in-turn", "overlap = \"queue\"")], "", "").await?;
    let _daemon = world.setup.start();
    world.jobs("a1 a2 a3").await?;
    world.until_items("in-turn", "a1").await;
    world.until_rows("select from hearken.held where phase = 'queued'", 2).await;
    world.run("update items set status = 'done'").await?;
    world.until_items("in-turn", "a1 done, a2").await;
    world.run("delete from items where title = 'a2'").await?;
    world.until_items("in-turn", "a1 done, a3").await;
    world.until_rows("select from hearken.held", 0).await;
    Ok(())
}

/// More items wait to be followed than are asked about at once: none is forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn of_very_many_each_is_followed() -> anyhow::Result<()> {
    let flow = "dedup = { key = [\"data.v\"], window = \"while_open\", on_conflict = \"follow_up\" }";
    let world = World::of(&[("follow", flow)], "", "").await?;
    let _daemon = world.setup.start();
    world.run("insert into jobs (k, v) select 'a', generate_series(1, 1200)").await?;
    world.until_rows("select from items", 1200).await;
    world.run("update items set status = 'leased'").await?;
    world.run("insert into jobs (k, v) select 'a', generate_series(1, 1200)").await?;
    world.until_rows("select from hearken.held where phase = 'queued'", 1200).await;
    // The newest, which are asked about last.
    world.run("update items set status = 'done' where v > 1150").await?;
    world.until_rows("select from items where status = 'pending'", 50).await;
    Ok(())
}

/// A row which somebody else wrote is in the way by the table's own index: that is a
/// duplicate, which takes no key and no place under a limit.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_the_users_is_a_duplicate_which_costs_nothing() -> anyhow::Result<()> {
    let sql = "create unique index items_once on items (title, made_by) where status = 'pending'; \
               insert into items (title, made_by) values ('a1', 'open'), ('a1', 'once');";
    let dedup = "dedup = { conflict = [\"title\", \"made_by\"], where = \"status = 'pending'\" }\n";
    let routines = [
        ("open", "dedup = { key = [\"data.k\"], window = \"while_open\" }"),
        ("once", "limit = { key = [\"data.k\"], max = 1, per = \"1h\" }"),
    ];
    let world = World::of(&routines, sql, dedup).await?;
    let _daemon = world.setup.start();
    world.jobs("a1 b1").await?;
    world.until_items("open", "a1, b1").await;
    world.until_items("once", "a1, b1").await;
    let decided = "select from hearken.decisions where outcome = 'duplicate' and event_id = '1' \
                   and reason like '%same key already'";
    world.until_rows(decided, 2).await;
    world.jobs("a2").await?;
    world.until_items("open", "a1, b1, a2").await;
    world.until_items("once", "a1, b1, a2").await;
    Ok(())
}

/// Somebody finishes an item between two events: what comes is a first again.
#[tokio::test(flavor = "multi_thread")]
async fn a_closed_row_is_met_by_nothing() -> anyhow::Result<()> {
    let one = "overlap = \"skip\"";
    let routines = [("replace", REPLACE), ("append", APPEND), ("newest", NEWEST), ("one", one)];
    let world = World::of(&routines, "", "").await?;
    let _daemon = world.setup.start();
    world.jobs("a1").await?;
    world.until_rows("select from items", 4).await;
    world.run("update items set status = 'done'").await?;
    world.jobs("a2").await?;
    world.until_items("replace", "a1 done, a2").await;
    world.until_items("append", "a1 done [1]w1, a2 [2]w2").await;
    world.until_items("newest", "a1 done, a2").await;
    world.until_items("one", "a1 done, a2").await;
    Ok(())
}
