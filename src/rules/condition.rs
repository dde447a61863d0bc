//! One condition of `[when]`: a path, and the tests its value must pass.
//!
//! A condition never fails with an error. A value of a type a test does not
//! speak about does not pass it; a missing field passes only where the
//! condition says so. Of an array, one element must pass all tests of the
//! condition, so `{ gt = 1, lt = 3 }` does not hold for `[0, 4]`; only tests
//! which speak about the value as a whole, such as `len`, see the array itself.

mod fold;
mod like;
mod literal;
mod network;
mod pattern;
mod probe;
mod test;

pub use fold::{Fold, fold};
pub use like::{Like, LikeError};
pub use literal::Literal;
pub use network::{Network, NetworkError};
pub use pattern::{Pattern, PatternError};
pub use test::Test;

pub(super) use probe::Probe;

use super::event::Event;
use super::path::{Path, Root, get_below};
use super::value::same;
use serde_json::Value;
use std::borrow::Cow;

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

impl Condition {
    /// The tests and the policy, to be asked of a value.
    pub(super) fn probe(&self) -> Probe<'_> {
        Probe { tests: &self.tests, missing: self.missing }
    }

    /// Whether the condition compares with the row before. Those of its tests
    /// which do are asked of the event as a whole.
    #[must_use]
    pub fn looks_back(&self) -> bool {
        self.tests.iter().any(Test::looks_back)
    }

    /// Whether any of its tests is asked of the value as it is now.
    #[must_use]
    pub fn looks_at_now(&self) -> bool {
        !self.tests.iter().all(Test::looks_back)
    }

    /// Whether the event meets this condition, taken by itself.
    #[must_use]
    pub fn holds(&self, event: &Event) -> bool {
        let now = || self.probe().reach_root(self.path.root().read(event), self.path.steps());
        self.held_before(event) && (!self.looks_at_now() || now())
    }

    /// Whether the event passes the tests which look back.
    pub(super) fn held_before(&self, event: &Event) -> bool {
        let back = self.tests.iter().filter(|test| test.looks_back());
        back.into_iter().all(|test| self.passes_over_time(test, event))
    }

    fn passes_over_time(&self, test: &Test, event: &Event) -> bool {
        match (test, &event.old) {
            (Test::Changed, Some(old)) => match (self.found_in(old), self.found_in(&event.data)) {
                (Some(before), Some(after)) => !same(&before, &after),
                (before, after) => before.is_some() != after.is_some(),
            },
            (Test::Was(tests), Some(old)) => self.meets(tests, old),
            (Test::Changed | Test::Was(_), None) => false,
            (Test::Became(tests), old) => {
                self.meets(tests, &event.data) && !old.as_ref().is_some_and(|old| self.meets(tests, old))
            }
            _ => true,
        }
    }

    /// What is at the path in this row. A list gone through in which no element
    /// has anything there has nothing, as for all other tests.
    fn found_in<'a>(&self, row: &'a Value) -> Option<Cow<'a, Value>> {
        let nothing = |found: &Cow<'_, Value>| match found {
            Cow::Owned(Value::Array(gathered)) => gathered.is_empty(),
            _ => false,
        };
        get_below(row, self.path.steps()).filter(|found| !nothing(found))
    }

    /// Whether what is at the path in this row passes the tests.
    fn meets(&self, tests: &[Test], row: &Value) -> bool {
        debug_assert_eq!(self.path.root(), Root::Data);
        Probe { tests, missing: MissingPolicy::NoMatch }.reach(row, self.path.steps())
    }
}

#[cfg(test)]
mod tests;
