//! What is said about events which match and events which do not.

use super::*;
use crate::rules::routine;
use crate::rules::testing;

const REFUND: &str = r#"
title = "Refunds"

[on.event]
type = ["refund.requested", "late.*"]
from = "events"

[when]
"data.amount" = { gte = 500, lt = 1000 }
"data.currency" = ["EUR", "USD"]
"data.vip" = { not = true, missing = "match" }
"data.items.sku" = "a"
"data.items.count" = { gt = 1 }

[[when.any_of.why]]
"data.country" = { not_in = ["DE", "FR"] }
[[when.any_of.why]]
"data.flag" = { prefix = "man", suffix = ["al", "ic"] }

[item]
queue = "finance"
title = "Refund {{ data.refund_id }}"

[item.context]
amount = { get = "data.amount" }
"#;

const PLAIN: &str = "title = \"x\"\n[on.event]\n[item]\nqueue = \"q\"\ntitle = \"t\"\n";

fn good() -> Value {
    json!({
        "amount": 600, "currency": "EUR", "refund_id": "r1", "country": "CH",
        "items": [{ "sku": "a", "count": 2 }, { "sku": "b", "count": 1 }],
    })
}

#[test]
fn an_event_which_matches_shows_its_items() {
    let explanation = explained(REFUND, "refund.requested", good());
    assert!(explanation.matched());
    let Outcome::Items(items) = &explanation.outcome else { panic!("no items") };
    assert_eq!((items.len(), items[0].title.as_str()), (1, "Refund r1"));
    let json = explanation.to_json();
    assert_eq!((&json["routine"], &json["matched"]), (&json!("r"), &json!(true)));
    let item = &json["items"][0];
    assert_eq!((&item["queue"], &item["context"]), (&json!("finance"), &json!({ "amount": 600 })));
    assert_eq!(json.get("because"), None);
}

#[test]
fn an_item_for_a_table_shows_its_columns() {
    let item = "[items.manager]\ninbox = \"agents\"\nkind = \"refund\"\namount = { get = \"data.amount\" }\n";
    let explanation = explained(&format!("{PLAIN}{item}"), "a", json!({ "amount": 5 }));
    let json = explanation.to_json();
    assert_eq!(json["items"][0]["queue"], "q");
    let want = json!({
        "item": "manager", "inbox": "agents", "columns": { "kind": "refund", "amount": 5 },
        "tenant": null, "due_at": null,
    });
    assert_eq!(json["items"][1], want);
}

#[test]
fn the_first_failure_is_named_with_what_was_wanted_and_met() {
    let type_line = "on.event.type: wants one of \"refund.requested\", \"late.*\", met \"order.placed\"";
    check("order.placed", good(), &[type_line]);
    let amount = "when.data.amount: wants gte 500 and lt 1000, met 10";
    check("refund.requested", with("amount", json!(10)), &[amount]);
    let currency = "when.data.currency: wants one of \"EUR\", \"USD\", met null";
    check("late.refund", with("currency", Value::Null), &[currency]);
    let missing = "when.data.amount: wants gte 500 and lt 1000, met nothing";
    check("late.refund", json!({}), &[missing]);
    check("late.refund", with("vip", json!(true)), &["when.data.vip: wants not true, or nothing, met true"]);
}

#[test]
fn a_value_in_another_element_is_said_to_be_there() {
    let apart = json!([{ "sku": "a", "count": 1 }, { "sku": "b", "count": 2 }]);
    let line = "when.data.items.count: wants gt 1, met [1,2], but not in the element which meets the conditions before";
    check("late.refund", with("items", apart), &[line]);
}

#[test]
fn a_group_shows_how_each_alternative_fails() {
    let first = "  when.any_of.why[1].data.country: wants none of \"DE\", \"FR\", met \"DE\"";
    let second =
        "  when.any_of.why[2].data.flag: wants prefix \"man\" and suffix one of \"al\", \"ic\", met nothing";
    let group = "when.any_of.why: wants one of its alternatives, and none holds";
    check("late.refund", with("country", json!("DE")), &[group, first, second]);
    let json = explained(REFUND, "late.refund", with("country", json!("DE"))).to_json();
    assert_eq!(json["because"], "when.any_of.why");
    assert_eq!(json["alternatives"][0]["met"], "DE");
    assert_eq!(json["alternatives"][1]["missing"], true);
    assert_eq!(json.get("met"), None);
}

#[test]
fn an_item_which_cannot_be_filled_in_is_an_error_and_a_match() {
    let mut data = good();
    data.as_object_mut().unwrap().remove("refund_id");
    let json = explained(REFUND, "late.refund", data).to_json();
    assert_eq!((&json["matched"], json.get("items")), (&json!(true), None));
    assert!(json["error"].as_str().unwrap().contains("`data.refund_id` is missing"), "{json}");
}

#[test]
fn each_gate_says_what_it_goes_by() {
    let gates = |flow: &str, data: Value| {
        let text = format!("{PLAIN}[flow]\n{flow}\n");
        explained(&text, "a", data).gates
    };
    assert_eq!(gates("loop = \"avoid\"", json!({})), [""; 0]);
    assert_eq!(
        gates(
            "debounce = { key = [\"data.id\"], quiet = \"30s\", max_wait = \"5m\" }\n\
             dedup = { key = [\"data.id\", \"data.x\"], window = \"1d\", on_conflict = \"replace\" }\n\
             supersede = {}\noverlap = \"queue\"",
            json!({ "id": "r1" }),
        ),
        [
            "debounce: held until no more items with `data.id` \"r1\" have come for 30s or 5m have passed; \
             the last is kept",
            "dedup: one item for items with `data.id` \"r1\" and no `data.x` within 1day; \
             a second takes the place of its content",
            "supersede: waiting items of the routine give way to it",
            "overlap: held while an earlier item of the routine is open",
        ]
    );
    let limits = gates(
        "limit = [{ max = 2, per = \"1h\" }, \
                  { key = [\"data.id\"], max = 9, per = \"1d\", excess = \"delay\" }]",
        json!({ "id": 5 }),
    );
    assert_eq!(limits.len(), 2);
    assert!(limits[0].starts_with("limit: at most 2 per 1h"), "{limits:?}");
    assert!(limits[1].ends_with("for items with `data.id` 5; more are delayed"), "{limits:?}");
    let hours = "hours = { tz = \"UTC\", days = \"mon-fri\", from = \"08:00\", to = \"18:00\", \
                 unless = { \"data.urgent\" = true } }";
    assert_eq!(gates(hours, json!({ "urgent": true })), ["hours: passes at any time, by `unless`"]);
    let hours = gates(hours, json!({}));
    assert_eq!(hours, ["hours: mon-fri 08:00-18:00 UTC; held until then"]);
}

#[test]
fn what_the_loop_guard_stops_is_said() {
    let routine = parse(PLAIN);
    let event = Event { chain: vec![routine.name.clone()], ..testing::event("a", json!({})) };
    let explanation = explain(&routine, &event);
    assert!(explanation.gates[0].starts_with("loop: stopped"), "{:?}", explanation.gates);
    let json = explanation.to_json();
    assert_eq!(json["gates"].as_array().map(Vec::len), Some(1));
    assert_eq!(explained(PLAIN, "a", json!({})).to_json().get("gates"), None);
}

#[test]
fn rows_are_not_asked_for() {
    let each = REFUND.replace("[item]\n", "[each]\nsql = \"select 1 as id\"\n\n[item]\n");
    let explanation = explained(&each, "late.refund", good());
    assert!(matches!(explanation.outcome, Outcome::Rows));
    assert_eq!(explanation.to_json()["items"], json!([]));
    assert!(explanation.to_json()["note"].as_str().unwrap().contains("[each]"));
}

#[test]
fn a_schedule_wants_no_event() {
    let text = "title = \"x\"\n[on.schedule]\nevery = \"1h\"\n[item]\nqueue = \"q\"\ntitle = \"t\"\n";
    let Outcome::NoMatch(reason) = explained(text, "a", json!({})).outcome else { panic!("a match") };
    assert_eq!(reason.because, "on.schedule");
}

#[test]
fn long_values_are_cut() {
    let lines = lines(&explained(REFUND, "late.refund", with("amount", json!("x".repeat(1000)))));
    assert!(lines[0].ends_with("xxx…"), "{}", lines[0]);
    assert!(lines[0].chars().count() < 300, "{}", lines[0]);
    // Machines get the whole value.
    let json = explained(REFUND, "late.refund", with("amount", json!("x".repeat(1000)))).to_json();
    assert_eq!(json["met"].as_str().map(str::len), Some(1000));
}

/// Every operator has words of its own.
#[test]
fn every_operator_is_described() {
    for (spec, want) in [
        ("1.50", "1.50"),
        ("\"a\\\"b\"", "\"a\\\"b\""),
        ("[1, { is = \"null\" }]", "one of 1, null"),
        ("{ eq = true }", "true"),
        ("{ not_in = [1, 2] }", "none of 1, 2"),
        ("{ not = { prefix = \"a\" } }", "not prefix \"a\""),
        ("{ not = { gt = 1, lt = 5 } }", "not (gt 1 and lt 5)"),
        ("{ gt = 1, lte = 9007199254740993 }", "gt 1 and lte 9007199254740993"),
        ("{ contains = \"x\" }", "contains \"x\""),
        ("{ iequals = \"ABC\" }", "iequals \"abc\""),
        ("{ iprefix = \"Ab\" }", "iprefix \"ab\""),
        ("{ isuffix = \"Ab\" }", "isuffix \"ab\""),
        ("{ icontains = \"Ab\" }", "icontains \"ab\""),
        ("{ like = \"a*b\" }", "like \"a*b\""),
        ("{ ilike = [\"A*\", \"B*\"] }", "ilike one of \"A*\", \"B*\""),
        ("{ regex = \"^a+b$\" }", "regex \"^a+b$\""),
        ("{ cidr = \"10.0.0.0/8\" }", "cidr \"10.0.0.0/8\""),
        ("{ exists = true }", "any value"),
        ("{ exists = false }", "nothing"),
        ("{ is = \"null\" }", "null"),
        ("{ is = \"empty\" }", "something empty"),
        ("{ len = 3 }", "a length of 3"),
        ("{ len = { gt = 3 } }", "a length of gt 3"),
        ("{ contains_any = [1, 2] }", "contains_any 1, 2"),
        ("{ contains_all = [\"a\"] }", "contains_all \"a\""),
        ("{ changed = true }", "a value other than before"),
        ("{ became = \"open\" }", "to have become \"open\""),
        ("{ was = { gt = 1 } }", "to have been gt 1"),
        ("{ where = { sku = \"a\", n = { gt = 1 } } }", "an element with sku \"a\" and n gt 1"),
        (
            "{ where = { any_of = { x = [{ a = 1 }, { b = 2, c = 3 }] } } }",
            "an element with (a 1 or b 2 and c 3)",
        ),
    ] {
        let text = format!(
            "title = \"x\"\n[on.event]\n[when]\n\"data.v\" = {spec}\n[item]\nqueue = \"q\"\ntitle = \"t\"\n"
        );
        let routine = parse(&text);
        assert_eq!(describe_condition(&routine.when.conditions()[0].condition), want, "{spec}");
    }
}

fn parse(text: &str) -> Routine {
    routine::parse(&RoutineName::parse("r").unwrap(), "r.toml", text).unwrap()
}

fn explained(text: &str, kind: &str, data: Value) -> Explanation {
    explain(&parse(text), &testing::event(kind, data))
}

/// A good event with one value replaced.
fn with(key: &str, value: Value) -> Value {
    let mut data = good();
    data[key] = value;
    data
}

fn lines(explanation: &Explanation) -> Vec<String> {
    let Outcome::NoMatch(reason) = &explanation.outcome else { panic!("a match") };
    reason.lines().into_iter().map(|(depth, line)| "  ".repeat(depth) + &line).collect()
}

#[track_caller]
fn check(kind: &str, data: Value, want: &[&str]) {
    assert_eq!(lines(&explained(REFUND, kind, data)), want);
}
