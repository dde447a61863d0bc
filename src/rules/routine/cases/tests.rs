//! Which tests are read, and which are refused in which words.

mod gates;

use crate::rules::name::RoutineName;
use crate::rules::problem::Level;
use crate::rules::routine::{self, Case, Routine, START_DEFAULT, What};
use serde_json::json;

const EVENT: &str = r#"
title = "x"
[on.event]
type = ["refund.*", "credit.given"]
[when]
"data.amount" = { gte = 500 }
"data.vip"    = { not = true, missing = "match" }
[[when.any_of.why]]
"data.country" = "DE"
[[when.any_of.why]]
"data.flag" = true
[item]
queue = "q"
title = "t"
"#;

const SCHEDULE: &str = r#"
title = "x"
[on.schedule]
cron = "0 9 * * MON"
[item]
queue = "q"
title = "t"
"#;

const EACH: &str = r#"
title = "x"
[on.event]
type = "refund.requested"
[when]
"data.amount" = { gte = 500 }
[each]
sql = "select id from agents"
max_rows = 2
[item]
queue = "q"
title = "t {{ row.id }}"
"#;

#[test]
fn a_whole_test_is_read() {
    let routine = read(
        EVENT,
        r#"
name   = "a burst"
start  = "2026-03-02T09:00:00+01:00"
given  = [ { at = "10s", type = "refund.a", data = { amount = 600.50, on = 2026-01-01 }, from = "events" },
           { type = "refund.b", subject = "s", tenant = "acme", id = "e", source = "shop", time = "5s" },
           { at = "1m", file = "f.json", because = "when.data.amount", meta = { n = [1, true] } } ]
expect = [ { at = "40s", item = "item", title = "t", priority = 5, tags = ["a"], context = { n = 1.0 } } ]
"#,
    );
    let [case] = &routine.cases[..] else { panic!("one test") };
    assert_eq!((case.name.as_str(), case.start.to_string().as_str()), ("a burst", "2026-03-02T08:00:00Z"));
    let at = case.given.iter().map(|given| given.at.to_string()).collect::<Vec<_>>();
    assert_eq!(at, ["2026-03-02T08:00:10Z", "2026-03-02T08:00:10Z", "2026-03-02T08:01:00Z"]);
    let What::Event(first) = &case.given[0].what else { panic!("an event") };
    // Numbers keep their digits, and dates are text.
    assert_eq!(first.data.as_ref().unwrap().to_string(), r#"{"amount":600.50,"on":"2026-01-01"}"#);
    let What::Event(second) = &case.given[1].what else { panic!("an event") };
    assert_eq!((second.subject.as_deref(), second.origin.as_deref()), (Some("s"), Some("shop")));
    assert_eq!(second.time.unwrap().to_string(), "2026-03-02T08:00:05Z");
    let What::File { path, attributes } = &case.given[2].what else { panic!("a file") };
    assert_eq!((path.as_str(), &attributes.meta), ("f.json", &Some(json!({ "n": [1, true] }))));
    assert_eq!(case.because(&case.given[2]).unwrap().text, "when.data.amount");
    let expected = &case.expect[0];
    assert_eq!(expected.at.unwrap().to_string(), "2026-03-02T08:00:40Z");
    assert_eq!((expected.priority, expected.queue.as_deref()), (Some(5), None));
}

#[test]
fn entries_may_be_tables_of_their_own() {
    let routine = read(
        EVENT,
        "name = \"a\"\nbecause = \"when.any_of.why\"\n[[tests.given]]\ntype = \"refund.a\"\n\
         data.amount = 600\n[[tests.given]]\ntype = \"refund.b\"\n[tests.given.data]\namount = 700\n",
    );
    let [Case { given, start, .. }] = &routine.cases[..] else { panic!("one test") };
    assert_eq!((given.len(), *start), (2, START_DEFAULT));
}

#[test]
fn a_test_which_could_pass_by_accident_is_refused() {
    let event = "given = [ { type = \"refund.a\" } ]";
    check(
        EVENT,
        &format!("name = \"a\"\n{event}"),
        &[("this test expects no items, and does not say why none come", "[[tests]]")],
    );
    check(
        EVENT,
        &format!("name = \"a\"\n{event}\nexpect = []"),
        &[("this test expects no items, and does not say why none come", "expect")],
    );
    check(
        EVENT,
        "name = \"a\"\nexpect = [{ title = \"t\" }]",
        &[("nothing happens in this test", "[[tests]]")],
    );
    check(
        EVENT,
        &format!("name = \"a\"\n{event}\nexpect = [{{}}]"),
        &[("this entry says nothing about the item", "{}")],
    );
    check(
        EVENT,
        &format!("name = \"a\"\n{event}\nexpect = [{{ context = {{}} }}]"),
        &[("this `context` names no value", "{}")],
    );
    check(
        EVENT,
        &format!("name = \"a\"\n{event}\nbecause = \"on.event.type\"\nexpect = [{{ title = \"t\" }}]"),
        &[("events which do not match make no items, and this test expects some", "\"on.event.type\"")],
    );
    check(EVENT, &format!("{event}\nbecause = \"on.event.type\""), &[("`name` is missing", "[[tests]]")]);
}

#[test]
fn names_which_are_not_there_are_refused() {
    let because = |name: &str| format!("name = \"a\"\ngiven = [{{ type = \"x\" }}]\nbecause = \"{name}\"");
    for known in ["on.event.type", "when.data.amount", "when.data.vip", "when.any_of.why"] {
        check(EVENT, &because(known), &[]);
    }
    let no_condition =
        |name: &str| (format!("this routine has no condition `{name}`"), format!("\"{name}\""));
    for unknown in ["data.amount", "when.data.amuont", "when.any_of.why[1].data.country", "on.event.from"] {
        let (message, span) = no_condition(unknown);
        check(EVENT, &because(unknown), &[(message.as_str(), span.as_str())]);
    }
    let until = "name = \"a\"\nuntil = \"1s\"";
    check(EVENT, until, &[("a routine which waits for events does nothing by itself", "\"a\"")]);
    check(EVENT, &format!("givn = []\n{}", because("on.event.type")), &[("unknown key `givn`", "givn")]);
    let expect =
        |item: &str| format!("name = \"a\"\ngiven = [{{ type = \"refund.a\" }}]\nexpect = [{{ {item} }}]");
    check(EVENT, &expect("item = \"itm\""), &[("this routine makes no item `itm`", "\"itm\"")]);
    check(EVENT, &expect("titel = \"x\""), &[("unknown key `titel`", "titel")]);
    let event = "name = \"a\"\ngiven = [{ typ = \"x\" }]\nbecause = \"on.event.type\"";
    check(
        EVENT,
        event,
        &[("this entry does not say what happens", "{ typ = \"x\" }"), ("unknown key `typ`", "typ")],
    );
}

#[test]
fn two_tests_have_two_names() {
    let one = "name = \"a\"\ngiven = [{ type = \"x\" }]\nbecause = \"on.event.type\"\n";
    let message = "there are two tests `a`";
    check(EVENT, &format!("{one}[[tests]]\n{one}"), &[(message, "\"a\"")]);
    let twice = one.replace("on.event.type", "when.data.x");
    check(
        EVENT,
        &format!("{one}[[tests]]\n{twice}"),
        &[(message, "\"a\""), ("this routine has no condition `when.data.x`", "\"when.data.x\"")],
    );
    let text = format!("{EVENT}[tests]\n{one}");
    assert_eq!(problems(&text), [("a routine has a list of tests".to_owned(), "tests".to_owned())]);
}

#[test]
fn a_test_which_cannot_be_read_hides_no_other() {
    let first = "name = \"a\"\ngiven = [{ type = \"x\", at = \"soon\" }]\nbecause = \"when.data.x\"\n";
    let second = "name = \"b\"\ngiven = [{ type = \"x\" }]\nbecause = \"when.data.y\"\n";
    check(
        EVENT,
        &format!("{first}[[tests]]\n{second}"),
        &[
            ("`at` is no moment: expected number at 0", "\"soon\""),
            ("this routine has no condition `when.data.y`", "\"when.data.y\""),
        ],
    );
}

#[test]
fn a_reason_which_the_routine_does_not_have_is_explained() {
    let help = |routine: &str, because: &str| {
        let text = format!(
            "{routine}[[tests]]\nname = \"a\"\ngiven = [{{ type = \"x\" }}]\nbecause = \"{because}\"\n"
        );
        let (_, problems) = routine::check(&RoutineName::parse("r").unwrap(), "r.toml", &text);
        problems.iter().find_map(|problem| problem.help.clone()).unwrap_or_default()
    };
    assert_eq!(help(EVENT, "when.data.amuont"), "did you mean `when.data.amount`?");
    let all = "an event fails with one of `on.event.type`, `when.data.amount`, `when.data.vip` and \
               `when.any_of.why`";
    assert_eq!(help(EVENT, "x"), all);
    let from = format!("it takes events of all sources, since it has no `from`; {all}");
    assert_eq!(help(EVENT, "on.event.from"), from);
    let plain = EVENT.replace("type = [\"refund.*\", \"credit.given\"]", "");
    let types = "it takes events of all types, since it has no `type`;";
    assert!(help(&plain, "on.event.type").starts_with(types));
}

#[test]
fn entries_stand_in_the_order_of_time() {
    let given = |first: &str, second: &str| {
        format!(
            "name = \"a\"\nbecause = \"on.event.type\"\n\
             given = [{{ at = \"{first}\", type = \"x\" }}, {{ at = \"{second}\", type = \"x\" }}]"
        )
    };
    check(EVENT, &given("5s", "5s"), &[]);
    let late = "this happens before 2026-01-01T00:00:05Z, when the test has got so far";
    check(EVENT, &given("5s", "4s"), &[(late, "at")]);
    let early = "this happens before 2026-01-01T00:00:00Z, when the test has got so far";
    check(EVENT, &given("2025-12-31T23:59:59Z", "4s"), &[(early, "at")]);
    let soon = "`at` is no moment: expected number at 0";
    check(EVENT, &given("soon", "4s"), &[(soon, "\"soon\"")]);
}

#[test]
fn a_schedule_has_ticks_and_no_events() {
    check(SCHEDULE, "name = \"a\"\nuntil = \"2d\"\nexpect = []", &[]);
    check(
        SCHEDULE,
        "name = \"a\"\nuntil = \"2d\"\nbecause = \"when.data.x\"",
        &[("a tick has no conditions which could fail", "\"when.data.x\"")],
    );
    let tick =
        |at: &str| format!("name = \"a\"\ngiven = [{{ tick = \"{at}\" }}]\nexpect = [{{ title = \"t\" }}]");
    check(SCHEDULE, &tick("2026-03-09T10:00:00+01:00"), &[]);
    check(
        SCHEDULE,
        &tick("2026-03-09T09:00:00+01:00"),
        &[("the schedule does not tick at 2026-03-09T08:00:00Z", "tick")],
    );
    check(EVENT, &tick("5s"), &[("this routine waits for events, and never ticks", "tick")]);
    let event = "name = \"a\"\ngiven = [{ type = \"x\" }]\nexpect = [{ title = \"t\" }]";
    check(SCHEDULE, event, &[("this routine keeps time, and hears no events", "{ type = \"x\" }")]);
}

#[test]
fn rows_are_for_routines_which_ask_for_them() {
    let given = |more: &str| {
        let event = "type = \"refund.requested\", data = { amount = 600 }";
        format!("name = \"a\"\ngiven = [{{ {event} }}]\nexpect = [{{ title = \"t 1\" }}]\n{more}")
    };
    check(EACH, &given("rows = [{ id = 1 }]"), &[]);
    check(
        EACH,
        &given(""),
        &[(
            "the routine asks for rows here, and there are none",
            "{ type = \"refund.requested\", data = { amount = 600 } }",
        )],
    );
    check(
        EACH,
        &given("rows = [{ id = 1 }, { id = 2 }, { id = 3 }]"),
        &[("the routine takes at most 2 rows, and these are 3", "rows")],
    );
    check(EVENT, &given("rows = [{ id = 1 }]"), &[("this routine asks for no rows", "rows")]);
    check(EACH, "name = \"a\"\ngiven = [{ type = \"x\" }]\nbecause = \"on.event.type\"", &[]);
    check(EACH, "name = \"a\"\ngiven = [{ type = \"refund.requested\" }]\nrows = []", &[]);
}

fn read(routine: &str, tests: &str) -> Routine {
    let text = format!("{routine}[[tests]]\n{tests}");
    match routine::parse(&RoutineName::parse("r").unwrap(), "r.toml", &text) {
        Ok(routine) => routine,
        Err(problems) => panic!("{problems}"),
    }
}

/// The errors of a routine with this test: their messages, and what they
/// underline.
#[track_caller]
fn check(routine: &str, tests: &str, want: &[(&str, &str)]) {
    let found = problems(&format!("{routine}[[tests]]\n{tests}\n"));
    let found = found.iter().map(|(message, text)| (message.as_str(), text.as_str())).collect::<Vec<_>>();
    assert_eq!(found, want, "{tests}");
}

fn problems(text: &str) -> Vec<(String, String)> {
    let (_, problems) = routine::check(&RoutineName::parse("r").unwrap(), "r.toml", text);
    let errors = problems.iter().filter(|problem| problem.level == Level::Error);
    errors.map(|problem| (problem.message.clone(), text[problem.span.clone()].to_owned())).collect()
}
