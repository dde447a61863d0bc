//! Drafts as JSON: how they are kept while a gate holds them.
//!
//! What is written by one release is read by the next, so the form is spelled out
//! here and not left to the types. Names are checked when they are read: a draft
//! which somebody edited in the database becomes an error and no item.

use super::{Cause, DedupKey, Foreign, FromRow, ItemDraft};
use crate::rules::name::{InboxName, ItemName, QueueName, RoutineName, SourceName};
use crate::rules::routine::Version;
use crate::rules::webhook::Delivery;
use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::fmt::Display;
use std::sync::Arc;

/// A draft as it is written. What few drafts have is left out of the others: what comes
/// with tables of the user's, an ordering key, and how to deliver it.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts_max: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    title: &'a str,
    instructions: &'a str,
    context: &'a Value,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tags: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    chain: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<WrittenFrom<'a>>,
    #[serde(skip_serializing_if = "is_first")]
    row: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    foreign: Option<WrittenForeign<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook: Option<&'a Delivery>,
}

#[derive(Serialize)]
struct WrittenFrom<'a> {
    source: &'a str,
    id: &'a str,
}

#[derive(Serialize)]
struct WrittenForeign<'a> {
    inbox: &'a str,
    columns: &'a Map<String, Value>,
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
    #[serde(default)]
    attempts_max: Option<i32>,
    #[serde(default)]
    tenant: Option<String>,
    title: String,
    instructions: String,
    context: Value,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    chain: Vec<String>,
    #[serde(default)]
    from: Option<StoredFrom>,
    #[serde(default)]
    row: u32,
    #[serde(default)]
    foreign: Option<StoredForeign>,
    #[serde(default)]
    order_key: Option<String>,
    #[serde(default)]
    webhook: Option<Delivery>,
}

#[derive(Deserialize)]
struct StoredFrom {
    source: String,
    id: String,
}

#[derive(Deserialize)]
struct StoredForeign {
    inbox: String,
    columns: Map<String, Value>,
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
            from: self.from.as_deref().map(|from| WrittenFrom { source: from.source.as_str(), id: &from.id }),
            row: self.row,
            foreign: self
                .foreign
                .as_ref()
                .map(|foreign| WrittenForeign { inbox: foreign.inbox.as_str(), columns: &foreign.columns }),
            order_key: self.order_key.as_deref(),
            webhook: self.webhook.as_deref(),
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
            from: self.from.map(StoredFrom::check).transpose()?.map(Arc::new),
            row: self.row,
            foreign: self.foreign.map(StoredForeign::check).transpose()?,
            order_key: self.order_key,
            webhook: self.webhook.map(Arc::new),
        })
    }
}

impl StoredFrom {
    fn check(self) -> Result<FromRow, String> {
        Ok(FromRow { source: named("from.source", SourceName::parse(&self.source))?, id: self.id })
    }
}

impl StoredForeign {
    fn check(self) -> Result<Foreign, String> {
        let inbox = named("foreign.inbox", InboxName::parse(&self.inbox))?;
        Ok(Foreign { inbox, columns: self.columns })
    }
}

/// Whether it is the number of a first row, or of none.
fn is_first(row: &u32) -> bool {
    *row == 0
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
mod tests;
