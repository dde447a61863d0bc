//! What can never match, and what changes nothing.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn ranges_and_lengths_which_hold_nothing_are_found() {
    check_never("{ gt = 5, lt = 3 }", "no number is in this range");
    check_never("{ gte = 5, lt = 5.0 }", "no number is in this range");
    check_never("{ len = { gt = 3, lt = 4 } }", "nothing has such a length");
    check_never("{ len = { lt = 0 } }", "nothing has such a length");
    check_possible("{ gte = 5, lte = 5.0 }");
    check_possible("{ len = { gte = 3, lt = 4 } }");
}

#[test]
fn tests_of_different_types_are_found() {
    check_never("{ gt = 5, prefix = \"a\" }", "no value passes both `gt` and `prefix`");
    check_help("\"data.x\" = { gt = 5, prefix = \"a\" }", "`gt` is about numbers, and `prefix` about text");
    check_never("{ in = [\"a\", true], lt = 3 }", "no value passes both `in` and `lt`");
    check_never("{ is = \"null\", regex = \"a+\" }", "no value passes both `is` and `regex`");
    check_never("{ where = { y = 1 }, eq = 1 }", "no value passes both `where` and `eq`");
    check_never("{ exists = false, gt = 3 }", "a field which is not there passes no test");
    // An array of two texts has both a length and elements.
    check_possible("{ len = 2, prefix = \"a\" }");
    check_possible("{ contains_any = [1], prefix = \"a\" }");
    check_possible("{ exists = false, changed = true }");
    check_possible("{ not = 5, prefix = \"a\" }");
}

#[test]
fn values_which_pass_no_other_test_are_found() {
    check_never("{ eq = \"a\", not = \"a\" }", "no value passes both `eq` and `not`");
    check_never("{ in = [1, 2], gte = 3 }", "no value passes both `in` and `gte`");
    check_never("{ in = [1, 5], gte = 3, not = 5 }", "no value of `in` passes the other tests");
    check_never("{ prefix = \"b\", eq = \"abc\" }", "no value passes both `prefix` and `eq`");
    check_never("{ eq = \"a\", in = [\"b\", \"c\"] }", "no value passes both `eq` and `in`");
    check_never("{ eq = \"10.0.0.1\", cidr = \"192.0.2.0/24\" }", "no value passes both `eq` and `cidr`");
    check_never("{ eq = \"abc\", regex = \"^[0-9]+$\" }", "no value passes both `eq` and `regex`");
    check_never("{ is = \"null\", not = { is = \"null\" } }", "no value passes both `is` and `not`");
    check_never("{ is = \"empty\", gt = 1 }", "no value passes both `is` and `gt`");
    check_never("{ is = \"empty\", prefix = \"a\" }", "no value passes both `is` and `prefix`");
    check_never("{ is = \"empty\", len = 1 }", "no value passes both `is` and `len`");
    check_never("{ prefix = \"a\", iprefix = \"B\" }", "no value passes both `prefix` and `iprefix`");
    check_never("{ iequals = \"abc\", suffix = \"B\" }", "no value passes both `iequals` and `suffix`");
    check_possible("{ in = [1, 2], gte = 2 }");
    check_possible("{ prefix = \"A\", iprefix = \"ab\" }");
    check_possible("{ is = \"empty\", not = 1 }");
    check_possible("{ eq = \"abc\", len = 2 }");
}

/// What holds for a missing field, or for an array without elements, holds.
#[test]
fn what_may_still_hold_is_a_warning() {
    let range = "{ gt = 5, lt = 3, missing = \"match\" }";
    check(&format!("\"data.x\" = {range}"), &[("warning: no number is in this range", range)]);
    let range = "{ gt = 5, lt = 3 }";
    check(&format!("\"data.x[all].y\" = {range}"), &[("warning: no number is in this range", range)]);
    check(&format!("\"data.x[none]\" = {range}"), &[("warning: no number is in this range", range)]);
    check(&format!("\"data.x[any]\" = {range}"), &[("error: no number is in this range", range)]);
    let never = "warning: nothing passes what is negated, so `not` always holds";
    check(&format!("\"data.x\" = {{ not = {range} }}"), &[(never, range)]);
    check(&format!("\"data.x\" = {{ was = {range} }}"), &[("warning: no number is in this range", range)]);
    let mixed = "{ len = 3, prefix = \"a\" }";
    let problem = "warning: this `not` mixes tests of a list with tests of its elements";
    check(&format!("\"data.x\" = {{ not = {mixed} }}"), &[(problem, mixed)]);
}

#[test]
fn conditions_inside_where_are_looked_at_as_well() {
    let range = "{ gt = 5, lt = 3 }";
    check(
        &format!("\"data.x\" = {{ where = {{ y = {range} }} }}"),
        &[("error: no number is in this range", range)],
    );
    let inside = format!("{{ where = {{ y = {range} }} }}");
    check(&format!("\"data.x\" = {{ not = {inside} }}"), &[("warning: no number is in this range", range)]);
    let lines = "\"data.x\" = { where = { y = { exists = false }, \"y.z\" = 1 } }";
    check(lines, &[("error: `y.z` cannot be there while `y` is missing", "\"y.z\"")]);
}

#[test]
fn attributes_which_are_text_are_never_numbers() {
    check("id = 5", &[("error: `id` is text, and no text passes this test", "5")]);
    check("time = { gt = 5 }", &[("error: `time` is text, and no text passes this test", "{ gt = 5 }")]);
    let null = "{ is = \"null\" }";
    check(&format!("subject = {null}"), &[("error: `subject` is text, and no text passes this test", null)]);
    let range = "{ lt = 5, missing = \"match\" }";
    check(
        &format!("subject = {range}"),
        &[("warning: `subject` is text, and no text passes this test", range)],
    );
    check(
        "source = { contains_all = [\"a\", \"b\"] }",
        &[("error: `source` is text, and no text passes this test", "{ contains_all = [\"a\", \"b\"] }")],
    );
    check(
        "id = { eq = \"abc\", len = 2 }",
        &[("error: no value passes both `eq` and `len`", "{ eq = \"abc\", len = 2 }")],
    );
    check("data = { exists = false }", &[("error: an event always has `data`", "{ exists = false }")]);
    check_fine("subject = { exists = false }");
    check_fine("tenant = { is = \"empty\" }");
    check_fine("time = { prefix = \"2026-03\" }");
}

#[test]
fn types_which_the_trigger_does_not_let_through_are_found() {
    let no_such = "error: `on.event.type` lets no such type through";
    check("type = \"refund.amended\"", &[(no_such, "\"refund.amended\"")]);
    check("type = { prefix = \"order.\" }", &[(no_such, "{ prefix = \"order.\" }")]);
    check(
        "type = { suffix = \"x\", not = \"credit.x\", eq = \"credit.x\" }",
        &[(
            "error: no value passes both `not` and `eq`",
            "{ suffix = \"x\", not = \"credit.x\", eq = \"credit.x\" }",
        )],
    );
    check_help("type = \"x\"", "it lets `refund.requested` and `credit.*` through");
    for fine in [
        "\"refund.requested\"",
        "\"credit.x\"",
        "{ prefix = \"credit.a\" }",
        "{ prefix = \"ref\" }",
        "{ suffix = \"x\" }",
    ] {
        check_fine(&format!("type = {fine}"));
    }
}

#[test]
fn conditions_which_exclude_each_other_are_found() {
    let below = "error: `data.a.b` cannot be there while `data.a` is missing";
    check("\"data.a\" = { exists = false }\n\"data.a.b\" = 1", &[(below, "\"data.a.b\"")]);
    check("\"data.a.b\" = 1\n\"data.a\" = { exists = false }", &[(below, "\"data.a\"")]);
    let any = "error: `data.a[any]` cannot be there while `data.a` is missing";
    check("\"data.a\" = { is = \"missing\" }\n\"data.a[any]\" = 1", &[(any, "\"data.a[any]\"")]);
    let empty = "error: `data.a.b` cannot be there while `data.a` is empty";
    check("\"data.a\" = { is = \"empty\" }\n\"data.a.b\" = 1", &[(empty, "\"data.a.b\"")]);
    for fine in [
        "\"data.a\" = { exists = false }\n\"data.a.b\" = { not = 1, missing = \"match\" }",
        "\"data.a\" = { exists = false }\n\"data.a.b\" = { exists = false }",
        "\"data.a\" = { exists = false }\n\"data.ab\" = 1",
        "\"data.a[any]\" = { exists = false }\n\"data.a\" = 1",
        "\"data.a\" = { is = \"empty\" }\n\"data.a[all]\" = 1",
        "\"data.a\" = { exists = false }\n\"data.a.b\" = { was = 1 }",
        // An array has both.
        "\"data.a\" = \"x\"\n\"data.a.b\" = 1",
        "old = { exists = false }\n\"data.a\" = { became = 1 }",
        "old = { exists = false }\n\"data.a\" = 1",
    ] {
        check_fine(fine);
    }
    let old = "error: `old.a.b` cannot be there while `old.a` is missing";
    check("\"old.a\" = { exists = false }\n\"old.a.b\" = 1", &[(old, "\"old.a.b\"")]);
    let insert = "error: `old.a` cannot be there while `old` is missing";
    check("old = { exists = false }\n\"old.a\" = 1", &[(insert, "\"old.a\"")]);
    let was = "error: `was` never holds while `old` is missing";
    check("old = { exists = false }\n\"data.a\" = { was = 1 }", &[(was, "\"data.a\"")]);
    let changed = "error: `changed` never holds while `old` is missing";
    check("\"data.a\" = { changed = true }\nold = { is = \"missing\" }", &[(changed, "old")]);
    let twice = "warning: `data.\"a\"` and `data.a` are one path";
    check("\"data.a\" = 1\n'data.\"a\"' = 2", &[(twice, "'data.\"a\"'")]);
}

proptest! {
    /// What is refused as impossible is met by no value at all.
    #[test]
    fn nothing_meets_what_is_refused(
        tests in proptest::collection::btree_map(0_usize..20, 0_usize..4, 1..4),
        group in any::<bool>(),
    ) {
        let tests = tests.iter().map(|(name, argument)| operator(*name, *argument)).collect::<Vec<_>>();
        let tests = tests.join(", ");
        let table = format!("{{ {tests} }}");
        let lines = if group {
            let never = "[[when.any_of.a]]\n\"data.x\" = { gt = 2, lt = 1 }";
            format!("[[when.any_of.a]]\n\"data.x\" = {table}\n{never}")
        } else {
            format!("\"data.x\" = {table}")
        };
        let (routine, problems) = routine(&lines);
        if routine.is_none() {
            let loose = format!("\"data.x\" = {{ {tests}, missing = \"match\" }}");
            let loose = super::routine(&loose).0;
            prop_assert!(loose.is_some(), "{problems}");
            for value in values() {
                let event = crate::rules::testing::event("refund.requested", json!({ "x": value }));
                let met = loose.as_ref().is_some_and(|routine| routine.when.matches(&event));
                prop_assert!(!met, "{problems}\n{value}");
            }
        }
    }
}

/// An operator with one of four arguments, as TOML.
fn operator(name: usize, argument: usize) -> String {
    const TEXTS: [&str; 4] = ["\"\"", "\"a\"", "\"Ab\"", "[\"b\", \"AB\"]"];
    const LITERALS: [&str; 4] = ["[1]", "[\"a\", 2]", "[true, { is = \"null\" }]", "[\"\", \"ab\"]"];
    let name = [
        "in",
        "not",
        "gt",
        "gte",
        "lt",
        "lte",
        "prefix",
        "suffix",
        "contains",
        "iequals",
        "iprefix",
        "isuffix",
        "like",
        "cidr",
        "is",
        "len",
        "contains_any",
        "contains_all",
        "where",
        "not_in",
    ][name];
    let argument = match name {
        "gt" | "gte" | "lt" | "lte" | "len" => argument.to_string(),
        "prefix" | "suffix" | "contains" | "iequals" | "iprefix" | "isuffix" => TEXTS[argument].to_owned(),
        "like" => ["\"a*\"", "\"*\"", "\"*b*\"", "\"a\""][argument].to_owned(),
        "cidr" => ["\"10.0.0.0/8\"", "\"::1\"", "\"10.0.0.1\"", "\"::/0\""][argument].to_owned(),
        "is" => ["\"null\"", "\"empty\"", "\"null\"", "\"empty\""][argument].to_owned(),
        "where" => ["{ a = 1 }", "{ b = 1 }", "{ a = 2 }", "{ a = { not = 3 } }"][argument].to_owned(),
        _ => LITERALS[argument].to_owned(),
    };
    format!("{name} = {argument}")
}

/// Scalars, and arrays of one and two of them.
fn values() -> Vec<Value> {
    let scalars = [
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(1.5),
        json!(2),
        json!(3),
        json!(""),
        json!("a"),
        json!("ab"),
        json!("AB"),
        json!("b"),
        json!("10.0.0.1"),
        json!("::1"),
        json!({}),
        json!({ "a": 1 }),
        json!([]),
    ];
    let ones = scalars.iter().map(|one| json!([one]));
    let twos = scalars.iter().flat_map(|one| scalars.iter().map(move |two| json!([one, two])));
    scalars.iter().cloned().chain(ones).chain(twos).collect()
}

/// Checks that a table of tests is refused, and with it the routine.
#[track_caller]
fn check_never(table: &str, message: &str) {
    check(&format!("\"data.x\" = {table}"), &[(format!("error: {message}").as_str(), table)]);
}

#[track_caller]
fn check_possible(table: &str) {
    check_fine(&format!("\"data.x\" = {table}"));
}
