//! Several deliverers, and one which is killed.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_of_a_deliverer_which_is_killed_is_made_by_another() -> anyhow::Result<()> {
    let world = World::new(vec![Behaviour::Hang]).await?;
    let setup = world.setup(&world.routine("timeout = \"60s\"\n"), "");
    let mut first = setup.start();
    world.db.emit("test.event", json!({ "n": 1 })).await?;
    world.endpoint.wait_for(1).await;
    first.kill();
    world.endpoint.change(Behaviour::ok());
    let _second = setup.start();
    let requests = world.endpoint.wait_for(2).await;
    assert_eq!(header(&requests[0], "webhook-id"), header(&requests[1], "webhook-id"));
    assert_eq!(requests[0].body, requests[1].body);
    let item = world.item(1, "done").await;
    assert_eq!(item.key, header(&requests[1], "webhook-id"));
    assert_eq!(item.attempt, 2, "a lease which ran out is an attempt");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn several_deliverers_deliver_each_item_once() -> anyhow::Result<()> {
    let world = World::new(vec![Behaviour::ok()]).await?;
    let setup = world.setup(&world.routine(""), "");
    let daemons = [setup.start(), setup.start(), setup.start()];
    for daemon in &daemons {
        daemon.says("webhooks are delivered").await;
    }
    world
        .db
        .client
        .batch_execute(
            "select hearken.emit('test.event', jsonb_build_object('n', n)) from generate_series(1, 300) n",
        )
        .await?;
    until("all to be delivered", || async {
        let done = world.db.count("select from hearken.items where state = 'done'").await.expect("a count");
        (done == 300).then_some(())
    })
    .await;
    let requests = world.endpoint.received();
    let ids: std::collections::BTreeSet<&str> =
        requests.iter().map(|request| header(request, "webhook-id")).collect();
    assert_eq!((requests.len(), ids.len()), (300, 300));
    for daemon in daemons {
        assert!(daemon.stop().await.success());
    }
    Ok(())
}

/// A request which is under way ends before the daemon does.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_which_stops_ends_what_is_under_way() -> anyhow::Result<()> {
    let late = Behaviour::Late(std::time::Duration::from_secs(2));
    let world = World::new(vec![late]).await?;
    let daemon = world.setup(&world.routine(""), "").start();
    world.db.emit("test.event", json!({})).await?;
    until("the item to be leased", || async {
        let leased =
            world.db.count("select from hearken.inbox_items where state = 'leased'").await.expect("a count");
        (leased == 1).then_some(())
    })
    .await;
    assert!(daemon.stop().await.success());
    let row = world.db.client.query_one("select state from hearken.items", &[]).await?;
    assert_eq!(row.get::<_, String>(0), "done");
    assert_eq!(world.db.count("select from hearken.deliveries where outcome = 'delivered'").await?, 1);
    Ok(())
}
