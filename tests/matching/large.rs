//! Thousands of routines which ask for the same few values, so that many share
//! whatever they could be found by.

use super::model::{
    Clauses, Condition, Group, Literal, Look, Missing, Path, Quantifier, Relation, Root, Routine, Spec, Step,
    Test,
};
use super::naive::Seen;
use super::sets::Set;
use super::support::{Tally, pairs, run};
use hearken::rules::event::Event;
use hearken::rules::name::SourceName;
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

/// How many routines are in force at once.
const ROUTINES: usize = 3_000;

/// How many events they are asked about.
const EVENTS: usize = 200;

/// The types of events.
const KINDS: &[&str] = &["a.0", "a.1", "a.2", "b.0", "b.1", "b.2", "c.0", "c.1", "c.2", "d.0", "d.1", "d.2"];

#[test]
fn thousands_of_routines_are_told_apart() {
    let tally = Tally::default();
    let rounds = (pairs() / 4 / (ROUTINES as u64 * EVENTS as u64)).clamp(1, 10_000) as u32;
    run(rounds, 0, &(vec(routine(), ROUTINES), vec(event(), EVENTS)), |(models, events)| {
        let seen = events.iter().map(Seen::of).collect::<Vec<_>>();
        let set = Set::read(&models, &seen, &tally)?;
        for (event, seen) in events.iter().zip(&seen) {
            set.check(event, seen, &tally)?;
        }
        Ok(())
    });
    tally.check("large");
}

fn routine() -> BoxedStrategy<Routine> {
    let exact = prop::sample::select(KINDS).prop_map(|kind| vec![kind.to_owned()]);
    let many = prop::sample::select(vec!["a.*", "b.*", "c.*", "d.*"]).prop_map(|kind| vec![kind.to_owned()]);
    let types = prop_oneof![8 => exact, 2 => many, 2 => Just(Vec::<String>::new())];
    let when = prop_oneof![5 => equalities(), 3 => ranges(), 3 => words(), 3 => lists(), 2 => others()];
    (types, when).prop_map(|(types, when)| Routine { types, from: None, when }).boxed()
}

fn equalities() -> BoxedStrategy<Clauses> {
    let plan = || word("plan", 40).prop_map(|plan| at(&["plan"], Test::Eq(Literal::Text(plan))));
    let least = (0..200_u32).prop_map(|least| at(&["amount"], number(Relation::Gte, least)));
    let sku = vec(word("sku", 60), 1..=4).prop_map(|skus| at(&["items", "sku"], Test::In(texts(skus))));
    let price = (0..100_u32).prop_map(|price| at(&["items", "price"], number(Relation::Lt, price)));
    prop_oneof![
        2 => (plan(), least).prop_map(|(plan, least)| all(vec![plan, least])),
        2 => (sku.clone(), price).prop_map(|(sku, price)| all(vec![sku, price])),
        1 => Just(all(vec![vip()])),
        2 => plan().prop_map(|plan| all(vec![vip(), plan])),
        2 => (plan(), sku).prop_map(|(plan, sku)| any_of(vec![all(vec![plan]), all(vec![vip(), sku])])),
    ]
    .boxed()
}

fn ranges() -> BoxedStrategy<Clauses> {
    let ends = (0..200_u32, 1..60_u32);
    let amount = ends.prop_map(|(least, width)| {
        let tests = vec![number(Relation::Gte, least), number(Relation::Lt, least + width)];
        condition(&["amount"], Spec::table(tests))
    });
    let all_cheap = (50..100_u32).prop_map(|most| {
        let path = path(&[Step::Key("items"), Step::Each(Quantifier::All), Step::Key("price")]);
        Condition { path, ..at(&[], number(Relation::Lte, most)) }
    });
    prop_oneof![
        2 => amount.clone().prop_map(|amount| all(vec![amount])),
        1 => amount.clone().prop_map(|amount| all(vec![vip(), amount])),
        1 => (amount, all_cheap).prop_map(|(amount, cheap)| all(vec![amount, cheap])),
    ]
    .boxed()
}

fn words() -> BoxedStrategy<Clauses> {
    let test =
        |look: Look, words: BoxedStrategy<String>| words.prop_map(move |word| Test::Text(look, vec![word]));
    let digits = || (0..60_u32).prop_map(|digits| digits.to_string()).boxed();
    let plan = prop_oneof![
        test(Look::Prefix, digits().prop_map(|digits| format!("plan-{digits}")).boxed()),
        test(Look::Suffix, digits().prop_map(|digits| format!("-{digits}")).boxed()),
        test(Look::Contains, digits()),
        test(Look::Like, digits().prop_map(|digits| format!("pl*-{digits}*")).boxed()),
        test(Look::IEquals, word("PLAN", 40)),
        test(Look::IPrefix, digits().prop_map(|digits| format!("Plan-{digits}")).boxed()),
    ];
    let plan = plan.prop_map(|test| at(&["plan"], test)).boxed();
    prop_oneof![plan.clone().prop_map(|plan| all(vec![plan])), plan.prop_map(|plan| all(vec![vip(), plan]))]
        .boxed()
}

fn lists() -> BoxedStrategy<Clauses> {
    let tags = || vec(word("tag", 30), 1..=3).prop_map(texts);
    let each = |quantifier: Quantifier, tags: Vec<Literal>| {
        let path = path(&[Step::Key("tags"), Step::Each(quantifier)]);
        Condition { path, ..at(&[], Test::In(tags)) }
    };
    let item = (word("sku", 60), 0..100_u32).prop_map(|(sku, price)| {
        let inner = |key: &'static str, test: Test| {
            let path = Path { root: Root::Element, steps: vec![Step::Key(key)] };
            Condition { path, ..at(&[], test) }
        };
        let sku = inner("sku", Test::Eq(Literal::Text(sku)));
        at(&["items"], Test::Where(all(vec![sku, inner("price", number(Relation::Gte, price))])))
    });
    prop_oneof![
        tags().prop_map(|tags| all(vec![at(&["tags"], Test::ContainsAny(tags))])),
        tags().prop_map(|tags| all(vec![at(&["tags"], Test::ContainsAll(tags)), vip()])),
        tags().prop_map(move |tags| all(vec![each(Quantifier::None, tags)])),
        tags().prop_map(move |tags| all(vec![vip(), each(Quantifier::Any, tags)])),
        item.prop_map(|item| all(vec![item])),
    ]
    .boxed()
}

fn others() -> BoxedStrategy<Clauses> {
    let plan = || word("plan", 40).prop_map(|plan| vec![Literal::Text(plan)]);
    let missing = |tests: Condition| Condition { missing: Missing::Match, ..tests };
    prop_oneof![
        Just(Clauses::default()),
        Just(all(vec![at(&["email"], Test::Exists)])),
        Just(all(vec![at(&["email"], Test::ExistsNot), vip()])),
        plan().prop_map(|plans| all(vec![at(&["plan"], Test::NotIn(plans)), vip()])),
        plan().prop_map(move |plans| all(vec![missing(at(&["plan"], Test::In(plans)))])),
        plan().prop_map(|plans| all(vec![at(&["plan"], Test::Became(Spec::list(plans)))])),
        Just(all(vec![at(&["plan"], Test::Changed), vip()])),
    ]
    .boxed()
}

fn event() -> BoxedStrategy<Event> {
    let old = prop::option::weighted(0.5, data());
    (prop::sample::select(KINDS), data(), old)
        .prop_map(|(kind, data, old)| Event {
            from: SourceName::log(),
            seq: 1,
            id: "e-1".to_owned(),
            origin: "shop".to_owned(),
            kind: kind.to_owned(),
            subject: None,
            time: Timestamp::UNIX_EPOCH,
            tenant: None,
            data,
            old,
            meta: json!({}),
            chain: Vec::new(),
        })
        .boxed()
}

fn data() -> BoxedStrategy<Value> {
    let item = (word("sku", 60), 0..100_u32).prop_map(|(sku, price)| json!({ "sku": sku, "price": price }));
    let plan = prop::option::weighted(0.9, word("plan", 40));
    let vip = prop::bool::weighted(0.7);
    (plan, 0..250_u32, vip, vec(word("tag", 30), 0..5), vec(item, 0..5), any::<bool>())
        .prop_map(|(plan, amount, vip, tags, items, has_email)| {
            let mut data = json!({ "amount": amount, "vip": vip, "tags": tags, "items": items });
            if let Some(plan) = plan {
                data["plan"] = json!(plan);
            }
            if has_email {
                data["email"] = json!("ann@example.com");
            }
            data
        })
        .boxed()
}

/// One of so many words; the first few are as frequent as all others.
fn word(name: &'static str, count: u32) -> BoxedStrategy<String> {
    prop_oneof![0..4_u32, 0..count].prop_map(move |number| format!("{name}-{number}")).boxed()
}

fn texts(mut texts: Vec<String>) -> Vec<Literal> {
    texts.sort();
    texts.dedup();
    texts.into_iter().map(Literal::Text).collect()
}

fn number(relation: Relation, limit: u32) -> Test {
    Test::Number(relation, limit.to_string())
}

fn vip() -> Condition {
    at(&["vip"], Test::Eq(Literal::Bool(true)))
}

fn at(keys: &[&'static str], test: Test) -> Condition {
    condition(keys, Spec::table(vec![test]))
}

fn condition(keys: &[&'static str], spec: Spec) -> Condition {
    let steps = keys.iter().map(|&key| Step::Key(key)).collect::<Vec<_>>();
    Condition { path: path(&steps), spec, missing: Missing::NoMatch }
}

fn path(steps: &[Step]) -> Path {
    Path { root: Root::Data, steps: steps.to_vec() }
}

fn all(conditions: Vec<Condition>) -> Clauses {
    Clauses { conditions, groups: Vec::new(), groups_at: usize::MAX }
}

fn any_of(alternatives: Vec<Clauses>) -> Clauses {
    let groups = vec![Group { name: "why", alternatives }];
    Clauses { conditions: Vec::new(), groups, groups_at: usize::MAX }
}
