//! Workers in a test: items which are taken and completed.

use super::{check, run_with};

const QUEUE: &str = r#"
title = "One at a time"
[on.schedule]
every = "1h"
[flow]
overlap = "queue"
[item]
queue = "q"
title = "{{ tick | date('%H:%M') }}"
"#;

#[test]
fn what_waits_for_an_item_goes_on_when_it_is_done() {
    let test = r#"
start  = "2026-03-02T00:00:00Z"
until  = "4h"
held   = 2
given  = [ { at = "10m", lease = 1 }, { at = "2h 30m", complete = 1 } ]
expect = [ { at = "0s", title = "00:00", state = "done" }, { at = "2h 30m", title = "01:00" } ]
"#;
    // 02:00, 03:00 and 04:00 wait; the clock stops at the last of them.
    let three = test.replace("held   = 2", "held   = 3");
    check(QUEUE, &three, &[]);
    let outcome = run_with(QUEUE, test);
    assert!(outcome.problems[0].starts_with("held: expected 2, got 3: \"02:00\" (`flow.overlap`: "));
}

#[test]
fn what_is_left_at_the_end_must_be_said() {
    let ticks = "given = [{ tick = \"1h\" }, { tick = \"2h\", because = \"flow.overlap\" }]\n\
                 expect = [{ title = \"01:00\" }]";
    check(QUEUE, &format!("{ticks}\nheld = 1"), &[]);
    let outcome = run_with(QUEUE, ticks);
    let [problem] = &outcome.problems[..] else { panic!("{:?}", outcome.problems) };
    assert!(problem.starts_with("held: 1 at the end, and the test does not say so: \"02:00\""), "{problem}");
    assert!(problem.ends_with("write `held = 1`, or complete what is waited for"), "{problem}");
}

#[test]
fn what_a_worker_cannot_do_is_a_problem_of_the_test() {
    let test = |work: &str| {
        let given = format!("given = [{{ tick = \"1h\" }}, {{ at = \"1h\", {work} }}]");
        format!("{given}\nexpect = [{{ title = \"01:00\" }}]")
    };
    check(QUEUE, &test("lease = 1"), &[]);
    check(QUEUE, &test("lease = 2"), &["at 1h, item 2 cannot be leased: only one has come so far"]);
    check(QUEUE, &test("complete = 2"), &["at 1h, item 2 cannot be completed: only one has come so far"]);
    let twice = |first: &str, second: &str| test(&format!("{first} }}, {{ {second}"));
    check(QUEUE, &twice("lease = 1", "complete = 1"), &[]);
    check(QUEUE, &twice("lease = 1", "lease = 1"), &["at 1h, item 1 cannot be leased: it is leased"]);
    check(QUEUE, &twice("complete = 1", "lease = 1"), &["at 1h, item 1 cannot be leased: it is done"]);
    check(QUEUE, &twice("complete = 1", "complete = 1"), &["at 1h, item 1 cannot be completed: it is done"]);
}

#[test]
fn a_worker_comes_before_an_event_of_the_same_moment_if_the_test_says_so() {
    let flow = "dedup = { key = [\"type\"], window = \"while_open\", on_conflict = \"follow_up\" }";
    let text = format!(
        "title = \"x\"\n[on.event]\ntype = \"a\"\n[flow]\n{flow}\n[item]\nqueue = \"q\"\n\
         title = \"{{{{ id }}}}\"\n"
    );
    let given = |second: &str| {
        format!(
            "given = [{{ type = \"a\", id = \"1\" }}, {{ at = \"1m\", lease = 1 }}, {second}, \
             {{ at = \"1h\", complete = 1 }}]\n"
        )
    };
    // While it is taken, another follows it; before, it is the same.
    let follows = given("{ type = \"a\", id = \"2\", because = \"flow.dedup\" }");
    let expect = "expect = [{ title = \"1\", state = \"done\" }, { at = \"1h\", title = \"2\" }]";
    check(&text, &format!("{follows}{expect}"), &[]);
    let before = "given = [{ type = \"a\", id = \"1\" }, { at = \"1m\", type = \"a\", id = \"2\" }, \
                           { lease = 1 }]\n\
                  expect = [{ title = \"1\", state = \"leased\" }]";
    check(&text, before, &[]);
}
