//! Each operator by hand: what it speaks about, missing, null, other types,
//! arrays, empty ones, and arrays in arrays.

use super::tables::data;

#[test]
fn equality_is_strict_and_exact() {
    data(
        r#""data.a" = 1"#,
        &[
            r#"{"a":1}"#,
            r#"{"a":1.0}"#,
            r#"{"a":1e0}"#,
            r#"{"a":10e-1}"#,
            r#"{"a":[2,1]}"#,
            r#"{"a":[[2],[[1]]]}"#,
        ],
        &[
            "{}",
            r#"{"a":null}"#,
            r#"{"a":"1"}"#,
            r#"{"a":true}"#,
            r#"{"a":[]}"#,
            r#"{"a":[[]]}"#,
            r#"{"a":{"b":1}}"#,
        ],
    );
    data(
        r#""data.a" = 9007199254740993"#,
        &[r#"{"a":9007199254740993}"#, r#"{"a":9007199254740993.0}"#],
        &[r#"{"a":9007199254740992}"#, r#"{"a":9007199254740994}"#, r#"{"a":9007199254740993.1}"#],
    );
    data(
        r#""data.a" = 0"#,
        &[r#"{"a":-0}"#, r#"{"a":0.0}"#, r#"{"a":0e7}"#],
        &[r#"{"a":1e-300}"#, r#"{"a":false}"#],
    );
    data(
        r#""data.a" = "b""#,
        &[r#"{"a":"b"}"#, r#"{"a":["c","b"]}"#],
        &[r#"{"a":"B"}"#, r#"{"a":"b "}"#, r#"{"a":["bc"]}"#, r#"{"a":{"b":"b"}}"#],
    );
    data(r#""data.a" = true"#, &[r#"{"a":true}"#], &[r#"{"a":"true"}"#, r#"{"a":1}"#, r#"{"a":false}"#]);
}

#[test]
fn a_list_is_one_of_several() {
    data(
        r#""data.a" = ["b", 1, true, { is = "null" }]"#,
        &[r#"{"a":"b"}"#, r#"{"a":1.0}"#, r#"{"a":true}"#, r#"{"a":null}"#, r#"{"a":[7,null]}"#],
        &["{}", r#"{"a":"c"}"#, r#"{"a":"1"}"#, r#"{"a":false}"#, r#"{"a":[]}"#, r#"{"a":{}}"#],
    );
    data(r#""data.a" = { in = ["b", "c"], missing = "match" }"#, &["{}", r#"{"a":"c"}"#], &[r#"{"a":null}"#]);
    data(
        r#""data.a" = { in = ["b", "c"], not = "c" }"#,
        &[r#"{"a":"b"}"#, r#"{"a":["c","b"]}"#],
        &[r#"{"a":"c"}"#, r#"{"a":["c","d"]}"#],
    );
}

#[test]
fn a_negation_holds_for_whatever_else_is_there() {
    data(
        r#""data.a" = { not = "b" }"#,
        &[
            r#"{"a":"c"}"#,
            r#"{"a":null}"#,
            r#"{"a":1}"#,
            r#"{"a":{}}"#,
            r#"{"a":["b","c"]}"#,
            r#"{"a":[["b",{}]]}"#,
        ],
        &["{}", r#"{"a":"b"}"#, r#"{"a":["b"]}"#, r#"{"a":[]}"#, r#"{"a":[[]]}"#],
    );
    data(
        r#""data.a" = { not_in = ["b", { is = "null" }] }"#,
        &[r#"{"a":"c"}"#],
        &[r#"{"a":null}"#, r#"{"a":"b"}"#],
    );
    data(r#""data.a" = { not = true, missing = "match" }"#, &["{}", r#"{"a":null}"#], &[r#"{"a":true}"#]);
    data(
        r#""data.a" = { not = { gte = 13, lt = 18 } }"#,
        &[r#"{"a":18}"#, r#"{"a":12}"#, r#"{"a":"15"}"#, r#"{"a":[15,20]}"#],
        &[r#"{"a":15}"#, r#"{"a":[15]}"#, "{}"],
    );
    data(
        r#""data.a" = { not = { not = "b" } }"#,
        &[r#"{"a":"b"}"#, r#"{"a":["c","b"]}"#],
        &[r#"{"a":"c"}"#, "{}"],
    );
    data(
        r#""data.a" = { not = { is = "empty" } }"#,
        &[r#"{"a":"b"}"#, r#"{"a":null}"#, r#"{"a":0}"#, r#"{"a":[""]}"#],
        &[r#"{"a":""}"#, r#"{"a":[]}"#, r#"{"a":{}}"#, "{}"],
    );
}

#[test]
fn a_range_is_for_numbers_and_exact() {
    data(
        r#""data.a" = { gt = 1, lte = 2.5 }"#,
        &[
            r#"{"a":1.0000000000000000001}"#,
            r#"{"a":2.5}"#,
            r#"{"a":25e-1}"#,
            r#"{"a":[0,2]}"#,
            r#"{"a":[[9],[2]]}"#,
        ],
        &[
            "{}",
            r#"{"a":1}"#,
            r#"{"a":2.51}"#,
            r#"{"a":"2"}"#,
            r#"{"a":null}"#,
            r#"{"a":[0,9]}"#,
            r#"{"a":[]}"#,
            r#"{"a":{}}"#,
        ],
    );
    data(
        r#""data.a" = { gt = 9007199254740992 }"#,
        &[r#"{"a":9007199254740993}"#],
        &[r#"{"a":9007199254740992}"#],
    );
    data(
        r#""data.a" = { lt = 0.3 }"#,
        &[r#"{"a":0.29999999999999999}"#, r#"{"a":-1e400}"#],
        &[r#"{"a":0.30}"#],
    );
    data(
        r#""data.a" = { gte = -0.5, missing = "match" }"#,
        &["{}", r#"{"a":-0.5}"#],
        &[r#"{"a":-0.51}"#, r#"{"a":null}"#],
    );
}

#[test]
fn what_is_there_is_told_from_what_is_not() {
    data(
        r#""data.a" = { exists = true }"#,
        &[r#"{"a":1}"#, r#"{"a":null}"#, r#"{"a":[]}"#, r#"{"a":{}}"#, r#"{"a":""}"#],
        &["{}", "[]", "null", "7"],
    );
    for test in ["exists = false", r#"is = "missing""#] {
        let when = format!(r#""data.a.b" = {{ {test} }}"#);
        data(
            &when,
            &[
                "{}",
                r#"{"a":{}}"#,
                r#"{"a":null}"#,
                r#"{"a":"b"}"#,
                r#"{"a":[]}"#,
                r#"{"a":[{"b":1},{}]}"#,
                r#"{"a":[[]]}"#,
            ],
            &[r#"{"a":{"b":null}}"#, r#"{"a":{"b":[]}}"#, r#"{"a":[{"b":1}]}"#],
        );
    }
    data(r#""data.a" = { exists = true, prefix = "b" }"#, &[r#"{"a":"b"}"#], &["{}", r#"{"a":[]}"#]);
}

#[test]
fn null_and_empty_are_not_missing() {
    data(
        r#""data.a" = { is = "null" }"#,
        &[r#"{"a":null}"#, r#"{"a":[1,null]}"#, r#"{"a":[[null]]}"#],
        &["{}", r#"{"a":""}"#, r#"{"a":[]}"#, r#"{"a":{}}"#, r#"{"a":0}"#, r#"{"a":"null"}"#],
    );
    data(r#""data.a" = { is = "null", missing = "match" }"#, &["{}", r#"{"a":null}"#], &[r#"{"a":[]}"#]);
    data(
        r#""data.a" = { is = "empty" }"#,
        &[r#"{"a":""}"#, r#"{"a":[]}"#, r#"{"a":{}}"#],
        &[
            "{}",
            r#"{"a":null}"#,
            r#"{"a":0}"#,
            r#"{"a":false}"#,
            r#"{"a":[""]}"#,
            r#"{"a":[[]]}"#,
            r#"{"a":" "}"#,
        ],
    );
}

#[test]
fn a_length_counts_characters_elements_or_keys() {
    data(
        r#""data.a" = { len = 2 }"#,
        &[r#"{"a":"ßa"}"#, r#"{"a":"日本"}"#, r#"{"a":[1,[]]}"#, r#"{"a":{"b":1,"c":2}}"#],
        &["{}", r#"{"a":null}"#, r#"{"a":22}"#, r#"{"a":["ab"]}"#, r#"{"a":[]}"#, r#"{"a":[[1,2]]}"#],
    );
    data(
        r#""data.a" = { len = { gt = 0, lte = 1 } }"#,
        &[r#"{"a":"b"}"#, r#"{"a":[9]}"#],
        &[r#"{"a":""}"#, r#"{"a":"bc"}"#],
    );
    data(r#""data.a" = { len = { eq = 0 } }"#, &[r#"{"a":""}"#, r#"{"a":{}}"#], &["{}", r#"{"a":false}"#]);
    data(
        r#""data.a" = { len = { lte = 2 }, prefix = "b" }"#,
        &[r#"{"a":["x","book"]}"#, r#"{"a":"bo"}"#],
        &[r#"{"a":["x","y","book"]}"#, r#"{"a":"book"}"#],
    );
}

#[test]
fn an_array_contains_its_own_elements_only() {
    data(
        r#""data.a" = { contains_all = ["b", 1] }"#,
        &[r#"{"a":["b",1.0,"c"]}"#, r#"{"a":[1,"b"]}"#],
        &["{}", r#"{"a":["b"]}"#, r#"{"a":"b"}"#, r#"{"a":[["b",1]]}"#, r#"{"a":["b","1"]}"#, r#"{"a":[]}"#],
    );
    data(
        r#""data.a" = { contains_any = ["b", true] }"#,
        &[r#"{"a":["x","b"]}"#, r#"{"a":"b"}"#, r#"{"a":true}"#, r#"{"a":[true]}"#],
        &["{}", r#"{"a":null}"#, r#"{"a":[]}"#, r#"{"a":[["b"]]}"#, r#"{"a":{"b":"b"}}"#, r#"{"a":"bc"}"#],
    );
    data(
        r#""data.a" = { contains_any = ["b"], missing = "match" }"#,
        &["{}", r#"{"a":"b"}"#],
        &[r#"{"a":[]}"#],
    );
}
