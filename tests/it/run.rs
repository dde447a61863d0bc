//! Running: from nothing, with the environment alone, reloading, stopping.

use crate::support::daemon::{EVERY, Setup};
use crate::support::{TestDatabase, own_cluster, until};
use serde_json::json;
use std::process::Command;
use std::time::{Duration, Instant};

/// An empty database is migrated, an insert is heard, and the item is there
/// within milliseconds.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_is_migrated_and_heard() -> anyhow::Result<()> {
    let db = TestDatabase::empty().await?;
    let daemon = Setup::new(&db.url, &[("every", EVERY)]).start();
    daemon.leads().await;
    let began = Instant::now();
    db.client
        .batch_execute("insert into hearken.events (type, data) values ('test.event', '{\"n\": 1}')")
        .await?;
    db.items(1).await?;
    eprintln!("the item was there {:?} after the insert began", began.elapsed());
    let name = "select from pg_stat_activity where datname = current_database() and application_name like 'hearken%'";
    assert!(db.count(name).await? >= 4);
    Ok(())
}

/// `PG*` variables alone suffice, as psql reads them.
#[tokio::test(flavor = "multi_thread")]
async fn the_environment_alone_suffices() -> anyhow::Result<()> {
    let db = TestDatabase::empty().await?;
    let status = Command::new(env!("CARGO_BIN_EXE_hearken"))
        .arg("migrate")
        .env_remove("DATABASE_URL")
        .env("PGHOST", crate::support::database::cluster().socket_folder())
        .env("PGUSER", "postgres")
        .env("PGDATABASE", &db.name)
        .status()?;
    assert!(status.success());
    assert_eq!(db.count("select from hearken.events").await?, 0);
    Ok(())
}

/// The daemon starts before the database and waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_waits_for_its_database() -> anyhow::Result<()> {
    let cluster = own_cluster();
    let db = TestDatabase::in_cluster(&cluster).await?;
    db.emit("test.event", json!({ "n": 1 })).await?;
    cluster.stop_server(hearken::cluster::StopMode::Fast)?;
    let daemon = Setup::new(&db.url, &[("every", EVERY)]).start();
    daemon.says("waiting for the database").await;
    cluster.start_server()?;
    daemon.leads().await;
    let client = db.connect().await?;
    until("the item", || async { client.query_opt("select from hearken.inbox_items", &[]).await.ok()? })
        .await;
    assert!(daemon.stop().await.success());
    Ok(())
}

/// SIGTERM ends it within a second of the pass in hand, and leaves no session.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_stops_within_a_second() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let daemon = Setup::new(&db.url, &[("every", EVERY)]).start();
    daemon.leads().await;
    let began = Instant::now();
    assert!(daemon.stop().await.success());
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    until("its sessions to end", || async {
        let sql = "select from pg_stat_activity where datname = current_database() and application_name like 'hearken%'";
        (db.count(sql).await.ok()? == 0).then_some(())
    })
    .await;
    assert_eq!(db.count("select from hearken.daemons").await?, 0);
    Ok(())
}

/// Files are added, changed, broken and removed; a broken one leaves the last
/// good set in force, is said loudly, and a restart takes that set from the
/// database.
#[tokio::test(flavor = "multi_thread")]
async fn routines_are_reloaded_whole_or_not_at_all() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let setup = Setup::new(&db.url, &[("every", EVERY)]);
    let daemon = setup.start();
    daemon.leads().await;
    let seen = daemon.says("routines are in force").await;
    std::fs::write(setup.routines().join("second.toml"), EVERY.replace("event {{", "second {{"))?;
    let seen = daemon.says_after(seen, "routines are in force").await;
    db.emit("test.event", json!({ "n": 1 })).await?;
    db.items(2).await?;

    // One file is broken and another changed: nothing changes.
    std::fs::write(setup.routines().join("every.toml"), EVERY.replace("event {{", "changed {{"))?;
    std::fs::write(setup.routines().join("second.toml"), "title = \"broken\"\n[on.evnt]\n")?;
    daemon.says_after(seen, "the last good set stays in force").await;
    // SIGHUP reads again; the set in force may have been the changed `every` of
    // the moment between the two writes, but never a part of the broken one.
    daemon.signal(nix::sys::signal::Signal::SIGHUP);
    db.emit("test.event", json!({ "n": 2 })).await?;
    db.items(4).await?;
    assert!(daemon.stop().await.success());

    // A start with the broken folder takes the last good set.
    let daemon = setup.start();
    daemon.leads().await;
    db.emit("test.event", json!({ "n": 3 })).await?;
    db.items(6).await?;
    assert!(daemon.stop().await.success());

    // Versions are kept, to the letter.
    let kept = "select from hearken.inbox_items i join hearken.routine_versions v on v.name = i.routine and v.version = i.version";
    assert_eq!(db.count(kept).await?, 6);
    Ok(())
}

/// The ways in which files really change: an editor which writes a new file and
/// renames it, the swap of a ConfigMap's symlink, a folder which is a symlink
/// and points elsewhere, and a file taken away.
#[tokio::test(flavor = "multi_thread")]
async fn files_are_reloaded_however_they_change() -> anyhow::Result<()> {
    use std::os::unix::fs::symlink;
    let titled = |title: &str| EVERY.replace("event {{", &format!("{title} {{{{"));
    let db = TestDatabase::new().await?;
    let setup = Setup::new(&db.url, &[("every", EVERY)]);
    let folder = setup.routines();
    let daemon = setup.start();
    daemon.leads().await;
    let mut seen = daemon.says("routines are in force").await;

    std::fs::write(folder.join("every.toml~"), titled("renamed"))?;
    std::fs::rename(folder.join("every.toml~"), folder.join("every.toml"))?;
    seen = daemon.says_after(seen, "routines are in force").await;

    // As the kubelet does: the files are links into `..data`, a link itself,
    // which is replaced as a whole. Twice, for the first swap is the easy one.
    for (number, title) in ["mapped", "swapped", "swapped again"].into_iter().enumerate() {
        let data = folder.join(format!("..{number}"));
        std::fs::create_dir(&data)?;
        std::fs::write(data.join("every.toml"), titled(title))?;
        symlink(format!("..{number}"), folder.join("..data_tmp"))?;
        std::fs::rename(folder.join("..data_tmp"), folder.join("..data"))?;
        if number == 0 {
            symlink("..data/every.toml", folder.join("every.toml~"))?;
            std::fs::rename(folder.join("every.toml~"), folder.join("every.toml"))?;
        }
        seen = daemon.says_after(seen, "routines are in force").await;
    }
    db.emit("test.event", json!({ "n": 1 })).await?;
    db.items(1).await?;
    assert_eq!(db.count("select from hearken.inbox_items where title like 'swapped again%'").await?, 1);

    // The folder itself becomes a link to a release, and then to the next one.
    let parent = folder.parent().expect("a parent").to_owned();
    for (number, title) in ["released", "released again"].into_iter().enumerate() {
        let release = parent.join(format!("release-{number}"));
        std::fs::create_dir(&release)?;
        std::fs::write(release.join("every.toml"), titled(title))?;
        symlink(&release, parent.join("next"))?;
        if number == 0 {
            std::fs::rename(&folder, parent.join("old"))?;
        }
        std::fs::rename(parent.join("next"), &folder)?;
        seen = daemon.says_after(seen, "routines are in force").await;
    }
    // A folder which is removed and made again.
    std::fs::remove_file(&folder)?;
    for title in ["made", "made again"] {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder)?;
        std::fs::write(folder.join("every.toml"), titled(title))?;
        seen = daemon.says_after(seen, "routines are in force").await;
    }
    std::fs::write(folder.join("second.toml"), titled("second"))?;
    seen = daemon.says_after(seen, "routines are in force").await;
    std::fs::remove_file(folder.join("every.toml"))?;
    daemon.says_after(seen, "routines are in force").await;
    db.emit("test.event", json!({ "n": 2 })).await?;
    db.items(2).await?;
    assert_eq!(db.count("select from hearken.inbox_items where title like 'second%'").await?, 1);
    assert!(daemon.stop().await.success());
    Ok(())
}

/// Without any good set there is nothing to run: exit status 2 and the report.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_folder_without_a_good_set_is_an_error() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let setup = Setup::new(&db.url, &[("broken", "title = \"broken\"\n[on.evnt]\ntype = \"x\"\n")]);
    let mut daemon = setup.start();
    assert_eq!(daemon.ended().await.code(), Some(2));
    let said = daemon.log().join("\n");
    assert!(said.contains("broken.toml:2"), "{said}");
    Ok(())
}

/// Health, readiness, status and metrics over HTTP.
#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_are_served() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let address = format!("127.0.0.1:{port}");
    let daemon = Setup::new(&db.url, &[("every", EVERY)]).env("HEARKEN_HTTP", &address).start();
    daemon.leads().await;
    db.emit("test.event", json!({ "n": 1 })).await?;
    db.items(1).await?;
    let ask = |path: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_hearken"))
            .args(["health", "--address", &address, "--path", path])
            .output();
        output.map(|output| (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
    };
    assert_eq!(ask("/healthz")?, (true, "ok\n".into()));
    assert_eq!(ask("/readyz")?, (true, "ready\n".into()));
    assert!(ask("/status")?.1.contains("\"role\":\"leader\""));
    until("the counter", || async {
        ask("/metrics").ok()?.1.contains("hearken_items_created_total 1").then_some(())
    })
    .await;

    // The version in force is the same wherever one looks.
    let status = serde_json::from_str::<serde_json::Value>(&ask("/status")?.1)?;
    let hash = status["routines"].as_str().expect("a hash").to_owned();
    assert!(ask("/metrics")?.1.contains(&format!("hearken_routines_info{{hash=\"{hash}\"}} 1")));

    // A broken routine file is a reason not to be ready.
    std::fs::write(daemon.routines.join("broken.toml"), "title = 3")?;
    until("readiness to end", || async { (!ask("/readyz").ok()?.0).then_some(()) }).await;
    Ok(())
}
