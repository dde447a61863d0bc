//! Many leases at once.

use super::{Lease, fill, lease, states, text};
use crate::support::TestDatabase;
use std::collections::HashSet;
use tokio::task::JoinSet;

const CONNECTIONS: usize = 32;
const ITEMS: usize = 2000;

/// All items are leased, and held until the last one is; then all are completed.
async fn check_no_item_is_leased_twice(values: &[(&str, &str)], policy: &str) -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute(policy).await?;
    fill(&db.client, "q", i32::try_from(ITEMS)?, values).await?;
    let mut workers = JoinSet::new();
    for worker in 0..CONNECTIONS {
        let client = db.connect().await?;
        workers.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let some = lease(&client, &format!("'w{worker}', '{{q}}', {}", 1 + worker % 5)).await?;
                if some.is_empty() {
                    return anyhow::Ok((client, mine));
                }
                mine.extend(some);
            }
        });
    }
    let (mut clients, mut all) = (Vec::new(), Vec::<Lease>::new());
    while let Some(worker) = workers.join_next().await {
        let (client, mine) = worker??;
        clients.push(client);
        all.extend(mine);
    }
    let ids: HashSet<i64> = all.iter().map(|lease| lease.id).collect();
    let tokens: HashSet<i64> = all.iter().map(|lease| lease.token).collect();
    assert_eq!((all.len(), ids.len(), tokens.len()), (ITEMS, ITEMS, ITEMS), "{policy}");

    let mut answers = JoinSet::new();
    for (client, mine) in clients.into_iter().zip(all.chunks(ITEMS.div_ceil(CONNECTIONS))) {
        let (ids, tokens): (Vec<i64>, Vec<i64>) = mine.iter().map(|lease| (lease.id, lease.token)).unzip();
        answers.spawn(async move {
            let sql = "select answer from hearken.complete_all($1, $2)";
            let rows = client.query(sql, &[&ids, &tokens]).await?;
            anyhow::Ok(rows.iter().filter(|row| row.get::<_, &str>(0) == "done").count())
        });
    }
    let mut done = 0;
    while let Some(answered) = answers.join_next().await {
        done += answered??;
    }
    assert_eq!(done, ITEMS);
    assert_eq!(states(&db.client).await?, format!("done {ITEMS}"));
    assert_eq!(text(&db.client, "select max(attempt) from hearken.inbox_items").await?, "1");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_thousand_concurrent_leases_no_item_is_with_two() -> anyhow::Result<()> {
    check_no_item_is_leased_twice(&[("priority", "n % 3")], "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_queue_with_limits_and_keys_no_item_is_with_two() -> anyhow::Result<()> {
    let policy = "insert into hearken.queues (name, concurrency) values ('q', 5000)";
    check_no_item_is_leased_twice(&[("key", "case when n % 2 = 0 then 'k' || n end")], policy).await
}
