//! By hand: alternatives, the attributes of events, and the reason why an event
//! does not match.

use super::tables::{because, data};

const NESTED: &str = r#"
"data.a" = 1

[[when.any_of.why]]
"data.b" = "x"

[[when.any_of.why]]
"data.b" = "y"

[[when.any_of.why.any_of.size]]
"data.c" = 1

[[when.any_of.why.any_of.size]]
"data.d" = true
"#;

#[test]
fn one_alternative_of_each_group_must_hold() {
    data(
        NESTED,
        &[r#"{"a":1,"b":"x"}"#, r#"{"a":1,"b":"y","c":1}"#, r#"{"a":1,"b":["z","y"],"d":true}"#],
        &[r#"{"a":1}"#, r#"{"a":1,"b":"y"}"#, r#"{"a":2,"b":"x"}"#, r#"{"a":1,"c":1}"#, r#"{"b":"x","c":1}"#],
    );
    let two = "[[when.any_of.p]]\n\"data.a\" = 1\n[[when.any_of.p]]\n\"data.b\" = 1\n\
               [[when.any_of.q]]\n\"data.c\" = 1\n[[when.any_of.q]]\n\"data.d\" = 1\n";
    data(two, &[r#"{"a":1,"d":1}"#, r#"{"b":1,"c":1}"#], &[r#"{"a":1,"b":1}"#, r#"{"c":1,"d":1}"#, "{}"]);
}

#[test]
fn alternatives_and_what_stands_beside_them_are_met_by_one_element() {
    let when =
        "\"data.a.b\" = 1\n[[when.any_of.why]]\n\"data.a.c\" = 2\n[[when.any_of.why]]\n\"data.a.d\" = 3\n";
    data(
        when,
        &[r#"{"a":[{"b":1,"c":2}]}"#, r#"{"a":[{"b":2,"c":2},{"b":1,"d":3}]}"#],
        &[r#"{"a":[{"b":1},{"c":2}]}"#, r#"{"a":[{"b":1},{"d":3}]}"#, r#"{"a":[{"c":2,"d":3}]}"#],
    );
    let inside = r#""data.a" = { where = { b = 1, any_of = { x = [ { c = 2 }, { d = 3 } ] } } }"#;
    data(inside, &[r#"{"a":[{"b":1,"d":3}]}"#], &[r#"{"a":[{"b":1},{"c":2}]}"#, r#"{"a":{"c":2}}"#]);
    // Two groups choose for one element together, not each for itself.
    let two = "[[when.any_of.p]]\n\"data.a.b\" = 1\n[[when.any_of.p]]\n\"data.a.b\" = 2\n\
               [[when.any_of.q]]\n\"data.a.c\" = 1\n[[when.any_of.q]]\n\"data.a.c\" = 2\n";
    data(
        two,
        &[r#"{"a":[{"b":2,"c":1}]}"#],
        &[r#"{"a":[{"b":1},{"c":1}]}"#, r#"{"a":[{"b":1},{"b":2,"c":3}]}"#],
    );
}

#[test]
fn a_condition_may_name_an_attribute() {
    data(r#"type = { prefix = "order." }"#, &["{}"], &[]);
    data(r#"type = ["order.paid", "refund.paid"]"#, &[], &["{}"]);
    data("source = \"shop\"\nid = { like = \"e-*\" }\ntenant = { iequals = \"ACME\" }", &["{}", "null"], &[]);
    data(r#"subject = { exists = false }"#, &["{}"], &[]);
    data(r#"subject = { not = "x" }"#, &[], &["{}"]);
    data(r#"subject = { prefix = "x", missing = "match" }"#, &["{}"], &[]);
    data(r#"tenant = { len = 4, contains_any = ["acme"] }"#, &["{}"], &[]);
    data(r#"time = "1970-01-01T00:00:00Z""#, &["{}"], &[]);
    data(r#""meta" = { is = "empty" }"#, &["{}"], &[]);
    data(r#""data" = { len = 1 }"#, &[r#"{"a":1}"#, "[1]", r#""x""#], &["{}", "null", "7"]);
    data(r#""data[all].a" = 1"#, &["[]", r#"[{"a":1}]"#, r#"{"a":1}"#], &["{}", r#"[{"a":1},{}]"#]);
}

#[test]
fn the_reason_is_the_first_clause_which_fails_with_those_before_it() {
    because(NESTED, "{}", "when.data.a", &[]);
    because(
        NESTED,
        r#"{"a":1}"#,
        "when.any_of.why",
        &["when.any_of.why[1].data.b", "when.any_of.why[2].data.b"],
    );
    because(
        NESTED,
        r#"{"a":1,"b":"y"}"#,
        "when.any_of.why",
        &["when.any_of.why[1].data.b", "when.any_of.why[2].any_of.size"],
    );
    let when = "\"data.a.b\" = 1\n\"data.a.c\" = 2";
    because(when, r#"{"a":[{"b":2},{"c":2}]}"#, "when.data.a.b", &[]);
    because(when, r#"{"a":[{"b":1},{"c":2}]}"#, "when.data.a.c", &[]);
    let when =
        "\"data.a.b\" = 1\n[[when.any_of.why]]\n\"data.a.c\" = 2\n[[when.any_of.why]]\n\"data.d\" = 3\n";
    because(
        when,
        r#"{"a":[{"b":1},{"c":2}]}"#,
        "when.any_of.why",
        &["when.any_of.why[1].data.a.c", "when.any_of.why[2].data.d"],
    );
}
