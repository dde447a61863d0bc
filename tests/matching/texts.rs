//! The operators of text by hand.

use super::tables::data;

#[test]
fn text_is_looked_at_character_by_character() {
    let others = ["{}", r#"{"a":null}"#, r#"{"a":1}"#, r#"{"a":[]}"#, r#"{"a":{"b":"book-1"}}"#];
    for test in [
        r#"prefix = "book-""#,
        r#"suffix = "-1""#,
        r#"contains = ["x", "ook"]"#,
        r#"like = "b*-*""#,
        r#"regex = "^book-[0-9]$""#,
        r#"iequals = "BOOK-1""#,
        r#"iprefix = ["x", "BOOK"]"#,
        r#"isuffix = "K-1""#,
        r#"icontains = "OO""#,
        r#"ilike = "B*1""#,
    ] {
        let when = format!(r#""data.a" = {{ {test} }}"#);
        data(&when, &[r#"{"a":"book-1"}"#, r#"{"a":["z","book-1"]}"#, r#"{"a":[[],["book-1"]]}"#], &others);
        data(&when, &[], &[r#"{"a":"pen"}"#, r#"{"a":["pen"]}"#, r#"{"a":true}"#]);
    }
    data(
        r#""data.a" = { prefix = "b", suffix = "c" }"#,
        &[r#"{"a":"bc"}"#],
        &[r#"{"a":["bx","xc"]}"#, r#"{"a":"BC"}"#],
    );
}

#[test]
fn a_star_is_any_text_and_a_backslash_takes_its_meaning() {
    data(
        r#""data.a" = { like = "a*c" }"#,
        &[r#"{"a":"ac"}"#, r#"{"a":"abc"}"#, r#"{"a":"acc"}"#, r#"{"a":"a*c"}"#],
        &[r#"{"a":"abcd"}"#, r#"{"a":"xabc"}"#, r#"{"a":"a"}"#],
    );
    data(r#""data.a" = { like = 'a\*c' }"#, &[r#"{"a":"a*c"}"#], &[r#"{"a":"abc"}"#, r#"{"a":"a\\*c"}"#]);
    data(
        r#""data.a" = { like = 'a\\*' }"#,
        &[r#"{"a":"a\\"}"#, r#"{"a":"a\\b"}"#],
        &[r#"{"a":"a*"}"#, r#"{"a":"ab"}"#],
    );
    data(r#""data.a" = { like = "*a*a*" }"#, &[r#"{"a":"aa"}"#, r#"{"a":"xaxax"}"#], &[r#"{"a":"a"}"#]);
    data(r#""data.a" = { like = "*" }"#, &[r#"{"a":""}"#], &[r#"{"a":1}"#, r#"{"a":[]}"#]);
}

#[test]
fn case_is_left_aside_for_all_scripts() {
    data(
        r#""data.a" = { iequals = "Straße" }"#,
        &[r#"{"a":"STRASSE"}"#, r#"{"a":"strasse"}"#, r#"{"a":"straße"}"#],
        &[r#"{"a":"strase"}"#, r#"{"a":"strasse "}"#],
    );
    data(r#""data.a" = { iequals = "ΟΔΟΣ" }"#, &[r#"{"a":"οδος"}"#, r#"{"a":"οδοσ"}"#], &[r#"{"a":"οδο"}"#]);
    data(
        r#""data.a" = { iprefix = "οδος" }"#,
        &[r#"{"a":"ΟΔΟΣΑ"}"#, r#"{"a":"Οδοσα"}"#],
        &[r#"{"a":"ΟΔΟ"}"#],
    );
    data(r#""data.a" = { ilike = "*SS*" }"#, &[r#"{"a":"Fuß"}"#, r#"{"a":"fussel"}"#], &[r#"{"a":"Fus"}"#]);
    data(r#""data.a" = { isuffix = "S" }"#, &[r#"{"a":"Fuß"}"#], &[r#"{"a":"Fuz"}"#]);
}

#[test]
fn addresses_are_told_from_texts_which_look_alike() {
    data(
        r#""data.a" = { cidr = ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"] }"#,
        &[
            r#"{"a":"10.255.0.1"}"#,
            r#"{"a":"192.0.2.7"}"#,
            r#"{"a":"2001:0DB8::1"}"#,
            r#"{"a":["x","10.0.0.0"]}"#,
        ],
        &[
            "{}",
            r#"{"a":null}"#,
            r#"{"a":10}"#,
            r#"{"a":"11.0.0.0"}"#,
            r#"{"a":"192.0.2.8"}"#,
            r#"{"a":"2001:db9::"}"#,
        ],
    );
    data(
        r#""data.a" = { cidr = "0.0.0.0/0" }"#,
        &[r#"{"a":"0.0.0.0"}"#, r#"{"a":"255.255.255.255"}"#],
        &[
            r#"{"a":"::ffff:10.1.2.3"}"#,
            r#"{"a":"10.1.2"}"#,
            r#"{"a":"10.1.2.3/32"}"#,
            r#"{"a":" 10.1.2.3"}"#,
            r#"{"a":[]}"#,
        ],
    );
    data(
        r#""data.a" = { cidr = "::/0" }"#,
        &[r#"{"a":"::"}"#, r#"{"a":"::ffff:1.2.3.4"}"#],
        &[r#"{"a":"1.2.3.4"}"#],
    );
}
