//! When it is tried again, and when not.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_tried_again_as_the_same_message() -> anyhow::Result<()> {
    let script = vec![Behaviour::status(503), Behaviour::Reset, Behaviour::ok()];
    let world = World::new(script).await?;
    let _daemon = world.setup(&world.routine("retry = [\"1s\", \"1s\"]\n"), "").start();
    world.db.emit("test.event", json!({ "n": 1 })).await?;
    let item = world.item(1, "done").await;
    assert_eq!(item.attempt, 3);
    let requests = world.endpoint.received();
    assert_eq!(requests.len(), 3);
    for request in &requests {
        assert_eq!(header(request, "webhook-id"), item.key);
        assert_eq!(request.body, requests[0].body);
    }
    let want = [(1, Some(503), "retried"), (2, None, "retried"), (3, Some(200), "delivered")];
    assert_eq!(log(&world.db, 3).await, want.map(|(n, status, outcome)| (n, status, outcome.to_owned())));
    let sql = "select error from hearken.deliveries where attempt = 1";
    let error: String = world.db.client.query_one(sql, &[]).await?.get(0);
    assert_eq!(error, "answered 503 Service Unavailable: said so");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_may_ask_for_a_longer_pause() -> anyhow::Result<()> {
    let script = vec![Behaviour::with_header(429, "retry-after", "3"), Behaviour::ok()];
    let world = World::new(script).await?;
    let _daemon = world.setup(&world.routine("retry = [\"1s\"]\n"), "").start();
    world.db.emit("test.event", json!({})).await?;
    world.item(1, "done").await;
    log(&world.db, 2).await;
    let sql = "select extract(epoch from max(at) - min(at))::float8 from hearken.deliveries";
    let seconds: f64 = world.db.client.query_one(sql, &[]).await?.get(0);
    assert!(seconds >= 2.9, "the second attempt came after {seconds} s");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_wanted_is_dead_at_once() -> anyhow::Result<()> {
    let script =
        vec![Behaviour::status(404), Behaviour::redirect("http://169.254.169.254/"), Behaviour::ok()];
    let world = World::new(script).await?;
    let daemon = world.setup(&world.routine("retry = [\"1s\"]\n"), "").start();
    world.db.emit("test.event", json!({ "n": 1 })).await?;
    let first = world.item(1, "dead").await;
    assert!(first.error.contains("404"), "{first:?}");
    world.db.emit("test.event", json!({ "n": 2 })).await?;
    let second = world.item(2, "dead").await;
    assert!(second.error.contains("not followed"), "{second:?}");
    assert_eq!((first.attempt, second.attempt), (1, 1));
    // They are answers of an endpoint which lives: it is not paused for them.
    assert_eq!(world.db.count("select from hearken.endpoints").await?, 0);
    assert!(daemon.stop().await.success());
    assert_eq!(world.endpoint.received().len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_last_attempt_it_is_dead_and_has_its_errors() -> anyhow::Result<()> {
    let world = World::new(vec![Behaviour::status(500)]).await?;
    let _daemon = world.setup(&world.routine("retry = [\"1s\"]\n"), "").start();
    world.db.emit("test.event", json!({})).await?;
    let item = world.item(1, "dead").await;
    assert_eq!(item.attempt, 2);
    let sql = "select jsonb_array_length(errors) from hearken.items";
    assert_eq!(world.db.client.query_one(sql, &[]).await?.get::<_, i32>(0), 2);
    let want = [(1, Some(500), "retried".to_owned()), (2, Some(500), "failed".to_owned())];
    assert_eq!(log(&world.db, 2).await, want);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_which_hangs_has_its_time_and_no_more() -> anyhow::Result<()> {
    let world = World::new(vec![Behaviour::Hang, Behaviour::ok()]).await?;
    let _daemon = world.setup(&world.routine("timeout = \"1s\"\nretry = [\"1s\"]\n"), "").start();
    world.db.emit("test.event", json!({})).await?;
    assert_eq!(world.item(1, "done").await.attempt, 2);
    log(&world.db, 2).await;
    let sql = "select error, duration_ms from hearken.deliveries where attempt = 1";
    let row = world.db.client.query_one(sql, &[]).await?;
    assert_eq!(row.get::<_, String>(0), "did not answer within 1 s");
    assert!(row.get::<_, i32>(1) >= 1_000);
    Ok(())
}
