//! `[endpoint.NAME]`: tables of yours whose rows are endpoints of webhooks.
//!
//! As with other tables, what is read here is text which will be put into statements,
//! and it is made sure that each part stays in its place.

use super::tables::text::{Expression, Table};
use crate::rules::endpoint::EndpointSpec;
use crate::rules::name::EndpointName;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// Reads the tables `[endpoint.NAME]`, one after the other, so that an error knows its
/// place.
pub(super) fn endpoints<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<EndpointName, EndpointSpec>, D::Error> {
    deserializer.deserialize_map(Endpoints)
}

struct Endpoints;

impl<'de> Visitor<'de> for Endpoints {
    type Value = BTreeMap<EndpointName, EndpointSpec>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tables such as [endpoint.plugins]")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut endpoints = BTreeMap::new();
        while let Some(EndpointKey(name)) = map.next_key()? {
            let written: WrittenEndpoint = map.next_value()?;
            endpoints.insert(name.clone(), written.spec(name));
        }
        Ok(endpoints)
    }
}

/// The name of a table of endpoints as a key.
struct EndpointKey(EndpointName);

impl<'de> Deserialize<'de> for EndpointKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        EndpointName::parse(&text).map(Self).map_err(D::Error::custom)
    }
}

/// A table of endpoints as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEndpoint {
    table: Table,
    id: Expression,
    url: Expression,
    secret: Option<Expression>,
    enabled: Option<Expression>,
    headers: Option<Expression>,
}

impl WrittenEndpoint {
    fn spec(self, name: EndpointName) -> EndpointSpec {
        let text = |expression: Option<Expression>| expression.map(|expression| expression.0);
        EndpointSpec {
            name,
            table: self.table.0,
            id: self.id.0,
            url: self.url.0,
            secret: text(self.secret),
            enabled: text(self.enabled),
            headers: text(self.headers),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const LEAST: &str = "table = \"hq_plugins\"\nid = \"id\"\nurl = \"webhook_url\"\n";

    #[test]
    fn a_table_of_endpoints_is_read_with_all_its_keys() {
        let spec = read(&format!(
            "{LEAST}secret = \"webhook_secret\"\nenabled = \"is_enabled and kind = 'webhook'\"\nheaders = \"config->'headers'\"\n"
        ));
        assert_eq!(
            (spec.name.as_str(), spec.table.quoted().as_str()),
            ("plugins", "\"public\".\"hq_plugins\"")
        );
        assert_eq!((spec.id.as_str(), spec.url.as_str()), ("id", "webhook_url"));
        assert_eq!(spec.secret.as_deref(), Some("webhook_secret"));
        assert_eq!(spec.enabled.as_deref(), Some("is_enabled and kind = 'webhook'"));
        assert_eq!(spec.headers.as_deref(), Some("config->'headers'"));
        let least = read(LEAST);
        assert_eq!((least.secret, least.enabled, least.headers), (None, None, None));
    }

    #[test]
    fn an_error_says_where() {
        refused("[endpoint.plugins]\ntable = \"a\"\nid = \"id\"\n", 1, "missing field `url`");
        refused(&format!("[endpoint.plugins]\n{LEAST}sceret = \"x\"\n"), 5, "unknown field `sceret`");
        refused(&format!("[endpoint.plugins]\n{LEAST}secret = \"a; b\"\n"), 5, "a `;` would end");
        refused(&format!("[endpoint.plugins]\n{LEAST}enabled = \"a, b\"\n"), 5, "two expressions");
        refused("[endpoint.plugins]\ntable = \"a.b.c\"\n", 2, "is no name of a table");
        refused(&format!("[endpoint.\"a b\"]\n{LEAST}"), 1, "cannot be part of a name");
        refused("endpoint = 1\n", 1, "[endpoint.plugins]");
    }

    fn read(lines: &str) -> EndpointSpec {
        let config =
            Config::parse("hearken.toml", &format!("[endpoint.plugins]\n{lines}")).expect("settings");
        config.endpoint.into_values().next().expect("an endpoint")
    }

    #[track_caller]
    fn refused(text: &str, line: usize, says: &str) {
        let error = Config::parse("hearken.toml", text).expect_err(text).to_string();
        assert!(
            error.starts_with(&format!("hearken.toml:{line}:")) && error.contains(says),
            "{text}\n{error}"
        );
    }
}
