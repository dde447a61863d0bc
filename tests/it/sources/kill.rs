//! The daemon is killed, by plan and at random, while rows are written, changed and
//! committed late.

use super::{BOTH, Strategy, World};
use crate::support::database::connect;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// The steps of a pass.
const STEPS: [&str; 4] = ["pass.begun", "pass.claimed", "pass.planned", "pass.committed"];

/// What the writers do, again and again.
const WRITES: [&str; 3] = [
    "insert into jobs (n) select generate_series(1, 3)",
    "begin; insert into jobs (n) values (1); select pg_sleep(0.05); commit; \
     begin; insert into jobs (n) values (2); rollback",
    "update jobs set n = n + 1 where id in (select id from jobs order by id desc limit 10)",
];

struct Writers {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Writers {
    async fn start(url: &str) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for sql in WRITES {
            let (client, stop) = (connect(url).await?, stop.clone());
            tasks.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    client.batch_execute(sql).await.expect("a write");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            });
        }
        Ok(Self { stop, tasks })
    }

    async fn end(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(done) = self.tasks.join_next().await {
            done.expect("a writer");
        }
    }
}

/// SIGKILL at each step, the first time and later.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_killed_at_each_step_makes_one_item_of_each_row() -> anyhow::Result<()> {
    for strategy in BOTH {
        let world = World::polled(strategy, "").await?;
        let writers = Writers::start(&world.db.url).await?;
        for step in STEPS {
            for hit in [1, 4] {
                let setup = world.setup.clone().env("HEARKEN_FAILPOINT", &format!("{step}:{hit}"));
                assert!(!setup.start().ended().await.success(), "{step} was not reached");
            }
        }
        let _daemon = world.setup.start();
        writers.end().await;
        world.settle().await?;
    }
    Ok(())
}

/// SIGKILL at moments which nobody chose.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_killed_at_random_moments_makes_one_item_of_each_row() -> anyhow::Result<()> {
    for strategy in BOTH {
        let world = World::polled(strategy, "").await?;
        let writers = Writers::start(&world.db.url).await?;
        for turn in 0..8_u64 {
            let mut daemon = world.setup.start();
            daemon.leads().await;
            tokio::time::sleep(Duration::from_millis((turn * 37) % 250)).await;
            daemon.kill();
        }
        let _daemon = world.setup.start();
        writers.end().await;
        world.settle().await?;
    }
    Ok(())
}

/// Two daemons, and the one which leads is killed: the other goes on.
#[tokio::test(flavor = "multi_thread")]
async fn another_daemon_takes_over() -> anyhow::Result<()> {
    let world = World::polled(Strategy::Flag, "").await?;
    let writers = Writers::start(&world.db.url).await?;
    let mut leads = world.setup.start();
    leads.leads().await;
    for _ in 0..3 {
        let next = world.setup.start();
        world.until_rows("select from hearken.daemons where state = 'standby'", 1).await;
        leads.kill();
        next.leads().await;
        leads = next;
    }
    writers.end().await;
    world.settle().await
}
