//! `[source.NAME]` and `[inbox.NAME]`: tables of yours, whose rows are events, and
//! which items go to.
//!
//! What is read here is text which will be put into statements. It is made sure
//! that each part stays in its place; what it means for the tables is looked at by
//! `hearken check --database`.

mod contradiction;
mod inbox;
mod source;
pub(super) mod text;

pub(super) use self::contradiction::contradiction;

use self::inbox::WrittenInbox;
use self::source::WrittenSource;
use crate::rules::foreign::{InboxSpec, SourceSpec};
use crate::rules::name::{InboxName, SourceName};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// Reads the tables `[source.NAME]`, one after the other, so that an error knows
/// its place.
pub(super) fn sources<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<SourceName, SourceSpec>, D::Error> {
    deserializer.deserialize_map(Sources)
}

/// Reads the tables `[inbox.NAME]` in the same way.
pub(super) fn inboxes<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<InboxName, InboxSpec>, D::Error> {
    deserializer.deserialize_map(Inboxes)
}

struct Sources;

impl<'de> Visitor<'de> for Sources {
    type Value = BTreeMap<SourceName, SourceSpec>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tables such as [source.plugins]")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut sources = BTreeMap::new();
        while let Some(SourceKey(name)) = map.next_key()? {
            let spec = map.next_value_seed(SourceOf(name.clone()))?;
            sources.insert(name, spec);
        }
        Ok(sources)
    }
}

struct Inboxes;

impl<'de> Visitor<'de> for Inboxes {
    type Value = BTreeMap<InboxName, InboxSpec>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tables such as [inbox.agents]")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut inboxes = BTreeMap::new();
        while let Some(InboxKey(name)) = map.next_key()? {
            let spec = map.next_value_seed(InboxOf(name.clone()))?;
            inboxes.insert(name, spec);
        }
        Ok(inboxes)
    }
}

/// The name of a source as a key.
struct SourceKey(SourceName);

impl<'de> Deserialize<'de> for SourceKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let name = SourceName::parse(&text).map_err(D::Error::custom)?;
        if name == SourceName::log() {
            let message = "`events` is hearken's own log, which is always there: choose another name";
            return Err(D::Error::custom(message));
        }
        Ok(Self(name))
    }
}

/// The name of an inbox as a key.
struct InboxKey(InboxName);

impl<'de> Deserialize<'de> for InboxKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        InboxName::parse(&text).map(Self).map_err(D::Error::custom)
    }
}

/// Reads the source of this name. As a seed, so that what is wrong with it has its
/// place.
struct SourceOf(SourceName);

impl<'de> DeserializeSeed<'de> for SourceOf {
    type Value = SourceSpec;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<SourceSpec, D::Error> {
        WrittenSource::deserialize(deserializer)?.spec(self.0).map_err(D::Error::custom)
    }
}

/// The same for an inbox.
struct InboxOf(InboxName);

impl<'de> DeserializeSeed<'de> for InboxOf {
    type Value = InboxSpec;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<InboxSpec, D::Error> {
        WrittenInbox::deserialize(deserializer).map(|inbox| inbox.spec(self.0))
    }
}

#[cfg(test)]
mod tests;
