//! What is said of an attempt: in the item, in our log, and in the log of deliveries.

use super::ending::Ending;
use super::gate::{Paused, Why};
use crate::pg::deliveries::{Logged, LoggedOutcome};
use crate::pg::endpoints::Pause;
use crate::pg::error::PgError;
use crate::pg::work::{Leased, More};
use crate::rules::text::shortened;
use crate::rules::webhook::Delivery;
use crate::webhook::answer::Outcome;
use serde::Deserialize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest error which is kept, in characters.
const ERROR_CHARS: usize = 2_000;
/// Who is sent away does not come back sooner: it would go in a circle.
const LATER_LEAST: Duration = Duration::from_millis(10);

/// One attempt at the gate: what it is about.
pub struct Attempt<'a> {
    /// The item.
    pub item: &'a Leased,
    /// What else its row says.
    pub more: &'a More,
    /// How it is delivered.
    pub delivery: &'a Delivery,
    /// The key of its endpoint.
    pub key: Arc<str>,
}

/// What a request came to.
pub struct Sent {
    /// When it began.
    pub began: Instant,
    /// What came of it.
    pub outcome: Outcome,
    /// Where it went, as it may be shown.
    pub url: Option<String>,
}

/// How an item is delivered, or why it is not.
pub fn read(item: &Leased, more: &More) -> Result<Delivery, String> {
    let (routine, queue) = (&item.routine, &item.queue);
    let Some(webhook) = &more.webhook else {
        return Err(format!(
            "this item is no webhook: it came from routine `{routine}`; \
             the queue `{queue}` is delivered by HTTP"
        ));
    };
    Delivery::deserialize(webhook).map_err(|error| format!("its column `webhook` cannot be read: {error}"))
}

/// Nothing was sent, and may be at this time.
pub fn later(at: Instant, why: Why) -> Ending {
    let pause = at.saturating_duration_since(Instant::now()).max(LATER_LEAST);
    let note = match why {
        Why::Paused => "the endpoint is paused",
        Why::Crowded => "other deliveries to this endpoint come first",
    };
    Ending::Later { pause, note: note.to_owned() }
}

/// Says in our log what became of an attempt.
pub fn tell(attempt: &Attempt<'_>, outcome: &Outcome, ending: &Ending) {
    let (item, key, status) = (attempt.item, &attempt.key, outcome.status);
    let ms = u64::try_from(outcome.duration.as_millis()).unwrap_or(u64::MAX);
    match ending {
        Ending::Delivered(_) => {
            tracing::debug!(item.id, item.attempt, endpoint = %key, status, ms, "delivered");
        }
        Ending::Again { error, pause } => {
            // Whole seconds, and no "0s", which nobody waits.
            let again = humantime::format_duration(Duration::from_secs(pause.as_secs().max(1)));
            let what = "not delivered";
            tracing::info!(item.id, item.attempt, endpoint = %key, status, ms, error, %again, "{what}");
        }
        Ending::Never(error) => {
            let what = "not delivered for good";
            tracing::warn!(item.id, item.attempt, endpoint = %key, status, ms, error, "{what}");
        }
        Ending::Later { note, .. } => tracing::debug!(item.id, endpoint = %key, "not sent: {note}"),
    }
}

/// The entry of an attempt which came to nothing before anything was sent.
pub fn never_sent(item: &Leased, key: Option<&str>, why: &str) -> Logged {
    tracing::warn!(item.id, item.attempt, endpoint = key, error = why, "not delivered for good");
    Logged {
        item_id: item.id,
        attempt: item.attempt,
        status: None,
        duration: Duration::ZERO,
        outcome: LoggedOutcome::Failed,
        endpoint: key.map(storable),
        url: None,
        error: Some(storable(why)),
        response: None,
    }
}

/// The entry of an attempt.
pub fn logged(attempt: &Attempt<'_>, sent: &Sent, ending: &Ending, paused: Option<&Paused>) -> Logged {
    let outcome = match ending {
        Ending::Delivered(_) => LoggedOutcome::Delivered,
        Ending::Never(_) => LoggedOutcome::Failed,
        Ending::Again { .. } if paused.is_some() => LoggedOutcome::Paused,
        Ending::Again { .. } | Ending::Later { .. } => LoggedOutcome::Retried,
    };
    let Outcome { status, duration, body, error, .. } = &sent.outcome;
    Logged {
        item_id: attempt.item.id,
        attempt: attempt.item.attempt,
        status: *status,
        duration: *duration,
        outcome,
        endpoint: Some(storable(&attempt.key)),
        url: sent.url.as_deref().map(storable),
        error: error.as_ref().map(|error| storable(&error.to_string())),
        response: Some(body.clone()).filter(|body| !body.is_empty()),
    }
}

/// A text as the database takes it, and no longer than people read.
pub fn storable(text: &str) -> String {
    shortened(&text.replace('\0', "\u{fffd}"), ERROR_CHARS)
}

/// Says that an endpoint is paused.
pub fn tell_of_pause(pause: &Pause) {
    let (seconds, error) = (pause.pause.as_secs_f64(), &pause.error);
    let what = "an endpoint failed several times in a row, and is paused";
    tracing::warn!(endpoint = %pause.key, failures = pause.failures, seconds, error, "{what}");
}

/// Takes note of whether others could be told about an endpoint. Here it holds in any
/// case.
pub fn told(written: Result<(), PgError>) {
    if let Err(error) = written {
        tracing::warn!(error = %error, "other deliverers could not be told about an endpoint");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use serde_json::{Value, json};

    fn item() -> Leased {
        Leased {
            id: 7,
            token: 1,
            attempt: 2,
            queue: "webhooks".to_owned(),
            priority: 0,
            routine: "refund".to_owned(),
            title: String::new(),
            instructions: String::new(),
            context: json!({}),
            tenant: None,
            tags: Vec::new(),
            event_seq: None,
            tick: None,
            due_at: Timestamp::UNIX_EPOCH,
            lease_until: Timestamp::UNIX_EPOCH,
            more: None,
        }
    }

    fn more(webhook: Option<Value>) -> More {
        More { key: None, webhook, dedup_key: "ab".to_owned(), attempts_max: None }
    }

    #[track_caller]
    fn check_no_delivery(webhook: Option<Value>, says: &str) {
        let error = read(&item(), &more(webhook)).expect_err("it is no delivery");
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn an_item_which_is_no_webhook_says_where_it_came_from() {
        check_no_delivery(None, "it came from routine `refund`; the queue `webhooks` is delivered by HTTP");
        check_no_delivery(Some(json!({ "to": 1 })), "its column `webhook` cannot be read");
        let webhook = json!({ "to": { "url": "https://a.example" }, "timeout_ms": 1, "retry_ms": [] });
        assert!(read(&item(), &more(Some(webhook))).is_ok());
    }

    #[test]
    fn what_is_stored_has_no_character_0_and_an_end() {
        assert_eq!(storable("a\0b"), "a\u{fffd}b");
        assert_eq!(storable(&"x".repeat(5_000)).chars().count(), ERROR_CHARS + 1);
    }

    #[test]
    fn who_is_sent_away_does_not_come_back_at_once() {
        let Ending::Later { pause, .. } = later(Instant::now(), Why::Crowded) else {
            panic!("it is not sent away");
        };
        assert_eq!(pause, LATER_LEAST);
    }
}
