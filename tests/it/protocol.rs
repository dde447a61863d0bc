//! `hearken protocol`: leasing from tables of the user's, with the guarantees of our
//! own inbox.

mod guarantees;

use crate::support::TestDatabase;
use crate::support::command::{Said, hearken, said};
use crate::support::database::connect;
use tokio_postgres::Client;

/// An inbox with a column for everything, and a queue of commands with next to none.
const TABLES: &str = r#"
create type public.inbox_status as enum ('pending', 'leased', 'completed', 'failed', 'superseded');
create table public.agent_inbox_items (
    gone int,
    id uuid primary key default gen_random_uuid(),
    tenant_id text not null default 't',
    agent_id text not null,
    kind text not null default 'task',
    title varchar(200) not null,
    status public.inbox_status not null default 'pending',
    priority smallint not null default 0,
    attempts integer not null default 0,
    max_attempts integer default 3,
    available_at timestamptz not null default now(),
    lease_token bigint,
    leased_until timestamptz,
    leased_by text,
    last_error varchar(40),
    result jsonb,
    completed_at timestamptz,
    summary text generated always as (kind || ': ' || title) stored
);
alter table public.agent_inbox_items drop column gone;
create table public.agent_commands (
    id bigint generated always as identity primary key,
    gateway_id uuid,
    action text not null,
    urgent boolean not null default false,
    status text not null default 'pending',
    lease_token uuid,
    leased_until timestamptz not null default 'infinity'
);
"#;

const SETTINGS: &str = r#"
[inbox.agents]
table = "public.agent_inbox_items"

[inbox.agents.lease]
state        = "status"
waiting      = "pending"
leased       = "leased"
done         = "completed"
dead         = "failed"
token        = "lease_token"
until        = "leased_until"
attempts     = "attempts"
max_attempts = "max_attempts"
due          = "available_at"
priority     = "priority"
worker       = "leased_by"
error        = "last_error"
result       = "result"
finished     = "completed_at"
by           = "agent_id"
lease        = "90s"

[inbox.commands]
table = "public.agent_commands"

[inbox.commands.lease]
state    = "status"
waiting  = "pending"
failed   = "retry"
leased   = "leased"
done     = "completed"
dead     = "dead"
token    = "lease_token"
until    = "leased_until"
priority = "case when urgent then 1 else 0 end"
by       = "gateway_id"

[inbox.plain]
table = "public.agent_commands"
"#;

/// Runs `hearken protocol` with settings.
fn run(url: &str, settings: &str, args: &[&str]) -> Said {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("hearken.toml"), settings).expect("a file");
    let args = [&["protocol"], args].concat();
    said(hearken(&args).current_dir(folder.path()).env("DATABASE_URL", url))
}

#[track_caller]
fn fails(said: &Said, says: &[&str]) {
    for text in says {
        said.complains(1, text);
    }
}

/// A database with the tables and the functions.
async fn made() -> anyhow::Result<TestDatabase> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute(TABLES).await?;
    run(&db.url, SETTINGS, &["agents"]).fine();
    run(&db.url, SETTINGS, &["commands"]).fine();
    Ok(db)
}

/// Items of agents, `(agent, title, priority)` each.
async fn fill(client: &Client, items: &[(&str, &str, i16)]) -> anyhow::Result<()> {
    for (agent, title, priority) in items {
        client
            .execute(
                "insert into public.agent_inbox_items (agent_id, title, priority) values ($1, $2, $3)",
                &[agent, title, priority],
            )
            .await?;
    }
    Ok(())
}

/// One value as text.
async fn text(client: &Client, expression: &str) -> anyhow::Result<String> {
    Ok(client.query_one(&format!("select ({expression})::text"), &[]).await?.try_get(0)?)
}

/// What is leased: key, token and title, all of them as SQL writes them.
async fn lease(client: &Client, arguments: &str) -> anyhow::Result<Vec<(String, String, String)>> {
    let sql = format!("select id::text, lease_token::text, title from hearken.agents_lease({arguments})");
    let rows = client.query(&sql, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
}

const FUNCTIONS: &str = "select from pg_proc p where p.pronamespace = 'hearken'::regnamespace \
    and p.proname ~ '^(agents|commands)_(lease|expire|extend|complete|fail|release)$'";

/// Again is fine, and so is another description: what is not called for any more goes.
#[tokio::test(flavor = "multi_thread")]
async fn functions_are_made_anew_and_dropped() -> anyhow::Result<()> {
    let db = made().await?;
    db.client.batch_execute("create role protocol_lessee").await?;
    let granted = "hearken.agents_complete(uuid, bigint, jsonb)";
    db.client.batch_execute(&format!("grant execute on function {granted} to protocol_lessee")).await?;
    run(&db.url, SETTINGS, &["agents"]).fine();
    assert_eq!(db.count(FUNCTIONS).await?, 12);
    let grants =
        format!("select from pg_proc where oid = '{granted}'::regprocedure and proacl::text like '%lessee%'");
    assert_eq!(db.count(&grants).await?, 1, "what has not changed keeps its grants");

    let fewer =
        SETTINGS.replace("result       = \"result\"\n", "").replace("by           = \"agent_id\"\n", "");
    run(&db.url, &fewer, &["agents"]).fine();
    assert_eq!(db.count(FUNCTIONS).await?, 12);
    db.client.batch_execute("select hearken.agents_lease('w', max => 1)").await?;
    // Another table: the rows are of another type.
    let moved = fewer.replace("public.agent_inbox_items", "public.agent_items");
    db.client
        .batch_execute("create table public.agent_items (like public.agent_inbox_items including all)")
        .await?;
    run(&db.url, &moved, &["agents"]).fine();
    assert_eq!(db.count(FUNCTIONS).await?, 12);

    let dropped = run(&db.url, SETTINGS, &["agents", "--drop", "--print"]);
    assert!(dropped.fine().contains("drop function"), "{}", dropped.out);
    assert_eq!(db.count(FUNCTIONS).await?, 12, "printed, and not done");
    run(&db.url, SETTINGS, &["agents", "--drop"]).fine();
    assert_eq!(db.count(FUNCTIONS).await?, 6);
    run(&db.url, SETTINGS, &["agents", "--drop"]).fine();
    Ok(())
}

/// What is printed can be run without hearken, and goes to the schema one names.
#[tokio::test(flavor = "multi_thread")]
async fn the_script_runs_without_hearken() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute(TABLES).await?;
    let said = run(&db.url, SETTINGS, &["agents", "--print", "--schema", "Api"]);
    let script = said.fine();
    assert_eq!(db.count(FUNCTIONS).await?, 0, "printed, and not done");
    db.client.batch_execute("create schema \"Api\"").await?;
    db.client.batch_execute(script.trim_start_matches("\\set ON_ERROR_STOP on\n")).await?;
    fill(&db.client, &[("ann", "one", 0)]).await?;
    let leased = db.client.query("select title from \"Api\".agents_lease('w')", &[]).await?;
    assert_eq!(leased.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_way_is_said() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let missing = run(&db.url, SETTINGS, &["agents"]);
    fails(&missing, &["there is no table public.agent_inbox_items"]);
    db.client.batch_execute(TABLES).await?;
    fails(&run(&db.url, SETTINGS, &["agent"]), &["did you mean `agents`?"]);
    fails(&run(&db.url, SETTINGS, &["plain"]), &["[inbox.plain.lease]"]);
    for (from, to, says) in [
        ("\"available_at\"", "\"title\"", "`due`: column `title` is character varying(200)"),
        ("\"leased_by\"", "\"summary\"", "`worker`: column `summary` is generated"),
        ("\"leased_by\"", "\"leased_to\"", "did you mean `leased_by`?"),
        ("\"leased_by\"", "\"leased_to\"", "add column \"leased_to\" text;"),
        ("state        =", "key          = \"tenant_id\"\nstate        =", "has no unique index"),
        ("waiting      = \"pending\"", "waiting      = \"pendign\"", "pendign"),
        ("priority     = \"priority\"", "priority     = \"prioritee\"", "prioritee"),
    ] {
        let settings = SETTINGS.replacen(from, to, 1);
        fails(&run(&db.url, &settings, &["agents"]), &[says]);
    }
    db.client.batch_execute("create view public.seen as select * from public.agent_inbox_items").await?;
    let view = SETTINGS.replace("public.agent_inbox_items", "public.seen");
    fails(&run(&db.url, &view, &["agents"]), &["is no table"]);
    // A function of that name which is not ours stays what it is.
    db.client
        .batch_execute("create function hearken.agents_lease() returns int language sql return 1")
        .await?;
    fails(&run(&db.url, SETTINGS, &["agents"]), &["which is not of this inbox"]);
    assert_eq!(db.count(FUNCTIONS).await?, 1, "all or nothing");
    run(&db.url, SETTINGS, &["agents", "--drop"]).fine();
    assert_eq!(text(&db.client, "hearken.agents_lease()").await?, "1");
    Ok(())
}
