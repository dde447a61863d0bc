//! What differs, in which words, and what is paired with what.

use super::*;
use crate::rules::item::{Cause, DedupKey, Foreign, ItemDraft};
use crate::rules::name::{InboxName, ItemName, QueueName, RoutineName};
use crate::rules::routine::{ExpectedWebhook, START_DEFAULT, Version};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn what_is_as_expected_is_not_mentioned() {
    let context = json!({ "amount": 900.0, "customer": { "id": "c1" }, "list": [{ "a": 1 }] });
    let customer = json!({ "id": "c1", "vip": true });
    let got = json!({ "amount": 900, "customer": customer, "list": [{ "a": 1, "b": 2 }], "x": 1 });
    check(&[titled("a").with_context(context)], &[made("a", 0, got)], &[]);
    check(&[], &[], &[]);
}

#[test]
fn differences_are_told_field_by_field() {
    let wanted = Expected { at: Some(after(10)), queue: Some("other".to_owned()), ..titled("a") };
    check(
        &[wanted],
        &[made("b", 40, json!({}))],
        &[
            "item 1: at: expected 10s, got 40s",
            "item 1: queue: expected \"other\", got \"q\"",
            "item 1: title: expected \"a\", got \"b\"",
        ],
    );
    let wanted = titled("a").with_context(json!({ "n": 1, "o": { "a": 1, "b": [1, 2] }, "m": 5 }));
    let got = made("a", 0, json!({ "n": "1", "o": { "a": 1, "b": [1, 3] } }));
    check(
        &[wanted],
        &[got],
        &[
            "item 1: context.n: expected 1, got \"1\"",
            "item 1: context.o.b[2]: expected 2, got 3",
            "item 1: context.m: expected 5, and it is not there",
        ],
    );
}

#[test]
fn far_moments_are_told_as_they_are() {
    let wanted = Expected { due_at: Some(after(0)), ..titled("a") };
    let got = made("a", 90_000, json!({}));
    check(&[wanted], &[got], &["item 1: due_at: expected 0s, got 2026-01-02T01:00:00Z"]);
}

#[test]
fn an_item_which_gave_way_is_expected_as_such() {
    let superseded = |title: &str| Made { state: ItemState::Superseded, ..made(title, 0, json!({})) };
    let expected = |state| Expected { state: Some(state), ..titled("a") };
    check(&[expected(ItemState::Superseded)], &[superseded("a")], &[]);
    check(&[expected(ItemState::Waiting)], &[made("a", 0, json!({}))], &[]);
    check(
        &[titled("a")],
        &[superseded("a")],
        &["item 1: state: it was superseded; write `state = \"superseded\"` if it should be"],
    );
    check(
        &[expected(ItemState::Done)],
        &[made("a", 0, json!({}))],
        &["item 1: state: expected done, got waiting"],
    );
    check(&[], &[superseded("a")], &["nobody expected this item: at 0s, queue `q`, title \"a\", superseded"]);
    check(&[expected(ItemState::Leased)], &[], &["item 1 did not come: title \"a\", leased"]);
}

#[test]
fn an_item_too_many_or_too_few_leaves_the_others_alone() {
    let titles = |titles: &[&str]| titles.iter().map(|title| made(title, 5, json!({}))).collect::<Vec<_>>();
    let wanted = ["a", "b", "c"].map(titled);
    check(&wanted, &titles(&["a", "b", "c"]), &[]);
    check(&wanted, &titles(&["a", "c"]), &["item 2 did not come: title \"b\""]);
    check(
        &wanted,
        &titles(&["a", "x", "b", "c"]),
        &["nobody expected this item: at 5s, queue `q`, title \"x\""],
    );
    check(&wanted, &titles(&["a", "x", "c"]), &["item 2: title: expected \"b\", got \"x\""]);
    check(
        &wanted,
        &[],
        &[
            "item 1 did not come: title \"a\"",
            "item 2 did not come: title \"b\"",
            "item 3 did not come: title \"c\"",
        ],
    );
}

#[test]
fn columns_are_compared_by_their_names() {
    let columns = json!({ "kind": "task", "priority": 5.0, "context": { "a": 1, "b": [2] } });
    let got = || made_in("agents", columns.clone(), None);
    check(&[in_agents(json!({ "priority": 5, "context": { "a": 1 } }))], &[got()], &[]);
    check(&[in_agents(json!({}))], &[got()], &[]);
    check(
        &[in_agents(json!({ "kind": "note", "context": { "b": [3] }, "title": "t" }))],
        &[got()],
        &[
            "item 1: kind: expected \"note\", got \"task\"",
            "item 1: context.b[1]: expected 3, got 2",
            "item 1: title: expected \"t\", and the item does not set it",
        ],
    );
    check(
        &[],
        &[made_in("agents", json!({ "kind": "task" }), None)],
        &["nobody expected this item: at 0s, inbox `agents`, columns {\"kind\":\"task\"}"],
    );
    check(
        &[in_agents(json!({ "kind": "task" }))],
        &[],
        &["item 1 did not come: inbox `agents`, columns {\"kind\":\"task\"}"],
    );
}

#[test]
fn an_item_in_another_inbox_is_said_to_be_there() {
    let got = made_in("audit", json!({ "kind": "task" }), None);
    check(
        &[in_agents(json!({ "kind": "note" }))],
        std::slice::from_ref(&got),
        &["item 1: inbox: expected `agents`, got `audit`"],
    );
    check(
        &[titled("a")],
        std::slice::from_ref(&got),
        &["item 1: inbox: it goes to `audit`; write `inbox = \"audit\"` to name its columns"],
    );
    check(
        &[in_agents(json!({}))],
        &[made("a", 0, json!({}))],
        &["item 1: inbox: expected `agents`, and it goes to the queue `q` of hearken's own"],
    );
    // When it comes can be said of any item.
    let at = Expected { at: Some(after(0)), title: None, ..titled("") };
    check(&[at], &[got], &[]);
}

#[test]
fn a_column_which_collects_may_be_expected_as_a_list() {
    let collected = || json!([{ "kind": "task", "note": "a" }, { "kind": "task", "note": "b" }]);
    let got = || made_in("agents", json!({ "kind": "task", "note": "a" }), Some(collected()));
    check(&[in_agents(json!({ "kind": "task", "note": ["a", "b"] }))], &[got()], &[]);
    check(&[in_agents(json!({ "note": "a" }))], &[got()], &[]);
    check(
        &[in_agents(json!({ "note": ["a", "c"] }))],
        &[got()],
        &["item 1: note[2]: expected \"c\", got \"b\""],
    );
    check(&[in_agents(json!({ "note": "c" }))], &[got()], &["item 1: note: expected \"c\", got \"a\""]);
}

#[test]
fn long_texts_are_cut_where_they_differ() {
    let long = |end: &str| format!("{}{end}", "x".repeat(300));
    let got = differences(&case(&[titled(&long("a"))]), &[made(&long("b"), 0, json!({}))]);
    let lead = "x".repeat(LEAD_CHARS);
    assert_eq!(got, [format!("item 1: title: expected …{lead}a\", got …{lead}b\"")]);
    assert_eq!(cut(&long("")).chars().count(), SHOWN_CHARS_MAX + 1);
}

proptest! {
    /// Each side goes into the alignment once and in order, and equal lists pair
    /// place by place.
    #[test]
    fn an_alignment_loses_nothing(
        wanted in prop::collection::vec("[abc]", 0..6),
        got in prop::collection::vec("[abc]", 0..6),
    ) {
        let case = case(&wanted.iter().map(|title| titled(title)).collect::<Vec<_>>());
        let made = got.iter().map(|title| made(title, 0, json!({}))).collect::<Vec<_>>();
        let steps = align(&case, &made);
        let left = steps.iter().filter_map(|step| match step {
            Step::Pair(wanted, _) | Step::Missing(wanted) => Some(*wanted),
            Step::Extra(_) => None,
        });
        prop_assert_eq!(left.collect::<Vec<_>>(), (0..wanted.len()).collect::<Vec<_>>());
        let right = steps.iter().filter_map(|step| match step {
            Step::Pair(_, got) | Step::Extra(got) => Some(*got),
            Step::Missing(_) => None,
        });
        prop_assert_eq!(right.collect::<Vec<_>>(), (0..got.len()).collect::<Vec<_>>());
        prop_assert_eq!(differences(&case, &made).is_empty(), wanted == got);
    }
}

impl Expected {
    fn with_context(self, context: Value) -> Self {
        Self { context: context.as_object().cloned(), ..self }
    }
}

fn titled(title: &str) -> Expected {
    Expected {
        at: None,
        item: None,
        queue: None,
        title: Some(title.to_owned()),
        priority: None,
        instructions: None,
        tags: None,
        tenant: None,
        due_at: None,
        attempts_max: None,
        order_key: None,
        context: None,
        webhook: ExpectedWebhook::default(),
        state: None,
        inbox: None,
        columns: Map::new(),
    }
}

/// An expected item of the inbox `agents`.
fn in_agents(columns: Value) -> Expected {
    let columns = columns.as_object().cloned().unwrap_or_default();
    Expected { title: None, inbox: Some("agents".to_owned()), columns, ..titled("") }
}

/// An item which came into an inbox of the user's, with these columns, and what else
/// it has collected.
fn made_in(inbox: &str, columns: Value, collected: Option<Value>) -> Made {
    let context = collected.map_or_else(|| json!({}), |items| json!({ "items": items }));
    let mut made = made("a", 0, context);
    let columns = columns.as_object().cloned().unwrap_or_default();
    made.draft.foreign = Some(Foreign { inbox: InboxName::parse(inbox).unwrap(), columns });
    made
}

fn after(secs: i64) -> Timestamp {
    START_DEFAULT.checked_add(SignedDuration::from_secs(secs)).unwrap()
}

fn made(title: &str, secs: i64, context: Value) -> Made {
    let draft = ItemDraft {
        routine: RoutineName::parse("r").unwrap(),
        version: Version::of(""),
        item: ItemName::only(),
        cause: Cause::Event(1),
        key: DedupKey([0; 32]),
        queue: QueueName::parse("q").unwrap(),
        priority: 0,
        due_at: None,
        attempts_max: Some(5),
        tenant: None,
        title: title.to_owned(),
        instructions: "".into(),
        context,
        tags: [].into(),
        chain: Vec::new(),
        from: None,
        row: 0,
        foreign: None,
        order_key: None,
        webhook: None,
    };
    Made { at: after(secs), due_at: after(secs), state: ItemState::Waiting, draft }
}

fn case(expect: &[Expected]) -> Case {
    Case {
        name: "a".to_owned(),
        span: 0..0,
        start: START_DEFAULT,
        until: None,
        given: Vec::new(),
        rows: None,
        expect: expect.to_vec(),
        because: None,
        held: None,
    }
}

#[track_caller]
fn check(expect: &[Expected], made: &[Made], want: &[&str]) {
    assert_eq!(differences(&case(expect), made), want);
}
