//! Migrations: once, whoever runs them, and never over something unknown.

use crate::support::TestDatabase;
use crate::support::database::{cluster, options};
use hearken::pg::migrate::{self, MIGRATIONS, MigrateError};
use hearken::pg::session::{Session, SessionRole};
use std::process::Command;

/// Twenty processes at once: each succeeds, each migration is applied once.
#[tokio::test(flavor = "multi_thread")]
async fn twenty_processes_may_start_at_once() -> anyhow::Result<()> {
    let db = TestDatabase::empty().await?;
    let children: Vec<_> = (0..20)
        .map(|_| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_hearken"));
            command.arg("migrate").env("DATABASE_URL", &db.url).stdout(std::process::Stdio::piped());
            command.spawn().expect("a process")
        })
        .collect();
    let mut applied = 0;
    for child in children {
        let output = child.wait_with_output()?;
        assert!(output.status.success());
        applied += usize::from(String::from_utf8(output.stdout)?.starts_with("applied"));
    }
    assert_eq!(applied, 1, "one of them did all of it");
    assert_eq!(db.count("select from hearken.migrations").await?, MIGRATIONS.len() as i64);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_and_a_changed_migration_are_refused() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let session = Session::open(&options(&db.url), SessionRole::Tool, None).await?;
    assert_eq!(migrate::run(&session).await?, [] as [String; 0], "there is nothing left to do");
    db.client
        .batch_execute("insert into hearken.migrations (name, sha256) values ('9999_future', '\\x00')")
        .await?;
    let error = migrate::run(&session).await.expect_err("a newer schema");
    assert!(matches!(error, MigrateError::Newer(_)), "{error}");
    assert!(error.to_string().contains("9999_future"));

    // A daemon does not start on it, and says why.
    let output = Command::new(env!("CARGO_BIN_EXE_hearken"))
        .args(["run", "--routines", "/nonexistent"])
        .env("DATABASE_URL", &db.url)
        .env("HEARKEN_HTTP", "off")
        .output()?;
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stderr)?.contains("9999_future"));

    db.client
        .batch_execute("delete from hearken.migrations where name = '9999_future'; update hearken.migrations set sha256 = '\\x00' where name = '0001_log'")
        .await?;
    let error = migrate::run(&session).await.expect_err("drift");
    assert!(matches!(error, MigrateError::Drift(_)), "{error}");
    Ok(())
}

/// The script for a DBA does the same, also twice; and everything is commented.
#[tokio::test(flavor = "multi_thread")]
async fn the_printed_script_does_the_same() -> anyhow::Result<()> {
    let db = TestDatabase::empty().await?;
    let script = Command::new(env!("CARGO_BIN_EXE_hearken")).args(["migrate", "--print"]).output()?;
    assert!(script.status.success());
    let file = tempfile::Builder::new().suffix(".sql").tempfile_in("/tmp")?;
    std::fs::write(file.path(), &script.stdout)?;
    std::fs::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    for _ in 0..2 {
        let status =
            cluster().program("psql").args(["-qX", "-d", &db.url, "-f"]).arg(file.path()).status()?;
        assert!(status.success());
    }
    let session = Session::open(&options(&db.url), SessionRole::Tool, None).await?;
    assert_eq!(migrate::status(&session).await?.missing(), [] as [String; 0]);
    let status = Command::new(env!("CARGO_BIN_EXE_hearken"))
        .args(["migrate", "--status"])
        .env("DATABASE_URL", &db.url)
        .status()?;
    assert!(status.success());

    let silent = "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace \
        where n.nspname = 'hearken' and c.relkind in ('r', 'p', 'm', 'S') and not c.relispartition \
          and obj_description(c.oid) is null and c.relname not like '%_id_seq' and c.relname not like '%_n_seq'";
    assert_eq!(db.count(silent).await?, 0, "every table and sequence has a comment");
    let silent = "select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace \
        where n.nspname = 'hearken' and obj_description(p.oid) is null";
    assert_eq!(db.count(silent).await?, 0, "every function has a comment");
    Ok(())
}

/// A migration which fails leaves nothing of itself, and the earlier ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_failing_migration_leaves_whole_versions() -> anyhow::Result<()> {
    let db = TestDatabase::empty().await?;
    // The second migration stumbles over this table.
    db.client.batch_execute("create schema hearken; create table hearken.inbox_items ()").await?;
    let session = Session::open(&options(&db.url), SessionRole::Tool, None).await?;
    let error = migrate::run(&session).await.expect_err("a conflict");
    assert!(matches!(&error, MigrateError::Failed { name, .. } if name == "0002_inbox"), "{error}");
    assert_eq!(db.count("select from hearken.migrations").await?, 1);
    db.client.batch_execute("drop table hearken.inbox_items").await?;
    assert_eq!(migrate::run(&session).await?.len(), MIGRATIONS.len() - 1);
    Ok(())
}
