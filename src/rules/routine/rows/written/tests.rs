//! What is written is what was there.

use super::*;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn a_routine_is_written_as_a_file_would_be() {
    let routine = json!({
        "on": { "event": { "type": ["a.b", "c.*"] } },
        "title": "A \"title\"",
        "when": { "data.amount": { "gte": 500 }, "type": "a.b", "any_of": { "x": [{ "data.a": 1 }, {}] } },
        "item": { "queue": "q", "context": { "a b": { "get": "data" } }, "tags": [] },
    });
    let want = "# first\n\
        title = \"A \\\"title\\\"\"\n\
        \n[on]\n\
        \n[on.event]\ntype = [\"a.b\", \"c.*\"]\n\
        \n[when]\n\
        \"data.amount\" = { gte = 500 }\n\
        type = \"a.b\"\n\
        any_of = { x = [{ \"data.a\" = 1 }, {}] }\n\
        \n[item]\nqueue = \"q\"\ntags = []\n\
        \n[item.context]\n\"a b\" = { get = \"data\" }\n";
    assert_eq!(written(&routine).text, want);
}

#[test]
fn numbers_keep_their_digits() {
    for number in
        ["0", "-7", "12.50", "1e5", "1E-3", "12345678901234567890.123", "123456789012345678901234567890"]
    {
        let value = serde_json::from_str::<Value>(&format!("{{\"n\":{number}}}")).unwrap();
        let text = written(&value).text;
        let line = text.lines().last().unwrap().strip_prefix("n = ").unwrap();
        // The reader of routines, which keeps digits too, finds the same number.
        assert_eq!(serde_json::from_str::<Value>(line).unwrap(), value["n"], "{number}");
        assert!(::toml::de::DeTable::parse(&text).is_ok(), "{text}");
    }
}

#[test]
fn a_null_is_a_problem_at_its_place() {
    let written = written(&json!({ "item": { "context": { "a": [1, null] } }, "title": null }));
    let messages = written.nulls.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>();
    assert_eq!(messages, ["`title` is null", "`item.context.a` is null"]);
    assert!(written.nulls.iter().all(|problem| &written.text[problem.span.clone()] == "null"));
}

#[test]
fn nothing_in_a_text_ends_its_line() {
    let nasty = "\"\"\"\n[on.query]\nsql = 'x' \\ \u{0}\u{7f}\u{85}\u{2028}\r\t#";
    let value = json!({ "title": nasty, nasty: { nasty: nasty } });
    assert_eq!(read_back(&written(&value).text), value);
}

proptest! {
    /// Whatever the JSON, without nulls, TOML says the same.
    #[test]
    fn what_is_written_is_read_back(value in object()) {
        let text = written(&value).text;
        prop_assert_eq!(read_back(&text), value, "{}", text);
    }
}

fn object() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[a-z]{1,3}",
        Just("on".to_owned()),
        Just("item".to_owned()),
        "\\PC{0,4}",
        any::<String>()
    ];
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        text.clone().prop_map(Value::from)
    ];
    let value = leaf.prop_recursive(4, 24, 4, {
        let text = text.clone();
        move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((text.clone(), inner), 0..4).prop_map(map),
            ]
        }
    });
    prop::collection::vec((text, value), 0..5).prop_map(map)
}

fn map(entries: Vec<(String, Value)>) -> Value {
    Value::Object(entries.into_iter().collect())
}

fn read_back(text: &str) -> Value {
    ::toml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn written(value: &Value) -> Written {
    write("# first\n", value.as_object().unwrap())
}
