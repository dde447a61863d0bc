//! Paths into an event, as conditions and `get` write them.
//!
//! A path begins with an attribute of the event and goes on through the keys of
//! objects: `data.customer.vip`. A key which holds a dot, a space or another
//! character with a meaning is quoted inside the path: `data."a.b".c`. There
//! are no indexes: a path which meets an array goes on in each of its elements,
//! and a quantifier, `data.items[all].price`, says how many of them must do.

mod root;
mod syntax;

pub use root::{Found, Root, Roots};

use super::event::Event;
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// The most steps a path may have; no readable event nests deeper.
pub const STEPS_MAX: usize = 32;

/// How many elements of an array must meet a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantifier {
    /// One, whichever meets the other conditions.
    Any,
    /// Every one.
    All,
    /// Not one.
    None,
}

/// One step of a path after its root.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Into the value of this key of an object.
    Key(Box<str>),
    /// Into the elements of an array.
    Quantifier(Quantifier),
}

/// A path into an event. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    root: Root,
    steps: Arc<[Step]>,
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

impl Quantifier {
    /// All of them, in the order in which they are documented.
    pub const ALL: [Self; 3] = [Self::Any, Self::All, Self::None];

    /// The word between the brackets.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::All => "all",
            Self::None => "none",
        }
    }
}

impl Path {
    /// Reads a path into an event.
    ///
    /// # Errors
    ///
    /// Says what is wrong, and where in the text.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        Self::parse_in(text, Roots::Event)
    }

    /// Reads a path which may begin with one of these roots.
    ///
    /// # Errors
    ///
    /// Says what is wrong, and where in the text.
    pub fn parse_in(text: &str, roots: Roots) -> Result<Self, PathError> {
        let mut segments = syntax::split(text)?;
        let first = segments.remove(0);
        let Some(root) = roots.find(&first.key) else {
            return Err(syntax::unknown_root(&first, roots));
        };
        let second = first.quantifiers.first().map(|(_, span)| span);
        if let Some(span) = second.or(segments.first().map(|segment| &segment.span))
            && !root.is_json()
        {
            let message = format!("`{}` is text and has no keys", root.as_str());
            let help = format!("write `{}` alone", root.as_str());
            return Err(PathError { message, span: span.clone(), help: Some(help) });
        }
        let quantifiers = first.quantifiers.into_iter().map(|(quantifier, _)| Step::Quantifier(quantifier));
        Self::of(root, quantifiers.chain(steps(segments)).collect(), text)
    }

    /// Reads a path into an element of an array: keys without a root.
    ///
    /// # Errors
    ///
    /// Says what is wrong, and where in the text.
    pub fn parse_relative(text: &str) -> Result<Self, PathError> {
        Self::of(Root::Element, steps(syntax::split(text)?).collect(), text)
    }

    fn of(root: Root, steps: Vec<Step>, text: &str) -> Result<Self, PathError> {
        if steps.len() > STEPS_MAX {
            let message = format!("a path has at most {STEPS_MAX} keys");
            return Err(PathError { message, span: 0..text.len(), help: None });
        }
        Ok(Self { root, steps: steps.into(), text: text.into() })
    }

    /// Where the path begins.
    #[must_use]
    pub fn root(&self) -> Root {
        self.root
    }

    /// What comes after the root.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The keys after the root, without quantifiers.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match step {
            Step::Key(key) => Some(&**key),
            Step::Quantifier(_) => None,
        })
    }

    /// Whether it says how many elements of an array are meant.
    #[must_use]
    pub fn has_quantifier(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Quantifier(_)))
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
        self.get_in(Some(event), None)
    }

    /// The same where there may be a row, or no event.
    #[must_use]
    pub fn get_in<'a>(&self, event: Option<&'a Event>, row: Option<&'a Value>) -> Option<Cow<'a, Value>> {
        if self.root == Root::Row {
            return get_below(row?, &self.steps);
        }
        match self.root.read(event?)? {
            Found::Text(text) => Some(Cow::Owned(Value::String(text.into_owned()))),
            Found::Json(value) => get_below(value, &self.steps),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn steps(segments: Vec<syntax::Segment>) -> impl Iterator<Item = Step> {
    segments.into_iter().flat_map(|segment| {
        let quantifiers = segment.quantifiers.into_iter().map(|(quantifier, _)| Step::Quantifier(quantifier));
        std::iter::once(Step::Key(segment.key.into_boxed_str())).chain(quantifiers)
    })
}

/// What is below a value; quantifiers are passed over.
pub(super) fn get_below<'a>(value: &'a Value, steps: &[Step]) -> Option<Cow<'a, Value>> {
    let Some((step, rest)) = steps.split_first() else {
        return Some(Cow::Borrowed(value));
    };
    let Step::Key(key) = step else {
        return get_below(value, rest);
    };
    match value {
        Value::Object(map) => get_below(map.get(&**key)?, rest),
        Value::Array(items) => {
            let mut list = Vec::new();
            for found in items.iter().filter_map(|item| get_below(item, steps)) {
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
        check_error("data.a[0].b", "a path has no indexes", 7..8);
        check_error("data.a[an].b", "there is no quantifier `an`", 7..9);
        check_error("data.a[any", "this bracket in the path is not closed", 6..10);
        check_error("data.a]", "']' in a path needs quotes around its key", 6..7);
        check_error("type[any]", "`type` is text and has no keys", 4..9);
        check_error("row.id", "an event has no `row`", 0..3);
        check_error("data.*", "a path has no wildcards", 5..6);
        check_error(r#"data."a"#, "this quote in the path is not closed", 5..7);
        check_error(r#"data."a"b"#, "a dot is missing after this quoted key", 8..9);
        check_error(r#"data."a\n""#, "a backslash in a quoted key stands before `\"` or `\\`", 7..8);
    }

    #[test]
    fn quantifiers_stand_after_keys_and_json_roots() {
        let steps = |text: &str| Path::parse(text).unwrap().steps().to_vec();
        let key = |key: &str| Step::Key(key.into());
        assert_eq!(steps("data.a[all].b"), [key("a"), Step::Quantifier(Quantifier::All), key("b")]);
        assert_eq!(steps("data[none]"), [Step::Quantifier(Quantifier::None)]);
        assert_eq!(steps("data.\"a[b\"[any][all]").len(), 3);
        let relative = Path::parse_relative("prices[all].net").unwrap();
        assert_eq!((relative.root(), relative.steps().len()), (Root::Element, 3));
        assert!(Path::parse_relative("data").is_ok());
    }

    #[test]
    fn rows_have_paths_where_there_are_rows() {
        let path = Path::parse_in("row.agent", Roots::EventAndRow).unwrap();
        assert_eq!(path.get_in(None, Some(&json!({ "agent": 7 }))).map(Cow::into_owned), Some(json!(7)));
        assert_eq!(path.get_in(None, None), None);
        assert!(Path::parse_in("data.x", Roots::Row).is_err());
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
        check_get(&data, "data.list[all].x", Some(json!([1, [2, 3], 5])));
    }

    #[track_caller]
    fn check_keys(text: &str, want: &[&str]) {
        let path = Path::parse(text).unwrap();
        let keys = path.keys().collect::<Vec<_>>();
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
