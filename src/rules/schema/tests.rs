//! The schema beside the parser. Routines of files and of the documents are held
//! against it in `tests/docs`.

mod checker;
mod examples;

use super::*;
use crate::rules::name::RoutineName;
use crate::rules::problem::Problems;
use crate::rules::routine;
use examples::{ENDPOINT, GATES, PLAIN, QUERY, WEBHOOK, WHOLE};
use std::collections::BTreeSet;
use toml::de::{DeTable, DeValue};

#[test]
fn the_whole_language_is_in_the_schema_and_in_the_parser() {
    for text in [PLAIN, WHOLE, QUERY, GATES, WEBHOOK, ENDPOINT] {
        accepted("here", text);
        let (routine, problems) = checked(text);
        assert!(routine, "{}", problems.render());
    }
}

#[test]
fn what_is_wrong_is_refused() {
    refused(&format!("{PLAIN}[extra]\n"), "/extra: not allowed");
    replaced("title = \"Plain\"", "title = 5", "/title: type");
    replaced("title = \"Plain\"", "", ": required");
    replaced("[on.event]", "[on.evnt]", "/on/evnt: not allowed");
    replaced("type = \"a.*\"", "type = \"a*\"", "/on/event/type: pattern");
    replaced("type = \"a.*\"", "type = []", "/on/event/type: minItems");
    replaced("type = \"a.*\"", "[on.schedule]\nevery = \"1h\"", "/on: maxProperties");
    replaced("[item]\nqueue = \"q\"\ntitle = \"t\"\n", "", ": required");
    replaced("queue = \"q\"", "queue = \"a b\"", "/item/queue: pattern");
    replaced("queue = \"q\"", "queue = \"q\"\nmax_attempts = 0", "/item/max_attempts: minimum");
    replaced("queue = \"q\"", "queue = \"q\"\npriority = 1.5", "/item/priority: type");
    replaced(
        "queue = \"q\"",
        "queue = \"q\"\ncontext = { a = { get = \"data.a\", typ = \"number\" } }",
        "/item/context/a/typ: not allowed",
    );
    replaced("queue = \"q\"", "quue = \"q\"", "/item/quue: not allowed");
    replaced("queue = \"q\"\ntitle = \"t\"", "inbox = \"agents\"", "/item: minProperties");
    replaced("queue = \"q\"", "inbox = \"a b\"", "/item/inbox: pattern");
    replaced(
        "queue = \"q\"",
        "inbox = \"agents\"\ncontext = { a = { get = \"dta.a\" } }",
        "/item/context/a/get: pattern",
    );
    replaced("[item]", "[items]", "/items/queue: type");
    replaced("[item]", "[items.\"a b\"]", "/items: propertyNames");
    replaced("[item]", "[items.more]\nqueu = 1", "/items/more/queu: not allowed");
    refused(&QUERY.replace("{ get = \"tick\" }", "{ of = \"tick\" }"), "/on/query/params/0/of: not allowed");
    refused(&format!("{PLAIN}[flow]\ndedup = {{ key = [] }}\n"), "/flow/dedup/key: minItems");
    refused(&format!("{PLAIN}[[tests]]\ngiven = []\n"), "/tests/0: required");
    refused(
        &format!("{PLAIN}[[tests]]\nname = \"n\"\nexpect = [{{}}]\n"),
        "/tests/0/expect/0: minProperties",
    );
    refused(&QUERY.replace("every = \"15m\"", "missed = \"never\""), "/on/query/missed: enum");
}

#[test]
fn a_gate_which_cannot_be_is_refused() {
    for (flow, want) in [
        ("limits = {}", "/flow/limits: not allowed"),
        ("limit = 1", "/flow/limit: type"),
        ("limit = []", "/flow/limit: minItems"),
        ("limit = { max = 1 }", "/flow/limit: required"),
        ("limit = [{ max = 0, per = \"1h\" }]", "/flow/limit/0/max: minimum"),
        ("limit = { max = { default = 1 }, per = \"1h\" }", "/flow/limit/max: required"),
        ("limit = { max = 1, per = \"1h\", excess = \"later\" }", "/flow/limit/excess: enum"),
        ("batch = { max = 1, within = \"1h\" }", "/flow/batch/max: minimum"),
        ("debounce = { key = [] }", "/flow/debounce/key: minItems"),
        ("debounce = { max_wait = \"1h\" }", "/flow/debounce: required"),
        ("hours = { tz = 1 }", "/flow/hours/tz: type"),
        ("hours = { from = \"8:00\" }", "/flow/hours/from: pattern"),
        ("hours = { open = [{ from = \"08:00\", to = \"24:01\" }] }", "/flow/hours/open/0/to: pattern"),
        ("hours = { from = { get = \"dta.x\" } }", "/flow/hours/from/get: pattern"),
        ("hours = { unless = {} }", "/flow/hours/unless: minProperties"),
        ("dedup = { on_conflict = \"skip\" }", "/flow/dedup: required"),
        ("overlap = true", "/flow/overlap: type"),
        ("loop = \"never\"", "/flow/loop: enum"),
        ("supersede = { key = [\"data.x\", \"data.x\"] }", "/flow/supersede/key: uniqueItems"),
    ] {
        refused(&format!("{PLAIN}[flow]\n{flow}\n"), want);
    }
    replaced("queue = \"q\"", "queue = \"q\"\nemits = [\"a.*\"]", "/item/emits/0: pattern");
}

#[test]
fn a_condition_which_cannot_be_is_refused() {
    let at = "/when/data.x";
    for (condition, want) in [
        ("data.x = 1", "/when/data/x: not allowed"),
        ("\"dta.x\" = 1", "/when: propertyNames"),
        ("\"type.x\" = 1", "/when: propertyNames"),
        ("\"data.a b\" = 1", "/when: propertyNames"),
        ("\"data.a[some]\" = 1", "/when: propertyNames"),
        ("\"data.x\" = []", format!("{at}: minItems").as_str()),
        ("\"data.x\" = [1, 1.0]", format!("{at}: uniqueItems").as_str()),
        ("\"data.x\" = [{ is = \"missing\" }]", format!("{at}/0/is: enum").as_str()),
        ("\"data.x\" = {}", format!("{at}: minProperties").as_str()),
        ("\"data.x\" = { gt = \"5\" }", format!("{at}/gt: type").as_str()),
        ("\"data.x\" = { gtt = 5 }", format!("{at}/gtt: not allowed").as_str()),
        ("\"data.x\" = { prefix = 5 }", format!("{at}/prefix: type").as_str()),
        ("\"data.x\" = { missing = \"no\" }", format!("{at}/missing: enum").as_str()),
        ("\"data.x\" = { changed = false }", format!("{at}/changed: enum").as_str()),
        ("\"data.x\" = { len = -1 }", format!("{at}/len: minimum").as_str()),
        ("\"data.x\" = { not = { missing = \"match\" } }", format!("{at}/not/missing: not allowed").as_str()),
        ("\"data.x\" = { was = { changed = true } }", format!("{at}/was/changed: not allowed").as_str()),
        ("\"data.x\" = { where = { a = { nope = 1 } } }", format!("{at}/where/a/nope: not allowed").as_str()),
        ("[when.any_of.why]\n\"data.x\" = 1", "/when/any_of/why: type"),
        ("[[when.any_of.why]]\n\"dta.x\" = 1", "/when/any_of/why/0: propertyNames"),
    ] {
        replaced("\"data.x\" = 1", condition, want);
    }
}

#[test]
fn a_webhook_which_cannot_be_is_refused() {
    for (part, with, want) in [
        ("url = \"https://", "url = \"ftp://", "/webhook/url: pattern"),
        ("\nurl = ", "\nurls = ", "/webhook/urls: not allowed"),
        ("\nurl = ", "\n# url = ", "/webhook: required"),
        ("{ env = \"HOOK_SECRET\" }", "{ env = \"hook\" }", "/webhook/secret/env: pattern"),
        ("{ env = \"HOOK_SECRET\" }", "{ file = \"hook\" }", "/webhook/secret/file: pattern"),
        ("{ env = \"HOOK_SECRET\" }", "\"whsec_1\"", "/webhook/secret: type"),
        ("\"binary\"", "\"batch\"", "/webhook/mode: enum"),
        ("[\"5s\", \"1h\"]", "[5]", "/webhook/retry/0: type"),
        ("x-team = \"finance\"", "x-team = 5", "/webhook/headers/x-team: type"),
        ("x-team = \"finance\"", "\"x team\" = \"a\"", "/webhook/headers: propertyNames"),
    ] {
        assert!(WEBHOOK.contains(part), "{part}");
        refused(&WEBHOOK.replace(part, with), want);
    }
    refused(&ENDPOINT.replace("\nid = ", "\n# id = "), "/webhook: required");
    refused(&ENDPOINT.replace("\"plugins\"", "\"a b\""), "/webhook/endpoint: pattern");
}

/// A key which no table has makes the parser list those which it has.
#[test]
fn the_schema_has_the_keys_which_the_parser_has() {
    let on = "/properties/on/properties";
    let tests = "/properties/tests/items/properties";
    for (text, pointer) in [
        ("zzzzzz = 1", "/properties"),
        ("[on]\nzzzzzz = 1", on),
        ("[on.event]\nzzzzzz = 1", format!("{on}/event/properties").as_str()),
        ("[on.schedule]\nzzzzzz = 1", format!("{on}/schedule/properties").as_str()),
        ("[on.schedule]\ndst = { zzzzzz = 1 }", format!("{on}/schedule/properties/dst/properties").as_str()),
        ("[on.query]\nzzzzzz = 1", format!("{on}/query/properties").as_str()),
        ("[on.event]\n[each]\nzzzzzz = 1", "/properties/each/properties"),
        ("[on.event]\n[flow]\nzzzzzz = 1", "/properties/flow/properties"),
        ("[on.event]\n[flow]\ndedup = { zzzzzz = 1 }", "/properties/flow/properties/dedup/properties"),
        ("[on.event]\n[flow]\ndebounce = { zzzzzz = 1 }", "/properties/flow/properties/debounce/properties"),
        ("[on.event]\n[flow]\nbatch = { zzzzzz = 1 }", "/properties/flow/properties/batch/properties"),
        ("[on.event]\n[flow]\nhours = { zzzzzz = 1 }", "/properties/flow/properties/hours/properties"),
        (
            "[on.event]\n[flow]\nhours = { open = [{ zzzzzz = 1 }] }",
            "/properties/flow/properties/hours/properties/open/items/properties",
        ),
        (
            "[on.event]\n[flow]\nsupersede = { zzzzzz = 1 }",
            "/properties/flow/properties/supersede/properties",
        ),
        ("[on.event]\n[flow]\nlimit = { zzzzzz = 1 }", "/properties/flow/properties/limit/properties"),
        (
            "[on.event]\n[flow]\nlimit = [{ zzzzzz = 1 }]",
            "/properties/flow/properties/limit/items/properties",
        ),
        ("[on.event]\n[item]\nzzzzzz = 1", "/properties/item/else/properties"),
        ("[on.event]\n[items.a]\nzzzzzz = 1", "/definitions/item/else/properties"),
        ("[on.event]\n[webhook]\nzzzzzz = 1", "/properties/webhook/properties"),
        (
            "[on.event]\n[webhook]\nurl = \"https://a/\"\nsecret = { zzzzzz = 1 }",
            "/properties/webhook/properties/secret/properties",
        ),
        (
            "[on.event]\n[item]\ncontext = { x = { get = \"data.x\", zzzzzz = 1 } }",
            "/definitions/value/then/properties",
        ),
        ("[on.event]\n[when]\n\"data.x\" = { zzzzzz = 1 }", "/definitions/spec/properties"),
        ("[on.event]\n[[tests]]\nzzzzzz = 1", tests),
        (
            "[on.event]\n[[tests]]\ngiven = [{ zzzzzz = 1 }]",
            format!("{tests}/given/items/properties").as_str(),
        ),
        (
            "[on.event]\n[[tests]]\nexpect = [{ zzzzzz = 1 }]",
            format!("{tests}/expect/items/else/properties").as_str(),
        ),
    ] {
        let schema = schema();
        let properties = schema.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}"));
        let mut keys = properties.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        if pointer.contains("spec") {
            // No test, and so not among them.
            assert!(keys.remove("missing"));
        }
        assert_eq!(keys, keys_of_the_parser(text), "{text}");
    }
}

#[test]
fn every_key_has_a_line_of_help() {
    fn walk(schema: &Value, at: &str) {
        let Value::Object(map) = schema else { return };
        for (key, holds) in map.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let help = holds.get("description").and_then(Value::as_str).unwrap_or_default();
            assert!(help.ends_with('.') && help.len() > 5, "{at}/{key}: {help:?}");
        }
        map.iter()
            // What stands under `if` is never shown.
            .filter(|(key, _)| *key != "default" && *key != "if")
            .for_each(|(key, part)| walk(part, format!("{at}/{key}").as_str()));
    }
    walk(&schema(), "");
}

/// The keys which the parser lists in the help about an unknown one.
fn keys_of_the_parser(text: &str) -> BTreeSet<String> {
    let (_, problems) = checked(text);
    let unknown = problems.iter().find(|problem| problem.message == "unknown key `zzzzzz`");
    let help = unknown.and_then(|problem| problem.help.clone());
    let help = help.unwrap_or_else(|| panic!("no help: {}", problems.render()));
    let list = help.split_once(" are ").or(help.split_once(" has ")).map_or("", |(_, list)| list);
    let list = list.split(';').next().unwrap_or_default();
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn checked(text: &str) -> (bool, Problems) {
    let (routine, problems) = routine::check(&RoutineName::parse("r").unwrap(), "r.toml", text);
    (routine.is_some(), problems)
}

#[track_caller]
fn accepted(name: &str, text: &str) {
    let errors = checker::errors(&schema(), &json_of(text));
    assert!(errors.is_empty(), "{name}: {errors:#?}\n{text}");
}

/// Replaces a part of [`PLAIN`].
#[track_caller]
fn replaced(part: &str, with: &str, want: &str) {
    assert!(PLAIN.contains(part), "{part}");
    refused(&PLAIN.replace(part, with), want);
}

/// Expects an error which begins so.
#[track_caller]
fn refused(text: &str, want: &str) {
    let errors = checker::errors(&schema(), &json_of(text));
    assert!(errors.iter().any(|error| error.starts_with(want)), "wanted {want}, got {errors:#?}\n{text}");
}

/// A file as editors see it: TOML as JSON.
fn json_of(text: &str) -> Value {
    table_json(DeTable::parse(text).unwrap().get_ref())
}

fn table_json(table: &DeTable<'_>) -> Value {
    let mut map = Map::new();
    for (key, value) in table.iter() {
        map.insert(key.get_ref().to_string(), value_json(value.get_ref()));
    }
    Value::Object(map)
}

fn value_json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => text.to_string().into(),
        DeValue::Integer(integer) => serde_json::from_str(integer.as_str()).unwrap(),
        DeValue::Float(float) => serde_json::from_str(float.as_str()).unwrap(),
        DeValue::Boolean(value) => (*value).into(),
        DeValue::Datetime(date) => date.to_string().into(),
        DeValue::Array(items) => items.iter().map(|item| value_json(item.get_ref())).collect(),
        DeValue::Table(table) => table_json(table),
    }
}
