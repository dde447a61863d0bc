//! Gates under the clock of a test.

use super::{check, run_with};
use crate::rules::trial::{Count, Standing, coverage};

/// A routine for events of the type `a`, with these gates.
fn routine(flow: &str) -> String {
    format!(
        "title = \"x\"\n[on.event]\ntype = \"a\"\n[flow]\n{flow}\n[item]\nqueue = \"q\"\n\
         title = \"{{{{ data.n }}}}\"\n[item.context]\nn = {{ get = \"data.n\" }}\n"
    )
}

/// An event of the test, so long after its start.
fn event(at: &str, n: i32) -> String {
    format!("{{ at = \"{at}\", type = \"a\", data = {{ n = {n} }} }}")
}

/// A test with these events.
fn given(events: &[String], more: &str) -> String {
    format!("given = [{}]\n{more}", events.join(", "))
}

const DEBOUNCE: &str = "debounce = { quiet = \"30s\", max_wait = \"1m\" }";

#[test]
fn a_burst_becomes_one_item_when_it_is_over() {
    let burst = [event("0s", 1), event("10s", 2), event("20s", 3)];
    check(&routine(DEBOUNCE), &given(&burst, "expect = [{ at = \"50s\", title = \"3\" }]"), &[]);
    // The clock may stop before.
    check(&routine(DEBOUNCE), &given(&burst, "until = \"49s\"\nheld = 1"), &[]);
    check(&routine(DEBOUNCE), &given(&burst, "until = \"50s\"\nexpect = [{ title = \"3\" }]\nheld = 0"), &[]);
    check(
        &routine(DEBOUNCE),
        &given(&burst, "until = \"50s\"\nexpect = [{ title = \"3\" }]\nheld = 1"),
        &["held: expected 1, got 0"],
    );
    // A steady stream does not put it off for ever, and what comes later is another one.
    let steady = (0..5).map(|n| event(&format!("{}s", n * 20), n)).collect::<Vec<_>>();
    let items = "expect = [{ at = \"1m\", title = \"2\" }, { at = \"1m 50s\", title = \"4\" }]";
    check(&routine(DEBOUNCE), &given(&steady, items), &[]);
}

#[test]
fn what_falls_due_before_an_event_comes_before_it() {
    let flow = "batch = { max = 3, within = \"1m\" }";
    let events = [event("0s", 1), event("1m", 2), event("1m", 3), event("1m", 4)];
    let expect = "expect = [{ at = \"1m\", title = \"1\", context = { items = [{ n = 1 }] } },\n\
                  { at = \"1m\", title = \"2\", context = { items = [{ n = 2 }, { n = 3 }, { n = 4 }] } }]";
    check(&routine(flow), &given(&events, &expect.replace('\n', " ")), &[]);
}

#[test]
fn a_gate_is_a_reason_for_which_no_item_comes() {
    let flow = "dedup = { key = [\"data.n\"] }\nlimit = { max = 1, per = \"1h\" }";
    let kept =
        |n: i32, because: &str| event("1s", n).replace("type", &format!("because = \"{because}\", type"));
    let expect = "expect = [{ title = \"1\" }]";
    let test = |second: String| given(&[event("0s", 1), second], expect);
    check(&routine(flow), &test(kept(1, "flow.dedup")), &[]);
    check(&routine(flow), &test(kept(2, "flow.limit")), &[]);
    let outcome = run_with(&routine(flow), &test(kept(1, "flow.limit")));
    let want = "event 2 (a) should be kept by `flow.limit`, and is kept by `flow.dedup`: ";
    assert!(outcome.problems[0].starts_with(want), "{:?}", outcome.problems);
    check(
        &routine(flow),
        &given(&[kept(1, "flow.limit")], "expect = [{ title = \"1\" }]"),
        &["event 1 (a) should be kept by `flow.limit`, and becomes an item at once"],
    );
    // Nothing more is asked of the test, but the event must match.
    let other = event("1s", 2).replace("type = \"a\"", "type = \"b\"");
    check(
        &routine(flow),
        &given(&[other], "because = \"flow.dedup\""),
        &["event 1 (b) should be kept by `flow.dedup`, and does not match: \
             on.event.type: wants \"a\", met \"b\""],
    );
}

#[test]
fn the_loop_guard_can_be_tried() {
    let from = |chain: &str, because: &str| {
        let chain = format!("{{ type = \"a\", chain = [{chain}], {because} data");
        event("0s", 1).replace("{ at = \"0s\", type = \"a\", data", &chain)
    };
    // The routine of these tests is called `r`.
    let own = from("\"r\"", "because = \"flow.loop\",");
    check(&routine(""), &given(&[own], ""), &[]);
    check(&routine(""), &given(&[from("\"s\"", "")], "expect = [{ title = \"1\" }]"), &[]);
    check(&routine("loop = \"allow\""), &given(&[from("\"r\"", "")], "expect = [{ title = \"1\" }]"), &[]);
    check(
        &routine(""),
        &given(&[from("\"s\"", "because = \"flow.loop\",")], ""),
        &[
            "event 1 (a) should be kept by `flow.loop`, and becomes an item at once",
            "nobody expected this item: at 0s, queue `q`, title \"1\"",
        ],
    );
}

#[test]
fn a_newer_item_takes_the_place_of_one_which_waits() {
    let flow = "supersede = {}";
    let events = [event("0s", 1), event("5s", 2)];
    let expect =
        "expect = [{ title = \"1\", state = \"superseded\" }, { title = \"2\", state = \"waiting\" }]";
    check(&routine(flow), &given(&events, expect), &[]);
    let outcome = run_with(&routine(flow), &given(&events, "expect = [{ title = \"2\" }]"));
    let want = ["nobody expected this item: at 0s, queue `q`, title \"1\", superseded"];
    assert_eq!(outcome.problems, want);
    assert!(outcome.notes[0].starts_with("at 5s: event 1 (a): superseded by `flow.supersede`: "));
    let newer = event("5s", 2).replace("type", "because = \"flow.supersede\", type");
    check(&routine(flow), &given(&[event("0s", 1), newer.clone()], expect), &[]);
    check(
        &routine(flow),
        &given(&[newer], "expect = [{ title = \"2\" }]"),
        &["event 1 (a) should be kept by `flow.supersede`, and nothing gives way to it"],
    );
}

#[test]
fn an_item_is_shown_as_it_is_at_the_end() {
    let flow = "dedup = { key = [\"type\"], window = \"while_open\", on_conflict = \"replace\" }";
    let events = [event("0s", 1), event("5s", 2)];
    let expect = "expect = [{ at = \"0s\", title = \"2\", context = { n = 2 } }]";
    check(&routine(flow), &given(&events, expect), &[]);
}

#[test]
fn what_is_delayed_comes_later() {
    let flow = "limit = { max = 1, per = \"1h\", excess = \"delay\" }";
    let events = [event("0s", 1), event("0s", 2), event("0s", 3)];
    let items = "{ at = \"0s\", title = \"1\" }, { at = \"1h\", due_at = \"1h\", title = \"2\" }";
    let three = format!("expect = [{items}, {{ at = \"2h\", title = \"3\" }}]");
    check(&routine(flow), &given(&events, &three), &[]);
    check(&routine(flow), &given(&events, &format!("expect = [{items}]\nuntil = \"1h\"\nheld = 1")), &[]);
    let wrong = format!("expect = [{items}]\nuntil = \"1h\"\nheld = 2");
    let outcome = run_with(&routine(flow), &given(&events, &wrong));
    assert!(outcome.problems[0].starts_with("held: expected 2, got 1: \"3\" (`flow.limit`: "));
    let note = &outcome.notes[0];
    assert!(note.starts_with("at 0s: event 2 (a): held by `flow.limit`: "), "{note}");
}

#[test]
fn a_gate_which_had_nothing_to_do_is_not_covered() {
    let flow = "dedup = { key = [\"data.n\"] }\nlimit = { max = 1, per = \"1h\" }";
    let one = given(&[event("0s", 1), event("0s", 1)], "expect = [{ title = \"1\" }]");
    let text = routine(flow);
    let outcome = run_with(&text, &one);
    assert_eq!(outcome.standing, Standing::Passed, "{:?}", outcome.problems);
    let found = coverage(&super::read(&text, &one), &[outcome]);
    assert_eq!(found.gates, Count { covered: 1, total: 2 });
    assert_eq!(found.lacks, ["the gate `flow.limit` never had anything to do"]);
}

#[test]
fn a_value_which_a_gate_cannot_use_is_told() {
    let flow = "limit = { max = { get = \"data.max\" }, per = \"1h\" }";
    check(
        &routine(flow),
        &given(&[event("0s", 1)], "expect = [{ title = \"1\" }]"),
        &[
            "event 1 (a) makes no item: flow.limit.max: `data.max` is missing in this event",
            "item 1 did not come: title \"1\"",
        ],
    );
}
