//! Whole trials: a routine with its tests, and what comes of them.

mod foreign;
mod gates;
mod workers;

use super::*;
use crate::rules::name::RoutineName;
use crate::rules::routine;

const REFUND: &str = r#"
title = "Review large refunds"
[on.event]
type = ["refund.requested", "refund.amended"]
from = "events"
[when]
"data.amount" = { gte = 500 }
[[when.any_of.why]]
"data.country" = "CH"
[[when.any_of.why]]
"data.flag" = true
[item]
queue = "finance"
title = "Refund {{ data.id }}: {{ data.amount }}"
[item.context]
amount = { get = "data.amount", type = "number" }
"#;

const WEEKLY: &str = r#"
title = "Weekly"
[on.schedule]
cron = "0 9 * * MON"
tz   = "Europe/Berlin"
[item]
queue = "q"
title = "Week to {{ tick | date('%d %b') }}"
"#;

const EACH: &str = r#"
title = "One for each"
[on.event]
type = "refund.requested"
[each]
sql = "select id from agents"
[flow]
dedup = { key = ["row.id"] }
[item]
queue = "q"
title = "For {{ row.id }}"
"#;

#[test]
fn events_become_items_by_the_clock_of_the_test() {
    let test = r#"
given  = [ { type = "refund.requested", data = { id = "r1", amount = 600, country = "CH" } },
           { at = "10s", type = "refund.amended", data = { id = "r1", amount = 900.50, flag = true } } ]
expect = [ { at = "0s", title = "Refund r1: 600", queue = "finance" },
           { at = "10s", title = "Refund r1: 900.50", context = { amount = 900.5 } } ]
"#;
    check(REFUND, test, &[]);
    check(
        REFUND,
        &test.replace("r1: 600", "r1: 700"),
        &["item 1: title: expected \"Refund r1: 700\", got \"Refund r1: 600\""],
    );
}

#[test]
fn an_event_which_does_not_match_must_say_why() {
    let given = |data: &str, more: &str| {
        format!("given = [{{ type = \"refund.requested\", data = {{ {data} }} }}]\n{more}")
    };
    let small = "id = 1, amount = 10, country = \"CH\"";
    check(REFUND, &given(small, "because = \"when.data.amount\""), &[]);
    check(
        REFUND,
        &given(small, "because = \"when.any_of.why\""),
        &["event 1 (refund.requested) should fail with `when.any_of.why`, and fails with \
             when.data.amount: wants gte 500, met 10"],
    );
    check(
        REFUND,
        &given(small, "expect = [{ queue = \"finance\" }]"),
        &[
            "event 1 (refund.requested) does not match: when.data.amount: wants gte 500, met 10",
            "item 1 did not come: queue `finance`",
        ],
    );
    let large = "id = 1, amount = 600, country = \"CH\"";
    check(
        REFUND,
        &given(large, "because = \"when.data.amount\""),
        &["event 1 (refund.requested) matches, and should fail with `when.data.amount`"],
    );
    let neither = given("id = 1, amount = 600, country = \"DE\"", "because = \"when.data.amount\"");
    check(
        REFUND,
        &neither,
        &["event 1 (refund.requested) should fail with `when.data.amount`, and fails with \
             when.any_of.why: wants one of its alternatives, and none holds \
             (when.any_of.why[1].data.country: wants \"CH\", met \"DE\"; \
             when.any_of.why[2].data.flag: wants true, met nothing)"],
    );
}

#[test]
fn the_trigger_is_a_reason_too() {
    check(REFUND, "given = [{ type = \"refund.paid\", because = \"on.event.type\" }]", &[]);
    let elsewhere =
        "given = [{ type = \"refund.requested\", from = \"plugins\", because = \"on.event.type\" }]";
    check(
        REFUND,
        elsewhere,
        &["event 1 (refund.requested) should fail with `on.event.type`, and fails with \
             on.event.from: wants \"events\", met \"plugins\""],
    );
}

#[test]
fn a_field_which_cannot_be_filled_in_is_told() {
    let test = "given = [{ type = \"refund.amended\", data = { amount = 600, flag = true } }]\n\
                expect = [{ queue = \"finance\" }]";
    check(
        REFUND,
        test,
        &[
            "event 1 (refund.amended) makes no item: item.title: `data.id` is missing in this event",
            "item 1 did not come: queue `finance`",
        ],
    );
}

#[test]
fn a_clock_meets_the_ticks_on_its_way() {
    let test = "start = \"2026-03-02T09:00:00+01:00\"\nuntil = \"8d\"\n\
                expect = [{ at = \"0s\", title = \"Week to 02 Mar\" },\n\
                          { at = \"7d\", title = \"Week to 09 Mar\" }]";
    check(WEEKLY, test, &[]);
    check(WEEKLY, "start = \"2026-03-03T00:00:00Z\"\nuntil = \"5d\"\nexpect = []", &[]);
    check(
        WEEKLY,
        "start = \"2026-03-08T00:00:00Z\"\nuntil = \"5d\"\nexpect = []",
        &["nobody expected this item: at 2026-03-09T08:00:00Z, queue `q`, title \"Week to 09 Mar\""],
    );
    let named = "given = [{ tick = \"2026-07-06T07:00:00Z\" }]\nexpect = [{ title = \"Week to 06 Jul\" }]";
    check(WEEKLY, named, &[]);
    let outcome = run_with(&WEEKLY.replace("0 9 * * MON", "* * * * * *"), "until = \"1d\"");
    assert_eq!(outcome.standing, Standing::Error);
    assert_eq!(outcome.problems, ["its clock meets more than 10000 ticks: bring `until` nearer"]);
}

#[test]
fn rows_make_items_and_equal_keys_make_one() {
    let test = r#"
rows   = [ { id = 1 }, { id = 2 } ]
given  = [ { type = "refund.requested" },
           { at = "5s", type = "refund.requested", rows = [ { id = 2 }, { id = 3 } ] },
           { at = "6s", type = "refund.requested", rows = [] } ]
expect = [ { at = "0s", title = "For 1" }, { at = "0s", title = "For 2" }, { at = "5s", title = "For 3" } ]
"#;
    check(EACH, test, &[]);
}

#[test]
fn events_come_from_files_with_changes() {
    let test = "given = [{ file = \"two.json\", data = { amount = 600 } }]\n\
                expect = [{ title = \"Refund a: 600\" }, { title = \"Refund b: 600\" }]";
    check(REFUND, test, &[]);
    let outcome = run_with(REFUND, "given = [{ file = \"none.json\" }]\nexpect = [{ title = \"x\" }]");
    assert_eq!(
        (outcome.standing, outcome.problems),
        (Standing::Error, vec!["none.json: not found".to_owned()])
    );
}

#[test]
fn coverage_counts_what_held_and_failed() {
    let outcomes = |tests: &[&str]| tests.iter().map(|test| run_with(REFUND, test)).collect::<Vec<_>>();
    let routine = read(REFUND, "given = [{ type = \"x\" }]\nbecause = \"on.event.type\"");
    let none = coverage(&routine, &[]);
    assert_eq!((none.percent(), none.conditions), (0, Count { covered: 0, total: 3 }));
    assert_eq!(none.lacks.len(), 6);
    let large = "given = [{ type = \"refund.requested\", data = { id = 1, amount = 600, country = \"CH\" } }]\n\
                 expect = [{ queue = \"finance\" }]";
    let small = "given = [{ type = \"refund.amended\", data = { id = 1, amount = 5, country = \"DE\" } }]\n\
                 because = \"when.data.amount\"";
    let found = coverage(&routine, &outcomes(&[large, small]));
    assert_eq!(found.conditions, Count { covered: 2, total: 3 });
    assert_eq!((found.items, found.types), (Count { covered: 1, total: 1 }, Count { covered: 2, total: 2 }));
    assert_eq!(found.lacks, ["`when.any_of.why[2].data.flag` was never true"]);
    assert_eq!(found.percent(), 83);
}

#[test]
fn an_event_which_the_trigger_does_not_take_covers_nothing() {
    let outcome = run_with(REFUND, "given = [{ type = \"refund.paid\" }]\nbecause = \"on.event.type\"");
    let found =
        coverage(&read(REFUND, "given = [{ type = \"x\" }]\nbecause = \"on.event.type\""), &[outcome]);
    assert_eq!(found.percent(), 0);
    assert!(found.lacks.contains(&"`when.data.amount` was never asked".to_owned()));
}

fn read(text: &str, test: &str) -> Routine {
    let text = format!("{text}[[tests]]\nname = \"a\"\n{test}\n");
    match routine::parse(&RoutineName::parse("r").unwrap(), "r.toml", &text) {
        Ok(routine) => routine,
        Err(problems) => panic!("{problems}"),
    }
}

fn run_with(text: &str, test: &str) -> Outcome {
    let routine = read(text, test);
    let fixtures = |path: &str| match path {
        "two.json" => Ok("{\"type\": \"refund.requested\", \"data\": {\"id\": \"a\", \"flag\": true}}\n\
                          {\"type\": \"refund.amended\", \"data\": {\"id\": \"b\", \"flag\": true}}\n"
            .to_owned()),
        _ => Err("not found".to_owned()),
    };
    run(&routine, &routine.cases[0], &fixtures)
}

/// Runs the test and compares its problems.
#[track_caller]
fn check(text: &str, test: &str, want: &[&str]) {
    let outcome = run_with(text, test);
    assert_eq!(outcome.problems, want, "{test}");
    let standing = if want.is_empty() { Standing::Passed } else { Standing::Failed };
    assert_eq!(outcome.standing, standing);
}
