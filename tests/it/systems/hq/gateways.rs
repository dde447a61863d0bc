//! Gateways lease the commands which are theirs, plugins get the events which they
//! want, and secrets stay where they are.

use super::{SEED, begin, sound};
use crate::systems::play::Play;
use std::path::Path;
use std::process::Command;

/// Generates the functions by which an inbox is leased from.
#[track_caller]
fn protocol(play: &Play, inbox: &str) {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("routines/systems/hq/hearken.toml");
    let output = Command::new(env!("CARGO_BIN_EXE_hearken"))
        .args(["protocol", inbox, "--config"])
        .arg(&config)
        .env("DATABASE_URL", &play.db.url)
        .env_remove("HEARKEN_CONFIG")
        .output()
        .expect("a command");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

const COMMANDS: &str = "select g.name, c.kind, short(c.dedup_key), c.status::text from agent_commands c \
                        join gateways g on g.id = c.gateway_id order by g.name, c.kind, c.status";

#[tokio::test(flavor = "multi_thread")]
async fn gateways_lease_their_own_commands() -> anyhow::Result<()> {
    let play = begin("2026-03-02T08:00:00Z").await?;
    protocol(&play, "commands");
    play.run(
        "insert into agents (id, tenant_id, gateway_id, slug, name, model)
         values (u('a3'), u('e1'), u('91'), 'kim', 'Kim', 'large'),
                (u('a4'), u('e1'), null, 'lee', 'Lee', null);
         insert into secrets (tenant_id, gateway_id, key, encrypted_value)
         values (u('e1'), u('91'), 'TOKEN', 'enc:v1:aaaa'), (u('e1'), u('91'), 'OTHER', 'enc:v1:bbbb'),
                (u('e1'), u('92'), 'TOKEN', 'enc:v1:cccc')",
    )
    .await?;
    let first = [
        "g1 | provision_agent | agent:a3:provision:91 | pending",
        "g1 | sync_secrets | gateway:91:sync_secrets | pending",
        "g2 | sync_secrets | gateway:92:sync_secrets | pending",
    ];
    play.expect(COMMANDS, &first).await?;
    sound(&play).await?;
    play.expect(COMMANDS, &first).await?;
    play.expect(
        "select payload ->> 'slug', payload ->> 'model' from agent_commands where kind = 'provision_agent'",
        &["kim | large"],
    )
    .await?;

    // The defaults of the table go by the real clock, which is not that of this test.
    play.run("update agent_commands set available_at = '2026-03-02T08:00:00Z'").await?;
    // Each gateway has its own, and whoever comes second to one has nothing.
    let lease = |worker: &str, gateway: &str| {
        format!(
            "select c.kind from hearken.commands_lease('{worker}', array[u('{gateway}')], 10) c \
             order by c.kind"
        )
    };
    assert_eq!(play.rows(&lease("runner-1", "91")).await?, ["provision_agent", "sync_secrets"]);
    assert!(play.rows(&lease("runner-2", "91")).await?.is_empty());
    assert_eq!(play.rows(&lease("runner-2", "92")).await?, ["sync_secrets"]);

    // A secret changes while its gateway reads: one more command follows this one.
    play.run(
        "update secrets set encrypted_value = 'enc:v1:dddd'
         where gateway_id = u('91') and key = 'TOKEN'",
    )
    .await?;
    play.quiet().await?;
    play.expect("select count(*) from agent_commands", &["3"]).await?;
    let complete = "select hearken.commands_complete(id, lease_token) from agent_commands \
                    where status = 'leased'";
    assert_eq!(play.rows(complete).await?, ["done", "done", "done"]);
    play.expect(
        COMMANDS,
        &[
            "g1 | provision_agent | agent:a3:provision:91 | completed",
            "g1 | sync_secrets | gateway:91:sync_secrets | pending",
            "g1 | sync_secrets | gateway:91:sync_secrets | completed",
            "g2 | sync_secrets | gateway:92:sync_secrets | completed",
        ],
    )
    .await?;
    sound(&play).await
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_lease_their_own_items() -> anyhow::Result<()> {
    let play = begin("2026-03-02T08:00:00Z").await?;
    protocol(&play, "agents");
    play.run(
        "insert into tasks (id, tenant_id, title, assigned_agent_id, priority)
         values (u('b1'), u('e1'), 'Second', u('a1'), 1), (u('b2'), u('e1'), 'First', u('a1'), 5),
                (u('b3'), u('e1'), 'Of Ben', u('a2'), 9)",
    )
    .await?;
    play.expect("select count(*) from work where status = 'pending'", &["3"]).await?;
    play.run("update agent_inbox_items set scheduled_for = '2026-03-02T08:00:00Z'").await?;
    let lease = "select i.title from hearken.agents_lease('dispatcher', array[u('a1')], 1) i";
    assert_eq!(play.rows(lease).await?, ["Task: First"]);
    assert_eq!(play.rows(lease).await?, ["Task: Second"]);
    assert!(play.rows(lease).await?.is_empty());
    let complete = "select hearken.agents_complete(id, lease_token) from agent_inbox_items \
                    where status = 'leased' and title = 'Task: First'";
    assert_eq!(play.rows(complete).await?, ["done"]);
    play.expect(
        "select title, status from work order by title",
        &["Task: First | completed", "Task: Of Ben | pending", "Task: Second | leased"],
    )
    .await?;
    sound(&play).await
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_get_the_events_they_want_and_never_a_secret() -> anyhow::Result<()> {
    let plugins = "
        insert into hq_plugins (tenant_id, slug, hooks, is_enabled) values
            (u('e1'), 'digest', '{task.updated}', true), (u('e1'), 'vault', '{secret.*}', true),
            (u('e1'), 'asleep', '{task.updated,secret.created}', false),
            (u('e2'), 'foreign', '{task.updated,secret.*}', true);
        insert into tasks (id, tenant_id, title) values (u('b1'), u('e1'), 'Write');";
    let play = Play::begin_with("hq", "2026-03-02T08:00:00Z", &format!("{SEED}{plugins}")).await?;
    play.run("update tasks set title = 'Write more' where id = u('b1')").await?;
    play.run(
        "insert into secrets (tenant_id, gateway_id, key, encrypted_value)
         values (u('e1'), u('91'), 'TOKEN', 'enc:v1:aaaa');
         update secrets set encrypted_value = 'enc:v1:bbbb'",
    )
    .await?;
    let given = "select i.queue, i.title, t.name, i.context #>> '{event,title}', i.context #>> '{event,key}' \
                 from hearken.inbox_items i join tenants t on t.id::text = i.tenant order by i.title";
    let all = [
        "plugin-runner | secret.created for vault | one | - | TOKEN",
        "plugin-runner | secret.updated for vault | one | - | TOKEN",
        "plugin-runner | task.updated for digest | one | Write more | -",
    ];
    play.expect(given, &all).await?;
    sound(&play).await?;
    play.expect(given, &all).await?;
    // An update which changes nothing is no event.
    play.run("update tasks set title = title").await?;
    play.run("update secrets set sync_status = 'active'").await?;
    sound(&play).await?;
    play.expect(
        "select title, count(*) from hearken.inbox_items group by title order by title",
        &["secret.created for vault | 1", "secret.updated for vault | 2", "task.updated for digest | 1"],
    )
    .await?;

    let places = ["hq_plugin_event_queue", "hearken.events", "hearken.inbox_items", "agent_commands"];
    for place in places {
        let leaks = format!("select count(*) from {place} r where to_jsonb(r)::text like '%enc:v1:%'");
        play.expect(&leaks, &["0"]).await?;
    }
    Ok(())
}
