//! The daemon is killed at each step of its passes, with gates before a table of the
//! user's: each job is in one item, once.

use super::World;
use crate::support::database::connect;
use crate::support::until;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const STEPS: [&str; 8] = [
    "pass.claimed",
    "pass.planned",
    "gates.loaded",
    "gates.judged",
    "gates.written",
    "pass.committed",
    "held.begun",
    "held.committed",
];

/// Routines which collect: what they have collected can be counted.
const ROUTINES: [(&str, &str); 3] = [
    ("bundle", "batch = { key = [\"data.k\"], max = 5, within = \"300ms\" }"),
    ("settled", "debounce = { key = [\"data.k\"], quiet = \"200ms\", max_wait = \"600ms\", keep = \"all\" }"),
    ("grow", "dedup = { key = [\"data.k\"], window = \"while_open\", on_conflict = \"append\" }"),
];

/// Jobs which are in another number of items than one, or were not said to be dropped.
async fn unaccounted(world: &World, name: &str) -> i64 {
    let sql = format!(
        "select j.v from jobs j left join ( \
             select p.v::int as v from items i cross join jsonb_array_elements_text(i.parts) p (v) \
             where i.made_by = '{name}' \
             union all \
             select d.v from hearken.decisions e join jobs d on d.id::text = e.event_id \
             where e.routine = '{name}' and e.outcome = 'duplicate') t on t.v = j.v \
         group by j.v having count(t.v) <> 1"
    );
    world.db.count(&sql).await.expect("a count")
}

/// SIGKILL at each step, the first time and later.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_killed_at_each_step_collects_each_job_once() -> anyhow::Result<()> {
    let world = World::of(&ROUTINES, "create sequence u;", "").await?;
    let (client, stop) = (connect(&world.db.url).await?, Arc::new(AtomicBool::new(false)));
    let stopped = stop.clone();
    let writer = tokio::spawn(async move {
        let insert = "insert into jobs (k, v) values ('k' || (random() * 3)::int, nextval('u'))";
        while !stopped.load(Ordering::Relaxed) {
            client.batch_execute(insert).await.expect("a job");
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    });
    // Workers who finish what there is.
    let (client, stopped) = (connect(&world.db.url).await?, stop.clone());
    let worker = tokio::spawn(async move {
        while !stopped.load(Ordering::Relaxed) {
            let done = "update items set status = 'done' where id in ( \
                        select id from items where status = 'pending' limit 1 for update skip locked)";
            client.batch_execute(done).await.expect("a worker");
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    });
    for step in STEPS {
        for hit in [1, 3] {
            let setup = world.setup.clone().env("HEARKEN_FAILPOINT", &format!("{step}:{hit}"));
            assert!(!setup.start().ended().await.success(), "{step} was not reached");
        }
    }
    let _daemon = world.setup.start();
    stop.store(true, Ordering::Relaxed);
    writer.await?;
    worker.await?;
    world.run("update items set status = 'done'").await?;
    for (name, _) in ROUTINES {
        until(&format!("each job to be in one item of {name}"), || async {
            // What follows a row which a worker had waits for it to be closed.
            world.run("update items set status = 'done' where status <> 'done'").await.expect("a worker");
            (unaccounted(&world, name).await == 0).then_some(())
        })
        .await;
    }
    Ok(())
}
