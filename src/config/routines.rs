//! `[routines.NAME]`: tables of yours whose rows are routines.

use super::limit;
use crate::rules::foreign::Tables;
use crate::rules::routine::rows::{QueuePattern, RoleName, RowSourceName, Tenants, Trust};
use crate::rules::sql::Sql;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// What the statement of a source begins with.
const VERBS: [&str; 5] = ["select", "with", "values", "table", "("];

/// A source of routines: a query, and what its rows may do.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoutineSource {
    /// The query: columns `name` and `routine`, and `tenant` where there is one.
    #[serde(deserialize_with = "sql")]
    pub sql: Sql,
    /// How often to ask it though nobody notified, 1 s to 1 h.
    #[serde(default = "refresh", deserialize_with = "limit::refresh")]
    pub refresh: Duration,
    /// The queues which its items may go to.
    #[serde(deserialize_with = "queues")]
    pub queues: Vec<QueuePattern>,
    /// Whose its routines may be.
    #[serde(default, deserialize_with = "tenants")]
    pub tenants: Tenants,
    /// The role as which the SQL of its routines runs; without it they have none.
    #[serde(default, deserialize_with = "role")]
    pub run_as: Option<RoleName>,
    /// So many rows it may have; more are an error.
    #[serde(default = "max", deserialize_with = "limit::rows")]
    pub max: u32,
}

impl RoutineSource {
    /// What the rows of this source may do.
    #[must_use]
    pub fn trust(&self, name: &RowSourceName, tables: &Tables) -> Trust {
        Trust {
            tables: tables.clone(),
            source: name.clone(),
            queues: self.queues.clone(),
            tenants: self.tenants.clone(),
            run_as: self.run_as.clone(),
        }
    }
}

fn refresh() -> Duration {
    Duration::from_secs(10)
}

fn max() -> u32 {
    5000
}

/// Reads the table of sources, one after the other, so that an error knows its
/// place.
pub(super) fn sources<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<RowSourceName, RoutineSource>, D::Error> {
    deserializer.deserialize_map(Sources)
}

struct Sources;

impl<'de> Visitor<'de> for Sources {
    type Value = BTreeMap<RowSourceName, RoutineSource>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tables such as [routines.app]; the folder of routine files is `routines` in [daemon]")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut sources = BTreeMap::new();
        while let Some(name) = map.next_key::<SourceKey>()? {
            sources.insert(name.0, map.next_value()?);
        }
        Ok(sources)
    }
}

/// The name of a source as a key.
struct SourceKey(RowSourceName);

impl<'de> Deserialize<'de> for SourceKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        RowSourceName::parse(&text).map(Self).map_err(D::Error::custom)
    }
}

pub(super) fn sql<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sql, D::Error> {
    let sql = Sql::parse(&String::deserialize(deserializer)?).map_err(|error| {
        let help = error.help.map(|help| format!("; {help}")).unwrap_or_default();
        D::Error::custom(format!("{}{help}", error.message))
    })?;
    if !sql.parameters().is_empty() {
        return Err(D::Error::custom("this query has no parameters: there is nothing to give it"));
    }
    if VERBS.contains(&sql.verb()) {
        return Ok(sql);
    }
    let verb = sql.verb();
    Err(D::Error::custom(format!(
        "the query only reads: it begins with `select` or `with`, not with `{verb}`"
    )))
}

fn queues<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<QueuePattern>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    if texts.is_empty() {
        return Err(D::Error::custom("without a queue no row could make an item; `[\"*\"]` is any queue"));
    }
    let read = |text: &String| {
        QueuePattern::parse(text).map_err(|error| {
            D::Error::custom(format!(
                "{text:?} is neither a queue nor the beginning of some with a star: {error}"
            ))
        })
    };
    texts.iter().map(read).collect()
}

fn tenants<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tenants, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        One(String),
        Many(BTreeSet<String>),
    }
    let error = || D::Error::custom("expected a list of tenants, or \"*\" for any");
    match Written::deserialize(deserializer).map_err(|_| error())? {
        Written::One(star) if star == "*" => Ok(Tenants::Any),
        Written::One(_) => Err(error()),
        Written::Many(tenants) if tenants.len() == 1 && tenants.contains("*") => Ok(Tenants::Any),
        Written::Many(tenants) if tenants.contains("*") => {
            Err(D::Error::custom("`*` is any tenant: it stands alone"))
        }
        Written::Many(tenants) if tenants.is_empty() => {
            Err(D::Error::custom("without a tenant there is no routine; leave `tenants` out for any"))
        }
        Written::Many(tenants) => Ok(Tenants::Only(tenants)),
    }
}

fn role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<RoleName>, D::Error> {
    RoleName::parse(&String::deserialize(deserializer)?).map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_source_is_read_with_all_its_keys() {
        let config = read(
            "sql = \"select * from routines;\"\nrefresh = \"1m\"\nqueues = [\"hq-*\", \"ops\"]\n\
             tenants = [\"t1\", \"t2\"]\nrun_as = \"hq_routines\"\nmax = 100\n",
        );
        let (name, source) = config.routines.first_key_value().expect("a source");
        assert_eq!((name.as_str(), source.sql.text()), ("hq", "select * from routines"));
        assert_eq!((source.refresh, source.max), (Duration::from_secs(60), 100));
        let trust = source.trust(name, &Tables::default());
        assert_eq!(trust.run_as.as_ref().map(RoleName::as_str), Some("hq_routines"));
        assert_eq!(trust.tenants, Tenants::Only(["t1", "t2"].map(str::to_owned).into()));
        assert!(trust.queues.iter().any(|queue| queue.matches("hq-ann")));
    }

    #[test]
    fn two_keys_are_required_and_the_others_have_defaults() {
        let config = read("sql = \"table r\"\nqueues = [\"*\"]\n");
        let (_, source) = config.routines.first_key_value().expect("a source");
        assert_eq!((source.refresh, source.max), (Duration::from_secs(10), 5000));
        assert_eq!((&source.tenants, &source.run_as), (&Tenants::Any, &None));
        for any in ["\"*\"", "[\"*\"]"] {
            let config = read(&format!("sql = \"table r\"\nqueues = [\"*\"]\ntenants = {any}\n"));
            assert!(config.routines.values().all(|source| source.tenants == Tenants::Any));
        }
    }

    #[test]
    fn an_error_says_where() {
        let (sql, queues) = ("sql = \"table r\"\n", "queues = [\"*\"]\n");
        check(&format!("[routines.hq]\n{queues}"), 1, "missing field `sql`");
        check(&format!("[routines.hq]\n{sql}"), 1, "missing field `queues`");
        check(&format!("[routines.hq]\n{sql}{queues}sqll = 1\n"), 4, "unknown field `sqll`");
        check(&format!("[routines.hq]\n{sql}queues = []\n"), 3, "any queue");
        check(&format!("[routines.hq]\n{sql}queues = [\"a*b\"]\n"), 3, "neither a queue");
        check(&format!("[routines.hq]\n{queues}sql = \"delete from r\"\n"), 3, "only reads");
        check(&format!("[routines.hq]\n{queues}sql = \"select $1\"\n"), 3, "no parameters");
        check(&format!("[routines.hq]\n{queues}sql = \"select 1; select 2\"\n"), 3, "its second");
        check(&format!("[routines.hq]\n{sql}{queues}tenants = \"t1\"\n"), 4, "a list of tenants");
        check(&format!("[routines.hq]\n{sql}{queues}tenants = []\n"), 4, "without a tenant");
        check(&format!("[routines.hq]\n{sql}{queues}tenants = [\"*\", \"t\"]\n"), 4, "stands alone");
        check(&format!("[routines.hq]\n{sql}{queues}run_as = \"none\"\n"), 4, "is no role");
        check(&format!("[routines.hq]\n{sql}{queues}max = 0\n"), 4, "0 is not between 1 and 100000");
        check(&format!("[routines.hq]\n{sql}{queues}refresh = \"10ms\"\n"), 4, "not between 1s and 1h");
        check(&format!("[routines.\"a.b\"]\n{sql}{queues}"), 1, "has no dot");
        check("routines = \"routines\"\n", 1, "in [daemon]");
    }

    fn read(lines: &str) -> Config {
        Config::parse("hearken.toml", &format!("[routines.hq]\n{lines}")).expect("settings")
    }

    #[track_caller]
    fn check(text: &str, line: usize, says: &str) {
        let error = Config::parse("hearken.toml", text).expect_err(text).to_string();
        assert!(error.starts_with(&format!("hearken.toml:{line}:")) && error.contains(says), "{error}");
    }
}
