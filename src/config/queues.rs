//! `[queue.NAME]`: how a queue hands out its items.

use super::limit::{Quantity, within};
use crate::rules::name::QueueName;
use crate::rules::queue::{self, Backoff, BlockedBy, QueuePolicy, Rate};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Reads the tables `[queue.NAME]`, one after the other, so that an error knows its
/// place.
pub(super) fn queues<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<QueueName, QueuePolicy>, D::Error> {
    deserializer.deserialize_map(Queues)
}

struct Queues;

impl<'de> Visitor<'de> for Queues {
    type Value = BTreeMap<QueueName, QueuePolicy>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tables such as [queue.finance]")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut queues = BTreeMap::new();
        while let Some(QueueKey(name)) = map.next_key()? {
            queues.insert(name, map.next_value_seed(PolicyOf)?);
        }
        Ok(queues)
    }
}

/// The name of a queue as a key.
struct QueueKey(QueueName);

impl<'de> Deserialize<'de> for QueueKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        QueueName::parse(&text).map(Self).map_err(D::Error::custom)
    }
}

/// Reads one table. As a seed, so that two keys which do not go together have their
/// place.
struct PolicyOf;

impl<'de> DeserializeSeed<'de> for PolicyOf {
    type Value = QueuePolicy;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<QueuePolicy, D::Error> {
        let policy = QueuePolicy::from(WrittenQueue::deserialize(deserializer)?);
        match policy.contradiction() {
            None => Ok(policy),
            Some(why) => Err(D::Error::custom(why)),
        }
    }
}

/// The table as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenQueue {
    #[serde(deserialize_with = "lease")]
    lease: Option<Duration>,
    #[serde(deserialize_with = "deadline")]
    deadline: Option<Duration>,
    #[serde(deserialize_with = "max_attempts")]
    max_attempts: Option<u32>,
    backoff: WrittenBackoff,
    #[serde(deserialize_with = "concurrency")]
    concurrency: Option<u32>,
    #[serde(deserialize_with = "concurrency_per_key")]
    concurrency_per_key: Option<u32>,
    blocked_by: Option<BlockedBy>,
    rate: Option<WrittenRate>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenBackoff {
    #[serde(deserialize_with = "backoff_first")]
    first: Option<Duration>,
    #[serde(deserialize_with = "backoff_factor")]
    factor: Option<f64>,
    #[serde(deserialize_with = "backoff_max")]
    max: Option<Duration>,
    #[serde(deserialize_with = "jitter")]
    jitter: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRate {
    #[serde(deserialize_with = "rate_max")]
    max: u32,
    #[serde(deserialize_with = "rate_per")]
    per: Duration,
}

impl From<WrittenQueue> for QueuePolicy {
    fn from(written: WrittenQueue) -> Self {
        let WrittenBackoff { first, factor, max, jitter } = written.backoff;
        Self {
            lease: written.lease,
            deadline: written.deadline,
            max_attempts: written.max_attempts,
            backoff: Backoff { first, factor, max, jitter },
            concurrency: written.concurrency,
            concurrency_per_key: written.concurrency_per_key,
            blocked_by: written.blocked_by,
            rate: written.rate.map(|WrittenRate { max, per }| Rate { max, per }),
        }
    }
}

/// A factor, or a part.
impl Quantity for f64 {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer)
    }

    fn show(self) -> String {
        self.to_string()
    }
}

macro_rules! readers {
    ($($name:ident: $quantity:ty, $bounds:path;)*) => {
        $(fn $name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<$quantity>, D::Error> {
            within(&$bounds, deserializer).map(Some)
        })*
    };
}

readers! {
    lease: Duration, queue::LEASE;
    deadline: Duration, queue::DEADLINE;
    max_attempts: u32, queue::MAX_ATTEMPTS;
    backoff_first: Duration, queue::BACKOFF_FIRST;
    backoff_factor: f64, queue::BACKOFF_FACTOR;
    backoff_max: Duration, queue::BACKOFF_MAX;
    jitter: f64, queue::JITTER;
    concurrency: u32, queue::CONCURRENCY;
    concurrency_per_key: u32, queue::CONCURRENCY_PER_KEY;
}

fn rate_max<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    within(&queue::RATE_MAX, deserializer)
}

fn rate_per<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    within(&queue::RATE_PER, deserializer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const MINUTE: Duration = Duration::from_secs(60);

    fn read(lines: &str) -> QueuePolicy {
        let text = format!("[queue.finance]\n{lines}");
        let config = Config::parse("hearken.toml", &text).expect("settings");
        let policy = config.queue.get(&QueueName::parse("finance").expect("a name"));
        policy.cloned().expect("a queue")
    }

    #[track_caller]
    fn refused(text: &str, line: usize, says: &str) {
        let error = Config::parse("hearken.toml", text).expect_err(text).to_string();
        assert!(
            error.starts_with(&format!("hearken.toml:{line}:")) && error.contains(says),
            "{text}\n{error}"
        );
    }

    #[test]
    fn a_queue_is_read_with_all_its_keys() {
        let policy = read(
            "lease = \"5m\"\ndeadline = \"1h\"\nmax_attempts = 7\n\
             backoff = { first = \"2s\", factor = 3, max = \"1h\", jitter = 0.5 }\nconcurrency = 10\n\
             concurrency_per_key = 1\nblocked_by = \"earlier\"\nrate = { max = 100, per = \"1m\" }\n",
        );
        let want = QueuePolicy {
            lease: Some(5 * MINUTE),
            deadline: Some(60 * MINUTE),
            max_attempts: Some(7),
            backoff: Backoff {
                first: Some(Duration::from_secs(2)),
                factor: Some(3.0),
                max: Some(60 * MINUTE),
                jitter: Some(0.5),
            },
            concurrency: Some(10),
            concurrency_per_key: Some(1),
            blocked_by: Some(BlockedBy::Earlier),
            rate: Some(Rate { max: 100, per: MINUTE }),
        };
        assert_eq!(policy, want);
    }

    #[test]
    fn what_is_left_out_stays_at_the_default() {
        assert_eq!(read(""), QueuePolicy::default());
        let policy = read("backoff = { max = \"1d\" }\n");
        assert_eq!((policy.backoff.first, policy.backoff.max), (None, Some(24 * 60 * MINUTE)));
    }

    #[test]
    fn what_is_wrong_with_a_queue_has_its_place() {
        let check = |lines: &str, line, says| refused(&format!("[queue.finance]\n{lines}"), line, says);
        check("lease = \"4s\"\n", 2, "4s is not between 5s and 1day");
        check("lease = \"25h\"\n", 2, "is not between 5s and 1day");
        check("lease = 300\n", 2, "invalid type");
        check("lease = \"soon\"\n", 2, "not a duration");
        check("max_attempts = 0\n", 2, "0 is not between 1 and 100");
        check("max_attempts = 101\n", 2, "101 is not between 1 and 100");
        check("concurrency = 0\n", 2, "0 is not between 1 and 100000");
        check("concurrency_per_key = 10001\n", 2, "between 1 and 10000");
        check("backoff = { first = \"50ms\" }\n", 2, "50ms is not between 100ms and 1day");
        check("backoff = { factor = 0.5 }\n", 2, "0.5 is not between 1 and 10");
        check("backoff = { factor = nan }\n", 2, "is not between 1 and 10");
        check("backoff = { jitter = 1.5 }\n", 2, "1.5 is not between 0 and 1");
        check("backoff = { max = \"31d\" }\n", 2, "is not between 100ms and");
        check("backoff = { frist = \"1s\" }\n", 2, "unknown field `frist`");
        check("blocked_by = \"later\"\n", 2, "unknown variant");
        check("rate = { max = 10 }\n", 2, "missing field `per`");
        check("rate = { max = 0, per = \"1m\" }\n", 2, "0 is not between 1 and 1000000");
        check("rate = { max = 1, per = \"10ms\" }\n", 2, "10ms is not between 1s and 1day");
        check("lease = \"5m\"\nconcurency = 1\n", 3, "unknown field `concurency`");
        check("deadline = \"1m\"\n", 1, "`lease` is 5m (the default)");
        check("backoff = { first = \"2h\" }\n", 1, "`max` is 1h (the default)");
        check("blocked_by = \"failed\"\nconcurrency_per_key = 2\n", 1, "keeps the items of a key in order");
        refused("[queue.\"a b\"]\n", 1, "cannot be part of a name");
        refused("queue = 1\n", 1, "[queue.finance]");
    }
}
