//! What a role of its own may not do, or does not see.

use super::ground::Ground;

/// Ground with a role which may do what it has to, and its name. Roles belong to the
/// whole cluster, so that each has the name of its database.
pub(super) async fn with_role() -> anyhow::Result<(Ground, String)> {
    let ground = Ground::sound().await?;
    let role = format!("checker_{}", ground.db.name);
    let grants = format!(
        "create role {role} login; \
         grant usage on schema hearken to {role}; \
         grant select on hearken.sources to {role}; \
         grant select, update (processed) on queue to {role}; \
         grant select, insert (tenant_id, agent_id, kind, title, status, priority, context, dedup_key) \
             on items to {role}; \
         grant select on agents to {role}"
    );
    ground.db.client.batch_execute(&grants).await?;
    Ok((ground, role))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_with_just_its_rights_has_no_findings() -> anyhow::Result<()> {
    let (ground, role) = with_role().await?;
    ground.as_role(&role).fits();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_is_granted_by_what_is_printed() -> anyhow::Result<()> {
    let (ground, role) = with_role().await?;
    for (fault, mend) in [
        ("update (processed) on queue", "grant update (\"processed\") on \"public\".\"queue\""),
        ("select on queue", "grant select on \"public\".\"queue\""),
        (
            "insert on items",
            "grant insert (\"tenant_id\", \"agent_id\", \"kind\", \"title\", \"status\", \"priority\", \
             \"context\", \"dedup_key\") on \"public\".\"items\"",
        ),
    ] {
        ground.db.client.batch_execute(&format!("revoke {fault} from {role}")).await?;
        let variant = ground.as_role(&role);
        variant.finds("error", "has not all rights on", Some(&format!("{mend} to {role}")));
        variant.mend().await?;
        variant.fits();
    }
    Ok(())
}

/// What no routine does needs no right; what one does needs no more than that.
#[tokio::test(flavor = "multi_thread")]
async fn rows_are_changed_only_as_routines_ask() -> anyhow::Result<()> {
    let (ground, role) = with_role().await?;
    let flow = "[flow]\nsupersede = { key = [\"data.team\", \"row.agent\"] }\n[each]";
    let variant = ground.with_routine("[each]", flow).for_role(&role);
    let mend = format!("grant update (\"status\") on \"public\".\"items\" to {role}");
    variant.finds("error", "has not all rights on `public.items`: update", Some(&mend));
    variant.mend().await?;
    variant.fits();
    Ok(())
}

/// A right would not help: nobody sets such a column.
#[tokio::test(flavor = "multi_thread")]
async fn no_right_is_asked_for_a_column_which_cannot_be_set() -> anyhow::Result<()> {
    let (ground, role) = with_role().await?;
    for (column, why) in [("title_size", "is computed"), ("id", "is `generated always as identity`")] {
        let variant = ground.with_routine("priority = 7", &format!("{column} = 7")).for_role(&role);
        variant.finds("error", &format!("the column `{column}` of `public.items` {why}"), None);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hides_the_tables_of_hearken_is_told_apart() -> anyhow::Result<()> {
    let (ground, role) = with_role().await?;
    let client = &ground.db.client;
    let variant = ground.as_role(&role);
    for (fault, says) in [
        ("select on hearken.sources", "may not read `hearken.sources`"),
        ("usage on schema hearken", "may not look into the schema `hearken`"),
    ] {
        client.batch_execute(&format!("revoke {fault} from {role}")).await?;
        variant.finds("warning", says, Some(&format!("grant {fault} to {role}")));
        variant.mend().await?;
        variant.fits();
    }
    client.batch_execute("drop schema hearken cascade").await?;
    ground.finds("warning", "there is no schema `hearken` in this database", None);
    client.batch_execute("create schema hearken").await?;
    ground.finds("warning", "the schema `hearken` has not its tables yet", None);
    assert_eq!(ground.found()[0]["help"], "run `hearken migrate`");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_query_of_pressure_needs_its_rights() -> anyhow::Result<()> {
    let (ground, role) = with_role().await?;
    ground.db.client.batch_execute("create table load (high boolean)").await?;
    let pressure = "\n[pressure]\nsql = \"select high from public.load\"\n";
    let variant = ground.with_more_settings(pressure).for_role(&role);
    variant.finds("error", "`sql` of [pressure] does not fit: permission denied for table load", None);
    ground.db.client.batch_execute(&format!("grant select on load to {role}")).await?;
    variant.fits();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_which_is_closed_is_opened() -> anyhow::Result<()> {
    let (ground, role) = with_role().await?;
    ground.db.client.batch_execute("create schema app; alter table queue set schema app").await?;
    let closed = ground.with_settings("public.queue", "app.queue");
    closed.fits();
    // The same settings as another role.
    let closed = closed.for_role(&role);
    closed.finds(
        "error",
        "may not look into the schema `app`",
        Some(&format!("grant usage on schema \"app\" to {role}")),
    );
    closed.mend().await?;
    closed.fits();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sequence_of_a_default_is_opened() -> anyhow::Result<()> {
    let (ground, role) = with_role().await?;
    let fault = "create sequence place; alter table items add column place bigint default nextval('place')";
    ground.db.client.batch_execute(fault).await?;
    let variant = ground.as_role(&role);
    variant.finds(
        "error",
        "may not use public.place, for a default of `public.items`",
        Some(&format!("grant usage on sequence public.place to {role}")),
    );
    variant.mend().await?;
    variant.fits();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_which_a_policy_hides_are_said_so() -> anyhow::Result<()> {
    for (table, deeds) in [("queue", "select and update"), ("items", "insert and select")] {
        let (ground, role) = with_role().await?;
        let client = &ground.db.client;
        client.batch_execute(&format!("alter table {table} enable row level security")).await?;
        // Its owner, and a superuser, see all.
        ground.fits();
        let variant = ground.as_role(&role);
        let says = format!("no policy lets {role} {deeds} any row of `public.{table}`");
        let mend = format!(
            "create policy hearken on \"public\".\"{table}\" to {role} using (true) with check (true)"
        );
        variant.finds("error", &says, Some(&mend));
        client
            .batch_execute(&format!("create policy own on {table} using (tenant_id = current_user)"))
            .await?;
        let says = format!("on `public.{table}` lets {role} {deeds} only such rows as `own` allow");
        variant.finds("warning", &says, Some(&mend));
        variant.mend().await?;
        variant.fits();
        client
            .batch_execute(&format!(
                "create policy narrow on {table} as restrictive using (tenant_id <> 'x')"
            ))
            .await?;
        variant.finds("warning", "only such rows as", Some(&format!("alter role {role} bypassrls")));
        variant.mend().await?;
        variant.fits();
    }
    Ok(())
}
