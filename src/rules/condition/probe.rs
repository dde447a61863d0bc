//! Asks the tests of a condition of what is at its path.

use super::MissingPolicy;
use super::test::{Test, View};
use crate::rules::path::{Found, Quantifier, Step};
use serde_json::Value;

/// The tests of a condition, and what it means if there is no value.
#[derive(Clone, Copy, Debug)]
pub(in crate::rules) struct Probe<'a> {
    pub(in crate::rules) tests: &'a [Test],
    pub(in crate::rules) missing: MissingPolicy,
}

impl Probe<'_> {
    /// Whether the condition holds for what is below the beginning of its path.
    pub(in crate::rules) fn reach_root(self, found: Option<Found<'_>>, steps: &[Step]) -> bool {
        match found {
            None => self.holds_if_missing(),
            Some(Found::Text(text)) => self.holds_for_text(&text),
            Some(Found::Json(value)) => self.reach(value, steps),
        }
    }

    /// Whether the condition holds for what is below this value.
    pub(in crate::rules) fn reach(self, value: &Value, steps: &[Step]) -> bool {
        let Some((step, rest)) = steps.split_first() else {
            return self.holds_for(value);
        };
        let key = match step {
            Step::Quantifier(quantifier) => return self.reach_some(*quantifier, value, rest),
            Step::Key(key) => key,
        };
        match value {
            Value::Array(items) if !items.is_empty() => items.iter().any(|item| self.reach(item, steps)),
            Value::Object(map) => match map.get(&**key) {
                Some(value) => self.reach(value, rest),
                None => self.holds_if_missing(),
            },
            _ => self.holds_if_missing(),
        }
    }

    fn reach_some(self, quantifier: Quantifier, value: &Value, rest: &[Step]) -> bool {
        let mut items = match value {
            Value::Array(items) => items.iter(),
            single => std::slice::from_ref(single).iter(),
        };
        match quantifier {
            Quantifier::Any => items.any(|item| self.reach(item, rest)),
            Quantifier::All => items.all(|item| self.reach(item, rest)),
            Quantifier::None => {
                // What an element lacks does no harm.
                let strict = Self { missing: MissingPolicy::NoMatch, ..self };
                !items.any(|item| strict.reach(item, rest))
            }
        }
    }

    /// Whether the condition holds where there is nothing.
    pub(in crate::rules) fn holds_if_missing(self) -> bool {
        let absence = |test: &Test| test.looks_back() || *test == Test::Exists(false);
        self.missing == MissingPolicy::Match || self.tests.iter().all(absence)
    }

    /// Whether the condition holds for an attribute which is text.
    pub(in crate::rules) fn holds_for_text(self, text: &str) -> bool {
        self.tests.iter().all(|test| test.passes(View::Text(text)))
    }

    /// Whether the condition holds for the value at the end of its path.
    pub(in crate::rules) fn holds_for(self, value: &Value) -> bool {
        let Value::Array(items) = value else {
            return self.tests.iter().all(|test| test.passes(View::of(value)));
        };
        let (mut of_elements, whole) = (false, View::Array(items));
        for test in self.tests {
            if !test.sees_whole() {
                of_elements = true;
            } else if !test.passes(whole) {
                return false;
            }
        }
        !of_elements || items.iter().any(|item| self.element(item))
    }

    /// Whether an element, or one inside it, passes all tests of elements.
    fn element(self, value: &Value) -> bool {
        match value {
            Value::Array(items) => items.iter().any(|item| self.element(item)),
            value => {
                let view = View::of(value);
                self.tests.iter().filter(|test| !test.sees_whole()).all(|test| test.passes(view))
            }
        }
    }
}
