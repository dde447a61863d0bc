//! A cluster with the documented roles, and items of two tenants and of none.

use crate::support::database::{connect, migrate};
use crate::support::own_cluster;
use hearken::cluster::PrivateCluster;
use tokio_postgres::Client;

/// Roles belong to the whole cluster, so each test has its own.
pub struct World {
    own: PrivateCluster,
    /// As superuser.
    pub postgres: Client,
}

/// The SQL under a heading of docs/operations.md.
fn documented(heading: &str) -> String {
    let text = include_str!("../../../docs/operations.md");
    let section = text.split(heading).nth(1).expect(heading);
    let block = section.split("```sql").nth(1).expect("a block of SQL").split("```").next().expect("an end");
    block.to_owned()
}

/// Two in queue `q` and one in `p`, for each tenant and for none.
const ITEMS: &str = "\
    insert into hearken.inbox_items (dedup_key, queue, routine, version, title, tenant) \
    select sha256((t || n)::bytea), case n when 3 then 'p' else 'q' end, 'r', 'v', t || n, nullif(t, 'none') \
    from unnest('{a,b,none}'::text[]) t, generate_series(1, 3) n order by n, t";

impl World {
    /// The schema belongs to an ordinary role, the daemon's.
    pub async fn new() -> anyhow::Result<Self> {
        let own = own_cluster();
        connect(&own.url("postgres")).await?.batch_execute("create database app").await?;
        let postgres = connect(&own.url("app")).await?;
        postgres.batch_execute(&documented("Daemon role")).await?;
        let world = Self { own, postgres };
        migrate(&world.url("hearken_daemon")).await?;
        Ok(world)
    }

    /// With items, and tenants apart.
    pub async fn enabled() -> anyhow::Result<Self> {
        let world = Self::new().await?;
        world.postgres.batch_execute(ITEMS).await?;
        world.owner("select hearken.enable_tenants()").await?;
        Ok(world)
    }

    /// The connection string of a role.
    pub fn url(&self, role: &str) -> String {
        self.own.url("app").replace("user=postgres", &format!("user={role}"))
    }

    /// A connection of a role.
    pub async fn connect(&self, role: &str) -> anyhow::Result<Client> {
        connect(&self.url(role)).await
    }

    /// Runs something as the owner of the schema, which is no superuser.
    pub async fn owner(&self, sql: &str) -> anyhow::Result<()> {
        let owner = self.connect("hearken_daemon").await?;
        Ok(owner.batch_execute(sql).await?)
    }

    /// A role with the documented grants of a worker, and rows (queue, tenant).
    pub async fn worker(&self, role: &str, rows: &str) -> anyhow::Result<Client> {
        let grants = documented("Worker role").replace("agent_worker", role);
        self.role(role, &grants, "worker_roles (role_name, queue, tenant)", "r (queue, tenant)", rows).await
    }

    /// A role with the documented grants of a writer, and rows (tenant).
    pub async fn writer(&self, role: &str, rows: &str) -> anyhow::Result<Client> {
        let grants = documented("Writer role").replace("app_writer", role);
        self.role(role, &grants, "writer_roles (role_name, tenant)", "r (tenant)", rows).await
    }

    async fn role(
        &self,
        role: &str,
        grants: &str,
        into: &str,
        alias: &str,
        rows: &str,
    ) -> anyhow::Result<Client> {
        self.postgres.batch_execute(grants).await?;
        if !rows.is_empty() {
            let sql =
                format!("insert into hearken.{into} select '{role}', r.* from (values {rows}) as {alias}");
            self.owner(&sql).await?;
        }
        self.connect(role).await
    }
}

/// One value as text.
pub async fn text(client: &Client, expression: &str) -> anyhow::Result<String> {
    Ok(client.query_one(&format!("select {expression}"), &[]).await?.try_get(0)?)
}

/// How many rows a query has.
pub async fn count(client: &Client, sql: &str) -> anyhow::Result<i64> {
    Ok(client.query_one(&format!("select count(*) from ({sql}) q"), &[]).await?.try_get(0)?)
}

/// The titles which a role sees.
pub async fn titles(client: &Client) -> anyhow::Result<String> {
    text(client, "coalesce((select string_agg(title, ' ' order by title) from hearken.inbox_items), '')")
        .await
}

/// The database refuses it, with this SQLSTATE.
pub async fn refused(client: &Client, sql: &str, sqlstate: &str) {
    let error = client.batch_execute(sql).await.expect_err(sql);
    assert_eq!(error.code().map(|code| code.code()), Some(sqlstate), "{sql}: {error:?}");
}
