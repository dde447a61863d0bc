//! Alternatives which can never be the one, and those which change nothing.

use super::*;

#[test]
fn alternatives_which_can_never_be_the_one_are_warned_about() {
    let lines = "\
\"data.a\" = { exists = false }
subject = { prefix = \"a\" }
[[when.any_of.why]]
\"data.a.b\" = 1
[[when.any_of.why]]
subject = \"b\"
[[when.any_of.why]]
\"data.n\" = { gt = 5, lt = 3 }
[[when.any_of.why]]
type = \"order.x\"
[[when.any_of.why]]
subject = \"ab\"";
    let problems = [
        ("warning: `data.a.b` cannot be there while `data.a` is missing", "\"data.a.b\""),
        ("warning: no `subject` meets this condition and the other one on it", "subject"),
        ("warning: no number is in this range", "{ gt = 5, lt = 3 }"),
        ("warning: `on.event.type` lets no such type through", "\"order.x\""),
    ];
    check(lines, &problems);
    let last = lines.replace("subject = \"ab\"", "subject = \"bb\"");
    let mut all = vec![("error: no alternative of `why` can hold", "why")];
    all.extend(problems);
    all.push(("warning: no `subject` meets this condition and the other one on it", "subject"));
    check(&last, &all);
}

#[test]
fn alternatives_for_other_numbers_than_those_beside_them_are_warned_about() {
    let group = |beside: &str, inside: &str| {
        format!(
            "\"data.n\" = {beside}\n[[when.any_of.why]]\n\"data.n\" = {inside}\n\
             [[when.any_of.why]]\n\"data.y\" = 1"
        )
    };
    let problem = "warning: no number meets this condition on `data.n` and the other one on it";
    check(&group("{ gte = 500 }", "{ lt = 100 }"), &[(problem, "\"data.n\"")]);
    check(&group("{ gte = 500 }", "5"), &[(problem, "\"data.n\"")]);
    check(&group("[5, 6]", "{ gt = 6 }"), &[(problem, "\"data.n\"")]);
    // Arrays of words are what such conditions are for.
    check_fine(&group("\"a\"", "\"b\""));
    check_fine(&group("{ gte = 500 }", "{ lt = 1000 }"));
    check_fine(&group("{ gte = 500, missing = \"match\" }", "{ lt = 100 }"));
}

#[test]
fn a_group_which_always_holds_is_warned_about() {
    let lines = "\"data.a\" = 1\nany_of.why = [{ \"data.a\" = [1, 2] }, { \"data.b\" = 1 }]";
    let problem = "warning: this alternative of `why` is asked for beside the group";
    check(lines, &[(problem, "{ \"data.a\" = [1, 2] }")]);
    check_fine("\"data.a\" = [1, 2]\nany_of.why = [{ \"data.a\" = 1 }, { \"data.b\" = 1 }]");
}

#[test]
fn needless_alternatives_are_warned_about() {
    let same = "warning: this alternative is the same as one above";
    check(
        "any_of.why = [{ \"data.a\" = 1, \"data.b\" = 2 }, { \"data.b\" = 2.0, \"data.a\" = 1 }]",
        &[(same, "{ \"data.b\" = 2.0, \"data.a\" = 1 }")],
    );
    let above = "warning: whenever this alternative holds, one above does too";
    check(
        "any_of.why = [{ \"data.a\" = [1, 2] }, { \"data.a\" = 1, \"data.b\" = 1 }]",
        &[(above, "{ \"data.a\" = 1, \"data.b\" = 1 }")],
    );
    let below = "warning: whenever this alternative holds, one below does too";
    check(
        "any_of.why = [{ \"data.a\" = 1, \"data.b\" = 1 }, { \"data.a\" = 1 }]",
        &[(below, "{ \"data.a\" = 1, \"data.b\" = 1 }")],
    );
    check_fine("any_of.why = [{ \"data.a\" = 1 }, { \"data.a\" = 2 }]");
    check_fine("any_of.why = [{ \"data.a\" = { gt = 1 } }, { \"data.a\" = { gt = 2 } }]");
    check_fine("any_of.why = [{ \"data.a[none]\" = 1 }, { \"data.a[none]\" = [1, 2] }]");
}
