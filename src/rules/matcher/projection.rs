//! Reads of a JSON text only what conditions look at.
//!
//! Most events match no routine, and of those which are looked at most fields
//! are not. What no condition asks for is passed over without being kept, which
//! is several times as fast as building the value.

use super::paths::{PathId, Paths};
use crate::rules::path::Root;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// Which parts of an event conditions look at.
#[derive(Clone, Copy, Debug)]
pub struct Projection<'a> {
    paths: &'a Paths,
}

impl<'a> Projection<'a> {
    pub(super) fn new(paths: &'a Paths) -> Self {
        Self { paths }
    }

    /// Whether any condition looks at this attribute.
    #[must_use]
    pub fn wants(&self, root: Root) -> bool {
        self.paths.root(root).is_some()
    }

    /// Reads what conditions look at of `data`, `old` or `meta`. All conditions
    /// judge the result as they would judge the whole; null, if none looks at it.
    ///
    /// # Errors
    ///
    /// If the text is not JSON.
    pub fn read(&self, root: Root, json: &[u8]) -> Result<Value, serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_slice(json);
        let value = match self.paths.root(root) {
            Some(path) => Part { paths: self.paths, path }.deserialize(&mut reader)?,
            None => serde::de::Deserialize::deserialize(&mut reader).map(|IgnoredAny| Value::Null)?,
        };
        reader.end()?;
        Ok(value)
    }
}

/// The value at a path.
#[derive(Clone, Copy)]
struct Part<'a> {
    paths: &'a Paths,
    path: PathId,
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.paths.node(self.path).ends {
            return serde::de::Deserialize::deserialize(deserializer);
        }
        deserializer.deserialize_any(self)
    }
}

/// Reached only where conditions look below the value: of what is no object and
/// no list it matters only that it is neither.
impl<'de> Visitor<'de> for Part<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(found) = entries.next_key_seed(Key(self))? {
            match found {
                Some((key, path)) => {
                    let value = entries.next_value_seed(Part { path, ..self })?;
                    map.insert(key, value);
                }
                None => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Value::Object(map))
    }
}

/// A key of the object at a path: kept only if some path goes on with it.
struct Key<'a>(Part<'a>);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<(String, PathId)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<(String, PathId)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        let node = self.0.paths.node(self.0.path);
        Ok(node.below.get(key).map(|path| (key.to_owned(), *path)))
    }
}
