//! `[flow]` from the outside, as part of a routine.

use super::*;
use crate::rules::name::RoutineName;
use crate::rules::routine::{Routine, check};

const EVENT: &str = "[on.event]";
const TICK: &str = "[on.schedule]\nevery = \"1h\"";
const QUERY: &str = "[on.query]\nevery = \"1h\"\nsql = \"select 1 as id\"";

#[test]
fn a_key_is_a_list_of_paths() {
    check_key(EVENT, "dedup = { key = [\"data.id\"] }", &["data.id"]);
    check_key(EVENT, "dedup = { key = [\"data.id\", \"type\"], window = \"forever\" }", &["data.id", "type"]);
    check_key(EVENT, "dedup = { key = ['data.\"a.b\"'], on_conflict = \"skip\" }", &["data.\"a.b\""]);
    check_key(EVENT, "[flow.dedup]\nkey = [\"old.id\"]", &["old.id"]);
    check_key(TICK, "dedup = { key = [\"tick\"] }", &["tick"]);
    check_key(QUERY, "dedup = { key = [\"row.id\", \"tick\"] }", &["row.id", "tick"]);
}

#[test]
fn without_a_key_every_match_is_an_item() {
    assert_eq!(read(EVENT, "").0.map(|routine| routine.flow), Some(Flow::default()));
}

#[test]
fn a_key_which_says_nothing_is_refused() {
    check_refused(EVENT, "dedup = {}", "`dedup` has no `key`");
    check_refused(EVENT, "dedup = { key = [] }", "`key` is empty, so that all matches would be one");
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
fn what_is_not_built_yet_is_refused_by_name() {
    for gate in ["debounce", "batch", "hours", "limit", "supersede", "overlap", "loop"] {
        check_refused(EVENT, &format!("{gate} = {{}}"), &format!("`{gate}` is not built yet"));
    }
    let window = "`window = \"while_open\"` is not built yet";
    check_refused(EVENT, "dedup = { key = [\"id\"], window = \"while_open\" }", window);
    let conflict = "`on_conflict = \"replace\"` is not built yet";
    check_refused(EVENT, "dedup = { key = [\"id\"], on_conflict = \"replace\" }", conflict);
    check_refused(EVENT, "dedupe = { key = [\"id\"] }", "unknown key `dedupe`");
}

fn read(on: &str, flow: &str) -> (Option<Routine>, Vec<String>) {
    let header = if flow.is_empty() || flow.starts_with('[') { "" } else { "[flow]\n" };
    let text = format!("title = \"x\"\n{on}\n{header}{flow}\n[item]\nqueue = \"q\"\ntitle = \"t\"\n");
    let (routine, problems) = check(&RoutineName::parse("r").unwrap(), "r.toml", &text);
    (routine, problems.iter().map(|problem| problem.message.clone()).collect())
}

#[track_caller]
fn check_key(on: &str, flow: &str, want: &[&str]) {
    let (routine, problems) = read(on, flow);
    let dedup = routine.unwrap_or_else(|| panic!("{problems:?}")).flow.dedup.unwrap();
    let text = |part: &KeyPart| match part {
        KeyPart::Path(path) => path.to_string(),
        KeyPart::Tick => "tick".to_owned(),
    };
    assert_eq!(dedup.key.iter().map(text).collect::<Vec<_>>(), want, "{flow}");
}

#[track_caller]
fn check_refused(on: &str, flow: &str, want: &str) {
    assert_eq!(read(on, flow).1, [want], "{flow}");
}
