//! `[webhooks]`: how items with `[webhook]` are delivered, by the daemon and by
//! `hearken work --webhooks`.

use super::limit::within;
use crate::rules::name::QueueName;
use crate::rules::webhook::address::Address;
use ipnet::IpNet;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// Each is a connection, and a body in memory.
const IN_FLIGHT: RangeInclusive<u32> = 1..=1_000;
/// A lease is renewed at a third of it; a deliverer which dies keeps its items so long.
const LEASE: RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(3600);
/// Nothing means that answers are not kept. A row of the log holds one.
const RESPONSE_BYTES: RangeInclusive<u32> = 0..=65_536;
/// Pausing after the first failure is for tests; after a hundred it is no use.
const PAUSE_AFTER: RangeInclusive<u32> = 1..=100;
/// The end of a pause is looked for by those who have items, not by a timer of its own.
const PAUSE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);

/// Who delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliverMode {
    /// Each daemon.
    On,
    /// Nobody but `hearken work --webhooks`.
    Off,
}

/// How webhooks are delivered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Webhooks {
    /// Whether daemons deliver.
    pub deliver: DeliverMode,
    /// The queues whose items are delivered.
    pub queues: Vec<QueueName>,
    /// How many requests are on their way at once, 1 to 1,000.
    pub in_flight: u32,
    /// How many of them to one endpoint; no more than `in_flight`.
    pub per_endpoint: u32,
    /// How long a lease is, 5 s to 1 h; it is renewed while a request takes longer.
    pub lease: Duration,
    /// Hosts which may be called without TLS: `host`, or `host:port`, in small letters.
    pub allow_http: Vec<String>,
    /// Networks which may be called though they are private.
    pub allow_private: Vec<IpNet>,
    /// How many bytes of an answer are kept, at most 64 KiB.
    pub response_bytes: u32,
    /// After so many failures in a row an endpoint is paused.
    pub pause_after: u32,
    /// For how long, the first time; each time twice as long as the last.
    pub pause_first: Duration,
    /// No pause is longer.
    pub pause_max: Duration,
    /// Certificates which are trusted besides those of the system.
    pub ca_file: Option<PathBuf>,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            deliver: DeliverMode::On,
            queues: QueueName::parse("webhooks").into_iter().collect(),
            in_flight: 64,
            per_endpoint: 8,
            lease: Duration::from_secs(60),
            allow_http: Vec::new(),
            allow_private: Vec::new(),
            response_bytes: 4096,
            pause_after: 5,
            pause_first: Duration::from_secs(30),
            pause_max: Duration::from_secs(15 * 60),
            ca_file: None,
        }
    }
}

/// As it is written: what is left out is the default, or follows from the rest.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    deliver: DeliverMode,
    #[serde(deserialize_with = "queues")]
    queues: Vec<QueueName>,
    #[serde(deserialize_with = "in_flight")]
    in_flight: u32,
    #[serde(deserialize_with = "per_endpoint")]
    per_endpoint: Option<u32>,
    #[serde(deserialize_with = "lease")]
    lease: Duration,
    #[serde(deserialize_with = "hosts")]
    allow_http: Vec<String>,
    #[serde(deserialize_with = "networks")]
    allow_private: Vec<IpNet>,
    #[serde(deserialize_with = "response_bytes")]
    response_bytes: u32,
    #[serde(deserialize_with = "pause_after")]
    pause_after: u32,
    #[serde(deserialize_with = "pause")]
    pause_first: Option<Duration>,
    #[serde(deserialize_with = "pause")]
    pause_max: Option<Duration>,
    ca_file: Option<PathBuf>,
}

impl Default for Written {
    fn default() -> Self {
        let Webhooks { deliver, queues, in_flight, lease, response_bytes, pause_after, .. } =
            Webhooks::default();
        Self {
            deliver,
            queues,
            in_flight,
            per_endpoint: None,
            lease,
            allow_http: Vec::new(),
            allow_private: Vec::new(),
            response_bytes,
            pause_after,
            pause_first: None,
            pause_max: None,
            ca_file: None,
        }
    }
}

impl TryFrom<Written> for Webhooks {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let default = Self::default();
        if written.per_endpoint.is_some_and(|per_endpoint| per_endpoint > written.in_flight) {
            return Err("`per_endpoint` is more than `in_flight`, which is all there are");
        }
        let (pause_first, pause_max) = match (written.pause_first, written.pause_max) {
            (Some(first), Some(max)) if first > max => {
                return Err("`pause_max` is less than `pause_first`");
            }
            (Some(first), Some(max)) => (first, max),
            (Some(first), None) => (first, default.pause_max.max(first)),
            (None, Some(max)) => (default.pause_first.min(max), max),
            (None, None) => (default.pause_first, default.pause_max),
        };
        Ok(Self {
            deliver: written.deliver,
            queues: written.queues,
            in_flight: written.in_flight,
            per_endpoint: written.per_endpoint.unwrap_or(default.per_endpoint.min(written.in_flight)),
            lease: written.lease,
            allow_http: written.allow_http,
            allow_private: written.allow_private,
            response_bytes: written.response_bytes,
            pause_after: written.pause_after,
            pause_first,
            pause_max,
            ca_file: written.ca_file,
        })
    }
}

fn in_flight<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    within(&IN_FLIGHT, deserializer)
}

fn per_endpoint<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    within(&IN_FLIGHT, deserializer).map(Some)
}

fn lease<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    within(&LEASE, deserializer)
}

fn response_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    within(&RESPONSE_BYTES, deserializer)
}

fn pause_after<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    within(&PAUSE_AFTER, deserializer)
}

fn pause<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    within(&PAUSE, deserializer).map(Some)
}

fn queues<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<QueueName>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    if texts.is_empty() {
        return Err(D::Error::custom("name at least one queue, or write `deliver = \"off\"`"));
    }
    let read = |text: &String| {
        let name = QueueName::parse(text);
        name.map_err(|error| D::Error::custom(format!("{text:?} is no name of a queue: {error}")))
    };
    texts.iter().map(read).collect()
}

fn hosts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Vec::<String>::deserialize(deserializer)?
        .into_iter()
        .map(|text| host(&text).map_err(D::Error::custom))
        .collect()
}

/// A host, with or without a port, and nothing else: who writes more, means more than
/// is looked at.
fn host(text: &str) -> Result<String, String> {
    let why = |what: &str| Err(format!("{text:?} is no host such as \"localhost:8080\": {what}"));
    if text.is_empty() {
        return why("it is empty");
    }
    if text.contains("://") {
        return why("leave out the scheme");
    }
    if text.contains('*') {
        return why("each host is named by itself");
    }
    let stranger = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '?' | '#' | '@' | '\\');
    if text.contains(stranger) {
        return why("leave out all but host and port");
    }
    // As it will be compared with what is called: what is no host there, allows nothing.
    if let Err(error) = Address::parse(&format!("http://{text}")) {
        return why(&error.to_string());
    }
    Ok(text.to_lowercase())
}

fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let read = |text: &String| {
        text.parse::<IpNet>().map(|network| network.trunc()).map_err(|_| {
            D::Error::custom(format!(
                "{text:?} is no network such as \"10.1.2.0/24\"; a single address is \"127.0.0.1/32\""
            ))
        })
    };
    texts.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn all_keys_are_read() {
        let webhooks = read(
            "deliver = \"off\"\nqueues = [\"hooks\", \"more\"]\nin_flight = 10\nper_endpoint = 2\nlease = \"2m\"\n\
             allow_http = [\"LOCALHOST:8080\"]\nallow_private = [\"10.1.2.3/24\", \"::1/128\"]\nresponse_bytes = 100\n\
             pause_after = 3\npause_first = \"10s\"\npause_max = \"1m\"\nca_file = \"/etc/own.pem\"\n",
        );
        assert_eq!(webhooks.deliver, DeliverMode::Off);
        assert_eq!(webhooks.queues.iter().map(QueueName::as_str).collect::<Vec<_>>(), ["hooks", "more"]);
        assert_eq!((webhooks.in_flight, webhooks.per_endpoint), (10, 2));
        assert_eq!(webhooks.allow_http, ["localhost:8080"]);
        let networks: Vec<String> = webhooks.allow_private.iter().map(ToString::to_string).collect();
        assert_eq!(networks, ["10.1.2.0/24", "::1/128"]);
        assert_eq!((webhooks.response_bytes, webhooks.pause_after), (100, 3));
        assert_eq!((webhooks.pause_first.as_secs(), webhooks.pause_max.as_secs()), (10, 60));
        assert_eq!(webhooks.ca_file, Some(PathBuf::from("/etc/own.pem")));
    }

    #[test]
    fn what_is_left_out_is_the_default_or_follows() {
        assert_eq!(read(""), Webhooks::default());
        assert_eq!(read("in_flight = 4\n").per_endpoint, 4);
        assert_eq!(read("pause_first = \"1h\"\n").pause_max.as_secs(), 3600);
        assert_eq!(read("pause_max = \"5s\"\n").pause_first.as_secs(), 5);
    }

    /// The page cannot forget a key, nor show one which is not there.
    #[test]
    fn the_page_shows_all_keys_with_their_defaults() {
        let page = include_str!("../../docs/webhooks.md");
        let shown: String =
            page.split("```toml fragment\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        let config = Config::parse("docs/webhooks.md", &shown).expect("settings");
        assert_eq!(config.endpoint.len(), 1);
        let webhooks = config.webhooks.expect("a table");
        assert_eq!((webhooks.allow_http.len(), webhooks.allow_private.len()), (1, 2));
        assert!(webhooks.ca_file.is_some());
        let plain = Webhooks { allow_http: Vec::new(), allow_private: Vec::new(), ca_file: None, ..webhooks };
        assert_eq!(plain, Webhooks::default());
        for key in ["`deliver`", "`queues`", "`in_flight`", "`per_endpoint`", "`lease`", "`allow_http`"] {
            assert!(page.contains(&format!("| {key} |")), "{key}");
        }
        for key in ["`allow_private`", "`response_bytes`", "`pause_after`", "`ca_file`"] {
            assert!(page.contains(&format!("| {key} |")), "{key}");
        }
        assert!(page.contains("| `pause_first`, `pause_max` |"));
    }

    #[test]
    fn an_error_says_where() {
        refused("in_flight = 0\n", 2, "0 is not between 1 and 1000");
        refused("in_flight = 4\nper_endpoint = 8\n", 1, "`per_endpoint` is more");
        refused("pause_first = \"2m\"\npause_max = \"1m\"\n", 1, "`pause_max` is less");
        refused("lease = \"1s\"\n", 2, "1s is not between 5s and 1h");
        refused("queues = []\n", 2, "at least one queue");
        refused("queues = [\"a b\"]\n", 2, "no name of a queue");
        refused("allow_http = [\"http://localhost\"]\n", 2, "this value does not fit here");
        refused("allow_http = [\"localhost/x\"]\n", 2, "leave out all but host and port");
        refused("allow_http = [\"*.internal\"]\n", 2, "each host is named by itself");
        refused("allow_http = [\"localhost:99999\"]\n", 2, "its port is not a number");
        refused("allow_http = [\"::1\"]\n", 2, "is no host such as");
        refused("allow_private = [\"10.0.0.1\"]\n", 2, "no network such as");
        refused("deliver = \"perhaps\"\n", 2, "unknown variant");
        refused("retry = 3\n", 2, "unknown field `retry`");
    }

    fn read(lines: &str) -> Webhooks {
        let text = format!("[webhooks]\n{lines}");
        Config::parse("hearken.toml", &text).expect("settings").webhooks.expect("a table")
    }

    #[track_caller]
    fn refused(lines: &str, line: usize, says: &str) {
        let text = format!("[webhooks]\n{lines}");
        let error = Config::parse("hearken.toml", &text).expect_err(lines).to_string();
        assert!(error.starts_with(&format!("hearken.toml:{line}:")) && error.contains(says), "{error}");
    }
}
