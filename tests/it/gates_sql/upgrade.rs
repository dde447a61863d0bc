//! The schema of the version before, with rows in it, is brought to this one;
//! and what the daemon and its routines use of the new one.

use super::{Ears, check, word};
use crate::support::database::migrate;
use crate::support::{TestDatabase, until};
use hearken::pg::migrate::MIGRATIONS;

/// A database with the schema as it was before the gates.
async fn before_the_gates() -> anyhow::Result<TestDatabase> {
    let db = TestDatabase::empty().await?;
    db.client
        .batch_execute(
            "create schema hearken; create table hearken.migrations (name text primary key, \
             sha256 bytea not null, applied_at timestamptz not null default clock_timestamp())",
        )
        .await?;
    for migration in MIGRATIONS.iter().take_while(|migration| migration.name != "0004_gates") {
        db.client.batch_execute(migration.sql).await?;
        let done = "insert into hearken.migrations (name, sha256) \
            values ($1, sha256(convert_to($2, 'UTF8')))";
        db.client.execute(done, &[&migration.name, &migration.sql]).await?;
    }
    Ok(db)
}

/// While a transaction is in the way, writers are not kept waiting behind it.
#[tokio::test(flavor = "multi_thread")]
async fn a_schema_with_rows_in_it_is_brought_up_to_date() -> anyhow::Result<()> {
    let db = before_the_gates().await?;
    let c = &db.client;
    c.batch_execute(
        "insert into hearken.events (type) values ('old'); \
         insert into hearken.inbox_items (dedup_key, queue, routine, version, title) \
             values (sha256('a'), 'q', 'r', 'v', 'a'), (sha256('b'), 'q', 'r', 'v', 'b'); \
         select hearken.lease('w', '{q}'); \
         insert into hearken.decisions (event_seq, source, outcome, reason) \
             values (1, 'events', 'duplicate', 'was there before'); \
         create table hearken.events_20991228 (like hearken.events including all)",
    )
    .await?;
    let other = db.connect().await?;
    other.batch_execute("begin; update hearken.inbox_items set priority = 1 where title = 'b'").await?;
    let (migrated, went_on) = tokio::join!(migrate(&db.url), async {
        let sql = "select from pg_stat_activity \
            where datname = current_database() and wait_event = 'PgSleep'";
        until("the migration to let go", || async { (db.count(sql).await.ok()? == 1).then_some(()) }).await;
        db.emit("new", serde_json::json!({})).await?;
        anyhow::Ok(other.batch_execute("commit").await?)
    });
    went_on?;
    migrated?;
    migrate(&db.url).await?;

    check(c, "select count(*) from hearken.events where chain is null", "2").await?;
    check(c, "hearken.complete(1, 1)", "done").await?;
    check(c, "select string_agg(title || state, ' ' order by id) from hearken.inbox_items", "adone bwaiting")
        .await?;
    let aside = "select count(*) from pg_attribute \
        where attrelid = 'hearken.events_20991228'::regclass and attname = 'chain'";
    check(c, aside, "1").await?;
    Ok(())
}

/// A partition whose constraint is not validated could not be attached again.
#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_knows_the_outcomes_of_gates_and_no_others() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    for outcome in [
        "duplicate",
        "dead",
        "blocked",
        "missed",
        "oversized",
        "held",
        "merged",
        "replaced",
        "limited",
        "outside_hours",
        "overlap",
        "loop",
        "paused",
        "superseded",
        "cancelled",
        "nonsense",
    ] {
        let sql = "insert into hearken.decisions (event_seq, source, outcome, reason) \
            values (1, 'events', $1, '')";
        let constraint = match db.client.execute(sql, &[&outcome]).await {
            Ok(_) => None,
            Err(error) => error.as_db_error().and_then(|error| error.constraint()).map(str::to_owned),
        };
        let want = (outcome == "nonsense").then_some("decisions_outcome_is_known");
        assert_eq!(constraint.as_deref(), want, "{outcome}");
    }
    assert_eq!(db.count("select from hearken.decisions").await?, 15);
    assert_eq!(db.count("select from pg_constraint where not convalidated").await?, 0);
    Ok(())
}

/// The careful way gives a draft which was held its id, its keys and causes, and
/// others a new id.
#[tokio::test(flavor = "multi_thread")]
async fn the_careful_way_keeps_ids_and_keys() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let draft = |title: &str, more: serde_json::Value| {
        let mut draft = serde_json::json!({
            "dedup_key": format!("{title:0>64}"), "title": title, "event_seq": 1, "priority": 0,
            "attempts_max": 5, "queue": "q", "routine": "r", "version": "v", "item": "item",
            "instructions": "", "context": {}, "tags": ["gpu"],
        });
        let more = more.as_object().cloned().unwrap_or_default();
        draft.as_object_mut().expect("an object").extend(more);
        draft.to_string()
    };
    let held = serde_json::json!({
        "id": 900, "chain": ["a", "b"], "open_key": "01", "supersede_key": "02", "overlap_key": "03",
    });
    let drafts = vec![
        draft("a", serde_json::json!({ "chain": [] })),
        draft("b", held.clone()),
        draft("c", serde_json::json!({ "chain": null, "id": null })),
        draft("b", held),
        draft("d", serde_json::json!({ "open_key": "01" })),
    ];
    let sql = "select place, item_id, met_item_id, code from hearken.enqueue_each($1)";
    let rows = db.client.query(sql, &[&drafts]).await?;
    type Answer = (i32, Option<i64>, Option<i64>, Option<String>);
    let answers: Vec<Answer> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect();
    let second = answers[2].1;
    assert_eq!(second, Some(2), "an id which was given takes none from the sequence");
    let want = [
        (1, Some(1), None, None),
        (2, Some(900), None, None),
        (3, second, None, None),
        (4, None, Some(900), None),
        (5, None, None, Some("23505".to_owned())),
    ];
    assert_eq!(answers, want);
    let stored = "select string_agg(concat_ws('|', id, chain, open_key, supersede_key, overlap_key, tags), \
        ' ' order by id) from hearken.inbox_items";
    check(&db.client, stored, "1|{gpu} 2|{gpu} 900|{a,b}|\\x01|\\x02|\\x03|{gpu}").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_routines_in_a_table_rings() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let (c, ears) = (&db.client, Ears::open(&db).await?);
    word(c, "hearken.reload()").await?;
    assert_eq!(ears.heard().await?, ["hearken_routines"]);
    for trigger in ["after insert or update or delete", "before insert or update or delete"] {
        for level in ["statement", "row"] {
            let make = format!(
                "create table wishes (name text); create trigger tell {trigger} on wishes \
                 for each {level} execute function hearken.routines_changed()"
            );
            c.batch_execute(&make).await?;
            for change in [
                "insert into wishes values ('a'), ('b')",
                "update wishes set name = name || '!'",
                "delete from wishes where name = 'a!'",
            ] {
                c.batch_execute(change).await?;
                assert_eq!(ears.heard().await?, ["hearken_routines"], "{trigger} {level}: {change}");
            }
            check(c, "select string_agg(name, ',') from wishes", "b!").await?;
            c.batch_execute("drop table wishes").await?;
        }
    }
    Ok(())
}
