//! What a session remembers of the beginnings of the index, while dead entries there
//! are slow to pass: it hides nothing for longer than it says.
//!
//! Sessions remember only what was slow. Here the setting is made by hand.

use super::{Dice, fill, lease, text};
use crate::support::TestDatabase;
use tokio_postgres::Client;

/// A memory of these queues in which nothing is due before a minute from now, and which
/// ends after `until`.
async fn remember(client: &Client, queues: &str, until: &str) -> anyhow::Result<()> {
    let floors = format!(
        "set_config('hearken.floors', jsonb_build_object( \
            'queues', to_jsonb('{queues}'::text[]), \
            'floors', (select jsonb_agg(jsonb_build_object('queue', q, 'priority', 0, \
                'due_at', clock_timestamp() + interval '1 minute', 'id', 0)) from unnest('{queues}'::text[]) q), \
            'since', clock_timestamp() + interval '1 minute', \
            'ended', '-infinity', \
            'until', clock_timestamp() + interval '{until}')::text, false)"
    );
    text(client, &floors).await.map(drop)
}

async fn leased(client: &Client, queues: &str) -> anyhow::Result<usize> {
    Ok(lease(client, &format!("'w', '{queues}'")).await?.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_below_is_seen_once_the_memory_ends() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    fill(c, "q", 2, &[]).await?;
    remember(c, "{q}", "2 seconds").await?;
    assert_eq!(leased(c, "{q}").await?, 0, "the memory is not used: the tests below prove nothing");
    crate::support::until("an item", || async {
        (leased(c, "{q}").await.expect("a lease") == 1).then_some(())
    })
    .await;
    // Another session never had it.
    assert_eq!(leased(&db.connect().await?, "{q}").await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_memory_lasts_longer_than_three_seconds() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    fill(c, "q", 1, &[]).await?;
    remember(c, "{q}", "1 hour").await?;
    assert_eq!(leased(c, "{q}").await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_which_are_not_remembered_are_looked_at_wholly() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    fill(c, "q", 1, &[]).await?;
    fill(c, "r", 1, &[]).await?;
    remember(c, "{q}", "2 seconds").await?;
    assert_eq!(leased(c, "{r}").await?, 1);
    remember(c, "{q}", "2 seconds").await?;
    assert_eq!(leased(c, "{q,r}").await?, 1, "of both, the memory of one is of no use");
    Ok(())
}

/// A priority which was not there when it was remembered, and an item which came since.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_since_is_seen_at_once() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    let remembered = "set_config('hearken.floors', jsonb_build_object('queues', '[\"q\"]'::jsonb, \
        'floors', '[]'::jsonb || hearken.find_floors('{q}', null, null, clock_timestamp()), \
        'since', clock_timestamp() - interval '1 second', 'ended', '-infinity', \
        'until', clock_timestamp() + interval '2900 milliseconds')::text, false)";
    for priority in ["0", "5", "-7", "2147483647", "-2147483648"] {
        fill(c, "q", 1, &[("due_at", "hearken.now() + interval '1 hour'")]).await?;
        text(c, remembered).await?;
        fill(c, "q", 1, &[("priority", priority)]).await?;
        assert_eq!(leased(c, "{q}").await?, 1, "{priority}");
    }
    Ok(())
}

/// Where the first open item of each queue and priority is, at most a second ago.
const NAIVE: &str = "\
    select coalesce(jsonb_agg(jsonb_build_object('queue', f.queue, 'priority', f.priority, \
        'due_at', least(f.due_at, $2::timestamptz), 'id', case when f.due_at < $2 then f.id else 0 end) \
        order by f.queue, f.priority), '[]') \
    from (select distinct on (i.queue, i.priority) i.queue, i.priority, i.due_at, i.id \
          from hearken.inbox_items i \
          where i.queue = any ($1::text[]) and i.state in ('waiting', 'failed') \
          order by i.queue, i.priority, i.due_at, i.id) f";

/// Against a look at all rows; also when what was found before is only moved on.
#[tokio::test(flavor = "multi_thread")]
async fn the_beginnings_are_where_a_naive_look_finds_them() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    let mut dice = Dice::new(7);
    let found = "select coalesce(jsonb_agg(f order by f ->> 'queue', (f ->> 'priority')::integer), '[]') \
                 from jsonb_array_elements(hearken.find_floors($1, $3, null, $2::timestamptz + interval '1 second')) f";
    let queues = ["a", "b", "none"].map(str::to_owned);
    for round in 0..20 {
        for queue in ["a", "b", "c"] {
            let priority = (dice.roll(3)).to_string();
            let due = format!("hearken.now() + (n - {}) * interval '1 second'", dice.roll(10));
            fill(c, queue, (dice.roll(4)) as i32, &[("priority", &priority), ("due_at", &due)]).await?;
        }
        let latest = "select clock_timestamp() - interval '1 second'";
        let latest: std::time::SystemTime = c.query_one(latest, &[]).await?.get(0);
        let none = None::<serde_json::Value>;
        let first: serde_json::Value = c.query_one(found, &[&&queues[..], &latest, &none]).await?.get(0);
        let want: serde_json::Value = c.query_one(NAIVE, &[&&queues[..], &latest]).await?.get(0);
        assert_eq!(first, want, "round {round}");

        // Some go, and none comes: from where they were, each is found where it is.
        let taken = lease(c, &format!("'w', '{{a,b}}', {}", dice.roll(5))).await?;
        let moved: serde_json::Value = c.query_one(found, &[&&queues[..], &latest, &first]).await?.get(0);
        let want: serde_json::Value = c.query_one(NAIVE, &[&&queues[..], &latest]).await?.get(0);
        for floor in want.as_array().expect("a list") {
            let same = moved.as_array().expect("a list").contains(floor);
            assert!(same, "round {round}, without {taken:?}: {floor} is not in {moved}");
        }
    }
    Ok(())
}
