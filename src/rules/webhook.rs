//! How an item is delivered to an endpoint: what stands in the column `webhook`.
//!
//! A routine with `[webhook]` makes ordinary items which carry this beside their
//! content. It holds everything that a deliverer needs and no secret: a secret is a
//! reference to the environment or to a file *of the deliverer*, read when it is used,
//! so that it stands in no row, no dump and no log.
//!
//! As JSON it is kept in the database and read by the next release, so its form is
//! spelled out by the tests below. Keys which a reader does not know are passed over.

pub mod address;

use super::name::EndpointName;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// How one item is delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Where it goes.
    pub to: Target,
    /// Headers of the routine's own, by their names in lower case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, HeaderValue>,
    /// What it is signed with. An endpoint of a table has its own secret there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretRef>,
    /// How the event is written into the request.
    #[serde(default)]
    pub mode: Mode,
    /// How long one attempt may take, in milliseconds.
    pub timeout_ms: u64,
    /// The pauses between attempts, in milliseconds: one fewer than attempts.
    pub retry_ms: Vec<u64>,
}

/// Where an item is delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// To this address.
    Url(String),
    /// To a row of a table which the settings describe.
    Endpoint {
        /// The table, as the settings call it.
        #[serde(serialize_with = "write_name", deserialize_with = "read_name")]
        name: EndpointName,
        /// Which row of it, as text.
        id: String,
    },
}

/// The value of a header: text, or where a deliverer finds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum HeaderValue {
    /// The value itself.
    Text(String),
    /// Where the value is found when the item is delivered.
    Secret(SecretRef),
}

/// Where a deliverer finds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    /// In this variable of its environment.
    Env(String),
    /// In this file: an absolute path.
    File(String),
}

/// How the event is written into a request: the two modes of CloudEvents over HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The body is the whole event, attributes and data, as one JSON object.
    #[default]
    Structured,
    /// The attributes are headers, `ce-…`, and the body is the data.
    Binary,
}

impl Delivery {
    /// How many attempts there are: one more than pauses.
    #[must_use]
    pub fn attempts(&self) -> i32 {
        i32::try_from(self.retry_ms.len()).unwrap_or(i32::MAX).saturating_add(1)
    }
}

fn write_name<S: Serializer>(name: &EndpointName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name.as_str())
}

fn read_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<EndpointName, D::Error> {
    let text = String::deserialize(deserializer)?;
    let name = EndpointName::parse(&text);
    name.map_err(|error| D::Error::custom(format!("`endpoint.name` is no name: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn plain(to: Target) -> Delivery {
        Delivery {
            to,
            headers: BTreeMap::new(),
            secret: None,
            mode: Mode::Structured,
            timeout_ms: 15_000,
            retry_ms: vec![5_000, 300_000],
        }
    }

    fn endpoint(name: &str, id: &str) -> Target {
        Target::Endpoint { name: EndpointName::parse(name).unwrap(), id: id.to_owned() }
    }

    #[track_caller]
    fn check(delivery: &Delivery, written: Value) {
        assert_eq!(serde_json::to_value(delivery).unwrap(), written);
        assert_eq!(&serde_json::from_value::<Delivery>(written).unwrap(), delivery);
    }

    #[track_caller]
    fn check_refused(written: Value, part: &str) {
        let error = serde_json::from_value::<Delivery>(written).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }

    #[test]
    fn a_delivery_to_an_address_is_written_and_read() {
        check(
            &plain(Target::Url("https://example.org/hook".to_owned())),
            json!({
                "to": { "url": "https://example.org/hook" },
                "mode": "structured",
                "timeout_ms": 15_000,
                "retry_ms": [5_000, 300_000],
            }),
        );
    }

    #[test]
    fn a_delivery_to_an_endpoint_is_written_and_read() {
        let mut delivery = plain(endpoint("plugins", "7"));
        delivery.mode = Mode::Binary;
        delivery.secret = Some(SecretRef::File("/run/secrets/hook".to_owned()));
        delivery.headers = BTreeMap::from([
            ("authorization".to_owned(), HeaderValue::Secret(SecretRef::Env("TOKEN".to_owned()))),
            ("x-team".to_owned(), HeaderValue::Text("finance".to_owned())),
        ]);
        check(
            &delivery,
            json!({
                "to": { "endpoint": { "name": "plugins", "id": "7" } },
                "headers": { "authorization": { "env": "TOKEN" }, "x-team": "finance" },
                "secret": { "file": "/run/secrets/hook" },
                "mode": "binary",
                "timeout_ms": 15_000,
                "retry_ms": [5_000, 300_000],
            }),
        );
    }

    #[test]
    fn what_a_later_release_adds_is_passed_over() {
        let written = json!({
            "to": { "url": "https://example.org" }, "timeout_ms": 1000, "retry_ms": [], "colour": "red",
        });
        let read: Delivery = serde_json::from_value(written).unwrap();
        assert_eq!(read.mode, Mode::Structured);
        assert_eq!(read.attempts(), 1);
    }

    #[test]
    fn what_is_no_delivery_says_why() {
        check_refused(json!({ "timeout_ms": 1, "retry_ms": [] }), "missing field `to`");
        check_refused(
            json!({ "to": { "endpoint": { "name": "a b", "id": "7" } }, "timeout_ms": 1, "retry_ms": [] }),
            "`endpoint.name` is no name",
        );
        check_refused(json!({ "to": { "mail": "a@b" }, "timeout_ms": 1, "retry_ms": [] }), "unknown variant");
    }
}
