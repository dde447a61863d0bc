//! Which values pass which tests.

use super::model::{Clauses, Literal, Look, Relation, Test};
use super::naive::{Ground, meets};
use super::values::{decimal, finds, fold, is_like, is_like_folded, is_within, same};
use serde_json::Value;

/// Whether a value passes the tests: the whole of it those which look at the
/// whole, and one of its elements all others. What is no array is its own
/// element.
pub fn passes(tests: &[&Test], value: &Value) -> bool {
    let (whole, single) = tests.iter().copied().partition::<Vec<&Test>, _>(|test| looks_at_whole(test));
    let wholly = whole.iter().all(|test| whole_passes(test, value));
    wholly && (single.is_empty() || elements(value).iter().any(|element| element_passes(&single, element)))
}

fn element_passes(tests: &[&Test], element: &Value) -> bool {
    tests.iter().all(|test| leaf_passes(test, element))
}

/// The elements of an array, also of those inside it.
fn elements(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().flat_map(elements).collect(),
        single => vec![single],
    }
}

/// Whether a test looks at an array as it is. A negation does if all it negates
/// does.
fn looks_at_whole(test: &Test) -> bool {
    match test {
        Test::Exists | Test::ExistsNot | Test::IsMissing | Test::IsEmpty | Test::Len(..) => true,
        Test::ContainsAny(_) | Test::ContainsAll(_) => true,
        Test::Not(spec) => spec.tests.iter().all(looks_at_whole),
        _ => false,
    }
}

fn whole_passes(test: &Test, value: &Value) -> bool {
    let listed = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let has = |literal: &Literal| listed.iter().any(|element| equals(literal, element));
    match test {
        Test::Exists => true,
        Test::ExistsNot | Test::IsMissing => false,
        Test::IsEmpty => value.as_str().is_some_and(str::is_empty) || contents(value) == Some(0),
        Test::Len(relation, wanted) => {
            let length = value.as_str().map(|text| text.chars().count()).or_else(|| contents(value));
            length.is_some_and(|length| lies(*relation, length, *wanted))
        }
        Test::ContainsAny(literals) => literals.iter().any(has),
        Test::ContainsAll(literals) => literals.iter().all(has),
        Test::Not(spec) => !spec.tests.iter().all(|test| whole_passes(test, value)),
        other => unreachable!("{other:?} looks at elements"),
    }
}

/// How much an array or an object holds.
fn contents(value: &Value) -> Option<usize> {
    value.as_array().map(Vec::len).or_else(|| value.as_object().map(serde_json::Map::len))
}

/// Whether a single element, which is no array, passes a test.
fn leaf_passes(test: &Test, element: &Value) -> bool {
    match test {
        Test::Eq(literal) => equals(literal, element),
        Test::In(literals) => literals.iter().any(|literal| equals(literal, element)),
        Test::NotIn(literals) => !literals.iter().any(|literal| equals(literal, element)),
        Test::Not(spec) => !spec.tests.iter().all(|test| leaf_passes(test, element)),
        Test::Number(relation, limit) => match element {
            Value::Number(number) => lies(*relation, decimal(number.as_str()), decimal(limit)),
            _ => false,
        },
        Test::Text(look, words) => {
            element.as_str().is_some_and(|text| words.iter().any(|word| looks(*look, text, word)))
        }
        Test::IsNull => element.is_null(),
        Test::Where(clauses) => is_object_which_meets(element, clauses),
        whole => whole_passes(whole, element),
    }
}

fn is_object_which_meets(element: &Value, clauses: &Clauses) -> bool {
    element.is_object() && meets(Ground::Element(element), clauses)
}

fn equals(literal: &Literal, value: &Value) -> bool {
    match literal {
        Literal::Text(text) => value.as_str() == Some(text.as_str()),
        Literal::Number(number) => {
            let number: Value = serde_json::from_str(number).expect("a number");
            value.is_number() && same(&number, value)
        }
        Literal::Bool(wanted) => value.as_bool() == Some(*wanted),
        Literal::Null => value.is_null(),
    }
}

fn lies<T: Ord>(relation: Relation, value: T, limit: T) -> bool {
    match relation {
        Relation::Eq => value == limit,
        Relation::Gt => value > limit,
        Relation::Gte => value >= limit,
        Relation::Lt => value < limit,
        Relation::Lte => value <= limit,
    }
}

fn looks(look: Look, text: &str, word: &str) -> bool {
    match look {
        Look::Prefix => text.starts_with(word),
        Look::Suffix => text.ends_with(word),
        Look::Contains => text.contains(word),
        Look::Like => is_like(text, word),
        Look::Regex => finds(text, word),
        Look::IEquals => fold(text) == fold(word),
        Look::IPrefix => fold(text).starts_with(&fold(word)),
        Look::ISuffix => fold(text).ends_with(&fold(word)),
        Look::IContains => fold(text).contains(&fold(word)),
        Look::ILike => is_like_folded(text, word),
        Look::Cidr => is_within(text, word),
    }
}
