//! The gates of `[flow]`, asked by `hearken fire`.

use super::{Bench, outcomes, rows};
use crate::support::TestDatabase;
use crate::support::daemon::{EVERY, Setup};
use serde_json::json;
use std::time::{Duration, Instant};

/// A routine of `test.event` with a `[flow]`.
fn routine(flow: &str) -> String {
    format!(
        "title = \"t\"\n[on.event]\ntype = \"test.event\"\n[flow]\n{flow}\n\
         [item]\nqueue = \"q\"\ntitle = \"event {{{{ data.n }}}}\"\n"
    )
}

async fn emit(db: &TestDatabase, n: i64) -> anyhow::Result<String> {
    Ok(db.emit("test.event", json!({ "n": n, "k": "a" })).await?.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_the_same_by_dedup_is_not_made_again() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let text = routine("dedup = { key = [\"data.k\"], window = \"forever\" }");
    let bench = Bench::new(&db, &[("r", text.as_str())]);
    let (first, second) = (emit(&db, 1).await?, emit(&db, 2).await?);
    let before = rows(&db).await?;
    let said = bench.run(&["fire", "r", "--event", &first, "--dry-run", "--json"]).json();
    assert_eq!((&said["items"][0]["outcome"], rows(&db).await?), (&json!("created"), before));
    assert_eq!(bench.run(&["fire", "r", "--event", &first]).status, 0);
    let id = bench.run(&["fire", "r", "--event", &first, "--json"]).json()["items"][0]["id"].to_string();
    for more in [&[][..], &["--again"][..]] {
        let said = bench.run(&[&["fire", "r", "--event", &second][..], more].concat());
        assert!(
            said.fine().trim_end().starts_with(&format!("item: was there before (item {id})")),
            "{}",
            said.out
        );
    }
    assert_eq!(db.titles().await?, ["event 1"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_which_says_no_is_heard() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let text = routine("limit = { max = 1, per = \"1h\", excess = \"drop\" }");
    let bench = Bench::new(&db, &[("r", text.as_str())]);
    let (first, second) = (emit(&db, 1).await?, emit(&db, 2).await?);
    assert_eq!(bench.run(&["fire", "r", "--event", &first]).status, 0);
    let said = bench.run(&["fire", "r", "--event", &second]);
    assert!(said.fine().trim_end().starts_with("item: limited: "), "{}", said.out);
    assert_eq!((db.titles().await?.len(), outcomes(&db).await?), (1, vec!["limited".to_owned()]));
    Ok(())
}

/// What a gate holds is a draft like those of the passes: the next one joins it, and the
/// daemon, which is rung for it, lets it go on when its time has come.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_goes_on_by_the_daemon() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.set_clock("'2026-03-02 09:00:00+00'::timestamptz").await?;
    let text =
        routine("debounce = { key = [\"data.k\"], quiet = \"2s\", max_wait = \"1m\", keep = \"last\" }");
    let bench = Bench::new(&db, &[("r", text.as_str())]);
    // The daemon which has the routine finds that these have been read.
    let (first, second) = (emit(&db, 1).await?, emit(&db, 2).await?);
    let other = Setup::new(&db.url, &[("other", EVERY)]).start();
    db.items(2).await?;
    assert!(other.stop().await.success());
    let daemon = Setup::new(&db.url, &[("r", text.as_str())]).start();
    daemon.leads().await;

    let said = bench.run(&["fire", "r", "--event", &first]);
    assert!(said.fine().trim_end().starts_with("item: a gate holds it as "), "{}", said.out);
    let said = bench.run(&["fire", "r", "--event", &first]);
    assert!(said.fine().trim_end().ends_with("a gate holds it still"), "{}", said.out);
    let said = bench.run(&["fire", "r", "--event", &second, "--json"]).json();
    let outcome = said["items"][0]["outcome"].as_str().unwrap_or_default();
    assert!(["merged", "replaced"].contains(&outcome), "{said}");

    let before = Instant::now();
    db.set_clock("'2026-03-02 09:00:10+00'::timestamptz").await?;
    db.items(3).await?;
    assert_eq!(db.titles().await?.last().map(String::as_str), Some("event 2"));
    // Far less than until it would have looked by itself.
    assert!(before.elapsed() < Duration::from_secs(30), "nobody rang the daemon");
    Ok(())
}
