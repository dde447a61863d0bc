//! The workspace's own table of routines: set off by changes and by the clock.

use super::{SEED, sound};
use crate::support::until;
use crate::systems::play::Play;

const ROUTINES: &str = "
insert into public.tasks (id, tenant_id, title) values
    (u('b1'), u('e1'), 'Write'), (u('b2'), u('e2'), 'Read');
insert into public.contacts (id, tenant_id, name) values (u('b3'), u('e1'), 'Customer');
insert into public.routines (id, tenant_id, agent_id, name, instructions, is_enabled, trigger_type,
                             entity_type, condition, field, value, cron, timezone) values
    (u('f1'), u('e1'), u('a0'), 'Celebrate {{ it }}', 'Write {{ kindly }}.', true, 'event',
        'task', 'changed_to', 'status', '\"done\"', null, 'UTC'),
    (u('f2'), u('e2'), u('c1'), 'Morning round', null, true, 'schedule',
        null, null, null, null, '0 11 * * *', 'Europe/Berlin'),
    (u('f3'), u('e1'), u('a1'), 'Asleep', null, false, 'event',
        'task', 'any_change', null, null, null, 'UTC');
";

const MADE: &str = "select tenant, agent, title, instructions, short(context ->> 'entity_id'), \
                    context -> 'entity' ->> 'title' from work where kind = 'routine' order by title, key";

#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_routines_is_obeyed_for_events_and_schedules() -> anyhow::Result<()> {
    let play = Play::begin_with("hq", "2026-03-02T09:59:30Z", &format!("{SEED}{ROUTINES}")).await?;
    // Of the tenant whose routine it is, and on the change which it names.
    play.run("update tasks set status = 'in_progress'").await?;
    play.run("update tasks set status = 'done'").await?;
    let party = "one | meg | Celebrate (( it )) | Write {{ kindly }}. | b1 | Write";
    play.expect(MADE, &[party]).await?;

    play.at("2026-03-02T10:00:00Z").await?;
    let round = "two | ann | Morning round | - | - | -";
    play.expect(MADE, &[party, round]).await?;
    play.expect("select key from work where title = 'Morning round'", &["routine:f2:2026-03-02T10:00:00Z"])
        .await?;
    play.at("2026-03-02T10:01:00Z").await?;
    sound(&play).await?;
    play.expect(MADE, &[party, round]).await?;

    // One is turned off and another added: in force together, so the second tells.
    play.run(
        "update routines set is_enabled = false where id = u('f1');
         insert into routines (id, tenant_id, agent_id, name, trigger_type, entity_type, condition)
         values (u('f4'), u('e1'), u('a2'), 'Look up', 'event', 'contact', 'any_change')",
    )
    .await?;
    until("the new routine to be in force", || async {
        play.run("update contacts set priority = priority + 1").await.ok()?;
        let made = play.rows("select agent from work where title = 'Look up' limit 1").await.ok()?;
        (made == ["ben"]).then_some(())
    })
    .await;
    play.run("update tasks set status = 'todo'").await?;
    play.run("update tasks set status = 'done'").await?;
    sound(&play).await?;
    play.expect("select count(*) from work where title like 'Celebrate%'", &["1"]).await
}
