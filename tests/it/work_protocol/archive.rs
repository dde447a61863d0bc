//! Finished items move into the history, and what was true of them stays true.

use super::{Clock, Lease, fill, lease_one, states, text};
use crate::support::TestDatabase;
use tokio_postgres::Client;

/// As the daemon does it.
const ARCHIVE: &str = "hearken.archive_items('1 hour', '90 days')";

/// Where an item is, and in which state.
async fn place(client: &Client, held: Lease) -> anyhow::Result<String> {
    let found = "select state || case when archived then ' archived' else '' end from hearken.items";
    text(client, &format!("{found} where id = {}", held.id)).await
}

/// An item which ended so, and lies in the history.
async fn archived(
    client: &Client,
    clock: &Clock<'_>,
    function: &str,
    arguments: &str,
) -> anyhow::Result<Lease> {
    fill(client, "q", 1, &[]).await?;
    let held = lease_one(client, "'w', '{q}'").await?;
    held.tell(client, function, arguments).await?;
    clock.forward("91 days").await?;
    assert_eq!(text(client, ARCHIVE).await?, "1", "{function}");
    Ok(held)
}

#[tokio::test(flavor = "multi_thread")]
async fn items_move_once_they_are_finished_for_long_enough() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    let clock = Clock::stopped(&db).await?;
    fill(c, "q", 5, &[("attempts_max", "1")]).await?;
    let held = super::lease(c, "'w', '{q}', 5, '1 year'").await?;
    held[0].tell(c, "complete", ", '{\"decision\": \"yes\"}'").await?;
    held[1].tell(c, "fail", ", 'no'").await?;
    held[2].tell(c, "snooze", ", '1 minute'").await?;
    text(c, &format!("hearken.cancel({}, 'by mistake')", held[3].id)).await?;
    clock.forward("59 minutes").await?;
    assert_eq!(text(c, ARCHIVE).await?, "0");
    clock.forward("1 minute").await?;
    assert_eq!(text(c, ARCHIVE).await?, "2");
    assert_eq!(states(c).await?, "dead 1, leased 1, waiting 1");
    let places = ["done archived", "dead", "waiting", "cancelled archived", "leased"];
    for (held, want) in held.iter().zip(places) {
        assert_eq!(place(c, *held).await?, want);
    }
    clock.forward("90 days").await?;
    assert_eq!(text(c, ARCHIVE).await?, "1");
    assert_eq!(place(c, held[1]).await?, "dead archived");
    let kept = "select concat_ws(' ', result ->> 'decision', worker, attempt, at = finished_at) \
        from hearken.history";
    assert_eq!(text(c, &format!("{kept} where id = {}", held[0].id)).await?, "yes w 1 t");
    Ok(())
}

/// The acknowledgement of an answer may have been lost for longer than the item stayed.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_told_again_from_the_history() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    let clock = Clock::stopped(&db).await?;
    let done = archived(c, &clock, "complete", "").await?;
    let dead = archived(c, &clock, "fail", ", 'no', retry => false").await?;
    for (held, function, word) in [
        (done, "complete", "done"),
        (dead, "fail", "dead"),
        (done, "fail", "stale"),
        (dead, "complete", "stale"),
        (done, "extend", "stale"),
        (done, "release", "stale"),
        (Lease { token: done.token + 1, ..done }, "complete", "stale"),
        (Lease { token: 0, ..done }, "complete", "stale"),
    ] {
        assert_eq!(held.tell(c, function, "").await?, word, "{function}");
    }
    let both =
        format!("hearken.complete_all('{{{},{}}}', '{{{},{}}}')", done.id, dead.id, done.token, dead.token);
    let answers = format!("select string_agg(answer, ' ' order by id) from {both}");
    assert_eq!(text(c, &answers).await?, "done stale");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_comes_back_from_the_history() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    let clock = Clock::stopped(&db).await?;
    for (function, arguments) in [("complete", ", '{\"n\": 1}'"), ("fail", ", 'no', retry => false")] {
        let held = archived(c, &clock, function, arguments).await?;
        let key = format!("select encode(dedup_key, 'hex') from hearken.items where id = {}", held.id);
        let before = text(c, &key).await?;
        assert_eq!(text(c, &format!("hearken.retry({})", held.id)).await?, "waiting");
        assert_eq!(text(c, &format!("hearken.retry({})", held.id)).await?, "open");
        assert_eq!((place(c, held).await?.as_str(), text(c, &key).await?), ("waiting", before));
        let again = lease_one(c, "'w', '{q}'").await?;
        assert_eq!((again.id, again.attempt), (held.id, 1), "with all its attempts");
        assert!(again.token > held.token);
        assert_eq!(held.tell(c, "complete", "").await?, "stale", "of the old lease");
        let errors =
            format!("select errors -> -1 ->> 'outcome' from hearken.inbox_items where id = {}", held.id);
        assert_eq!(text(c, &errors).await?, "retried");
        assert_eq!(again.tell(c, "complete", "").await?, "done");
        clock.forward("2 hours").await?;
        assert_eq!(text(c, ARCHIVE).await?, "1");
        assert_eq!(place(c, held).await?, "done archived", "and it is there once");
    }
    Ok(())
}

/// Its key is another item's by now: that the same thing is not done twice comes first.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_been_done_since_does_not_come_back() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    let clock = Clock::stopped(&db).await?;
    let held = archived(c, &clock, "complete", "").await?;
    c.batch_execute(
        "insert into hearken.inbox_items (dedup_key, queue, routine, version, title) \
         select dedup_key, queue, routine, version, 'another' from hearken.history",
    )
    .await?;
    assert_eq!(text(c, &format!("hearken.retry({})", held.id)).await?, "taken");
    assert_eq!(place(c, held).await?, "done archived");
    Ok(())
}

/// Archiving goes on beside workers, and takes nothing from them.
#[tokio::test(flavor = "multi_thread")]
async fn archiving_waits_for_nobody() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    let clock = Clock::stopped(&db).await?;
    fill(c, "q", 2, &[]).await?;
    for held in super::lease(c, "'w', '{q}', 2").await? {
        held.tell(c, "complete", "").await?;
    }
    clock.forward("2 hours").await?;
    let other = db.connect().await?;
    other.batch_execute("begin; select from hearken.inbox_items where id = 1 for update").await?;
    c.batch_execute("set lock_timeout = '1s'").await?;
    assert_eq!(text(c, ARCHIVE).await?, "1");
    other.batch_execute("commit").await?;
    assert_eq!(text(c, ARCHIVE).await?, "1");
    Ok(())
}

/// The row of a table may be met again at any time, also by a statement which began
/// before its item left. So its key stays, and is there ten minutes before the item goes.
#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_a_row_is_there_before_its_item_leaves() -> anyhow::Result<()> {
    let of_a_row: &[(&str, &str)] = &[("event_id", "'row ' || n"), ("source", "'jobs'")];
    // Looked at all the while, and for the first time when it should long be gone.
    for looks in
        [&["49 minutes", "1 minute", "9 minutes", "1 minute"][..], &["5 hours", "9 minutes", "1 minute"]]
    {
        let db = TestDatabase::new().await?;
        let c = &db.client;
        let clock = Clock::stopped(&db).await?;
        fill(c, "q", 1, of_a_row).await?;
        let held = lease_one(c, "'w', '{q}'").await?;
        assert_eq!(held.tell(c, "complete", "").await?, "done");
        let Some((last, before)) = looks.split_last() else { anyhow::bail!("no looks") };
        for look in before {
            clock.forward(look).await?;
            assert_eq!(text(c, ARCHIVE).await?, "0", "{looks:?}: {look}");
            assert_eq!(place(c, held).await?, "done", "{looks:?}: {look}");
        }
        clock.forward(last).await?;
        assert_eq!(text(c, ARCHIVE).await?, "1", "{looks:?}");
        assert_eq!(place(c, held).await?, "done archived");
        let kept = "select h.dedup_key = k.dedup_key from hearken.history h join hearken.item_keys k on k.item_id = h.id";
        assert_eq!(text(c, kept).await?, "true");
    }
    // One of an event of the log needs none: the log knows what was read.
    let db = TestDatabase::new().await?;
    let clock = Clock::stopped(&db).await?;
    archived(&db.client, &clock, "complete", "").await?;
    assert_eq!(db.count("select from hearken.item_keys").await?, 0);
    Ok(())
}
