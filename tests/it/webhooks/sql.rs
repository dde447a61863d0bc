//! The statements of the deliverer, by themselves.

use super::*;
use hearken::pg::endpoints::{Busy, make_way, overtake};
use hearken::pg::session::SessionRole;
use hearken::rules::webhook::Delivery;
use hearken::webhook::deliver::key_of;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn the_database_and_the_deliverer_have_the_same_keys() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let targets = [
        json!({ "url": "https://example.org/hook?x=1#y" }),
        json!({ "url": "HTTPS://Example.ORG:443" }),
        json!({ "url": "http://localhost:80/" }),
        json!({ "url": "http://localhost:8080" }),
        json!({ "url": "http://h:443\\x" }),
        json!({ "url": "https://[::1]:8443/?a" }),
        json!({ "url": "https://ÄÖ.example/é" }),
        json!({ "endpoint": { "name": "hooks", "id": "7" } }),
        json!({ "endpoint": { "name": "hooks", "id": "a:b c" } }),
    ];
    for target in targets {
        let webhook = json!({ "to": target, "timeout_ms": 1, "retry_ms": [] });
        let row = db.client.query_one("select hearken.endpoint_of($1)", &[&webhook]).await?;
        let ours = serde_json::from_value::<Delivery>(webhook)?;
        assert_eq!(row.get::<_, Option<String>>(0).as_deref(), Some(&*key_of(&ours.to)));
    }
    for none in [json!({}), json!({ "to": { "url": "nonsense" } }), json!([1])] {
        let row = db.client.query_one("select hearken.endpoint_of($1)", &[&none]).await?;
        assert_eq!(row.get::<_, Option<String>>(0), None, "{none}");
    }
    Ok(())
}

async fn queue() -> anyhow::Result<TestDatabase> {
    let db = TestDatabase::new().await?;
    for n in 0..50 {
        put(&db, &format!("slow{n}"), delivery("https://slow.example/a", 1)).await;
        if n % 10 == 0 {
            put(&db, &format!("good{n}"), delivery("https://good.example/", 1)).await;
        }
    }
    Ok(db)
}

/// How many items of a host are due, and in how many seconds the last comes.
async fn due(db: &TestDatabase, host: &str) -> anyhow::Result<(i64, f64)> {
    let sql = "select count(*) filter (where due_at <= hearken.now()), \
                      extract(epoch from max(due_at) - hearken.now())::float8 \
               from hearken.inbox_items where webhook #>> '{to,url}' like $1";
    let row = db.client.query_one(sql, &[&format!("https://{host}%")]).await?;
    Ok((row.get(0), row.get(1)))
}

fn busy() -> Busy {
    Busy {
        key: "https://slow.example".to_owned(),
        after: Duration::from_secs(60),
        head: Duration::from_secs(1),
        step: Duration::from_secs(1),
        span: Duration::from_secs(30),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn items_of_busy_endpoints_are_put_off_in_a_row_and_no_others() -> anyhow::Result<()> {
    let db = queue().await?;
    let session = db.session(SessionRole::Tool).await?;
    let queues = ["webhooks".to_owned()];
    // Of the first eleven, one is for another.
    let moved = make_way(&session, &queues, &[busy()], 11).await?;
    assert_eq!(moved, [("https://slow.example".to_owned(), 10)]);
    let (left, last) = due(&db, "slow.example").await?;
    assert_eq!(left, 40);
    assert!((70.0..=71.5).contains(&last), "{last}");
    assert_eq!(due(&db, "good.example").await?.0, 5);
    // All the others; the row ends and begins anew.
    let moved = make_way(&session, &queues, &[busy()], 1_000).await?;
    assert_eq!(moved, [("https://slow.example".to_owned(), 40)]);
    let (left, last) = due(&db, "slow.example").await?;
    assert_eq!(left, 0);
    assert!(last <= 90.5, "{last}");
    assert!(make_way(&session, &queues, &[busy()], 1_000).await?.is_empty());
    // What is leased, finished or in another queue is none of its business.
    db.client.batch_execute("update hearken.inbox_items set due_at = hearken.now(), queue = 'other'").await?;
    assert!(make_way(&session, &queues, &[busy()], 1_000).await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn items_of_other_endpoints_overtake() -> anyhow::Result<()> {
    let db = queue().await?;
    let session = db.session(SessionRole::Tool).await?;
    let moved = overtake(&session, &["webhooks".to_owned()], &[busy().key], 3).await?;
    assert_eq!(moved, 3);
    let sql = "select webhook #>> '{to,url}' from hearken.lease('w', '{webhooks}', 4) l \
               join hearken.inbox_items i using (id) order by l.due_at";
    let rows = db.client.query(sql, &[]).await?;
    let urls: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(urls.iter().filter(|url| url.contains("good")).count(), 3, "{urls:?}");
    assert!(urls[..3].iter().all(|url| url.contains("good")), "{urls:?}");
    Ok(())
}
