//! Conditions in words: what a test wants, for people.

use crate::rules::condition::{Condition, Literal, MissingPolicy, Test};
use crate::rules::text::shortened;
use crate::rules::when::Clause;
use serde_json::Value;

/// The most characters of a value or a list which are shown: two lines of a
/// terminal. Who needs more looks at the event.
const SHOWN_CHARS_MAX: usize = 200;

/// What the condition wants, in words: `gte 500 and lt 1000`.
#[must_use]
pub fn describe_condition(condition: &Condition) -> String {
    let tests = all_of(&condition.tests);
    match condition.missing {
        MissingPolicy::NoMatch => tests,
        MissingPolicy::Match => format!("{tests}, or nothing"),
    }
}

/// What the test wants, in words: `gte 500`, `one of "EUR", "USD"`.
#[must_use]
pub fn describe(test: &Test) -> String {
    let name = test.name();
    match test {
        Test::OneOf(literals) => literal_list(literals),
        Test::Not(tests) => negated(tests),
        Test::Gt(limit) | Test::Gte(limit) | Test::Lt(limit) | Test::Lte(limit) => format!("{name} {limit}"),
        Test::Prefix(_, texts) | Test::Suffix(_, texts) | Test::Contains(_, texts) | Test::IEquals(texts) => {
            format!("{name} {}", quoted_list(texts.iter().map(|text| &**text)))
        }
        Test::Like(_, likes) => format!("{name} {}", quoted_list(likes.iter().map(|like| like.as_str()))),
        Test::Regex(patterns) => {
            format!("{name} {}", quoted_list(patterns.iter().map(|pattern| pattern.as_str())))
        }
        Test::Cidr(networks) => {
            let networks = networks.iter().map(ToString::to_string).collect::<Vec<_>>();
            format!("{name} {}", quoted_list(networks.iter().map(String::as_str)))
        }
        Test::Exists(true) => "any value".to_owned(),
        Test::Exists(false) => "nothing".to_owned(),
        Test::IsNull => "null".to_owned(),
        Test::IsEmpty => "something empty".to_owned(),
        Test::Len(tests) => format!("a length of {}", all_of(tests)),
        Test::ContainsAny(literals) | Test::ContainsAll(literals) => {
            format!("{name} {}", cut(&joined(literals)))
        }
        Test::Where(when) => format!("an element with {}", cut(&clauses(when.clauses()))),
        Test::Changed => "a value other than before".to_owned(),
        Test::Became(tests) => format!("to have become {}", all_of(tests)),
        Test::Was(tests) => format!("to have been {}", all_of(tests)),
    }
}

fn all_of(tests: &[Test]) -> String {
    tests.iter().map(describe).collect::<Vec<_>>().join(" and ")
}

fn negated(tests: &[Test]) -> String {
    match tests {
        [Test::OneOf(literals)] if literals.len() > 1 => format!("none of {}", cut(&joined(literals))),
        [test] => format!("not {}", describe(test)),
        tests => format!("not ({})", all_of(tests)),
    }
}

fn literal_list(literals: &[Literal]) -> String {
    let list = cut(&joined(literals));
    if literals.len() == 1 { list } else { format!("one of {list}") }
}

fn joined(literals: &[Literal]) -> String {
    literals.iter().map(|literal| literal.to_json().to_string()).collect::<Vec<_>>().join(", ")
}

/// A text in quotes, or one of several.
pub(super) fn quoted_list<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let quoted = texts.into_iter().map(|text| Value::from(text).to_string()).collect::<Vec<_>>();
    let list = cut(&quoted.join(", "));
    if quoted.len() == 1 { list } else { format!("one of {list}") }
}

fn clauses(clauses: &[Clause]) -> String {
    let clause = |clause: &Clause| match clause {
        Clause::Condition(condition) => format!("{} {}", condition.path, describe_condition(condition)),
        Clause::AnyOf(group) => {
            let alternatives = group.alternatives.iter().map(|alternative| self::clauses(alternative));
            format!("({})", alternatives.collect::<Vec<_>>().join(" or "))
        }
    };
    clauses.iter().map(clause).collect::<Vec<_>>().join(" and ")
}

/// The text, or its beginning if it is long.
pub(super) fn cut(text: &str) -> String {
    shortened(text, SHOWN_CHARS_MAX)
}
