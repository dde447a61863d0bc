//! What an event pattern says: fields which must all fit, and `$or` between
//! groups of them.
//!
//! The rules are those of the compiler of EventBridge. A `$or` which is no list
//! of alternatives is not an error there: then every `$or` of the pattern is
//! taken for a field of that name. [`read`] can read a pattern either way.

use super::json::{Json, Key, Member, Node};
use super::matcher::{self, Matcher};
use crate::rules::problem::Problem;
use std::ops::Range;

/// The key of alternatives.
const OR: &str = "$or";

/// Names which no field can have inside `$or`, so that a list of comparisons is
/// not taken for alternatives.
const RESERVED: [&str; 25] = [
    "exactly",
    "equals-ignore-case",
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "wildcard",
    "numeric",
    "cidr",
    "html",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
    "ip-address-not-in-range",
];

/// How `$or` is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OrReading {
    /// As alternatives.
    Alternatives,
    /// As the name of a field.
    Field,
}

/// One thing which must fit.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Clause<'a> {
    Field(Field<'a>),
    Or(Or<'a>),
}

/// A field and its list: one entry has to fit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field<'a> {
    /// The keys from the beginning of the pattern; never empty.
    pub(super) keys: Vec<&'a Key>,
    /// The list; never empty.
    pub(super) matchers: Vec<Matcher>,
    /// The place of the list.
    pub(super) span: Range<usize>,
}

/// Alternatives: one of them has to fit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Or<'a> {
    /// The place of its key.
    pub(super) span: Range<usize>,
    /// The alternatives, at least two, each with something in it.
    pub(super) alternatives: Vec<Vec<Clause<'a>>>,
}

impl Field<'_> {
    /// What EventBridge calls the field: it does not tell a dot in a key from one
    /// between keys.
    pub(super) fn name(&self) -> String {
        self.keys.iter().map(|key| key.text.as_str()).collect::<Vec<_>>().join(".")
    }

    /// The place of the last key.
    pub(super) fn key_span(&self) -> Range<usize> {
        self.keys.last().map_or(self.span.clone(), |key| key.span.clone())
    }
}

/// Reads a pattern; all that is wrong with it is found at once.
pub(super) fn read(pattern: &Node, or: OrReading) -> Result<Vec<Clause<'_>>, Vec<Problem>> {
    let Json::Object(members) = &pattern.value else {
        let message = format!("an event pattern is an object, not {}", pattern.value.kind());
        let help = "write `{ \"source\": [\"shop\"], \"detail\": { \"state\": [\"paid\"] } }`";
        return Err(vec![Problem::error(pattern.span.clone(), message).label("no pattern").help(help)]);
    };
    let mut reader = Reader { or, problems: Vec::new() };
    let clauses = reader.object(members, &pattern.span, &Place { keys: Vec::new(), inside: Inside::Pattern });
    if reader.problems.is_empty() { Ok(clauses) } else { Err(reader.problems) }
}

/// Where an object stands.
#[derive(Clone)]
struct Place<'a> {
    /// The keys which lead to it.
    keys: Vec<&'a Key>,
    inside: Inside,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Pattern,
    Or,
}

struct Reader {
    or: OrReading,
    problems: Vec<Problem>,
}

impl Reader {
    fn object<'a>(
        &mut self,
        members: &'a [Member],
        span: &Range<usize>,
        place: &Place<'a>,
    ) -> Vec<Clause<'a>> {
        if members.is_empty() {
            let problem =
                Problem::error(span.clone(), "an object in a pattern cannot be empty").label("empty");
            let help = "to ask only whether a field is there, write `[{ \"exists\": true }]`";
            self.problems.push(problem.help(help));
        }
        let mut clauses = Vec::new();
        for Member { key, value } in members {
            if key.text == OR && self.or == OrReading::Alternatives {
                let alternatives = self.alternatives(value, place);
                clauses.push(Clause::Or(Or { span: key.span.clone(), alternatives }));
                continue;
            }
            if place.inside == Inside::Or && RESERVED.contains(&key.text.as_str()) {
                self.reserved(key);
            }
            let mut keys = place.keys.clone();
            keys.push(key);
            match &value.value {
                Json::Object(members) => {
                    clauses.extend(self.object(members, &value.span, &Place { keys, ..place.clone() }));
                }
                Json::Array(items) => {
                    let matchers = self.matchers(items, value);
                    clauses.push(Clause::Field(Field { keys, matchers, span: value.span.clone() }));
                }
                scalar => self.scalar(key, value, scalar.kind()),
            }
        }
        clauses
    }

    fn alternatives<'a>(&mut self, value: &'a Node, place: &Place<'a>) -> Vec<Vec<Clause<'a>>> {
        let Json::Array(items) = &value.value else {
            let message = format!("`$or` has a list of objects, not {}", value.value.kind());
            self.problems.push(Problem::error(value.span.clone(), message).label("no list").help(EXAMPLE));
            return Vec::new();
        };
        if items.len() < 2 {
            let problem = Problem::error(value.span.clone(), "`$or` has at least two objects");
            self.problems.push(problem.label("no choice").help(EXAMPLE));
        }
        let mut alternatives = Vec::new();
        for item in items {
            if let Json::Object(members) = &item.value {
                let inside = Place { inside: Inside::Or, ..place.clone() };
                alternatives.push(self.object(members, &item.span, &inside));
            } else {
                let message = format!("`$or` has objects in its list, not {}", item.value.kind());
                self.problems
                    .push(Problem::error(item.span.clone(), message).label("no object").help(EXAMPLE));
            }
        }
        alternatives
    }

    fn matchers(&mut self, items: &[Node], list: &Node) -> Vec<Matcher> {
        if items.is_empty() {
            let problem =
                Problem::error(list.span.clone(), "a list in a pattern cannot be empty").label("empty");
            self.problems.push(problem.help("an empty text is `[\"\"]`, null is `[null]`"));
        }
        let mut matchers = Vec::new();
        for item in items {
            match matcher::read(item) {
                Ok(matcher) => matchers.push(matcher),
                Err(problem) => self.problems.push(problem),
            }
        }
        matchers
    }

    fn reserved(&mut self, key: &Key) {
        let message = format!("inside `$or`, no field can be called `{}`", key.text);
        let help = "EventBridge keeps the names of comparisons for itself there; a comparison stands in the \
                    list of a field: `{ \"state\": [{ \"prefix\": \"a\" }] }`";
        self.problems
            .push(Problem::error(key.span.clone(), message).label("a name of EventBridge").help(help));
    }

    fn scalar(&mut self, key: &Key, value: &Node, kind: &str) {
        let message = format!("`{}` has a list of values or an object, not {kind}", key.text);
        let problem = Problem::error(value.span.clone(), message).label("not in a list");
        self.problems.push(problem.help("put it into a list, also if it is the only one: `[\"running\"]`"));
    }
}

const EXAMPLE: &str = "write `\"$or\": [{ \"a\": [1] }, { \"b\": [2] }]`";
