//! Items for tables of the user's, and several items, on their way through the gates.

use super::*;

const ESCALATE: &str = r#"
title = "Escalate"
[on.event]
type = "task.late"
from = "plugins"
[item]
inbox = "agents"
agent_id = { get = "data.agent" }
context = { task = { get = "data.task" } }
[items.manager]
queue = "managers"
title = "Late: {{ data.task }}"
"#;

#[test]
fn all_items_of_an_event_come_in_the_order_of_the_file() {
    let test = r#"
given  = [ { type = "task.late", from = "plugins", data = { task = "t1", agent = "a1" } } ]
expect = [ { inbox = "agents", at = "0s", agent_id = "a1", context = { task = "t1" } },
           { item = "manager", queue = "managers", title = "Late: t1" } ]
"#;
    check(ESCALATE, test, &[]);
    check(
        ESCALATE,
        &test.replace("agent_id = \"a1\"", "agent_id = \"a2\""),
        &["item 1: agent_id: expected \"a2\", got \"a1\""],
    );
    check(
        ESCALATE,
        &test.replace(", agent = \"a1\"", ""),
        &[
            "event 1 (task.late) makes no item: item.agent_id: `data.agent` is missing in this event",
            "item 1 did not come: at 0s, inbox `agents`, columns \
             {\"agent_id\":\"a1\",\"context\":{\"task\":\"t1\"}}",
            "item 2 did not come: item `manager`, queue `managers`, title \"Late: t1\"",
        ],
    );
}

#[test]
fn a_row_which_comes_again_makes_nothing_twice() {
    let row =
        "type = \"task.late\", from = \"plugins\", id = \"7\", data = { task = \"t1\", agent = \"a1\" }";
    let test = format!(
        "given  = [ {{ {row} }}, {{ at = \"1m\", {row}, because = \"flow.dedup\" }} ]\n\
         expect = [ {{ inbox = \"agents\" }}, {{ queue = \"managers\" }} ]\n"
    );
    let gated = ESCALATE.replace("[item]", "[flow]\ndedup = { key = [\"data.x\", \"id\"] }\n[item]");
    check(&gated, &test, &[]);
}

#[test]
fn a_replacement_brings_its_columns_and_a_worker_is_left_alone() {
    let open = "[flow]\ndedup = { key = [\"data.task\"], window = \"while_open\", on_conflict = \"replace\" }\n\
                [item]";
    let test = r#"
given  = [ { type = "task.late", from = "plugins", data = { task = "t1", agent = "a1" } },
           { at = "1m", type = "task.late", from = "plugins", data = { task = "t1", agent = "a2" } , because = "flow.dedup" },
           { at = "2m", lease = 1 },
           { at = "3m", type = "task.late", from = "plugins", data = { task = "t1", agent = "a3" } , because = "flow.dedup" },
           { at = "4m", complete = 1 } ]
expect = [ { at = "0s", inbox = "agents", agent_id = "a2", state = "done" },
           { at = "0s", queue = "managers", title = "Late: t1" },
           { at = "4m", inbox = "agents", agent_id = "a3" } ]
"#;
    check(&ESCALATE.replace("[item]", open), test, &[]);
}

#[test]
fn what_is_appended_stands_in_the_list_of_a_column() {
    let append =
        "[flow]\ndedup = { key = [\"type\"], window = \"while_open\", on_conflict = \"append\" }\n[item]";
    let only = &ESCALATE[..ESCALATE.find("[items.manager]").unwrap()];
    let test = r#"
given  = [ { type = "task.late", from = "plugins", data = { task = "t1", agent = "a1" } },
           { at = "1m", type = "task.late", from = "plugins", data = { task = "t2", agent = "a2" }, because = "flow.dedup" } ]
expect = [ { inbox = "agents", agent_id = "a1", context = [ { task = "t1" }, { task = "t2" } ] } ]
"#;
    check(&only.replace("[item]", append), test, &[]);
    let debounce = "[flow]\ndebounce = { quiet = \"5m\", max_wait = \"1h\", keep = \"all\" }\n[item]";
    let last = test.replace("flow.dedup", "flow.debounce").replace("agent_id = \"a1\"", "agent_id = \"a2\"");
    let first = "agent = \"a1\" } }";
    let last = last.replace(first, "agent = \"a1\" }, because = \"flow.debounce\" }");
    check(&only.replace("[item]", debounce), &last, &[]);
}

#[test]
fn a_draft_which_is_held_is_named_by_its_title_or_its_routine() {
    let hours = "[flow]\nhours = { tz = \"UTC\", from = \"08:00\", to = \"18:00\" }\n[item]";
    let only = &ESCALATE[..ESCALATE.find("[items.manager]").unwrap()];
    let test = "given = [{ type = \"task.late\", from = \"plugins\", data = { task = 1, agent = 2 }, \
                because = \"flow.hours\" }]\nuntil = \"1h\"\nheld = 2";
    let outcome = run_with(&only.replace("[item]", hours), test);
    assert_eq!(outcome.problems.len(), 1);
    assert!(
        outcome.problems[0].starts_with("held: expected 2, got 1: \"item of r\" ("),
        "{:?}",
        outcome.problems
    );
}
