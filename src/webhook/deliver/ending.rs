//! What becomes of an item after an attempt. Pure.

use crate::rules::webhook::Delivery;
use crate::webhook::answer::{DeliveryError, Outcome, Verdict};
use serde_json::{Value, json};
use std::time::Duration;

/// By which share a pause between attempts is longer or shorter, at random.
const JITTER: f64 = 0.1;

/// What becomes of an item.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// It arrived: the result of the item.
    Delivered(Value),
    /// It is tried again.
    Again {
        /// Why it failed.
        error: String,
        /// How long to wait.
        pause: Duration,
    },
    /// It is never tried again, for this reason.
    Never(String),
    /// Nothing was sent, and the attempt does not count.
    Later {
        /// How long to wait.
        pause: Duration,
        /// Why.
        note: String,
    },
}

/// What follows from an outcome of the attempt of this number, from 1. `chance` is a
/// random number from 0 to 1.
pub fn ending(delivery: &Delivery, attempt: i32, outcome: &Outcome, chance: f64) -> Ending {
    let error = || outcome.error.as_ref().map(DeliveryError::to_string).unwrap_or_default();
    match outcome.verdict() {
        Verdict::Delivered => Ending::Delivered(json!({
            "status": outcome.status,
            "duration_ms": u64::try_from(outcome.duration.as_millis()).unwrap_or(u64::MAX),
        })),
        Verdict::Never => Ending::Never(error()),
        Verdict::Retry(wished) => match pause_after(delivery, attempt) {
            None => Ending::Never(error()),
            Some(pause) => {
                let pause = pause.mul_f64(1.0 - JITTER + 2.0 * JITTER * chance.clamp(0.0, 1.0));
                Ending::Again { error: error(), pause: pause.max(wished.unwrap_or_default()) }
            }
        },
    }
}

/// The pause after an attempt; none after the last.
fn pause_after(delivery: &Delivery, attempt: i32) -> Option<Duration> {
    let before = usize::try_from(attempt.saturating_sub(1)).unwrap_or(0);
    delivery.retry_ms.get(before).copied().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::webhook::{Mode, Target};

    fn outcome(status: u16, retry_after: Option<u64>) -> Outcome {
        let error =
            (status >= 300).then(|| DeliveryError::Status { status, location: None, body: String::new() });
        Outcome {
            status: Some(status),
            duration: Duration::from_millis(12),
            body: String::new(),
            error,
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    fn delivery() -> Delivery {
        Delivery {
            to: Target::Url("https://example.org".to_owned()),
            headers: Default::default(),
            secret: None,
            mode: Mode::Structured,
            timeout_ms: 1_000,
            retry_ms: vec![10_000, 60_000],
        }
    }

    #[track_caller]
    fn check_pause(attempt: i32, retry_after: Option<u64>, chance: f64, want: Option<u64>) {
        match (ending(&delivery(), attempt, &outcome(503, retry_after), chance), want) {
            (Ending::Again { pause, error }, Some(want)) => {
                assert_eq!(pause.as_millis(), u128::from(want));
                assert!(error.contains("503"), "{error}");
            }
            (Ending::Never(error), None) => assert!(error.contains("503"), "{error}"),
            (ending, want) => panic!("{ending:?} is not {want:?}"),
        }
    }

    #[test]
    fn the_pauses_are_those_of_the_delivery_give_or_take_a_tenth() {
        check_pause(1, None, 0.5, Some(10_000));
        check_pause(1, None, 0.0, Some(9_000));
        check_pause(1, None, 1.0, Some(11_000));
        check_pause(2, None, 0.5, Some(60_000));
        check_pause(3, None, 0.5, None);
        check_pause(i32::MAX, None, 0.5, None);
        check_pause(0, None, 0.5, Some(10_000));
    }

    #[test]
    fn the_endpoint_may_ask_for_a_longer_pause_and_not_for_a_shorter_one() {
        check_pause(1, Some(100), 0.5, Some(100_000));
        check_pause(1, Some(1), 0.5, Some(10_000));
        check_pause(3, Some(100), 0.5, None);
    }

    #[test]
    fn what_arrived_has_a_result_and_what_is_not_wanted_is_not_repeated() {
        let arrived = ending(&delivery(), 1, &outcome(204, None), 0.5);
        assert_eq!(arrived, Ending::Delivered(json!({ "status": 204, "duration_ms": 12 })));
        let ending = ending(&delivery(), 1, &outcome(404, None), 0.5);
        assert!(matches!(&ending, Ending::Never(error) if error.contains("404")), "{ending:?}");
    }
}
