//! Operators by the names they have elsewhere.

use super::OPERATORS;
use crate::rules::problem::Problem;
use crate::rules::routine::table::{Findings, Text};
use crate::rules::text::{closest, listed};

/// What other languages call our operators; hyphens and blanks count as `_`.
const SYNONYMS: [(&str, &str); 73] = [
    ("=", "eq"),
    ("==", "eq"),
    ("equal", "eq"),
    ("equals", "eq"),
    ("equal_to", "eq"),
    ("one_of", "in"),
    ("oneof", "in"),
    ("enum", "in"),
    ("is_in", "in"),
    ("!=", "not"),
    ("<>", "not"),
    ("ne", "not"),
    ("neq", "not"),
    ("is_not", "not"),
    ("not_eq", "not"),
    ("not_equal", "not"),
    ("not_equals", "not"),
    ("anything_but", "not"),
    ("nin", "not_in"),
    ("notin", "not_in"),
    ("none_of", "not_in"),
    (">", "gt"),
    ("greater_than", "gt"),
    ("above", "gt"),
    (">=", "gte"),
    ("ge", "gte"),
    ("min", "gte"),
    ("at_least", "gte"),
    ("<", "lt"),
    ("less_than", "lt"),
    ("below", "lt"),
    ("<=", "lte"),
    ("le", "lte"),
    ("max", "lte"),
    ("at_most", "lte"),
    ("startswith", "prefix"),
    ("starts_with", "prefix"),
    ("begins_with", "prefix"),
    ("endswith", "suffix"),
    ("ends_with", "suffix"),
    ("includes", "contains"),
    ("substring", "contains"),
    ("glob", "like"),
    ("wildcard", "like"),
    ("match", "regex"),
    ("matches", "regex"),
    ("regexp", "regex"),
    ("pattern", "regex"),
    ("ieq", "iequals"),
    ("equals_ignore_case", "iequals"),
    ("istartswith", "iprefix"),
    ("iendswith", "isuffix"),
    ("ip", "cidr"),
    ("subnet", "cidr"),
    ("network", "cidr"),
    ("present", "exists"),
    ("defined", "exists"),
    ("null", "is"),
    ("isnull", "is"),
    ("is_null", "is"),
    ("empty", "is"),
    ("length", "len"),
    ("size", "len"),
    ("count", "len"),
    ("overlaps", "contains_any"),
    ("has_any", "contains_any"),
    ("has_all", "contains_all"),
    ("elem_match", "where"),
    ("elemmatch", "where"),
    ("modified", "changed"),
    ("before", "was"),
    ("previous", "was"),
    ("now", "became"),
];

/// What has no operator of its own, and how it is said.
const SAYINGS: [(&str, &str); 13] = [
    ("between", RANGE),
    ("range", RANGE),
    ("numeric", RANGE),
    ("and", "several tests in one table must all hold"),
    ("all_of", "several tests in one table must all hold"),
    ("or", ALTERNATIVES),
    ("$or", ALTERNATIVES),
    ("any_of", ALTERNATIVES),
    ("any", "say it in the path: `\"data.items[any].price\"`"),
    ("all", "say it in the path: `\"data.items[all].price\"`"),
    ("none", "say it in the path: `\"data.items[none].price\"`"),
    ("iregex", CASE),
    ("ignore_case", CASE),
];

const RANGE: &str = "write both ends: `{ gte = 500, lt = 1000 }`";

const ALTERNATIVES: &str = "several values are a list, `{ in = [\"DE\", \"FR\"] }`; alternatives stand beside \
                            the paths: `[[when.any_of.why]]`";

const CASE: &str = "`iequals`, `iprefix`, `isuffix`, `icontains` and `ilike` do not tell upper from lower \
                    case; an expression says so itself: `{ regex = \"(?i)refund\" }`";

/// Complains about an operator which does not exist.
pub(super) fn unknown(findings: &mut Findings, operator: &Text<'_>) {
    let problem = Problem::error(operator.span.clone(), format!("unknown key `{}`", operator.text));
    findings.push(problem.label("not a test").help(help(operator.text)));
}

fn help(name: &str) -> String {
    let plain = name.trim().to_lowercase().replace(['-', ' '], "_");
    let find =
        |known: &[(&str, &'static str)]| known.iter().find(|(word, _)| *word == plain).map(|one| one.1);
    if let Some(saying) = find(&SAYINGS) {
        return saying.to_owned();
    }
    if let Some(near) = find(&SYNONYMS).or_else(|| closest(&plain, OPERATORS.into_iter().chain(["missing"])))
    {
        return format!("did you mean `{near}`?");
    }
    let all = listed(OPERATORS);
    format!("the tests are {all}; a field inside has a path of its own: `\"data.customer.vip\" = true`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_of_another_language_is_known() {
        for (name, want) in [
            ("startsWith", "did you mean `prefix`?"),
            ("starts-with", "did you mean `prefix`?"),
            ("anything-but", "did you mean `not`?"),
            (">=", "did you mean `gte`?"),
            ("prefx", "did you mean `prefix`?"),
            ("mising", "did you mean `missing`?"),
            ("contains_al", "did you mean `contains_all`?"),
            ("between", RANGE),
        ] {
            assert_eq!(help(name), want, "{name}");
        }
        assert!(help("amount").starts_with("the tests are `eq`, `in`, "));
    }

    #[test]
    fn synonyms_lead_to_operators_and_are_none_themselves() {
        for (word, operator) in SYNONYMS {
            assert!(OPERATORS.contains(&operator), "{word}");
            assert!(!OPERATORS.contains(&word), "{word}");
        }
        for (word, _) in SAYINGS {
            assert!(!OPERATORS.contains(&word) && SYNONYMS.iter().all(|(other, _)| *other != word), "{word}");
        }
    }
}
