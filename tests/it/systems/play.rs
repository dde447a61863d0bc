//! A day in the life of a system: its own tables, its own routines, a real daemon,
//! and a clock which stands still until it is moved.

use crate::support::{TestDaemon, TestDatabase, database, until};
use hearken::config::Config;
use hearken::daemon::load::load_dir;
use hearken::rules::foreign::{SourceState, Strategy};
use hearken::rules::routine::{Routine, Trigger};
use hearken::rules::schedule::{Schedule, merged};
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio_postgres::{Client, SimpleQueryMessage};

/// A system at work.
pub struct Play {
    pub db: TestDatabase,
    _daemon: TestDaemon,
    config: Config,
    routines: Vec<std::sync::Arc<Routine>>,
}

/// The folder of a system.
pub fn folder(system: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("routines/systems").join(system)
}

impl Play {
    /// A database with the system's schema, hearken's clock at `at` and standing still,
    /// doorbells installed, and a daemon with the system's settings which leads.
    pub async fn begin(system: &str, at: &str) -> anyhow::Result<Self> {
        Self::begin_with(system, at, "").await
    }

    /// The same, with SQL to run before the daemon starts.
    pub async fn begin_with(system: &str, at: &str, sql: &str) -> anyhow::Result<Self> {
        let db = TestDatabase::new().await?;
        let folder = folder(system);
        let settings = folder.join("hearken.toml");
        db.set_clock(&format!("'{}'::timestamptz", at.parse::<Timestamp>()?)).await?;
        db.client.batch_execute(&std::fs::read_to_string(folder.join("schema.sql"))?).await?;
        if let Ok(text) = std::fs::read_to_string(folder.join("watch.sql")) {
            db.client.batch_execute(&text).await?;
        }
        db.client.batch_execute(sql).await?;
        let installed = Command::new(env!("CARGO_BIN_EXE_hearken"))
            .args(["install", "--config"])
            .arg(&settings)
            .env("DATABASE_URL", &db.url)
            .output()?;
        let said = String::from_utf8_lossy(&installed.stderr).into_owned();
        anyhow::ensure!(installed.status.success(), "hearken install: {said}");
        let daemon = TestDaemon::of_settings(&db.url, &settings);
        daemon.leads().await;
        let config = Config::load(Some(&settings), &|_| None)?;
        let routines = load_dir(&config.daemon.routines)?.routines;
        let play = Self { db, _daemon: daemon, config, routines };
        play.quiet().await?;
        Ok(play)
    }

    /// What the application does.
    pub async fn run(&self, sql: &str) -> anyhow::Result<()> {
        Ok(self.db.client.batch_execute(sql).await?)
    }

    /// Moves the clock, and waits until what is due then was dealt with: what the
    /// application does next comes after it.
    pub async fn at(&self, time: &str) -> anyhow::Result<()> {
        let at: Timestamp = time.parse()?;
        // Not in the middle of a pass, which would see two times.
        let client = self.db.connect().await?;
        client.batch_execute("begin").await?;
        client
            .query("select pg_advisory_xact_lock(1751478892, id) from hearken.sources order by id", &[])
            .await?;
        self.db.set_clock(&format!("'{at}'::timestamptz")).await?;
        client.batch_execute("commit").await?;
        self.ring().await?;
        self.quiet().await
    }

    async fn ring(&self) -> anyhow::Result<()> {
        let sql = "select pg_notify('hearken_doorbell', id::text) from hearken.sources where id <> 1 \
                   union all select pg_notify('hearken_doorbell', '0')";
        self.db.client.query(sql, &[]).await?;
        Ok(())
    }

    /// Each row as text: values with ` | ` between them, null as `-`.
    pub async fn rows(&self, sql: &str) -> anyhow::Result<Vec<String>> {
        rows(&self.db.client, sql).await
    }

    /// Waits until the rows are these.
    pub async fn expect(&self, sql: &str, want: &[&str]) -> anyhow::Result<()> {
        let began = std::time::Instant::now();
        loop {
            let have = self.rows(sql).await?;
            if have == want {
                return Ok(());
            }
            if began.elapsed() > std::time::Duration::from_secs(20) {
                let letters =
                    self.rows("select routine, sqlstate, message from hearken.dead_letters").await?;
                let decisions = self
                    .rows("select routine, outcome, reason from hearken.decisions order by at desc limit 20")
                    .await?;
                anyhow::bail!(
                    "{sql}\n have {have:#?}\n want {want:#?}\n letters {letters:#?}\n decisions {decisions:#?}"
                );
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// Waits until everything written so far was dealt with: the log and each source
    /// are read to their ends, nothing held is due, and no tick is.
    pub async fn quiet(&self) -> anyhow::Result<()> {
        until("the daemon to have nothing left to do", || async {
            match self.is_quiet().await {
                Ok(true) => Some(()),
                Ok(false) => None,
                Err(error) => panic!("{error:#}"),
            }
        })
        .await;
        Ok(())
    }

    async fn is_quiet(&self) -> anyhow::Result<bool> {
        let client = &self.db.client;
        // Whoever is at work on a pass has its lock.
        let busy = "select exists (select from pg_locks where locktype = 'advisory' and classid = 1751478892 \
                    and objid <> 4294967295 and granted \
                    and database = (select oid from pg_database where datname = current_database()))";
        let behind = include_str!("../../../sql/queries/log_behind.sql");
        let events: i64 = client.query_one(behind, &[&1_i64]).await?.get(0);
        if events > 0 || client.query_one(busy, &[]).await?.get(0) {
            return Ok(false);
        }
        for source in self.config.source.values() {
            if source.state == SourceState::Paused {
                continue;
            }
            let pending = source.pending.as_deref().unwrap_or("true");
            let ready = source.ready.as_deref().map_or(String::new(), |ready| {
                format!(" and coalesce(({ready})::timestamptz <= hearken.now(), true)")
            });
            let known = match source.strategy {
                Strategy::Flag { .. } => String::new(),
                Strategy::Keys { .. } => format!(
                    " and not exists (select from hearken.source_keys as k (k_source, k_at, k_id) \
                     where k.k_source = (select s.id from hearken.sources s where s.name = '{}') \
                       and k.k_id = ({})::text)",
                    source.name, source.id
                ),
            };
            let sql = format!(
                "select exists (select from {} where ({pending}){ready}{known})",
                source.table.quoted()
            );
            if client.query_one(&sql, &[]).await?.get(0) {
                return Ok(false);
            }
        }
        let due =
            "select exists (select from hearken.held where phase <> 'queued' and due_at <= hearken.now())";
        if client.query_one(due, &[]).await?.get(0) {
            return Ok(false);
        }
        self.no_tick_is_due().await
    }

    async fn no_tick_is_due(&self) -> anyhow::Result<bool> {
        let now: Timestamp = self.db.client.query_one("select hearken.now()", &[]).await?.get(0);
        for row in self.db.client.query("select routine, planned_until from hearken.schedules", &[]).await? {
            let (name, planned): (&str, Timestamp) = (row.get(0), row.get(1));
            let Some(routine) = self.routines.iter().find(|routine| routine.name.as_str() == name) else {
                continue;
            };
            let schedules: &[Schedule] = match &routine.trigger {
                Trigger::Schedule(schedules) => schedules,
                Trigger::Query(query) => std::slice::from_ref(&query.schedule),
                Trigger::Event(_) => continue,
            };
            if merged(schedules, planned).next().is_some_and(|(_, tick)| tick.at <= now) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Another connection, as this role.
    pub async fn as_role(&self, role: &str) -> anyhow::Result<Client> {
        let client = database::connect(&self.db.url).await?;
        client.batch_execute(&format!("set session authorization {role}")).await?;
        Ok(client)
    }
}

/// Each row as text: values with ` | ` between them, null as `-`.
pub async fn rows(client: &Client, sql: &str) -> anyhow::Result<Vec<String>> {
    let mut rows = Vec::new();
    for message in client.simple_query(sql).await? {
        if let SimpleQueryMessage::Row(row) = message {
            let values = (0..row.len()).map(|place| row.get(place).unwrap_or("-"));
            rows.push(values.collect::<Vec<_>>().join(" | "));
        }
    }
    Ok(rows)
}
