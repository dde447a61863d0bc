//! The script of `hearken install --print`, and the rights which it gives.

use super::{JOBS, Settings, TABLE, rings, triggers};
use crate::support::TestDatabase;
use crate::support::database::cluster;
use tokio_postgres::Client;

const INBOX: &str = "\n\
[inbox.agents]
table     = \"app.agent_items\"
dedup     = { column = \"dedup_key\", conflict = [\"dedup_key\"] }
open      = \"status = 'pending'\"
waiting   = \"status = 'pending'\"
supersede = \"status = 'superseded'\"
";

const ROUTINE: &str = "\
title = \"Jobs\"
[on.event]
from = \"jobs\"
[flow]
supersede = { key = [\"data.kind\"] }
[item]
inbox = \"agents\"
title = \"Job {{ data.id }}\"
";

const SCHEMA: &str = "\
    create schema app; \
    create table app.agent_items (id serial primary key, dedup_key text unique, title text not null, \
        status text not null default 'pending', secret text)";

/// Runs a script with psql, as superuser.
fn psql(db: &TestDatabase, script: &str) -> anyhow::Result<()> {
    use std::io::Write;
    let mut file = tempfile::Builder::new().suffix(".sql").tempfile_in("/tmp")?;
    file.write_all(script.as_bytes())?;
    std::fs::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    let output = cluster().program("psql").args(["-qX", "-d", &db.url, "-f"]).arg(file.path()).output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// A role of this database's own: roles belong to the whole cluster.
async fn role(db: &TestDatabase, what: &str) -> anyhow::Result<String> {
    let role = format!("{}_{what}", db.name);
    db.client.batch_execute(&format!("create role {role} login")).await?;
    Ok(role)
}

async fn as_role(db: &TestDatabase, role: &str) -> anyhow::Result<Client> {
    let client = db.connect().await?;
    client.batch_execute(&format!("set session authorization {role}")).await?;
    Ok(client)
}

async fn check(client: &Client, sql: &str, want: Result<(), &str>) {
    let got = client.batch_execute(sql).await;
    let state = got.err().and_then(|error| error.code().map(|code| code.code().to_owned()));
    assert_eq!(state.as_deref(), want.err(), "{sql}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_script_does_it_all_with_the_least_rights() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute(TABLE).await?;
    db.client.batch_execute(SCHEMA).await?;
    let (daemon, worker) = (role(&db, "daemon").await?, role(&db, "worker").await?);
    let settings = Settings::new(&format!("{JOBS}{INBOX}"));
    std::fs::write(settings.path("routines/jobs.toml"), ROUTINE)?;
    let args = ["install", "--print", "--role", &daemon, "--worker", &worker, "--writer", "somebody"];
    let script = settings.run(&db.url, &args).fine();
    assert!(script.contains("Writers, as somebody: nothing"), "{script}");
    assert!(triggers(&db.client).await?.is_empty(), "printing changes no table");
    for _ in 0..2 {
        psql(&db, &script)?;
    }
    assert_eq!(triggers(&db.client).await?.len(), 2);

    let client = as_role(&db, &daemon).await?;
    for (sql, want) in [
        ("select * from public.jobs for update skip locked", Ok(())),
        ("update public.jobs set done = true", Ok(())),
        ("update public.jobs set note = 'x'", Err("42501")),
        ("insert into public.jobs (kind) values ('x')", Err("42501")),
        ("delete from public.jobs", Err("42501")),
        ("insert into app.agent_items (title, dedup_key) values ('t', 'k') on conflict do nothing", Ok(())),
        ("update app.agent_items set status = 'superseded'", Ok(())),
        ("update app.agent_items set title = 'x'", Err("42501")),
        ("insert into app.agent_items (title, secret) values ('t', 's')", Err("42501")),
    ] {
        check(&client, sql, want).await;
    }
    let client = as_role(&db, &worker).await?;
    check(&client, "select * from hearken.lease('w', '{q}')", Ok(())).await;
    check(&client, "select * from public.jobs", Err("42501")).await;
    Ok(())
}

/// Each part is run by the role it names, and none of them is a superuser; whoever prints
/// may not look into the schema of the table yet.
#[tokio::test(flavor = "multi_thread")]
async fn each_part_is_run_by_whom_it_names() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let (daemon, owner) = (role(&db, "daemon").await?, role(&db, "owner").await?);
    let own = TABLE.replace("jobs", "own.jobs");
    db.client
        .batch_execute(&format!(
            "grant usage on schema hearken to {daemon}; \
             grant select, insert, update on hearken.sources to {daemon}; \
             create schema own authorization {owner}; set session authorization {owner}; {own}; \
             reset session authorization"
        ))
        .await?;
    let url = db.url.replace("user=postgres", &format!("user={daemon}"));
    let settings = Settings::new(&JOBS.replace("public.jobs", "own.jobs"));
    let script = settings.run(&url, &["install", "--print", "--role", &daemon]).fine();
    assert!(script.contains("zz_hearken_pending_jobs"), "{script}");
    let (first, second) = script.split_once("-- Part 2 of 2: ").expect("two parts");
    assert!(first.starts_with("-- Part 1 of 2: to be run by postgres "), "{script}");
    assert!(second.starts_with(&format!("to be run by {owner} ")), "{script}");
    psql(&db, first)?;
    psql(&db, &format!("set session authorization {owner};\n-- {second}"))?;
    let hung = "select from pg_trigger where tgrelid = 'own.jobs'::regclass and not tgisinternal";
    assert_eq!(db.count(hung).await?, 2);
    let client = as_role(&db, &daemon).await?;
    check(&client, "update own.jobs set done = true", Ok(())).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_insert_rings() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute(TABLE).await?;
    Settings::new(JOBS).run(&db.url, &["install"]).fine();
    let writer = role(&db, "writer").await?;
    db.client
        .batch_execute(&format!(
            "revoke usage on schema hearken from public; grant insert, select, update on jobs to {writer}"
        ))
        .await?;
    let client = as_role(&db, &writer).await?;
    client
        .batch_execute("begin; insert into jobs (done) values (true); update jobs set done = false")
        .await?;
    let held = "select count(*) from pg_locks where locktype = 'advisory' and classid = 1751478891 \
                and pid = pg_backend_pid()";
    assert_eq!(client.query_one(held, &[]).await?.get::<_, i64>(0), 1);
    client.batch_execute("commit").await?;
    assert!(rings(&db.client, "jobs", "insert into jobs default values").await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_the_script_is_to_be_handed_on() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute(TABLE).await?;
    let daemon = role(&db, "daemon").await?;
    db.client
        .batch_execute(&format!(
            "grant usage on schema hearken to {daemon}; \
             grant select, insert, update on hearken.sources to {daemon}"
        ))
        .await?;
    let url = db.url.replace("user=postgres", &format!("user={daemon}"));
    let said = Settings::new(JOBS).run(&url, &["install"]).refused();
    assert!(said.contains("hearken install --print") && said.contains("(postgres)"), "{said}");
    assert!(triggers(&db.client).await?.is_empty());
    // Printing takes no right on the table.
    assert!(
        Settings::new(JOBS).run(&url, &["install", "--print"]).fine().contains("create or replace trigger")
    );
    Ok(())
}
