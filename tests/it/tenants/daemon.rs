//! The daemon works on, as an ordinary role and under the policies.

use super::world::{World, count, refused, text, titles};
use crate::support::daemon::{EVERY, Setup};
use crate::support::until;

/// Even its own policies bind the owner.
const FORCED: &str = "\
    do $$ declare t text; begin \
        foreach t in array array['inbox_items', 'events', 'held', 'held_parts', 'decisions', 'dead_letters', \
                                 'source_keys', 'foreign_items'] loop \
            execute format('alter table hearken.%I force row level security', t); \
        end loop; \
    end $$";

/// What makes an item blocked, until it is gone.
const OBSTACLE: &str = "\
    create function public.refuse() returns trigger language plpgsql as $$ begin \
        if new.title = 'event 13' then raise exception 'no grant' using errcode = '42501'; end if; \
        return new; end $$; \
    create trigger refuse before insert on hearken.inbox_items for each row execute function public.refuse()";

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_works_under_the_policies() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.owner("select hearken.enable_tenants(daemon_roles => '{hearken_daemon}')").await?;
    world.owner(FORCED).await?;
    world.postgres.batch_execute(OBSTACLE).await?;
    let setup = Setup::new(&world.url("hearken_daemon"), &[("every", EVERY)]);
    let daemon = setup.start();
    daemon.leads().await;

    let (a, b) = (world.writer("writer_a", "('a')").await?, world.writer("writer_b", "('b')").await?);
    for (writer, tenant, n) in [(&a, "a", 1), (&b, "b", 2), (&a, "a", 13)] {
        let emit = format!("select hearken.emit('test.event', '{{\"n\": {n}}}', tenant => '{tenant}')");
        writer.query_one(&emit, &[]).await?;
    }
    let blocked = "select from hearken.dead_letters where kind = 'blocked'";
    until("two items and a letter", || async {
        let items = titles(&world.postgres).await.ok()?;
        (items == "event 1 event 2" && count(&world.postgres, blocked).await.ok()? == 1).then_some(())
    })
    .await;

    // A worker of tenant a holds an item and dies; the daemon takes it back, whatever
    // the worker of tenant b does.
    let worker = world.worker("a", "(null, 'a')").await?;
    let other = world.worker("b", "(null, 'b')").await?;
    let leased = worker.query_one("select title from hearken.lease('w', '{q}', 9, '5 seconds')", &[]).await?;
    assert_eq!(leased.get::<_, &str>(0), "event 1");
    assert_eq!(count(&other, "select from hearken.lease('w', '{q}', 9)").await?, 1);
    let state = "(select state from hearken.inbox_items where title = 'event 1')";
    until("the lease to come back", || async {
        (text(&world.postgres, state).await.ok()? == "failed").then_some(())
    })
    .await;

    // What was blocked is tried again at the next start.
    assert!(daemon.stop().await.success());
    world.postgres.batch_execute("drop trigger refuse on hearken.inbox_items").await?;
    let daemon = setup.start();
    until("the letter to be redriven", || async {
        (titles(&world.postgres).await.ok()? == "event 1 event 13 event 2").then_some(())
    })
    .await;
    assert_eq!(titles(&worker).await?, "event 1 event 13");
    assert!(daemon.stop().await.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_enabled_twice_and_disabled() -> anyhow::Result<()> {
    let world = World::enabled().await?;
    let worker = world.worker("a", "(null, 'a')").await?;
    let policies = "select from pg_policy where polname like 'hearken\\_%'";
    let before = count(&world.postgres, policies).await?;
    world.owner("select hearken.enable_tenants()").await?;
    assert_eq!(count(&world.postgres, policies).await?, before);
    assert_eq!(titles(&worker).await?, "a1 a2 a3");
    refused(&worker, "select hearken.disable_tenants()", "42501").await;
    refused(&worker, "select hearken.enable_tenants(operator_roles => '{a}')", "42501").await;
    refused(&worker, "insert into hearken.worker_roles (role_name) values ('a')", "42501").await;

    world.owner("select hearken.enable_tenants(operator_roles => '{a}')").await?;
    assert_eq!(titles(&worker).await?.split(' ').count(), 9, "operators see all");

    world.owner("select hearken.disable_tenants(); select hearken.disable_tenants()").await?;
    assert_eq!(count(&world.postgres, policies).await?, 0);
    let bound = "select from pg_class where relnamespace = 'hearken'::regnamespace and relrowsecurity \
                 and relname not in ('worker_roles', 'writer_roles')";
    assert_eq!(count(&world.postgres, bound).await?, 0);
    let nobody = world.worker("nobody", "").await?;
    assert_eq!(titles(&nobody).await?.split(' ').count(), 9, "as before");
    assert_eq!(count(&nobody, "select from hearken.lease('w', '{q,p}', 99)").await?, 9);
    Ok(())
}

/// A policy of the operator's own is left alone, and row security with it.
#[tokio::test(flavor = "multi_thread")]
async fn policies_of_others_stay() -> anyhow::Result<()> {
    let world = World::enabled().await?;
    world.owner("create policy mine on hearken.inbox_items for select using (queue = 'p')").await?;
    world.owner("select hearken.disable_tenants()").await?;
    let nobody = world.worker("nobody", "").await?;
    assert_eq!(titles(&nobody).await?, "a3 b3 none3");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_way_of_enabling_is_said() -> anyhow::Result<()> {
    let world = World::new().await?;
    let other = world.connect("postgres").await?;
    other.batch_execute("begin; lock table hearken.decisions in row exclusive mode").await?;
    refused(&world.postgres, "select hearken.enable_tenants()", "55P03").await;
    refused(&world.postgres, "select hearken.enable_tenants(claim => 'a..b')", "22023").await;
    other.batch_execute("rollback").await?;
    assert_eq!(count(&world.postgres, "select from pg_policy where polname like 'hearken\\_%'").await?, 0);
    world.postgres.batch_execute("select hearken.enable_tenants()").await?;
    Ok(())
}
