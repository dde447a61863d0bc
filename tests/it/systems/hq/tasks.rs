//! Tasks: given out, handed over, and freed by the last of their blockers.

use super::{WORK, begin, sound};

#[tokio::test(flavor = "multi_thread")]
async fn agents_are_told_of_tasks_which_become_theirs_or_are_taken_away() -> anyhow::Result<()> {
    let play = begin("2026-03-02T08:00:00Z").await?;
    play.run(
        "insert into tasks (id, tenant_id, title, assigned_agent_id, priority,
                            model_override, thinking_override)
         values (u('b1'), u('e1'), 'Write', u('a1'), 3, 'large', 'high'),
                (u('b2'), u('e1'), 'Read', null, 0, null, null),
                (u('b3'), u('e2'), 'Elsewhere', u('c1'), 0, null, null)",
    )
    .await?;
    let elsewhere = "two | ann | task_assigned | Task: Elsewhere | task:b3:assigned:c1";
    play.expect(WORK, &["one | ann | task_assigned | Task: Write | task:b1:assigned:a1", elsewhere]).await?;
    let context = "select context ->> 'model_override', context ->> 'thinking_override', \
                   context ->> 'due_at', short(context ->> 'task_id'), priority from work order by key";
    play.expect(context, &["large | high | - | b1 | 3", "- | - | - | b3 | 0"]).await?;

    // Whose it is already is not told again; what was nobody's is somebody's now.
    play.run("update tasks set title = 'Write more' where id = u('b1')").await?;
    play.run("update tasks set assigned_agent_id = u('a1') where id = u('b2')").await?;
    let before = [
        "one | ann | task_assigned | Task: Write | task:b1:assigned:a1",
        "one | ann | task_assigned | Task: Read | task:b2:assigned:a1",
        elsewhere,
    ];
    play.expect(WORK, &before).await?;

    play.run("update tasks set assigned_agent_id = u('a2') where id = u('b1')").await?;
    let handed_over = [
        "one | ann | task_assigned | Task: Write | task:b1:assigned:a1",
        "one | ben | task_assigned | Task: Write more | task:b1:assigned:a2",
        "one | ann | task_unassigned | No longer yours: Write more | task:b1:unassigned:a1",
        "one | ann | task_assigned | Task: Read | task:b2:assigned:a1",
        elsewhere,
    ];
    play.expect(WORK, &handed_over).await?;
    sound(&play).await?;
    play.expect(WORK, &handed_over).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_is_not_asked_for_twice_and_what_is_done_may_be() -> anyhow::Result<()> {
    let play = begin("2026-03-02T08:00:00Z").await?;
    play.run(
        "insert into tasks (id, tenant_id, title, assigned_agent_id)
         values (u('b1'), u('e1'), 'Write', u('a1'))",
    )
    .await?;
    let keys = "select key, status from work order by key, status";
    play.expect(keys, &["task:b1:assigned:a1 | pending"]).await?;
    play.run("update tasks set assigned_agent_id = u('a2') where id = u('b1')").await?;
    play.run("update tasks set assigned_agent_id = u('a1') where id = u('b1')").await?;
    let both = [
        "task:b1:assigned:a1 | pending",
        "task:b1:assigned:a2 | pending",
        "task:b1:unassigned:a1 | pending",
        "task:b1:unassigned:a2 | pending",
    ];
    play.expect(keys, &both).await?;
    sound(&play).await?;
    play.expect(keys, &both).await?;

    play.run("update agent_inbox_items set status = 'completed'").await?;
    play.run("update tasks set assigned_agent_id = u('a2') where id = u('b1')").await?;
    let pending = "select key from work where status = 'pending' order by key";
    play.expect(pending, &["task:b1:assigned:a2", "task:b1:unassigned:a1"]).await?;
    sound(&play).await?;
    play.expect("select count(*) from work", &["6"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_blocker_frees_a_task_and_no_other_does() -> anyhow::Result<()> {
    let play = begin("2026-03-02T08:00:00Z").await?;
    // Ship waits for two, written down from either side; Print waits for two others.
    play.run(
        "insert into tasks (id, tenant_id, title, assigned_agent_id, model_override)
         values (u('b1'), u('e1'), 'Ship', u('a1'), 'large'), (u('b2'), u('e1'), 'Build', null, null),
                (u('b3'), u('e1'), 'Test', null, null), (u('b4'), u('e1'), 'Print', u('a2'), null),
                (u('b5'), u('e1'), 'Draw', null, null), (u('b6'), u('e1'), 'Set', null, null),
                (u('b7'), u('e1'), 'Of nobody', null, null);
         insert into task_relations (tenant_id, task_id, related_task_id, relation_type)
         values (u('e1'), u('b1'), u('b2'), 'blocked_by'), (u('e1'), u('b3'), u('b1'), 'blocks'),
                (u('e1'), u('b1'), u('b5'), 'relates_to'), (u('e1'), u('b7'), u('b3'), 'blocked_by'),
                (u('e1'), u('b4'), u('b5'), 'blocked_by'), (u('e1'), u('b4'), u('b6'), 'blocked_by')",
    )
    .await?;
    let freed = "select agent, title, key, context ->> 'model_override' from work \
                 where kind = 'blocker_resolved' order by key";
    play.run("update tasks set status = 'done' where id = u('b2')").await?;
    sound(&play).await?;
    play.expect(freed, &[]).await?;

    let ship = "ann | Free to go on: Ship | task:b1:unblocked:a1 | large";
    play.run("update tasks set status = 'cancelled' where id = u('b3')").await?;
    play.expect(freed, &[ship]).await?;

    // Two at once, and one which ends a second time: an item is open already.
    play.run("update tasks set status = 'done' where id in (u('b5'), u('b6'))").await?;
    play.run("update tasks set status = 'in_progress' where id = u('b3')").await?;
    play.run("update tasks set status = 'done' where id = u('b3')").await?;
    let both = [ship, "ben | Free to go on: Print | task:b4:unblocked:a2 | -"];
    play.expect(freed, &both).await?;
    sound(&play).await?;
    play.expect(freed, &both).await
}
