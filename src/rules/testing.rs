//! Values which the tests of several modules start from.

use super::event::Event;
use super::name::SourceName;
use jiff::Timestamp;
use serde_json::{Value, json};

/// An event of `kind` with `data`, and as little else as an event can have.
#[must_use]
pub(crate) fn event(kind: &str, data: Value) -> Event {
    Event {
        from: SourceName::log(),
        seq: 7,
        id: "e-1".to_owned(),
        origin: "shop".to_owned(),
        kind: kind.to_owned(),
        subject: None,
        time: Timestamp::UNIX_EPOCH,
        tenant: None,
        data,
        old: None,
        meta: json!({}),
        chain: Vec::new(),
    }
}
