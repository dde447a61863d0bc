//! Random tests of values.

use super::model::{Clauses, Literal, Look, Relation, Spec, Test};
use super::values::{decimal, fold};
use super::words::{ADDRESSES, ATTRIBUTES, Kind, LIKES, NUMBERS, PATTERNS, RANGES, TEXTS, parts, values};
use proptest::prelude::*;
use proptest::sample::Index;

/// What may stand in `where`; nothing, where the model nests no deeper.
pub type Within = Option<BoxedStrategy<Clauses>>;

/// Which tests may stand somewhere.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// At paths of `data`: all.
    Data,
    /// Elsewhere: those which do not look back.
    Elsewhere,
}

/// What the value at the end of a path must pass.
pub fn spec(kind: Kind, setting: Setting, within: &Within) -> BoxedStrategy<Spec> {
    let table = |tests: &[Test]| Just(Spec::table(tests.to_vec()));
    let plain = plain(kind, within, 1);
    let presence = prop_oneof![table(&[Test::Exists]), table(&[Test::ExistsNot]), table(&[Test::IsMissing])];
    if setting == Setting::Elsewhere {
        return prop_oneof![9 => plain, 2 => presence].boxed();
    }
    let back = looking_back(kind);
    let with_now = (back.clone(), test(kind, within, 1)).prop_map(|(back, now)| Spec::table(vec![back, now]));
    let two = (moment(kind), moment(kind))
        .prop_map(|(was, became)| Spec::table(vec![Test::Was(was), Test::Became(became)]));
    let one = back.prop_map(|test| Spec::table(vec![test]));
    prop_oneof![16 => plain, 3 => presence, 4 => one, 1 => with_now, 1 => two].boxed()
}

fn looking_back(kind: Kind) -> BoxedStrategy<Test> {
    let became = moment(kind).prop_map(Test::Became);
    let was = moment(kind).prop_map(Test::Was);
    prop_oneof![1 => Just(Test::Changed), 2 => became, 2 => was].boxed()
}

/// What a value must have passed, or must have come to pass.
fn moment(kind: Kind) -> BoxedStrategy<Spec> {
    let missing = Spec::table(vec![Test::IsMissing]);
    let there = Spec::table(vec![Test::Not(missing.clone())]);
    prop_oneof![8 => plain(kind, &None, 1), 1 => Just(missing), 1 => Just(there)].boxed()
}

/// Tests which may stand anywhere.
fn plain(kind: Kind, within: &Within, depth: u8) -> BoxedStrategy<Spec> {
    let one = test(kind, within, depth).prop_map(|test| Spec::table(vec![test]));
    let two = prop::collection::vec(test(kind, within, depth), 2)
        .prop_map(|tests| Spec::table(distinct_names(tests)));
    let value = literal(kind).prop_map(Spec::value);
    let list = literals(kind, null()).prop_map(Spec::list);
    let range = if kind == Kind::Number { range() } else { one.clone().boxed() };
    prop_oneof![3 => value, 2 => list, 6 => one, 1 => range, 1 => two].boxed()
}

fn test(kind: Kind, within: &Within, depth: u8) -> BoxedStrategy<Test> {
    let scalar = prop_oneof![
        3 => literal(kind).prop_map(Test::Eq),
        2 => literals(kind, null()).prop_map(Test::In),
        2 => literals(kind, null()).prop_map(Test::NotIn),
        1 => Just(Test::IsNull),
        1 => literals(kind, literal(kind)).prop_map(Test::ContainsAny),
        1 => literals(kind, literal(kind)).prop_map(Test::ContainsAll),
        1 => Just(Test::IsEmpty),
        1 => length(),
    ];
    let typed = match (kind, within) {
        (Kind::Number, _) => number(),
        (Kind::Object, Some(clauses)) => clauses.clone().prop_map(Test::Where).boxed(),
        (Kind::Object, None) => length(),
        (Kind::Flag, _) => literal(kind).prop_map(Test::Eq).boxed(),
        (Kind::Text | Kind::Address | Kind::Attribute, _) => text(kind),
    };
    let not = match depth {
        0 => typed.clone(),
        _ => plain(kind, within, depth - 1).prop_map(Test::Not).boxed(),
    };
    prop_oneof![9 => typed, 9 => scalar, 3 => not].boxed()
}

fn literal(kind: Kind) -> BoxedStrategy<Literal> {
    let text = |texts: &'static [&'static str]| {
        prop::sample::select(texts).prop_map(|text| Literal::Text(text.to_owned())).boxed()
    };
    match kind {
        Kind::Text | Kind::Object => text(TEXTS),
        Kind::Address => text(ADDRESSES),
        Kind::Attribute => text(ATTRIBUTES),
        Kind::Flag => any::<bool>().prop_map(Literal::Bool).boxed(),
        Kind::Number => number_text().prop_map(Literal::Number).boxed(),
    }
}

fn null() -> BoxedStrategy<Literal> {
    Just(Literal::Null).boxed()
}

/// A list of different values, mostly of one kind, with `other` among them.
fn literals(kind: Kind, other: BoxedStrategy<Literal>) -> BoxedStrategy<Vec<Literal>> {
    let stranger = prop_oneof![literal(Kind::Text), literal(Kind::Number), literal(Kind::Flag)];
    let element = prop_oneof![20 => literal(kind), 2 => stranger, 1 => other];
    prop::collection::vec(element, 1..=4).prop_map(distinct_literals).boxed()
}

fn distinct_literals(literals: Vec<Literal>) -> Vec<Literal> {
    let spell = |literal: &Literal| match literal {
        Literal::Text(text) => format!("text {text}"),
        Literal::Number(number) => format!("number {}", decimal(number)),
        other => format!("{other:?}"),
    };
    distinct(literals, spell)
}

fn distinct_names(tests: Vec<Test>) -> Vec<Test> {
    distinct(tests, |test| test.name().to_owned())
}

fn distinct<T>(items: Vec<T>, spell: impl Fn(&T) -> String) -> Vec<T> {
    let mut seen = Vec::new();
    let mut kept = Vec::new();
    for item in items {
        let spelled = spell(&item);
        if !seen.contains(&spelled) {
            seen.push(spelled);
            kept.push(item);
        }
    }
    kept
}

fn number_text() -> BoxedStrategy<String> {
    prop::sample::select(NUMBERS).prop_map(str::to_owned).boxed()
}

fn number() -> BoxedStrategy<Test> {
    let relations = vec![Relation::Gt, Relation::Gte, Relation::Lt, Relation::Lte];
    (prop::sample::select(relations), number_text())
        .prop_map(|(relation, limit)| Test::Number(relation, limit))
        .boxed()
}

/// Both ends of a range, mostly the right way round.
fn range() -> BoxedStrategy<Spec> {
    let low = prop::sample::select(vec![Relation::Gt, Relation::Gte]);
    let high = prop::sample::select(vec![Relation::Lt, Relation::Lte]);
    (low, high, number_text(), number_text(), 0..20_u8)
        .prop_map(|(low, high, one, other, turned)| {
            let ascends = decimal(&one) <= decimal(&other);
            let (least, most) = if ascends == (turned < 19) { (one, other) } else { (other, one) };
            Spec::table(vec![Test::Number(low, least), Test::Number(high, most)])
        })
        .boxed()
}

fn length() -> BoxedStrategy<Test> {
    let relations = vec![Relation::Eq, Relation::Gt, Relation::Gte, Relation::Lte];
    (prop::sample::select(relations), 0..5_usize)
        .prop_map(|(relation, length)| Test::Len(relation, length))
        .boxed()
}

fn text(kind: Kind) -> BoxedStrategy<Test> {
    let looks = vec![
        Look::Prefix,
        Look::Suffix,
        Look::Contains,
        Look::Like,
        Look::Regex,
        Look::IEquals,
        Look::IPrefix,
        Look::ISuffix,
        Look::IContains,
        Look::ILike,
    ];
    let look = match kind {
        Kind::Address => prop_oneof![3 => Just(Look::Cidr), 1 => prop::sample::select(looks)].boxed(),
        _ => prop_oneof![30 => prop::sample::select(looks), 1 => Just(Look::Cidr)].boxed(),
    };
    let picks = prop_oneof![
        3 => prop::collection::vec(any::<Index>(), 1),
        1 => prop::collection::vec(any::<Index>(), 2..=3),
    ];
    (look, picks)
        .prop_map(move |(look, picks)| {
            let pool = match look {
                Look::Like | Look::ILike => LIKES,
                Look::Regex => PATTERNS,
                Look::Cidr => RANGES,
                Look::IEquals => values(kind),
                _ => parts(kind),
            };
            let words: Vec<String> = picks.iter().map(|pick| (*pick.get(pool)).to_owned()).collect();
            Test::Text(look, distinct(words, |word| spelled(look, word)))
        })
        .boxed()
}

/// Two words are one to the test if they are spelled alike here.
fn spelled(look: Look, word: &str) -> String {
    match look {
        Look::IEquals | Look::IPrefix | Look::ISuffix | Look::IContains | Look::ILike => fold(word),
        _ => word.to_owned(),
    }
}
