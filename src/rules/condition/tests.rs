//! Conditions, test by test.

use super::*;
use serde_json::{Number, json};

fn text(text: &str) -> Literal {
    Literal::Text(text.into())
}

fn is(wanted: &str) -> Test {
    Test::OneOf(vec![text(wanted)])
}

fn number(text: &str) -> Number {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_scalar_equals_strictly_by_type() {
    let eur = [is("EUR")];
    check(&eur, &json!("EUR"), true);
    for other in [json!("eur"), json!("EURO"), json!(null), json!(1), json!({}), json!([])] {
        check(&eur, &other, false);
    }
    let one = [Test::OneOf(vec![Literal::Number(number("1"))])];
    check(&one, &serde_json::from_str("1.0").unwrap(), true);
    check(&one, &serde_json::from_str("10e-1").unwrap(), true);
    for other in [json!("1"), json!(true), json!(2)] {
        check(&one, &other, false);
    }
    check(&[Test::OneOf(vec![Literal::Bool(false)])], &json!(0), false);
}

#[test]
fn one_of_and_not_are_opposites_for_what_is_there() {
    let list = vec![text("EUR"), Literal::Number(number("5"))];
    for (value, held) in
        [(json!("EUR"), true), (json!(5.0), true), (json!("USD"), false), (json!(null), false)]
    {
        check(&[Test::OneOf(list.clone())], &value, held);
        check(&[Test::Not(vec![Test::OneOf(list.clone())])], &value, !held);
    }
}

#[test]
fn ranges_are_for_numbers_only() {
    let range = [Test::Gte(number("500")), Test::Lt(number("1000.5"))];
    for (value, want) in [
        (json!(500), true),
        (json!(1000), true),
        (json!(1000.5), false),
        (json!(499.99), false),
        (json!("600"), false),
        (json!(null), false),
        (json!(true), false),
    ] {
        check(&range, &value, want);
    }
    let beyond = [Test::Gt(number("9007199254740992"))];
    check(&beyond, &serde_json::from_str("9007199254740993").unwrap(), true);
    check(&beyond, &serde_json::from_str("9007199254740992.0").unwrap(), false);
    check(&[Test::Lte(number("0.1"))], &serde_json::from_str("0.10").unwrap(), true);
}

#[test]
fn a_prefix_is_for_text_only() {
    let prefix = [Test::Prefix(Fold::Exact, vec!["inv-".into()])];
    for (value, want) in [(json!("inv-7"), true), (json!("INV-7"), false), (json!(7), false)] {
        check(&prefix, &value, want);
    }
}

#[test]
fn of_an_array_one_element_must_pass_all_tests() {
    let range = [Test::Gt(number("1")), Test::Lt(number("3"))];
    check(&range, &json!([0, 4]), false);
    check(&range, &json!([0, "x", 2]), true);
    check(&range, &json!([[0, [2]]]), true);
    check(&range, &json!([]), false);
    check(&[Test::Not(vec![is("a")])], &json!(["a", "b"]), true);
    check(&[Test::Not(vec![is("a")])], &json!(["a"]), false);
    check(&[Test::Not(vec![is("a")])], &json!([]), false);
}

#[test]
fn existing_is_about_the_field_and_not_about_its_value() {
    for value in [json!(null), json!([]), json!({}), json!(""), json!(0)] {
        check(&[Test::Exists(true)], &value, true);
        check(&[Test::Exists(false)], &value, false);
    }
    check_missing(&[Test::Exists(true)], MissingPolicy::NoMatch, false);
    check_missing(&[Test::Exists(false)], MissingPolicy::NoMatch, true);
}

#[test]
fn a_missing_field_matches_only_where_the_condition_says_so() {
    for test in [is("a"), Test::Not(vec![is("a")]), Test::Gt(number("1"))] {
        check_missing(std::slice::from_ref(&test), MissingPolicy::NoMatch, false);
        check_missing(&[test], MissingPolicy::Match, true);
    }
}

#[test]
fn a_path_through_an_array_needs_one_element_which_passes() {
    let condition = condition("data.items.sku", &[is("a")], MissingPolicy::NoMatch);
    for (data, want) in [
        (json!({ "items": [{ "sku": "b" }, { "sku": "a" }] }), true),
        (json!({ "items": { "sku": "a" } }), true),
        (json!({ "items": [{ "sku": ["b", "a"] }] }), true),
        (json!({ "items": [{ "sku": "b" }, "a"] }), false),
        (json!({ "items": [] }), false),
        (json!({ "items": "a" }), false),
    ] {
        let event = crate::rules::testing::event("t", data.clone());
        assert_eq!(condition.holds(&event), want, "{data}");
    }
}

fn condition(path: &str, tests: &[Test], missing: MissingPolicy) -> Condition {
    Condition { path: Path::parse(path).unwrap(), tests: tests.to_vec(), missing }
}

#[track_caller]
fn check(tests: &[Test], value: &Value, want: bool) {
    let event = crate::rules::testing::event("t", json!({ "x": value }));
    let condition = condition("data.x", tests, MissingPolicy::NoMatch);
    assert_eq!(condition.holds(&event), want, "{tests:?} of {value}");
}

#[track_caller]
fn check_missing(tests: &[Test], missing: MissingPolicy, want: bool) {
    let event = crate::rules::testing::event("t", json!({}));
    assert_eq!(condition("data.x", tests, missing).holds(&event), want, "{tests:?}");
}
