//! What arrives, and what is kept of it.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_delivered_once_as_a_cloud_event() -> anyhow::Result<()> {
    let world = World::new(vec![Behaviour::ok()]).await?;
    let daemon = world.setup(&world.routine("[webhook.headers]\nx-team = \"finance\"\n"), "").start();
    let seq = world.db.emit("test.event", json!({ "n": 1, "amount": 600 })).await?;
    let item = world.item(1, "done").await;
    assert_eq!(item.result["status"], 200, "{item:?}");
    assert!(item.result["duration_ms"].is_number(), "{item:?}");

    let requests = world.endpoint.received();
    assert_eq!(requests.len(), 1);
    let request = &requests[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/hook"));
    assert_eq!(header(request, "webhook-id"), item.key);
    assert_eq!(header(request, "idempotency-key"), item.key);
    assert_eq!(header(request, "x-team"), "finance");
    assert!(header(request, "content-type").starts_with("application/cloudevents+json"));
    assert!(request.header("webhook-signature").is_none(), "there is no secret");
    let body: Value = serde_json::from_slice(&request.body)?;
    assert_eq!((&body["specversion"], &body["type"]), (&json!("1.0"), &json!("test.event")));
    assert_eq!(body["data"], json!({ "n": 1, "amount": 600 }));
    let id = "select id from hearken.events where seq = $1";
    assert_eq!(body["id"], json!(world.db.client.query_one(id, &[&seq]).await?.get::<_, String>(0)));

    assert_eq!(log(&world.db, 1).await, [(1, Some(200), "delivered".to_owned())]);
    let sql = "select url, endpoint, response, error from hearken.deliveries";
    let row = world.db.client.query_one(sql, &[]).await?;
    assert_eq!(row.get::<_, String>(0), world.endpoint.url());
    assert_eq!(row.get::<_, String>(1), format!("http://127.0.0.1:{}", world.endpoint.port()));
    assert_eq!(row.get::<_, Option<String>>(2).as_deref(), Some("said so"));
    assert_eq!(row.get::<_, Option<String>>(3), None);
    assert!(daemon.stop().await.success());
    assert_eq!(world.endpoint.received().len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn in_binary_mode_the_attributes_are_headers() -> anyhow::Result<()> {
    let world = World::new(vec![Behaviour::status(204)]).await?;
    let _daemon = world.setup(&world.routine("mode = \"binary\"\n"), "").start();
    world.db.emit("test.event", json!({ "n": 1 })).await?;
    world.item(1, "done").await;
    let requests = world.endpoint.received();
    let request = &requests[0];
    assert_eq!(header(request, "ce-type"), "test.event");
    assert_eq!(header(request, "ce-specversion"), "1.0");
    assert!(header(request, "content-type").starts_with("application/json"));
    assert_eq!(serde_json::from_slice::<Value>(&request.body)?, json!({ "n": 1 }));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_of_the_address_is_sent_and_not_written_down() -> anyhow::Result<()> {
    let world = World::new(vec![Behaviour::ok()]).await?;
    let lines = format!("url = \"{}?token=abc\"\n", world.endpoint.url());
    let _daemon = world.setup(&routine(&lines), "").start();
    world.db.emit("test.event", json!({})).await?;
    world.item(1, "done").await;
    log(&world.db, 1).await;
    assert_eq!(world.endpoint.received()[0].path, "/hook?token=abc");
    let url: String = world.db.client.query_one("select url from hearken.deliveries", &[]).await?.get(0);
    assert_eq!(url, world.endpoint.url());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_which_is_no_webhook_is_dead_and_says_why() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let sql = "insert into hearken.inbox_items (dedup_key, queue, routine, version, title) \
               values (sha256('a'), 'webhooks', 'refund', 'v', 't')";
    db.client.execute(sql, &[]).await?;
    let _daemon = setup(&db, &routine("url = \"https://example.org\"\n"), "").start();
    let item = item(&db, 1, "dead").await;
    assert!(item.error.contains("this item is no webhook: it came from routine `refund`"), "{item:?}");
    assert_eq!(log(&db, 1).await, [(1, None, "failed".to_owned())]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_without_webhooks_delivers_nothing_and_has_no_session_for_it() -> anyhow::Result<()> {
    let world = World::new(vec![Behaviour::ok()]).await?;
    // The items are there all the same, from before.
    put(&world.db, "a", delivery(&world.endpoint.url(), 1_000)).await;
    let off = world.setup(&world.routine(""), "deliver = \"off\"\n").start();
    off.leads().await;
    world.db.emit("test.event", json!({})).await?;
    world.db.items(2).await?;
    assert!(off.stop().await.success());
    assert_eq!(world.endpoint.received().len(), 0);
    let _on = world.setup(&world.routine(""), "").start();
    world.item(2, "done").await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_delivered_without_a_daemon_as_well() -> anyhow::Result<()> {
    let world = World::new(vec![Behaviour::ok(), Behaviour::status(404), Behaviour::ok()]).await?;
    for key in ["a", "b", "c"] {
        put(&world.db, key, delivery(&world.endpoint.url(), 1_000)).await;
    }
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("hearken.toml");
    std::fs::write(&config, format!("{LOCAL}deliver = \"off\"\nin_flight = 1\n"))?;
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_hearken"));
    command
        .args(["work", "--webhooks", "--once", "--config"])
        .arg(&config)
        .env("DATABASE_URL", &world.db.url);
    let output = command.output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "one item failed: {said}");
    let states = "select state from hearken.items order by id";
    let rows = world.db.client.query(states, &[]).await?;
    let states: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(states, ["done", "dead", "done"], "{said}");
    // All of it was written down before the end.
    assert_eq!(world.db.count("select from hearken.deliveries").await?, 3);
    Ok(())
}
