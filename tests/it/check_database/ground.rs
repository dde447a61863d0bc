//! A database with tables of an application's, settings and a routine which fit it.

use crate::support::TestDatabase;
use crate::support::command::{Said, hearken, said};
use serde_json::Value;

const TABLES: &str = r"
create type item_status as enum ('pending', 'leased', 'done', 'superseded');

create table queue (
    id          bigint generated always as identity primary key,
    event_type  text not null,
    tenant_id   text,
    payload     jsonb not null,
    processed   boolean not null default false,
    created_at  timestamptz not null default now()
);
create index queue_pending on queue (created_at, id) where not processed;

create table items (
    id          bigint generated always as identity primary key,
    tenant_id   text not null,
    agent_id    text not null,
    kind        varchar(20) not null,
    title       text not null,
    title_size  integer generated always as (length(title)) stored,
    status      item_status not null default 'pending',
    priority    integer not null default 5,
    context     jsonb not null default '{}',
    dedup_key   text not null
);
create unique index items_key on items (tenant_id, dedup_key) where status in ('pending', 'leased');

create table agents (id text primary key, team text not null);

do $$
declare
    source integer;
begin
    insert into hearken.sources (name) values ('plugins') returning id into source;
    execute format('create trigger zz_hearken_doorbell_plugins after insert on queue '
        'for each statement execute function hearken.ring(%L)', source::text);
    execute format('create trigger zz_hearken_pending_plugins after update on queue for each row '
        'when (not new.processed and old.processed) execute function hearken.ring(%L)', source::text);
end $$;
";

const SETTINGS: &str = r#"
[source.plugins]
table = "public.queue"
id = "id"
type = "event_type"
time = "created_at"
tenant = "tenant_id"
data = "payload"
pending = "not processed"
mark = "processed = true"
order = "created_at, id"

[inbox.agents]
table = "items"
dedup = { column = "dedup_key", conflict = ["tenant_id", "dedup_key"], where = "status in ('pending','leased')" }
tenant = "tenant_id"
open = "status in ('pending','leased')"
waiting = "status = 'pending'"
supersede = "status = 'superseded'"
append = ["context"]
"#;

const ROUTINE: &str = r#"title = "Tell the team"
[on.event]
from = "plugins"
type = "task.assigned"

[each]
sql = "select id as agent from agents where team = $1"
params = [{ get = "data.team" }]
[item]
inbox = "agents"
agent_id = { get = "row.agent" }
kind = "task_assigned"
title = "Task {{ data.title }}"
status = "pending"
priority = 7
[item.context]
task_id = { get = "data.id" }
"#;

/// A database, and a folder with settings and routines.
pub struct Ground {
    pub db: TestDatabase,
    folder: tempfile::TempDir,
}

/// The same ground with other settings, another routine, or another role.
pub struct Variant<'a> {
    ground: &'a Ground,
    folder: tempfile::TempDir,
    url: String,
}

impl Ground {
    /// All of it fits.
    pub async fn sound() -> anyhow::Result<Self> {
        let db = TestDatabase::new().await?;
        db.client.batch_execute(TABLES).await?;
        let folder = folder(SETTINGS, ROUTINE);
        Ok(Self { db, folder })
    }

    /// All of it fits but for what some SQL did.
    pub async fn after(fault: &str) -> anyhow::Result<Self> {
        let ground = Self::sound().await?;
        ground.db.client.batch_execute(fault).await?;
        Ok(ground)
    }

    /// With one line of the settings changed.
    #[track_caller]
    pub fn with_settings(&self, right: &str, wrong: &str) -> Variant<'_> {
        assert!(SETTINGS.contains(right), "{right}");
        let folder = folder(&SETTINGS.replacen(right, wrong, 1), ROUTINE);
        Variant { ground: self, folder, url: self.db.url.clone() }
    }

    /// With one line of the routine changed.
    #[track_caller]
    pub fn with_routine(&self, right: &str, wrong: &str) -> Variant<'_> {
        assert!(ROUTINE.contains(right), "{right}");
        let folder = folder(SETTINGS, &ROUTINE.replacen(right, wrong, 1));
        Variant { ground: self, folder, url: self.db.url.clone() }
    }

    /// With more at the end of the settings.
    pub fn with_more_settings(&self, more: &str) -> Variant<'_> {
        Variant {
            ground: self,
            folder: folder(&format!("{SETTINGS}{more}"), ROUTINE),
            url: self.db.url.clone(),
        }
    }

    /// As another role.
    pub fn as_role(&self, role: &str) -> Variant<'_> {
        let url = self.db.url.replace("user=postgres", &format!("user={role}"));
        assert_ne!(url, self.db.url);
        Variant { ground: self, folder: folder(SETTINGS, ROUTINE), url }
    }

    /// Changes what is in the database, as superuser.
    pub async fn run_sql(&self, sql: &str) -> anyhow::Result<()> {
        Ok(self.db.client.batch_execute(sql).await?)
    }

    /// Adds a routine, or changes it.
    pub fn add_routine(&self, name: &str, text: &str) {
        let path = self.folder.path().join("routines").join(format!("{name}.toml"));
        std::fs::write(path, text).expect("a file");
    }

    /// Runs a command.
    pub fn run(&self, args: &[&str]) -> Said {
        run(&self.folder, &self.db.url, args)
    }

    /// What is found, an object for each.
    #[track_caller]
    pub fn found(&self) -> Vec<Value> {
        found(&self.folder, &self.db.url)
    }

    /// Nothing is found.
    #[track_caller]
    pub fn fits(&self) {
        assert_eq!(self.found(), Vec::<Value>::new());
    }

    /// One thing is found, and mended by this SQL.
    #[track_caller]
    pub fn finds(&self, level: &str, says: &str, mend: Option<&str>) {
        only(&self.found(), level, says, mend);
    }

    /// Runs the SQL which is printed, as superuser.
    pub async fn mend(&self) -> anyhow::Result<()> {
        mend(&self.db, &self.found()).await
    }

    /// What is in the tables.
    pub async fn rows(&self) -> anyhow::Result<Vec<i64>> {
        let mut counts = Vec::new();
        for table in ["queue", "items", "agents", "hearken.sources", "hearken.decisions", "hearken.held"] {
            counts.push(self.db.count(&format!("select from {table}")).await?);
        }
        let row = self.db.client.query_one("select last_value from hearken.events_seq", &[]).await?;
        counts.push(row.get(0));
        Ok(counts)
    }
}

impl Variant<'_> {
    /// The same as another role.
    pub fn for_role(self, role: &str) -> Self {
        let url = self.url.replace("user=postgres", &format!("user={role}"));
        Self { url, ..self }
    }

    /// What is found, an object for each.
    #[track_caller]
    pub fn found(&self) -> Vec<Value> {
        found(&self.folder, &self.url)
    }

    /// Nothing is found.
    #[track_caller]
    pub fn fits(&self) {
        assert_eq!(self.found(), Vec::<Value>::new());
    }

    /// One thing is found, and mended by this SQL.
    #[track_caller]
    pub fn finds(&self, level: &str, says: &str, mend: Option<&str>) {
        only(&self.found(), level, says, mend);
    }

    /// Runs the SQL which is printed, as superuser.
    pub async fn mend(&self) -> anyhow::Result<()> {
        mend(&self.ground.db, &self.found()).await
    }
}

fn folder(settings: &str, routine: &str) -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("hearken-test").tempdir().expect("a folder");
    std::fs::write(folder.path().join("hearken.toml"), settings).expect("a file");
    std::fs::create_dir(folder.path().join("routines")).expect("a folder");
    std::fs::write(folder.path().join("routines/tell.toml"), routine).expect("a file");
    folder
}

fn run(folder: &tempfile::TempDir, url: &str, args: &[&str]) -> Said {
    said(hearken(args).current_dir(folder.path()).env("DATABASE_URL", url))
}

#[track_caller]
fn found(folder: &tempfile::TempDir, url: &str) -> Vec<Value> {
    let said = run(folder, url, &["check", "--database", "--json"]);
    let found: Vec<Value> =
        said.out.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    let is_error = |line: &Value| line["level"] == "error";
    let want = if found.iter().any(is_error) { 2 } else { 0 };
    assert_eq!(said.status, want, "{}{}", said.out, said.err);
    found
}

#[track_caller]
fn only(found: &[Value], level: &str, says: &str, mend: Option<&str>) {
    let [one] = found else { panic!("wanted {says:?} alone, found {found:#?}") };
    let message = one["message"].as_str().expect("a message");
    assert!(one["level"] == level && message.contains(says), "wanted {says:?}, found {one:#}");
    if mend.is_some() {
        assert_eq!(one["mend"].as_str(), mend);
    }
}

async fn mend(db: &TestDatabase, found: &[Value]) -> anyhow::Result<()> {
    for one in found {
        let sql = one["mend"].as_str().expect("SQL which mends it");
        db.client.batch_execute(sql).await?;
    }
    Ok(())
}
