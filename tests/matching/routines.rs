//! Random routines.

use super::model::{Clauses, Condition, Group, Missing, Path, Quantifier, Root, Routine, Step, Test};
use super::specs::{Setting, Within, spec};
use super::words::Kind;
use proptest::prelude::*;
use proptest::strategy::Union;
use std::ops::RangeInclusive;

/// What conditions ask about, and how often.
#[derive(Clone, Copy)]
struct Target {
    weight: u32,
    root: Root,
    keys: &'static [&'static str],
    kind: Kind,
}

const fn target(weight: u32, root: Root, keys: &'static [&'static str], kind: Kind) -> Target {
    Target { weight, root, keys, kind }
}

/// What conditions on events ask about.
const OF_EVENTS: &[Target] = &[
    target(4, Root::Data, &["plan"], Kind::Text),
    target(4, Root::Data, &["amount"], Kind::Number),
    target(3, Root::Data, &["vip"], Kind::Flag),
    target(2, Root::Data, &["ip"], Kind::Address),
    target(4, Root::Data, &["tags"], Kind::Text),
    target(3, Root::Data, &["scores"], Kind::Number),
    target(3, Root::Data, &["items"], Kind::Object),
    target(5, Root::Data, &["items", "sku"], Kind::Text),
    target(5, Root::Data, &["items", "price"], Kind::Number),
    target(3, Root::Data, &["items", "gift"], Kind::Flag),
    target(2, Root::Data, &["items", "tags"], Kind::Text),
    target(2, Root::Data, &["items", "lines"], Kind::Object),
    target(3, Root::Data, &["items", "lines", "sku"], Kind::Text),
    target(3, Root::Data, &["items", "lines", "qty"], Kind::Number),
    target(2, Root::Data, &["customer"], Kind::Object),
    target(2, Root::Data, &["customer", "vip"], Kind::Flag),
    target(2, Root::Data, &["customer", "name"], Kind::Text),
    target(1, Root::Data, &["customer", "a.b"], Kind::Number),
    target(1, Root::Data, &["any_of"], Kind::Number),
    target(1, Root::Data, &["nowhere"], Kind::Text),
    target(1, Root::Data, &[], Kind::Object),
    target(2, Root::Old, &["plan"], Kind::Text),
    target(2, Root::Old, &["amount"], Kind::Number),
    target(1, Root::Old, &["items", "sku"], Kind::Text),
    target(1, Root::Old, &["items", "price"], Kind::Number),
    target(1, Root::Old, &[], Kind::Object),
    target(1, Root::Meta, &["region"], Kind::Text),
    target(1, Root::Meta, &["level"], Kind::Number),
    target(1, Root::Type, &[], Kind::Attribute),
    target(1, Root::Id, &[], Kind::Attribute),
    target(1, Root::Source, &[], Kind::Attribute),
    target(2, Root::Subject, &[], Kind::Attribute),
    target(1, Root::Tenant, &[], Kind::Attribute),
    target(1, Root::Time, &[], Kind::Attribute),
];

/// What conditions on elements ask about.
const OF_ELEMENTS: &[Target] = &[
    target(4, Root::Element, &["sku"], Kind::Text),
    target(3, Root::Element, &["price"], Kind::Number),
    target(2, Root::Element, &["qty"], Kind::Number),
    target(2, Root::Element, &["gift"], Kind::Flag),
    target(2, Root::Element, &["tags"], Kind::Text),
    target(1, Root::Element, &["lines"], Kind::Object),
    target(2, Root::Element, &["lines", "sku"], Kind::Text),
    target(2, Root::Element, &["lines", "qty"], Kind::Number),
    target(1, Root::Element, &["any_of"], Kind::Number),
    target(1, Root::Element, &["name"], Kind::Text),
    target(1, Root::Element, &["a.b"], Kind::Number),
];

/// The types a routine may ask for.
const TYPES: &[&str] =
    &["order.placed", "order.paid", "refund.requested", "order.*", "order.line.*", "refund.*", "*"];

/// A routine. Most have few conditions, so that events meet them.
pub fn routine() -> BoxedStrategy<Routine> {
    let within = within(2);
    let when = prop_oneof![
        4 => clauses(OF_EVENTS, &within, 0..=2, 1),
        2 => clauses(OF_EVENTS, &within, 0..=6, 2),
    ];
    let types = prop_oneof![3 => Just(Vec::<&str>::new()), 2 => prop::sample::subsequence(TYPES, 1..=3)];
    let from = prop::option::weighted(0.25, prop::sample::select(vec!["events", "events", "legacy"]));
    (types, from, when)
        .prop_map(|(types, from, when)| Routine {
            types: types.into_iter().map(str::to_owned).collect(),
            from: from.map(str::to_owned),
            when,
        })
        .boxed()
}

/// Conditions on an element, which may ask about elements of it so often.
fn within(depth: u8) -> Within {
    (depth > 0).then(|| clauses(OF_ELEMENTS, &within(depth - 1), 1..=2, 1))
}

/// Clauses with so many conditions, and groups nested so deep.
fn clauses(
    targets: &'static [Target],
    within: &Within,
    count: RangeInclusive<usize>,
    depth: u8,
) -> BoxedStrategy<Clauses> {
    let conditions = targets.iter().map(|target| (target.weight, condition(*target, within))).collect();
    clauses_of(&Union::new_weighted(conditions).boxed(), count, depth)
}

fn clauses_of(
    condition: &BoxedStrategy<Condition>,
    count: RangeInclusive<usize>,
    depth: u8,
) -> BoxedStrategy<Clauses> {
    let conditions = prop::collection::vec(condition.clone(), count);
    let groups = match depth {
        0 => Just(Vec::<Vec<Clauses>>::new()).boxed(),
        _ => {
            let alternative = clauses_of(condition, 1..=2, depth - 1);
            let group = prop::collection::vec(alternative, 1..=3);
            prop_oneof![3 => Just(Vec::<Vec<Clauses>>::new()), 1 => prop::collection::vec(group, 1..=2)]
                .boxed()
        }
    };
    let groups_at = prop_oneof![3 => Just(usize::MAX), 1 => 0..3_usize];
    (conditions, groups, groups_at)
        .prop_map(|(conditions, groups, groups_at)| {
            let groups = groups.into_iter().zip(["why", "how"]);
            let groups = groups.map(|(alternatives, name)| Group { name, alternatives }).collect();
            Clauses { conditions: distinct(conditions), groups, groups_at }
        })
        .boxed()
}

/// A table has each key once.
fn distinct(conditions: Vec<Condition>) -> Vec<Condition> {
    let mut kept: Vec<Condition> = Vec::new();
    for condition in conditions {
        if kept.iter().all(|other| other.path != condition.path) {
            kept.push(condition);
        }
    }
    kept
}

fn condition(target: Target, within: &Within) -> BoxedStrategy<Condition> {
    let setting = if target.root == Root::Data { Setting::Data } else { Setting::Elsewhere };
    let usual = spec(target.kind, setting, within);
    let spec = match target.kind {
        Kind::Attribute => usual,
        _ => {
            let strange = prop_oneof![spec(Kind::Text, setting, within), spec(Kind::Number, setting, within)];
            prop_oneof![17 => usual, 2 => strange].boxed()
        }
    };
    (path(target), spec, 0..10_u8)
        .prop_map(|(path, spec, missing)| {
            let speaks =
                |test: &Test| test.looks_back() || test.asks_absence() || matches!(test, Test::Exists);
            let tolerant = missing >= 8 && !spec.tests.iter().any(speaks);
            let missing = if tolerant { Missing::Match } else { Missing::NoMatch };
            Condition { path, spec, missing }
        })
        .boxed()
}

/// The path to a target, with quantifiers here and there.
fn path(target: Target) -> BoxedStrategy<Path> {
    let quantifier = prop::sample::select(vec![Quantifier::Any, Quantifier::All, Quantifier::None]);
    prop::collection::vec((0..100_u8, quantifier), target.keys.len() + 1)
        .prop_map(move |draws| {
            let mut steps = Vec::new();
            let keys = std::iter::once(None).chain(target.keys.iter().map(Some));
            for (key, (roll, quantifier)) in keys.zip(draws) {
                let threshold = match key {
                    None if matches!(target.root, Root::Data | Root::Old | Root::Meta) => 98,
                    None => u8::MAX,
                    Some(&("items" | "lines" | "tags" | "scores")) => 72,
                    Some(_) => 96,
                };
                steps.extend(key.map(|&key| Step::Key(key)));
                if roll >= threshold {
                    steps.push(Step::Each(quantifier));
                }
                if roll == 99 && threshold < 98 {
                    steps.push(Step::Each(Quantifier::Any));
                }
            }
            Path { root: target.root, steps }
        })
        .boxed()
}
