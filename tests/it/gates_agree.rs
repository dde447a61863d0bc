//! Random histories of the gates through a real daemon and through the state in
//! memory: items, held drafts and decisions are the same after each step.
//!
//! The clock of the database is replaced and set to each timer's moment. Ids
//! differ between the two, so that all is told by the keys of causes, which do
//! not. `HEARKEN_HISTORIES` says how many histories are tried.

use super::gates::engine::{Engine, Seen as Said, event, name};
use super::gates::random::{Step, What, flow, history};
use super::gates::spec::{Flow, Shape};
use super::gates::{leader, ring, set_clock};
use crate::support::daemon::{Setup, TestDaemon};
use crate::support::{PATIENCE, TestDatabase};
use hearken::rules::gate::{Item, Standing};
use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use std::time::{Duration, Instant};

mod views;

use views::{Decided, Seen, decisions, rows, state_rows};

/// How many histories are tried if nothing else is said.
const HISTORIES: usize = 24;

const START: &str = "2026-03-27T06:00:00Z";

/// Who is on duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Duty {
    /// One daemon.
    One,
    /// Two, of which the leader is killed now and then.
    Two,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_does_what_the_state_in_memory_does() -> anyhow::Result<()> {
    let wanted = std::env::var("HEARKEN_HISTORIES").ok().and_then(|text| text.parse().ok());
    try_histories(Duty::One, wanted.unwrap_or(HISTORIES)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_do_the_same_though_the_leader_is_killed() -> anyhow::Result<()> {
    let wanted = std::env::var("HEARKEN_HISTORIES").ok().and_then(|text| text.parse::<usize>().ok());
    try_histories(Duty::Two, wanted.unwrap_or(HISTORIES) / 4).await
}

/// The histories are the same in each run, so that a failure comes again.
async fn try_histories(duty: Duty, count: usize) -> anyhow::Result<()> {
    let mut runner = TestRunner::deterministic();
    let strategy = (vec(flow(), 1..3), history(4..14));
    let (mut tried, mut drawn) = (0, 0);
    while tried < count {
        let tree = strategy.new_tree(&mut runner).map_err(|reason| anyhow::anyhow!("{reason}"))?;
        let (flows, steps) = tree.current();
        drawn += 1;
        anyhow::ensure!(drawn <= 4 * count + 20, "most routines are refused");
        let texts = flows.iter().map(|flow: &Flow| flow.to_toml("q")).collect::<Vec<_>>();
        let Ok(engine) = Engine::read(&texts) else { continue };
        tried += 1;
        let mut pair = Pair::begin(duty, engine, &texts).await?;
        for (place, step) in steps.iter().enumerate() {
            pair.step(step).await.map_err(|why| {
                let told = steps.iter().map(|step| format!("+{}m {:?}", step.wait, step.what));
                let told = told.collect::<Vec<_>>().join("\n");
                let texts = texts.join("\n----\n");
                anyhow::anyhow!("history {drawn}, step {place}, at {}: {why}\n{texts}\n{told}", pair.now)
            })?;
        }
    }
    Ok(())
}

/// The daemon with its database, and the state.
struct Pair {
    duty: Duty,
    db: TestDatabase,
    setup: Setup,
    daemons: Vec<TestDaemon>,
    engine: Engine,
    seen: Seen,
    decided: Vec<Decided>,
    now: Timestamp,
    events: i64,
}

impl Pair {
    async fn begin(duty: Duty, engine: Engine, texts: &[String]) -> anyhow::Result<Self> {
        let db = TestDatabase::new().await?;
        let now = START.parse::<Timestamp>()?;
        set_clock(&db, now).await?;
        let names = (0..texts.len()).map(|routine| name(routine).to_string()).collect::<Vec<_>>();
        let routines = names.iter().zip(texts).map(|(name, text)| (name.as_str(), text.as_str()));
        let setup = Setup::new(&db.url, &routines.collect::<Vec<_>>());
        let count = if duty == Duty::Two { 2 } else { 1 };
        let daemons = (0..count).map(|_| setup.start()).collect::<Vec<_>>();
        leader(&daemons).await;
        let (seen, decided) = (Seen::default(), Vec::new());
        Ok(Self { duty, db, setup, daemons, engine, seen, decided, now, events: 0 })
    }

    async fn step(&mut self, step: &Step) -> anyhow::Result<()> {
        let target = self.now + SignedDuration::from_mins(step.wait);
        if matches!(step.what, What::Away) {
            return self.away(target).await;
        }
        while let Some(next) = self.engine.state.next_due().filter(|next| *next <= target) {
            self.at(next).await?;
            self.agree().await?;
        }
        self.at(target).await?;
        self.agree().await?;
        match &step.what {
            What::Events(shapes) => self.events(shapes).await?,
            What::Lease(which) => self.work(*which, Standing::Waiting).await?,
            What::Finish(which) => self.work(*which, Standing::Running).await?,
            What::Nothing | What::Away => {}
        }
        self.settle();
        self.agree().await
    }

    /// Nobody is on duty until then.
    async fn away(&mut self, target: Timestamp) -> anyhow::Result<()> {
        self.daemons.iter_mut().for_each(TestDaemon::kill);
        set_clock(&self.db, target).await?;
        self.now = target;
        for daemon in &mut self.daemons {
            *daemon = self.setup.start();
        }
        leader(&self.daemons).await;
        self.settle();
        self.agree().await
    }

    /// It is that time, and the daemon is told to look.
    async fn at(&mut self, now: Timestamp) -> anyhow::Result<()> {
        self.now = now;
        set_clock(&self.db, now).await?;
        self.settle();
        ring(&self.db.client).await
    }

    fn settle(&mut self) {
        let notes = self.engine.settle(self.now);
        self.note(notes);
    }

    fn note(&mut self, notes: Vec<Said>) {
        self.seen.learn(&self.engine.state);
        self.decided.extend(notes.iter().map(|note| self.seen.decided(note)));
    }

    /// A page of events, written by one transaction.
    async fn events(&mut self, shapes: &[Shape]) -> anyhow::Result<()> {
        let insert = "insert into hearken.events (type, data, chain) \
                      values ('test.event', $1, $2) returning seq";
        let insert = self.db.client.prepare(insert).await?;
        self.db.client.batch_execute("begin").await?;
        let mut events = Vec::new();
        for shape in shapes {
            self.events += 1;
            let chain = (!shape.chain.is_empty()).then(|| shape.chain.clone());
            let row = self.db.client.query_one(&insert, &[&shape.data(self.events), &chain]).await?;
            events.push(event(self.events, row.get(0), shape, self.now));
        }
        self.db.client.batch_execute("commit").await?;
        if self.duty == Duty::Two && self.events % 3 == 0 {
            let first = leader(&self.daemons).await;
            self.daemons[first].kill();
            self.daemons[first] = self.setup.start();
        }
        for event in &events {
            for routine in 0..self.engine.routines.len() {
                let notes = self.engine.offer(routine, event, self.now);
                self.note(notes);
            }
        }
        Ok(())
    }

    /// A worker takes, or finishes, one of the items which are in that state.
    async fn work(&mut self, which: usize, from: Standing) -> anyhow::Result<()> {
        let fits =
            |item: &&Item| format!("{:?}", item.standing) == format!("{from:?}") && item.due_at <= self.now;
        let items = self.engine.state.items().filter(fits);
        let items = items.map(|item| (item.id, item.draft.key)).collect::<Vec<_>>();
        let Some((id, key)) = (!items.is_empty()).then(|| items[which % items.len()]) else {
            return Ok(());
        };
        let key = key.0.as_slice();
        let sql = match from {
            Standing::Waiting => {
                anyhow::ensure!(self.engine.state.lease(id), "item {id} cannot be leased");
                "update hearken.inbox_items set state = 'leased', token = nextval('hearken.lease_tokens'), \
                 attempt = attempt + 1, lease_until = hearken.now() + interval '10 years' \
                 where dedup_key = $1 and state = 'waiting'"
            }
            _ => {
                anyhow::ensure!(self.engine.state.finish(id), "item {id} cannot be finished");
                "select hearken.complete(id, token) from hearken.inbox_items where dedup_key = $1"
            }
        };
        anyhow::ensure!(self.db.client.execute(sql, &[&key]).await? == 1, "no such item: {id}");
        Ok(())
    }

    /// Waits until both are the same.
    async fn agree(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let Err(why) = self.compare().await else { return Ok(()) };
            anyhow::ensure!(began.elapsed() < PATIENCE, "{why}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn compare(&mut self) -> anyhow::Result<()> {
        let (got, want) = (rows(&self.db, self.now).await?, state_rows(&self.engine.state, self.now));
        let only = |one: &[String], other: &[String]| {
            one.iter().filter(|line| !other.contains(line)).cloned().collect::<Vec<_>>().join("\n  ")
        };
        if got != want {
            let (more, less) = (only(&got, &want), only(&want, &got));
            anyhow::bail!("the daemon has\n  {more}\nand should have\n  {less}");
        }
        let sql = "select min(due_at) from hearken.held where phase <> 'queued'";
        let next = self.db.client.query_one(sql, &[]).await?.get::<_, Option<Timestamp>>(0);
        anyhow::ensure!(next == self.engine.state.next_due(), "the next timer of the daemon is {next:?}");
        self.seen.learn_rows(&self.db).await?;
        views::same_decisions(&decisions(&self.db, &self.seen).await?, &self.decided)
    }
}
