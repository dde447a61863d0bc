//! Tests of the gate: how many go at once, who waits and who is sent away.

use super::lanes::LANES_MAX;
use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn gate(at_once: u32, waiting_max: u32) -> Gate {
    Gate::new(at_once, waiting_max, Patience { failures: 2, first: 60 * SECOND, longest: 600 * SECOND })
}

#[track_caller]
fn went(entry: Entry) -> Pass {
    match entry {
        Entry::Go(pass) => pass,
        other => panic!("it was not let go: {other:?}"),
    }
}

#[track_caller]
fn sent_away(entry: Entry, why: Why) -> Instant {
    match entry {
        Entry::Later(at, reason) if reason == why => at,
        other => panic!("it was not sent away for {why:?}: {other:?}"),
    }
}

#[tokio::test]
async fn so_many_go_at_once_and_others_of_other_endpoints_besides() {
    let (gate, slow, other) = (gate(2, 0), "slow".into(), "other".into());
    let _first = went(gate.enter(&slow).await);
    let second = went(gate.enter(&slow).await);
    sent_away(gate.enter(&slow).await, Why::Crowded);
    went(gate.enter(&other).await);
    drop(second);
    went(gate.enter(&slow).await);
}

#[tokio::test]
async fn a_quick_endpoint_is_waited_for() {
    let (gate, key) = (Arc::new(gate(1, 1)), Arc::<str>::from("quick"));
    let pass = went(gate.enter(&key).await);
    let (other, of) = (gate.clone(), key.clone());
    let waiting = tokio::spawn(async move { other.enter(&of).await });
    while gate.lock().of[&key].waiting == 0 {
        tokio::task::yield_now().await;
    }
    // The line is full.
    sent_away(gate.enter(&key).await, Why::Crowded);
    drop(pass);
    went(waiting.await.expect("a task"));
    assert_eq!(gate.lock().of[&key].waiting, 0);
}

#[tokio::test]
async fn a_slow_endpoint_is_not_waited_for() {
    let (gate, key) = (gate(1, 100), "slow".into());
    let pass = went(gate.enter(&key).await);
    for _ in 0..100 {
        gate.answered(&pass, 15 * SECOND);
    }
    let began = Instant::now();
    let first = sent_away(gate.enter(&key).await, Why::Crowded);
    let second = sent_away(gate.enter(&key).await, Why::Crowded);
    assert!(began.elapsed() < WAIT, "somebody waited");
    // One after the other, as fast as the endpoint takes them.
    assert!(second > first + 10 * SECOND && first > began + 10 * SECOND);
}

#[tokio::test]
async fn a_paused_endpoint_takes_nothing_until_its_trial() {
    let (gate, key) = (gate(4, 4), Arc::<str>::from("dead"));
    let pass = went(gate.enter(&key).await);
    assert_eq!(gate.failed(&pass, SECOND), None);
    assert_eq!(gate.failed(&pass, SECOND), Some(Paused { failures: 2, pause: 60 * SECOND }));
    let at = sent_away(gate.enter(&key).await, Why::Paused);
    assert!(at > Instant::now() + 59 * SECOND);
    // Somebody ended the pause.
    gate.hear(Vec::new(), Instant::now() + SECOND);
    drop(went(gate.enter(&key).await));
    // Somebody else found it paused, and the pause is over.
    gate.hear(
        vec![(key.clone(), Heard::Paused { failures: 9, until: Instant::now() })],
        Instant::now() + SECOND,
    );
    assert!(matches!(gate.enter(&key).await, Entry::Trial));
    sent_away(gate.lose_trial(&key), Why::Paused);
    let trial = gate.begin_trial(&key, 60 * SECOND);
    sent_away(gate.enter(&key).await, Why::Paused);
    assert!(gate.answered(&trial, SECOND));
    went(gate.enter(&key).await);
}

#[tokio::test]
async fn who_is_sent_away_in_crowds_is_to_make_way() {
    let (gate, key) = (gate(1, 0), "slow".into());
    let pass = went(gate.enter(&key).await);
    for _ in 0..CROWD {
        sent_away(gate.enter(&key).await, Why::Crowded);
    }
    gate.crowded().await;
    let busy = gate.busy();
    assert_eq!(busy.len(), 1);
    assert_eq!((busy[0].key.as_str(), busy[0].after), ("slow", Duration::ZERO));
    gate.put_off("slow", 1_000);
    assert!(gate.busy()[0].head > busy[0].head);
    drop(pass);
    assert!(gate.busy().is_empty());
}

#[tokio::test]
async fn endpoints_which_nothing_is_known_of_are_forgotten() {
    let gate = gate(1, 0);
    for n in 0..2 * LANES_MAX {
        went(gate.enter(&n.to_string().into()).await);
    }
    assert!(gate.lock().of.len() <= LANES_MAX);
}
