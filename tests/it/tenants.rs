//! Tenants: what a role may see and work on, in the functions as in plain SQL.

mod claims;
mod daemon;
pub mod world;

use self::world::{World, count, refused, text, titles};

/// What a worker of one tenant must not do to an item of another, by its number and
/// its token.
const ANSWERS: &[(&str, &str)] = &[
    ("hearken.extend({id}, {token})", "stale"),
    ("hearken.complete({id}, {token})", "stale"),
    ("hearken.fail({id}, {token})", "stale"),
    ("hearken.release({id}, {token})", "stale"),
    ("coalesce(hearken.chain_of_lease('{id}:{token}')::text, 'none')", "none"),
    ("(select count(*)::text from hearken.inbox_items where id = {id})", "0"),
    ("(select count(*)::text from hearken.inbox_items where tenant = 'b' or tenant is null)", "0"),
    ("(select count(*)::text from hearken.lease('w', '{q,p}', 9))", "3"),
    // When a lease of its own ends.
    ("(hearken.next_due('{q,p}') = (select min(i.lease_until) from hearken.inbox_items i))::text", "true"),
];

/// What changes no row of another tenant.
const UPDATES: &[&str] = &[
    "update hearken.inbox_items set state = 'dead', lease_until = null where id = {id}",
    "update hearken.inbox_items set error = 'mine now' where id = {id} returning title",
    "select from hearken.inbox_items where id = {id} for update",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_neither_sees_nor_changes_what_is_another_tenants() -> anyhow::Result<()> {
    let world = World::enabled().await?;
    let a = world.worker("a", "(null, 'a')").await?;
    let b = world.worker("b", "(null, 'b')").await?;
    let row = b.query_one("select id, token from hearken.lease('w', '{q}')", &[]).await?;
    let (id, token): (i64, i64) = (row.get(0), row.get(1));
    let filled = |sql: &str| sql.replace("{id}", &id.to_string()).replace("{token}", &token.to_string());

    for (call, want) in ANSWERS {
        assert_eq!(text(&a, &filled(call)).await?, *want, "{call}");
    }
    for sql in UPDATES {
        assert_eq!(a.execute(&filled(sql), &[]).await?, 0, "{sql}");
    }
    assert_eq!(text(&b, &filled("hearken.complete({id}, {token})")).await?, "done", "its own worker may");
    Ok(())
}

/// With all the grants of an operator, and no more sight than its tenant: what
/// operators do is done to nobody else's either.
#[tokio::test(flavor = "multi_thread")]
async fn more_grants_do_not_give_more_sight() -> anyhow::Result<()> {
    let world = World::enabled().await?;
    let a = world.worker("a", "(null, 'a')").await?;
    let postgres = &world.postgres;
    postgres
        .batch_execute(
            "grant select on all tables in schema hearken to a; \
             grant update, delete on hearken.inbox_items, hearken.held to a; \
             grant insert on hearken.inbox_items, hearken.decisions to a; \
             grant delete on hearken.dedup_keys to a; grant select on hearken.history to a; \
             grant execute on function hearken.retry_from_history(bigint) to a; \
             update hearken.inbox_items set state = 'done' where title = 'b1'; \
             insert into hearken.held \
                 (id, event_seq, due_at, phase, gate, routine, version, item, queue, tenant, dedup_key, draft, request) \
                 values (99, 1, hearken.now(), 'queued', 'dedup', 'r', 'v', 'item', 'q', 'b', sha256('h'), '{}', '{}'); \
             insert into hearken.decisions (event_seq, source, routine, outcome, reason) \
                 values (1, 'events', 'r', 'dead', 'of b'); \
             insert into hearken.dead_letters (kind, source, message) values ('failed', 'events', 'of b')",
        )
        .await?;
    let b1 = text(postgres, "(select id::text from hearken.inbox_items where title = 'b1')").await?;
    assert_eq!(text(&a, &format!("hearken.retry({b1})")).await?, "gone");
    assert_eq!(text(&a, "hearken.cancel_held(99)").await?, "gone");
    assert_eq!(text(&a, "hearken.release_held(99)").await?, "gone");
    for table in [
        "held",
        "held_parts",
        "decisions",
        "dead_letters",
        "events",
        "source_keys",
        "foreign_items",
        "history",
    ] {
        assert_eq!(count(&a, &format!("select from hearken.{table}")).await?, 0, "{table}");
    }
    assert_eq!(a.execute("delete from hearken.inbox_items", &[]).await?, 0);
    let insert = "insert into hearken.inbox_items (dedup_key, queue, routine, version, title, tenant) \
                  values (sha256('x'), 'q', 'r', 'v', 't', 'a')";
    refused(&a, insert, "42501").await;
    refused(&a, "update hearken.inbox_items set tenant = 'b'", "42501").await;
    Ok(())
}

/// A closed item and an open one of another tenant have the same key: opening the
/// first again would say so by an error.
#[tokio::test(flavor = "multi_thread")]
async fn no_error_tells_of_another_tenants_item() -> anyhow::Result<()> {
    let world = World::enabled().await?;
    let a = world.worker("a", "(null, 'a')").await?;
    world
        .postgres
        .batch_execute(
            "update hearken.inbox_items set state = 'done' where title = 'a1'; \
             update hearken.inbox_items set open_key = sha256('k') where title in ('a1', 'b1')",
        )
        .await?;
    let again = "update hearken.inbox_items set state = 'waiting' where title = 'a1'";
    assert_eq!(a.execute(again, &[]).await?, 0);
    refused(&world.postgres, again, "23505").await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_role_add_up_and_are_inherited_as_grants_are() -> anyhow::Result<()> {
    let world = World::enabled().await?;
    for (role, rows, sees) in [
        ("one", "(null, 'a')", "a1 a2 a3"),
        ("two", "(null, 'a'), (null, 'b')", "a1 a2 a3 b1 b2 b3"),
        ("queue_p", "('p', null)", "a3 b3 none3"),
        ("pair", "('p', 'a'), ('q', 'b')", "a3 b1 b2"),
        ("everything", "(null, null)", "a1 a2 a3 b1 b2 b3 none1 none2 none3"),
        ("nothing", "", ""),
    ] {
        let worker = world.worker(role, rows).await?;
        assert_eq!(titles(&worker).await?, sees, "{role}");
        let leased = count(&worker, "select from hearken.lease('w', '{q,p}', 99)").await?;
        assert_eq!(leased, sees.split_whitespace().count() as i64, "{role}");
        world
            .postgres
            .batch_execute("update hearken.inbox_items set state = 'waiting', lease_until = null")
            .await?;
        let of_others = format!("select from hearken.worker_roles where role_name <> '{role}'");
        assert_eq!(count(&worker, &of_others).await?, 0, "{role}");
    }

    world
        .postgres
        .batch_execute("create role heir login in role one; create role setter login noinherit in role one")
        .await?;
    let heir = world.connect("heir").await?;
    assert_eq!(titles(&heir).await?, "a1 a2 a3");
    let setter = world.connect("setter").await?;
    setter.batch_execute("set role one").await?;
    assert_eq!(titles(&setter).await?, "a1 a2 a3");
    // A role which is gone, and its row with it not, is in nobody's way.
    world
        .postgres
        .batch_execute("insert into hearken.worker_roles (role_name, tenant) values ('long_gone', 'b')")
        .await?;
    assert_eq!(titles(&heir).await?, "a1 a2 a3");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn among_many_tenants_the_most_urgent_comes_first() -> anyhow::Result<()> {
    let world = World::enabled().await?;
    world
        .postgres
        .batch_execute(
            "update hearken.inbox_items set priority = case title when 'b2' then 9 when 'a2' then 5 else 0 end, \
                 due_at = case title when 'a3' then hearken.now() + interval '1 hour' else due_at end",
        )
        .await?;
    let two = world.worker("two", "('q', 'a'), (null, 'b'), ('p', null)").await?;
    let mut order = Vec::new();
    for _ in 0..2 {
        let rows = two.query("select title from hearken.lease('w', '{q,p,q}', 1)", &[]).await?;
        order.extend(rows.iter().map(|row| row.get::<_, String>(0)));
    }
    assert_eq!(order, ["b2", "a2"]);
    let rest = two.query("select title from hearken.lease('w', '{p,q}', 9)", &[]).await?;
    let mut rest: Vec<String> = rest.iter().map(|row| row.get(0)).collect();
    rest.sort();
    assert_eq!(rest, ["a1", "b1", "b3", "none3"], "of two ways to one item it comes once");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_writes_events_of_its_tenants_only() -> anyhow::Result<()> {
    let world = World::enabled().await?;
    let a = world.writer("writer_a", "('a')").await?;
    let all = world.writer("writer_all", "(null)").await?;
    let none = world.writer("writer_none", "").await?;
    let emit = |tenant: &str| format!("select hearken.emit('test.event', tenant => {tenant})");
    a.query_one(&emit("'a'"), &[]).await?;
    let returned = "insert into hearken.events (type, tenant) values ('test.event', 'a') returning seq";
    a.query_one(returned, &[]).await?;
    for tenant in ["'b'", "null"] {
        refused(&a, &emit(tenant), "42501").await;
        refused(&none, &emit(tenant), "42501").await;
        all.query_one(&emit(tenant), &[]).await?;
    }
    assert_eq!(text(&a, "(select count(seq)::text from hearken.events)").await?, "2", "and sees only those");

    // What a leased item led to is for those to see who may lease it.
    let worker = world.worker("a", "(null, 'a')").await?;
    let row = worker.query_one("select id, token from hearken.lease('w', '{q}')", &[]).await?;
    let (id, token): (i64, i64) = (row.get(0), row.get(1));
    let chain = "(select coalesce(chain::text, 'none') from hearken.events order by seq desc limit 1)";
    for (member, want) in [("", "none"), ("grant a to writer_a", "{r}")] {
        world.postgres.batch_execute(member).await?;
        let under = format!("begin; select hearken.under({id}, {token}); {}; commit", emit("'a'"));
        a.batch_execute(&under).await?;
        assert_eq!(text(&world.postgres, chain).await?, want);
    }
    Ok(())
}
