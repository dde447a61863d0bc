//! The meaning of routines, said as plainly as can be.
//!
//! Nothing is clever here. Groups are multiplied out, and of the elements of
//! each array on the way every one is tried: an array gets its choice when the
//! first condition comes through it, and all others which come through it are
//! bound to that. Arrays are told apart by where they lie in memory.

use super::looking_back::looks_back;
use super::model::{Clause, Clauses, Condition, Group, Missing, Quantifier, Root, Routine, Step, Test};
use super::passing::passes;
use hearken::rules::event::Event;
use serde_json::Value;

/// An event, its attributes as values.
pub struct Seen {
    kind: String,
    from: String,
    attributes: Vec<(Root, Value)>,
}

/// What paths begin at.
#[derive(Clone, Copy)]
pub enum Ground<'a> {
    /// An event.
    Event(&'a Seen),
    /// An element of an array.
    Element(&'a Value),
}

/// Why an event does not match.
#[derive(Debug, PartialEq, Eq)]
pub struct Reason {
    /// The first clause which fails.
    pub because: String,
    /// For a group: why each of its alternatives fails.
    pub alternatives: Vec<Reason>,
}

/// An array, and the element of it which was chosen.
type Choice<'a> = (&'a Value, usize);

/// What becomes of a condition, so far as elements have been chosen.
enum Outcome<'a> {
    Holds,
    Fails,
    /// An element of this array has to be chosen first.
    Waits(&'a Value),
}

impl Seen {
    /// Looks at an event.
    pub fn of(event: &Event) -> Self {
        let text = |text: &str| Some(Value::String(text.to_owned()));
        let attributes = [
            (Root::Type, text(&event.kind)),
            (Root::Id, text(&event.id)),
            (Root::Source, text(&event.origin)),
            (Root::Subject, event.subject.as_deref().and_then(text)),
            (Root::Time, text(&event.time.to_string())),
            (Root::Tenant, event.tenant.as_deref().and_then(text)),
            (Root::Data, Some(event.data.clone())),
            (Root::Old, event.old.clone()),
            (Root::Meta, Some(event.meta.clone())),
        ];
        let attributes = attributes.into_iter().filter_map(|(root, value)| Some((root, value?))).collect();
        Self { kind: event.kind.clone(), from: event.from.as_str().to_owned(), attributes }
    }
}

impl<'a> Ground<'a> {
    /// The attribute, if there is one; of an element, the element.
    pub fn at(self, wanted: Root) -> Option<&'a Value> {
        match self {
            Self::Event(seen) => {
                seen.attributes.iter().find(|(root, _)| *root == wanted).map(|(_, value)| value)
            }
            Self::Element(value) => Some(value),
        }
    }
}

/// Whether the event sets the routine off and meets its conditions.
pub fn matches(routine: &Routine, seen: &Seen) -> bool {
    is_wanted(routine, seen) && meets(Ground::Event(seen), &routine.when)
}

/// Whether the event sets the routine off, whatever its conditions say.
pub fn is_wanted(routine: &Routine, seen: &Seen) -> bool {
    let fits = |pattern: &String| match pattern.strip_suffix('*') {
        Some(prefix) => seen.kind.starts_with(prefix),
        None => seen.kind == *pattern,
    };
    let by_type = routine.types.is_empty() || routine.types.iter().any(fits);
    by_type && routine.from.as_ref().is_none_or(|from| *from == seen.from)
}

/// Whether all clauses hold together.
pub fn meets(ground: Ground<'_>, clauses: &Clauses) -> bool {
    hold(ground, &clauses.in_order())
}

/// Why the event does not meet the clauses, if it does not.
pub fn reason(seen: &Seen, clauses: &Clauses) -> Option<Reason> {
    first_failure(Ground::Event(seen), &[], clauses, "when.")
}

fn first_failure(
    ground: Ground<'_>,
    before: &[Clause<'_>],
    clauses: &Clauses,
    prefix: &str,
) -> Option<Reason> {
    let mut together = before.to_vec();
    for clause in clauses.in_order() {
        let earlier = together.clone();
        together.push(clause);
        if hold(ground, &together) {
            continue;
        }
        return Some(match clause {
            Clause::Condition(condition) => {
                Reason { because: format!("{prefix}{}", condition.path.text()), alternatives: Vec::new() }
            }
            Clause::Group(group) => group_failure(ground, &earlier, group, prefix),
        });
    }
    None
}

fn group_failure(ground: Ground<'_>, before: &[Clause<'_>], group: &Group, prefix: &str) -> Reason {
    let because = format!("{prefix}any_of.{}", group.name);
    let alternatives = group.alternatives.iter().enumerate();
    let failures = alternatives.map(|(place, alternative)| {
        first_failure(ground, before, alternative, &format!("{because}[{}].", place + 1))
    });
    let alternatives =
        failures.map(|failure| failure.expect("an alternative fails if its group does")).collect();
    Reason { because, alternatives }
}

fn hold(ground: Ground<'_>, clauses: &[Clause<'_>]) -> bool {
    combinations(clauses).iter().any(|conditions| can_be_met(ground, conditions, &mut Vec::new()))
}

/// Every choice of one alternative from each group.
fn combinations<'m>(clauses: &[Clause<'m>]) -> Vec<Vec<&'m Condition>> {
    let mut all = vec![Vec::new()];
    for clause in clauses {
        let choices = match clause {
            Clause::Condition(condition) => vec![vec![*condition]],
            Clause::Group(group) => {
                group.alternatives.iter().flat_map(|one| combinations(&one.in_order())).collect()
            }
        };
        let longer = |shorter: &Vec<&'m Condition>| {
            choices.iter().map(|choice| [&shorter[..], &choice[..]].concat()).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

/// Whether some choice of elements, beside those chosen already, lets all
/// conditions hold.
fn can_be_met<'a>(ground: Ground<'a>, conditions: &[&Condition], chosen: &mut Vec<Choice<'a>>) -> bool {
    for condition in conditions {
        match outcome(ground, condition, chosen) {
            Outcome::Holds => {}
            Outcome::Fails => return false,
            Outcome::Waits(array) => {
                let count = array.as_array().map_or(0, Vec::len);
                return (0..count).any(|place| {
                    chosen.push((array, place));
                    let met = can_be_met(ground, conditions, chosen);
                    chosen.pop();
                    met
                });
            }
        }
    }
    true
}

fn outcome<'a>(ground: Ground<'a>, condition: &Condition, chosen: &[Choice<'a>]) -> Outcome<'a> {
    let (back, now) = condition.spec.tests.iter().partition::<Vec<&Test>, _>(|test| test.looks_back());
    if !back.iter().all(|test| looks_back(ground, &condition.path, test)) {
        return Outcome::Fails;
    }
    if now.is_empty() {
        return Outcome::Holds;
    }
    let asked = Asked { tests: now, missing: condition.missing };
    follow(ground.at(condition.path.root), &condition.path.steps, &asked, chosen)
}

/// What is asked of the value at the end of a path.
pub struct Asked<'m> {
    /// These tests, together.
    pub tests: Vec<&'m Test>,
    /// What if there is no value.
    pub missing: Missing,
}

impl Asked<'_> {
    fn of_nothing(&self) -> bool {
        self.missing == Missing::Match || self.tests.iter().all(|test| test.asks_absence())
    }
}

/// Follows a path along the chosen elements.
fn follow<'a>(
    value: Option<&'a Value>,
    steps: &[Step],
    asked: &Asked<'_>,
    chosen: &[Choice<'a>],
) -> Outcome<'a> {
    let known = |holds: bool| if holds { Outcome::Holds } else { Outcome::Fails };
    let (Some(value), Some((Step::Key(key), rest))) = (value, steps.split_first()) else {
        // From a quantifier on, and at the end, the others play no part.
        return known(holds_alone(value, steps, asked));
    };
    match value {
        Value::Object(fields) => follow(fields.get(*key), rest, asked, chosen),
        Value::Array(items) if !items.is_empty() => {
            match chosen.iter().find(|(array, _)| std::ptr::eq(*array, value)) {
                Some((_, place)) => follow(items.get(*place), steps, asked, chosen),
                None => Outcome::Waits(value),
            }
        }
        _ => known(asked.of_nothing()),
    }
}

/// Whether what is asked holds at the rest of a path, taken by itself.
pub fn holds_alone(value: Option<&Value>, steps: &[Step], asked: &Asked<'_>) -> bool {
    let Some(value) = value else { return asked.of_nothing() };
    match (steps.split_first(), value) {
        (None, value) => passes(&asked.tests, value),
        (Some((Step::Each(quantifier), rest)), value) => {
            let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            holds_for(*quantifier, items, rest, asked)
        }
        (Some((Step::Key(key), rest)), Value::Object(fields)) => holds_alone(fields.get(*key), rest, asked),
        (Some(_), Value::Array(items)) if !items.is_empty() => {
            items.iter().any(|item| holds_alone(Some(item), steps, asked))
        }
        _ => asked.of_nothing(),
    }
}

fn holds_for(quantifier: Quantifier, items: &[Value], rest: &[Step], asked: &Asked<'_>) -> bool {
    let holds = |item: &Value, asked: &Asked<'_>| holds_alone(Some(item), rest, asked);
    match quantifier {
        Quantifier::Any => items.iter().any(|item| holds(item, asked)),
        Quantifier::All => items.iter().all(|item| holds(item, asked)),
        Quantifier::None => {
            let strict = Asked { tests: asked.tests.clone(), missing: Missing::NoMatch };
            !items.iter().any(|item| holds(item, &strict))
        }
    }
}
