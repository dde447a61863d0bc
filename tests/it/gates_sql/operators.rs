//! What operators do: pause and resume, start again, cancel and release.

use super::{Ears, check, hold, item};
use crate::support::{TestDatabase, until};
use tokio_postgres::Client;

#[tokio::test(flavor = "multi_thread")]
async fn a_routine_is_paused_and_resumed_once() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let ears = Ears::open(&db).await?;
    let steps = [
        ("hearken.resume('digest')", "not paused", 0),
        ("hearken.pause('digest', 'the bank is closed')", "paused", 1),
        ("hearken.pause('digest', 'another reason')", "paused already", 0),
        ("select paused_by = session_user and reason = 'the bank is closed' from hearken.paused", "true", 0),
        ("hearken.resume('digest')", "resumed", 1),
        ("hearken.resume('digest')", "not paused", 0),
    ];
    for (sql, want, bells) in steps {
        check(&db.client, sql, want).await?;
        assert_eq!(ears.heard().await?, vec!["hearken_doorbell"; bells], "{sql}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_which_was_closed_is_started_again() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let (c, ears) = (&db.client, Ears::open(&db).await?);
    let states = [
        ("waiting", "open"),
        ("leased", "open"),
        ("failed", "open"),
        ("done", "waiting"),
        ("dead", "waiting"),
        ("cancelled", "waiting"),
        ("superseded", "waiting"),
    ];
    for (state, want) in states {
        let id = item(c, state, state, Some(state)).await?;
        check(c, &format!("hearken.retry({id})"), want).await?;
        let fresh = format!(
            "select state = 'waiting' and attempt = 0 and due_at <= hearken.now() and finished_at is null \
             from hearken.inbox_items where id = {id}"
        );
        check(c, &fresh, if want == "waiting" { "true" } else { "false" }).await?;
        assert_eq!(ears.heard().await?.len(), usize::from(want == "waiting"), "workers hear of it: {state}");
    }
    check(c, "hearken.retry(4711)", "gone").await?;

    // An item of its key is open by now, or a draft is held.
    let id = item(c, "rival", "dead", Some("dead")).await?;
    check(c, &format!("hearken.retry({id})"), "taken").await?;
    let id = item(c, "late", "dead", Some("held")).await?;
    hold(c, 900, "accepted", "open_key = sha256('held')").await?;
    check(c, &format!("hearken.retry({id})"), "taken").await?;
    check(c, "hearken.cancel_held(900)", "cancelled").await?;
    check(c, &format!("hearken.retry({id})"), "waiting").await?;
    Ok(())
}

/// Two sessions want the same key, or the same item: the second waits for the
/// first and gets an answer, never an error.
#[tokio::test(flavor = "multi_thread")]
async fn a_race_for_a_key_has_one_winner() -> anyhow::Result<()> {
    for (end, same_item, answer) in [
        ("commit", false, "taken"),
        ("rollback", false, "waiting"),
        ("commit", true, "open"),
        ("rollback", true, "waiting"),
    ] {
        let db = TestDatabase::new().await?;
        let first = item(&db.client, "first", "dead", Some("key")).await?;
        let second = item(&db.client, "second", "done", Some("key")).await?;
        let wanted = if same_item { first } else { second };
        db.client.batch_execute("begin").await?;
        check(&db.client, &format!("hearken.retry({first})"), "waiting").await?;

        let (rival, observer) = (db.connect().await?, db.connect().await?);
        let sql = format!("hearken.retry({wanted})");
        let (answered, ended) = tokio::join!(check(&rival, &sql, answer), async {
            until("the rival to wait", || async { waits_for_a_lock(&observer).await.then_some(()) }).await;
            db.client.batch_execute(end).await
        });
        ended?;
        answered?;
    }
    Ok(())
}

async fn waits_for_a_lock(client: &Client) -> bool {
    let sql = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    client.query(sql, &[]).await.is_ok_and(|rows| !rows.is_empty())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_draft_is_cancelled_or_released() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let (c, ears) = (&db.client, Ears::open(&db).await?);
    hold(c, 1, "accepted", "count = 3").await?;
    hold(c, 2, "queued", "open_key, waits_open = sha256('k'), true").await?;
    hold(c, 3, "queued", "open_key, waits_overlap = sha256('l'), true").await?;
    hold(c, 4, "collecting", "").await?;
    c.batch_execute(
        "update hearken.held set request = '{\"dedup\": {\"window\": \"while_open\"}, \"limits\": []}'; \
         insert into hearken.held_parts (held_id, n, context) \
             values (1, 1, '{}'), (1, 2, '{}'), (4, 1, '{}'); \
         insert into hearken.dedup_keys (key, item_id, routine, item) \
             values (sha256('a'), 1, 'r', 'item'), (sha256('b'), 2, 'r', 'item')",
    )
    .await?;
    let steps = [
        ("hearken.cancel_held(1, 'no use')", "cancelled", 1),
        ("hearken.cancel_held(1)", "gone", 0),
        ("hearken.release_held(1)", "gone", 0),
        ("hearken.release_held(2)", "released", 1),
        ("hearken.release_held(3)", "released", 1),
        ("hearken.release_held(4)", "released", 1),
    ];
    for (sql, want, bells) in steps {
        check(c, sql, want).await?;
        assert_eq!(ears.heard().await?, vec!["hearken_doorbell"; bells], "{sql}");
    }
    let decision = "select concat_ws('|', event_seq, met_item_id, source, routine, outcome, reason) \
        from hearken.decisions";
    let want = "7|1|events|r|cancelled|cancelled by postgres, made of 3 drafts: no use";
    check(c, decision, want).await?;
    check(c, "select string_agg(item_id::text, ',') from hearken.dedup_keys", "2").await?;
    check(c, "select string_agg(held_id::text, ',') from hearken.held_parts", "4").await?;
    // The item for which 2 waited has the key still; 3 keeps its own.
    let rows = "select string_agg(concat_ws('|', id, phase, waits_open or waits_overlap, open_key is null, \
        request #>> '{dedup,window}'), ' ' order by id) from hearken.held where due_at <= hearken.now()";
    check(c, rows, "2|accepted|f|t|forever 3|accepted|f|f|while_open 4|collecting|f|t|while_open").await?;
    let overview = "select string_agg(phase || drafts, ' ' order by phase) from hearken.held_overview";
    check(c, overview, "accepted2 collecting1").await
}
