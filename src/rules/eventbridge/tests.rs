//! Patterns, what they come to, and what they let through.

use super::*;
use crate::rules::event::Event;
use crate::rules::routine::Trigger;
use crate::rules::testing;
use serde_json::{Value, json};

#[test]
fn values_stay_values() {
    check(r#"{"a": ["x"]}"#, r#""data.a" = "x""#);
    check(r#"{"a": ["x", 1, true, null]}"#, r#""data.a" = ["x", 1, true, { is = "null" }]"#);
    check(r#"{"a": [null]}"#, r#""data.a" = { is = "null" }"#);
    check(r#"{"a": [""]}"#, r#""data.a" = """#);
    check(r#"{"a": [{"exactly": "x"}, "y"]}"#, r#""data.a" = ["x", "y"]"#);
    check(r#"{"a": [1, 1.0, "1", 1]}"#, r#""data.a" = [1, "1"]"#);
    check(
        r#"{"a": [3.018e2, -0.50, 12345678901234567890]}"#,
        r#""data.a" = [3.018e2, -0.50, 12345678901234567890]"#,
    );
    check(r#"{"a": ["it's \"x\"\n"]}"#, r#""data.a" = "it's \"x\"\n""#);
}

#[test]
fn tests_of_text_have_their_operators() {
    check(r#"{"a": [{"prefix": "x"}]}"#, r#""data.a" = { prefix = "x" }"#);
    check(
        r#"{"a": [{"prefix": "x"}, {"prefix": "y"}, {"prefix": "x"}]}"#,
        r#""data.a" = { prefix = ["x", "y"] }"#,
    );
    check(r#"{"a": [{"prefix": {"equals-ignore-case": "x"}}]}"#, r#""data.a" = { iprefix = "x" }"#);
    check(r#"{"a": [{"suffix": ".png"}]}"#, r#""data.a" = { suffix = ".png" }"#);
    check(r#"{"a": [{"suffix": {"equals-ignore-case": ".PNG"}}]}"#, r#""data.a" = { isuffix = ".PNG" }"#);
    check(
        r#"{"a": [{"equals-ignore-case": "X"}, {"equals-ignore-case": "x"}]}"#,
        r#""data.a" = { iequals = "X" }"#,
    );
    check(r#"{"a": [{"wildcard": "dir/*.png"}]}"#, r#""data.a" = { like = "dir/*.png" }"#);
    check(r#"{"a": [{"wildcard": "\\**"}]}"#, r#""data.a" = { like = '\**' }"#);
    check(r#"{"a": [{"wildcard": "5\\*"}]}"#, r#""data.a" = "5*""#);
    check(
        r#"{"a": [{"cidr": "10.0.0.9/24"}, {"cidr": "10.0.0.0/24"}]}"#,
        r#""data.a" = { cidr = "10.0.0.0/24" }"#,
    );
}

#[test]
fn numeric_is_a_range_or_a_value() {
    check(r#"{"a": [{"numeric": [">", 0, "<=", 5]}]}"#, r#""data.a" = { gt = 0, lte = 5 }"#);
    check(r#"{"a": [{"numeric": [">=", -1.5e1]}]}"#, r#""data.a" = { gte = -1.5e1 }"#);
    check(r#"{"a": [{"numeric": ["=", 5]}, 6]}"#, r#""data.a" = [5, 6]"#);
}

#[test]
fn anything_but_is_a_negation() {
    check(r#"{"a": [{"anything-but": "x"}]}"#, r#""data.a" = { not = "x" }"#);
    check(r#"{"a": [{"anything-but": [100, 200, 1e2]}]}"#, r#""data.a" = { not_in = [100, 200] }"#);
    check(r#"{"a": [{"anything-but": {"prefix": "x"}}]}"#, r#""data.a" = { not = { prefix = "x" } }"#);
    check(
        r#"{"a": [{"anything-but": {"suffix": ["x", "y"]}}]}"#,
        r#""data.a" = { not = { suffix = ["x", "y"] } }"#,
    );
    check(
        r#"{"a": [{"anything-but": {"equals-ignore-case": ["x", "X"]}}]}"#,
        r#""data.a" = { not = { iequals = "x" } }"#,
    );
    check(
        r#"{"a": [{"anything-but": {"wildcard": "*/lib/*"}}]}"#,
        r#""data.a" = { not = { like = "*/lib/*" } }"#,
    );
}

#[test]
fn what_may_be_missing_is_said_beside_the_rest() {
    check(r#"{"a": [{"exists": true}]}"#, r#""data.a" = { exists = true }"#);
    check(r#"{"a": [{"exists": false}]}"#, r#""data.a" = { exists = false }"#);
    check(r#"{"a": ["x", {"exists": true}]}"#, r#""data.a" = { exists = true }"#);
    check(r#"{"a": [{"exists": false}, "x"]}"#, r#""data.a" = { eq = "x", missing = "match" }"#);
    check(r#"{"a": ["x", "y", {"exists": false}]}"#, r#""data.a" = { in = ["x", "y"], missing = "match" }"#);
    check(r#"{"a": [null, {"exists": false}]}"#, r#""data.a" = { is = "null", missing = "match" }"#);
    check(
        r#"{"a": [{"prefix": "x"}, {"exists": false}]}"#,
        r#""data.a" = { prefix = "x", missing = "match" }"#,
    );
    let always = "# \"data.a\" may be there or not: every event fits.";
    check(r#"{"a": [{"exists": false}, {"exists": true}, 1]}"#, always);
}

#[test]
fn an_alternative_which_every_event_fits_ends_the_choice() {
    let want = "# An alternative lets \"data.a\" be there or not: every event fits.";
    check(r#"{"$or": [{"b": [1]}, {"a": [{"exists": false}, {"exists": true}]}]}"#, want);
    let inner = r#"{"$or": [{"a": [{"exists": false}, {"exists": true}]}, {"c": [2]}]}"#;
    check(&format!(r#"{{"$or": [{{"b": [1]}}, {inner}]}}"#), want);
    // Together with another condition it says something.
    let want = r#"
[[when.any_of.or1]]
"data.b" = 1

[[when.any_of.or1]]
# "data.a" may be there or not: every event fits.
"data.c" = 2"#;
    check(r#"{"$or": [{"b": [1]}, {"a": [{"exists": false}, {"exists": true}], "c": [2]}]}"#, want);
}

#[test]
fn long_lists_have_each_value_once() {
    let list = |suffix: &str| (0..5000).map(|n| format!("{n}{suffix}")).collect::<Vec<_>>().join(",");
    let text = imported(&format!(r#"{{"a": [{},{}]}}"#, list(""), list(".0")), &below_data());
    let want = format!("\"data.a\" = [{}]\n", list("").replace(',', ", "));
    assert!(text.contains(&want), "{}", text.len());
}

#[test]
fn entries_of_several_kinds_are_alternatives() {
    let want = r#"
[[when.any_of.state]]
"data.state" = ["a", { is = "null" }]

[[when.any_of.state]]
"data.state" = { prefix = "b" }

[[when.any_of.state]]
"data.state" = { exists = false }"#;
    check(r#"{"state": ["a", {"prefix": "b"}, null, {"exists": false}]}"#, want);
    let want = r#"
[[when.any_of._x]]
"data.$x" = { lt = 1 }

[[when.any_of._x]]
"data.$x" = { gt = 9 }"#;
    check(r#"{"$x": [{"numeric": ["<", 1]}, {"numeric": [">", 9]}]}"#, want);
}

#[test]
fn or_becomes_a_group_and_may_nest() {
    let pattern = r#"{
        "source": ["aws.cloudwatch"],
        "$or": [
            { "metricType": ["MetricType"], "$or": [{ "metricId": [1234] }, { "spaceId": [1000] }] },
            { "scope": ["Service"], "dim": { "a.b": [1], "c": [2] } }
        ],
        "deep": { "$or": [{ "x": [1] }, { "y": [2] }] }
    }"#;
    let want = r#""data.source" = "aws.cloudwatch"

[[when.any_of.or1]]
"data.metricType" = "MetricType"

[[when.any_of.or1.any_of.or2]]
"data.metricId" = 1234

[[when.any_of.or1.any_of.or2]]
"data.spaceId" = 1000

[[when.any_of.or1]]
"data.scope" = "Service"
'data.dim."a.b"' = 1
"data.dim.c" = 2

[[when.any_of.or3]]
"data.deep.x" = 1

[[when.any_of.or3]]
"data.deep.y" = 2"#;
    check(pattern, want);
}

#[test]
fn names_of_groups_are_told_apart() {
    let pattern = r#"{"a": {"x y": ["1", {"prefix": "2"}]}, "b": {"x y": ["1", {"prefix": "2"}]}}"#;
    let text = imported(pattern, &below_data());
    assert!(text.contains("[[when.any_of.x_y]]") && text.contains("[[when.any_of.x_y-2]]"), "{text}");
}

#[test]
fn the_envelope_is_ours() {
    let pattern = r#"{
        "detail-type": ["order.paid", {"prefix": "refund."}],
        "source": ["shop"],
        "id": [{"prefix": "a"}],
        "time": [{"prefix": "2026-"}],
        "account": ["1"],
        "detail": {"a": {"b c": [1]}}
    }"#;
    let want = r#"
[on.event]
type = ["order.paid", "refund.*"]

[when]
"source" = "shop"
"id" = { prefix = "a" }
"time" = { prefix = "2026-" }
"meta.account" = "1"
'data.a."b c"' = 1

[item]"#;
    let text = imported(pattern, &Options::default());
    assert!(text.contains(want), "{text}");
}

#[test]
fn a_type_which_the_trigger_cannot_say_is_a_condition() {
    for (list, spec) in [
        (r#"[{"prefix": "refund"}]"#, r#"{ prefix = "refund" }"#),
        (r#"["all *", "b"]"#, r#"["all *", "b"]"#),
        (r#"[{"anything-but": "b"}]"#, r#"{ not = "b" }"#),
    ] {
        let text = imported(&format!(r#"{{"detail-type": {list}}}"#), &Options::default());
        let want = format!("[on.event]\n# of every type\n\n[when]\n\"type\" = {spec}\n");
        assert!(text.contains(&want), "{text}");
    }
    let text = imported(r#"{"$or": [{"detail-type": ["a"]}, {"source": ["b"]}]}"#, &Options::default());
    assert!(text.contains("# of every type\n\n[[when.any_of.or1]]\n\"type\" = \"a\"\n"), "{text}");
}

#[test]
fn title_and_queue_are_given_or_placeholders() {
    let options = Options {
        root: None,
        title: Some("Paid \"at last\"".to_owned()),
        queue: Some(QueueName::parse("sales").unwrap()),
    };
    let text = imported(r#"{"detail-type": ["paid"]}"#, &options);
    assert!(text.contains("title = 'Paid \"at last\"'\n") && text.contains("queue = \"sales\"\n"), "{text}");
    assert!(text.starts_with("# Made by `hearken import eventbridge` from p?.json.\n"), "{text}");
}

#[test]
fn documented_patterns_let_the_documented_events_through() {
    let event = json!({
        "version": "0", "id": "e-17", "source": "aws.ec2",
        "detail-type": "EC2 Instance State-change Notification",
        "account": "012345679012", "time": "2017-10-02T16:24:49Z", "region": "eu-central-1",
        "resources": ["arn:one", "arn:two"],
        "detail": {
            "c-count": 5, "d-count": 30, "x-limit": 301.8, "source-ip": "10.0.0.33", "state": "running"
        }
    });
    for (pattern, want) in [
        (r#"{"detail-type": ["EC2 Instance State-change Notification"], "resources": ["arn:two"]}"#, true),
        (r#"{"resources": ["arn:three"]}"#, false),
        (r#"{"detail": {"state": ["initializing", "running"]}}"#, true),
        (r#"{"time": [{"prefix": "2017-10-02"}]}"#, true),
        (r#"{"source": [{"suffix": "ec2"}]}"#, true),
        (r#"{"source": [{"equals-ignore-case": "AWS.EC2"}]}"#, true),
        (
            r#"{"source": [{"wildcard": "aws.*"}], "detail": {"state": [{"anything-but": ["stopped"]}]}}"#,
            true,
        ),
        (r#"{"detail": {"state": [{"anything-but": {"prefix": "run"}}]}}"#, false),
        (r#"{"detail": {"x-limit": [{"anything-but": [100, 3.018e2]}]}}"#, false),
        (r#"{"detail": {"c-count": [{"numeric": [">", 0, "<=", 5]}]}}"#, true),
        (r#"{"detail": {"x-limit": [{"numeric": ["=", 3.018e2]}]}}"#, true),
        (r#"{"detail": {"d-count": [{"numeric": ["<", 10]}]}}"#, false),
        (r#"{"detail": {"source-ip": [{"cidr": "10.0.0.0/24"}]}}"#, true),
        (r#"{"detail": {"c-count": [{"exists": true}], "none": [{"exists": false}]}}"#, true),
        (r#"{"detail": {"c-count": [{"exists": false}]}}"#, false),
        (r#"{"detail": {"none": [{"exists": false}, "a"], "state": ["idle", {"suffix": "ning"}]}}"#, true),
        (r#"{"detail": {"$or": [{"c-count": [{"numeric": [">", 5]}]}, {"d-count": [30]}]}}"#, true),
        (r#"{"source": ["aws.ec2"], "$or": [{"region": ["us"]}, {"detail": {"state": ["off"]}}]}"#, false),
    ] {
        check_match(pattern, &event, want);
    }
}

#[test]
fn one_element_of_an_array_meets_all_fields() {
    let event = json!({ "detail": { "employees": [
        { "first": "Anna", "last": "Smith", "langs": ["de", "fr"] },
        { "first": "Peter", "last": "Jones", "langs": [] }
    ] } });
    for (fields, want) in [
        (r#""first": ["Anna"], "last": ["Smith"]"#, true),
        (r#""first": ["Anna"], "last": ["Jones"]"#, false),
        (r#""first": ["Anna"], "$or": [{"last": ["Jones"]}, {"langs": ["fr"]}]"#, true),
        (r#""first": ["Peter"], "langs": [{"anything-but": "de"}]"#, false),
        (r#""langs": [{"anything-but": "de"}]"#, true),
        (r#""last": ["Jones"], "first": ["x", {"prefix": "An"}]"#, false),
    ] {
        check_match(&format!(r#"{{"detail": {{"employees": {{{fields}}}}}}}"#), &event, want);
    }
}

#[test]
fn what_eventbridge_refuses_is_refused_in_its_place() {
    for (pattern, place) in [
        (r#"["a"]"#, r#"["a"]"#),
        (r#"{"a": ["b"}"#, "}"),
        (r#"{"a": "b"}"#, r#""b""#),
        (r#"{"a": []}"#, "[]"),
        (r#"{}"#, "{}"),
        (r#"{"a": {}}"#, "{}"),
        (r#"{"a": [["b"]]}"#, r#"["b"]"#),
        (r#"{"a": [{}]}"#, "{}"),
        (r#"{"a": [{"prefx": "b"}]}"#, r#""prefx""#),
        (r#"{"a": [{"prefix": "b", "suffix": "c"}]}"#, r#""suffix""#),
        (r#"{"a": [{"prefix": 1}]}"#, "1"),
        (r#"{"a": [{"prefix": {"suffix": "b"}}]}"#, r#""suffix""#),
        (r#"{"a": [{"equals-ignore-case": ["b"]}]}"#, r#"["b"]"#),
        (r#"{"a": [{"wildcard": "b**"}]}"#, "**"),
        (r#"{"a": [{"wildcard": "b\\c"}]}"#, r#""b\\c""#),
        (r#"{"a": [{"exists": "true"}]}"#, r#""true""#),
        (r#"{"a": [{"cidr": "10.0.0.1/32"}]}"#, r#""10.0.0.1/32""#),
        (r#"{"a": [{"anything-but": null}]}"#, "null"),
        (r#"{"a": [{"anything-but": []}]}"#, "[]"),
        (r#"{"a": [{"anything-but": ["b", 1]}]}"#, "1"),
        (r#"{"a": [{"anything-but": [true]}]}"#, "true"),
        (r#"{"a": [{"anything-but": {"prefix": ""}}]}"#, r#""""#),
        (r#"{"a": [{"anything-but": {"numeric": [">", 1]}}]}"#, r#""numeric""#),
        (r#"{"a": [{"numeric": []}]}"#, "[]"),
        (r#"{"a": [{"numeric": ["==", 1]}]}"#, r#""==""#),
        (r#"{"a": [{"numeric": [">", "1"]}]}"#, r#""1""#),
        (r#"{"a": [{"numeric": ["=", 1, "<", 2]}]}"#, r#""<""#),
        (r#"{"a": [{"numeric": ["<", 5, ">", 0]}]}"#, r#"">""#),
        (r#"{"a": [{"numeric": [">", 5, "<", 5.0]}]}"#, r#"[">", 5, "<", 5.0]"#),
        (r#"{"$or": [{"a": [1]}]}"#, r#"[{"a": [1]}]"#),
        (r#"{"$or": [{"a": [1]}, 2]}"#, "2"),
        (r#"{"$or": [{"prefix": ["a"]}, {"b": [1]}]}"#, r#""prefix""#),
    ] {
        check_refused(pattern, "invalid", place);
    }
    let (problems, _) = refusal(r#"{"a": [], "b": 1, "c": [{"x": 1}]}"#);
    assert_eq!(problems.len(), 3, "{problems}");
}

#[test]
fn what_a_routine_cannot_say_is_named() {
    check_refused(r#"{"source": {"a": ["b"]}}"#, "unsupported", r#""a""#);
    check_refused(r#"{"a": [1], "$or": [{"a": [2]}, {"b": [3]}]}"#, "unsupported", r#""a""#);
    check_refused(r#"{"detail": {"a": {"b": [1]}, "a.b": [2]}}"#, "unsupported", r#""a.b""#);
    // The name of a field, to EventBridge.
    check_refused(r#"{"$or": {"a": [1]}}"#, "unsupported", r#"{"a": [1]}"#);
    // No text is a number.
    check_refused(r#"{"source": [{"numeric": [">", 1]}]}"#, "unsupported", r#"[{"numeric": [">", 1]}]"#);
    check_refused(r#"{"account": ["1"], "time": [null]}"#, "unsupported", "[null]");
    // A key of `meta` which no event has, to us.
    check_refused(r#"{"detail.state": ["off"]}"#, "unsupported", r#""detail.state""#);
    check_refused(r#"{"source.a": ["b"]}"#, "unsupported", r#""source.a""#);
}

#[test]
fn dots_in_other_keys_are_parts_of_them() {
    let text = imported(r#"{"my.key": [1], "detail": {"source.a": [2]}}"#, &Options::default());
    assert!(text.contains("'meta.\"my.key\"' = 1\n'data.\"source.a\"' = 2\n"), "{text}");
    check(r#"{"detail.state": ["off"]}"#, r#"'data."detail.state"' = "off""#);
}

#[test]
fn many_problems_are_counted() {
    let fields = (0..60).map(|n| format!(r#""a{n}": 1"#)).collect::<Vec<_>>().join(", ");
    let (problems, kind) = refusal(&format!("{{{fields}}}"));
    let last = problems.iter().last().unwrap();
    let want = "more is wrong with this pattern, in 10 places";
    assert_eq!((kind, problems.len(), last.message.as_str()), ("invalid", PROBLEMS_MAX + 1, want));
}

#[test]
fn too_many_combinations_are_refused() {
    let list =
        |key: char| format!(r#""{key}": [1, {{"prefix": "a"}}, {{"suffix": "b"}}, {{"wildcard": "c*"}}]"#);
    let pattern = |keys: &str| format!("{{{}}}", keys.chars().map(list).collect::<Vec<_>>().join(", "));
    assert!(import("p.json", &pattern("abcd"), &Options::default()).is_ok());
    let place = r#"[1, {"prefix": "a"}, {"suffix": "b"}, {"wildcard": "c*"}]"#;
    check_refused(&pattern("abcde"), "unsupported", place);
}

fn below_data() -> Options {
    Options { root: Some(Path::parse("data").unwrap()), ..Options::default() }
}

#[track_caller]
fn imported(pattern: &str, options: &Options) -> String {
    import("p\n.json", pattern, options).unwrap_or_else(|refusal| panic!("{pattern}\n{refusal:?}"))
}

/// What `[when]` says for a pattern which begins at `data`.
#[track_caller]
fn check(pattern: &str, want: &str) {
    let text = imported(pattern, &below_data());
    let (_, rest) = text.split_once("# of every type\n").unwrap();
    let (when, _) = rest.split_once("\n\n[item]\n").unwrap();
    let when = when.strip_prefix("\n[when]\n").unwrap_or(when);
    assert_eq!(when, want, "{pattern}");
}

/// Whether the routine of a pattern takes an event in the envelope of EventBridge.
#[track_caller]
fn check_match(pattern: &str, envelope: &Value, want: bool) {
    let text = imported(pattern, &Options::default());
    let name = RoutineName::parse("r").unwrap();
    let routine = routine::parse(&name, "r.toml", &text).unwrap_or_else(|problems| panic!("{problems}"));
    let Trigger::Event(trigger) = &routine.trigger else { panic!("{text}") };
    let event = delivered(envelope);
    let got = trigger.wants(&event.from, &event.kind) && routine.when.matches(&event);
    assert_eq!(got, want, "{pattern}\n{text}");
}

/// The event as it would be written into the log.
fn delivered(envelope: &Value) -> Event {
    let mut meta = envelope.as_object().cloned().unwrap_or_default();
    let mut take = |key: &str| meta.shift_remove(key).and_then(|value| value.as_str().map(str::to_owned));
    let (kind, origin, id, time) = (take("detail-type"), take("source"), take("id"), take("time"));
    let data = meta.shift_remove("detail").unwrap_or_else(|| json!({}));
    let plain = testing::event(kind.as_deref().unwrap_or("t"), data);
    Event {
        origin: origin.unwrap_or_else(|| plain.origin.clone()),
        id: id.unwrap_or_else(|| plain.id.clone()),
        time: time.map_or(plain.time, |time| time.parse().unwrap()),
        meta: Value::Object(meta),
        ..plain
    }
}

/// The problems of a pattern, and which kind they are of.
#[track_caller]
fn refusal(pattern: &str) -> (Problems, &'static str) {
    match import("p.json", pattern, &Options::default()) {
        Err(Refusal::Invalid(problems)) => (problems, "invalid"),
        Err(Refusal::Unsupported(problems)) => (problems, "unsupported"),
        Ok(text) => panic!("{pattern}\n{text}"),
    }
}

#[track_caller]
fn check_refused(pattern: &str, kind: &str, place: &str) {
    let (problems, got) = refusal(pattern);
    let first = problems.iter().next().unwrap();
    assert_eq!((got, &pattern[first.span.clone()]), (kind, place), "{pattern}\n{problems}");
}
