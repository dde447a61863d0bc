//! Endpoints which are slow or dead, and those which are not to wait for them.

use super::*;

/// Puts so many items for one address into the inbox.
async fn put_many(db: &TestDatabase, count: i32, webhook: &Value) -> anyhow::Result<()> {
    let sql = "insert into hearken.inbox_items (dedup_key, queue, routine, version, title, context, webhook) \
               select sha256(('many' || n)::bytea), 'webhooks', 'tell', 'v', 't', '{\"id\": \"1\"}', $1 \
               from generate_series(1, $2::integer) n";
    db.client.execute(sql, &[webhook, &count]).await?;
    Ok(())
}

async fn endpoint_state(db: &TestDatabase, want: &str) -> i32 {
    let sql = "select failures from hearken.endpoints where state = $1";
    until(&format!("an endpoint to be {want}"), || async {
        db.client.query_opt(sql, &[&want]).await.expect("endpoints").map(|row| row.get(0))
    })
    .await
}

/// One which hangs has thousands of items at the front of the queue; each would take a
/// minute.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_endpoint_does_not_hold_up_another() -> anyhow::Result<()> {
    let world = World::new(vec![Behaviour::ok()]).await?;
    let dead = Endpoint::start(Behaviour::Hang);
    put_many(&world.db, 20_000, &delivery(&dead.url(), 120_000)).await?;
    let last = put(&world.db, "last", delivery(&world.endpoint.url(), 1_000)).await;
    let _daemon = world.setup(&world.routine(""), "").start();
    dead.wait_for(1).await;
    // Behind all the others, and delivered before any of them has come to an end.
    world.endpoint.wait_for(1).await;
    let sql = "select state = 'done' from hearken.items where id = $1";
    until("the other item to be done", || async {
        let row = world.db.client.query_one(sql, &[&last]).await.expect("an item");
        row.get::<_, bool>(0).then_some(())
    })
    .await;
    assert!(dead.received().len() <= 8, "no more than `per_endpoint` at once");
    assert_eq!(world.db.count("select from hearken.deliveries where outcome <> 'delivered'").await?, 0);
    // None of those which were sent away has used up an attempt.
    let sql = "select from hearken.inbox_items where state <> 'leased' and attempt > 0 and state <> 'done'";
    assert_eq!(world.db.count(sql).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_which_fails_is_paused_tried_and_used_again() -> anyhow::Result<()> {
    let world = World::new(vec![Behaviour::status(500)]).await?;
    let retries: Vec<u64> = vec![1_000; 20];
    let webhook = json!({ "to": { "url": world.endpoint.url() }, "timeout_ms": 5_000, "retry_ms": retries });
    put_many(&world.db, 30, &webhook).await?;
    let lines = "per_endpoint = 1\npause_after = 3\npause_first = \"1s\"\npause_max = \"2s\"\n";
    let daemon = world.setup(&world.routine(""), lines).start();
    daemon.says("an endpoint failed several times in a row, and is paused").await;
    // A trial after the pause fails, and the pause is longer.
    until("a second pause", || async {
        let sql = "select failures from hearken.endpoints where failures >= 5";
        world.db.client.query_opt(sql, &[]).await.expect("endpoints")
    })
    .await;
    // Three failures, and then one for each pause: nothing else went out.
    let (sent, failures) = (world.endpoint.received().len(), endpoint_state(&world.db, "paused").await);
    assert!(sent <= usize::try_from(failures)? + 1, "{sent} requests, and {failures} failures in a row");
    let log_of_pauses = "select from hearken.deliveries where outcome = 'paused'";
    assert!(world.db.count(log_of_pauses).await? >= 2);
    let told = "select last_status, last_error from hearken.endpoints";
    let row = world.db.client.query_one(told, &[]).await?;
    assert_eq!(row.get::<_, Option<i32>>(0), Some(500));
    assert!(row.get::<_, String>(1).contains("500"));

    world.endpoint.change(Behaviour::ok());
    endpoint_state(&world.db, "active").await;
    until("all to be delivered", || async {
        let open = world.db.count("select from hearken.items where state <> 'done'").await.expect("a count");
        (open == 0).then_some(())
    })
    .await;
    let sql = "select from hearken.endpoints \
               where failures = 0 and paused_until is null and last_success_at is not null";
    assert_eq!(world.db.count(sql).await?, 1);
    // Being sent away is no attempt: what was tried often was tried in vain.
    let sql = "select coalesce(max(attempt), 0) from hearken.items";
    let most: i32 = world.db.client.query_one(sql, &[]).await?.get(0);
    assert!(most <= failures + 2, "{most} attempts, and {failures} failures");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_ends_by_hand() -> anyhow::Result<()> {
    let world = World::new(vec![Behaviour::status(500)]).await?;
    let lines = "per_endpoint = 1\npause_after = 1\npause_first = \"1h\"\npause_max = \"1h\"\n";
    let _daemon = world.setup(&world.routine("retry = [\"1h\"]\n"), lines).start();
    world.db.emit("test.event", json!({})).await?;
    endpoint_state(&world.db, "paused").await;
    world.item(1, "failed").await;
    world.endpoint.change(Behaviour::ok());
    let key = format!("http://127.0.0.1:{}", world.endpoint.port());
    let resume = "select hearken.resume_endpoint($1)";
    let said: String = world.db.client.query_one(resume, &[&key]).await?.get(0);
    assert_eq!(said, "resumed");
    let said: String = world.db.client.query_one(resume, &[&key]).await?.get(0);
    assert_eq!(said, "not paused");
    world.item(1, "done").await;
    Ok(())
}

/// Two deliverers know of each other's pauses.
#[tokio::test(flavor = "multi_thread")]
async fn a_pause_holds_for_every_deliverer() -> anyhow::Result<()> {
    let world = World::new(vec![Behaviour::ok()]).await?;
    let key = format!("http://127.0.0.1:{}", world.endpoint.port());
    let sql = "insert into hearken.endpoints (key, state, failures, paused_until) \
               values ($1, 'paused', 5, hearken.now() + interval '1 hour')";
    world.db.client.execute(sql, &[&key]).await?;
    let daemon = world.setup(&world.routine(""), "").start();
    world.db.emit("test.event", json!({})).await?;
    until("the item to be put off", || async {
        let sql = "select from hearken.inbox_items \
                   where state in ('waiting', 'failed') and due_at > hearken.now() + interval '30 minutes'";
        (world.db.count(sql).await.expect("a count") == 1).then_some(())
    })
    .await;
    assert!(daemon.stop().await.success());
    assert!(world.endpoint.received().is_empty());
    Ok(())
}
