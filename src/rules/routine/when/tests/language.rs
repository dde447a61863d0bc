//! What the words of the language become.

use super::*;
use crate::rules::condition::{Fold, Like, MissingPolicy, Network, Pattern};
use crate::rules::path::Root;
use crate::rules::when::{AnyOf, When};
use proptest::prelude::*;

#[test]
fn a_value_or_a_list_stands_for_equality() {
    check_tests("\"EUR\"", &[is(text("EUR"))]);
    check_tests("12.50", &[is(Literal::Number(number("12.50")))]);
    check_tests("true", &[is(Literal::Bool(true))]);
    check_tests("[\"EUR\", 5]", &[Test::OneOf(vec![text("EUR"), Literal::Number(number("5"))])]);
    check_tests("{ eq = \"EUR\" }", &[is(text("EUR"))]);
    check_tests("{ in = [\"EUR\"] }", &[is(text("EUR"))]);
    check_tests("[\"EUR\", { is = \"null\" }]", &[Test::OneOf(vec![text("EUR"), Literal::Null])]);
}

#[test]
fn not_takes_a_value_a_list_or_tests() {
    check_tests("{ not = \"a\" }", &[Test::Not(vec![is(text("a"))])]);
    let two = Test::Not(vec![Test::OneOf(vec![text("a"), Literal::Null])]);
    check_tests("{ not = [\"a\", { is = \"null\" }] }", std::slice::from_ref(&two));
    check_tests("{ not_in = [\"a\", { is = \"null\" }] }", &[two]);
    check_tests("{ not = { is = \"null\" } }", &[Test::Not(vec![Test::IsNull])]);
    let range = vec![Test::Gte(number("1")), Test::Lt(number("9"))];
    check_tests("{ not = { gte = 1, lt = 9 } }", &[Test::Not(range)]);
    check_tests("{ not = { not = \"a\" } }", &[Test::Not(vec![Test::Not(vec![is(text("a"))])])]);
    check_tests("{ not = { is = \"empty\" } }", &[Test::Not(vec![Test::IsEmpty])]);
}

#[test]
fn numbers_have_ranges_and_values_have_lengths() {
    let range =
        [Test::Gt(number("1")), Test::Gte(number("2.5")), Test::Lt(number("9")), Test::Lte(number("8e0"))];
    check_tests("{ gt = 1, gte = 2.5, lt = 9, lte = 8e0 }", &range);
    check_tests("{ len = 3 }", &[Test::Len(vec![is(Literal::Number(number("3")))])]);
    let tests = vec![Test::Gte(number("1")), Test::Lt(number("5"))];
    check_tests("{ len = { gte = 1, lt = 5 } }", &[Test::Len(tests)]);
}

#[test]
fn text_is_tested_with_and_without_its_case() {
    let words = |words: &[&str]| words.iter().map(|word| Box::<str>::from(*word)).collect::<Vec<_>>();
    check_tests("{ prefix = \"In\" }", &[Test::Prefix(Fold::Exact, words(&["In"]))]);
    check_tests("{ suffix = [\"a\", \"B\"] }", &[Test::Suffix(Fold::Exact, words(&["a", "B"]))]);
    check_tests("{ contains = \"x\" }", &[Test::Contains(Fold::Exact, words(&["x"]))]);
    check_tests("{ iequals = \"STRASSE\" }", &[Test::IEquals(words(&["strasse"]))]);
    check_tests("{ iprefix = \"Straße\" }", &[Test::Prefix(Fold::Insensitive, words(&["strasse"]))]);
    check_tests("{ isuffix = \"X\" }", &[Test::Suffix(Fold::Insensitive, words(&["x"]))]);
    check_tests("{ icontains = [\"X\"] }", &[Test::Contains(Fold::Insensitive, words(&["x"]))]);
    let like = |text, how| vec![Like::parse(text, how).unwrap()];
    check_tests("{ like = 'a*\\*' }", &[Test::Like(Fold::Exact, like("a*\\*", Fold::Exact))]);
    check_tests("{ ilike = \"A*\" }", &[Test::Like(Fold::Insensitive, like("A*", Fold::Insensitive))]);
    check_tests("{ regex = '^a+$' }", &[Test::Regex(vec![Pattern::parse("^a+$").unwrap()])]);
    let networks = ["10.0.0.0/8", "::1"].map(|text| Network::parse(text).unwrap());
    check_tests("{ cidr = [\"10.0.0.0/8\", \"::1\"] }", &[Test::Cidr(networks.to_vec())]);
}

#[test]
fn fields_and_lists_are_tested_as_a_whole() {
    check_tests("{ exists = true }", &[Test::Exists(true)]);
    check_tests("{ is = \"missing\" }", &[Test::Exists(false)]);
    check_tests("{ is = \"null\" }", &[Test::IsNull]);
    check_tests("{ is = \"empty\" }", &[Test::IsEmpty]);
    check_tests("{ contains_any = [\"a\"] }", &[Test::ContainsAny(vec![text("a")])]);
    check_tests(
        "{ contains_all = [\"a\", 1] }",
        &[Test::ContainsAll(vec![text("a"), Literal::Number(number("1"))])],
    );
}

#[test]
fn the_row_before_is_tested_with_its_own_words() {
    check_tests("{ changed = true }", &[Test::Changed]);
    check_tests(
        "{ became = \"paid\", was = [\"open\", \"new\"] }",
        &[
            Test::Became(vec![is(text("paid"))]),
            Test::Was(vec![Test::OneOf(vec![text("open"), text("new")])]),
        ],
    );
    check_tests("{ was = { is = \"missing\" } }", &[Test::Was(vec![Test::Exists(false)])]);
    check_tests(
        "{ became = { not = { is = \"missing\" } } }",
        &[Test::Became(vec![Test::Not(vec![Test::Exists(false)])])],
    );
}

#[test]
fn missing_fields_match_where_the_condition_says_so() {
    assert_eq!(condition("\"data.x\" = { not = 1, missing = \"match\" }").missing, MissingPolicy::Match);
    assert_eq!(condition("\"data.x\" = { not = 1 }").missing, MissingPolicy::NoMatch);
}

#[test]
fn where_has_conditions_of_its_own() {
    let condition = condition(
        "\"data.items\" = { where = { sku = \"a\", '\"any_of\"' = 1, any_of.n = [{ x = 1 }, { y = 2 }] } }",
    );
    let [Test::Where(when)] = &condition.tests[..] else { panic!("{condition:?}") };
    assert_eq!(shape(when.clauses()), "sku, any_of, n(x | y)");
    let roots = when.conditions().iter().map(|labelled| labelled.condition.path.root()).collect::<Vec<_>>();
    assert_eq!(roots, [Root::Element; 4]);
}

#[test]
fn groups_of_alternatives_nest() {
    let lines = "\
[[when.any_of.why]]
\"data.a\" = 1
\"data.b\" = 1
[[when.any_of.why]]
\"data.c\" = 1
[[when.any_of.why.any_of.inner]]
\"data.d\" = 1
[[when.any_of.why.any_of.inner]]
\"data.e\" = 1
[[when.any_of.who]]
\"data.f\" = 1
[[when.any_of.who]]
\"data.g\" = 1";
    let want = "why(data.a, data.b | data.c, inner(data.d | data.e)), who(data.f | data.g)";
    assert_eq!(shape(&clauses(lines)), want);
    assert_eq!(shape(&clauses(&format!("[when]\n\"data.z\" = 1\n{lines}"))), format!("data.z, {want}"));
    let inline = "any_of = { why = [{ \"data.a\" = 1 }, { type = \"credit.x\" }] }";
    assert_eq!(shape(&clauses(inline)), "why(data.a | type)");
    check_fine(lines);
}

#[test]
fn tests_may_stand_under_a_header_or_after_a_dot() {
    let want = [Test::Gte(number("5"))];
    assert_eq!(condition("[when.\"data.x\"]\ngte = 5").tests, want);
    assert_eq!(condition("\"data.x\".gte = 5").tests, want);
    assert_eq!(condition("subject.len = 3").path.as_str(), "subject");
    assert_eq!(condition("[when.\"data.items\".where]\nsku = \"a\"").tests.len(), 1);
}

#[test]
fn without_conditions_there_is_nothing_to_say() {
    check_fine("");
    assert_eq!(routine("").0.map(|routine| routine.when), Some(When::default()));
}

/// Every operator is known by its name, wherever it may stand.
#[test]
fn every_operator_is_read() {
    for name in crate::rules::routine::when::OPERATORS {
        let problems = routine(&format!("\"data.x\" = {{ {name} = 1 }}")).1;
        let unknown = problems.iter().any(|problem| problem.message.starts_with("unknown key"));
        assert!(!unknown, "{name}");
    }
}

proptest! {
    /// Whatever is written, it becomes conditions or has an error, and its
    /// problems can be shown.
    #[test]
    fn no_test_makes_the_reader_panic(
        name in proptest::sample::select(crate::rules::routine::when::OPERATORS.to_vec()),
        value in "(\"[a-z*\\\\^$.(%ü0-9/]{0,6}\"|'[a-z*\\\\^$.(%/ü]{0,6}'|-?[0-9]{1,3}|true|\
                  \\[(1|1, 1|'a', 'A')?\\]|\
                  \\{ ?((gt|not|is|eq|where|any_of|x) = (1|'a'|'null'|\\{\\}|\\[\\]))? ?\\})",
        path in "(data|type|old|time|data\\.x(\\[(any|all|none)\\])?|x)",
    ) {
        let line = format!("\"{path}\" = {{ {name} = {value} }}");
        let tolerant = format!("\"{path}\" = {{ {name} = {value}, missing = \"match\" }}");
        let both = format!("{line}\n'data.\"x\"' = {{ not = {{ {name} = {value} }} }}");
        let group = format!("[[when.any_of.a]]\n{line}\n[[when.any_of.a]]\n{tolerant}");
        for lines in [line, tolerant, both, group] {
            let (routine, problems) = routine(&lines);
            prop_assert_eq!(routine.is_none(), problems.has_errors());
            let _ = problems.render();
        }
    }
}

#[track_caller]
fn check_tests(value: &str, want: &[Test]) {
    let line = format!("\"data.x\" = {value}");
    check_fine(&line);
    assert_eq!(condition(&line).tests, want, "{value}");
}

/// Clauses by the keys of their paths and the names of groups.
fn shape(clauses: &[Clause]) -> String {
    let shapes = clauses.iter().map(|clause| match clause {
        Clause::Condition(condition) => condition.path.as_str().replace('"', ""),
        Clause::AnyOf(AnyOf { name, alternatives }) => {
            let alternatives = alternatives.iter().map(|clauses| shape(clauses)).collect::<Vec<_>>();
            format!("{name}({})", alternatives.join(" | "))
        }
    });
    shapes.collect::<Vec<_>>().join(", ")
}
