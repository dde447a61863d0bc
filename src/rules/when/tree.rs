//! The conditions of a branch along their paths.
//!
//! An array on the way is a choice of one element for all below it, so what
//! goes through one array is met by one element. A quantifier ends that: from
//! there on, a condition is judged by itself. Tests which compare with the row
//! before are judged by themselves from the root.

use super::Labelled;
use crate::rules::event::Event;
use crate::rules::path::{Found, Path, Root, Step};
use serde_json::Value;

/// The conditions of a branch.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tree {
    roots: Vec<(Root, Node)>,
    /// Conditions which look back, by their places.
    back: Vec<usize>,
}

/// What the conditions are asked of.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// An event.
    Event(&'a Event),
    /// An element of an array.
    Element(&'a Value),
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Node {
    /// Conditions on the value here, by their places.
    here: Vec<usize>,
    /// Conditions which go on by themselves, with the steps they have done.
    apart: Vec<(usize, usize)>,
    below: Vec<(Box<str>, Node)>,
}

impl Tree {
    /// The tree of the conditions at these places.
    pub(super) fn plant(places: &[usize], conditions: &[Labelled]) -> Self {
        let mut tree = Self::default();
        for place in places {
            let condition = &conditions[*place].condition;
            if condition.looks_back() {
                tree.back.push(*place);
            }
            if condition.looks_at_now() {
                tree.add(*place, &condition.path);
            }
        }
        tree
    }

    fn add(&mut self, place: usize, path: &Path) {
        let root = path.root();
        let mut node = child(&mut self.roots, |known| *known == root, || root);
        for (done, step) in path.steps().iter().enumerate() {
            match step {
                Step::Key(key) => node = child(&mut node.below, |known| known == key, || key.clone()),
                Step::Quantifier(_) => return node.apart.push((place, done)),
            }
        }
        node.here.push(place);
    }

    /// Whether all conditions hold.
    pub(super) fn holds(&self, conditions: &[Labelled], subject: Subject<'_>) -> bool {
        let root_holds = |(root, node): &(Root, Node)| match subject {
            Subject::Element(value) => node.holds(conditions, Some(value)),
            Subject::Event(event) => match root.read(event) {
                None => node.holds(conditions, None),
                Some(Found::Json(value)) => node.holds(conditions, Some(value)),
                Some(Found::Text(text)) => {
                    node.here.iter().all(|place| conditions[*place].condition.probe().holds_for_text(&text))
                }
            },
        };
        let back = |place: &usize| match subject {
            Subject::Event(event) => conditions[*place].condition.held_before(event),
            Subject::Element(_) => false,
        };
        self.roots.iter().all(root_holds) && self.back.iter().all(back)
    }
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

impl Node {
    fn holds(&self, conditions: &[Labelled], value: Option<&Value>) -> bool {
        self.here_holds(conditions, value) && (self.below.is_empty() || self.below_holds(conditions, value))
    }

    fn here_holds(&self, conditions: &[Labelled], value: Option<&Value>) -> bool {
        let here = |place: &usize| {
            let probe = conditions[*place].condition.probe();
            value.map_or_else(|| probe.holds_if_missing(), |value| probe.holds_for(value))
        };
        let apart = |(place, done): &(usize, usize)| {
            let condition = &conditions[*place].condition;
            let (probe, steps) = (condition.probe(), &condition.path.steps()[*done..]);
            value.map_or_else(|| probe.holds_if_missing(), |value| probe.reach(value, steps))
        };
        self.here.iter().all(here) && self.apart.iter().all(apart)
    }

    fn below_holds(&self, conditions: &[Labelled], value: Option<&Value>) -> bool {
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
