//! Whatever is killed when: every matching event has exactly one item.

use crate::support::daemon::{EVERY, Setup};
use crate::support::database::connect;
use crate::support::proxy::Proxy;
use crate::support::{TestDatabase, own_cluster, until};
use hearken::cluster::StopMode;
use hearken::daemon::failpoint;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

const NONE: [String; 0] = [];

/// Writes events in small transactions until it is told to stop; counts what
/// was committed. Errors are expected: the server is stopped under it.
struct Load {
    stop: Arc<AtomicBool>,
    tasks: tokio::task::JoinSet<()>,
    committed: Arc<AtomicI64>,
}

impl Load {
    fn start(url: &str, writers: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let committed = Arc::new(AtomicI64::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..writers {
            let (url, stop, committed) = (url.to_owned(), stop.clone(), committed.clone());
            tasks.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let Ok(client) = connect(&url).await else { continue };
                    let insert = format!(
                        "insert into hearken.events (type, data) \
                         select 'test.event', jsonb_build_object('n', {writer}) from generate_series(1, 1 + (random() * 5)::int)"
                    );
                    while !stop.load(Ordering::Relaxed) {
                        let Ok(rows) = client.execute(&insert, &[]).await else { break };
                        committed.fetch_add(i64::try_from(rows).unwrap_or_default(), Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }
            });
        }
        Self { stop, tasks, committed }
    }

    fn count(&self) -> i64 {
        self.committed.load(Ordering::Relaxed)
    }

    async fn more(&self, events: i64) {
        let before = self.count();
        until("the writers to write", || async { (self.count() >= before + events).then_some(()) }).await;
    }

    async fn end(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn all_done(db: &TestDatabase) -> anyhow::Result<()> {
    until("every event to have its item", || async {
        let events = db.count("select from hearken.events where type = 'test.event'").await.ok()?;
        let items = db.count("select from hearken.inbox_items").await.ok()?;
        (items >= events).then_some(())
    })
    .await;
    assert_eq!(db.not_exactly_once("test.event").await?, NONE);
    Ok(())
}

/// SIGKILL again and again, at moments nobody chose.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_killed_at_random_moments_loses_and_doubles_nothing() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let load = Load::start(&db.url, 3);
    let setup = Setup::new(&db.url, &[("every", EVERY)]);
    for turn in 0..12_u64 {
        let mut daemon = setup.start();
        daemon.leads().await;
        // From nothing to a quarter of a second of work.
        tokio::time::sleep(Duration::from_millis((turn * 37) % 250)).await;
        daemon.kill();
    }
    let _daemon = setup.start();
    load.more(100).await;
    load.end().await;
    all_done(&db).await
}

/// SIGKILL at each named step of the pass.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_killed_at_each_step_loses_and_doubles_nothing() -> anyhow::Result<()> {
    const TICKING: &str =
        "[on.schedule]\nevery = \"1s\"\nmissed = \"all\"\n[item]\nqueue = \"t\"\ntitle = \"tick\"\n";
    let db = TestDatabase::new().await?;
    let load = Load::start(&db.url, 2);
    for step in failpoint::STEPS {
        for hit in [1, 4] {
            let setup =
                Setup::new(&db.url, &[("every", EVERY), ("ticking", &format!("title = \"t\"\n{TICKING}"))])
                    .env("HEARKEN_FAILPOINT", &format!("{step}:{hit}"));
            let status = setup.start().ended().await;
            assert!(!status.success(), "{step} was not reached");
        }
    }
    let routines = [("every", EVERY), ("ticking", &*format!("title = \"t\"\n{TICKING}"))];
    let _daemon = Setup::new(&db.url, &routines).start();
    load.end().await;
    until("every event to have its item", || async {
        let events = db.count("select from hearken.events where type = 'test.event'").await.ok()?;
        let items = db.count("select from hearken.inbox_items where queue = 'q'").await.ok()?;
        (items >= events).then_some(())
    })
    .await;
    assert_eq!(db.not_exactly_once("test.event").await?, NONE);
    let double = "select tick from hearken.inbox_items where queue = 't' group by tick having count(*) > 1";
    assert_eq!(db.count(double).await?, 0);
    // `missed = "all"`: from the first tick to the last there is no hole.
    let hole = "select tick from (select tick, lead(tick) over (order by tick) n from hearken.inbox_items where queue = 't') t \
                where n - tick > interval '1 second'";
    assert_eq!(db.count(hole).await?, 0);
    Ok(())
}

/// Backends terminated, one after another and all at once.
#[tokio::test(flavor = "multi_thread")]
async fn terminated_backends_are_replaced() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let load = Load::start(&db.url, 2);
    let daemon = Setup::new(&db.url, &[("every", EVERY)]).start();
    daemon.leads().await;
    for part in ["listener", "doorbell", "work", "leader", "%"] {
        load.more(20).await;
        let seen = daemon.log().len();
        let sql = "select pg_terminate_backend(pid) from pg_stat_activity \
                   where datname = current_database() and application_name like 'hearken%' and application_name like '%' || $1";
        let ended = db.client.query(sql, &[&part]).await?.len();
        assert!(ended > 0, "no session is called {part}");
        let began = Instant::now();
        daemon.says_after(seen, "\"leading\"").await;
        eprintln!("well again {:?} after {ended} backends ({part}) were terminated", began.elapsed());
    }
    load.end().await;
    all_done(&db).await
}

/// PostgreSQL is stopped and started, politely and not.
#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_is_found_again() -> anyhow::Result<()> {
    let cluster = own_cluster();
    let mut db = TestDatabase::in_cluster(&cluster).await?;
    let load = Load::start(&db.url, 2);
    let daemon = Setup::new(&db.url, &[("every", EVERY)]).start();
    daemon.leads().await;
    for mode in [StopMode::Fast, StopMode::Immediate, StopMode::Immediate] {
        load.more(100).await;
        let seen = daemon.log().len();
        cluster.stop_server(mode)?;
        daemon.says_after(seen, "lost the database").await;
        cluster.start_server()?;
        let began = Instant::now();
        daemon.says_after(seen, "\"leading\"").await;
        eprintln!("well again {:?} after a stop ({mode:?})", began.elapsed());
        assert!(began.elapsed() < Duration::from_secs(15));
    }
    load.more(100).await;
    load.end().await;
    db.client = db.connect().await?;
    all_done(&db).await
}

/// The network swallows everything and closes nothing: the keepalives, the pings
/// and the listener's echo find out.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_which_swallows_packets_is_given_up() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let proxy = Proxy::start(crate::support::database::cluster().socket_folder());
    let url = format!("postgres:///{}?host={}&user=postgres", db.name, proxy.folder().display());
    let daemon = Setup::new(&url, &[("every", EVERY)]).start();
    daemon.leads().await;
    db.emit("test.event", json!({ "n": 0 })).await?;
    db.items(1).await?;
    let seen = daemon.log().len();
    proxy.swallow();
    let cut = Instant::now();
    db.emit("test.event", json!({ "n": 1 })).await?;
    daemon.says_after(seen, "lost the database").await;
    eprintln!("the silence was noticed after {:?}", cut.elapsed());
    proxy.heal();
    db.items(2).await?;
    eprintln!("well again {:?} after the network went silent", cut.elapsed());
    assert_eq!(db.not_exactly_once("test.event").await?, NONE);
    Ok(())
}
