//! What the measurements lie on: a durable private server, databases, daemons,
//! and where results go.

use hearken::cluster::{Durability, PrivateCluster};
use hearken::pg::connect::ConnectOptions;
use hearken::pg::session::{Session, SessionRole};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tokio_postgres::{Client, NoTls};

/// A body of about 300 bytes, as events have.
pub const BODY: &str = r#"{"k":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","user":{"id":12345,"name":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"},"tags":["alpha","beta","gamma"],"msg":"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz","n":42}"#;

/// How many routines are in force; one of them wants each event.
const ROUTINES: usize = 100;

/// A server, and a file for results.
pub struct Bed {
    pub cluster: PrivateCluster,
    results: std::fs::File,
    next: u32,
}

impl Bed {
    pub async fn make() -> anyhow::Result<Self> {
        let settings = [
            ("shared_preload_libraries", "pg_stat_statements"),
            ("shared_buffers", "2GB"),
            ("max_wal_size", "8GB"),
            ("checkpoint_timeout", "15min"),
        ];
        let cluster = PrivateCluster::start(Durability::Full, &settings)?;
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("bench-results");
        std::fs::create_dir_all(&folder)?;
        let results =
            std::fs::OpenOptions::new().create(true).append(true).open(folder.join("pipeline.jsonl"))?;
        Ok(Self { cluster, results, next: 0 })
    }

    /// The machine's facts.
    pub async fn describe(&mut self) -> anyhow::Result<()> {
        let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .unwrap_or("?")
            .trim_start_matches(['\t', ' ', ':']);
        let cores = std::thread::available_parallelism()?.get();
        println!("machine: {cores} cores, {model}; PostgreSQL {}", self.cluster.version());
        self.note(
            "machine",
            serde_json::json!({ "cores": cores, "model": model, "postgresql": self.cluster.version() }),
        )
    }

    /// Appends a result.
    pub fn note(&mut self, part: &str, value: serde_json::Value) -> anyhow::Result<()> {
        let line = serde_json::json!({ "part": part, "result": value });
        writeln!(self.results, "{line}")?;
        Ok(())
    }

    /// A fresh database with the schema.
    pub async fn database(&mut self) -> anyhow::Result<Database> {
        self.next += 1;
        let name = format!("bench{}", self.next);
        connect(&self.cluster.url("postgres"))
            .await?
            .batch_execute(&format!("create database {name}"))
            .await?;
        let url = self.cluster.url(&name);
        let session = Session::open(&options(&url), SessionRole::Tool, None).await?;
        hearken::pg::migrate::run(&session).await?;
        let client = connect(&url).await?;
        Ok(Database { url, client })
    }
}

/// A database.
pub struct Database {
    pub url: String,
    pub client: Client,
}

impl Database {
    /// Fills the log, in transactions of 1,000 events.
    pub async fn fill(&self, events: usize) -> anyhow::Result<()> {
        let sql = format!(
            "do $$ begin for i in 1 .. {} loop \
               insert into hearken.events (type, subject, data) select 'order.created', n::text, '{BODY}' from generate_series(1, 1000) n; \
               commit; end loop; end $$",
            events / 1000
        );
        self.client.batch_execute(&sql).await?;
        self.client.batch_execute("vacuum analyze hearken.events").await?;
        Ok(())
    }

    pub async fn number(&self, sql: &str) -> anyhow::Result<f64> {
        Ok(self.client.query_one(&format!("select ({sql})::float8"), &[]).await?.get(0))
    }

    pub async fn wal(&self) -> anyhow::Result<f64> {
        self.number("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn").await
    }
}

pub async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

pub fn options(url: &str) -> ConnectOptions {
    ConnectOptions::resolve(Some(url), &|_| None).expect("a connection string")
}

/// The routines of the benchmarks: names and texts. One of them wants the event.
pub fn routines() -> Vec<(String, String)> {
    (0..ROUTINES)
        .map(|n| {
            let kind = if n == 42 { "order.created".to_owned() } else { format!("order.kind{n}") };
            let text = format!(
                "title = \"Routine {n}\"\n[on.event]\ntype = \"{kind}\"\n[when]\n\"data.n\" = 42\n[item]\nqueue = \"q\"\n\
                 title = \"Order {{{{ subject }}}} of {{{{ data.user.id }}}}\"\ninstructions = \"Look at the order and act on it.\"\n\
                 [item.context]\nmsg = {{ get = \"data.msg\" }}\nuser = {{ get = \"data.user.id\", type = \"number\" }}\n"
            );
            (format!("routine-{n}"), text)
        })
        .collect()
}

/// A daemon process.
pub struct Daemon {
    child: Child,
    _folder: tempfile::TempDir,
}

impl Daemon {
    pub fn start(url: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        for (name, text) in routines() {
            std::fs::write(folder.path().join(format!("{name}.toml")), text)?;
        }
        let child = Command::new(env!("CARGO_BIN_EXE_hearken"))
            .args(["run", "--routines"])
            .arg(folder.path())
            .env("DATABASE_URL", url)
            .env("HEARKEN_HTTP", "off")
            .current_dir(folder.path())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child, _folder: folder })
    }

    /// Kilobytes, of `VmHWM` or `VmRSS`.
    pub fn memory(&self, what: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap_or_default();
        line.trim_matches([':', ' ', '\t'])
            .split_whitespace()
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or_default()
    }

    /// Seconds of CPU used so far.
    pub fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks =
            |place: usize| fields.get(place).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
        (ticks(11) + ticks(12)) / 100.0
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The value at a share of the sorted samples.
pub fn percentile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let place = ((samples.len() as f64 - 1.0) * share).round() as usize;
    samples.get(place).copied().unwrap_or(f64::NAN)
}
