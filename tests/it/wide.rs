//! Events which are wide and compress well: small on disk, large to read. A page of
//! many would take longer than a statement may.

use crate::support::daemon::Setup;
use crate::support::{TestDatabase, until};

const ROUTINE: &str = "\
title = \"Each\"
[on.event]
type = \"test.event\"
[item]
queue = \"q\"
title = \"event {{ data.n }}\"
";

/// So many events of so many bytes, which are there before the daemon is, and of which
/// it could read a few dozen in the time that it has.
async fn check(events: i64, bytes: i64, outcome: &str) -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let sql = format!(
        "insert into hearken.events (type, data) \
         select 'test.event', jsonb_build_object('n', n, 'text', repeat('x', {bytes})) \
         from generate_series(1, {events}) n"
    );
    db.client.batch_execute(&sql).await?;
    let lines = "statement_timeout = \"1s\"\nbatch_min = 1000\n";
    let daemon = Setup::new(&db.url, &[("each", ROUTINE)]).daemon(lines).start();
    // In four parts, each of which a slow machine may take its time for.
    for part in 1..=4 {
        let want = events * part / 4;
        until(&format!("{want} of {outcome}"), || async {
            (db.count(outcome).await.expect("a count") >= want).then_some(())
        })
        .await;
    }
    assert_eq!(db.count(outcome).await?, events);
    assert!(daemon.stop().await.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_of_them_become_items_in_time() -> anyhow::Result<()> {
    check(400, 1_000_000, "select from hearken.inbox_items").await
}

#[tokio::test(flavor = "multi_thread")]
async fn many_which_are_too_large_become_letters_in_time() -> anyhow::Result<()> {
    check(200, 2_500_000, "select from hearken.dead_letters where kind = 'oversized'").await
}
