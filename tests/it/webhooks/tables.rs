//! Endpoints which are rows of a table.

use super::*;
use hearken::webhook::secret::Secret;
use hearken::webhook::signature::Keys;

const TABLE: &str = "create table public.hooks (id integer primary key, address text, secret text, \
                     is_on boolean, headers jsonb)";

const DESCRIBED: &str = "[endpoint.hooks]\ntable = \"hooks\"\nid = \"id\"\nurl = \"address\"\n\
                         secret = \"secret\"\n\
                         enabled = \"is_on\"\nheaders = \"headers\"\n";

const ROUTINE: &str = "endpoint = \"hooks\"\nid = { get = \"data.hook\" }\nretry = [\"1s\"]\n";

async fn world(rows: &str) -> anyhow::Result<World> {
    let world = World::new(vec![Behaviour::ok()]).await?;
    world.db.client.batch_execute(TABLE).await?;
    let sql = rows.replace("$URL", &world.endpoint.url());
    world.db.client.batch_execute(&sql).await?;
    Ok(world)
}

fn start(world: &World) -> TestDaemon {
    world.setup(&routine(ROUTINE), DESCRIBED).start()
}

async fn tell(world: &World, hook: &str) -> anyhow::Result<()> {
    world.db.emit("test.event", json!({ "hook": hook })).await?;
    Ok(())
}

/// Whether a request is signed with this secret.
fn is_signed(request: &Received, secret: &str) -> bool {
    let keys = Keys::parse(&Secret::new(secret)).expect("a key");
    let sent_at = header(request, "webhook-timestamp").parse().expect("a time");
    let want = keys.sign(header(request, "webhook-id"), sent_at, &request.body);
    header(request, "webhook-signature") == want
}

#[tokio::test(flavor = "multi_thread")]
async fn address_secret_and_headers_are_those_of_the_row() -> anyhow::Result<()> {
    let rows = "insert into hooks values \
                (7, '$URL', 'one two', true, '{\"authorization\": \"Bearer abc\", \"x-n\": 1}')";
    let world = world(rows).await?;
    let _daemon = start(&world);
    tell(&world, "7").await?;
    world.item(1, "done").await;
    let request = &world.endpoint.received()[0];
    assert!(is_signed(request, "one two"), "both secrets sign");
    assert_eq!(header(request, "authorization"), "Bearer abc");
    assert_eq!(header(request, "x-n"), "1");
    log(&world.db, 1).await;
    let sql = "select endpoint from hearken.deliveries";
    assert_eq!(world.db.client.query_one(sql, &[]).await?.get::<_, String>(0), "hooks:7");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_secret_is_obeyed_within_seconds() -> anyhow::Result<()> {
    let world = world("insert into hooks values (7, '$URL', 'old', true)").await?;
    let _daemon = start(&world);
    tell(&world, "7").await?;
    assert!(is_signed(&world.endpoint.wait_for(1).await[0], "old"));
    world.db.client.batch_execute("update hooks set secret = 'new'").await?;
    let changed = std::time::Instant::now();
    until("a request to be signed with the new secret", || async {
        let before = world.endpoint.received().len();
        tell(&world, "7").await.expect("an event");
        let requests = world.endpoint.wait_for(before + 1).await;
        is_signed(&requests[before], "new").then_some(())
    })
    .await;
    assert!(changed.elapsed() < std::time::Duration::from_secs(30), "{:?}", changed.elapsed());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_which_is_switched_off_or_gone_gets_nothing() -> anyhow::Result<()> {
    let rows =
        "insert into hooks values (1, '$URL', null, false), (2, '$URL', null, null), (3, null, null, true)";
    let world = world(rows).await?;
    let daemon = start(&world);
    let said = [
        ("1", "the endpoint is switched off"),
        ("2", "the endpoint is switched off"),
        ("3", "has no address"),
        ("4", "there is no row 4 in the table public.hooks of [endpoint.hooks]"),
        ("x", "there is no row x"),
    ];
    for (place, (hook, why)) in said.iter().enumerate() {
        tell(&world, hook).await?;
        let item = world.item(i64::try_from(place)? + 1, "dead").await;
        assert!(item.error.contains(why), "{hook}: {item:?}");
        assert_eq!(item.attempt, 1);
    }
    assert_eq!(log(&world.db, 5).await.iter().filter(|entry| entry.2 == "failed").count(), 5);
    assert!(daemon.stop().await.success());
    assert!(world.endpoint.received().is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_which_cannot_be_read_keeps_items_waiting() -> anyhow::Result<()> {
    let world =
        world("insert into hooks values (7, '$URL', null, true); alter table hooks rename to away").await?;
    let daemon = start(&world);
    tell(&world, "7").await?;
    daemon.says("a table of endpoints cannot be read; its items wait").await;
    let sql = "select attempt from hearken.inbox_items where state in ('waiting', 'failed')";
    let attempt = until("the item to wait", || async {
        world.db.client.query_opt(sql, &[]).await.expect("an item").map(|row| row.get::<_, i32>(0))
    })
    .await;
    assert_eq!(attempt, 0, "it does not count as an attempt");
    world.db.client.batch_execute("alter table away rename to hooks").await?;
    // Nobody has to wait for the test's sake.
    world.db.client.batch_execute("update hearken.inbox_items set due_at = hearken.now()").await?;
    world.db.client.batch_execute("select hearken.ring_queue('webhooks')").await?;
    world.item(1, "done").await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_secret_is_not_signed() -> anyhow::Result<()> {
    let world = world("insert into hooks values (7, '$URL', ' ', true)").await?;
    let _daemon = start(&world);
    tell(&world, "7").await?;
    world.item(1, "done").await;
    assert!(world.endpoint.received()[0].header("webhook-signature").is_none());
    Ok(())
}
