//! Several items of one routine, in tables of the user's and in hearken's own: together,
//! or not at all.

use super::World;

const OTHERS: &str = "create table others (id bigint generated always as identity primary key, title text, \
                      v integer constraint no_three check (v <> 3), status text default 'pending');";
const INBOX: &str = "[inbox.others]\ntable = \"others\"\nopen = \"status = 'pending'\"\n\
                     waiting = \"status = 'pending'\"\n";

fn three(flow: &str) -> String {
    format!(
        "title = \"Three items\"\n[on.event]\ntype = \"job\"\n{flow}\n[items.first]\ninbox = \"items\"\n\
         made_by = \"three\"\ntitle = \"a{{{{ data.v }}}}\"\n\
         [items.own]\nqueue = \"q\"\ntitle = \"a{{{{ data.v }}}}\"\n\
         [items.last]\ninbox = \"others\"\ntitle = \"a{{{{ data.v }}}}\"\nv = {{ get = \"data.v\" }}\n"
    )
}

const TITLES: [&str; 3] = [
    "select from items where title = 'aN'",
    "select from hearken.inbox_items where title = 'aN'",
    "select from others where title = 'aN'",
];

async fn counts(world: &World, n: i64) -> anyhow::Result<Vec<i64>> {
    let mut counts = Vec::new();
    for sql in TITLES {
        counts.push(world.db.count(&sql.replace("aN", &format!("a{n}"))).await?);
    }
    Ok(counts)
}

/// Without gates, and with some which stop nobody.
const FLOWS: [&str; 3] =
    ["", "[flow]\ndedup = { key = [\"data.v\"] }", "[flow]\nlimit = { max = 100, per = \"1h\" }"];

/// The last one is refused by its table: so are the two others, each with a letter which
/// names it, and no key is left. Tried again they come together.
#[tokio::test(flavor = "multi_thread")]
async fn all_come_or_none() -> anyhow::Result<()> {
    for flow in FLOWS {
        let text = three(flow);
        let world = World::with(&[("three", &text)], OTHERS, INBOX).await?;
        let _daemon = world.setup.start();
        world.jobs("a1 a2 a3 a4").await?;
        let refused = "select from hearken.dead_letters where kind = 'refused' and event_id = '3'";
        world.until_rows(refused, 3).await;
        for (n, want) in [(1, 1), (2, 1), (3, 0), (4, 1)] {
            assert_eq!(counts(&world, n).await?, [want; 3], "a{n} with {flow:?}");
        }
        let named = "select from hearken.dead_letters where item <> 'last' and message like '%`last`%'";
        assert_eq!(world.db.count(named).await?, 2, "{flow:?}");
        world.run("alter table others drop constraint no_three").await?;
        world.run("update hearken.dead_letters set kind = 'blocked'").await?;
        world.until_rows("select from hearken.dead_letters", 0).await;
        assert_eq!(counts(&world, 3).await?, [1; 3], "{flow:?}");
    }
    Ok(())
}

/// One of the tables is away: none of the three comes before it is back.
#[tokio::test(flavor = "multi_thread")]
async fn all_wait_for_a_table_which_is_away() -> anyhow::Result<()> {
    let text = three("");
    let world = World::with(&[("three", &text)], OTHERS, INBOX).await?;
    let _daemon = world.setup.start();
    world.jobs("a1").await?;
    world.until_rows("select from others", 1).await;
    world.run("alter table others rename to away").await?;
    world.jobs("a2 a4").await?;
    world.until_rows("select from hearken.dead_letters where kind = 'blocked'", 6).await;
    assert_eq!(world.db.count("select from items").await?, 1);
    assert_eq!(world.db.count("select from hearken.inbox_items").await?, 1);
    world.run("alter table away rename to others").await?;
    world.until_rows("select from hearken.dead_letters", 0).await;
    for n in [1, 2, 4] {
        assert_eq!(counts(&world, n).await?, [1; 3], "a{n}");
    }
    Ok(())
}
