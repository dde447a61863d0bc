//! What a table of the user's refuses, and what waits until it is mended.

use super::World;

const PLAIN: (&str, &str) = ("plain", "");
const GATED: (&str, &str) = ("gated", "dedup = { key = [\"data.v\"] }");

/// What makes the job 3 a bad one, and what mends it.
const REFUSALS: [(&str, &str, &str); 4] = [
    (
        "alter table items add constraint no_three check (v <> 3);",
        "23514",
        "alter table items drop constraint no_three",
    ),
    (
        "create table seen (v integer primary key); insert into seen values (1), (2), (4), (5); \
         alter table items add constraint is_seen foreign key (v) references seen \
         deferrable initially deferred;",
        "23503",
        "insert into seen values (3)",
    ),
    (
        "alter table items alter title type varchar(2);",
        "22001",
        "alter table items alter title type varchar(50)",
    ),
    (
        "create function refuse() returns trigger language plpgsql as $$ begin \
           if new.v = 3 then raise 'unlucky'; end if; return new; end $$; \
         create trigger refuse before insert on items for each row execute function refuse();",
        "P0001",
        "drop trigger refuse on items",
    ),
];

/// Only the guilty one is set aside, and leaves no key behind. When the table is mended
/// and the letter called blocked, its item comes, without a restart.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_item_is_one_letter_which_can_be_tried_again() -> anyhow::Result<()> {
    for (sql, sqlstate, mend) in REFUSALS {
        let world = World::of(&[PLAIN, GATED], sql, "").await?;
        let _daemon = world.setup.start();
        let bad = if sqlstate == "22001" { "a300" } else { "a3" };
        world.jobs(&format!("a1 a2 {bad} a4 a5")).await?;
        for made_by in ["plain", "gated"] {
            world.until_items(made_by, "a1, a2, a4, a5").await;
        }
        let letters = format!(
            "select from hearken.dead_letters where kind = 'refused' and sqlstate = '{sqlstate}' \
             and source = 'jobs' and event_id = '3'"
        );
        world.until_rows(&letters, 2).await;
        world.until_rows("select from hearken.dedup_keys", 4).await;
        world.run(mend).await?;
        world.run("update hearken.dead_letters set kind = 'blocked'").await?;
        for made_by in ["plain", "gated"] {
            world.until_items(made_by, &format!("a1, a2, a4, a5, {bad}")).await;
        }
        world.until_rows("select from hearken.dead_letters", 0).await;
    }
    Ok(())
}

/// What blocks the inbox, and what mends it.
const BLOCKS: [(&str, &str); 3] = [
    ("alter table items rename to away", "alter table away rename to items"),
    ("alter table items drop v", "alter table items add v integer"),
    ("alter table items drop words", "alter table items add words varchar(10)[]"),
];

/// A table or a column is away: items wait, and come in their order when it is there
/// again, also if it is of another type now.
#[tokio::test(flavor = "multi_thread")]
async fn blocked_items_come_in_order_when_the_table_is_mended() -> anyhow::Result<()> {
    for (block, mend) in BLOCKS {
        let world = World::of(&[PLAIN], "", "").await?;
        let _daemon = world.setup.start();
        world.jobs("a1").await?;
        world.until_items("plain", "a1").await;
        world.run(block).await?;
        world.jobs("a2 a3 a4").await?;
        let blocked = "select from hearken.dead_letters where kind = 'blocked'";
        world.until_rows(blocked, 3).await;
        // They were tried in vain: whoever tries them locks them, and that leaves a trace.
        world.until_rows("select from hearken.dead_letters where xmax <> 0", 3).await;
        world.run(mend).await?;
        world.until_items("plain", "a1, a2, a3, a4").await;
        world.jobs("a5").await?;
        world.until_items("plain", "a1, a2, a3, a4, a5").await;
        world.until_rows("select from hearken.dead_letters", 0).await;
    }
    Ok(())
}

/// Drafts which are held while their table is away come when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn what_falls_due_while_the_table_is_away_comes_later() -> anyhow::Result<()> {
    let settled = "debounce = { key = [\"data.v\"], quiet = \"500ms\", max_wait = \"5s\" }";
    let once = format!("{settled}\ndedup = {{ key = [\"data.v\"], window = \"while_open\" }}");
    let world = World::of(&[("settled", settled), ("once", &once)], "", "").await?;
    let _daemon = world.setup.start();
    world.jobs("a1 a2 a3").await?;
    world.run("alter table items rename to away").await?;
    world.until_rows("select from hearken.dead_letters where kind = 'blocked'", 6).await;
    world.run("alter table away rename to items").await?;
    for made_by in ["settled", "once"] {
        world.until_items(made_by, "a1, a2, a3").await;
    }
    Ok(())
}

/// An inbox whose table is gone keeps nothing waiting in another one, nor in ours.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_which_is_gone_stops_no_other_queue() -> anyhow::Result<()> {
    const OTHER: &str = "[inbox.others]\ntable = \"others\"\nopen = \"status = 'pending'\"\n\
                         waiting = \"status = 'pending'\"\n";
    let queue = super::routine("in-turn", "overlap = \"queue\"");
    let other = queue.replace("inbox = \"items\"", "inbox = \"others\"");
    let own = "title = \"Ours\"\n[on.event]\ntype = \"job\"\n[flow]\noverlap = \"queue\"\n[item]\n\
               queue = \"q\"\ntitle = \"{{ data.k }}{{ data.v }}\"\n";
    let routines = [("in-turn", &*queue), ("other", &*other), ("own", own)];
    let world = World::with(&routines, "create table others (like items including all);", OTHER).await?;
    let _daemon = world.setup.start();
    world.jobs("a1 a2").await?;
    world.until_rows("select from hearken.held where phase = 'queued'", 3).await;
    world.run("drop table items").await?;
    world.run("update others set status = 'done'").await?;
    let lease = "select hearken.complete(l.id, l.token) from hearken.lease('w', '{q}') l";
    world.db.client.query(lease, &[]).await?;
    world.until_rows("select from others where title = 'a2'", 1).await;
    world.until_rows("select from hearken.inbox_items where title = 'a2'", 1).await;
    Ok(())
}
