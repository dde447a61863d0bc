//! Row-level security everywhere: the daemon is an ordinary role with a policy of
//! its own, the application asks with the service key, and the anon key gets
//! nothing.

use crate::support::daemon::{Setup, TestDaemon};
use crate::support::database::{connect, migrate};
use crate::support::{own_cluster, until};
use hearken::cluster::PrivateCluster;
use std::path::PathBuf;
use std::process::Command;
use tokio_postgres::Client;

const KEYS: &str = "\
    create role anon login; \
    create role service_role login; \
    grant select, insert on all tables in schema public to anon, service_role; \
    grant update on public.leads to service_role";

fn file(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).expect(name)
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("routines/systems/six-businesses")
}

/// The routines, as (name, text).
fn routines() -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder().join("routines")).expect("the routines");
    entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).expect("a routine"))
        })
        .collect()
}

/// A cluster of its own, since roles belong to a cluster; and the daemon which
/// works in it as `hearken_daemon`.
async fn begin() -> anyhow::Result<(PrivateCluster, Client, TestDaemon)> {
    let own = own_cluster();
    connect(&own.url("postgres")).await?.batch_execute("create database app").await?;
    let admin = connect(&own.url("app")).await?;
    admin.batch_execute(&file("schema.sql")).await?;
    admin.batch_execute(&file("daemon.sql")).await?;
    admin.batch_execute("create schema hearken authorization hearken_daemon").await?;
    migrate(&as_role(&own, "hearken_daemon")).await?;
    admin.batch_execute(&file("watch.sql")).await?;
    let install = Command::new(env!("CARGO_BIN_EXE_hearken"))
        .arg("install")
        .arg("--config")
        .arg(folder().join("hearken.toml"))
        .env("DATABASE_URL", own.url("app"))
        .output()?;
    anyhow::ensure!(install.status.success(), "install: {}", String::from_utf8_lossy(&install.stderr));
    admin.batch_execute(KEYS).await?;

    let settings = file("hearken.toml");
    let (_, tables) = settings.split_once("\n[source.").expect("sources");
    let routines = routines();
    let routines: Vec<(&str, &str)> =
        routines.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let setup = Setup::new(&as_role(&own, "hearken_daemon"), &routines).daemon(&format!("[source.{tables}"));
    let daemon = setup.start();
    daemon.leads().await;
    Ok((own, admin, daemon))
}

fn as_role(own: &PrivateCluster, role: &str) -> String {
    own.url("app").replace("user=postgres", &format!("user={role}"))
}

/// The first column of a query, as text.
async fn column(client: &Client, sql: &str) -> anyhow::Result<Vec<String>> {
    Ok(client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}

/// Waits until a query has these rows.
async fn expect(client: &Client, sql: &str, want: &[&str]) {
    until(&format!("{want:?} of {sql}"), || async {
        (column(client, sql).await.ok()? == want).then_some(())
    })
    .await;
}

const DIALS: &str = "select l.address || ': ' || d.status from public.dial_queue d \
                     join public.leads l on l.id = d.lead_id order by 1";
const LEADS: &str = "insert into public.leads (county, address, owner_phone, distress_score, scrape_source) \
                     values ('Kern', '1 Elm St', '+15550001', 82, 'court'), \
                            ('Kern', '2 Elm St', '+15550002', 40, 'court')";

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_works_under_the_policies_of_every_table() -> anyhow::Result<()> {
    let (own, admin, daemon) = begin().await?;
    let open = "select relname::text from pg_class \
                where relnamespace = 'public'::regnamespace and relkind = 'r' and not relrowsecurity";
    assert_eq!(column(&admin, open).await?, Vec::<String>::new(), "tables without row-level security");
    let above = "select rolname::text from pg_roles \
                 where rolname = 'hearken_daemon' and (rolsuper or rolbypassrls or rolcreaterole)";
    assert_eq!(column(&admin, above).await?, Vec::<String>::new(), "the daemon is an ordinary role");

    // The application has its key and no rights in our schema; the triggers cost it nothing.
    let service = connect(&as_role(&own, "service_role")).await?;
    let refused = service.batch_execute(LEADS).await.expect_err("a lead without the key");
    assert_eq!(refused.code().map(|code| code.code()), Some("42501"));
    service.batch_execute("set request.jwt.claim.role = 'service_role'").await?;
    service.batch_execute(LEADS).await?;
    expect(&service, DIALS, &["1 Elm St: in_progress"]).await;
    let calls = "select title from hearken.inbox_items where queue = 'vapi'";
    expect(&admin, calls, &["Call the owner about 1 Elm St, attempt 1"]).await;

    let outcome = "insert into public.call_outcomes (lead_id, outcome) \
                   select id, 'answered_interested' from public.leads where address = '1 Elm St'";
    service.batch_execute(outcome).await?;
    expect(&service, "select memory_type from public.jarvis_memory", &["episodic"]).await;
    expect(&service, "select business from public.claude_code_queue", &["lbc"]).await;
    expect(&admin, "select message from hearken.dead_letters", &[]).await;

    // Who has the other key sees none of it, and adds nothing.
    let anon = connect(&as_role(&own, "anon")).await?;
    for table in ["leads", "dial_queue", "call_outcomes", "jarvis_memory", "claude_code_queue"] {
        let seen = column(&anon, &format!("select '{table}' from public.{table}")).await?;
        assert_eq!(seen, Vec::<String>::new(), "the anon key sees {table}");
    }
    let refused = anon.batch_execute(LEADS).await.expect_err("a lead with the anon key");
    assert_eq!(refused.code().map(|code| code.code()), Some("42501"));
    assert!(daemon.stop().await.success());
    Ok(())
}
