//! What the list of a field comes to in a routine.
//!
//! Of a list, one entry has to fit. Values are a list here too, and so are the
//! texts of one operator; entries of several kinds are alternatives.

use super::matcher::{Bound, Matcher, Scalar, TextTest};
use super::write::quoted;
use crate::rules::condition::{Fold, fold};
use crate::rules::value::canonical;
use serde_json::Number;
use std::collections::HashSet;

/// What a list comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Specs {
    /// Every event fits.
    Always,
    /// What stands beside the path, in TOML.
    One(String),
    /// The same, one for each alternative.
    Several(Vec<String>),
}

/// Entries of one kind.
enum Kind<'m> {
    Values(Distinct<&'m Scalar>),
    Texts(TextTest, Distinct<&'m str>),
    /// Operators which cannot be put together with others.
    Alone(String),
}

/// Things in the order in which they came, each once.
struct Distinct<T> {
    list: Vec<T>,
    /// The keys of those in the list, as lists may be long.
    keys: HashSet<String>,
}

impl<T: Copy> Distinct<T> {
    /// The things; those with equal keys are the same.
    fn new(things: impl IntoIterator<Item = T>, key: impl Fn(T) -> String) -> Self {
        let mut distinct = Self { list: Vec::new(), keys: HashSet::new() };
        distinct.add(things, key);
        distinct
    }

    fn add(&mut self, things: impl IntoIterator<Item = T>, key: impl Fn(T) -> String) {
        for thing in things {
            if self.keys.insert(key(thing)) {
                self.list.push(thing);
            }
        }
    }
}

/// Puts the entries of a list together.
pub(super) fn specs(matchers: &[Matcher]) -> Specs {
    let may_be_there = matchers.contains(&Matcher::Exists(true));
    let may_be_missing = matchers.contains(&Matcher::Exists(false));
    if may_be_there {
        // What else is in the list asks for a field which is there.
        let there = Specs::One("{ exists = true }".to_owned());
        return if may_be_missing { Specs::Always } else { there };
    }
    let kinds = kinds(matchers);
    match kinds.as_slice() {
        [] => Specs::One(MISSING.to_owned()),
        [only] if may_be_missing => Specs::One(format!("{{ {}, missing = \"match\" }}", only.operators())),
        [only] => Specs::One(only.spec()),
        several => {
            let missing = may_be_missing.then(|| MISSING.to_owned());
            Specs::Several(several.iter().map(Kind::spec).chain(missing).collect())
        }
    }
}

const MISSING: &str = "{ exists = false }";

/// The entries by their kinds, each once.
fn kinds(matchers: &[Matcher]) -> Vec<Kind<'_>> {
    let mut kinds: Vec<Kind<'_>> = Vec::new();
    for matcher in matchers {
        if let Some(new) = kind(matcher)
            && !kinds.iter_mut().any(|known| known.absorbs(&new))
        {
            kinds.push(new);
        }
    }
    kinds
}

fn kind(matcher: &Matcher) -> Option<Kind<'_>> {
    Some(match matcher {
        Matcher::Is(scalar) => Kind::Values(Distinct::new([scalar], value)),
        Matcher::Text(test, text) => texts(*test, std::slice::from_ref(text)),
        Matcher::Numeric(bounds) => Kind::Alone(range(bounds)),
        Matcher::NoneOf(values) => Kind::Alone(none_of(values)),
        Matcher::NoText(test, list) => Kind::Alone(format!("not = {}", texts(*test, list).spec())),
        Matcher::Exists(_) => return None,
    })
}

fn texts(test: TextTest, list: &[String]) -> Kind<'_> {
    Kind::Texts(test, Distinct::new(list.iter().map(String::as_str), |text| spelling(text, test.fold())))
}

fn range(bounds: &[Bound]) -> String {
    let ends = bounds.iter().map(|bound| format!("{} = {}", bound.operator, bound.number));
    ends.collect::<Vec<_>>().join(", ")
}

fn none_of(values: &[Scalar]) -> String {
    match Distinct::new(values, value).list.as_slice() {
        [only] => format!("not = {}", scalar(only)),
        several => format!("not_in = {}", list(several.iter().map(|value| scalar(value)))),
    }
}

impl<'m> Kind<'m> {
    /// Takes up the entries of the other one, if they are of the same kind.
    fn absorbs(&mut self, other: &Kind<'m>) -> bool {
        match (self, other) {
            (Self::Values(values), Kind::Values(more)) => {
                values.add(more.list.iter().copied(), value);
                true
            }
            (Self::Texts(test, texts), Kind::Texts(same, more)) if *test == *same => {
                let how = test.fold();
                texts.add(more.list.iter().copied(), |text| spelling(text, how));
                true
            }
            (Self::Alone(operators), Kind::Alone(same)) => *operators == *same,
            _ => false,
        }
    }

    /// What stands beside the path.
    fn spec(&self) -> String {
        match self {
            Self::Values(values) => match values.list.as_slice() {
                [only] => scalar(only),
                several => list(several.iter().map(|value| scalar(value))),
            },
            Self::Texts(..) | Self::Alone(_) => format!("{{ {} }}", self.operators()),
        }
    }

    /// The operators by themselves, so that another can stand beside them.
    fn operators(&self) -> String {
        match self {
            Self::Values(values) => match values.list.as_slice() {
                [Scalar::Null] => "is = \"null\"".to_owned(),
                [only] => format!("eq = {}", scalar(only)),
                several => format!("in = {}", list(several.iter().map(|value| scalar(value)))),
            },
            Self::Texts(test, texts) => {
                let texts = match texts.list.as_slice() {
                    [only] => quoted(only),
                    several => list(several.iter().map(|text| quoted(text))),
                };
                format!("{} = {texts}", test.operator())
            }
            Self::Alone(operators) => operators.clone(),
        }
    }
}

/// The text as the test compares it.
fn spelling(text: &str, how: Fold) -> String {
    match how {
        Fold::Exact => text.to_owned(),
        Fold::Insensitive => fold(text),
    }
}

/// The value as conditions compare it, numbers by value: other values have other
/// texts.
fn value(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Null => "null".to_owned(),
        Scalar::Bool(bool) => bool.to_string(),
        Scalar::Number(digits) => match serde_json::from_str::<Number>(digits) {
            Ok(number) => canonical(&number),
            Err(_) => digits.clone(),
        },
        Scalar::Text(text) => format!("\"{text}"),
    }
}

/// The value in TOML. Every number of JSON is one there, digit by digit.
fn scalar(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Null => "{ is = \"null\" }".to_owned(),
        Scalar::Bool(bool) => bool.to_string(),
        Scalar::Number(digits) => digits.clone(),
        Scalar::Text(text) => quoted(text),
    }
}

/// The items as an array of TOML.
pub(super) fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}
