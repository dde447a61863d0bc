//! Sets the policies of queues which stand in the settings.
//!
//! The settings own the rows which they name, and no others: what was set in SQL
//! stays, until a file names it.

use super::error::PgError;
use super::session::Session;
use crate::rules::name::QueueName;
use crate::rules::queue::QueuePolicy;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const APPLY: &str = include_str!("../../sql/queries/queues_apply.sql");

/// What became of the queues whose policies changed, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// New, or changed.
    pub set: Vec<String>,
    /// The same, of queues whose policy was set in SQL before.
    pub taken: Vec<String>,
    /// Those which the settings do not name any more: they are at their defaults.
    pub left: Vec<String>,
}

/// Sets the policies of the settings: one statement, which writes nothing where
/// nothing changed.
///
/// # Errors
///
/// Of the database.
pub async fn apply(
    session: &Session,
    policies: &BTreeMap<QueueName, QueuePolicy>,
) -> Result<Applied, PgError> {
    let wanted = policies.iter().map(|(name, policy)| record(name, policy)).collect::<Value>().to_string();
    let rows = session.client().query(APPLY, &[&wanted]).await?;
    let mut applied = Applied::default();
    for row in rows {
        let name: String = row.try_get(0)?;
        match row.try_get::<_, &str>(1)? {
            "taken" => applied.taken.push(name),
            "left" => applied.left.push(name),
            _ => applied.set.push(name),
        }
    }
    Ok(applied)
}

/// A policy as a row of `hearken.queues`.
fn record(name: &QueueName, policy: &QueuePolicy) -> Value {
    json!({
        "name": name.as_str(),
        "lease": policy.lease.map(interval),
        "deadline": policy.deadline.map(interval),
        "max_attempts": policy.max_attempts,
        "backoff_first": policy.backoff.first.map(interval),
        "backoff_factor": policy.backoff.factor,
        "backoff_max": policy.backoff.max.map(interval),
        "jitter": policy.backoff.jitter,
        "concurrency": policy.concurrency,
        "concurrency_per_key": policy.concurrency_per_key,
        "blocked_by": policy.blocked_by.map(|blocked_by| blocked_by.as_str()),
        "rate_max": policy.rate.map(|rate| rate.max),
        "rate_per": policy.rate.map(|rate| interval(rate.per)),
    })
}

/// A duration as PostgreSQL reads it.
fn interval(duration: Duration) -> String {
    format!("{}.{:06} seconds", duration.as_secs(), duration.subsec_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_written_in_seconds() {
        assert_eq!(interval(Duration::from_millis(100)), "0.100000 seconds");
        assert_eq!(interval(Duration::from_secs(3600)), "3600.000000 seconds");
    }
}
