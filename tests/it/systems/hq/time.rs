//! What the clock brings: tasks which are overdue, series, and what is kept no longer.

use super::{WORK, begin, sound};

/// Tasks which are overdue at nine and a minute, but the fourth and the fifth.
const TASKS: &str = "\
    insert into tasks (id, tenant_id, title, status, assigned_agent_id, due_at) values
        (u('b1'), u('e1'), 'Report', 'in_progress', u('a1'), '2026-03-02T09:01:00Z'),
        (u('b2'), u('e1'), 'Plan', 'todo', u('a0'), '2026-03-02T09:01:00Z'),
        (u('b3'), u('e1'), 'Tidy', 'todo', null, '2026-03-02T09:01:00Z'),
        (u('b4'), u('e1'), 'Later', 'todo', u('a2'), '2026-03-02T09:01:30Z'),
        (u('b5'), u('e1'), 'Done', 'done', u('a1'), '2026-03-02T09:00:00Z'),
        (u('b6'), u('e2'), 'Elsewhere', 'todo', u('c1'), '2026-03-02T09:01:00Z')";

#[tokio::test(flavor = "multi_thread")]
async fn overdue_tasks_are_missed_and_all_who_should_know_are_told_once() -> anyhow::Result<()> {
    let play = begin("2026-03-02T09:00:30Z").await?;
    play.run(TASKS).await?;
    let work = "select tenant, agent, kind, title, key from work where kind <> 'task_assigned' order by key";
    let audit = "select t.name, l.actor_type, l.action, l.summary from audit_log l \
                 join tenants t on t.id = l.tenant_id order by l.summary";
    let told = "select tenant, kind, title from told order by title collate \"C\"";
    play.at("2026-03-02T09:01:00Z").await?;
    play.expect(
        "select title, status::text from tasks order by id",
        &[
            "Report | missed",
            "Plan | missed",
            "Tidy | missed",
            "Later | todo",
            "Done | done",
            "Elsewhere | missed",
        ],
    )
    .await?;
    let first = [
        "one | meg | task_escalated | Ann missed: Report | task:b1:escalated:a0",
        "one | ann | task_missed | Overdue: Report | task:b1:missed:a1",
        "one | meg | task_missed | Overdue: Plan | task:b2:missed:a0",
        "two | ann | task_missed | Overdue: Elsewhere | task:b6:missed:c1",
    ];
    play.expect(work, &first).await?;
    play.expect(
        audit,
        &[
            "one | system | task.missed | Ann missed Report",
            "two | system | task.missed | Ann of two missed Elsewhere",
            "one | system | task.missed | Meg missed Plan",
            "one | system | task.missed | Nobody did Tidy",
        ],
    )
    .await?;
    play.expect(
        told,
        &[
            "one | task.missed | Overdue, and nobody's: Tidy",
            "two | task.missed | Overdue: Elsewhere",
            "one | task.missed | Overdue: Plan",
            "one | task.missed | Overdue: Report",
        ],
    )
    .await?;

    // A minute later there is one more, and the others are not told again.
    play.at("2026-03-02T09:02:00Z").await?;
    play.expect(
        work,
        &[
            first[0],
            first[1],
            first[2],
            "one | meg | task_escalated | Ben missed: Later | task:b4:escalated:a0",
            "one | ben | task_missed | Overdue: Later | task:b4:missed:a2",
            first[3],
        ],
    )
    .await?;
    sound(&play).await?;
    play.expect("select count(*) from audit_log", &["5"]).await?;
    play.expect("select count(*) from told", &["5"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn series_make_their_tasks_and_agents_are_told_of_them() -> anyhow::Result<()> {
    let play = begin("2026-03-27T07:59:30Z").await?;
    // Nine in Berlin is eight in UTC, and seven from the 29th on.
    play.run(
        "insert into task_series (id, tenant_id, title, assigned_agent_id, priority, model_override,
                                  recurrence, timezone, next_occurrence_at, due_after, is_active)
         values (u('d1'), u('e1'), 'Stand-up', u('a1'), 2, 'small',
                 '1 day', 'Europe/Berlin', '2026-03-27T08:00:00Z', '1 hour', true),
                (u('d2'), u('e2'), 'Accounts', null, 0, null,
                 '1 month', 'UTC', '2026-04-01T09:00:00Z', null, true),
                (u('d3'), u('e1'), 'Asleep', null, 0, null,
                 '1 day', 'UTC', '2026-03-27T08:00:00Z', null, false)",
    )
    .await?;
    let tasks = "select title, status::text, model_override, \
                 to_char(occurrence_at at time zone 'UTC', 'MM-DD HH24:MI'), \
                 to_char(due_at at time zone 'UTC', 'MM-DD HH24:MI') from tasks order by occurrence_at";
    play.at("2026-03-27T08:00:00Z").await?;
    play.expect(tasks, &["Stand-up | todo | small | 03-27 08:00 | 03-27 09:00"]).await?;
    play.expect(
        "select agent, kind, title, priority, context ->> 'model_override' from work",
        &["ann | task_assigned | Task: Stand-up | 2 | small"],
    )
    .await?;
    play.at("2026-03-27T08:01:00Z").await?;
    sound(&play).await?;
    play.expect("select count(*) from tasks", &["1"]).await?;

    // After a weekend without anybody there is one task, of Monday.
    play.at("2026-03-30T07:00:00Z").await?;
    play.expect(
        tasks,
        &[
            "Stand-up | missed | small | 03-27 08:00 | 03-27 09:00",
            "Stand-up | todo | small | 03-30 07:00 | 03-30 08:00",
        ],
    )
    .await?;
    play.expect(
        "select title, to_char(next_occurrence_at at time zone 'UTC', 'MM-DD HH24:MI') \
         from task_series order by id",
        &["Stand-up | 03-31 07:00", "Accounts | 04-01 09:00", "Asleep | 03-27 08:00"],
    )
    .await?;
    sound(&play).await
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_and_logs_keep_what_they_should_and_no_more() -> anyhow::Result<()> {
    let play = begin("2026-03-02T09:05:00Z").await?;
    play.run(
        "insert into hq_plugins (id, tenant_id, slug) values (u('d1'), u('e1'), 'digest');
         insert into hq_plugin_events (tenant_id, plugin_id, hook, status, created_at)
         values (u('e1'), u('d1'), 'old', 'success', '2026-01-31T00:00:00Z'),
                (u('e1'), u('d1'), 'young', 'timeout', '2026-02-10T00:00:00Z');
         insert into hq_plugin_event_queue (tenant_id, event_type, entity_id, payload, processed, created_at)
         values (u('e1'), 'x.old', u('b1'), '{\"new\": {}}', true, '2026-03-02T08:00:00Z'),
                (u('e1'), 'x.young', u('b1'), '{\"new\": {}}', true, '2026-03-02T08:30:00Z')",
    )
    .await?;
    let queue = "select event_type from hq_plugin_event_queue where event_type like 'x.%' order by id";
    let log = "select hook from hq_plugin_events order by id";
    play.at("2026-03-02T09:10:00Z").await?;
    play.expect(queue, &["x.young"]).await?;
    play.expect(log, &["old", "young"]).await?;
    play.at("2026-03-02T09:40:00Z").await?;
    play.expect(queue, &[]).await?;
    play.at("2026-03-03T03:20:00Z").await?;
    play.expect(log, &["young"]).await?;
    sound(&play).await?;
    play.expect(WORK, &[]).await
}
