//! Failures: pauses, attempts, and what is kept of them.

use super::{Clock, fill, lease, lease_one, states, text};
use crate::support::TestDatabase;

/// How long the next attempt is away, in seconds.
const AWAY: &str = "select extract(epoch from due_at - hearken.now()) from hearken.inbox_items";

/// The pause after each of the first failures, in seconds, for a queue with this
/// policy; each may be off by this share.
async fn check_pauses(policy: &str, share: f64, pauses: &[f64]) -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    let clock = Clock::stopped(&db).await?;
    c.batch_execute(policy).await?;
    fill(c, "q", 1, &[("attempts_max", "1000")]).await?;
    for pause in pauses {
        let held = lease_one(c, "'w', '{q}'").await?;
        assert_eq!(held.tell(c, "fail", ", 'no'").await?, "failed");
        let away: f64 = text(c, AWAY).await?.parse()?;
        assert!((away - pause).abs() <= pause * share + 1e-6, "{policy}: {away} instead of {pause}");
        assert!(lease(c, "'w', '{q}'").await?.is_empty(), "not before its time");
        clock.forward(&format!("{} seconds", away + 1e-3)).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pauses_grow_as_the_queue_says() -> anyhow::Result<()> {
    let insert =
        "insert into hearken.queues (name, backoff_first, backoff_factor, backoff_max, jitter) values";
    check_pauses("", 0.25, &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]).await?;
    check_pauses(&format!("{insert} ('q', null, null, null, 0)"), 0.0, &[1.0, 2.0, 4.0, 8.0]).await?;
    let steep = format!("{insert} ('q', '2 seconds', 3, '1 minute', 0.1)");
    check_pauses(&steep, 0.1, &[2.0, 6.0, 18.0, 54.0, 60.0, 60.0]).await?;
    check_pauses(&format!("{insert} ('q', '100 milliseconds', 1, null, 0)"), 0.0, &[0.1; 5]).await?;
    // The longest pause is the longest, and no number overflows.
    let hours = [1.0, 10.0, 100.0, 1000.0, 3600.0, 3600.0];
    check_pauses(&format!("{insert} ('q', null, 10, null, 0)"), 0.0, &hours).await
}

/// Items which failed together do not come back together.
#[tokio::test(flavor = "multi_thread")]
async fn pauses_of_many_items_are_spread() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    Clock::stopped(&db).await?;
    c.batch_execute(
        "insert into hearken.queues (name, backoff_first, jitter) values ('q', '100 seconds', 0.5)",
    )
    .await?;
    fill(c, "q", 200, &[]).await?;
    for held in lease(c, "'w', '{q}', 200").await? {
        held.tell(c, "fail", "").await?;
    }
    let pause = "extract(epoch from due_at - hearken.now())";
    let found = format!(
        "select min({pause}) between 50 and 70 and max({pause}) between 130 and 150 from hearken.inbox_items"
    );
    assert_eq!(text(c, &found).await?, "true");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_as_the_item_or_the_queue_says() -> anyhow::Result<()> {
    for (policy, of_item, attempts) in [
        ("", "null", 5),
        ("insert into hearken.queues (name, max_attempts) values ('q', 2)", "null", 2),
        ("insert into hearken.queues (name, max_attempts) values ('q', 2)", "3", 3),
        ("insert into hearken.queues (name) values ('q')", "1", 1),
    ] {
        for by_failure in [true, false] {
            let db = TestDatabase::new().await?;
            let c = &db.client;
            let clock = Clock::stopped(&db).await?;
            c.batch_execute(policy).await?;
            fill(c, "q", 1, &[("attempts_max", of_item)]).await?;
            for attempt in 1..=attempts {
                let held = lease_one(c, "'w', '{q}'").await?;
                assert_eq!(held.attempt, attempt);
                if by_failure {
                    let word = held.tell(c, "fail", ", 'no'").await?;
                    assert_eq!(
                        word,
                        if attempt < attempts { "failed" } else { "dead" },
                        "{policy} {of_item}"
                    );
                }
                clock.forward("1 day").await?;
            }
            assert!(lease(c, "'w', '{q}'").await?.is_empty());
            assert_eq!(states(c).await?, "dead 1", "{policy} {of_item}");
        }
    }
    Ok(())
}

/// Nobody needs to answer: workers which die use the attempts up, and each is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_loop_ends_dead_with_its_history() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    let clock = Clock::stopped(&db).await?;
    fill(c, "q", 1, &[("attempts_max", "3")]).await?;
    for crash in 1..=3 {
        lease_one(c, &format!("'crasher {crash}', '{{q}}', lease => '10 seconds'")).await?;
        clock.forward("10 seconds").await?;
    }
    assert!(lease(c, "'w', '{q}'").await?.is_empty());
    let kept = "select state || ': ' || (select string_agg(concat_ws('/', e ->> 'attempt', e ->> 'worker', \
        e ->> 'outcome', (e ->> 'at')::timestamptz - (e ->> 'leased_at')::timestamptz), ' ' order by n) \
        from jsonb_array_elements(errors) with ordinality as x (e, n)) from hearken.inbox_items";
    let want = "dead: 1/crasher 1/expired/00:00:10 2/crasher 2/expired/00:00:10 3/crasher 3/expired/00:00:10";
    assert_eq!(text(c, kept).await?, want);
    assert_eq!(text(c, "select error like '%crasher 3%' from hearken.inbox_items").await?, "true");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_errors_are_kept_and_bounded() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    fill(c, "q", 1, &[("attempts_max", "100")]).await?;
    for _ in 0..30 {
        let held = lease_one(c, "'w', '{q}'").await?;
        held.tell(c, "fail", ", repeat('x', 100000), true, '0 seconds'").await?;
    }
    let kept = "select concat_ws(' ', jsonb_array_length(errors), errors -> 0 ->> 'attempt', \
        errors -> -1 ->> 'attempt', length(errors -> 0 ->> 'error')) from hearken.inbox_items";
    assert_eq!(text(c, kept).await?, "25 6 30 8000");
    assert_eq!(text(c, "select length(error) from hearken.inbox_items").await?, "65536");
    Ok(())
}

/// What is put off is no failure, however often.
#[tokio::test(flavor = "multi_thread")]
async fn snoozing_and_releasing_count_no_attempt() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    let clock = Clock::stopped(&db).await?;
    fill(c, "q", 1, &[("attempts_max", "1")]).await?;
    for _ in 0..20 {
        let held = lease_one(c, "'w', '{q}'").await?;
        assert_eq!(held.attempt, 1);
        assert_eq!(held.tell(c, "snooze", ", '1 minute', 'the shop is closed'").await?, "snoozed");
        assert_eq!(text(c, AWAY).await?.parse::<f64>()?, 60.0);
        assert!(lease(c, "'w', '{q}'").await?.is_empty());
        clock.forward("1 minute").await?;
        let held = lease_one(c, "'w', '{q}'").await?;
        assert_eq!(held.tell(c, "release", "").await?, "released");
    }
    let left =
        "select concat_ws(' ', state, attempt, errors is null, progress #>> '{}') from hearken.inbox_items";
    assert_eq!(text(c, left).await?, "waiting 0 t the shop is closed");
    for pause in ["null", "'-1 second'"] {
        let held = lease_one(c, "'w', '{q}'").await?;
        assert!(held.tell(c, "snooze", &format!(", {pause}")).await.is_err(), "{pause}");
        assert_eq!(held.tell(c, "release", "").await?, "released");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_is_kept_for_those_who_watch() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    fill(c, "q", 1, &[]).await?;
    let held = lease_one(c, "'w', '{q}'").await?;
    let until = "select lease_until from hearken.inbox_items";
    let before = text(c, until).await?;
    for note in ["{\"done\": 1}", "{\"done\": 2}"] {
        assert_eq!(held.tell(c, "progress", &format!(", '{note}'")).await?, "noted");
        assert_eq!(text(c, "select progress from hearken.items where progress_at is not null").await?, note);
    }
    assert_eq!(text(c, until).await?, before, "a note is no heartbeat");
    Ok(())
}
