//! `[flow]` from the outside, as part of a routine.

mod collect;
mod combine;
mod hours;
mod limit;

use super::*;
use crate::rules::gate::request::Window;
use crate::rules::name::RoutineName;
use crate::rules::problem::Problems;
use crate::rules::routine::{Routine, check};
use jiff::SignedDuration;

const EVENT: &str = "[on.event]";
const EACH: &str = "[on.event]\n[each]\nsql = \"select 1 as id\"";
const TICK: &str = "[on.schedule]\nevery = \"1h\"";
const QUERY: &str = "[on.query]\nevery = \"1h\"\nsql = \"select 1 as id\"";

const ITEM: &str = "[item]\nqueue = \"q\"\ntitle = \"t\"\n[item.context]\nx = 1\n";

#[test]
fn a_key_is_a_list_of_paths() {
    check_key(EVENT, "dedup = { key = [\"data.id\"] }", &["data.id"]);
    check_key(EVENT, "dedup = { key = [\"data.id\", \"type\"], window = \"forever\" }", &["data.id", "type"]);
    check_key(EVENT, "dedup = { key = ['data.\"a.b\"'], on_conflict = \"skip\" }", &["data.\"a.b\""]);
    check_key(EVENT, "[flow.dedup]\nkey = [\"old.id\"]", &["old.id"]);
    check_key(TICK, "dedup = { key = [\"tick\"] }", &["tick"]);
    check_key(QUERY, "dedup = { key = [\"row.id\", \"tick\"] }", &["row.id", "tick"]);
    check_key(EACH, "dedup = { key = [\"row.id\", \"id\"] }", &["row.id", "id"]);
}

#[test]
fn without_gates_every_match_is_an_item() {
    assert!(flow_of(EVENT, "").is_open());
    let flow = flow_of(EVENT, "loop = \"allow\"\noverlap = \"allow\"");
    assert!(flow.is_open() && !flow.collects());
    assert_eq!(flow.looping, Looping::Allow);
    assert_eq!(flow_of(EVENT, "overlap = \"skip\"").looping, Looping::Avoid);
    for gate in [
        "dedup = { key = [\"id\"] }",
        "supersede = {}",
        "overlap = \"queue\"",
        "limit = { max = 1, per = \"1h\" }",
    ] {
        assert!(!flow_of(EVENT, gate).is_open(), "{gate}");
    }
}

#[test]
fn a_key_which_says_nothing_is_refused() {
    check_refused(EVENT, "dedup = {}", "`dedup` has no `key`");
    check_refused(EVENT, "dedup = { key = [] }", "`key` is empty, so that all matches would be one");
    check_refused(EVENT, "supersede = { key = [] }", "`key` is empty");
    check_refused(EVENT, "dedup = { key = \"data.id\" }", "`key` must be an array of paths, not a string");
    check_refused(EVENT, "dedup = { key = [1] }", "`key` must be an array of paths, not an integer");
    check_refused(EVENT, "dedup = { key = [\"data.id\", 'data.\"id\"'] }", "this is in the key twice");
    check_refused(EVENT, "dedup = [\"data.id\"]", "`dedup` must be a table with `key`, not an array");
    let quantified = "a path of `key` has no `[any]`, `[all]` or `[none]`";
    check_refused(EVENT, "dedup = { key = [\"data.a[any].b\"] }", quantified);
    check_refused(EVENT, "dedup = { key = [\"row.id\"] }", "an event has no `row`");
    check_refused(EVENT, "dedup = { key = [\"tick\"] }", "an event has no `tick`");
    check_refused(TICK, "dedup = { key = [\"data.id\"] }", "a tick has no fields");
    check_refused(TICK, "dedup = { key = [\"tick\", \"tick\"] }", "this is in the key twice");
}

#[test]
fn words_are_checked() {
    check_refused(EVENT, "loop = \"avod\"", "`loop` cannot be `avod`");
    check_refused(EVENT, "overlap = \"drop\"", "`overlap` cannot be `drop`");
    check_refused(EVENT, "overlap = true", "`overlap` must be a string, not a boolean");
    check_refused(
        EVENT,
        "supersede = true",
        "`supersede` must be a table, with `key` or empty, not a boolean",
    );
    check_refused(EVENT, "dedupe = { key = [\"id\"] }", "unknown key `dedupe`");
    check_refused(EVENT, "supersede = { keys = [\"id\"] }", "unknown key `keys`");
    check_help("overlap = \"que\"", "did you mean `queue`?");
    check_help("overlap = \"wait\"", "write one of `allow`, `skip` and `queue`");
}

#[test]
fn a_window_is_for_ever_while_open_or_of_a_length() {
    let hour = SignedDuration::from_hours(1);
    check_window("", Window::Forever);
    check_window("window = \"while_open\"", Window::WhileOpen);
    check_window("window = \"1h\"", Window::Sliding(hour));
    check_window("window = \"1h\", align = \"sliding\"", Window::Sliding(hour));
    let slots = |window: &str| match dedup_of(window).window {
        Window::Aligned(slots) => slots.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(slots("window = \"1d\", align = \"calendar\", tz = \"Europe/Berlin\""), "1d (Europe/Berlin)");
    assert_eq!(slots("window = \"1month\", align = \"calendar\""), "1month (UTC)");
}

#[test]
fn a_window_which_says_nothing_is_refused() {
    check_dedup("window = \"for ever\"", "`window` cannot be `for ever`");
    check_dedup("window = \"0s\"", "`window` cannot be `0s`: it is zero");
    check_dedup(
        "window = \"11 years\"",
        "`window` cannot be `11 years`: months and years differ in length (`m` is a minute)",
    );
    check_dedup("window = \"4000d\"", "`window` cannot be `4000d`: it is at most 3660 days");
    check_dedup(
        "window = \"1ns\"",
        "`window` cannot be `1ns`: it is a whole number of microseconds, as in PostgreSQL's timestamps",
    );
    check_dedup("window = \"1month\"", "a sliding `window` has no months");
    check_dedup(
        "window = \"7h\", align = \"calendar\"",
        "`window` cannot be `7h`: it is no slot of a calendar",
    );
    check_dedup("align = \"calendar\"", "`align` is for a window of a certain length");
    check_dedup("window = \"while_open\", tz = \"UTC\"", "`tz` is for a window of a certain length");
    check_dedup("window = \"1d\", tz = \"UTC\"", "`tz` is for `align = \"calendar\"`");
    check_dedup("window = \"1d\", align = \"calendar\", tz = \"Mars\"", "there is no time zone `Mars`");
    check_dedup("window = \"1d\", align = \"calender\"", "`align` cannot be `calender`");
    check_dedup("on_conflict = \"merge\"", "`on_conflict` cannot be `merge`");
    let follow = "`on_conflict = \"follow_up\"` is for `window = \"while_open\"`";
    check_dedup("on_conflict = \"follow_up\"", follow);
    check_dedup("window = \"1d\", on_conflict = \"follow_up\"", follow);
}

#[test]
fn what_happens_in_a_conflict_is_a_word() {
    for (word, want) in [
        ("skip", OnConflict::Skip),
        ("replace", OnConflict::Replace),
        ("append", OnConflict::Append),
        ("follow_up", OnConflict::FollowUp),
    ] {
        let dedup = dedup_of(&format!("window = \"while_open\", on_conflict = \"{word}\""));
        assert_eq!(dedup.on_conflict, want);
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let flow = "debounce = { quiet = \"1x\", max_wait = \"0s\" }\n\
                hours = { tz = \"Mars\", days = \"monday\", from = \"8:00\" }\n\
                limit = [{ max = 0, per = \"1h\" }, { max = 1 }]\noverlap = \"que\"";
    let (routine, problems) = read(EVENT, flow);
    assert!(routine.is_none());
    let messages = messages(&problems);
    let want = [
        "`max_wait` cannot be `0s`: it is zero",
        "`hours` has no `to`",
        "there is no time zone `Mars`",
        "`monday` is no day",
        "`8:00` is no time of day",
        "a limit of 0 drops everything",
        "`limit` has no `per`",
        "`overlap` cannot be `que`",
    ];
    assert!(messages[0].starts_with("`quiet` cannot be `1x`: "), "{messages:?}");
    assert_eq!(messages[1..], want);
}

fn read(on: &str, flow: &str) -> (Option<Routine>, Problems) {
    read_with(on, flow, ITEM)
}

fn read_with(on: &str, flow: &str, item: &str) -> (Option<Routine>, Problems) {
    let header = if flow.is_empty() || flow.starts_with('[') { "" } else { "[flow]\n" };
    let text = format!("title = \"x\"\n{on}\n{header}{flow}\n{item}");
    check(&RoutineName::parse("r").unwrap(), "r.toml", &text)
}

/// The gates of a routine of which nothing is said.
#[track_caller]
fn flow_of(on: &str, flow: &str) -> Flow {
    let (routine, problems) = read(on, flow);
    assert!(problems.is_empty(), "{problems}");
    routine.unwrap().flow
}

#[track_caller]
fn dedup_of(more: &str) -> Dedup {
    flow_of(EVENT, &format!("dedup = {{ key = [\"data.id\"]{}{more} }}", comma(more))).dedup.unwrap()
}

fn comma(more: &str) -> &'static str {
    if more.is_empty() { "" } else { ", " }
}

#[track_caller]
fn check_window(more: &str, want: Window) {
    assert_eq!(dedup_of(more).window, want, "{more}");
}

#[track_caller]
fn check_dedup(more: &str, want: &str) {
    check_refused(EVENT, &format!("dedup = {{ key = [\"data.id\"], {more} }}"), want);
}

fn parts(key: &KeySpec) -> Vec<String> {
    let text = |part: &KeyPart| match part {
        KeyPart::Path(path) => path.to_string(),
        KeyPart::Tick => "tick".to_owned(),
    };
    key.0.iter().map(text).collect()
}

#[track_caller]
fn check_key(on: &str, flow: &str, want: &[&str]) {
    assert_eq!(parts(&flow_of(on, flow).dedup.unwrap().key), want, "{flow}");
}

fn messages(problems: &Problems) -> Vec<&str> {
    problems.iter().map(|problem| problem.message.as_str()).collect()
}

/// One error and nothing else, with advice or a type in its words.
#[track_caller]
fn check_refused(on: &str, flow: &str, want: &str) {
    let (routine, problems) = read(on, flow);
    assert_eq!(messages(&problems), [want], "{flow}");
    assert!(routine.is_none() && problems.has_errors(), "{flow}");
    let advice = |message: &str| message.contains(" must be ");
    assert!(problems.iter().all(|problem| problem.help.is_some() || advice(&problem.message)), "{flow}");
}

/// One warning and nothing else.
#[track_caller]
fn check_warned(on: &str, flow: &str, want: &str) {
    let (routine, problems) = read(on, flow);
    assert_eq!(messages(&problems), [want], "{flow}");
    assert!(routine.is_some() && !problems.has_errors(), "{flow}");
}

/// The advice of the only problem.
#[track_caller]
fn check_help(flow: &str, want: &str) {
    let help = read(EVENT, flow).1.iter().map(|problem| problem.help.clone()).collect::<Vec<_>>();
    assert_eq!(help, [Some(want.to_owned())], "{flow}");
}
