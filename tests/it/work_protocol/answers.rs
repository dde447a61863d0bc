//! What a worker is told which holds no lease any more, and one which asks again.

use super::{Clock, Lease, fill, lease_one, text};
use crate::support::TestDatabase;
use tokio_postgres::Client;

/// Every function which answers a lease, with arguments.
const CALLS: &[(&str, &str)] = &[
    ("extend", ""),
    ("extend", ", '1 hour'"),
    ("progress", ", '{\"half\": true}'"),
    ("complete", ""),
    ("complete", ", '{\"mine\": true}'"),
    ("fail", ", 'mine'"),
    ("fail", ", 'mine', retry => false"),
    ("fail", ", 'mine', retry_after => '1 hour'"),
    ("snooze", ", '1 hour'"),
    ("snooze", ", '0 seconds', 'mine'"),
    ("release", ""),
];

/// All there is to know of the items.
const ALL: &str = "select jsonb_agg(to_jsonb(i) order by id) from hearken.inbox_items i";

/// Each function says `stale` and changes nothing.
#[track_caller]
fn check_stale(told: &[(String, String)], before: &str, after: &str, what: &str) {
    for (call, word) in told {
        assert_eq!(word, "stale", "{what}: {call}");
    }
    assert_eq!(told.len(), CALLS.len() + 1);
    assert_eq!(before, after, "{what}");
}

/// The answers of all functions.
async fn tell_all(client: &Client, held: Lease) -> anyhow::Result<Vec<(String, String)>> {
    let mut told = Vec::new();
    for (function, arguments) in CALLS {
        told.push((format!("{function}{arguments}"), held.tell(client, function, arguments).await?));
    }
    let both = format!("hearken.complete_all('{{{}}}', '{{{}}}')", held.id, held.token);
    told.push(("complete_all".to_owned(), text(client, &format!("select answer from {both}")).await?));
    Ok(told)
}

async fn check(client: &Client, held: Lease, what: &str) -> anyhow::Result<()> {
    let before = text(client, ALL).await?;
    let told = tell_all(client, held).await?;
    check_stale(&told, &before, &text(client, ALL).await?, what);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_answers_stale_to_a_stale_token() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    let clock = Clock::stopped(&db).await?;
    fill(c, "q", 1, &[("attempts_max", "100")]).await?;
    let never = Lease { id: 1, token: 0, attempt: 0 };
    check(c, never, "never leased").await?;

    let old = lease_one(c, "'a', '{q}'").await?;
    for token in [0, -1, old.token + 1, i64::MAX] {
        check(c, Lease { token, ..old }, "a token which was not given").await?;
    }
    check(c, Lease { id: 99, ..old }, "no such item").await?;

    clock.forward("1 hour").await?;
    let new = lease_one(c, "'b', '{q}'").await?;
    assert!(new.token > old.token, "tokens grow");
    check(c, old, "another worker has it").await?;
    assert_eq!(new.tell(c, "complete", ", '{\"ok\": true}'").await?, "done");
    check(c, old, "another worker finished it").await?;
    Ok(())
}

/// An operator took it away while it was being worked on.
#[tokio::test(flavor = "multi_thread")]
async fn every_function_answers_stale_after_a_cancellation() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    fill(&db.client, "q", 1, &[]).await?;
    let held = lease_one(&db.client, "'w', '{q}'").await?;
    assert_eq!(text(&db.client, "hearken.cancel(1, 'nobody wants it')").await?, "cancelled");
    check(&db.client, held, "cancelled").await
}

/// What may be told after each answer with the same token: the same again, and
/// nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_told_again_and_no_other() -> anyhow::Result<()> {
    for (function, arguments, word, also) in [
        ("complete", ", '{\"n\": 1}'", "done", &["complete", "complete_all"][..]),
        ("fail", ", 'no'", "failed", &["fail"][..]),
        ("fail", ", 'no', retry => false", "dead", &["fail"][..]),
        ("snooze", ", '1 hour'", "snoozed", &["snooze", "release"][..]),
        ("release", "", "released", &["snooze", "release"][..]),
    ] {
        let db = TestDatabase::new().await?;
        let c = &db.client;
        fill(c, "q", 1, &[]).await?;
        let held = lease_one(c, "'w', '{q}'").await?;
        assert_eq!(held.tell(c, function, arguments).await?, word);
        assert_eq!(held.tell(c, function, arguments).await?, word, "{function} again");
        let before = text(c, ALL).await?;
        for (call, told) in tell_all(c, held).await? {
            let name = call.split(',').next().unwrap_or_default();
            assert_eq!(told != "stale", also.contains(&name), "{call} after {function}{arguments}: {told}");
        }
        assert_eq!(text(c, ALL).await?, before, "{function}");
    }
    Ok(())
}

/// Of several, each has its own answer; what does not fit together is refused.
#[tokio::test(flavor = "multi_thread")]
async fn many_are_completed_at_once() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    fill(c, "q", 4, &[]).await?;
    let held = super::lease(c, "'w', '{q}', 4").await?;
    held[3].tell(c, "complete", ", '4'").await?;
    let call = format!(
        "select string_agg(id || ' ' || answer, ', ' order by id) from hearken.complete_all( \
         '{{1,2,3,4,77}}', '{{{},{},0,{},5}}', array['1', null, '3', '0', '0']::jsonb[])",
        held[0].token, held[1].token, held[3].token
    );
    assert_eq!(text(c, &call).await?, "1 done, 2 done, 3 stale, 4 done, 77 stale");
    let left =
        "select string_agg(concat_ws(' ', id, state, result), ', ' order by id) from hearken.inbox_items";
    assert_eq!(text(c, left).await?, "1 done 1, 2 done, 3 leased, 4 done 4");
    for arguments in ["'{1,2}', '{1}'", "'{1}', '{1}', array[]::jsonb[]", "'{1}', null"] {
        let call = format!("select count(*) from hearken.complete_all({arguments})");
        assert!(text(c, &call).await.is_err(), "{arguments}");
    }
    assert_eq!(text(c, "select count(*) from hearken.complete_all('{}', '{}')").await?, "0");
    Ok(())
}

/// What the worker did and its answer are there together, or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_part_of_the_workers_own_transaction() -> anyhow::Result<()> {
    for function in ["complete", "fail", "snooze", "release"] {
        let arguments = if function == "snooze" { ", '1 hour'" } else { "" };
        let db = TestDatabase::new().await?;
        let c = &db.client;
        c.batch_execute("create table public.refunds (id bigint primary key)").await?;
        fill(c, "q", 1, &[]).await?;
        let held = lease_one(c, "'w', '{q}'").await?;
        let before = text(c, ALL).await?;
        c.batch_execute("begin; insert into public.refunds values (1)").await?;
        let word = held.tell(c, function, arguments).await?;
        c.batch_execute("rollback").await?;
        assert_eq!(text(c, ALL).await?, before, "{function}");
        c.batch_execute("begin; insert into public.refunds values (1)").await?;
        assert_eq!(held.tell(c, function, arguments).await?, word);
        c.batch_execute("commit").await?;
        assert_ne!(text(c, ALL).await?, before, "{function}");
        assert_eq!(db.count("select from public.refunds").await?, 1);
    }
    Ok(())
}
