//! What the daemon knows of itself: for `/readyz`, `/status` and the metrics.

use crate::rules::name::SourceName;
use dashmap::DashMap;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What this daemon is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It has no connection, or no schema.
    Starting,
    /// Another one leads; this one waits.
    Standby,
    /// It does the work.
    Leader,
}

impl Role {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Standby => "standby",
            Self::Leader => "leader",
        }
    }
}

/// How long a leader may go without a look that succeeded, beyond its poll.
const STALL_AFTER: Duration = Duration::from_secs(15);

/// The live registry: what each part last said, and the metrics.
#[derive(Debug)]
pub struct Status {
    /// Why this daemon is not ready, by part. Empty means ready.
    troubles: DashMap<&'static str, String>,
    facts: DashMap<&'static str, Value>,
    /// How each source stands: `in use`, or why not.
    sources: DashMap<String, String>,
    looked: Mutex<Option<Instant>>,
    poll: Duration,
    registry: Registry,
    /// The metrics.
    pub metrics: Metrics,
}

/// The metrics, named as Prometheus wants them: base units, counters with
/// `_total`.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Rows read from the log.
    pub events: Counter,
    /// Matches of events and routines, and ticks.
    pub matches: Counter,
    /// New items.
    pub items: Counter,
    /// Drafts whose item was there before.
    pub duplicates: Counter,
    /// Drafts which a gate held, or which joined others.
    pub held: Counter,
    /// Drafts which a gate stopped.
    pub stopped: Counter,
    /// Dead letters written.
    pub dead: Counter,
    /// Passes that did something.
    pub passes: Counter,
    /// Passes that found nothing.
    pub empty: Counter,
    /// Passes that failed and were rolled back.
    pub failed: Counter,
    /// Notifications of the doorbell heard.
    pub bells: Counter,
    /// Times of leadership begun.
    pub terms: Counter,
    /// Reloads of the routines that failed.
    pub reload_failures: Counter,
    /// 1 if this daemon leads.
    pub leader: Gauge,
    /// How many routines are in force.
    pub routines: Gauge,
    /// The hash of the set in force, as a label of the value 1.
    pub routines_info: Family<SetLabels, Gauge>,
    /// How many rows the sources of routines have, in use and refused.
    pub routine_rows: Family<RowLabels, Gauge>,
    /// 1 for each source which can be used, 0 for one which cannot.
    pub sources: Family<SourceLabels, Gauge>,
    /// How long a pass took, from claim to commit.
    pub pass_seconds: Histogram,
}

/// Which rows of a source of routines are counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RowLabels {
    /// The name of the source.
    pub source: String,
    /// `used`, or `refused` for those which cannot be used.
    pub state: &'static str,
}

/// A source which is a table of the user's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SourceLabels {
    /// Its name.
    pub source: String,
}

/// Which set of routines is in force.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SetLabels {
    /// The hash of names and versions.
    pub hash: String,
}

impl Status {
    /// A status for a daemon that looks at least every `poll`.
    #[must_use]
    pub fn new(poll: Duration) -> Self {
        let mut registry = Registry::with_prefix("hearken");
        let metrics = Metrics::register(&mut registry);
        let status = Self {
            troubles: DashMap::new(),
            facts: DashMap::new(),
            sources: DashMap::new(),
            looked: Mutex::new(None),
            poll,
            registry,
            metrics,
        };
        status.trouble("database", "not connected yet");
        status
    }

    /// A part is not well.
    pub fn trouble(&self, part: &'static str, why: impl Into<String>) {
        self.troubles.insert(part, why.into());
    }

    /// A part is not well; says whether it is news.
    #[must_use]
    pub fn complains_anew(&self, part: &'static str, why: &str) -> bool {
        self.troubles.insert(part, why.to_owned()).is_none_or(|before| before != why)
    }

    /// A part is well.
    pub fn well(&self, part: &'static str) {
        self.troubles.remove(part);
    }

    /// Something worth knowing, for `/status`.
    pub fn fact(&self, name: &'static str, value: impl Into<Value>) {
        self.facts.insert(name, value.into());
    }

    /// How a source stands which is a table of the user's. One which cannot be used
    /// does not make the daemon unready: the others go on.
    pub fn source(&self, name: &SourceName, stands: Result<(), &str>) {
        let labels = SourceLabels { source: name.as_str().to_owned() };
        self.metrics.sources.get_or_create(&labels).set(i64::from(stands.is_ok()));
        self.sources.insert(name.as_str().to_owned(), stands.err().unwrap_or("in use").to_owned());
    }

    /// What this daemon is now.
    pub fn role(&self, role: Role) {
        self.metrics.leader.set(i64::from(role == Role::Leader));
        self.fact("role", role.as_str());
        if role != Role::Leader {
            self.with_looked(|looked| *looked = None);
        }
    }

    /// A look at the log succeeded.
    pub fn looked(&self) {
        self.with_looked(|looked| *looked = Some(Instant::now()));
    }

    fn with_looked<T>(&self, f: impl FnOnce(&mut Option<Instant>) -> T) -> T {
        // Nothing panics while it holds this lock; if something did, the value
        // would still be good.
        f(&mut self.looked.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Why this daemon is not ready; empty if it is.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        let mut all: Vec<String> =
            self.troubles.iter().map(|entry| format!("{}: {}", entry.key(), entry.value())).collect();
        let stalled = self.with_looked(|looked| looked.map(|at| at.elapsed()));
        if let Some(since) = stalled.filter(|since| *since > self.poll * 2 + STALL_AFTER) {
            all.push(format!("progress: no look at the log succeeded for {} s", since.as_secs()));
        }
        all.sort();
        all
    }

    /// Everything known, as JSON.
    #[must_use]
    pub fn describe(&self) -> Value {
        let mut all = serde_json::Map::new();
        for entry in &self.facts {
            all.insert((*entry.key()).to_owned(), entry.value().clone());
        }
        if !self.sources.is_empty() {
            let sources = self.sources.iter().map(|entry| (entry.key().clone(), json!(entry.value())));
            all.insert("sources".into(), Value::Object(sources.collect()));
        }
        let troubles = self.troubles();
        all.insert("ready".into(), json!(troubles.is_empty()));
        all.insert("troubles".into(), json!(troubles));
        Value::Object(all)
    }

    /// The metrics in the text format of Prometheus.
    #[must_use]
    pub fn encode_metrics(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Metrics {
    fn register(registry: &mut Registry) -> Self {
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let metrics = Self {
            events: counter("events_claimed", "Rows read from the log"),
            matches: counter("matches", "Matches of events and routines, and ticks"),
            items: counter("items_created", "Items put into the inbox"),
            duplicates: counter("items_duplicate", "Drafts whose item was there before"),
            held: counter("drafts_held", "Drafts which a gate held, or which joined others"),
            stopped: counter("drafts_stopped", "Drafts which a gate stopped, duplicates not counted"),
            dead: counter("dead_letters", "Dead letters written"),
            passes: counter("passes", "Passes that did something"),
            empty: counter("passes_empty", "Passes that found nothing"),
            failed: counter("passes_failed", "Passes that failed and were rolled back"),
            bells: counter("bells", "Notifications of the doorbell heard"),
            terms: counter("terms", "Times of leadership begun"),
            reload_failures: counter("reload_failures", "Reloads of the routines that failed"),
            leader: Gauge::default(),
            routines: Gauge::default(),
            routines_info: Family::default(),
            routine_rows: Family::default(),
            sources: Family::default(),
            pass_seconds: Histogram::new(exponential_buckets(0.000_5, 2.0, 16)),
        };
        registry.register("leader", "1 if this daemon leads", metrics.leader.clone());
        registry.register("routines", "Routines in force", metrics.routines.clone());
        let info = "Always 1, for the hash of the set of routines in force";
        registry.register("routines_info", info, metrics.routines_info.clone());
        let rows = "Rows of the sources of routines, by source: used, or refused with a problem";
        registry.register("routine_rows", rows, metrics.routine_rows.clone());
        let sources = "Tables of yours which are sources: 1 if it can be used";
        registry.register("source_up", sources, metrics.sources.clone());
        registry.register(
            "pass_seconds",
            "Duration of a pass, from claim to commit",
            metrics.pass_seconds.clone(),
        );
        metrics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_is_ready_once_nothing_is_in_trouble() {
        let status = Status::new(Duration::from_secs(60));
        assert_eq!(status.troubles(), ["database: not connected yet"]);
        status.well("database");
        assert_eq!(status.describe()["ready"], json!(true));
        status.trouble("routines", "refund.toml is broken");
        assert_eq!(status.describe()["ready"], json!(false));
    }

    #[test]
    fn metrics_are_in_the_text_format() {
        let status = Status::new(Duration::from_secs(60));
        status.metrics.items.inc_by(3);
        assert!(status.encode_metrics().contains("hearken_items_created_total 3"));
    }
}
