//! Routines from the outside: what is read, and what is refused in which words.

use super::*;
use crate::rules::condition::{Literal, MissingPolicy, Test};
use crate::rules::schedule::Timing;
use crate::rules::schedule::policy::Missed;
use proptest::prelude::*;

const ITEM: &str = "[item]\nqueue = \"q\"\ntitle = \"t\"\n";

const REFUND: &str = r#"# A remark.
title = "Review large refunds"

[on.event]
type = ["refund.requested", "refund.amended", "credit.*"]
from = "events"

[when]
"data.amount"       = { gte = 500, lt = 1_000_000.50 }
"data.currency"     = ["EUR", "USD"]
"data.customer.vip" = { not = true, missing = "match" }
'data."a.b"'        = { prefix = "x" }
type                = "refund.requested"

[item]
queue        = "finance-agent"
priority     = 5
title        = "Refund {{ data.refund_id }}: {{ data.amount }} {{ data.currency }}"
instructions = "Check the refund against policy R-7 and record a decision."
tags         = ["refunds"]
max_attempts = 3

[item.context]
refund_id = { get = "data.refund_id" }
amount    = { get = "data.amount", type = "number" }
reason    = { get = "data.reason", default = "", max_len = 2000 }
source    = "shop"
limits    = [500, 1000.50, true]
vip       = "{{ data.customer.vip }}"
"#;

#[test]
fn a_whole_routine_is_read() {
    let routine = read(REFUND);
    assert_eq!(routine.title, "Review large refunds");
    assert_eq!(routine.version, Version::of(REFUND));
    assert_eq!(&*routine.text, REFUND);
    let Trigger::Event(trigger) = &routine.trigger else { panic!("no event") };
    let types = trigger.types.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(types, ["refund.requested", "refund.amended", "credit.*"]);
    assert_eq!(trigger.from.as_ref().map(|from| from.as_str()), Some("events"));
    let keys = routine.when.conditions().iter().map(|one| one.key.as_str()).collect::<Vec<_>>();
    let paths = ["data.amount", "data.currency", "data.customer.vip", "data.\"a.b\"", "type"];
    assert_eq!(keys, paths.map(|path| format!("when.{path}")));
    let vip = &routine.when.conditions()[2];
    assert_eq!(vip.condition.tests, [Test::Not(vec![Test::OneOf(vec![Literal::Bool(true)])])]);
    assert_eq!(vip.condition.missing, MissingPolicy::Match);
    let item = &routine.items[0];
    assert_eq!((item.queue.as_str(), item.priority, item.attempts_max), ("finance-agent", 5, Some(3)));
    assert_eq!(&*item.tags, ["refunds".to_owned()]);
    let names = item.context.iter().map(|field| field.name.as_str()).collect::<Vec<_>>();
    assert_eq!(names, ["refund_id", "amount", "reason", "source", "limits", "vip"]);
}

#[test]
fn the_smallest_routine_has_defaults() {
    let routine = read(&format!("title = \"x\"\n[on.event]\n{ITEM}"));
    let Trigger::Event(trigger) = &routine.trigger else { panic!("no event") };
    assert!(trigger.types.is_empty() && trigger.from.is_none());
    assert!(routine.when.conditions().is_empty());
    let item = &routine.items[0];
    assert_eq!((item.priority, item.attempts_max), (0, None));
    assert!(matches!(&item.instructions, Instructions::Static(text) if text.is_empty()));
    assert!(item.tags.is_empty() && item.context.is_empty());
}

#[test]
fn a_schedule_is_read_with_all_its_keys() {
    let schedule = "cron = \"0 9 * * MON\"\ntz = \"Europe/Berlin\"\nmissed = \"all\"\nwithin = \"6h\"\njitter = \"30s\"\n\
                    dst = { gap = \"skip\", repeat = \"both\" }\nfrom = \"2026-01-01\"\nuntil = 2027-01-01T00:00:00Z\n";
    let routine = read(&format!("title = \"x\"\n[on.schedule]\n{schedule}{ITEM}"));
    let Trigger::Schedule(schedules) = &routine.trigger else { panic!("no schedule") };
    let [schedule] = &schedules[..] else { panic!("one schedule") };
    assert!(matches!(&schedule.timing, Timing::Cron(_)));
    assert_eq!((schedule.tz_name(), schedule.missed), ("Europe/Berlin", Missed::All));
    assert_eq!(schedule.from.unwrap().to_string(), "2025-12-31T23:00:00Z");
    assert_eq!(schedule.until.unwrap().to_string(), "2027-01-01T00:00:00Z");
    assert_eq!(schedule.within.unwrap().as_secs(), 21_600);
    let two = format!(
        "title = \"x\"\n[[on.schedule]]\nevery = \"5s\"\n[[on.schedule]]\nat = \"2027-01-01T08:00\"\n{ITEM}"
    );
    let Trigger::Schedule(schedules) = read(&two).trigger else { panic!("no schedule") };
    assert_eq!(schedules.len(), 2);
}

#[test]
fn an_unknown_key_is_shown_with_the_one_which_was_meant() {
    check_shown(
        "titel = \"x\"\ntitle = \"x\"\n[on.event]\n[item]\nqueue = \"q\"\ntitle = \"t\"\n",
        "\
error: unknown key `titel`
 --> r.toml:1:1
  |
1 | titel = \"x\"
  | ^^^^^ not a key of a routine
  |
  = help: did you mean `title`?
",
    );
}

#[test]
fn a_path_without_quotes_is_shown_with_quotes() {
    check_shown(
        "title = \"x\"\n[on.event]\n[when]\ndata.amount = { gte = 500 }\n[item]\nqueue = \"q\"\ntitle = \"t\"\n",
        "\
error: a path in `[when]` stands in quotes
 --> r.toml:4:1
  |
4 | data.amount = { gte = 500 }
  | ^^^^^^^^^^^ read as a table inside a table
  |
  = help: write \"data.amount\" = { gte = 500 }
",
    );
}

#[test]
fn what_is_not_built_yet_is_refused_by_name() {
    check_shown(
        "title = \"x\"\n[on.event]\n[item]\nqueue = \"q\"\ntitle = \"t\"\nbackoff = \"1m\"\n",
        "\
error: `backoff` is not built yet
 --> r.toml:6:1
  |
6 | backoff = \"1m\"
  | ^^^^^^^ known, but this version of hearken cannot do it
  |
  = help: it is set for a queue: `backoff` of `[queue.NAME]` in hearken.toml
",
    );
}

#[test]
fn a_template_is_underlined_inside_its_text() {
    check_shown(
        "title = \"x\"\n[on.event]\n[item]\nqueue = \"q\"\ntitle = \"Refund {{ dta.id }}\"\n",
        "\
error: there is no variable `dta` for templates here
 --> r.toml:5:20
  |
5 | title = \"Refund {{ dta.id }}\"
  |                    ^^^ in this template
  |
  = help: did you mean `data`?
",
    );
}

#[test]
fn a_wrong_type_is_named() {
    check_shown(
        "title = \"x\"\n[on.event]\n[when]\n\"data.amount\" = { gt = \"500\" }\n[item]\nqueue = \"q\"\ntitle = \"t\"\n",
        "\
error: `gt` must be a number, not a string
 --> r.toml:4:24
  |
4 | \"data.amount\" = { gt = \"500\" }
  |                        ^^^^^ expected a number
  |
  = help: write it without quotes: `gt = 500`
",
    );
}

#[test]
fn broken_toml_is_shown_where_it_breaks() {
    let shown = shown("title = \"x\n[on.event]\n[item]\nqueue = \"q\"\ntitle = \"t\"\n");
    assert!(shown.starts_with("error: this is not TOML: "), "{shown}");
    assert!(shown.contains(" --> r.toml:1:"), "{shown}");
    assert!(!shown.contains("is missing"), "{shown}");
}

#[test]
fn all_problems_of_a_file_are_reported_at_once_in_its_order() {
    let text = "title = 5\n[on.event]\ntype = []\nfrom = \"a b\"\n[when]\n\"dta.x\" = 1\n\"data.x\" = { regexp = \"a\", missing = 1 }\n\
                [item]\nqueue = \"a b\"\npriority = 1.5\ntags = \"a\"\n[item.context]\nx = { get = \"data.x\", typ = \"string\" }\n";
    let (routine, problems) = check(&RoutineName::parse("r").unwrap(), "r.toml", text);
    assert!(routine.is_none());
    let found =
        problems.reports().into_iter().map(|report| (report.line, report.message)).collect::<Vec<_>>();
    let messages = [
        (1, "`title` must be a string, not an integer"),
        (3, "`type` is empty, so no event would match"),
        (
            4,
            "`from` is no name of a source: ' ' cannot be part of a name: use letters, digits, `-`, `_` and `.`",
        ),
        (6, "an event has no `dta`"),
        (7, "unknown key `regexp`"),
        (7, "`missing` can only be `\"match\"`"),
        (8, "`title` is missing"),
        (
            9,
            "`queue` is no name of a queue: ' ' cannot be part of a name: use letters, digits, `-`, `_` and `.`",
        ),
        (10, "`priority` must be an integer, not a number"),
        (11, "`tags` must be an array of strings, not a string"),
        (13, "unknown key `typ`"),
    ];
    assert_eq!(found, messages.map(|(line, message)| (line, message.to_owned())));
}

#[test]
fn what_is_missing_is_named() {
    check_messages("", &["`title` is missing", "this routine never runs", "`[item]` is missing"]);
    check_messages("title = \"x\"\n[on]\n[item]\nqueue = \"q\"\ntitle = \"t\"\n", &["`on` is empty"]);
    check_messages("title = \"x\"\n[on.event]\n[item]\n", &["`queue` is missing", "`title` is missing"]);
    check_messages(&format!("title = \"x\"\n[on.schedule]\n{ITEM}"), &["this schedule never ticks"]);
    check_messages(
        &format!("title = \"x\"\n[on.event]\n[on.schedule]\nevery = \"1h\"\n{ITEM}"),
        &["a routine has one trigger, and this is its second"],
    );
    check_messages(&format!("title = \"x\"\ntitle = \"y\"\n[on.event]\n{ITEM}"), &["`title` is given twice"]);
}

#[test]
fn conditions_which_make_no_sense_are_refused() {
    check_when("\"data.x\" = []", "`data.x` has an empty list, which nothing is in");
    check_when("\"data.x\" = [1, 1]", "this value is in the list twice");
    check_when("\"data.x\" = {}", "`data.x` has nothing to test");
    check_when("\"data.x\" = { missing = \"match\" }", "`data.x` has nothing to test");
    check_when("\"data.x\" = { gt = 5, lt = 3 }", "no number is in this range");
    check_when("\"data.x\" = { gte = 5, lt = 5.0 }", "no number is in this range");
    check_when("\"data.x\" = { exists = false, gt = 3 }", "a field which is not there passes no test");
    check_when(
        "\"data.x\" = { exists = true, missing = \"match\" }",
        "`exists` and `missing` contradict each other",
    );
    check_when("\"data.x\" = 2026-01-01", "`data.x` cannot be compared with a date");
    check_when("\"data.x\" = nan", "`data.x` cannot be compared with this number");
    check_when("\"data.x\" = { regex = \"a\" }", "this expression only looks for a text");
    check_when("\"data.x\" = [{ is = \"missing\" }]", "what is missing is no value, so no list has it");
    check_when("\"data.x[an]\" = 1", "there is no quantifier `an`");
    check_when("[[when.any_of.a]]\n\"data.x\" = 1", "`a` has one alternative");
    check_when("data.\"a.b\".c = 1", "a path in `[when]` stands in quotes");
    check_when("[when.data]\nx = 1", "a path in `[when]` stands in quotes");
}

#[test]
fn schedules_are_checked_to_the_word() {
    check_schedule("cron = \"0 9 * * MOO\"", None);
    check_schedule(
        "every = \"1s\"\ncron = \"@daily\"",
        Some("a schedule has one of `cron`, `every` and `at`, and this is its second"),
    );
    check_schedule("every = \"1h\"\ntz = \"Europe/Berln\"", Some("there is no time zone `Europe/Berln`"));
    check_schedule("every = \"1h\"\nmissed = \"newest\"", Some("`missed` cannot be `newest`"));
    check_schedule(
        "every = \"1h\"\nwithin = \"5M\"",
        Some("`within` is no duration: months and years differ in length (`m` is a minute)"),
    );
    check_schedule("every = \"1h\"\njitter = \"0s\"", Some("`jitter` is no duration: it is zero"));
    check_schedule("every = \"1h\"\ndst = { gap = \"before\" }", Some("`gap` cannot be `before`"));
    check_schedule(
        "every = \"1h\"\nfrom = \"2027-01-01\"\nuntil = \"2026-01-01\"",
        Some("this schedule ends before it begins"),
    );
    check_schedule("every = 5", Some("`every` must be a string, not an integer"));
    check_schedule("at = \"tomorrow\"", None);
}

#[test]
fn a_tick_has_no_fields() {
    let text = "title = \"x\"\n[on.schedule]\nevery = \"1h\"\n[when]\n\"data.x\" = 1\n[item]\nqueue = \"q\"\n\
                title = \"{{ data.x }}\"\n[item.context]\ny = { get = \"data.y\" }\n";
    let wanted = [
        "a schedule has no events to put conditions on",
        "there is no variable `data` for templates here",
        "a tick has nothing to `get`",
    ];
    check_messages(text, &wanted);
}

#[test]
fn values_for_the_worker_are_checked() {
    check_context("x = { type = \"number\" }", "`x` does not say where its value comes from");
    check_context("x = { get = \"data..y\" }", "a key is missing in this path");
    check_context("x = { get = \"data.y\", type = \"text\" }", "there is no type `text`");
    check_context(
        "x = { get = \"data.y\", type = \"number\", default = \"\" }",
        "the default is no `number`",
    );
    check_context(
        "x = { get = \"data.y\", type = \"number\", max_len = 3 }",
        "`max_len` is for text, not for `number`",
    );
    check_context("x = { get = \"data.y\", max_len = 0 }", "`max_len` is at least 1");
    check_context("x = inf", "`x` is a number which JSON does not have");
}

#[test]
fn instructions_which_look_like_a_template_are_warned_about() {
    let text = format!("title = \"x\"\n[on.event]\n{ITEM}instructions = \"Refund {{{{ data.id }}}}\"\n");
    let (routine, problems) = check(&RoutineName::parse("r").unwrap(), "r.toml", &text);
    assert!(routine.is_some());
    assert!(problems.render().starts_with("warning: `instructions` are fixed text, and no template"));
}

#[test]
fn the_shipped_routines_are_read_without_a_word() {
    for text in [
        include_str!("../../../routines/large-refund-review.toml"),
        include_str!("../../../routines/welcome-signup.toml"),
        include_str!("../../../routines/failed-payment-chase.toml"),
        include_str!("../../../routines/heartbeat-digest.toml"),
        include_str!("../../../routines/nightly-report.toml"),
    ] {
        let (routine, problems) = check(&RoutineName::parse("r").unwrap(), "r.toml", text);
        assert!(routine.is_some() && problems.is_empty(), "{problems}");
    }
}

/// Each TOML block of the reference which is a whole routine.
#[test]
fn the_examples_of_the_reference_are_read_without_a_word() {
    let reference = include_str!("../../../docs/routines.md");
    let blocks = reference.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let whole = blocks.filter(|block| block.contains("[on.") && block.contains("[item]")).collect::<Vec<_>>();
    assert!(!whole.is_empty());
    for text in whole {
        let (routine, problems) = check(&RoutineName::parse("r").unwrap(), "routines.md", text);
        assert!(routine.is_some() && problems.is_empty(), "{problems}");
    }
}

proptest! {
    /// Any text is a routine or has a problem, and its problems can be shown.
    #[test]
    fn no_text_makes_the_reader_panic(text in "[a-z\\[\\]{}=.\"'#\n ,0-9ü]{0,80}") {
        let (routine, problems) = check(&RoutineName::parse("r").unwrap(), "r.toml", &text);
        prop_assert_eq!(routine.is_none(), problems.has_errors());
        let _ = problems.render();
    }

    /// A good routine with a piece cut out of it does no harm either.
    #[test]
    fn no_cut_makes_the_reader_panic(start in 0_usize..900, length in 0_usize..40) {
        let cut = REFUND.chars().take(start).chain(REFUND.chars().skip(start + length)).collect::<String>();
        let (routine, problems) = check(&RoutineName::parse("r").unwrap(), "r.toml", &cut);
        prop_assert_eq!(routine.is_none(), problems.has_errors());
        let _ = problems.render_coloured();
    }
}

#[track_caller]
fn read(text: &str) -> Routine {
    parse(&RoutineName::parse("r").unwrap(), "r.toml", text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn shown(text: &str) -> String {
    check(&RoutineName::parse("r").unwrap(), "r.toml", text).1.render()
}

#[track_caller]
fn check_shown(text: &str, want: &str) {
    assert_eq!(shown(text), want);
}

#[track_caller]
fn check_messages(text: &str, want: &[&str]) {
    let problems = check(&RoutineName::parse("r").unwrap(), "r.toml", text).1;
    let got = problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>();
    assert_eq!(got, want, "{text}");
    assert!(problems.iter().all(|problem| problem.help.is_some()), "{text}");
}

#[track_caller]
fn check_when(lines: &str, want: &str) {
    let header = if lines.starts_with('[') { "" } else { "[when]\n" };
    check_messages(&format!("title = \"x\"\n[on.event]\n{header}{lines}\n{ITEM}"), &[want]);
}

/// Checks the single problem of a schedule; without a message only its number.
#[track_caller]
fn check_schedule(lines: &str, want: Option<&str>) {
    let text = format!("title = \"x\"\n[on.schedule]\n{lines}\n{ITEM}");
    let problems = check(&RoutineName::parse("r").unwrap(), "r.toml", &text).1;
    let got = problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>();
    assert_eq!(got.len(), 1, "{got:?}");
    assert_eq!(want.unwrap_or(got[0]), got[0]);
}

#[track_caller]
fn check_context(line: &str, want: &str) {
    check_messages(&format!("title = \"x\"\n[on.event]\n{ITEM}[item.context]\n{line}\n"), &[want]);
}
