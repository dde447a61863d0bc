//! The tests which compare with the row before.

use super::model::{Missing, Path, Root, Step, Test};
use super::naive::{Asked, Ground, holds_alone};
use super::values::same;
use serde_json::Value;

/// Whether a test which compares with the row before holds.
pub fn looks_back(ground: Ground<'_>, path: &Path, test: &Test) -> bool {
    let (now, before) = (ground.at(Root::Data), ground.at(Root::Old));
    let meets = |value: Option<&Value>, tests: &[Test]| {
        let asked = Asked { tests: tests.iter().collect(), missing: Missing::NoMatch };
        holds_alone(value, &path.steps, &asked)
    };
    match (test, before) {
        (Test::Became(spec), before) => {
            meets(now, &spec.tests) && before.is_none_or(|before| !meets(Some(before), &spec.tests))
        }
        (Test::Was(spec), Some(before)) => meets(Some(before), &spec.tests),
        (Test::Changed, Some(before)) => {
            let at = |value: Option<&Value>| value.and_then(|value| lies_at(value, &path.steps));
            match (at(now), at(Some(before))) {
                (Some(now), Some(before)) => !same(&now, &before),
                (now, before) => now.is_some() != before.is_some(),
            }
        }
        _ => false,
    }
}

/// The value at a path. Where arrays lie on the way it is the list of all that
/// their elements have there, and nothing if none of them has anything.
fn lies_at(value: &Value, steps: &[Step]) -> Option<Value> {
    let mut found = Vec::new();
    let through_array = collect(value, steps, &mut found);
    match through_array {
        Through::Array if !found.is_empty() => Some(Value::Array(found)),
        Through::Array => None,
        Through::Objects => found.pop(),
    }
}

/// What lies on the way of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Through {
    Objects,
    Array,
}

fn collect(value: &Value, steps: &[Step], found: &mut Vec<Value>) -> Through {
    match (steps.split_first(), value) {
        (None, value) => {
            found.push(value.clone());
            Through::Objects
        }
        (Some((Step::Each(_), rest)), value) => collect(value, rest, found),
        (Some((Step::Key(key), rest)), Value::Object(fields)) => {
            fields.get(*key).map_or(Through::Objects, |value| collect(value, rest, found))
        }
        (Some(_), Value::Array(items)) => {
            for item in items {
                collect(item, steps, found);
            }
            Through::Array
        }
        _ => Through::Objects,
    }
}
