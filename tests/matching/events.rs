//! Random events, of the shapes which random routines ask about and of others.

use super::words::{ADDRESSES, ATTRIBUTES, Kind, NUMBERS, TEXTS};
use hearken::rules::event::Event;
use hearken::rules::name::SourceName;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// The types of events.
const KINDS: &[&str] = &["order.placed", "order.paid", "order.line.added", "refund.requested", "order"];

/// An event.
pub fn event() -> BoxedStrategy<Event> {
    let attributes = (
        prop::sample::select(vec!["events", "events", "legacy"]),
        prop::sample::select(KINDS),
        prop::sample::select(vec!["shop", "Shop", "app"]),
        prop::sample::select(vec!["e-1", "e-2"]),
        prop::option::weighted(0.6, prop::sample::select(ATTRIBUTES)),
        prop::option::weighted(0.4, prop::sample::select(vec!["acme", "other"])),
        prop::sample::select(vec!["2026-03-02T09:00:00Z", "2026-03-02T09:00:00.5Z", "1970-01-01T00:00:00Z"]),
    );
    let (rows, meta) = (rows(), meta());
    (attributes, rows, meta)
        .prop_map(|((from, kind, origin, id, subject, tenant, time), (data, old), meta)| Event {
            from: SourceName::parse(from).expect("a name"),
            seq: 1,
            id: id.to_owned(),
            origin: origin.to_owned(),
            kind: kind.to_owned(),
            subject: subject.map(str::to_owned),
            time: time.parse::<Timestamp>().expect("a time"),
            tenant: tenant.map(str::to_owned),
            data,
            old,
            meta,
            chain: Vec::new(),
        })
        .boxed()
}

/// The row as it is, and as it was: not at all, or with some fields different,
/// or alone.
fn rows() -> BoxedStrategy<(Value, Option<Value>)> {
    let data =
        prop_oneof![30 => row(), 1 => list_of(row()), 1 => scalar(Kind::Text), 1 => Just(json!({}))].boxed();
    (data, row(), any::<u16>(), 0..10_u8)
        .prop_map(|(data, other, mixed, form)| match form {
            0..4 => (data, None),
            4..9 => {
                let old = mix(&data, &other, mixed);
                (data, Some(old))
            }
            _ => (json!({}), Some(other)),
        })
        .boxed()
}

/// A row with some fields of one and some of the other.
fn mix(one: &Value, other: &Value, mixed: u16) -> Value {
    let (Value::Object(one), Value::Object(other)) = (one, other) else { return other.clone() };
    let mut fields = one.clone();
    let mut names = one.keys().chain(other.keys()).collect::<Vec<_>>();
    names.sort();
    names.dedup();
    for (place, name) in names.into_iter().enumerate() {
        if (mixed >> (place % 16)) & 1 == 1 {
            match other.get(name) {
                Some(value) => fields.insert(name.clone(), value.clone()),
                None => fields.remove(name),
            };
        }
    }
    Value::Object(fields)
}

fn row() -> BoxedStrategy<Value> {
    let customer =
        object(vec![("vip", wild(Kind::Flag)), ("name", wild(Kind::Text)), ("a.b", wild(Kind::Number))]);
    object(vec![
        ("plan", wild(Kind::Text)),
        ("amount", wild(Kind::Number)),
        ("vip", wild(Kind::Flag)),
        ("ip", wild(Kind::Address)),
        ("tags", list_of(scalar(Kind::Text))),
        ("scores", list_of(scalar(Kind::Number))),
        ("items", list_of(item())),
        ("customer", prop_oneof![8 => customer.clone(), 1 => list_of(customer), 1 => anything()].boxed()),
        ("any_of", wild(Kind::Number)),
    ])
}

fn item() -> BoxedStrategy<Value> {
    let line = object(vec![("sku", wild(Kind::Text)), ("qty", wild(Kind::Number))]);
    let item = object(vec![
        ("sku", wild(Kind::Text)),
        ("price", wild(Kind::Number)),
        ("gift", wild(Kind::Flag)),
        ("tags", list_of(scalar(Kind::Text))),
        ("lines", list_of(line)),
        ("any_of", wild(Kind::Number)),
    ]);
    prop_oneof![12 => item, 1 => anything()].boxed()
}

fn meta() -> BoxedStrategy<Value> {
    let meta = object(vec![("region", wild(Kind::Text)), ("level", wild(Kind::Number))]);
    prop_oneof![3 => meta, 1 => Just(json!({}))].boxed()
}

/// An object with most of these fields.
fn object(fields: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let (names, values) = fields.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
    let values = values.into_iter().map(|value| prop::option::weighted(0.75, value)).collect::<Vec<_>>();
    values
        .prop_map(move |values| {
            let fields = names.iter().zip(values);
            let there = fields.filter_map(|(name, value)| Some(((*name).to_owned(), value?)));
            Value::Object(there.collect::<Map<_, _>>())
        })
        .boxed()
}

/// Mostly an array of these; else one alone, arrays in an array, or none.
fn list_of(element: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    let array =
        |element: BoxedStrategy<Value>| prop::collection::vec(element, 0..4).prop_map(Value::Array).boxed();
    let nested = prop_oneof![1 => element.clone(), 2 => array(element.clone())].boxed();
    prop_oneof![10 => array(element.clone()), 2 => element, 2 => array(nested), 1 => anything()].boxed()
}

/// A field which holds such a value, as a rule.
fn wild(kind: Kind) -> BoxedStrategy<Value> {
    let list = prop::collection::vec(scalar(kind), 1..4).prop_map(Value::Array);
    prop_oneof![16 => scalar(kind), 2 => list, 1 => list_of_scalars(), 2 => anything()].boxed()
}

fn list_of_scalars() -> BoxedStrategy<Value> {
    let flat = prop::collection::vec(anything(), 0..3).prop_map(Value::Array);
    prop::collection::vec(prop_oneof![1 => anything(), 1 => flat], 0..3).prop_map(Value::Array).boxed()
}

/// Any value but one which holds others.
fn anything() -> BoxedStrategy<Value> {
    let empty = prop::sample::select(vec![json!(null), json!([]), json!({}), json!("")]);
    prop_oneof![3 => empty, 1 => scalar(Kind::Text), 1 => scalar(Kind::Number), 1 => scalar(Kind::Flag)]
        .boxed()
}

fn scalar(kind: Kind) -> BoxedStrategy<Value> {
    let text =
        |texts: &'static [&'static str]| prop::sample::select(texts).prop_map(|text| json!(text)).boxed();
    match kind {
        Kind::Text | Kind::Object => text(TEXTS),
        Kind::Address => text(ADDRESSES),
        Kind::Attribute => text(ATTRIBUTES),
        Kind::Flag => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::Number => prop::sample::select(NUMBERS).prop_map(number).boxed(),
    }
}

fn number(text: &str) -> Value {
    serde_json::from_str(text).expect("a number")
}
