//! Arrays by hand: on the way, at the end, and with quantifiers.

use super::tables::data;

#[test]
fn a_path_goes_on_in_each_element() {
    data(
        r#""data.a.b" = 1"#,
        &[r#"{"a":{"b":1}}"#, r#"{"a":[{"b":2},{"b":1}]}"#, r#"{"a":[[{"b":[2,1]}]]}"#, r#"[{"a":{"b":1}}]"#],
        &[r#"{"a":[]}"#, r#"{"a":[1]}"#, r#"{"a":"b"}"#, r#"{"a":null}"#, r#"{"b":1}"#, r#"{"a":[[]]}"#],
    );
    data(
        r#""data.a.b" = { eq = 1, missing = "match" }"#,
        &["{}", r#"{"a":[]}"#, r#"{"a":7}"#, r#"{"a":[{"b":2},{}]}"#, r#"{"a":[{"b":2},7]}"#],
        &[r#"{"a":[{"b":2}]}"#, r#"{"a":{"b":null}}"#, r#"{"a":{"b":[]}}"#],
    );
}

#[test]
fn conditions_through_one_array_are_met_by_one_element() {
    let when = "\"data.a.b\" = 1\n\"data.a.c\" = 2";
    data(
        when,
        &[r#"{"a":[{"b":1},{"b":1,"c":2}]}"#, r#"{"a":{"b":1,"c":2}}"#, r#"{"a":[[{"b":1,"c":2}]]}"#],
        &[r#"{"a":[{"b":1},{"c":2}]}"#, r#"{"a":[[{"b":1}],[{"c":2}]]}"#, r#"{"a":[[{"b":1},{"c":2}]]}"#],
    );
    let when = "\"data.a.b\" = 1\n\"data.a.c\" = { exists = false }";
    data(when, &[r#"{"a":[{"b":1},{"c":2}]}"#], &[r#"{"a":[{"b":1,"c":3},{}]}"#, r#"{"a":[]}"#]);
    let when = "\"data.a.b\" = 1\n\"data.a.c.d\" = 2\n\"data.a.c.e\" = 3";
    data(
        when,
        &[r#"{"a":[{"b":1,"c":[{"d":2},{"d":2,"e":3}]}]}"#, r#"{"a":{"b":1,"c":{"d":2,"e":3}}}"#],
        &[r#"{"a":[{"b":1,"c":[{"d":2},{"e":3}]}]}"#, r#"{"a":[{"b":1},{"c":{"d":2,"e":3}}]}"#],
    );
}

#[test]
fn conditions_at_the_end_of_an_array_may_be_met_by_several() {
    let when = "\"data.a\" = { gt = 1, lt = 3 }\n\"data.b\" = \"x\"\n'data.\"b\"' = \"y\"";
    data(when, &[r#"{"a":2,"b":["x","y"]}"#], &[r#"{"a":[1,3],"b":["x","y"]}"#, r#"{"a":2,"b":["x"]}"#]);
    let when = "\"data.a\" = \"x\"\n\"data.a.b\" = 1";
    data(when, &[r#"{"a":["x",{"b":1}]}"#], &[r#"{"a":["x"]}"#, r#"{"a":[{"b":1}]}"#]);
}

#[test]
fn any_is_apart_from_the_others() {
    let when = "\"data.a[any].b\" = 1\n\"data.a[any].c\" = 2";
    data(
        when,
        &[r#"{"a":[{"b":1},{"c":2}]}"#, r#"{"a":{"b":1,"c":2}}"#],
        &[r#"{"a":[{"b":1}]}"#, r#"{"a":[]}"#, "{}"],
    );
    data(
        r#""data.a[any].b" = { is = "missing" }"#,
        &["{}", r#"{"a":[{"b":1},{}]}"#],
        &[r#"{"a":[]}"#, r#"{"a":{"b":1}}"#],
    );
}

#[test]
fn all_asks_every_element() {
    data(
        r#""data.a[all].b" = { gt = 0 }"#,
        &[r#"{"a":[{"b":1},{"b":[0,2]}]}"#, r#"{"a":[]}"#, r#"{"a":{"b":3}}"#],
        &[
            "{}",
            r#"{"a":[{"b":1},{}]}"#,
            r#"{"a":[{"b":1},{"b":0}]}"#,
            r#"{"a":null}"#,
            r#"{"a":[{"b":[]}]}"#,
        ],
    );
    data(
        r#""data.a[all].b" = { gt = 0, missing = "match" }"#,
        &["{}", r#"{"a":[{"b":1},{}]}"#, r#"{"a":[7]}"#, r#"{"a":"x"}"#],
        &[r#"{"a":[{"b":null}]}"#, r#"{"a":[{"b":0},{}]}"#],
    );
    data(
        r#""data.a[all]" = "x""#,
        &[r#"{"a":"x"}"#, r#"{"a":["x","x"]}"#, r#"{"a":[["y","x"]]}"#],
        &[r#"{"a":["x",1]}"#],
    );
    data(r#""data.a[all]" = { len = 1 }"#, &[r#"{"a":[[9],"x"]}"#, r#"{"a":"x"}"#], &[r#"{"a":[[],"x"]}"#]);
}

#[test]
fn none_asks_that_no_element_passes() {
    data(
        r#""data.a[none]" = ["x", "y"]"#,
        &[r#"{"a":["z",1]}"#, r#"{"a":[]}"#, r#"{"a":null}"#, r#"{"a":[["z"]]}"#],
        &["{}", r#"{"a":"x"}"#, r#"{"a":["z","y"]}"#, r#"{"a":[["z","x"]]}"#],
    );
    data(
        r#""data.a[none]" = { eq = "x", missing = "match" }"#,
        &["{}", r#"{"a":["z"]}"#],
        &[r#"{"a":["x"]}"#],
    );
    data(r#""data.a[none].b" = { exists = true }"#, &[r#"{"a":[{},1]}"#], &[r#"{"a":[{},{"b":null}]}"#]);
    data(
        r#""data.a[none].b" = { eq = 1, missing = "match" }"#,
        &["{}", r#"{"a":[{}]}"#, r#"{"a":[{},{"b":2}]}"#],
        &[r#"{"a":[{},{"b":1}]}"#],
    );
}

#[test]
fn quantifiers_follow_each_other() {
    data(
        r#""data.a[all].b[any].c" = 1"#,
        &[r#"{"a":[{"b":[{"c":1}]},{"b":[{"c":2},{"c":1}]}]}"#, r#"{"a":[]}"#, r#"{"a":{"b":{"c":1}}}"#],
        &[r#"{"a":[{"b":[{"c":1}]},{"b":[]}]}"#, r#"{"a":[{"b":[{"c":1}]},{}]}"#],
    );
    data(
        r#""data.a[none].b[all]" = 1"#,
        &[r#"{"a":[{"b":[1,2]},{}]}"#],
        &[r#"{"a":[{"b":[1,1]}]}"#, r#"{"a":[{"b":[]}]}"#],
    );
    data(
        r#""data.a.b[all]" = 1"#,
        &[r#"{"a":[{"b":[2]},{"b":[1,1]}]}"#],
        &[r#"{"a":[{"b":[1,2]},{"b":[2,1]}]}"#],
    );
}

#[test]
fn what_is_before_a_quantifier_is_shared() {
    let when = "\"data.a.b\" = 1\n\"data.a.c[all]\" = 2";
    data(when, &[r#"{"a":[{"b":1,"c":[2,2]},{"c":[3]}]}"#], &[r#"{"a":[{"b":1,"c":[3]},{"c":[2]}]}"#]);
}

#[test]
fn where_asks_one_object() {
    data(
        r#""data.a" = { where = { b = 1, "c.d" = { not = true, missing = "match" } } }"#,
        &[r#"{"a":{"b":1}}"#, r#"{"a":[{"b":2},{"b":1,"c":{"d":false}}]}"#, r#"{"a":[[{"b":1}]]}"#],
        &["{}", r#"{"a":[]}"#, r#"{"a":["b",null]}"#, r#"{"a":[{"b":1,"c":{"d":true}},{"b":2}]}"#],
    );
    data(
        r#""data.a[none]" = { where = { b = 1, c = 2 } }"#,
        &[r#"{"a":[{"b":1},{"c":2},7]}"#, r#"{"a":[]}"#],
        &["{}", r#"{"a":[{"b":1,"c":2}]}"#],
    );
    data(r#""data.a[all]" = { where = { b = 1 } }"#, &[r#"{"a":[{"b":1}]}"#], &[r#"{"a":[{"b":1},7]}"#]);
    data(
        r#""data.a" = { not = { where = { b = 1 } } }"#,
        &[r#"{"a":7}"#, r#"{"a":{}}"#, r#"{"a":[{"b":1},{"b":2}]}"#],
        &["{}", r#"{"a":{"b":1}}"#, r#"{"a":[]}"#],
    );
    data(
        r#""data.a" = { where = { "b.c" = 1, "b.d" = 2 } }"#,
        &[r#"{"a":{"b":[{"c":1,"d":2}]}}"#],
        &[r#"{"a":{"b":[{"c":1},{"d":2}]}}"#],
    );
    data(
        r#""data.a" = { where = { '"any_of"' = 1 } }"#,
        &[r#"{"a":[{"any_of":1}]}"#],
        &[r#"{"a":[{"any_of":2}]}"#],
    );
}
