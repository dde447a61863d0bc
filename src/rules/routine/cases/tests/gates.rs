//! What tests may say of gates, and of workers.

use super::{EVENT, SCHEDULE, check, read};
use crate::rules::gate::note::Gate;
use crate::rules::routine::{ItemState, What};

const DEBOUNCED: &str = r#"
title = "x"
[on.event]
type = "refund.*"
[flow]
debounce = { key = ["data.id"], quiet = "30s", max_wait = "5m" }
limit = { max = 2, per = "1h" }
[item]
queue = "q"
title = "t"
"#;

const ONE_AT_A_TIME: &str = r#"
title = "x"
[on.schedule]
every = "1h"
[flow]
overlap = "skip"
[item]
queue = "q"
title = "t"
"#;

#[test]
fn a_test_of_gates_is_read() {
    let routine = read(
        DEBOUNCED,
        r#"
name   = "a burst"
until  = "1h"
held   = 2
given  = [ { type = "refund.a", chain = ["triage", "other"] },
           { at = "5m", lease = 1 },
           { complete = 1 },
           { at = "6m", type = "refund.a", because = "flow.debounce" } ]
expect = [ { state = "done" }, { title = "t", state = "superseded" } ]
"#,
    );
    let [case] = &routine.cases[..] else { panic!("one test") };
    assert_eq!(case.held, Some(2));
    let What::Event(first) = &case.given[0].what else { panic!("an event") };
    let chain = first.chain.iter().flatten().map(|name| name.as_str()).collect::<Vec<_>>();
    assert_eq!(chain, ["triage", "other"]);
    let work = case.given[1..3].iter().map(|given| (given.at.to_string(), given.what.clone()));
    let at = "2026-01-01T00:05:00Z".to_owned();
    assert_eq!(work.collect::<Vec<_>>(), [(at.clone(), What::Lease(1)), (at, What::Complete(1))]);
    assert_eq!(case.because(&case.given[3]).and_then(|word| word.gate()), Some(Gate::Debounce));
    let states = case.expect.iter().map(|expected| expected.state).collect::<Vec<_>>();
    assert_eq!(states, [Some(ItemState::Done), Some(ItemState::Superseded)]);
}

#[test]
fn a_gate_is_a_reason_if_the_routine_has_it() {
    let test = |because: &str, more: &str| {
        format!("name = \"a\"\ngiven = [{{ type = \"refund.a\" }}]\nbecause = \"{because}\"\n{more}")
    };
    for known in ["flow.debounce", "flow.limit", "flow.loop"] {
        check(DEBOUNCED, &test(known, ""), &[]);
        // A draft which is held may become an item.
        check(DEBOUNCED, &test(known, "expect = [{ title = \"t\" }]"), &[]);
    }
    for unknown in ["flow.overlap", "flow.limt", "flow."] {
        let message = format!("this routine has no gate `{unknown}`");
        check(DEBOUNCED, &test(unknown, ""), &[(message.as_str(), format!("\"{unknown}\"").as_str())]);
    }
    check(EVENT, &test("flow.loop", ""), &[]);
    let message = "this routine has no gate `flow.hours`";
    check(EVENT, &test("flow.hours", ""), &[(message, "\"flow.hours\"")]);
}

#[test]
fn a_tick_may_be_kept_by_a_gate() {
    let tick = "name = \"a\"\ngiven = [{ tick = \"1h\", because = \"flow.overlap\" }]";
    check(ONE_AT_A_TIME, tick, &[]);
    check(ONE_AT_A_TIME, "name = \"a\"\nuntil = \"2h\"\nbecause = \"flow.overlap\"", &[]);
    let tick = tick.replace("overlap", "loop");
    check(ONE_AT_A_TIME, &tick, &[("this routine has no gate `flow.loop`", "\"flow.loop\"")]);
    let tick = tick.replace("flow.loop", "when.data.x");
    check(ONE_AT_A_TIME, &tick, &[("a tick has no conditions which could fail", "\"when.data.x\"")]);
}

#[test]
fn time_passes_where_something_is_held() {
    let test = |more: &str| format!("name = \"a\"\ngiven = [{{ type = \"refund.a\" }}]\n{more}");
    let expect = "expect = [{ title = \"t\" }]";
    check(DEBOUNCED, &test(&format!("until = \"1h\"\n{expect}")), &[]);
    check(DEBOUNCED, &test("until = \"1s\""), &[]);
    check(DEBOUNCED, &test("held = 1"), &[]);
    let accident = "this test expects no items, and does not say why none come";
    check(DEBOUNCED, &test("held = 0"), &[(accident, "[[tests]]")]);
    check(DEBOUNCED, "name = \"a\"\nuntil = \"1h\"", &[("no event comes in this test", "\"a\"")]);
    let large = EVENT.replace("500", "1");
    let event = "name = \"a\"\ngiven = [{ type = \"refund.a\", data = { amount = 5, flag = true } }]";
    let until = format!("{event}\n{expect}\nuntil = \"1h\"");
    check(&large, &until, &[("a routine which waits for events does nothing by itself", "\"a\"")]);
    let held = format!("{event}\n{expect}\nheld = 0");
    check(&large, &held, &[("the gates of this routine hold nothing", "\"a\"")]);
    check(DEBOUNCED, &test("held = -1"), &[("`held` counts drafts", "-1")]);
}

#[test]
fn a_worker_works_on_items_by_their_numbers() {
    let given = |entry: &str| {
        let event = "{ type = \"refund.a\" }";
        format!("name = \"a\"\ngiven = [{event}, {{ {entry} }}]\nexpect = [{{ title = \"t\" }}]")
    };
    check(DEBOUNCED, &given("at = \"5m\", lease = 1"), &[]);
    check(DEBOUNCED, &given("lease = 0"), &[("`lease` counts items from 1", "0")]);
    check(DEBOUNCED, &given("complete = -1"), &[("`complete` counts items from 1", "-1")]);
    check(DEBOUNCED, &given("complete = \"a\""), &[("`complete` must be an integer, not a string", "\"a\"")]);
    let both = "a worker does one thing after the other";
    check(DEBOUNCED, &given("lease = 1, complete = 1"), &[(both, "complete")]);
    check(DEBOUNCED, &given("lease = 1, type = \"x\""), &[("unknown key `type`", "type")]);
    let alone = "name = \"a\"\ngiven = [{ at = \"5m\", lease = 1 }]\nexpect = [{ title = \"t\" }]";
    check(DEBOUNCED, alone, &[("nothing happens in this test", "[[tests]]")]);
    let tick = "name = \"a\"\nuntil = \"2h\"\ngiven = [{ at = \"1m\", complete = 1 }]";
    check(SCHEDULE, tick, &[]);
}

#[test]
fn states_and_chains_are_checked() {
    let test = |given: &str, expect: &str| {
        format!("name = \"a\"\ngiven = [{{ type = \"refund.a\", {given} }}]\nexpect = [{{ {expect} }}]")
    };
    let state = |state: &str| test("id = \"e\"", &format!("state = \"{state}\""));
    for known in ItemState::ALL {
        check(DEBOUNCED, &state(known.as_str()), &[]);
    }
    check(DEBOUNCED, &state("dead"), &[("no test leaves an item `dead`", "\"dead\"")]);
    let chain = |chain: &str| test(&format!("chain = {chain}"), "title = \"t\"");
    check(DEBOUNCED, &chain("[]"), &[]);
    let array = "`chain` must be an array of names of routines, not";
    check(DEBOUNCED, &chain("\"a\""), &[(format!("{array} a string").as_str(), "\"a\"")]);
    check(DEBOUNCED, &chain("[1]"), &[(format!("{array} an integer").as_str(), "1")]);
    let name = "this is no name of a routine: a name cannot be empty";
    check(DEBOUNCED, &chain("[\"\"]"), &[(name, "\"\"")]);
}
