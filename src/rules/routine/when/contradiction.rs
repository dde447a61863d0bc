//! Tests which no value can pass together.
//!
//! Only what is certain is found: where an array may hold one element for each
//! of two tests, or an expression may match anything, nothing is said.

mod kinds;

use crate::rules::condition::{Fold, Literal, MissingPolicy, Probe, Test, fold};
use crate::rules::value::compare_numbers;
use kinds::Kinds;
use serde_json::{Number, Value, json};
use std::cmp::Ordering;

/// Why no value passes some tests.
pub(super) struct Contradiction {
    pub(super) message: String,
    pub(super) help: String,
}

/// What the values may be which tests are asked of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Domain {
    /// Anything, also arrays.
    Any,
    /// Text.
    Text,
}

/// Why no value passes all of these tests, if that is certain. `names` are their
/// operators.
pub(super) fn find(tests: &[Test], names: &[&str], domain: Domain) -> Option<Contradiction> {
    absence(tests)
        .or_else(|| kinds(tests, names))
        .or_else(|| range(tests))
        .or_else(|| candidates(tests, names, domain))
        .or_else(|| beginnings(tests, names))
        .or_else(|| emptiness(tests, names))
        .or_else(|| lengths(tests))
}

/// Whether a scalar passes a test.
pub(super) fn passes(test: &Test, value: &Value) -> bool {
    Probe { tests: std::slice::from_ref(test), missing: MissingPolicy::NoMatch }.holds_for(value)
}

/// Why text passes not all of these tests, each taken by itself.
pub(super) fn never_text(tests: &[Test]) -> Option<Contradiction> {
    let is_text = |literal: &Literal| matches!(literal, Literal::Text(_));
    let wrong = tests.iter().find(|test| match test {
        Test::ContainsAny(literals) => !literals.iter().any(is_text),
        Test::ContainsAll(literals) => literals.len() > 1 || !literals.iter().all(is_text),
        test => !Kinds::of(test).has(Kinds::TEXT),
    })?;
    let help = match wrong {
        Test::Gt(_) | Test::Gte(_) | Test::Lt(_) | Test::Lte(_) => {
            "text has no order here; `prefix` compares its beginning: `{ prefix = \"2026-03\" }`"
        }
        Test::OneOf(_) => "put what it is compared with in quotes",
        _ => "text has `eq`, `prefix`, `like` and others",
    };
    Some(Contradiction { message: "is text, and no text passes this test".to_owned(), help: help.to_owned() })
}

fn contradiction(message: impl Into<String>, help: impl Into<String>) -> Option<Contradiction> {
    Some(Contradiction { message: message.into(), help: help.into() })
}

fn no_value(one: &str, other: &str) -> String {
    format!("no value passes both `{one}` and `{other}`")
}

fn absence(tests: &[Test]) -> Option<Contradiction> {
    let absent = Test::Exists(false);
    let asks_value = |test: &Test| *test != absent && !test.looks_back();
    if !tests.contains(&absent) || !tests.iter().any(asks_value) {
        return None;
    }
    contradiction(
        "a field which is not there passes no test",
        "for a field which may be missing, write `missing = \"match\"`",
    )
}

/// Tests which are for different types.
fn kinds(tests: &[Test], names: &[&str]) -> Option<Contradiction> {
    for (place, test) in tests.iter().enumerate() {
        let kinds = Kinds::of(test);
        let Some(other) = tests[..place].iter().position(|other| !Kinds::of(other).has(kinds)) else {
            continue;
        };
        let (one, two) = (names[other], names[place]);
        let help = format!(
            "`{one}` is about {}, and `{two}` about {}",
            Kinds::of(&tests[other]).names(),
            kinds.names()
        );
        return contradiction(no_value(one, two), help);
    }
    None
}

fn range(tests: &[Test]) -> Option<Contradiction> {
    let lower = |test: &Test| match test {
        Test::Gt(limit) => Some((limit.clone(), false)),
        Test::Gte(limit) => Some((limit.clone(), true)),
        _ => None,
    };
    let upper = |test: &Test| match test {
        Test::Lt(limit) => Some((limit.clone(), false)),
        Test::Lte(limit) => Some((limit.clone(), true)),
        _ => None,
    };
    let fits = |low: &(Number, bool), high: &(Number, bool)| match compare_numbers(&low.0, &high.0) {
        Ordering::Less => true,
        Ordering::Equal => low.1 && high.1,
        Ordering::Greater => false,
    };
    let uppers = tests.iter().filter_map(upper).collect::<Vec<_>>();
    if tests.iter().filter_map(lower).all(|low| uppers.iter().all(|high| fits(&low, high))) {
        return None;
    }
    contradiction("no number is in this range", "the lower end is `gt` or `gte`, the upper end `lt` or `lte`")
}

/// Where only some values are left, each is tried.
fn candidates(tests: &[Test], names: &[&str], domain: Domain) -> Option<Contradiction> {
    // What is asked of an array as a whole is not asked of its elements.
    let asked = |test: &Test| !test.looks_back() && (domain == Domain::Text || !test.sees_whole());
    for (place, test) in tests.iter().enumerate() {
        let Some(values) = values(test, domain) else { continue };
        let refused = |value: &Value| tests.iter().any(|test| asked(test) && !passes(test, value));
        if !values.iter().all(refused) {
            continue;
        }
        let by = tests.iter().position(|test| asked(test) && values.iter().all(|value| !passes(test, value)));
        let message = match by {
            Some(by) => no_value(names[place.min(by)], names[place.max(by)]),
            None => format!("no value of `{}` passes the other tests", names[place]),
        };
        return contradiction(message, "each test must hold for the same value; leave one of them out");
    }
    None
}

/// The only values which pass the test, if they can be told.
fn values(test: &Test, domain: Domain) -> Option<Vec<Value>> {
    match test {
        Test::OneOf(literals) => Some(literals.iter().map(Literal::to_json).collect()),
        Test::IsNull => Some(vec![Value::Null]),
        Test::IsEmpty if domain == Domain::Text => Some(vec![json!("")]),
        _ => None,
    }
}

/// Beginnings and endings which differ.
fn beginnings(tests: &[Test], names: &[&str]) -> Option<Contradiction> {
    for (place, test) in tests.iter().enumerate() {
        let earlier = tests[..place].iter().position(|other| differ(other, test) || differ(test, other));
        if let Some(other) = earlier {
            let message = no_value(names[other], names[place]);
            return contradiction(message, "one of the texts must begin or end as the other does");
        }
    }
    None
}

fn differ(one: &Test, other: &Test) -> bool {
    match (one, other) {
        (Test::Prefix(a, ones), Test::Prefix(b, others)) => {
            apart(ones, others, common(*a, *b), |one, other| one.starts_with(other) || other.starts_with(one))
        }
        (Test::Suffix(a, ones), Test::Suffix(b, others)) => {
            apart(ones, others, common(*a, *b), |one, other| one.ends_with(other) || other.ends_with(one))
        }
        (Test::IEquals(ones), Test::Prefix(_, others)) => {
            apart(ones, others, Fold::Insensitive, |one, other| one.starts_with(other))
        }
        (Test::IEquals(ones), Test::Suffix(_, others)) => {
            apart(ones, others, Fold::Insensitive, |one, other| one.ends_with(other))
        }
        (Test::IEquals(ones), Test::IEquals(others)) => {
            apart(ones, others, Fold::Exact, |one, other| one == other)
        }
        _ => false,
    }
}

/// How two tests can be compared: without regard to case, if one of them is.
fn common(one: Fold, other: Fold) -> Fold {
    if one == Fold::Exact { other } else { one }
}

/// Whether none of these texts goes with one of those.
fn apart(ones: &[Box<str>], others: &[Box<str>], how: Fold, together: fn(&str, &str) -> bool) -> bool {
    let spell = |text: &str| match how {
        Fold::Exact => text.to_owned(),
        Fold::Insensitive => fold(text),
    };
    !ones.iter().any(|one| others.iter().any(|other| together(&spell(one), &spell(other))))
}

/// Of what is empty there are three values, and each is tried.
fn emptiness(tests: &[Test], names: &[&str]) -> Option<Contradiction> {
    let place = tests.iter().position(|test| *test == Test::IsEmpty)?;
    let asked = tests.iter().filter(|test| !test.looks_back()).cloned().collect::<Vec<_>>();
    let probe = Probe { tests: &asked, missing: MissingPolicy::NoMatch };
    let empty = [json!(""), json!([]), json!({})];
    if empty.iter().any(|value| probe.holds_for(value)) {
        return None;
    }
    let refuses = |test: &Test| !test.looks_back() && empty.iter().all(|value| !passes(test, value));
    let message = match tests.iter().position(refuses) {
        Some(by) => no_value(names[place.min(by)], names[place.max(by)]),
        None => "nothing which is empty passes the other tests".to_owned(),
    };
    contradiction(message, "`is = \"empty\"` holds for `\"\"`, `[]` and `{}` only")
}

/// Lengths are whole numbers from 0 on, so `{ gt = 1, lt = 2 }` is none.
fn lengths(tests: &[Test]) -> Option<Contradiction> {
    let (mut least, mut most) = (0_i64, i64::MAX);
    let lengths = tests.iter().filter_map(|test| match test {
        Test::Len(tests) => Some(tests),
        _ => None,
    });
    for test in lengths.flatten() {
        let (low, high) = match test {
            Test::Gt(limit) => (limit.as_i64()?.saturating_add(1), i64::MAX),
            Test::Gte(limit) => (limit.as_i64()?, i64::MAX),
            Test::Lt(limit) => (0, limit.as_i64()?.saturating_sub(1)),
            Test::Lte(limit) => (0, limit.as_i64()?),
            Test::OneOf(literals) => match &literals[..] {
                [Literal::Number(length)] => (length.as_i64()?, length.as_i64()?),
                _ => continue,
            },
            _ => continue,
        };
        (least, most) = (least.max(low), most.min(high));
    }
    if least <= most {
        return None;
    }
    contradiction(
        "nothing has such a length",
        "lengths are whole numbers from 0 on; both ends must leave one of them",
    )
}
