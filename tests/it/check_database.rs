//! `hearken check --database`: sound tables have no findings; each fault has its own,
//! and the SQL which is printed mends it.

mod endpoints;
mod ground;
mod roles;

use ground::Ground;

#[tokio::test(flavor = "multi_thread")]
async fn sound_tables_have_no_findings() -> anyhow::Result<()> {
    let ground = Ground::sound().await?;
    ground.fits();
    let said = ground.run(&["check", "--database"]);
    assert_eq!(
        (said.status, said.out.as_str()),
        (0, "1 routine, 1 source, 1 inbox, no problems\n"),
        "{}",
        said.err
    );
    Ok(())
}

/// Nothing of what is asked stays: not a row, not a lock which somebody would wait for.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_changed() -> anyhow::Result<()> {
    let ground = Ground::sound().await?;
    let before = ground.rows().await?;
    ground.fits();
    assert_eq!(ground.rows().await?, before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_which_is_not_there_is_said_so() -> anyhow::Result<()> {
    let ground = Ground::after("drop table queue").await?;
    ground.finds("error", "there is no table `public.queue`", None);
    let ground = Ground::after("drop table items").await?;
    ground.finds("error", "there is no table `public.items`", None);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn expressions_are_parsed_by_the_database() -> anyhow::Result<()> {
    let ground = Ground::sound().await?;
    for (right, wrong, says) in [
        ("type = \"event_type\"", "type = \"evnt_type\"", "`type` of source `plugins` does not fit"),
        ("time = \"created_at\"", "time = \"processed\"", "`time` of source `plugins` does not fit"),
        (
            "pending = \"not processed\"",
            "pending = \"payload\"",
            "`pending` of source `plugins` does not fit",
        ),
        (
            "mark = \"processed = true\"",
            "mark = \"procesed = true\"",
            "`mark` of source `plugins` does not fit",
        ),
        ("time = \"created_at\"", "time = \"event_type\"", "`time` of source `plugins` is text"),
        ("order =", "ready = \"payload->>'at'\"\norder =", "`ready` of source `plugins` is text"),
        ("order = \"created_at, id\"", "order = \"created, id\"", "`order` of source `plugins` does not fit"),
        ("data = \"payload\"", "data = \"payload->>'new'\"", "is text, in which no path leads anywhere"),
        (
            "waiting = \"status = 'pending'\"",
            "waiting = \"state = 'x'\"",
            "`waiting` of inbox `agents` does not fit",
        ),
        (
            "supersede = \"status = 'superseded'\"",
            "supersede = \"status = 5\"",
            "`supersede` of inbox `agents`",
        ),
        ("open =", "due = \"due_att\"\nopen =", "`due` names the column `due_att`"),
        ("append = [\"context\"]", "append = [\"title\"]", "only jsonb or an array collects"),
    ] {
        let level = if says.contains("is text, in which") { "warning" } else { "error" };
        ground.with_settings(right, wrong).finds(level, says, None);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_which_an_item_sets_must_be_there_and_take_it() -> anyhow::Result<()> {
    for (fault, says) in [
        ("alter table items drop column agent_id", "this item sets the column `agent_id`"),
        (
            "alter table items alter column kind type varchar(5)",
            "value too long for type character varying(5)",
        ),
        (
            "alter table items alter column priority drop default, \
             alter column priority type boolean using true",
            "7 for `priority` of `public.items`, which is `boolean`",
        ),
        ("alter table items add column owner text not null", "needs a value for `owner`"),
    ] {
        Ground::after(fault).await?.finds("error", says, None);
    }
    let ground = Ground::sound().await?;
    for (right, wrong, says) in [
        ("status = \"pending\"", "status = \"pendign\"", "invalid input value for enum item_status"),
        ("priority = 7", "title_size = 7", "the column `title_size` of `public.items` is computed"),
        ("priority = 7", "id = 7", "the column `id` of `public.items` is `generated always as identity`"),
        ("priority = 7", "prioritty = 7", "this item sets the column `prioritty`"),
    ] {
        ground.with_routine(right, wrong).finds("error", says, None);
    }
    let found = ground.with_routine("status = \"pending\"", "status = \"pendign\"").found();
    assert_eq!((&found[0]["help"], &found[0]["line"]), (&"did you mean `pending`?".into(), &14.into()));
    let found = ground.with_routine("priority = 7", "prioritty = 7").found();
    assert_eq!(found[0]["help"], "did you mean `priority`?");
    Ok(())
}

/// A trigger may fill what the item leaves out.
#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_column_is_a_warning_where_a_trigger_may_fill_it() -> anyhow::Result<()> {
    let fault = "alter table items add column owner text not null; \
                 create function fill() returns trigger language plpgsql as \
                 $$ begin new.owner = 'x'; return new; end $$; \
                 create trigger fill before insert on items for each row execute function fill()";
    Ground::after(fault).await?.finds("warning", "needs a value for `owner`", None);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_unique_index_must_be_there() -> anyhow::Result<()> {
    let says = "`public.items` has no unique index on `tenant_id` and `dedup_key`";
    let mend = "create unique index concurrently on \"public\".\"items\" (\"tenant_id\", \"dedup_key\") \
                where status in ('pending','leased')";
    let ground = Ground::after("drop index items_key").await?;
    ground.finds("error", says, Some(mend));
    ground.mend().await?;
    ground.fits();
    Ok(())
}

/// An index for other rows is there: a second one beside it is rarely what is wanted.
#[tokio::test(flavor = "multi_thread")]
async fn a_unique_index_for_other_rows_is_named_with_its_predicate() -> anyhow::Result<()> {
    let says = "`public.items` has no unique index on `tenant_id` and `dedup_key`";
    let other = "drop index items_key; \
                 create unique index items_done on items (dedup_key, tenant_id) where status = 'done'";
    let ground = Ground::after(other).await?;
    ground.finds("error", says, None);
    let found = ground.found();
    let help = found[0]["help"].as_str().expect("a help");
    let filter = "where = \"(status = 'done'::item_status)\"";
    assert!(help.contains("`items_done`") && help.contains(filter), "{help}");
    assert_eq!(found[0].get("mend"), None);
    // What is proposed fits; and so it is told where the settings have no predicate at all.
    let written = ", where = \"status in ('pending','leased')\"";
    ground.with_settings(written, &format!(", {filter}")).fits();
    let without = ground.with_settings(written, "");
    without.finds("error", says, None);
    assert_eq!(without.found()[0].get("mend"), None);
    Ok(())
}

/// The planner takes a deferrable constraint, and the insert does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_deferrable_constraint_is_not_enough() -> anyhow::Result<()> {
    let fault = "drop index items_key; \
                 alter table items add constraint items_key unique (tenant_id, dedup_key) \
                 deferrable initially deferred";
    let ground = Ground::after(fault).await?;
    let mend = "alter table \"public\".\"items\" drop constraint \"items_key\", \
                add constraint \"items_key\" UNIQUE (tenant_id, dedup_key)";
    ground.finds("error", "the unique index `items_key` of `public.items` is deferrable", Some(mend));
    ground.mend().await?;
    ground.fits();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doorbell_must_be_there_and_ring() -> anyhow::Result<()> {
    let ground = Ground::after("alter table queue disable trigger zz_hearken_doorbell_plugins").await?;
    let mend = "alter table \"public\".\"queue\" enable trigger \"zz_hearken_doorbell_plugins\"";
    ground.finds(
        "warning",
        "the trigger `zz_hearken_doorbell_plugins` on `public.queue` is switched off",
        Some(mend),
    );
    ground.mend().await?;
    ground.fits();
    let ground = Ground::after("drop trigger zz_hearken_doorbell_plugins on queue").await?;
    ground.finds("warning", "no trigger on `public.queue` rings for new rows", None);
    assert_eq!(ground.found()[0]["help"], "run `hearken install --source plugins`");
    ground.with_settings("order =", "doorbell = \"off\"\norder =").fits();
    Ok(())
}

/// The other trigger, for rows which an update makes pending, where there is to be one.
#[tokio::test(flavor = "multi_thread")]
async fn the_doorbell_must_ring_for_updates_too() -> anyhow::Result<()> {
    let ground = Ground::after("alter table queue disable trigger zz_hearken_pending_plugins").await?;
    let says = "the trigger `zz_hearken_pending_plugins` on `public.queue` is switched off";
    let mend = "alter table \"public\".\"queue\" enable trigger \"zz_hearken_pending_plugins\"";
    ground.finds("warning", says, Some(mend));
    ground.mend().await?;
    ground.fits();
    let ground = Ground::after("drop trigger zz_hearken_pending_plugins on queue").await?;
    ground.finds("warning", "rings for rows which an update makes pending", None);
    assert_eq!(ground.found()[0]["help"], "run `hearken install --source plugins`");
    // `hearken install` makes none of a subquery.
    let subquery = "pending = \"not processed and exists (select from public.items)\"";
    ground.with_settings("pending = \"not processed\"", subquery).fits();
    let keys = "strategy = \"keys\"\n";
    ground.with_settings("pending = \"not processed\"\nmark = \"processed = true\"\n", keys).fits();
    // One thing to do, one finding.
    let ground = Ground::after(
        "drop trigger zz_hearken_pending_plugins on queue; \
         drop trigger zz_hearken_doorbell_plugins on queue",
    )
    .await?;
    ground.finds("warning", "rings for new rows, nor for those which an update makes pending", None);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_query_of_pressure_must_say_yes_or_no() -> anyhow::Result<()> {
    let ground = Ground::sound().await?;
    let asks = |sql: &str| ground.with_more_settings(&format!("\n[pressure]\nsql = \"{sql}\"\n"));
    asks("select count(*) > 5 from public.queue").fits();
    for (sql, says) in [
        ("select true from public.load", "`sql` of [pressure] does not fit: relation \"public.load\""),
        ("select 5", "`sql` of [pressure] gives `int4`, and is to say yes or no"),
        ("select", "`sql` of [pressure] gives no column"),
    ] {
        asks(sql).finds("error", says, None);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sql_of_routines_is_parsed() -> anyhow::Result<()> {
    let ground = Ground::after("alter table agents rename column team to squad").await?;
    ground.finds("error", "this statement does not fit: column \"team\" does not exist", None);
    assert_eq!((&ground.found()[0]["line"], &ground.found()[0]["column"]), (&7.into(), &1.into()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_up_which_does_not_ask_is_named() -> anyhow::Result<()> {
    let ground = Ground::sound().await?;
    let clean = |condition: &str| {
        format!(
            "title = \"Clean up\"\n[on.query]\nevery = \"1h\"\n\
             sql = \"delete from queue where {condition}\"\n"
        )
    };
    ground.add_routine("clean", &clean("processed and created_at < hearken.now() - interval '1 hour'"));
    ground.fits();
    ground.add_routine("clean", &clean("created_at < hearken.now() - interval '1 hour'"));
    ground.finds("warning", "this statement deletes from `public.queue`", None);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_which_looks_at_all_rows_is_named() -> anyhow::Result<()> {
    let fault = "drop index queue_pending; \
                 insert into queue (event_type, payload) select 'x', '{}' from generate_series(1, 5000); \
                 analyze queue";
    let ground = Ground::after(fault).await?;
    let mend = "create index concurrently on \"public\".\"queue\" (created_at, id) where not processed";
    ground.finds("warning", "no index finds the pending rows of `public.queue`", Some(mend));
    ground.mend().await?;
    ground.fits();
    Ok(())
}
