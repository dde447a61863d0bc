//! When rows are looked for: at a bell, and at their time.

use super::{ITEMS, JOBS, Strategy, World, settings, source};
use crate::support::until;

/// Whoever is not rung for would look in an hour.
const RUNG: &str = "poll = \"1s\"\nreconcile = \"1h\"";

/// A source with a doorbell which nobody has hung yet. The daemon falls asleep as soon
/// as there is nothing to do.
async fn world(lines: &str) -> anyhow::Result<World> {
    let source = source(Strategy::Flag, &format!("{RUNG}\n{lines}"));
    World::of(&format!("{JOBS}{ITEMS}"), &format!("linger = \"0s\"\n{}", settings(&source))).await
}

/// Hangs the doorbell by hand, once the daemon has given the source its number, and
/// waits until the daemon listens to it.
async fn hang_doorbell(world: &World) -> anyhow::Result<()> {
    world.until_rows("select from hearken.sources where name = 'jobs'", 1).await;
    let sql = "select id from hearken.sources where name = 'jobs'";
    let id: i32 = world.db.client.query_one(sql, &[]).await?.get(0);
    world
        .run(&format!(
            "create trigger zz_hearken_doorbell_jobs after insert or update on jobs \
             for each statement execute function hearken.ring('{id}')"
        ))
        .await?;
    // One for the log, one for the source.
    let doorbells = "select from pg_stat_activity where datname = current_database() \
                     and application_name like 'hearken%doorbell'";
    world.until_rows(doorbells, 2).await;
    Ok(())
}

/// The table is polled, and after somebody has hung the doorbell it is rung for.
#[tokio::test(flavor = "multi_thread")]
async fn a_doorbell_which_is_hung_later_is_heard() -> anyhow::Result<()> {
    let world = world("").await?;
    let daemon = world.setup.start();
    world.run("insert into jobs default values").await?;
    world.until_items(1).await;
    hang_doorbell(&world).await?;
    for n in 2..30 {
        world.run("insert into jobs default values").await?;
        world.until_items(n).await;
    }
    assert!(daemon.stop().await.success());
    assert_eq!(world.not_once().await?, Vec::<String>::new());
    Ok(())
}

/// Rows are taken at their times, also after these were moved, and without a time at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_taken_when_it_is_ready() -> anyhow::Result<()> {
    let world = world("ready = \"ready_at\"").await?;
    let daemon = world.setup.start();
    hang_doorbell(&world).await?;
    world
        .run(
            "insert into jobs (id, ready_at) values (1, null), (2, clock_timestamp() + interval '700 ms'), \
             (3, clock_timestamp() + interval '1500 ms'), (4, clock_timestamp() + interval '1 hour'), \
             (5, '-infinity'), (6, 'infinity')",
        )
        .await?;
    world.until_items(4).await;
    world.run("update jobs set ready_at = clock_timestamp() + interval '500 ms' where id = 4").await?;
    world.until_items(5).await;
    // All that is left is never ready.
    world.run("insert into jobs (id) values (7)").await?;
    world.until_items(6).await;
    let titles = world.texts("select title from items order by title").await?;
    assert_eq!(titles, ["job 1", "job 2", "job 3", "job 4", "job 5", "job 7"]);
    assert!(!daemon.log().iter().any(|line| line.contains("cannot be used")), "{:#?}", daemon.log());
    let sql = "select extract(epoch from i.at - j.ready_at)::float8 from jobs j \
               join items i on i.title = 'job ' || j.id where j.id in (2, 3, 4)";
    for row in world.db.client.query(sql, &[]).await? {
        let late: f64 = row.get(0);
        // A slow machine may be late; nobody may be early.
        assert!((0.0..5.0).contains(&late), "a row was taken {late} s after its time");
    }
    Ok(())
}

/// A table which takes the place of another one has no doorbell: that is noticed, and
/// it is polled.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_which_lost_its_doorbell_is_polled() -> anyhow::Result<()> {
    let world = world("").await?;
    // To be noticed by the look which finds rows nobody rang for.
    let short = source(Strategy::Flag, "poll = \"20ms\"\nreconcile = \"2s\"");
    let setup = crate::support::daemon::Setup::new(&world.db.url, &[("job", super::ROUTINE)])
        .daemon(&settings(&short));
    let daemon = setup.start();
    hang_doorbell(&world).await?;
    world.run("insert into jobs default values").await?;
    world.until_items(1).await;
    world.run("drop trigger zz_hearken_doorbell_jobs on jobs").await?;
    let from = daemon.log().len();
    until("the loss to be noticed", || async {
        world.run("insert into jobs default values").await.expect("a job");
        daemon.log().iter().skip(from).any(|line| line.contains("no doorbell")).then_some(())
    })
    .await;
    world.settle().await
}
