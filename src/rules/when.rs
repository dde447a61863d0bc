//! The conditions of a routine together: all must hold.
//!
//! Conditions through one array of objects must be met by the *same* element:
//! of `"data.items.sku" = "a"` and `"data.items.count" = { gt = 5 }`, one item
//! must meet both. So the conditions are kept as a tree along their paths, and
//! an array on the way is a choice of one element for all below it.

use super::condition::Condition;
use super::event::Event;
use super::path::{Found, Root};
use serde_json::Value;
use std::fmt;

/// The conditions of a routine; without any, every event matches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct When {
    conditions: Vec<Condition>,
    tree: Vec<(Root, Node)>,
}

/// Whether an event meets all conditions.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It does.
    Match,
    /// It does not, and this is the first condition which fails.
    NoMatch(Failure),
}

/// The first condition, in the order of the file, with which an event fails.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The condition as an operator names it: `when.data.amount`.
    pub because: String,
    /// What the event has there.
    pub met: Met,
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
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Node {
    /// Conditions on the value here, by their place in the list.
    here: Vec<usize>,
    below: Vec<(Box<str>, Node)>,
}

impl When {
    /// All of these conditions.
    #[must_use]
    pub fn new(conditions: Vec<Condition>) -> Self {
        let tree = plant(&conditions);
        Self { conditions, tree }
    }

    /// The conditions in the order of the file.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Whether the event meets all conditions.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        matches(&self.tree, &self.conditions, event)
    }

    /// Whether the event meets all conditions, and if not, the first which
    /// fails. Slower than [`When::matches`]: it is for people who ask why.
    #[must_use]
    pub fn eval(&self, event: &Event) -> Verdict {
        let fails = |count: &usize| {
            let some = &self.conditions[..*count];
            !matches(&plant(some), some, event)
        };
        match (1..=self.conditions.len()).find(fails) {
            None => Verdict::Match,
            Some(count) => Verdict::NoMatch(failure(&self.conditions[count - 1], event)),
        }
    }
}

fn failure(condition: &Condition, event: &Event) -> Failure {
    let met = match condition.path.get(event) {
        None => Met::Missing,
        Some(value) if condition.holds(event) => Met::OtherElement(value.into_owned()),
        Some(value) => Met::Value(value.into_owned()),
    };
    Failure { because: condition.key(), met }
}

fn plant(conditions: &[Condition]) -> Vec<(Root, Node)> {
    let mut tree: Vec<(Root, Node)> = Vec::new();
    for (place, condition) in conditions.iter().enumerate() {
        let root = condition.path.root();
        let mut node = child(&mut tree, |known| *known == root, || root);
        for key in condition.path.keys() {
            node = child(&mut node.below, |known| known == key, || key.clone());
        }
        node.here.push(place);
    }
    tree
}

/// The node of that key, made if it is not there yet.
fn child<K>(nodes: &mut Vec<(K, Node)>, is: impl Fn(&K) -> bool, key: impl Fn() -> K) -> &mut Node {
    let place = match nodes.iter().position(|(known, _)| is(known)) {
        Some(place) => place,
        None => {
            nodes.push((key(), Node::default()));
            nodes.len() - 1
        }
    };
    &mut nodes[place].1
}

fn matches(tree: &[(Root, Node)], conditions: &[Condition], event: &Event) -> bool {
    tree.iter().all(|(root, node)| match root.read(event) {
        None => node.holds(conditions, None),
        Some(Found::Json(value)) => node.holds(conditions, Some(value)),
        Some(Found::Text(text)) => node.here.iter().all(|place| conditions[*place].holds_for_text(&text)),
    })
}

impl Node {
    fn holds(&self, conditions: &[Condition], value: Option<&Value>) -> bool {
        self.here.iter().all(|place| conditions[*place].holds_for(value))
            && (self.below.is_empty() || self.below_holds(conditions, value))
    }

    fn below_holds(&self, conditions: &[Condition], value: Option<&Value>) -> bool {
        if let Some(Value::Array(items)) = value
            && !items.is_empty()
        {
            return items.iter().any(|item| self.below_holds(conditions, Some(item)));
        }
        let holds = |(key, node): &(Box<str>, Self)| {
            node.holds(conditions, value.and_then(|value| value.get(&**key)))
        };
        self.below.iter().all(holds)
    }
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Value(value) => write!(f, "is {value}"),
            Self::OtherElement(value) => {
                write!(f, "is {value}, which the elements that meet the earlier conditions are not")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::condition::{Literal, MissingPolicy, Test};
    use crate::rules::path::Path;
    use serde_json::json;

    #[test]
    fn without_conditions_every_event_matches() {
        check(&[], &json!({}), None);
    }

    #[test]
    fn the_first_failing_condition_is_named_with_what_it_met() {
        let both = [("data.amount", gte("500")), ("data.currency", is("EUR"))];
        check(&both, &json!({ "amount": 600, "currency": "EUR" }), None);
        check(&both, &json!({ "amount": 10, "currency": "USD" }), Some(("when.data.amount", "is 10")));
        check(&both, &json!({ "amount": 600 }), Some(("when.data.currency", "is missing")));
        check(&both, &json!({ "amount": "600" }), Some(("when.data.amount", "is \"600\"")));
        check(&[("type", is("x"))], &json!({}), Some(("when.type", "is \"t\"")));
        check(&[("subject", is("x"))], &json!({}), Some(("when.subject", "is missing")));
    }

    #[test]
    fn one_element_must_meet_all_conditions_through_an_array() {
        let both = [("data.items.sku", is("a")), ("data.items.count", gte("5"))];
        check(&both, &json!({ "items": [{ "sku": "b", "count": 9 }, { "sku": "a", "count": 5 }] }), None);
        let split = json!({ "items": [{ "sku": "a", "count": 1 }, { "sku": "b", "count": 9 }] });
        let why = "is [1,9], which the elements that meet the earlier conditions are not";
        check(&both, &split, Some(("when.data.items.count", why)));
        check(&both, &json!({ "items": [] }), Some(("when.data.items.sku", "is []")));
    }

    #[test]
    fn arrays_inside_arrays_are_chosen_one_by_one() {
        let both = [("data.o.i.sku", is("a")), ("data.o.paid", is("yes"))];
        let met = json!({ "o": [{ "paid": "no", "i": [{ "sku": "a" }] }, { "paid": "yes", "i": [{}, { "sku": "a" }] }] });
        check(&both, &met, None);
        let not = json!({ "o": [{ "paid": "no", "i": [{ "sku": "a" }] }, { "paid": "yes", "i": [{}] }] });
        assert_ne!(When::new(conditions(&both)).eval(&event(&not)), Verdict::Match);
    }

    fn is(text: &str) -> Test {
        Test::Equals(Literal::Text(text.into()))
    }

    fn gte(text: &str) -> Test {
        Test::Gte(serde_json::from_str(text).unwrap())
    }

    fn event(data: &Value) -> Event {
        crate::rules::testing::event("t", data.clone())
    }

    fn conditions(list: &[(&str, Test)]) -> Vec<Condition> {
        let condition = |(path, test): &(&str, Test)| Condition {
            path: Path::parse(path).unwrap(),
            tests: vec![test.clone()],
            missing: MissingPolicy::NoMatch,
        };
        list.iter().map(condition).collect()
    }

    #[track_caller]
    fn check(list: &[(&str, Test)], data: &Value, want: Option<(&str, &str)>) {
        let when = When::new(conditions(list));
        let event = event(data);
        let got = match when.eval(&event) {
            Verdict::Match => None,
            Verdict::NoMatch(failure) => Some((failure.because, failure.met.to_string())),
        };
        let got = got.as_ref().map(|(because, met)| (because.as_str(), met.as_str()));
        assert_eq!(got, want, "{data}");
        assert_eq!(when.matches(&event), want.is_none(), "{data}");
    }
}
