//! `hearken install` and `uninstall`: triggers which ring on tables of the user's, and
//! nothing else.

mod grants;

use crate::support::command::{Said, hearken, said};
use crate::support::{TestDatabase, until};
use std::path::PathBuf;
use tokio_postgres::Client;

/// A folder with settings, and perhaps a routine.
pub(crate) struct Settings {
    folder: tempfile::TempDir,
}

impl Settings {
    pub(crate) fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("routines")).expect("a folder");
        let settings = Self { folder };
        std::fs::write(settings.path("hearken.toml"), format!("[daemon]\nroutines = \"routines\"\n{text}"))
            .expect("a file");
        settings
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command of hearken's.
    pub(crate) fn run(&self, url: &str, args: &[&str]) -> Said {
        said(hearken(args).current_dir(self.folder.path()).env("DATABASE_URL", url))
    }
}

const JOBS: &str = "\
[source.jobs]
table   = \"public.jobs\"
id      = \"id\"
type    = \"kind\"
pending = \"not done\"
mark    = \"done = true\"
ready   = \"ready_at\"
";

const TABLE: &str = "create table jobs (\
    id bigint generated always as identity primary key, kind text not null default 'a', \
    done boolean not null default false, ready_at timestamptz, note text)";

/// Whether a statement rings for a source. While nobody sleeps, ringing is holding the
/// doorbell's lock to the end of the transaction.
async fn rings(client: &Client, name: &str, sql: &str) -> anyhow::Result<bool> {
    client.batch_execute(&format!("begin; {sql}")).await?;
    let held = "select exists (select from pg_locks l join hearken.sources s on s.id::text = l.objid::text \
                where l.locktype = 'advisory' and l.classid = 1751478891 and l.pid = pg_backend_pid() \
                  and s.name = $1)";
    let rang = client.query_one(held, &[&name]).await?.get(0);
    client.batch_execute("commit").await?;
    Ok(rang)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_a_row_pending_rings_and_nothing_else_does() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute(TABLE).await?;
    let settings = Settings::new(JOBS);
    assert_eq!(settings.run(&db.url, &["install"]).fine(), "jobs: public.jobs rings\n");
    for (sql, want) in [
        ("insert into jobs (note) values ('x'), ('y')", true),
        ("update jobs set note = 'z'", false),
        ("update jobs set done = true", false),
        ("update jobs set note = 'done'", false),
        ("update jobs set ready_at = '2030-01-01'", false),
        ("update jobs set done = false where id = 1", true),
        ("update jobs set ready_at = '2031-01-01' where id = 1", true),
        ("update jobs set ready_at = '2031-01-01' where id = 1", false),
        ("delete from jobs", false),
        ("insert into jobs (note) select 'none' where false", true),
    ] {
        assert_eq!(rings(&db.client, "jobs", sql).await?, want, "{sql}");
    }
    Ok(())
}

/// The triggers of `jobs`, as the catalog shows them.
async fn triggers(client: &Client) -> anyhow::Result<Vec<String>> {
    let sql = "select tgname || ' ' || oid from pg_trigger \
               where tgrelid = to_regclass('jobs') and not tgisinternal order by 1";
    Ok(client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn installing_again_changes_nothing_and_uninstalling_leaves_nothing() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute(TABLE).await?;
    let settings = Settings::new(JOBS);
    settings.run(&db.url, &["install"]).fine();
    let first = triggers(&db.client).await?;
    assert_eq!(first.len(), 2, "{first:?}");
    settings.run(&db.url, &["install", "--source", "jobs"]).fine();
    assert_eq!(triggers(&db.client).await?.len(), 2);
    // They are found by what they call, wherever the table went.
    db.client.batch_execute("alter table jobs rename to work").await?;
    let said = Settings::new("").run(&db.url, &["uninstall"]).fine();
    assert!(said.contains("zz_hearken_doorbell_jobs") && said.contains("\"public\".\"work\""), "{said}");
    assert_eq!(
        db.count("select from pg_trigger where not tgisinternal and tgrelid = 'work'::regclass").await?,
        0
    );
    assert_eq!(settings.run(&db.url, &["uninstall"]).fine(), "nothing to do: no trigger rings\n");
    // The log's own trigger is no business of it.
    assert!(rings(&db.client, "events", "select hearken.emit('x')").await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partitioned_table_rings_and_can_be_installed_again() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client
        .batch_execute(
            "create table jobs (id int, kind text, done boolean default false, ready_at timestamptz, \
                 primary key (id, kind)) partition by list (kind); \
             create table jobs_a partition of jobs for values in ('a')",
        )
        .await?;
    let settings = Settings::new(JOBS);
    for _ in 0..2 {
        let said = settings.run(&db.url, &["install"]).fine();
        assert!(said.contains("do not ring"), "{said}");
    }
    for (sql, want) in [
        ("insert into jobs values (1, 'a', true)", true),
        ("update jobs set done = false", true),
        ("update jobs set done = true", false),
        ("insert into jobs_a values (2, 'a')", false),
        ("update jobs_a set done = false where id = 1", true),
    ] {
        assert_eq!(rings(&db.client, "jobs", sql).await?, want, "{sql}");
    }
    settings.run(&db.url, &["uninstall"]).fine();
    assert!(!rings(&db.client, "jobs", "insert into jobs values (3, 'a')").await?);
    Ok(())
}

/// A source of the given kind; what the command says.
async fn installed(schema: &str, settings: &str, args: &[&str]) -> anyhow::Result<(TestDatabase, Said)> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute(schema).await?;
    let said = Settings::new(settings).run(&db.url, args);
    Ok((db, said))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_which_no_trigger_can_have_is_left_out_and_said() -> anyhow::Result<()> {
    let schema = format!("{TABLE}; create table off (id bigint)");
    let settings = JOBS.replace("not done", "not done and id not in (select id from public.off)");
    let (db, said) = installed(&schema, &settings, &["install"]).await?;
    let said = said.fine();
    assert!(said.contains("there is a subquery in `pending`"), "{said}");
    assert_eq!(triggers(&db.client).await?.len(), 1);

    // Those who write would need the right to call it.
    let schema = format!(
        "{TABLE}; create function public.due() returns boolean language sql return true; \
         revoke execute on function public.due() from public"
    );
    let (db, said) =
        installed(&schema, &JOBS.replace("not done", "not done and public.due()"), &["install"]).await?;
    let said = said.fine();
    assert!(said.contains("`public.due` is not for everybody to call"), "{said}");
    assert_eq!(triggers(&db.client).await?.len(), 1);

    let (_, said) = installed(TABLE, &JOBS.replace("not done", "not doen"), &["install"]).await?;
    assert!(said.fine().contains("\"doen\""));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fires_no_trigger_is_refused_with_the_reason() -> anyhow::Result<()> {
    let view = format!("{}; create view jobs_view as select * from jobs", TABLE);
    let (_, said) = installed(&view, &JOBS.replace("public.jobs", "public.jobs_view"), &["install"]).await?;
    let said = said.refused();
    assert!(said.contains("is a view") && said.contains("doorbell = \"off\""), "{said}");
    let (_, said) = installed("select 1", JOBS, &["install"]).await?;
    assert!(said.refused().contains("there is no table public.jobs"));
    let (_, said) = installed(TABLE, JOBS, &["install", "--source", "job"]).await?;
    assert!(said.refused().contains("did you mean `jobs`"));
    let polled = format!("{JOBS}doorbell = \"off\"\n");
    let (db, said) = installed(TABLE, &polled, &["install"]).await?;
    assert!(said.fine().contains("is polled"));
    assert!(triggers(&db.client).await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_the_table_is_named() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute(TABLE).await?;
    let settings = Settings::new(JOBS);
    let other = db.connect().await?;
    other.batch_execute("begin; insert into jobs default values").await?;
    let pid: i32 = other.query_one("select pg_backend_pid()", &[]).await?.get(0);
    let said = settings.run(&db.url, &["install"]).refused();
    assert!(said.contains(&format!("process {pid} holds RowExclusiveLock")), "{said}");
    assert!(triggers(&db.client).await?.is_empty());

    // One which ends in time is waited for.
    let url = db.url.clone();
    let installing = tokio::task::spawn_blocking(move || settings.run(&url, &["install"]).fine());
    until("the command to wait", || async {
        let sql = "select from pg_locks where not granted and relation = 'jobs'::regclass";
        (db.count(sql).await.ok()? > 0).then_some(())
    })
    .await;
    other.batch_execute("commit").await?;
    assert_eq!(installing.await?, "jobs: public.jobs rings\n");
    Ok(())
}

/// Rows of the log which come by replication bring the transaction id of another
/// server, and fire no ordinary trigger.
#[tokio::test(flavor = "multi_thread")]
async fn replicated_rows_of_the_log_get_the_id_of_our_transaction() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let settings = Settings::new("");
    let replicated = "begin; set local session_replication_role = replica; \
        insert into hearken.events (type, xid) values ('x', '3'); commit";
    db.client.batch_execute(replicated).await?;
    assert_eq!(db.count("select from hearken.events where xid = '3'").await?, 1);
    for _ in 0..2 {
        settings.run(&db.url, &["install", "--replicated"]).fine();
    }
    db.client.batch_execute(replicated).await?;
    assert_eq!(db.count("select from hearken.events where xid = '3'").await?, 1, "the second got ours");
    assert_eq!(db.count("select from hearken.events").await?, 2);

    db.client.batch_execute(TABLE).await?;
    let said = Settings::new(JOBS).run(&db.url, &["install", "--replicated"]).refused();
    assert!(said.contains("rows which come by replication ring no bell"), "{said}");
    let polled = Settings::new(&format!("{JOBS}doorbell = \"off\"\n"));
    polled.run(&db.url, &["install", "--replicated"]).fine();
    Ok(())
}
