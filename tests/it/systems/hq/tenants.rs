//! A person of one tenant, as the pages see them: by row-level security and a token.

use super::{begin, sound};

#[tokio::test(flavor = "multi_thread")]
async fn people_see_and_write_what_is_their_tenants() -> anyhow::Result<()> {
    let play = begin("2026-03-02T08:00:00Z").await?;
    // Roles are the cluster's: one of this database.
    let role = format!("hq_people_{}", play.db.name);
    play.run(&format!(
        "create role {role};
         grant usage on schema public to {role};
         grant select on agent_inbox_items, tasks, hq_plugin_event_queue to {role};
         grant insert on tasks to {role};
         insert into tasks (id, tenant_id, title, assigned_agent_id)
         values (u('b2'), u('e2'), 'Elsewhere', u('c1'))"
    ))
    .await?;
    let people = play.as_role(&role).await?;
    people
        .batch_execute(
            "set request.jwt.claims =
                 '{\"app_metadata\": {\"tenant_id\": \"00000000-0000-0000-0000-0000000000e1\"}}'",
        )
        .await?;
    // The queue is written to by the trigger, whatever the writer may do.
    people
        .batch_execute(
            "insert into public.tasks (id, tenant_id, title, assigned_agent_id)
             values (u('b1'), u('e1'), 'Write', u('a1'))",
        )
        .await?;
    let refused = people
        .batch_execute("insert into public.tasks (tenant_id, title) values (u('e2'), 'Not mine')")
        .await
        .expect_err("a row of another tenant");
    assert_eq!(refused.code().map(|code| code.code()), Some("42501"), "{refused}");

    let both = ["one | Task: Write", "two | Task: Elsewhere"];
    play.expect("select tenant, title from work order by key", &both).await?;
    for table in ["agent_inbox_items", "tasks"] {
        let sql = format!("select title from public.{table}");
        let seen: Vec<String> = people.query(&sql, &[]).await?.iter().map(|row| row.get(0)).collect();
        assert_eq!(seen.len(), 1, "{table}: {seen:?}");
        assert!(seen[0].ends_with("Write"), "{table}: {seen:?}");
    }
    sound(&play).await
}
