//! What operators say of single items and of many.

use super::{Clock, fill, lease, lease_one, text};
use crate::support::TestDatabase;
use tokio_postgres::Client;

/// Items 1 to 5 of queue `q`: waiting, leased, failed, done, dead.
async fn five(client: &Client) -> anyhow::Result<()> {
    fill(client, "q", 5, &[("due_at", "hearken.now() - (10 - n) * interval '1 second'")]).await?;
    let held = lease(client, "'w', '{q}', 5").await?;
    assert_eq!(held.iter().map(|held| held.id).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    held[0].tell(client, "release", "").await?;
    held[2].tell(client, "fail", ", 'the bank is closed', true, '1 hour'").await?;
    held[3].tell(client, "complete", "").await?;
    held[4].tell(client, "fail", ", 'no such account', retry => false").await?;
    Ok(())
}

/// What a function says of each of the five, and of one which does not exist; and in
/// which states they are then.
async fn check_words(function: &str, words: &str, after: &str) -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    five(c).await?;
    let mut told = Vec::new();
    for id in [1, 2, 3, 4, 5, 99] {
        told.push(text(c, &format!("hearken.{function}({id})")).await?);
    }
    assert_eq!(told.join(" "), words, "{function}");
    let states = "select string_agg(state, ' ' order by id) from hearken.items";
    assert_eq!(text(c, states).await?, after, "{function}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_are_answered_in_words() -> anyhow::Result<()> {
    check_words(
        "cancel",
        "cancelled cancelled cancelled closed closed gone",
        "cancelled cancelled cancelled done dead",
    )
    .await?;
    check_words("retry", "open open open waiting waiting gone", "waiting leased failed waiting waiting")
        .await?;
    check_words("\"drop\"", "open open open dropped dropped gone", "waiting leased failed dropped dropped")
        .await
}

/// An item which comes from a row of somebody's table keeps its key for a while: it
/// is dropped all the same.
#[tokio::test(flavor = "multi_thread")]
async fn items_of_other_tables_are_dropped_too() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    fill(c, "q", 1, &[("source", "'orders'"), ("event_id", "'o1'")]).await?;
    lease_one(c, "'w', '{q}'").await?.tell(c, "fail", ", 'no', retry => false").await?;
    assert_eq!(text(c, "hearken.drop(1, 'not ours')").await?, "dropped");
    assert_eq!(text(c, "select state = 'dead' from hearken.items").await?, "false");
    assert_eq!(text(c, "hearken.drop_all()").await?, "0");
    Ok(())
}

/// Who did it, and why, is kept.
#[tokio::test(flavor = "multi_thread")]
async fn reasons_are_kept() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    fill(c, "q", 2, &[]).await?;
    text(c, "hearken.cancel(1, 'by mistake')").await?;
    lease_one(c, "'w', '{q}'").await?.tell(c, "fail", ", 'no', retry => false").await?;
    text(c, "hearken.drop(2, 'too old')").await?;
    let error = "select error from hearken.items where id = 1";
    assert_eq!(text(c, error).await?, "cancelled by postgres: by mistake");
    let error = "select errors -> -1 ->> 'error' from hearken.items where id = 2";
    assert_eq!(text(c, error).await?, "dropped by postgres: too old");
    Ok(())
}

/// Dead items of two queues, routines and tenants with two errors, an hour apart.
async fn many_dead(db: &TestDatabase) -> anyhow::Result<()> {
    let c = &db.client;
    let clock = Clock::stopped(db).await?;
    c.batch_execute("create table public.began as select hearken.now() as at").await?;
    for (queue, tenant, error) in [
        ("p", "'a'", "503 from the bank"),
        ("q", "'a'", "503 from the bank"),
        ("q", "'b'", "no such account"),
        ("q", "null", "50% off"),
    ] {
        fill(c, queue, 1, &[("tenant", tenant)]).await?;
        let held = lease_one(c, &format!("'w', '{{{queue}}}'")).await?;
        held.tell(c, "fail", &format!(", '{error}', retry => false")).await?;
        clock.forward("1 hour").await?;
    }
    c.batch_execute("update hearken.inbox_items set routine = 'refunds' where id > 2").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_started_again_or_dropped_by_filter() -> anyhow::Result<()> {
    let began = "(select at from public.began)";
    let after_two = format!("since => {began} + interval '1 hour', until => {began} + interval '3 hours'");
    for (filter, ids) in [
        ("", "1 2 3 4"),
        ("queue => 'q'", "2 3 4"),
        ("routine => 'refunds'", "3 4"),
        ("tenant => 'a'", "1 2"),
        ("error => '503%'", "1 2"),
        ("error => '%BANK'", "1 2"),
        ("error => '50\\% off'", "4"),
        ("queue => 'q', error => '503%'", "2"),
        ("queue => 'nowhere'", "null"),
        (after_two.as_str(), "2 3"),
        ("max => 2", "1 2"),
        ("max => 0", "null"),
    ] {
        for (function, state) in [("retry_all", "waiting"), ("drop_all", "dropped")] {
            let db = TestDatabase::new().await?;
            let c = &db.client;
            many_dead(&db).await?;
            let count = text(c, &format!("hearken.{function}({filter})")).await?;
            let found = format!(
                "select string_agg(id::text, ' ' order by id) from hearken.items where state = '{state}'"
            );
            assert_eq!(text(c, &found).await?, ids, "{function}({filter})");
            assert_eq!(count, ids.split(' ').filter(|id| *id != "null").count().to_string(), "{filter}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_cancelled_by_filter() -> anyhow::Result<()> {
    for (filter, count, states) in [
        ("", "2", "cancelled leased cancelled done dead"),
        ("'leased'", "1", "waiting cancelled failed done dead"),
        ("error => '%closed'", "1", "waiting leased cancelled done dead"),
        ("'done'", "0", "waiting leased failed done dead"),
    ] {
        let db = TestDatabase::new().await?;
        five(&db.client).await?;
        assert_eq!(text(&db.client, &format!("hearken.cancel_all({filter})")).await?, count, "{filter}");
        let found = "select string_agg(state, ' ' order by id) from hearken.items";
        assert_eq!(text(&db.client, found).await?, states, "{filter}");
    }
    Ok(())
}

/// What is open is not started again by the dozen.
#[tokio::test(flavor = "multi_thread")]
async fn open_items_are_not_started_again() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    five(&db.client).await?;
    for state in ["waiting", "leased", "failed"] {
        assert!(text(&db.client, &format!("hearken.retry_all('{state}')")).await.is_err(), "{state}");
    }
    assert_eq!(text(&db.client, "hearken.retry_all('done')").await?, "1");
    Ok(())
}
