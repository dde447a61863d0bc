//! The gates in a real database: limits hold whoever writes and whoever leads,
//! and workers with long transactions of their own hold up nobody.
//!
//! Also what the other tests of gates share: the routines and histories of
//! `tests/gates`, and a clock which is set while no pass is under way.

#[allow(dead_code, reason = "shared with tests/gates")]
#[path = "../gates/engine.rs"]
pub mod engine;
#[allow(dead_code, reason = "shared with tests/gates")]
#[path = "../gates/random.rs"]
pub mod random;
#[allow(dead_code, reason = "shared with tests/gates")]
#[path = "../gates/spec.rs"]
pub mod spec;
#[path = "../gates/writing.rs"]
mod writing;

use crate::support::daemon::{Setup, TestDaemon};
use crate::support::{PATIENCE, TestDatabase, until};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::cell::RefCell;
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// Sets the clock of the database between two passes, never within one: a pass
/// which read the old time must not claim events of the new one.
pub async fn set_clock(db: &TestDatabase, at: Timestamp) -> anyhow::Result<()> {
    db.client.execute("select pg_advisory_lock(1751478892, 1)", &[]).await?;
    db.set_clock(&format!("'{at}'::timestamptz")).await?;
    db.client.execute("select pg_advisory_unlock(1751478892, 1)", &[]).await?;
    Ok(())
}

/// Rings the daemon.
pub async fn ring(client: &Client) -> anyhow::Result<()> {
    client.execute("select pg_notify('hearken_doorbell', '0')", &[]).await?;
    Ok(())
}

/// Which of the daemons leads.
pub async fn leader(daemons: &[TestDaemon]) -> usize {
    until("a leader", || async {
        daemons.iter().position(|daemon| daemon.log().iter().any(|line| line.contains("\"leading\"")))
    })
    .await
}

/// A routine about `kind`, with the lines of `[flow]` and a context of `data.n`.
pub fn routine(kind: &str, queue: &str, flow: &str) -> String {
    format!(
        "title = \"A gate\"\n[on.event]\ntype = \"{kind}\"\n[flow]\n{flow}\n[item]\nqueue = \"{queue}\"\n\
         title = \"e{{{{ data.n }}}}\"\n[item.context]\nn = {{ get = \"data.n\" }}\n"
    )
}

/// When the items and the held drafts of a routine are due, in order.
async fn dues(db: &TestDatabase, routine: &str) -> anyhow::Result<Vec<Timestamp>> {
    let sql = "select due_at from (select due_at from hearken.inbox_items where routine = $1 \
               union all select due_at from hearken.held where routine = $1) q order by due_at";
    Ok(db.client.query(sql, &[&routine]).await?.iter().map(|row| row.get(0)).collect())
}

/// Ten an hour, whatever happens: four writers, three daemons, of which the
/// leader is killed again and again.
#[tokio::test(flavor = "multi_thread")]
async fn no_window_holds_an_eleventh_whoever_writes_and_leads() -> anyhow::Result<()> {
    const EVENTS: i64 = 400;
    let db = TestDatabase::new().await?;
    let drop = routine("test.event", "q", "limit = { max = 10, per = \"1h\" }");
    let delay = routine("test.event", "q", "limit = { max = 10, per = \"1h\", excess = \"delay\" }");
    let setup = Setup::new(&db.url, &[("delay", &delay), ("drop", &drop)]);
    let mut daemons = (0..3).map(|_| setup.start()).collect::<Vec<_>>();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4_i64 {
        let client = db.connect().await?;
        writers.spawn(async move {
            for n in 0..EVENTS / 4 {
                let data = json!({ "n": writer * 1_000 + n });
                client.execute("select hearken.emit('test.event', $1)", &[&data]).await?;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            anyhow::Ok(())
        });
    }
    for _ in 0..2 {
        let first = leader(&daemons).await;
        daemons[first].kill();
        daemons[first] = setup.start();
    }
    while let Some(written) = writers.join_next().await {
        written??;
    }
    let decided = "select from hearken.decisions where routine = 'drop' and outcome = 'limited'";
    until("every event to be judged", || async {
        let dropped = db.count(decided).await.ok()?;
        let delayed = dues(&db, "delay").await.ok()?.len();
        let judged = dropped + 10 >= EVENTS && i64::try_from(delayed).ok()? >= EVENTS;
        judged.then_some(())
    })
    .await;
    assert_eq!((dues(&db, "drop").await?.len(), db.count(decided).await?), (10, EVENTS - 10));
    let due = dues(&db, "delay").await?;
    assert_eq!(i64::try_from(due.len())?, EVENTS);
    let hour = SignedDuration::from_hours(1);
    for (first, eleventh) in due.iter().zip(due.iter().skip(10)) {
        assert!(eleventh.duration_since(*first) >= hour, "eleven from {first} to {eleventh}");
    }
    let doubled = "select event_seq from (select event_seq from hearken.inbox_items where routine = 'delay' \
                   union all select event_seq from hearken.held where routine = 'delay') q \
                   group by event_seq having count(*) > 1";
    assert_eq!(db.count(doubled).await?, 0);
    Ok(())
}

/// The routines which would touch items in the hands of a worker, and one which
/// shows that the passes go on.
fn touching() -> Vec<(&'static str, String)> {
    let dedup = |conflict: &str| {
        format!("dedup = {{ key = [\"data.k\"], window = \"while_open\", on_conflict = \"{conflict}\" }}")
    };
    vec![
        ("append", routine("test.event", "append", &dedup("append"))),
        ("newest", routine("test.event", "newest", "supersede = { key = [\"data.k\"] }")),
        ("other", routine("other.event", "other", "")),
        ("replace", routine("test.event", "replace", &dedup("replace"))),
    ]
}

/// A bench for workers: a daemon with those routines, and a second connection.
struct Bench {
    db: TestDatabase,
    worker: Client,
    _daemon: TestDaemon,
    others: i64,
}

impl Bench {
    async fn new() -> anyhow::Result<Self> {
        let db = TestDatabase::new().await?;
        let routines = touching();
        let routines = routines.iter().map(|(name, text)| (*name, text.as_str())).collect::<Vec<_>>();
        let daemon = Setup::new(&db.url, &routines).daemon("reconcile = \"1h\"").start();
        daemon.leads().await;
        let worker = db.connect().await?;
        Ok(Self { db, worker, _daemon: daemon, others: 0 })
    }

    /// An event, and one of the other routine, whose item shows that the pass
    /// waited for nobody.
    async fn emit(&mut self, n: i64) -> anyhow::Result<()> {
        self.db.emit("test.event", json!({ "k": 1, "n": n })).await?;
        self.db.emit("other.event", json!({ "n": n })).await?;
        self.others += 1;
        let sql = "select from hearken.inbox_items where queue = 'other'";
        let (db, want) = (&self.db, self.others);
        let asked = Instant::now();
        until("the other item", || async { (db.count(sql).await.ok()? >= want).then_some(()) }).await;
        assert!(asked.elapsed() < Duration::from_secs(5), "the pass waited: {:?}", asked.elapsed());
        Ok(())
    }

    /// Waits until the items and the held drafts of a routine are these lines.
    async fn is(&self, routine: &str, want: &[&str]) {
        let sql = "select coalesce(string_agg(line, '|' order by id), '') from ( \
                   select id, state || ' ' || title || ' ' || context::text as line from hearken.inbox_items \
                   where routine = $1 union all \
                   select id, phase || ' ' || (draft ->> 'title') from hearken.held where routine = $1) q";
        let want = want.join("|");
        let last = RefCell::new(String::new());
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let got: String = self.db.client.query_one(sql, &[&routine]).await.expect("an answer").get(0);
            if got == want {
                return;
            }
            last.replace(got);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{routine} has {:?} and should have {want:?}", last.borrow());
    }

    /// The worker takes an item of each of these queues.
    async fn lease(&self, queues: &[&str]) -> anyhow::Result<Vec<(i64, i64)>> {
        let mut leases = Vec::new();
        for queue in queues {
            let sql = "select id, token from hearken.lease('w', array[$1::text])";
            let row = self.worker.query_one(sql, &[queue]).await?;
            leases.push((row.get(0), row.get(1)));
        }
        Ok(leases)
    }

    async fn complete(&self, leases: &[(i64, i64)]) -> anyhow::Result<()> {
        for (id, token) in leases {
            let row = self.worker.query_one("select hearken.complete($1, $2)", &[id, token]).await?;
            assert_eq!(row.get::<_, String>(0), "done");
        }
        Ok(())
    }
}

/// The workers completed, and have not committed: what comes meanwhile follows.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_a_worker_completes_follows_at_its_commit() -> anyhow::Result<()> {
    let mut bench = Bench::new().await?;
    bench.emit(1).await?;
    bench.is("replace", &["waiting e1 {\"n\": 1}"]).await;
    bench.is("append", &["waiting e1 {\"items\": [{\"n\": 1}]}"]).await;
    bench.is("newest", &["waiting e1 {\"n\": 1}"]).await;
    let leases = bench.lease(&["replace", "append", "newest"]).await?;
    bench.worker.batch_execute("begin").await?;
    bench.complete(&leases).await?;
    bench.emit(2).await?;
    bench.emit(3).await?;
    bench.is("replace", &["leased e1 {\"n\": 1}", "queued e3"]).await;
    bench.is("append", &["leased e1 {\"items\": [{\"n\": 1}]}", "queued e2"]).await;
    bench.is("newest", &["leased e1 {\"n\": 1}", "superseded e2 {\"n\": 2}", "waiting e3 {\"n\": 3}"]).await;
    bench.worker.batch_execute("commit").await?;
    bench.is("replace", &["done e1 {\"n\": 1}", "waiting e3 {\"n\": 3}"]).await;
    let appended = "waiting e2 {\"items\": [{\"n\": 2}, {\"n\": 3}]}";
    bench.is("append", &["done e1 {\"items\": [{\"n\": 1}]}", appended]).await;
    bench.is("newest", &["done e1 {\"n\": 1}", "superseded e2 {\"n\": 2}", "waiting e3 {\"n\": 3}"]).await;
    Ok(())
}

/// An item which a transaction has locked is left alone, whatever becomes of the
/// transaction.
#[tokio::test(flavor = "multi_thread")]
async fn a_locked_item_is_left_alone() -> anyhow::Result<()> {
    for end in ["commit", "rollback"] {
        let mut bench = Bench::new().await?;
        bench.emit(1).await?;
        bench.is("newest", &["waiting e1 {\"n\": 1}"]).await;
        bench.worker.batch_execute("begin").await?;
        bench.lease(&["replace", "append", "newest"]).await?;
        bench.emit(2).await?;
        bench.is("replace", &["waiting e1 {\"n\": 1}", "queued e2"]).await;
        bench.is("append", &["waiting e1 {\"items\": [{\"n\": 1}]}", "queued e2"]).await;
        bench.is("newest", &["waiting e1 {\"n\": 1}", "waiting e2 {\"n\": 2}"]).await;
        bench.worker.batch_execute(end).await?;
        bench.emit(3).await?;
        // The third goes into the follow-up, which waits until the first is done.
        let state = if end == "commit" { "leased" } else { "waiting" };
        bench.is("replace", &[&format!("{state} e1 {{\"n\": 1}}"), "queued e3"]).await;
        let back = "update hearken.inbox_items set state = 'waiting', lease_until = null \
                    where state = 'leased'";
        bench.worker.batch_execute(back).await?;
        let leases = bench.lease(&["replace", "append"]).await?;
        bench.complete(&leases).await?;
        bench.is("replace", &["done e1 {\"n\": 1}", "waiting e3 {\"n\": 3}"]).await;
        let appended = "waiting e2 {\"items\": [{\"n\": 2}, {\"n\": 3}]}";
        bench.is("append", &["done e1 {\"items\": [{\"n\": 1}]}", appended]).await;
    }
    Ok(())
}
