//! Rows which somebody has made, spoilt or locked by hand: each is dealt with, and
//! nothing else is held up.

use super::{complete, decided, emit, is, lease, while_open};
use crate::gates::routine;
use crate::gates_refuse::{HOURS, clock, setup, shows};
use crate::support::TestDatabase;
use serde_json::json;

/// A draft is accepted for the morning, and by then an item with its key is open
/// which no gate knows of: it waits for it, and holds up nobody.
#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_draft_whose_key_is_taken_meanwhile_waits() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let open = format!("{HOURS}\n{}", while_open("skip"));
    let routines =
        [("open", routine("test.event", "q", &open)), ("other", routine("test.event", "q", HOURS))];
    clock(&db, "03:00:00").await?;
    let _daemon = setup(&db, &routines).start();
    emit(&db, 1, 1).await?;
    is(&db, "open", &["accepted e1"]).await;
    is(&db, "other", &["accepted e1"]).await;
    let by_hand = "insert into hearken.inbox_items (dedup_key, open_key, queue, routine, version, title) \
                   select sha256('hand'), h.open_key, 'hand', 'hand', 'v', 'another' \
                   from hearken.held h where h.routine = 'open' and h.open_key is not null";
    assert_eq!(db.client.execute(by_hand, &[]).await?, 1);

    clock(&db, "08:00:00").await?;
    is(&db, "other", &["waiting e1 {\"n\": 1}"]).await;
    is(&db, "open", &["queued e1"]).await;
    let leased = lease(&db.client, "hand").await;
    complete(&db.client, leased).await?;
    is(&db, "open", &["waiting e1 {\"n\": 1}"]).await;
    is(&db, "hand", &["done another {}"]).await;
    shows(&db, "select count(*) from hearken.dead_letters", "0").await;
    Ok(())
}

/// How often an event is in these tables.
fn places(seq: i64, tables: &[&str]) -> String {
    let counts =
        tables.iter().map(|table| format!("(select count(*) from hearken.{table} where event_seq = {seq})"));
    format!("select {}", counts.collect::<Vec<_>>().join(" + "))
}

/// Rows of `hearken.held` which somebody has spoilt: those which cannot be read
/// become dead letters, and all others go on.
#[tokio::test(flavor = "multi_thread")]
async fn spoilt_drafts_hold_up_nobody() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let batch = "batch = { key = [\"data.k\"], max = 10, within = \"5h\" }";
    let routines =
        [("hours", routine("test.event", "q", HOURS)), ("batch", routine("part.event", "q", batch))];
    clock(&db, "03:00:00").await?;
    let _daemon = setup(&db, &routines).start();
    for n in 1..=6 {
        emit(&db, n, n).await?;
    }
    for n in 7..=12 {
        // Three batches of two.
        db.emit("part.event", json!({ "n": n, "k": (n + 1) / 2 })).await?;
    }
    emit(&db, 13, 13).await?;
    shows(&db, "select sum(h.count) from hearken.held h", "13").await;
    let first = "from hearken.held h where h.id = p.held_id and h.draft ->> 'title' =";
    let least = "p.n = (select min(q.n) from hearken.held_parts q where q.held_id = p.held_id)";
    db.client
        .batch_execute(&format!(
            "update hearken.held set draft = '{{}}' where draft ->> 'title' = 'e1'; \
             update hearken.held set request = '[]' where draft ->> 'title' = 'e2'; \
             update hearken.held set due_at = '-infinity' where draft ->> 'title' = 'e3'; \
             update hearken.held set due_at = 'infinity' where draft ->> 'title' = 'e4'; \
             update hearken.held set request = 'null' where draft ->> 'title' = 'e13'; \
             update hearken.held_parts p set context = '1' {first} 'e7' and {least}; \
             update hearken.held_parts p set context = (repeat('[', 500) || repeat(']', 500))::json \
                 {first} 'e9' and {least}"
        ))
        .await?;

    clock(&db, "08:00:00").await?;
    let sound = "select string_agg(title, ' ' order by event_seq) from hearken.inbox_items \
                 where title in ('e5', 'e6', 'e20')";
    shows(&db, sound, "e5 e6").await;
    let whole = "select context from hearken.inbox_items where title = 'e11'";
    shows(&db, whole, "{\"items\": [{\"n\": 11}, {\"n\": 12}]}").await;
    let unreadable = "select string_agg(event_seq::text, ' ' order by event_seq) from hearken.dead_letters \
                      where event_seq in (1, 13)";
    shows(&db, unreadable, "1 13").await;
    // What can be read somehow, an empty request say, or is taken as it stands, may be
    // an item, and what never falls due may stay: each is somewhere, and once.
    for seq in [1, 2, 3, 7, 9, 13] {
        shows(&db, &places(seq, &["inbox_items", "dead_letters"]), "1").await;
    }
    shows(&db, &places(4, &["inbox_items", "dead_letters", "held"]), "1").await;
    shows(&db, "select count(*) from hearken.held where event_seq <> 4", "0").await;
    // And with that one still there it goes on.
    emit(&db, 20, 1).await?;
    shows(&db, sound, "e5 e6 e20").await;
    Ok(())
}

/// An item which is never due, as far as the clock goes, is met like any other.
#[tokio::test(flavor = "multi_thread")]
async fn an_item_which_is_never_due_is_met_like_any_other() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let item = |state: &str, n: i64| format!("{state} e{n} {{\"n\": {n}}}");
    // What becomes of it, when 2 has its key and 3 another one.
    let cases = [
        (
            "forever",
            "dedup = { key = [\"data.k\"], on_conflict = \"replace\" }".to_owned(),
            vec![item("waiting", 2), item("waiting", 3)],
        ),
        (
            "newest",
            "supersede = { key = [\"data.k\"] }".to_owned(),
            vec![item("superseded", 1), item("waiting", 2), item("waiting", 3)],
        ),
        ("replace", while_open("replace"), vec![item("waiting", 2), item("waiting", 3)]),
        ("single", "overlap = \"skip\"".to_owned(), vec![item("waiting", 1)]),
        ("skip", while_open("skip"), vec![item("waiting", 1), item("waiting", 3)]),
    ];
    let routines: Vec<(&str, String)> =
        cases.iter().map(|(name, flow, _)| (*name, routine("test.event", "q", flow))).collect();
    let _daemon = setup(&db, &routines).start();
    emit(&db, 1, 1).await?;
    db.items(5).await?;
    db.client.batch_execute("update hearken.inbox_items set due_at = 'infinity'").await?;
    emit(&db, 2, 1).await?;
    emit(&db, 3, 2).await?;
    for (name, _, want) in &cases {
        is(&db, name, &want.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    // A replaced item falls due when it did before: never.
    shows(&db, "select count(*) from hearken.inbox_items where due_at = 'infinity'", "5").await;
    Ok(())
}

/// A routine is removed while somebody has one of its held drafts: the daemon waits
/// for nobody, and cancels that one later.
#[tokio::test(flavor = "multi_thread")]
async fn a_locked_draft_of_a_removed_routine_is_cancelled_later() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let gone = "debounce = { key = [\"data.k\"], quiet = \"1h\", max_wait = \"2h\" }";
    let other = routine("other.event", "q", "");
    let setup = setup(&db, &[("gone", routine("test.event", "q", gone)), ("other", other.clone())]);
    let daemon = setup.start();
    let seen = daemon.says("routines are in force").await;
    emit(&db, 1, 1).await?;
    emit(&db, 2, 2).await?;
    is(&db, "gone", &["collecting e1", "collecting e2"]).await;
    let holder = db.connect().await?;
    let lock = "begin; select from hearken.held where draft ->> 'title' = 'e1' for update";
    holder.batch_execute(lock).await?;

    std::fs::remove_file(setup.routines().join("gone.toml"))?;
    let seen = daemon.says_after(seen, "routines are in force").await;
    db.emit("other.event", json!({ "n": 3 })).await?;
    is(&db, "other", &["waiting e3 {\"n\": 3}"]).await;
    is(&db, "gone", &["collecting e1"]).await;
    decided(&db, "gone", "1 held, 2 held, 2 cancelled").await;

    holder.batch_execute("commit").await?;
    std::fs::write(setup.routines().join("other.toml"), other.replace("A gate", "Renamed"))?;
    daemon.says_after(seen, "routines are in force").await;
    is(&db, "gone", &[]).await;
    decided(&db, "gone", "1 held, 1 cancelled, 2 held, 2 cancelled").await;
    let terms = daemon.log().iter().filter(|line| line.contains("\"leading\"")).count();
    assert_eq!(terms, 1, "it led all the time");
    Ok(())
}
