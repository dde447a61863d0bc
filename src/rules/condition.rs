//! One condition of `[when]`: a path, and the tests its value must pass.
//!
//! A condition never fails with an error. A value of a type a test does not
//! speak about does not pass it; a missing field passes only where the
//! condition says so. Of an array, one element must pass all tests of the
//! condition, so `{ gt = 1, lt = 3 }` does not hold for `[0, 4]`.

use super::event::Event;
use super::path::{Found, Path};
use super::value::compare_numbers;
use serde_json::{Number, Value};

/// A value written in a routine, to compare with.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// Text, compared case by case.
    Text(Box<str>),
    /// A number, compared exactly as written.
    Number(Number),
    /// True or false.
    Bool(bool),
}

/// One test of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// The value is this one.
    Equals(Literal),
    /// The value is one of these.
    OneOf(Vec<Literal>),
    /// The value is none of these; null and values of other types are none of
    /// them either.
    Not(Vec<Literal>),
    /// A number greater than this one.
    Gt(Number),
    /// A number greater than this one, or equal to it.
    Gte(Number),
    /// A number less than this one.
    Lt(Number),
    /// A number less than this one, or equal to it.
    Lte(Number),
    /// Text which begins with this text.
    Prefix(Box<str>),
    /// The field is there, or is not. Null is there.
    Exists(bool),
}

/// What a missing field means for a condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingPolicy {
    /// The condition does not hold.
    #[default]
    NoMatch,
    /// The condition holds.
    Match,
}

/// A path, and the tests its value must pass, all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Where the value is.
    pub path: Path,
    /// What it must pass, in the order of the file; never empty.
    pub tests: Vec<Test>,
    /// What it means if there is no value.
    pub missing: MissingPolicy,
}

/// A value as a single test sees it.
#[derive(Clone, Copy)]
enum Scalar<'a> {
    Text(&'a str),
    Number(&'a Number),
    Bool(bool),
    Null,
    Object,
}

impl Condition {
    /// The condition as an operator names it: `when.data.amount`.
    #[must_use]
    pub fn key(&self) -> String {
        format!("when.{}", self.path)
    }

    /// Whether the event meets this condition, taken by itself.
    #[must_use]
    pub fn holds(&self, event: &Event) -> bool {
        match self.path.root().read(event) {
            None => self.holds_for(None),
            Some(Found::Text(text)) => self.holds_for_text(&text),
            Some(Found::Json(value)) => self.reach(value, self.path.keys()),
        }
    }

    /// Whether the condition holds for what was found at its path.
    #[must_use]
    pub fn holds_for(&self, found: Option<&Value>) -> bool {
        match found {
            Some(value) => self.allows_presence() && self.any_element(value),
            None => self.holds_if_missing(),
        }
    }

    /// Whether the condition holds for an attribute which is text.
    #[must_use]
    pub fn holds_for_text(&self, text: &str) -> bool {
        self.allows_presence() && self.passes(Scalar::Text(text))
    }

    fn reach(&self, value: &Value, keys: &[Box<str>]) -> bool {
        let Some((key, rest)) = keys.split_first() else {
            return self.holds_for(Some(value));
        };
        match value {
            Value::Array(items) if !items.is_empty() => items.iter().any(|item| self.reach(item, keys)),
            value => match value.get(&**key) {
                Some(value) => self.reach(value, rest),
                None => self.holds_if_missing(),
            },
        }
    }

    fn holds_if_missing(&self) -> bool {
        self.missing == MissingPolicy::Match || self.tests.iter().all(|test| *test == Test::Exists(false))
    }

    fn allows_presence(&self) -> bool {
        !self.tests.contains(&Test::Exists(false))
    }

    fn any_element(&self, value: &Value) -> bool {
        let scalar = match value {
            Value::Array(items) => {
                // An empty array is there, though nothing in it passes a test.
                return self.tests.iter().all(|test| matches!(test, Test::Exists(_)))
                    || items.iter().any(|item| self.any_element(item));
            }
            Value::String(text) => Scalar::Text(text),
            Value::Number(number) => Scalar::Number(number),
            Value::Bool(bool) => Scalar::Bool(*bool),
            Value::Null => Scalar::Null,
            Value::Object(_) => Scalar::Object,
        };
        self.passes(scalar)
    }

    fn passes(&self, value: Scalar<'_>) -> bool {
        self.tests.iter().all(|test| test.passes(value))
    }
}

impl Test {
    fn passes(&self, value: Scalar<'_>) -> bool {
        let number = |wanted: fn(std::cmp::Ordering) -> bool, limit: &Number| match value {
            Scalar::Number(number) => wanted(compare_numbers(number, limit)),
            _ => false,
        };
        match self {
            Self::Equals(literal) => literal.equals(value),
            Self::OneOf(literals) => literals.iter().any(|literal| literal.equals(value)),
            Self::Not(literals) => !literals.iter().any(|literal| literal.equals(value)),
            Self::Gt(limit) => number(std::cmp::Ordering::is_gt, limit),
            Self::Gte(limit) => number(std::cmp::Ordering::is_ge, limit),
            Self::Lt(limit) => number(std::cmp::Ordering::is_lt, limit),
            Self::Lte(limit) => number(std::cmp::Ordering::is_le, limit),
            Self::Prefix(prefix) => matches!(value, Scalar::Text(text) if text.starts_with(&**prefix)),
            Self::Exists(wanted) => *wanted,
        }
    }
}

impl Literal {
    fn equals(&self, value: Scalar<'_>) -> bool {
        match (self, value) {
            (Self::Text(a), Scalar::Text(b)) => **a == *b,
            (Self::Number(a), Scalar::Number(b)) => compare_numbers(a, b).is_eq(),
            (Self::Bool(a), Scalar::Bool(b)) => *a == b,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
