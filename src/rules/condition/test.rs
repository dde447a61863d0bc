//! The tests a value can be put to: one for each operator of the language.

use super::fold::{Fold, fold};
use super::like::Like;
use super::literal::Literal;
use super::network::Network;
use super::pattern::Pattern;
use crate::rules::value::compare_numbers;
use crate::rules::when::When;
use core::net::IpAddr;
use serde_json::{Map, Number, Value};
use std::borrow::Cow;
use std::cmp::Ordering;

/// One test of a value. Where there are several texts or literals, one of them
/// must fit. Text of tests which do not tell case is folded when it is read.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// The value is one of these.
    OneOf(Vec<Literal>),
    /// The value does not pass all of these; null and values of other types,
    /// which these do not speak about, do not.
    Not(Vec<Test>),
    /// A number greater than this one.
    Gt(Number),
    /// A number greater than this one, or equal to it.
    Gte(Number),
    /// A number less than this one.
    Lt(Number),
    /// A number less than this one, or equal to it.
    Lte(Number),
    /// Text which begins so.
    Prefix(Fold, Vec<Box<str>>),
    /// Text which ends so.
    Suffix(Fold, Vec<Box<str>>),
    /// Text which has this in it.
    Contains(Fold, Vec<Box<str>>),
    /// Text which is this one but for its case.
    IEquals(Vec<Box<str>>),
    /// Text of this shape.
    Like(Fold, Vec<Like>),
    /// Text in which this expression is found.
    Regex(Vec<Pattern>),
    /// Text which is an address in this network.
    Cidr(Vec<Network>),
    /// The field is there, or is not. Null is there.
    Exists(bool),
    /// The value is null.
    IsNull,
    /// Text, a list or an object without anything in it.
    IsEmpty,
    /// A number which passes these is how long the value is: characters of text,
    /// elements of a list, keys of an object.
    Len(Vec<Test>),
    /// One of these is an element of the list.
    ContainsAny(Vec<Literal>),
    /// Each of these is an element of the list.
    ContainsAll(Vec<Literal>),
    /// An object which meets these conditions.
    Where(Box<When>),
    /// The value is another than in the row before.
    Changed,
    /// The value passes these, and that of the row before did not.
    Became(Vec<Test>),
    /// The value of the row before passed these.
    Was(Vec<Test>),
}

/// A value as a test sees it.
#[derive(Clone, Copy)]
pub(super) enum View<'a> {
    Text(&'a str),
    Number(&'a Number),
    Bool(bool),
    Null,
    Array(&'a [Value]),
    Object(&'a Value, &'a Map<String, Value>),
}

impl<'a> View<'a> {
    pub(super) fn of(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::Bool(*bool),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::Text(text),
            Value::Array(items) => Self::Array(items),
            Value::Object(map) => Self::Object(value, map),
        }
    }

    fn len(self) -> Option<usize> {
        match self {
            Self::Text(text) => Some(text.chars().count()),
            Self::Array(items) => Some(items.len()),
            Self::Object(_, map) => Some(map.len()),
            Self::Number(_) | Self::Bool(_) | Self::Null => None,
        }
    }
}

impl Test {
    /// The operator's name in a routine.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::OneOf(literals) if literals.len() == 1 => "eq",
            Self::OneOf(_) => "in",
            Self::Not(_) => "not",
            Self::Gt(_) => "gt",
            Self::Gte(_) => "gte",
            Self::Lt(_) => "lt",
            Self::Lte(_) => "lte",
            Self::Prefix(Fold::Exact, _) => "prefix",
            Self::Prefix(Fold::Insensitive, _) => "iprefix",
            Self::Suffix(Fold::Exact, _) => "suffix",
            Self::Suffix(Fold::Insensitive, _) => "isuffix",
            Self::Contains(Fold::Exact, _) => "contains",
            Self::Contains(Fold::Insensitive, _) => "icontains",
            Self::IEquals(_) => "iequals",
            Self::Like(Fold::Exact, _) => "like",
            Self::Like(Fold::Insensitive, _) => "ilike",
            Self::Regex(_) => "regex",
            Self::Cidr(_) => "cidr",
            Self::Exists(_) => "exists",
            Self::IsNull | Self::IsEmpty => "is",
            Self::Len(_) => "len",
            Self::ContainsAny(_) => "contains_any",
            Self::ContainsAll(_) => "contains_all",
            Self::Where(_) => "where",
            Self::Changed => "changed",
            Self::Became(_) => "became",
            Self::Was(_) => "was",
        }
    }

    /// Whether the test needs the row before.
    #[must_use]
    pub fn looks_back(&self) -> bool {
        matches!(self, Self::Changed | Self::Became(_) | Self::Was(_))
    }

    /// Whether the test sees a list as a whole, and not its elements.
    #[must_use]
    pub fn sees_whole(&self) -> bool {
        match self {
            Self::Exists(_)
            | Self::IsEmpty
            | Self::Len(_)
            | Self::ContainsAny(_)
            | Self::ContainsAll(_)
            | Self::Changed
            | Self::Became(_)
            | Self::Was(_) => true,
            Self::Not(tests) => tests.iter().all(Self::sees_whole),
            _ => false,
        }
    }

    pub(super) fn passes(&self, value: View<'_>) -> bool {
        match self {
            Self::OneOf(literals) => literals.iter().any(|literal| literal.equals(value)),
            Self::Not(tests) => !tests.iter().all(|test| test.passes(value)),
            Self::Gt(limit) => compares(value, limit, Ordering::is_gt),
            Self::Gte(limit) => compares(value, limit, Ordering::is_ge),
            Self::Lt(limit) => compares(value, limit, Ordering::is_lt),
            Self::Lte(limit) => compares(value, limit, Ordering::is_le),
            Self::Prefix(how, texts) => fits(value, *how, texts, |text, wanted| text.starts_with(&**wanted)),
            Self::Suffix(how, texts) => fits(value, *how, texts, |text, wanted| text.ends_with(&**wanted)),
            Self::Contains(how, texts) => fits(value, *how, texts, |text, wanted| text.contains(&**wanted)),
            Self::IEquals(texts) => fits(value, Fold::Insensitive, texts, |text, wanted| *text == **wanted),
            Self::Like(how, likes) => fits(value, *how, likes, |text, like| like.matches(text)),
            Self::Regex(patterns) => fits(value, Fold::Exact, patterns, |text, found| found.matches(text)),
            Self::Cidr(networks) => {
                let View::Text(text) = value else { return false };
                text.parse::<IpAddr>().is_ok_and(|ip| networks.iter().any(|network| network.contains(ip)))
            }
            Self::Exists(wanted) => *wanted,
            Self::IsNull => matches!(value, View::Null),
            Self::IsEmpty => value.len() == Some(0),
            Self::Len(tests) => value.len().is_some_and(|length| {
                let length = Number::from(length);
                tests.iter().all(|test| test.passes(View::Number(&length)))
            }),
            Self::ContainsAny(literals) => literals.iter().any(|literal| literal.is_in(value)),
            Self::ContainsAll(literals) => literals.iter().all(|literal| literal.is_in(value)),
            Self::Where(when) => matches!(value, View::Object(object, _) if when.matches_element(object)),
            // Asked of the event as a whole, and here of nothing.
            Self::Changed | Self::Became(_) | Self::Was(_) => true,
        }
    }
}

fn compares(value: View<'_>, limit: &Number, wanted: fn(Ordering) -> bool) -> bool {
    matches!(value, View::Number(number) if wanted(compare_numbers(number, limit)))
}

/// Whether text fits one of those wanted.
fn fits<T>(value: View<'_>, how: Fold, wanted: &[T], fits: impl Fn(&str, &T) -> bool) -> bool {
    let View::Text(text) = value else { return false };
    let text = match how {
        Fold::Exact => Cow::Borrowed(text),
        Fold::Insensitive => Cow::Owned(fold(text)),
    };
    wanted.iter().any(|wanted| fits(&text, wanted))
}
