//! JSON and where it is broken; `serde_json` says what is JSON.

use super::*;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

#[test]
fn what_is_read_knows_its_place() {
    let text = r#"{ "a\u00e9": [1.50, "x"] }"#;
    let node = parse(text).unwrap();
    let Json::Object(members) = &node.value else { panic!("{node:?}") };
    assert_eq!((members[0].key.text.as_str(), &text[members[0].key.span.clone()]), ("aé", r#""a\u00e9""#));
    let Json::Array(items) = &members[0].value.value else { panic!("{node:?}") };
    assert_eq!((&items[0].value, &text[items[0].span.clone()]), (&Json::Number("1.50".to_owned()), "1.50"));
    assert_eq!(&text[items[1].span.clone()], "\"x\"");
    assert_eq!(&text[members[0].value.span.clone()], "[1.50, \"x\"]");
}

#[test]
fn a_mistake_is_shown_where_it_is() {
    check(r#"{"a": [1,]}"#, "expected a value", "]");
    check(r#"{"a": [1 2]}"#, "expected `,` or `]`", "2");
    check(r#"{"a" [1]}"#, "expected `:`", "[");
    check(r#"{a: [1]}"#, "expected a key in double quotes", "a");
    check(r#"{"a": ["b]}"#, "this text is not closed", r#""b]}"#);
    check(r#"{"a": [01]}"#, "this is no number", "01");
    check(r#"{"a": [nil]}"#, "this word means nothing", "nil");
    check(r#"{"a": ["\x"]}"#, "this backslash has no meaning", r"\x");
    check(r#"{"a": ["\ud800"]}"#, "this backslash has no meaning", r"\ud800");
    check("{} {}", "expected the end of the pattern", "{");
    check("", "expected a value", "");
    let twice = parse(r#"{"a": [1], "a": [2]}"#).unwrap_err();
    assert_eq!((twice.message.as_str(), twice.span), ("`a` is in this object twice", 11..14));
}

#[test]
fn brackets_cannot_nest_without_end() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(parse(&nested(DEPTH_MAX)).is_ok());
    assert_eq!(parse(&nested(DEPTH_MAX + 1)).unwrap_err().span, DEPTH_MAX..DEPTH_MAX + 1);
}

proptest! {
    #[test]
    fn what_it_takes_for_json_is_json(tokens in proptest::collection::vec(select(&TOKENS[..]), 0..10)) {
        let text = tokens.concat();
        let want = serde_json::from_str::<Value>(&text).ok();
        match parse(&text) {
            Ok(node) => prop_assert_eq!(Some(plain(&node)), want),
            Err(problem) => prop_assert!(want.is_none() || problem.message.ends_with("twice"), "{}", text),
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,24}") {
        prop_assert_eq!(parse(&text).is_ok(), serde_json::from_str::<Value>(&text).is_ok());
    }
}

const TOKENS: [&str; 20] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\n",
    "\"a\"",
    "\"b\":",
    "\"\\ud83d\\ude00\"",
    "\"\\n\"",
    "1",
    "-0",
    "2.50",
    "1e+5",
    ".",
    "true",
    "null",
    "[[]]",
];

fn plain(node: &Node) -> Value {
    match &node.value {
        Json::Null => Value::Null,
        Json::Bool(bool) => Value::Bool(*bool),
        Json::Number(digits) => serde_json::from_str(digits).unwrap(),
        Json::Text(text) => Value::String(text.clone()),
        Json::Array(items) => items.iter().map(plain).collect(),
        Json::Object(members) => {
            members.iter().map(|member| (member.key.text.clone(), plain(&member.value))).collect()
        }
    }
}

#[track_caller]
fn check(text: &str, message: &str, place: &str) {
    let problem = parse(text).unwrap_err();
    let want = format!("this is not JSON: {message}");
    assert_eq!((problem.message.as_str(), &text[problem.span]), (want.as_str(), place), "{text}");
}
