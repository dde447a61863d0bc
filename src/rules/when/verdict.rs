//! Why an event does not match, for people.

use super::{Clause, When};
use crate::rules::condition::Condition;
use crate::rules::event::Event;
use serde_json::Value;
use std::fmt;

/// Whether an event meets the conditions.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It does.
    Match,
    /// It does not, and this is the first clause which fails.
    NoMatch(Failure),
}

/// The first clause, in the order of the file, with which an event fails.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The clause as an operator names it: `when.data.amount`, `when.any_of.why`.
    pub because: String,
    /// What the event has there.
    pub met: Met,
    /// For a group: how each of its alternatives fails.
    pub alternatives: Vec<Failure>,
}

/// What an event has where a condition looks.
#[derive(Clone, Debug, PartialEq)]
pub enum Met {
    /// Nothing at all.
    Missing,
    /// This value.
    Value(Value),
    /// Values which meet this condition, but in other elements of an array than
    /// those which meet the conditions before it.
    OtherElement(Value),
    /// None of the alternatives of a group.
    Alternatives,
}

/// Whether the event meets the conditions, and if not, the first clause which
/// fails, together with those before it.
pub(super) fn eval(when: &When, event: &Event) -> Verdict {
    if when.matches(event) {
        return Verdict::Match;
    }
    match first_failure(&[], &when.clauses, "when", event) {
        Some(failure) => Verdict::NoMatch(failure),
        None => Verdict::Match,
    }
}

/// The first of the clauses which fails when those before it must hold too.
fn first_failure(before: &[Clause], clauses: &[Clause], label: &str, event: &Event) -> Option<Failure> {
    let fails = |count: &usize| {
        let some = [before, &clauses[..*count]].concat();
        // A part makes no more branches than the whole, which was accepted.
        !When::new(some).is_ok_and(|when| when.matches(event))
    };
    let count = (1..=clauses.len()).find(fails)?;
    Some(match &clauses[count - 1] {
        Clause::Condition(condition) => failure(condition, label, event),
        Clause::AnyOf(group) => {
            let before = [before, &clauses[..count - 1]].concat();
            let because = format!("{label}.any_of.{}", group.name);
            let alternative = |(number, clauses): (usize, &Vec<Clause>)| {
                first_failure(&before, clauses, &format!("{because}[{}]", number + 1), event)
            };
            let alternatives = group.alternatives.iter().enumerate().filter_map(alternative).collect();
            Failure { because, met: Met::Alternatives, alternatives }
        }
    })
}

fn failure(condition: &Condition, label: &str, event: &Event) -> Failure {
    let met = match condition.path.get(event) {
        None => Met::Missing,
        Some(value) if condition.holds(event) => Met::OtherElement(value.into_owned()),
        Some(value) => Met::Value(value.into_owned()),
    };
    Failure { because: format!("{label}.{}", condition.path), met, alternatives: Vec::new() }
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Value(value) => write!(f, "is {value}"),
            Self::OtherElement(value) => {
                write!(f, "is {value}, which the elements that meet the earlier conditions are not")
            }
            Self::Alternatives => f.write_str("meets no alternative"),
        }
    }
}
