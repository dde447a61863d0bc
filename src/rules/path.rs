//! Paths into an event, as conditions and `get` write them.
//!
//! A path begins with an attribute of the event and goes on through the keys of
//! objects: `data.customer.vip`. A key which holds a dot, a space or another
//! character with a meaning is quoted inside the path: `data."a.b".c`. There
//! are no indexes: a path which meets an array goes on in each of its elements.

mod syntax;

use super::event::Event;
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// The most keys a path may have; no readable event nests deeper.
pub const KEYS_MAX: usize = 32;

/// Where a path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Root {
    /// What kind of thing happened.
    Type,
    /// The writer's id of the event.
    Id,
    /// The writer's name for where it happened.
    Source,
    /// What it happened to.
    Subject,
    /// When it happened, as RFC 3339 text in UTC.
    Time,
    /// Whose event it is.
    Tenant,
    /// What happened, in detail.
    Data,
    /// The row before an update or a delete.
    Old,
    /// What the writer wants carried along.
    Meta,
}

/// What is found at the beginning of a path.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<'a> {
    /// An attribute which is text.
    Text(Cow<'a, str>),
    /// A JSON value.
    Json(&'a Value),
}

impl Root {
    /// All of them, in the order in which they are documented.
    pub const ALL: [Self; 9] = [
        Self::Type,
        Self::Id,
        Self::Source,
        Self::Subject,
        Self::Time,
        Self::Tenant,
        Self::Data,
        Self::Old,
        Self::Meta,
    ];

    /// The root of that name, if it is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|root| root.as_str() == text)
    }

    /// The name of the root.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Id => "id",
            Self::Source => "source",
            Self::Subject => "subject",
            Self::Time => "time",
            Self::Tenant => "tenant",
            Self::Data => "data",
            Self::Old => "old",
            Self::Meta => "meta",
        }
    }

    /// Whether keys may follow it.
    #[must_use]
    pub fn is_json(self) -> bool {
        matches!(self, Self::Data | Self::Old | Self::Meta)
    }

    /// What the event holds there; nothing, if it has no such attribute.
    #[must_use]
    pub fn read(self, event: &Event) -> Option<Found<'_>> {
        let text = |text| Some(Found::Text(Cow::Borrowed(text)));
        match self {
            Self::Type => text(event.kind.as_str()),
            Self::Id => text(event.id.as_str()),
            Self::Source => text(event.origin.as_str()),
            Self::Subject => event.subject.as_deref().and_then(text),
            Self::Time => Some(Found::Text(Cow::Owned(event.time.to_string()))),
            Self::Tenant => event.tenant.as_deref().and_then(text),
            Self::Data => Some(Found::Json(&event.data)),
            Self::Old => event.old.as_ref().map(Found::Json),
            Self::Meta => Some(Found::Json(&event.meta)),
        }
    }
}

/// A path into an event. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    root: Root,
    keys: Arc<[Box<str>]>,
    text: Arc<str>,
}

/// Why a text is not a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathError {
    /// What is wrong.
    pub message: String,
    /// The offending bytes of the text.
    pub span: Range<usize>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    ///
    /// Says what is wrong, and where in the text.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let mut keys = syntax::split(text)?;
        let first = keys.remove(0);
        let Some(root) = Root::parse(&first.key) else {
            return Err(syntax::unknown_root(&first));
        };
        if let Some(second) = keys.first()
            && !root.is_json()
        {
            let message = format!("`{}` is text and has no keys", root.as_str());
            let help = format!("write `{}` alone", root.as_str());
            return Err(PathError { message, span: second.span.clone(), help: Some(help) });
        }
        if keys.len() > KEYS_MAX {
            let message = format!("a path has at most {KEYS_MAX} keys");
            return Err(PathError { message, span: 0..text.len(), help: None });
        }
        let keys = keys.into_iter().map(|segment| segment.key.into_boxed_str()).collect();
        Ok(Self { root, keys, text: text.into() })
    }

    /// Where the path begins.
    #[must_use]
    pub fn root(&self) -> Root {
        self.root
    }

    /// The keys after the root.
    #[must_use]
    pub fn keys(&self) -> &[Box<str>] {
        &self.keys
    }

    /// The path as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The value at the path, or nothing if the event has none. A path which
    /// goes through an array yields the list of what its elements have there.
    #[must_use]
    pub fn get<'a>(&self, event: &'a Event) -> Option<Cow<'a, Value>> {
        match self.root.read(event)? {
            Found::Text(text) => Some(Cow::Owned(Value::String(text.into_owned()))),
            Found::Json(value) => get_in(value, &self.keys),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn get_in<'a>(value: &'a Value, keys: &[Box<str>]) -> Option<Cow<'a, Value>> {
    let Some((key, rest)) = keys.split_first() else {
        return Some(Cow::Borrowed(value));
    };
    match value {
        Value::Object(map) => get_in(map.get(&**key)?, rest),
        Value::Array(items) => {
            let mut list = Vec::new();
            for found in items.iter().filter_map(|item| get_in(item, keys)) {
                match found {
                    // An array inside an array has been gone through already.
                    Cow::Owned(Value::Array(inner)) => list.extend(inner),
                    found => list.push(found.into_owned()),
                }
            }
            Some(Cow::Owned(Value::Array(list)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_is_a_root_and_keys() {
        check_keys("data", &[]);
        check_keys("data.customer.vip", &["customer", "vip"]);
        check_keys("meta.x-request-id.ключ", &["x-request-id", "ключ"]);
        check_keys(r#"data."a.b".c"#, &["a.b", "c"]);
        check_keys(r#"data."a \"b\" \\".c"#, &[r#"a "b" \"#, "c"]);
        check_keys("data.type.data", &["type", "data"]);
    }

    #[test]
    fn a_broken_path_says_where() {
        check_error("", "a key is missing in this path", 0..0);
        check_error("data..b", "a key is missing in this path", 5..6);
        check_error("data.", "a key is missing in this path", 5..5);
        check_error("dta.b", "an event has no `dta`", 0..3);
        check_error("type.b", "`type` is text and has no keys", 5..6);
        check_error("data.a b", "' ' in a path needs quotes around its key", 6..7);
        check_error("data.a[any].b", "quantifiers and indexes in a path are not built yet", 6..7);
        check_error("data.*", "a path has no wildcards", 5..6);
        check_error(r#"data."a"#, "this quote in the path is not closed", 5..7);
        check_error(r#"data."a"b"#, "a dot is missing after this quoted key", 8..9);
        check_error(r#"data."a\n""#, "a backslash in a quoted key stands before `\"` or `\\`", 7..8);
    }

    #[test]
    fn a_value_is_found_or_missing() {
        let data =
            json!({ "a": { "b": 1, "n": null }, "list": [{ "x": 1 }, { "x": [2, 3] }, 4, [{ "x": 5 }]] });
        check_get(&data, "data.a.b", Some(json!(1)));
        check_get(&data, "data.a.n", Some(json!(null)));
        check_get(&data, "data.a.c", None);
        check_get(&data, "data.a.b.c", None);
        check_get(&data, "data.list.x", Some(json!([1, [2, 3], 5])));
        check_get(&data, "data.list.y", Some(json!([])));
        check_get(&data, "type", Some(json!("t")));
        check_get(&data, "subject", None);
        check_get(&data, "old.a", None);
    }

    #[track_caller]
    fn check_keys(text: &str, want: &[&str]) {
        let path = Path::parse(text).unwrap();
        let keys = path.keys().iter().map(|key| &**key).collect::<Vec<_>>();
        assert_eq!(keys, want, "{text}");
        assert_eq!(path.as_str(), text);
    }

    #[track_caller]
    fn check_error(text: &str, message: &str, span: Range<usize>) {
        let error = Path::parse(text).unwrap_err();
        assert_eq!((error.message.as_str(), error.span), (message, span), "{text}");
    }

    #[track_caller]
    fn check_get(data: &Value, path: &str, want: Option<Value>) {
        let event = crate::rules::testing::event("t", data.clone());
        assert_eq!(Path::parse(path).unwrap().get(&event).map(Cow::into_owned), want, "{path}");
    }
}
