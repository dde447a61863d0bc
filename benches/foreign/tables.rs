//! Tables as people have them, how they are described to hearken, and the routines
//! between them.

use crate::bed::Database;
use std::path::Path;
use std::process::{Command, Stdio};

/// How many routines are in force; one of them wants each event.
const ROUTINES: usize = 100;

/// A queue which triggers of an application fill, and an inbox of fifteen columns of
/// many types.
const TABLES: &str = "
    create table public.queue (
        id         bigint generated always as identity primary key,
        tenant_id  uuid not null,
        event_type text not null,
        entity_id  text not null,
        payload    jsonb not null,
        processed  boolean not null default false,
        created_at timestamptz not null default now());
    create index queue_pending_idx on public.queue (created_at, id) where not processed;
    create type public.item_status as enum ('pending', 'leased', 'done', 'superseded');
    create table public.items (
        id            uuid not null default gen_random_uuid() primary key,
        tenant_id     uuid not null,
        agent_id      uuid not null,
        kind          text not null,
        title         text not null,
        instructions  text,
        context       jsonb not null default '{}',
        tags          text[] not null default '{}',
        amount        numeric(12, 2),
        priority      integer not null default 0,
        urgent        boolean not null default false,
        status        public.item_status not null default 'pending',
        dedup_key     text,
        scheduled_for timestamptz not null default now(),
        created_at    timestamptz not null default now());
    create unique index items_open_dedup_key_idx on public.items (tenant_id, dedup_key)
        where status in ('pending', 'leased');";

const INBOX: &str = "
[inbox.agents]
table  = \"public.items\"
dedup  = { conflict = [\"tenant_id\", \"dedup_key\"], where = \"status in ('pending', 'leased')\" }
tenant = \"tenant_id\"
";

/// How the source knows what it has claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    Flag,
    Keys,
}

impl Strategy {
    pub fn name(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Keys => "keys",
        }
    }

    /// What the description of the source says of it.
    fn keys(self) -> &'static str {
        match self {
            Self::Flag => {
                "pending = \"not processed\"\nmark = \"processed = true\"\norder = \"created_at, id\"\n"
            }
            Self::Keys => "strategy = \"keys\"\n",
        }
    }

    /// The triggers of a doorbell: for new rows, and for rows which become pending.
    fn triggers(self) -> f64 {
        match self {
            Self::Flag => 2.0,
            Self::Keys => 1.0,
        }
    }
}

/// The settings from `[daemon]` on; `daemon` are lines of it. Pages have 1,000 rows at
/// most, as the bare SQL has.
pub fn settings(strategy: Strategy, daemon: &str) -> String {
    format!(
        "{daemon}\n[source.queue]\ntable = \"public.queue\"\nid = \"id\"\ntype = \"event_type\"\n\
         subject = \"entity_id\"\ntime = \"created_at\"\ntenant = \"tenant_id\"\ndata = \"payload\"\n\
         batch = 1000\n{}{INBOX}",
        strategy.keys()
    )
}

/// Makes the tables.
pub async fn make(db: &Database) -> anyhow::Result<()> {
    Ok(db.client.batch_execute(TABLES).await?)
}

/// Puts pending rows into the queue, one statement and transaction: those with the
/// numbers from `first` on, with payloads of about 300 bytes.
pub async fn fill(db: &Database, first: usize, count: usize) -> anyhow::Result<()> {
    let last = first + count - 1;
    let sql = format!(
        "insert into public.queue (tenant_id, event_type, entity_id, payload, created_at) \
         select {tenant}, 'task.assigned', n::text, jsonb_build_object( \
                'task', n, 'title', 'Look at the offer of customer ' || n, 'open', true, \
                'agent', ('00000000-0000-4000-8000-' || lpad((n % 500)::text, 12, '0')), \
                'team', n % 100, 'project', 'atlas-' || n % 50, 'tags', array['alpha', 'beta', 'gamma'], \
                'amount', round(n * 1.37, 2), 'priority', n % 10, 'urgent', n % 7 = 0, \
                'due', '2026-12-01T10:00:00Z'::timestamptz, 'notes', repeat('z', 8)), \
                now() - ({last} - n) * interval '1 millisecond' \
         from generate_series({first}, {last}) n",
        tenant = tenant("n"),
    );
    Ok(db.client.batch_execute(&sql).await?)
}

/// The tenant of a row, by its number: one of twenty.
pub fn tenant(number: &str) -> String {
    format!("('00000000-0000-4000-9000-' || lpad(({number} % 20)::text, 12, '0'))::uuid")
}

/// Runs `hearken install`, and makes sure that it did what it is measured for.
pub async fn install(db: &Database, folder: &Path, strategy: Strategy, daemon: &str) -> anyhow::Result<()> {
    let settings = settings(strategy, daemon);
    std::fs::write(folder.join("hearken.toml"), format!("[daemon]\n{settings}\n"))?;
    let output = Command::new(env!("CARGO_BIN_EXE_hearken"))
        .args(["install", "--config", "hearken.toml"])
        .env("DATABASE_URL", &db.url)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "hearken install: {said}");
    let triggers = db
        .number(
            "select count(*) from pg_trigger t join pg_proc p on p.oid = t.tgfoid \
             where t.tgrelid = 'public.queue'::regclass and p.pronamespace = 'hearken'::regnamespace \
               and p.proname = 'ring'",
        )
        .await?;
    let wanted = strategy.triggers();
    anyhow::ensure!(triggers == wanted, "{triggers} triggers of the doorbell, not {wanted}: {said}");
    Ok(())
}

/// The routines: names and texts. One of them wants the events and sets all columns but
/// the two which have defaults and the tenant, which the inbox fills in.
pub fn routines() -> Vec<(String, String)> {
    (0..ROUTINES)
        .map(|n| {
            let kind = if n == 42 { "task.assigned".to_owned() } else { format!("task.kind{n}") };
            let agent = "{ get = \"data.agent\", type = \"string\" }";
            (format!("routine-{n}"), routine(&kind, "", agent, "task:{{ data.task }}:assigned"))
        })
        .collect()
}

/// A routine; `more` stands between its trigger and its item.
pub fn routine(kind: &str, more: &str, agent: &str, key: &str) -> String {
    format!(
        "title = \"Tell an agent of its task\"\n[on.event]\ntype = \"{kind}\"\nfrom = \"queue\"\n\
         [when]\n\"data.open\" = true\n{more}[item]\ninbox = \"agents\"\nagent_id = {agent}\n\
         kind = \"task_assigned\"\ntitle = \"Task {{{{ data.title }}}}\"\n\
         instructions = \"Claim the task, do what it asks for, and set its status.\"\n\
         tags = {{ get = \"data.tags\", type = \"array\" }}\n\
         amount = {{ get = \"data.amount\", type = \"number\" }}\n\
         priority = {{ get = \"data.priority\", type = \"integer\" }}\n\
         urgent = {{ get = \"data.urgent\", type = \"boolean\" }}\n\
         status = \"pending\"\ndedup_key = \"{key}\"\n\
         scheduled_for = {{ get = \"data.due\", type = \"string\" }}\n\
         [item.context]\ntask = {{ get = \"data.task\", type = \"integer\" }}\n\
         project = {{ get = \"data.project\", type = \"string\" }}\n"
    )
}
