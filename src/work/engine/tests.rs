//! The timer; the engine itself is tested on a database, by tests/it.

use super::looking::Timer;
use std::time::Duration;

const POLL: Duration = Duration::from_secs(30);

#[track_caller]
fn check(due_ms: Option<f64>, least: Duration, most: Duration) {
    let pause = Timer::default().pause(due_ms, POLL);
    assert!(pause >= least && pause <= most, "{due_ms:?} gives {pause:?}");
}

#[test]
fn the_next_look_is_when_something_is_due_and_no_later_than_a_poll() {
    check(None, POLL, POLL);
    check(Some(1_500.0), Duration::from_millis(1_500), Duration::from_millis(1_500));
    check(Some(3_600_000.0), POLL, POLL);
    check(Some(f64::INFINITY), POLL, POLL);
    check(Some(f64::NAN), POLL, POLL);
}

#[test]
fn what_is_due_and_not_to_be_had_is_asked_for_less_and_less() {
    check(Some(0.0), Duration::from_millis(75), Duration::from_millis(125));
    check(Some(-5e9), Duration::from_millis(75), Duration::from_millis(125));
    let mut timer = Timer::default();
    let pauses: Vec<Duration> = (0..10).map(|_| timer.pause(Some(-1.0), POLL)).collect();
    assert!(pauses[9] >= Duration::from_millis(3_750), "{pauses:?}");
}
