//! A database for each test.

use hearken::cluster::{Durability, PrivateCluster};
use hearken::pg::connect::ConnectOptions;
use hearken::pg::session::{Session, SessionRole};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

/// The settings of test clusters.
pub const SETTINGS: &[(&str, &str)] = &[("deadlock_timeout", "200ms"), ("wal_level", "logical")];

/// The cluster of this process. Its keeper removes it when the process ends.
pub fn cluster() -> &'static PrivateCluster {
    static CLUSTER: OnceLock<PrivateCluster> = OnceLock::new();
    CLUSTER.get_or_init(own_cluster)
}

/// A cluster for a test which stops and starts it.
pub fn own_cluster() -> PrivateCluster {
    PrivateCluster::start(Durability::ProcessCrash, SETTINGS).expect("a private PostgreSQL")
}

/// A database of its own, with hearken's schema.
pub struct TestDatabase {
    /// Its connection string, as superuser.
    pub url: String,
    /// Its name.
    pub name: String,
    /// A connection, as superuser.
    pub client: Client,
}

const TEMPLATE: &str = "hearken_template";

impl TestDatabase {
    /// A database with the schema, cloned from a template.
    pub async fn new() -> anyhow::Result<Self> {
        static READY: OnceCell<()> = OnceCell::const_new();
        READY
            .get_or_init(|| async {
                make(cluster(), TEMPLATE, None).await.expect("a template");
                migrate(&cluster().url(TEMPLATE)).await.expect("migrations");
            })
            .await;
        Self::make_in(cluster(), Some(TEMPLATE)).await
    }

    /// An empty database, without the schema.
    pub async fn empty() -> anyhow::Result<Self> {
        Self::make_in(cluster(), None).await
    }

    /// A database with the schema in another cluster.
    pub async fn in_cluster(cluster: &PrivateCluster) -> anyhow::Result<Self> {
        let database = Self::make_in(cluster, None).await?;
        migrate(&database.url).await?;
        Ok(database)
    }

    async fn make_in(cluster: &PrivateCluster, template: Option<&str>) -> anyhow::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
        make(cluster, &name, template).await?;
        let url = cluster.url(&name);
        let client = connect(&url).await?;
        Ok(Self { url, name, client })
    }

    /// Another connection, as superuser.
    pub async fn connect(&self) -> anyhow::Result<Client> {
        connect(&self.url).await
    }

    /// A session of hearken's.
    pub async fn session(&self, role: SessionRole) -> anyhow::Result<Session> {
        Ok(Session::open(&options(&self.url), role, None).await?)
    }

    /// Writes an event and returns its seq.
    pub async fn emit(&self, kind: &str, data: serde_json::Value) -> anyhow::Result<i64> {
        Ok(self.client.query_one("select hearken.emit($1, $2)", &[&kind, &data]).await?.get(0))
    }

    /// The titles of the inbox, in order.
    pub async fn titles(&self) -> anyhow::Result<Vec<String>> {
        let rows = self.client.query("select title from hearken.inbox_items order by id", &[]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// One number out of a query.
    pub async fn count(&self, sql: &str) -> anyhow::Result<i64> {
        Ok(self.client.query_one(&format!("select count(*) from ({sql}) q"), &[]).await?.get(0))
    }

    /// Waits until the inbox has so many items.
    pub async fn items(&self, want: i64) -> anyhow::Result<()> {
        super::until(&format!("{want} items"), || async {
            let have = self.count("select from hearken.inbox_items").await.expect("a count");
            (have >= want).then_some(())
        })
        .await;
        assert_eq!(self.count("select from hearken.inbox_items").await?, want);
        Ok(())
    }

    /// Which events of a type have another number of items than one: a line
    /// each. Empty is what we want.
    pub async fn not_exactly_once(&self, kind: &str) -> anyhow::Result<Vec<String>> {
        let rows = self
            .client
            .query(
                "select e.seq, count(i.id) from hearken.events e \
                 left join hearken.inbox_items i on i.event_seq = e.seq \
                 where e.type = $1 group by e.seq having count(i.id) <> 1 order by e.seq limit 20",
                &[&kind],
            )
            .await?;
        Ok(rows
            .iter()
            .map(|row| format!("event {}: {} items", row.get::<_, i64>(0), row.get::<_, i64>(1)))
            .collect())
    }

    /// Replaces the clock of the database by `now()` plus an offset, or by a
    /// constant, in this database only.
    pub async fn set_clock(&self, expression: &str) -> anyhow::Result<()> {
        let sql = format!(
            "create or replace function hearken.now() returns timestamptz language sql volatile parallel safe \
             return {expression}"
        );
        Ok(self.client.batch_execute(&sql).await?)
    }
}

/// The connection options of a URL, as the daemon reads them.
pub fn options(url: &str) -> ConnectOptions {
    ConnectOptions::resolve(Some(url), &|_| None).expect("a connection string")
}

/// Applies the migrations.
pub async fn migrate(url: &str) -> anyhow::Result<()> {
    let session = Session::open(&options(url), SessionRole::Tool, None).await?;
    hearken::pg::migrate::run(&session).await?;
    Ok(())
}

async fn make(cluster: &PrivateCluster, name: &str, template: Option<&str>) -> anyhow::Result<()> {
    // Cloning fails while anybody is connected to the template, so one at a time.
    static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _one = ONE.lock().await;
    let client = connect(&cluster.url("postgres")).await?;
    let template = template.map(|template| format!("template {template}")).unwrap_or_default();
    let sql = format!("create database {name} {template}");
    // A session which migrated the template may still be on its way out.
    super::until("the database to be made", || async { client.batch_execute(&sql).await.ok() }).await;
    Ok(())
}

/// A connection, as superuser.
pub async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
