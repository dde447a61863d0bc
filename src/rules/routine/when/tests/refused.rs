//! What cannot be read, in which words, and where they point.

use super::*;

#[test]
fn unknown_operators_are_shown_with_the_one_which_was_meant() {
    check("\"data.x\" = { startsWith = \"a\" }", &[("error: unknown key `startsWith`", "startsWith")]);
    check_help("\"data.x\" = { startsWith = \"a\" }", "did you mean `prefix`?");
    check_help("\"data.x\" = { gtee = 5 }", "did you mean `gte`?");
    check_help("\"data.x\" = { between = [1, 2] }", "write both ends: `{ gte = 500, lt = 1000 }`");
    check_help("\"data.x\" = { not = { neq = 1 } }", "did you mean `not`?");
    check("\"data.x\" = { len = { not = 1 } }", &[("error: unknown key `not`", "not")]);
}

#[test]
fn values_of_the_wrong_type_are_underlined() {
    check("\"data.x\" = { gt = \"500\" }", &[("error: `gt` must be a number, not a string", "\"500\"")]);
    check_help("\"data.x\" = { gt = \"500\" }", "write it without quotes: `gt = 500`");
    let times = "times are text in an event and have no order here; `prefix` compares their beginning: \
                 `{ prefix = \"2026-03\" }`";
    check_help("time = { gte = \"2026-03-01\" }", times);
    check_help("time = { gte = 2026-03-01 }", times);
    check("\"data.x\" = { lt = inf }", &[("error: `lt` cannot be compared with this number", "inf")]);
    check("\"data.x\" = { eq = [1] }", &[("error: `eq` must be one value, not an array", "[1]")]);
    check("\"data.x\" = { in = 1 }", &[("error: `in` must be an array, not an integer", "1")]);
    check(
        "\"data.x\" = { contains_all = \"a\" }",
        &[("error: `contains_all` must be an array, not a string", "\"a\"")],
    );
    check(
        "\"data.x\" = { prefix = 5 }",
        &[("error: `prefix` must be a string or an array of strings, not an integer", "5")],
    );
    check(
        "\"data.x\" = { prefix = [\"a\", 5] }",
        &[("error: `prefix` must be a string, not an integer", "5")],
    );
    check(
        "\"data.x\" = { exists = 1 }",
        &[("error: `exists` must be `true` or `false`, not an integer", "1")],
    );
    check("\"data.x\" = { changed = false }", &[("error: `changed` must be `true`, not `false`", "false")]);
    check("\"data.x\" = { len = 1.5 }", &[("error: `len` must be an integer, not a number", "1.5")]);
    check("\"data.x\" = { len = { lt = -1 } }", &[("error: a length is never negative", "-1")]);
    check("\"data.x\" = { is = \"nul\" }", &[("error: `is` cannot be `nul`", "\"nul\"")]);
    check_help("\"data.x\" = { is = \"nul\" }", "did you mean `null`?");
    check(
        "\"data.x\" = { where = 1 }",
        &[("error: `where` must be a table of conditions, not an integer", "1")],
    );
    check("\"data.x\" = { missing = true, eq = 1 }", &[("error: `missing` can only be `\"match\"`", "true")]);
}

#[test]
fn lists_hold_values_and_each_once() {
    check("\"data.x\" = []", &[("error: `data.x` has an empty list, which nothing is in", "[]")]);
    check(
        "\"data.x\" = { prefix = [] }",
        &[("error: `prefix` has an empty list, which no text passes", "[]")],
    );
    check("\"data.x\" = [1, 1.0]", &[("error: this value is in the list twice", "1.0")]);
    check("\"data.x\" = { iprefix = [\"a\", \"A\"] }", &[("error: this text is in the list twice", "\"A\"")]);
    check_fine("\"data.x\" = { prefix = [\"a\", \"A\"] }");
    check_fine("\"data.x\" = [1, \"1\", true]");
    let missing = "what is missing is no value, so no list has it";
    check(
        "\"data.x\" = [1, { is = \"missing\" }]",
        &[(format!("error: {missing}").as_str(), "{ is = \"missing\" }")],
    );
    check(
        "\"data.x\" = [{ is = \"empty\" }]",
        &[("error: in a list, `is` can only be `\"null\"`", "{ is = \"empty\" }")],
    );
    let table = "error: `data.x` is compared with text, numbers or booleans, not a table";
    check("\"data.x\" = [{ gt = 1 }]", &[(table, "{ gt = 1 }")]);
}

#[test]
fn faults_inside_a_text_are_underlined_there() {
    check("\"data.x\" = { regex = 'a(b' }", &[("error: this is no regular expression: unclosed group", "(")]);
    check(
        "\"data.x\" = { regex = [\"a+\", \"b{2,1}\"] }",
        &[(
            "error: this is no regular expression: invalid repetition count range, \
             the start must be <= the end",
            "{2,1}",
        )],
    );
    check("\"data.x\" = { like = 'a**b' }", &[("error: two stars side by side are no more than one", "**")]);
    check("\"data.x\" = { ilike = 'a*\\b' }", &[("error: a backslash stands before `*` or `\\`", "\\")]);
    let host = "error: this address is inside its range; the range is written `10.0.0.0/8`";
    check("\"data.x\" = { cidr = \"10.0.0.1/8\" }", &[(host, "\"10.0.0.1/8\"")]);
    check("\"data..x\" = 1", &[("error: a key is missing in this path", ".")]);
    check("\"data.x\" = { where = { \"a[0]\" = 1 } }", &[("error: a path has no indexes", "0")]);
}

#[test]
fn tests_stand_where_they_mean_something() {
    check("\"data.x\" = {}", &[("error: `data.x` has nothing to test", "{}")]);
    check("\"data.x\" = { not = {} }", &[("error: `not` has nothing to test", "{}")]);
    check("\"data.x\" = { len = {} }", &[("error: `len` has nothing to test", "{}")]);
    check("\"data.x\" = { where = {} }", &[("error: `where` has no conditions", "{}")]);
    check("\"old.x\" = { changed = true }", &[("error: `changed` stands on a path of `data`", "changed")]);
    check(
        "\"data.x\" = { where = { y = { was = 1 } } }",
        &[("error: `was` stands on a path of `data`", "was")],
    );
    check(
        "\"data.x\" = { not = { exists = true } }",
        &[("error: `exists` does not go inside `not`", "exists")],
    );
    check(
        "\"data.x\" = { not = { changed = true } }",
        &[("error: `changed` does not go inside `not`", "changed")],
    );
    check(
        "\"data.x\" = { not = { is = \"missing\" } }",
        &[("error: `not` is only asked of what is there", "\"missing\"")],
    );
    check(
        "\"data.x\" = { was = { exists = true } }",
        &[("error: `exists` does not go inside `was`", "exists")],
    );
    check("\"data.x\" = { became = { was = 1 } }", &[("error: `was` does not go inside `became`", "was")]);
    check(
        "\"data.x\" = { was = { not = { where = { y = 1 } } } }",
        &[("error: `where` does not go inside `was`", "where")],
    );
    let table = "{ exists = false, missing = \"match\" }";
    check(
        &format!("\"data.x\" = {table}"),
        &[("error: `exists` and `missing` contradict each other", table)],
    );
    let table = "{ changed = true, missing = \"match\" }";
    check(&format!("\"data.x\" = {table}"), &[("error: `missing` does not go with `changed`", table)]);
}

#[test]
fn groups_of_alternatives_have_a_shape() {
    check("any_of = {}", &[("error: `any_of` has no groups", "any_of")]);
    check("any_of = 1", &[("error: `any_of` holds groups of alternatives", "1")]);
    check(
        "[[when.any_of]]\n\"data.x\" = 1",
        &[("error: these alternatives have no name", "[[when.any_of]]")],
    );
    let one_table = "error: `why` is a group of alternatives, and this is one table";
    check("[when.any_of.why]\n\"data.x\" = 1", &[(one_table, "[when.any_of.why]")]);
    check("any_of.why = []", &[("error: `why` has no alternatives, so nothing would match", "[]")]);
    check("any_of.why = 5", &[("error: `why` is a group of alternatives: a list of tables", "5")]);
    check(
        "any_of.why = [5, 6]",
        &[
            ("error: `why` must be a list of tables, not an integer", "5"),
            ("error: `why` must be a list of tables, not an integer", "6"),
        ],
    );
    let always = "error: this alternative has no conditions, so it always holds";
    check("any_of.why = [{}, { \"data.x\" = 1 }]", &[(always, "{}")]);
    check("[[when.any_of.why]]\n\"data.x\" = 1", &[("warning: `why` has one alternative", "why")]);
    let name = "error: this is no name for a group of alternatives";
    check("any_of = { \"data.x\" = [{ \"data.x\" = 1 }, { \"data.y\" = 1 }] }", &[(name, "\"data.x\"")]);
    check("\"data.x\" = { any_of = [1, 2] }", &[("error: unknown key `any_of`", "any_of")]);
}

#[test]
fn a_misspelt_any_of_is_no_path() {
    let two =
        |name: &str| format!("[[when.{name}.why]]\n\"data.x\" = 1\n[[when.{name}.why]]\n\"data.y\" = 1");
    for name in ["any_off", "anyOf", "one_of", "or"] {
        check(&two(name), &[(format!("error: unknown key `{name}`").as_str(), name)]);
        check_help(&two(name), "did you mean `any_of`?");
    }
    check(&two("all_of"), &[("error: unknown key `all_of`", "all_of")]);
    check_fine("\"data.any\" = { in = [1, { is = \"null\" }] }");
    check_fine("\"data.x\" = { where = { any = { in = [1, { is = \"null\" }] } } }");
}

#[test]
fn paths_as_others_write_them_are_shown_as_ours() {
    check_help("\"detail.x.y\" = 1", "write \"data.x.y\"");
    check_help("\"event.data.x\" = 1", "write \"data.x\"");
    check_help("\"$.data.x\" = 1", "write \"data.x\"");
    check_help("\"before.x\" = 1", "write \"old.x\"");
    check_help("\"metadata.x\" = 1", "write \"meta.x\"");
    check_help("\"dta.x\" = 1", "did you mean `data`?");
    let roots = "a path begins with one of `type`, `id`, `source`, `subject`, `time`, `tenant`, `data`, \
                 `old` and `meta`";
    check_help("amount = 1", &format!("what happened is in `data`: write \"data.amount\"; {roots}"));
    check_help("\"a.b[any]\" = 1", &format!("what happened is in `data`: write \"data.a.b[any]\"; {roots}"));
}

#[test]
fn too_many_combinations_are_refused() {
    let group = |name: &str, first: usize| {
        let alternatives =
            (0..10).map(|n| format!("[[when.any_of.{name}]]\n\"data.x{}\" = {n}\n", first + n));
        alternatives.collect::<String>()
    };
    let three = group("a", 0) + &group("b", 10) + &group("c", 20);
    check_fine(&three);
    let four = three + &group("d", 30);
    check(&four, &[("error: the alternatives make more than 1000 combinations", "any_of")]);
}

#[test]
fn paths_without_quotes_are_shown_with_quotes() {
    let quotes = "error: a path in `[when]` stands in quotes";
    check("data.x = 1", &[(quotes, "data.x")]);
    check_help("data.x = 1", "write \"data.x\" = 1");
    check("data.\"a.b\".c = 1", &[(quotes, "data.\"a.b\".c")]);
    check_help("data.\"a.b\".c = 1", "write 'data.\"a.b\".c' = 1");
    check("data.x.gte = 5", &[(quotes, "data.x.gte")]);
    check_help("data.x.gte = 5", "write \"data.x\" = { gte = 5 }");
    check_help("data.in = 5", "write \"data.in\" = 5");
    check("[when.data]\nx = 1\ny = 2", &[(quotes, "x"), (quotes, "y")]);
    check_help("[when.data]\nx = 1", "write \"data.x\" = 1");
    check("[when.data]", &[(quotes, "[when.data]")]);
    check("[[when.any_of.why]]\ndata.x = 1\n[[when.any_of.why]]\ntype = \"credit.x\"", &[(quotes, "data.x")]);
    check("\"data.x\" = { where = { y.z = 1 } }", &[("error: a path in `where` stands in quotes", "z")]);
}

#[test]
fn all_that_is_wrong_is_found_at_once() {
    let lines = "\
\"dta.x\" = 1
\"data.x\" = { gt = 5, lt = 3 }
data.y = 1
\"data.z\" = { gt = \"a\", prfix = \"b\" }";
    check(
        lines,
        &[
            ("error: an event has no `dta`", "dta"),
            ("error: no number is in this range", "{ gt = 5, lt = 3 }"),
            ("error: a path in `[when]` stands in quotes", "data.y"),
            ("error: `gt` must be a number, not a string", "\"a\""),
            ("error: unknown key `prfix`", "prfix"),
        ],
    );
}

#[test]
fn tests_of_text_which_say_little_are_warned_about() {
    check("\"data.x\" = { prefix = \"\" }", &[("warning: every text passes an empty `prefix`", "\"\"")]);
    check(
        "\"data.x\" = { icontains = [\"a\", \"\"] }",
        &[("warning: every text passes an empty `icontains`", "\"\"")],
    );
    check("\"data.x\" = { like = \"*\" }", &[("warning: every text passes this `like`", "\"*\"")]);
    check("\"data.x\" = { like = \"a%\" }", &[("warning: a `%` is no wildcard of `like`", "\"a%\"")]);
    let whole = "warning: this `ilike` has no star, so it compares the whole text";
    check("\"data.x\" = { ilike = \"a\" }", &[(whole, "\"a\"")]);
    check(
        "\"data.x\" = { regex = \"^inv\" }",
        &[("warning: this expression only looks for a text", "\"^inv\"")],
    );
    check_help("\"data.x\" = { regex = \"^inv\" }", "write `prefix = \"inv\"`, which is found faster");
    check_help("\"data.x\" = { regex = 'inv\\.$' }", "write `suffix = \"inv.\"`, which is found faster");
    check("\"data.x\" = { regex = \".*\" }", &[("warning: every text passes this expression", "\".*\"")]);
    check_fine("\"data.x\" = { regex = [\"^inv\", \"[0-9]\"] }");
}
