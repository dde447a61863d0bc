//! The engine with handlers of its own process: what commands and webhooks share.

use super::{becomes, never_again, put, text};
use crate::support::database::options;
use crate::support::{TestDatabase, until};
use hearken::rules::name::QueueName;
use hearken::work::{self, Answer, Handler, Hold, Leased, Run, Settings, Stop, Summary};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;

const STATES: &str = "select string_agg(state || attempt, ' ') from hearken.inbox_items";

fn settings(slots: usize, run: Run) -> Settings {
    Settings {
        worker: "engine".to_owned(),
        queues: vec![QueueName::parse("q").expect("a name")],
        slots,
        lease: Some(Duration::from_secs(5)),
        tags: None,
        run,
        grace: Duration::from_secs(1),
        poll: Duration::from_secs(30),
    }
}

async fn once<H: Handler>(db: &TestDatabase, slots: usize, handler: Arc<H>) -> anyhow::Result<Summary> {
    Ok(work::run(options(&db.url), settings(slots, Run::Once), handler, Stop::never()).await?)
}

/// Notes each item, and which keys are under way.
#[derive(Default)]
struct Noting {
    seen: Mutex<HashMap<i64, u32>>,
    keys: Mutex<HashSet<String>>,
    clashes: Mutex<Vec<String>>,
}

impl Handler for Noting {
    async fn handle(self: Arc<Self>, item: Leased, _: Hold) -> Answer {
        *self.seen.lock().expect("a lock").entry(item.id).or_default() += 1;
        let more = item.more.expect("all of the item");
        assert_eq!(more.dedup_key.len(), 64);
        if let Some(key) = more.key {
            if !self.keys.lock().expect("a lock").insert(key.clone()) {
                self.clashes.lock().expect("a lock").push(key.clone());
            }
            tokio::task::yield_now().await;
            self.keys.lock().expect("a lock").remove(&key);
        }
        Answer::Done(Some(item.context))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_items_are_handled_once_each_and_keys_one_after_another() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    put(&db.client, "q", 2000).await?;
    let keys = "update hearken.inbox_items set key = 'k' || id % 7 where id % 5 = 0";
    db.client.batch_execute(keys).await?;
    let handler = Arc::new(Noting::default());
    let began = std::time::Instant::now();
    let summary = once(&db, 64, handler.clone()).await?;
    eprintln!("2,000 items in {:?}", began.elapsed());
    assert_eq!(summary, Summary { done: 2000, ..Summary::default() });
    let seen = handler.seen.lock().expect("a lock").clone();
    assert_eq!(seen.len(), 2000);
    assert!(seen.values().all(|times| *times == 1), "some item was handled twice");
    assert_eq!(*handler.clashes.lock().expect("a lock"), [] as [String; 0]);
    let own = "select count(*) from hearken.inbox_items where state = 'done' and result = context";
    assert_eq!(text(&db.client, own).await?, "2000", "each has its own result");
    Ok(())
}

/// Holds each item until it may go, or its lease is lost.
struct Gate {
    open: Semaphore,
    lost: AtomicU32,
}

impl Handler for Gate {
    async fn handle(self: Arc<Self>, item: Leased, hold: Hold) -> Answer {
        tokio::select! {
            () = hold.lost() => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                Answer::Lost
            }
            pass = self.open.acquire() => match pass {
                Ok(pass) => {
                    pass.forget();
                    Answer::Done(Some(json!(item.attempt)))
                }
                Err(_) => panic!("the gate is gone"),
            },
        }
    }
}

/// A worker in a task of its own, and what stops it.
struct Running {
    gate: Arc<Gate>,
    stop: tokio::sync::watch::Sender<bool>,
    task: tokio::task::JoinHandle<Result<Summary, work::WorkError>>,
}

fn start(db: &TestDatabase) -> Running {
    let gate = Arc::new(Gate { open: Semaphore::new(0), lost: AtomicU32::new(0) });
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let working = work::run(options(&db.url), settings(8, Run::Forever), gate.clone(), Stop::when(stopping));
    Running { gate, stop, task: tokio::spawn(working) }
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_are_extended_as_long_as_their_handlers_work() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    put(&db.client, "q", 3).await?;
    let running = start(&db);
    becomes(&db.client, "select count(*) from hearken.inbox_items where state = 'leased'", "3").await;
    let first = text(&db.client, "select max(lease_until) from hearken.inbox_items").await?;
    // Past the first lease, nobody else may have it.
    let beyond = format!(
        "select bool_and(lease_until > timestamptz '{first}' + interval '3 seconds') from hearken.inbox_items"
    );
    becomes(&db.client, &beyond, "true").await;
    running.gate.open.add_permits(3);
    becomes(&db.client, STATES, "done1 done1 done1").await;
    running.stop.send_replace(true);
    assert_eq!(running.task.await??.done, 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_connection_broke_is_told_again() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    put(&db.client, "q", 2).await?;
    let running = start(&db);
    becomes(&db.client, "select count(*) from hearken.inbox_items where state = 'leased'", "2").await;
    // The row is locked, so that the answer is under way when the connection breaks.
    let other = db.connect().await?;
    other.batch_execute("begin; select from hearken.inbox_items for update").await?;
    running.gate.open.add_permits(2);
    let waits = "select pid from pg_stat_activity where datname = current_database() \
                 and application_name = 'hearken work' and wait_event_type = 'Lock'";
    let ended = until("the answer to wait", || async {
        let sql = format!("select pg_terminate_backend(pid) from ({waits}) w");
        db.client.query_opt(&sql, &[]).await.expect("an answer")
    })
    .await;
    assert!(ended.get::<_, bool>(0));
    other.batch_execute("rollback").await?;
    becomes(&db.client, STATES, "done1 done1").await;
    running.stop.send_replace(true);
    let summary = running.task.await??;
    assert_eq!((summary.done, summary.lost, summary.unanswered), (2, 0, 0));
    Ok(())
}

/// By the local clock, since the database does not answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_which_cannot_be_extended_is_lost_when_it_is_over() -> anyhow::Result<()> {
    let cluster = crate::support::own_cluster();
    let db = TestDatabase::in_cluster(&cluster).await?;
    put(&db.client, "q", 1).await?;
    let running = start(&db);
    becomes(&db.client, "select state from hearken.inbox_items", "leased").await;
    cluster.stop_server(hearken::cluster::StopMode::Immediate)?;
    until("the handler to be told", || async {
        (running.gate.lost.load(Ordering::Relaxed) == 1).then_some(())
    })
    .await;
    running.stop.send_replace(true);
    let summary = running.task.await??;
    assert_eq!((summary.done, summary.lost), (0, 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_which_cannot_be_read_is_dead_and_holds_up_nobody() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    put(&db.client, "q", 3).await?;
    let deep = "update hearken.inbox_items \
                set context = (repeat('[', 500) || repeat(']', 500))::jsonb where id = 2";
    db.client.batch_execute(deep).await?;
    let summary = once(&db, 8, Arc::new(Noting::default())).await?;
    assert_eq!((summary.done, summary.dead), (2, 1));
    let error = text(&db.client, "select error from hearken.inbox_items where id = 2").await?;
    assert!(error.starts_with("this item cannot be read: "), "{error}");
    Ok(())
}

/// A handler which panics, and one which gives back.
struct Bad;

impl Handler for Bad {
    async fn handle(self: Arc<Self>, item: Leased, _: Hold) -> Answer {
        assert_ne!(item.id, 1, "on purpose");
        Answer::Snoozed { pause: Duration::from_secs(3600), note: "not now".to_owned() }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_a_failed_attempt_and_snoozing_is_none() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    put(&db.client, "q", 2).await?;
    never_again(&db.client).await?;
    let summary = once(&db, 8, Arc::new(Bad)).await?;
    assert_eq!((summary.failed, summary.snoozed), (1, 1));
    let states = "select string_agg(concat_ws(' ', state, attempt, error, progress), ', ' order by id) \
                  from hearken.inbox_items";
    let want = "failed 1 the worker's handler panicked, waiting 0 \"not now\"";
    assert_eq!(text(&db.client, states).await?, want);
    Ok(())
}
