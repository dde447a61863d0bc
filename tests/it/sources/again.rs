//! Rows which are pending again after their items have left the inbox: they are the
//! same rows, and the keys which stayed behind tell so. Each way by which items come
//! into the inbox asks for them.

use super::{JOBS, POLLED, Strategy, World, source};
use crate::support::daemon::Setup;
use crate::support::{TestDatabase, until};

/// Items of hearken's own inbox, by the gates given.
fn routine(flow: &str) -> String {
    format!(
        "title = \"An item for each job\"\n[on.event]\ntype = \"job\"\n{flow}\n[item]\nqueue = \"q\"\n\
         title = \"job {{{{ data.id }}}}\"\n"
    )
}

/// Nothing of the kind, as SQL which does nothing.
const ALL_WELL: &str = "";
/// One row's item is refused, so that each is tried by itself.
const ONE_REFUSED: &str = "\
    create function public.refuse() returns trigger language plpgsql as $$ begin \
        if new.title = 'job 0' then raise 'not this one'; end if; return new; end $$; \
    create trigger refuse before insert on hearken.inbox_items for each row execute function public.refuse(); \
    insert into jobs (id) values (0)";

/// All have been worked on, and their items are in the history.
async fn finish(world: &World) -> anyhow::Result<()> {
    world
        .run(
            "select c.* from (select array_agg(l.id) as ids, array_agg(l.token) as tokens \
                              from hearken.lease('w', '{q}', 1000) l) l \
             cross join lateral hearken.complete_all(l.ids, l.tokens) c; \
             select hearken.archive_items('0', '0'); \
             update hearken.item_keys set noted_at = noted_at - interval '11 minutes'; \
             select hearken.archive_items('0', '0')",
        )
        .await?;
    assert_eq!(world.db.count("select from hearken.inbox_items").await?, 0);
    Ok(())
}

/// So many rows make so many items, and no more when they are pending again.
async fn check(rows: i64, flow: &str, again: &str) -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute(JOBS).await?;
    let setup = Setup::new(&db.url, &[("job", &routine(flow))]).daemon(&source(Strategy::Flag, POLLED));
    let world = World { db, setup };
    world.run(&format!("insert into jobs (n) select generate_series(1, {rows})")).await?;
    let _daemon = world.setup.start();
    world.until_rows("select from hearken.items", rows).await;
    world.until_rows("select from jobs where done", rows).await;
    finish(&world).await?;

    world.run(&format!("begin; update jobs set done = false; {again}; commit")).await?;
    let what = format!("{rows} rows, {flow:?}, {again:?}");
    until(&format!("duplicates of {what}"), || async {
        let told = "select from hearken.decisions where outcome = 'duplicate'";
        let items = world.db.count("select from hearken.items").await.expect("a count");
        assert_eq!(items, rows, "{what}");
        (world.db.count(told).await.expect("a count") == rows).then_some(())
    })
    .await;
    // Each tells which item it was.
    let told = "select from hearken.decisions d join hearken.history h on h.id = d.met_item_id \
                where d.outcome = 'duplicate' and h.event_id = split_part(h.title, ' ', 2)";
    assert_eq!(world.db.count(told).await?, rows, "{what}");
    world.until_rows("select from jobs where not done", 0).await;
    let letters = i64::from(!again.is_empty());
    assert_eq!(world.db.count("select from hearken.dead_letters").await?, letters, "{what}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_rows_are_the_same_rows() -> anyhow::Result<()> {
    check(3, "", ALL_WELL).await
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_are_the_same_rows() -> anyhow::Result<()> {
    check(300, "", ALL_WELL).await
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_beside_a_bad_one_are_the_same_rows() -> anyhow::Result<()> {
    check(3, "", ONE_REFUSED).await
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_which_go_through_a_gate_are_the_same_rows() -> anyhow::Result<()> {
    check(3, "[flow]\ndebounce = { key = [\"data.id\"], quiet = \"10ms\", max_wait = \"20ms\" }\n", ALL_WELL)
        .await
}
