//! A value written in a routine, to compare with.

use super::test::View;
use crate::rules::value::compare_numbers;
use serde_json::Number;

/// A value written in a routine, to compare with.
#[derive(Clone, Debug)]
pub enum Literal {
    /// Text, compared case by case.
    Text(Box<str>),
    /// A number, compared exactly as written.
    Number(Number),
    /// True or false.
    Bool(bool),
    /// Null, which TOML writes as `{ is = "null" }`.
    Null,
}

impl PartialEq for Literal {
    /// Numbers are equal by value: `1` and `1.0` are one literal.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Number(a), Self::Number(b)) => compare_numbers(a, b).is_eq(),
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Null, Self::Null) => true,
            _ => false,
        }
    }
}

impl Literal {
    /// The literal as JSON.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => (&**text).into(),
            Self::Number(number) => serde_json::Value::Number(number.clone()),
            Self::Bool(value) => (*value).into(),
            Self::Null => serde_json::Value::Null,
        }
    }

    pub(super) fn equals(&self, value: View<'_>) -> bool {
        match (self, value) {
            (Self::Text(a), View::Text(b)) => **a == *b,
            (Self::Number(a), View::Number(b)) => compare_numbers(a, b).is_eq(),
            (Self::Bool(a), View::Bool(b)) => *a == b,
            (Self::Null, View::Null) => true,
            _ => false,
        }
    }

    /// Whether it is an element of the list; a scalar is a list of one.
    pub(super) fn is_in(&self, value: View<'_>) -> bool {
        match value {
            View::Array(items) => items.iter().any(|item| self.equals(View::of(item))),
            value => self.equals(value),
        }
    }
}
