//! `hearken watch`.

use super::check;
use crate::install::Settings;
use crate::support::TestDatabase;
use crate::support::database::cluster;

const TABLE: &str = "create table tasks (id int primary key, title text, secret text, org text)";

const ARGS: &[&str] = &[
    "watch",
    "public.tasks",
    "--prefix",
    "task",
    "--columns",
    "title,secret",
    "--redact",
    "secret",
    "--when",
    "title <> 'it''s'",
    "--tenant",
    "org",
    "--source",
    "crm",
    "--truncate",
    "ignore",
];

async fn database() -> anyhow::Result<TestDatabase> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute(TABLE).await?;
    Ok(db)
}

async fn is_watched_so(db: &TestDatabase) -> anyhow::Result<()> {
    let sql = "insert into tasks values (1, 'a', 's', 'o'), (2, 'it''s', 's', 'o')";
    db.client.batch_execute(sql).await?;
    let row = db.client.query_one("select source, tenant from hearken.events", &[]).await?;
    assert_eq!((row.get::<_, &str>(0), row.get::<_, &str>(1)), ("crm", "o"));
    check(db, &["truncate tasks"], &[r#"task.created 1 {"id": 1, "title": "a"} - -"#]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_watched_and_watched_no_more() -> anyhow::Result<()> {
    let db = database().await?;
    let settings = Settings::new("");
    let said = settings.run(&db.url, ARGS);
    assert_eq!((said.status, said.out.as_str()), (0, "public.tasks is watched\n"), "{}", said.err);
    is_watched_so(&db).await?;
    assert_eq!(settings.run(&db.url, ARGS).out, "public.tasks is watched anew\n");
    for want in ["public.tasks is no longer watched\n", "public.tasks is not watched\n"] {
        assert_eq!(settings.run(&db.url, &["watch", "tasks", "--drop"]).out, want);
    }
    check(&db, &["insert into tasks values (3)"], &[]).await?;
    let said = settings.run(&db.url, &["watch", "nothing"]);
    assert!(said.status == 1 && said.err.contains("there is no table public.nothing"), "{}", said.err);
    let said = settings.run(&db.url, &["watch", "tasks", "--columns", "titel"]);
    assert!(
        said.status == 1 && said.err.contains("no column titel") && said.err.contains("title"),
        "{}",
        said.err
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_script_does_the_same() -> anyhow::Result<()> {
    let db = database().await?;
    let mut args = ARGS.to_vec();
    args.push("--print");
    let said = Settings::new("").run(&db.url, &args);
    assert_eq!(said.status, 0, "{}", said.err);
    assert!(said.out.contains("\n\\set ON_ERROR_STOP on\n"), "{}", said.out);
    let file = tempfile::Builder::new().suffix(".sql").tempfile_in("/tmp")?;
    std::fs::write(file.path(), &said.out)?;
    std::fs::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    let psql = cluster()
        .program("psql")
        .args(["-qX", "-v", "ON_ERROR_STOP=1", "-d", &db.url, "-f"])
        .arg(file.path())
        .output()?;
    assert!(psql.status.success(), "{}", String::from_utf8_lossy(&psql.stderr));
    is_watched_so(&db).await
}
