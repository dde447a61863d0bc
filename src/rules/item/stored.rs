//! Drafts as JSON: how they are kept while a gate holds them.
//!
//! What is written by one release is read by the next, so the form is spelled out
//! here and not left to the types. Names are checked when they are read: a draft
//! which somebody edited in the database becomes an error and no item.

use super::{Cause, DedupKey, ItemDraft};
use crate::rules::name::{ItemName, QueueName, RoutineName};
use crate::rules::routine::Version;
use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::fmt::Display;

/// A draft as it is written.
#[derive(Serialize)]
struct Written<'a> {
    routine: &'a str,
    version: &'a str,
    item: &'a str,
    cause: Cause,
    key: DedupKey,
    queue: &'a str,
    priority: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<Timestamp>,
    attempts_max: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    title: &'a str,
    instructions: &'a str,
    context: &'a Value,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tags: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    chain: Vec<&'a str>,
}

/// A draft as it is read, before it is checked.
#[derive(Deserialize)]
struct Stored {
    routine: String,
    version: String,
    item: String,
    cause: Cause,
    key: DedupKey,
    queue: String,
    priority: i32,
    #[serde(default)]
    due_at: Option<Timestamp>,
    attempts_max: i32,
    #[serde(default)]
    tenant: Option<String>,
    title: String,
    instructions: String,
    context: Value,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    chain: Vec<String>,
}

impl Serialize for ItemDraft {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = Written {
            routine: self.routine.as_str(),
            version: self.version.as_str(),
            item: self.item.as_str(),
            cause: self.cause,
            key: self.key,
            queue: self.queue.as_str(),
            priority: self.priority,
            due_at: self.due_at,
            attempts_max: self.attempts_max,
            tenant: self.tenant.as_deref(),
            title: &self.title,
            instructions: &self.instructions,
            context: &self.context,
            tags: &self.tags,
            chain: self.chain.iter().map(RoutineName::as_str).collect(),
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ItemDraft {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Stored::deserialize(deserializer)?.check().map_err(D::Error::custom)
    }
}

impl Stored {
    fn check(self) -> Result<ItemDraft, String> {
        let chain = self.chain.iter().map(|name| named("chain", RoutineName::parse(name)));
        let version = Version::parse(&self.version);
        if !self.context.is_object() {
            return Err("`context` is no object".to_owned());
        }
        Ok(ItemDraft {
            routine: named("routine", RoutineName::parse(&self.routine))?,
            version: version.ok_or("`version` is no version of a routine")?,
            item: named("item", ItemName::parse(&self.item))?,
            cause: self.cause,
            key: self.key,
            queue: named("queue", QueueName::parse(&self.queue))?,
            priority: self.priority,
            due_at: self.due_at,
            attempts_max: self.attempts_max,
            tenant: self.tenant,
            title: self.title,
            instructions: self.instructions.into(),
            context: self.context,
            tags: self.tags.into(),
            chain: chain.collect::<Result<_, _>>()?,
        })
    }
}

/// The name, or what is wrong with it and where.
fn named<T, E: Display>(field: &str, name: Result<T, E>) -> Result<T, String> {
    name.map_err(|error| format!("`{field}` is no name: {error}"))
}

impl Serialize for DedupKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for DedupKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut key = [0; 32];
        let read = hex::decode_to_slice(&text, &mut key);
        read.map_err(|error| D::Error::custom(format!("a key is 64 hex digits: {error}")))?;
        Ok(Self(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn what_is_written_is_read_back() {
        check_round_trip(&draft());
        let more = ItemDraft {
            cause: Cause::Tick(Timestamp::from_nanosecond(1_234_567_890_123_456_789).unwrap()),
            due_at: Some(Timestamp::from_nanosecond(-1).unwrap()),
            tenant: Some(String::new()),
            instructions: "Look.\n\u{1}".into(),
            tags: vec!["a b".to_owned(), String::new()].into(),
            chain: vec![RoutineName::parse("a").unwrap(), RoutineName::parse("hq.b").unwrap()],
            ..draft()
        };
        check_round_trip(&more);
    }

    #[test]
    fn numbers_keep_their_digits() {
        let context = serde_json::from_str(r#"{ "items": [{ "n": 12345678901234567890.120 }] }"#).unwrap();
        let draft = ItemDraft { context, ..draft() };
        check_round_trip(&draft);
        assert!(serde_json::to_string(&draft).unwrap().contains("12345678901234567890.120"));
    }

    #[test]
    fn the_form_does_not_change() {
        let key = "07".repeat(32);
        let want = json!({
            "routine": "r", "version": Version::of("").as_str(), "item": "item", "cause": { "event": 5 },
            "key": key, "queue": "q", "priority": -1, "attempts_max": 5, "title": "t", "instructions": "",
            "context": { "a": null },
        });
        assert_eq!(serde_json::to_value(draft()).unwrap(), want);
    }

    #[test]
    fn what_is_no_draft_is_refused() {
        check_refused("routine", json!("a b"), "`routine` is no name: ' ' cannot be part of a name");
        check_refused("queue", json!(""), "`queue` is no name: a name cannot be empty");
        check_refused("chain", json!(["a", "ü"]), "`chain` is no name: 'ü' cannot be part of a name");
        check_refused("version", json!("x"), "`version` is no version of a routine");
        check_refused("context", json!([1]), "`context` is no object");
        check_refused("key", json!("0707"), "a key is 64 hex digits");
        check_refused("key", json!("zz".repeat(32)), "a key is 64 hex digits");
        check_refused("cause", json!({ "whim": 1 }), "unknown variant `whim`");
    }

    proptest! {
        #[test]
        fn any_text_survives(title in ".{0,20}", instructions in "\\PC{0,20}", value in "(?s).{0,20}") {
            let context = json!({ "v": value });
            check_round_trip(&ItemDraft { title, instructions: instructions.into(), context, ..draft() });
        }
    }

    fn draft() -> ItemDraft {
        ItemDraft {
            routine: RoutineName::parse("r").unwrap(),
            version: Version::of(""),
            item: ItemName::only(),
            cause: Cause::Event(5),
            key: DedupKey([7; 32]),
            queue: QueueName::parse("q").unwrap(),
            priority: -1,
            due_at: None,
            attempts_max: 5,
            tenant: None,
            title: "t".to_owned(),
            instructions: "".into(),
            context: json!({ "a": null }),
            tags: [].into(),
            chain: Vec::new(),
        }
    }

    #[track_caller]
    fn check_round_trip(draft: &ItemDraft) {
        let text = serde_json::to_string(draft).unwrap();
        let read: ItemDraft = serde_json::from_str(&text).unwrap();
        assert_eq!(read, *draft, "{text}");
        let value: ItemDraft = serde_json::from_value(serde_json::to_value(draft).unwrap()).unwrap();
        assert_eq!(value, *draft, "{text}");
    }

    #[track_caller]
    fn check_refused(field: &str, value: Value, want: &str) {
        let mut json = serde_json::to_value(draft()).unwrap();
        json[field] = value;
        let error = serde_json::from_value::<ItemDraft>(json).unwrap_err().to_string();
        assert!(error.starts_with(want), "{error}");
    }
}
