//! How a queue hands out its items: leases, attempts, backoff, order and limits.
//!
//! What is left out stays at the default, which the lease functions know; so a
//! policy says only what its author wrote. The bounds stand here, for whoever reads
//! policies from a file; SQL has the same as constraints of `hearken.queues`.

use serde::Deserialize;
use std::ops::RangeInclusive;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long a lease lasts. Shorter ones would end in a pause of the garbage collector;
/// with longer ones an item of a worker which died would lie for days.
pub const LEASE: RangeInclusive<Duration> = Duration::from_secs(5)..=DAY;
/// How long an attempt may take, all extensions of its lease included.
pub const DEADLINE: RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(30 * 24 * 3600);
/// How often an item is tried.
pub const MAX_ATTEMPTS: RangeInclusive<u32> = 1..=100;
/// The pause after the first failure.
pub const BACKOFF_FIRST: RangeInclusive<Duration> = Duration::from_millis(100)..=DAY;
/// By what the pause grows with each failure.
pub const BACKOFF_FACTOR: RangeInclusive<f64> = 1.0..=10.0;
/// The longest pause.
pub const BACKOFF_MAX: RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(30 * 24 * 3600);
/// By what part of itself a pause may be shorter or longer.
pub const JITTER: RangeInclusive<f64> = 0.0..=1.0;
/// How many items of the queue may be leased at once.
pub const CONCURRENCY: RangeInclusive<u32> = 1..=100_000;
/// How many items of one key may be leased at once.
pub const CONCURRENCY_PER_KEY: RangeInclusive<u32> = 1..=10_000;
/// How many items may be started in a window of the rate.
pub const RATE_MAX: RangeInclusive<u32> = 1..=1_000_000;
/// How long a window of the rate is.
pub const RATE_PER: RangeInclusive<Duration> = SECOND..=DAY;

/// The lease of a queue which says nothing.
pub const LEASE_DEFAULT: Duration = Duration::from_secs(5 * 60);
/// The pause after the first failure, in a queue which says nothing.
pub const BACKOFF_FIRST_DEFAULT: Duration = SECOND;
/// The longest pause in a queue which says nothing.
pub const BACKOFF_MAX_DEFAULT: Duration = HOUR;

/// What is set about a queue; the default, where there is nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueuePolicy {
    /// How long a lease lasts unless the worker says.
    pub lease: Option<Duration>,
    /// After so long from its lease an attempt is over: no lease goes beyond it.
    pub deadline: Option<Duration>,
    /// After so many attempts a failure makes an item dead, where its routine does
    /// not say.
    pub max_attempts: Option<u32>,
    /// The pauses between attempts.
    pub backoff: Backoff,
    /// So many items may be leased at once.
    pub concurrency: Option<u32>,
    /// So many items of one key may be leased at once.
    pub concurrency_per_key: Option<u32>,
    /// Which earlier items of a key block the later ones.
    pub blocked_by: Option<BlockedBy>,
    /// So many items may be started in so long.
    pub rate: Option<Rate>,
}

/// The pauses between attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Backoff {
    /// The first.
    pub first: Option<Duration>,
    /// By what it grows each time.
    pub factor: Option<f64>,
    /// The longest.
    pub max: Option<Duration>,
    /// By what part of itself it may be shorter or longer; 0.25 is a quarter.
    pub jitter: Option<f64>,
}

/// Which earlier items of a key block the later ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlockedBy {
    /// One which is leased.
    Leased,
    /// That, or one which has failed and waits for its next attempt.
    Failed,
    /// Any which is not finished, those which are not due yet included.
    Earlier,
}

impl BlockedBy {
    /// The word of it in `hearken.queues`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Leased => "leased",
            Self::Failed => "failed",
            Self::Earlier => "earlier",
        }
    }
}

/// So many items may be started in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// So many.
    pub max: u32,
    /// In so long.
    pub per: Duration,
}

impl QueuePolicy {
    /// Two settings which cannot both hold, in words; none, if all is well.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        self.short_deadline().or_else(|| self.shrinking_backoff()).or_else(|| self.order_of_several())
    }

    fn short_deadline(&self) -> Option<String> {
        let deadline = self.deadline?;
        let lease = self.lease.unwrap_or(LEASE_DEFAULT);
        if deadline >= lease {
            return None;
        }
        let (deadline, lease) = (shown(deadline), shown(lease));
        let default = if self.lease.is_none() { " (the default)" } else { "" };
        Some(format!(
            "`deadline` is {deadline} and `lease` is {lease}{default}: no lease goes beyond the deadline, so \
             give a `lease` which is no longer"
        ))
    }

    fn shrinking_backoff(&self) -> Option<String> {
        let first = self.backoff.first.unwrap_or(BACKOFF_FIRST_DEFAULT);
        let max = self.backoff.max.unwrap_or(BACKOFF_MAX_DEFAULT);
        if first <= max {
            return None;
        }
        let default = |value: Option<Duration>| if value.is_none() { " (the default)" } else { "" };
        Some(format!(
            "the first pause of `backoff` is {}{}, and its `max` is {}{}: give a `max` which is no less",
            shown(first),
            default(self.backoff.first),
            shown(max),
            default(self.backoff.max)
        ))
    }

    fn order_of_several(&self) -> Option<String> {
        let blocked_by = self.blocked_by.filter(|blocked_by| *blocked_by != BlockedBy::Leased)?;
        let several = self.concurrency_per_key.filter(|several| *several > 1)?;
        Some(format!(
            "`blocked_by = \"{}\"` keeps the items of a key in order, and `concurrency_per_key` lets \
             {several} of them run at once: leave one of them out",
            blocked_by.as_str()
        ))
    }
}

/// A duration as people write it.
fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match duration.subsec_nanos() {
        0 if seconds > 0 && seconds.is_multiple_of(HOUR.as_secs()) => {
            format!("{}h", seconds / HOUR.as_secs())
        }
        0 if seconds > 0 && seconds.is_multiple_of(MINUTE.as_secs()) => {
            format!("{}m", seconds / MINUTE.as_secs())
        }
        _ => humantime::format_duration(duration).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> QueuePolicy {
        QueuePolicy::default()
    }

    #[track_caller]
    fn check(policy: &QueuePolicy, says: Option<&str>) {
        let said = policy.contradiction();
        match (says, &said) {
            (None, None) => {}
            (Some(says), Some(said)) if said.contains(says) => {}
            _ => panic!("wanted {says:?}, and it said {said:?}"),
        }
    }

    #[test]
    fn a_deadline_is_no_shorter_than_the_lease() {
        check(&policy(), None);
        check(&QueuePolicy { deadline: Some(HOUR), ..policy() }, None);
        check(&QueuePolicy { deadline: Some(LEASE_DEFAULT), ..policy() }, None);
        check(&QueuePolicy { deadline: Some(MINUTE), ..policy() }, Some("`lease` is 5m (the default)"));
        check(&QueuePolicy { deadline: Some(MINUTE), lease: Some(MINUTE), ..policy() }, None);
        check(
            &QueuePolicy { deadline: Some(MINUTE), lease: Some(HOUR), ..policy() },
            Some("`deadline` is 1m and `lease` is 1h:"),
        );
    }

    #[test]
    fn pauses_do_not_shrink() {
        let with =
            |first, max| QueuePolicy { backoff: Backoff { first, max, ..Backoff::default() }, ..policy() };
        check(&with(Some(MINUTE), None), None);
        check(&with(Some(MINUTE), Some(MINUTE)), None);
        check(&with(Some(2 * HOUR), None), Some("`max` is 1h (the default)"));
        check(
            &with(None, Some(Duration::from_millis(500))),
            Some("is 1s (the default), and its `max` is 500ms"),
        );
    }

    #[test]
    fn items_which_keep_their_order_run_one_at_a_time() {
        let with = |blocked_by, several| QueuePolicy { blocked_by, concurrency_per_key: several, ..policy() };
        check(&with(Some(BlockedBy::Leased), Some(3)), None);
        check(&with(Some(BlockedBy::Failed), Some(1)), None);
        check(&with(Some(BlockedBy::Earlier), None), None);
        check(&with(None, Some(3)), None);
        check(&with(Some(BlockedBy::Failed), Some(2)), Some("`blocked_by = \"failed\"`"));
        check(&with(Some(BlockedBy::Earlier), Some(2)), Some("lets 2 of them"));
    }
}
