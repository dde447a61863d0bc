//! `[retention]`: how long what has happened is kept.

use super::limit;
use serde::Deserialize;
use std::time::Duration;

/// `[retention]`: how long things are kept; whole weeks, where they lie in weeks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Of the log; never what was not read.
    #[serde(deserialize_with = "limit::retention")]
    pub events: Duration,
    /// Of the decisions.
    #[serde(deserialize_with = "limit::retention")]
    pub decisions: Duration,
    /// Of the history of items.
    #[serde(deserialize_with = "limit::retention")]
    pub history: Duration,
    /// Of the log of webhook deliveries.
    #[serde(deserialize_with = "limit::retention")]
    pub deliveries: Duration,
    /// How long a finished item stays in the inbox before it moves to the history.
    #[serde(deserialize_with = "limit::stay")]
    pub finished: Duration,
    /// The same, of a dead one: so long it stands among the dead letters.
    #[serde(deserialize_with = "limit::stay")]
    pub dead: Duration,
    /// How long the keys of items are kept which came from rows of other tables.
    #[serde(deserialize_with = "limit::retention")]
    pub keys: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        let days = |days: u64| Duration::from_secs(days * 24 * 3600);
        Self {
            events: days(30),
            decisions: days(30),
            history: days(90),
            deliveries: days(30),
            finished: Duration::from_secs(3600),
            dead: days(90),
            keys: days(365),
        }
    }
}
