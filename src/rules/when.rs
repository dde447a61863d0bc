//! The conditions of a routine together.
//!
//! All clauses must hold; a clause is a condition, or a group of alternatives
//! of which one must do. As in the event patterns of EventBridge, a choice of
//! one alternative for each group makes one list of conditions, judged together:
//! each choice is a *branch*, and the whole holds if one branch does.
//!
//! Conditions through one array of objects must be met by the *same* element:
//! of `"data.items.sku" = "a"` and `"data.items.count" = { gt = 5 }`, one item
//! must meet both. So the conditions of a branch are kept as a tree along their
//! paths, see `tree`.

mod tree;
mod verdict;

pub use verdict::{Failure, Met, Verdict};

use super::condition::Condition;
use super::event::Event;
use serde_json::Value;
use tree::{Subject, Tree};

/// The most branches which groups of alternatives may make, as in EventBridge.
pub const COMBINATIONS_MAX: usize = 1000;

/// The conditions of a routine; without any, every event matches.
#[derive(Clone, Debug, PartialEq)]
pub struct When {
    clauses: Vec<Clause>,
    conditions: Vec<Labelled>,
    branches: Vec<Branch>,
}

/// One thing which must hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Clause {
    /// A condition.
    Condition(Condition),
    /// One of several alternatives.
    AnyOf(AnyOf),
}

/// A group of alternatives: `[[when.any_of.NAME]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct AnyOf {
    /// Its name.
    pub name: Box<str>,
    /// The alternatives; all clauses of one must hold.
    pub alternatives: Vec<Vec<Clause>>,
}

/// A condition, and how an operator names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    /// Its name: `when.data.amount`, or `when.any_of.why[1].data.amount` in the
    /// first alternative of a group.
    pub key: String,
    /// The condition.
    pub condition: Condition,
}

/// Why clauses cannot be put in force: they make more than
/// [`COMBINATIONS_MAX`] branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the groups of alternatives make more than {COMBINATIONS_MAX} combinations")]
pub struct TooManyCombinations;

/// One choice of alternatives.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Branch {
    /// Its conditions by their places, in the order of the file.
    pub(super) places: Vec<usize>,
    tree: Tree,
}

impl Default for When {
    fn default() -> Self {
        Self { clauses: Vec::new(), conditions: Vec::new(), branches: vec![Branch::default()] }
    }
}

impl When {
    /// All of these clauses.
    ///
    /// # Errors
    ///
    /// If they make too many branches.
    pub fn new(clauses: Vec<Clause>) -> Result<Self, TooManyCombinations> {
        let mut conditions = Vec::new();
        let choices = choices(&clauses, "when", &mut conditions)?;
        let branch = |mut places: Vec<usize>| {
            places.sort_unstable();
            let tree = Tree::plant(&places, &conditions);
            Branch { places, tree }
        };
        let branches = choices.into_iter().map(branch).collect();
        Ok(Self { clauses, conditions, branches })
    }

    /// The clauses in the order of the file.
    #[must_use]
    pub fn clauses(&self) -> &[Clause] {
        &self.clauses
    }

    /// All conditions, also those of alternatives, in the order of the file.
    #[must_use]
    pub fn conditions(&self) -> &[Labelled] {
        &self.conditions
    }

    /// The choices of alternatives: one of them must hold.
    pub(super) fn branches(&self) -> &[Branch] {
        &self.branches
    }

    /// Whether the event meets the conditions.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        self.branches.iter().any(|branch| self.branch_holds(branch, event))
    }

    /// Whether the event meets the conditions of this branch.
    pub(super) fn branch_holds(&self, branch: &Branch, event: &Event) -> bool {
        branch.tree.holds(&self.conditions, Subject::Event(event))
    }

    /// Whether an element of an array meets the conditions, which are relative.
    pub(super) fn matches_element(&self, element: &Value) -> bool {
        self.branches.iter().any(|branch| branch.tree.holds(&self.conditions, Subject::Element(element)))
    }

    /// Whether the event meets the conditions, and if not, the first clause which
    /// fails. Slower than [`When::matches`]: it is for people who ask why.
    #[must_use]
    pub fn eval(&self, event: &Event) -> Verdict {
        verdict::eval(self, event)
    }
}

/// The choices of alternatives, each a list of conditions by their places.
fn choices(
    clauses: &[Clause],
    label: &str,
    conditions: &mut Vec<Labelled>,
) -> Result<Vec<Vec<usize>>, TooManyCombinations> {
    let mut choices = vec![Vec::new()];
    for clause in clauses {
        match clause {
            Clause::Condition(condition) => {
                choices.iter_mut().for_each(|choice: &mut Vec<usize>| choice.push(conditions.len()));
                let key = format!("{label}.{}", condition.path);
                conditions.push(Labelled { key, condition: condition.clone() });
            }
            Clause::AnyOf(group) => {
                let mut alternatives = Vec::new();
                for (number, clauses) in group.alternatives.iter().enumerate() {
                    let label = format!("{label}.any_of.{}[{}]", group.name, number + 1);
                    alternatives.extend(self::choices(clauses, &label, conditions)?);
                }
                if choices.len() * alternatives.len() > COMBINATIONS_MAX {
                    return Err(TooManyCombinations);
                }
                let with = |choice: &Vec<usize>| {
                    let choice = choice.clone();
                    alternatives.iter().map(move |more| [choice.as_slice(), more].concat())
                };
                choices = choices.iter().flat_map(with).collect();
            }
        }
    }
    Ok(choices)
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
        assert_ne!(When::new(conditions(&both)).unwrap().eval(&event(&not)), Verdict::Match);
    }

    fn is(text: &str) -> Test {
        Test::OneOf(vec![Literal::Text(text.into())])
    }

    fn gte(text: &str) -> Test {
        Test::Gte(serde_json::from_str(text).unwrap())
    }

    fn event(data: &Value) -> Event {
        crate::rules::testing::event("t", data.clone())
    }

    #[test]
    fn one_alternative_of_each_group_must_hold_together_with_the_rest() {
        let clauses = |list: &[(&str, Test)]| conditions(list);
        let why = Clause::AnyOf(AnyOf {
            name: "why".into(),
            alternatives: vec![
                clauses(&[("data.items.count", gte("5"))]),
                clauses(&[("data.items.rush", is("yes")), ("data.vip", is("yes"))]),
            ],
        });
        let mut all = clauses(&[("data.items.sku", is("a"))]);
        all.push(why);
        let when = When::new(all).unwrap();
        let keys = when.conditions().iter().map(|labelled| labelled.key.as_str()).collect::<Vec<_>>();
        let second = "when.any_of.why[2].data.items.rush";
        assert_eq!(keys[..3], ["when.data.items.sku", "when.any_of.why[1].data.items.count", second]);
        let item = |sku: &str, count: i64, rush: &str| json!({ "sku": sku, "count": count, "rush": rush });
        let data = |items: Vec<Value>, vip: &str| event(&json!({ "items": items, "vip": vip }));
        assert!(when.matches(&data(vec![item("b", 1, ""), item("a", 5, "")], "")));
        assert!(when.matches(&data(vec![item("a", 1, "yes")], "yes")));
        // The alternative must be met by the element which meets the condition above it.
        let apart = data(vec![item("a", 1, ""), item("b", 9, "yes")], "yes");
        assert!(!when.matches(&apart));
        let Verdict::NoMatch(failure) = when.eval(&apart) else { panic!("a match") };
        assert_eq!((failure.because.as_str(), failure.met), ("when.any_of.why", Met::Alternatives));
        let inner = failure.alternatives.iter().map(|one| one.because.as_str()).collect::<Vec<_>>();
        assert_eq!(inner, ["when.any_of.why[1].data.items.count", second]);
    }

    #[test]
    fn too_many_combinations_are_refused() {
        let group = |name: &str| {
            let alternatives = (0..10).map(|n| conditions(&[("data.x", is(&n.to_string()))])).collect();
            Clause::AnyOf(AnyOf { name: name.into(), alternatives })
        };
        assert!(When::new(vec![group("a"), group("b"), group("c")]).is_ok());
        assert_eq!(When::new(["a", "b", "c", "d"].map(group).to_vec()), Err(TooManyCombinations));
    }

    fn conditions(list: &[(&str, Test)]) -> Vec<Clause> {
        let condition = |(path, test): &(&str, Test)| {
            Clause::Condition(Condition {
                path: Path::parse(path).unwrap(),
                tests: vec![test.clone()],
                missing: MissingPolicy::NoMatch,
            })
        };
        list.iter().map(condition).collect()
    }

    #[track_caller]
    fn check(list: &[(&str, Test)], data: &Value, want: Option<(&str, &str)>) {
        let when = When::new(conditions(list)).unwrap();
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
