//! Looks at clauses together: what can never match, and what says nothing.
//!
//! What can never match is an error; an alternative which cannot be the one is
//! a warning, as long as another of its group can. Only what is certain is
//! reported, so nothing is said of what differs between the elements of an array,
//! but for ranges of numbers, which are seldom meant for arrays.

use super::contradiction::{self, Contradiction, Domain};
use super::groups::Group;
use super::{Draft, Written, holds_for_no_element};
use crate::rules::condition::{Condition, Fold, Literal, MissingPolicy, Test};
use crate::rules::path::{Root, Step};
use crate::rules::problem::{Level, Problem};
use crate::rules::routine::table::{Findings, Table, table_of};
use crate::rules::routine::trigger::TypePattern;
use crate::rules::text::listed;
use serde_json::Value;
use toml::de::DeValue;

mod alternatives;

/// How bad it is if something can never match, and how that is said.
#[derive(Clone, Copy)]
struct Stage {
    level: Level,
    label: &'static str,
}

const ALTERNATIVE: Stage = Stage { level: Level::Warning, label: "so this alternative can never be the one" };

struct Review<'r> {
    findings: &'r mut Findings,
    /// The types of events which the trigger lets through; none, if that is not
    /// known.
    types: &'r [TypePattern],
}

/// Complains about clauses which can never hold together. `level` is for what
/// leaves nothing that could match.
pub(super) fn review(findings: &mut Findings, drafts: &[Draft], level: Level, types: &[TypePattern]) {
    let mut review = Review { findings, types };
    review.conjunction(drafts, &[], Stage { level, label: "can never match" });
}

/// The types of events which the trigger lets through; none, if it lets all
/// through or cannot be read.
pub(super) fn trigger_types(root: &Table<'_>) -> Vec<TypePattern> {
    let event = root.get("on").and_then(table_of).and_then(|on| on.get("event")).and_then(table_of);
    let Some(value) = event.and_then(|event| event.get("type")) else { return Vec::new() };
    let patterns: Option<Vec<_>> = match value.get_ref() {
        DeValue::Array(items) => items.iter().map(|item| item.get_ref().as_str().and_then(pattern)).collect(),
        single => single.as_str().and_then(pattern).map(|pattern| vec![pattern]),
    };
    patterns.unwrap_or_default()
}

fn pattern(text: &str) -> Option<TypePattern> {
    match text.split_once('*') {
        None => Some(TypePattern::Exact(text.to_owned())),
        Some((prefix, "")) => Some(TypePattern::Prefix(prefix.to_owned())),
        Some(_) => None,
    }
}

impl Review<'_> {
    /// Whether the clauses may hold together, and with the conditions `above`
    /// them.
    fn conjunction<'d>(&mut self, drafts: &'d [Draft], above: &[&'d Written], stage: Stage) -> bool {
        let mut known = above.to_vec();
        let mut possible = true;
        for draft in drafts {
            if let Draft::Condition(written) = draft {
                self.repeated(written, &known[above.len()..]);
                // What fails by itself is not held against the others as well.
                if self.condition(written, &known, stage) {
                    known.push(written);
                } else {
                    possible = false;
                }
            }
        }
        for draft in drafts {
            if let Draft::AnyOf(group) = draft {
                possible &= self.group(group, &known, stage);
            }
        }
        possible
    }

    fn condition(&mut self, written: &Written, known: &[&Written], stage: Stage) -> bool {
        if let Some(found) = alone(written) {
            let doubt = doubt(&written.condition);
            let stage = doubt.map_or(stage, |label| Stage { level: Level::Warning, label });
            self.push(written.value.clone(), found, stage);
            return doubt.is_some();
        }
        if let Some(found) = self.wrong_type(&written.condition) {
            self.push(written.value.clone(), found, stage);
            return false;
        }
        if let Some(found) = known.iter().find_map(|other| clash(&other.condition, &written.condition)) {
            self.push(written.key.clone(), found, stage);
            return false;
        }
        if let Some(found) = known.iter().find_map(|other| needs_array(other, written)) {
            let stage = Stage { level: Level::Warning, label: "only an array can match" };
            self.push(written.key.clone(), found, stage);
        }
        true
    }

    fn group(&mut self, group: &Group, known: &[&Written], stage: Stage) -> bool {
        let mut possible = false;
        for alternative in &group.alternatives {
            possible |= self.conjunction(&alternative.drafts, known, ALTERNATIVE);
        }
        alternatives::warn_of_needless(self.findings, group);
        alternatives::warn_of_certain(self.findings, group, known);
        if !possible {
            let message = format!("no alternative of `{}` can hold", group.name);
            let help = "the warnings about them say why".to_owned();
            self.push(group.span.clone(), Contradiction { message, help }, stage);
        }
        possible
    }

    fn push(&mut self, span: std::ops::Range<usize>, found: Contradiction, stage: Stage) {
        let problem = Problem { level: stage.level, ..Problem::error(span, found.message) };
        self.findings.push(problem.label(stage.label).help(found.help));
    }

    /// Warns of a path which is spelled in two ways.
    fn repeated(&mut self, written: &Written, known: &[&Written]) {
        let path = &written.condition.path;
        let same = |other: &&&Written| {
            let other = &other.condition.path;
            other.root() == path.root() && other.steps() == path.steps()
        };
        let Some(other) = known.iter().find(same) else { return };
        let message = format!("`{path}` and `{}` are one path", other.condition.path);
        let problem = Problem::warning(written.key.clone(), message).label("for the second time");
        let help = "of an array, another element may meet each; to ask both of one, write one table";
        self.findings.push(problem.help(help));
    }

    /// A condition on the type which no event of the trigger can meet.
    fn wrong_type(&self, condition: &Condition) -> Option<Contradiction> {
        let may_be = |pattern: &TypePattern| condition.tests.iter().all(|test| may_have_type(test, pattern));
        if condition.path.root() != Root::Type || self.types.is_empty() || self.types.iter().any(may_be) {
            return None;
        }
        let types = self.types.iter().map(ToString::to_string).collect::<Vec<_>>();
        let help = format!("it lets {} through", listed(types.iter().map(String::as_str)));
        Some(Contradiction { message: "`on.event.type` lets no such type through".to_owned(), help })
    }
}

/// Why a condition can hold only where no element passes its tests.
fn doubt(condition: &Condition) -> Option<&'static str> {
    if condition.missing == MissingPolicy::Match {
        Some("only a missing field matches")
    } else if holds_for_no_element(&condition.path) {
        Some("no element passes this")
    } else {
        None
    }
}

/// Why a condition taken by itself fails.
fn alone(written: &Written) -> Option<Contradiction> {
    let condition = &written.condition;
    let root = written.root();
    if is_always_there(condition) && condition.tests.contains(&Test::Exists(false)) {
        let message = format!("an event always has `{}`", root.as_str());
        return Some(Contradiction {
            message,
            help: "remove the condition, or name another path".to_owned(),
        });
    }
    if !written.is_text() {
        return contradiction::find(&condition.tests, &written.names, Domain::Any);
    }
    let text = contradiction::never_text(&condition.tests);
    text.map(|found| Contradiction { message: format!("`{}` {}", root.as_str(), found.message), ..found })
        .or_else(|| contradiction::find(&condition.tests, &written.names, Domain::Text))
}

fn is_always_there(condition: &Condition) -> bool {
    let root = condition.path.root();
    let may_lack = matches!(root, Root::Subject | Root::Tenant | Root::Old | Root::Row | Root::Element);
    condition.path.steps().is_empty() && !may_lack
}

/// Whether an event of such a type may pass the test.
fn may_have_type(test: &Test, pattern: &TypePattern) -> bool {
    match (pattern, test) {
        (TypePattern::Exact(kind), test) => contradiction::passes(test, &Value::String(kind.clone())),
        (TypePattern::Prefix(prefix), Test::OneOf(literals)) => {
            let fits = |literal: &Literal| matches!(literal, Literal::Text(text) if text.starts_with(prefix));
            literals.iter().any(fits)
        }
        (TypePattern::Prefix(prefix), Test::Prefix(Fold::Exact, texts)) => {
            texts.iter().any(|text| text.starts_with(prefix) || prefix.starts_with(&**text))
        }
        (TypePattern::Prefix(_), _) => true,
    }
}

/// Why two conditions of one conjunction cannot both hold.
fn clash(one: &Condition, other: &Condition) -> Option<Contradiction> {
    let insert = inserts(one, other).or_else(|| inserts(other, one));
    if insert.is_some() || one.looks_back() || other.looks_back() {
        return insert;
    }
    lacks(one, other).or_else(|| lacks(other, one)).or_else(|| differs(one, other))
}

/// A condition which needs a row before, beside one which holds for inserts only.
fn inserts(one: &Condition, other: &Condition) -> Option<Contradiction> {
    let no_old = one.path.root() == Root::Old
        && one.path.steps().is_empty()
        && one.tests.contains(&Test::Exists(false));
    let needs_old = |test: &&Test| matches!(test, Test::Changed | Test::Was(_));
    let test = other.tests.iter().find(needs_old).filter(|_| no_old)?;
    let message = format!("`{}` never holds while `old` is missing", test.name());
    let help = "an event without `old` is an insert, which nothing was before; leave one of them out";
    Some(Contradiction { message, help: help.to_owned() })
}

/// Two conditions on one path of which no number meets both: only an array does,
/// with an element for each.
fn needs_array(one: &Written, other: &Written) -> Option<Contradiction> {
    let (first, second) = (&one.condition, &other.condition);
    let same = first.path.root() == second.path.root() && first.path.steps() == second.path.steps();
    let ranges = |test: &Test| matches!(test, Test::Gt(_) | Test::Gte(_) | Test::Lt(_) | Test::Lte(_));
    let plain = |condition: &Condition| {
        condition.missing == MissingPolicy::NoMatch
            && condition.tests.iter().all(|test| ranges(test) || matches!(test, Test::OneOf(_)))
    };
    let tests = [&first.tests[..], &second.tests[..]].concat();
    if !same || first.path.has_quantifier() || !plain(first) || !plain(second) || !tests.iter().any(ranges) {
        return None;
    }
    let names = [&one.names[..], &other.names[..]].concat();
    contradiction::find(&tests, &names, Domain::Any)?;
    let message = format!("no number meets this condition on `{}` and the other one on it", second.path);
    let help = "only an array meets both, with an element for each; leave one of them out, or change it";
    Some(Contradiction { message, help: help.to_owned() })
}

/// What `lower` needs is not there if `upper` holds. Both go through the same
/// elements as far as `upper` goes, so arrays on the way change nothing.
fn lacks(upper: &Condition, lower: &Condition) -> Option<Contradiction> {
    let (above, below) = (&upper.path, &lower.path);
    let is_below = above.root() == below.root() && below.steps().starts_with(above.steps());
    if !is_below || above.has_quantifier() || holds_if_missing(lower) {
        return None;
    }
    let goes_on = matches!(below.steps().get(above.steps().len()), Some(Step::Key(_)));
    let state = if upper.tests.contains(&Test::Exists(false)) {
        "missing"
    } else if goes_on && upper.tests.contains(&Test::IsEmpty) {
        "empty"
    } else {
        return None;
    };
    let message = format!("`{below}` cannot be there while `{above}` is {state}");
    Some(Contradiction { message, help: "both conditions must hold; leave one of them out".to_owned() })
}

/// Two conditions on one attribute which is text, and so is one value for both.
fn differs(one: &Condition, other: &Condition) -> Option<Contradiction> {
    let root = one.path.root();
    let missing = holds_if_missing(one) && holds_if_missing(other);
    if root != other.path.root() || root.is_json() || missing {
        return None;
    }
    let tests = [&one.tests[..], &other.tests[..]].concat();
    let names = tests.iter().map(Test::name).collect::<Vec<_>>();
    contradiction::find(&tests, &names, Domain::Text)?;
    let message = format!("no `{}` meets this condition and the other one on it", root.as_str());
    Some(Contradiction { message, help: "both conditions must hold; leave one of them out".to_owned() })
}

/// Whether the condition holds where there is nothing at its path.
fn holds_if_missing(condition: &Condition) -> bool {
    let absent = |test: &Test| *test == Test::Exists(false);
    condition.missing == MissingPolicy::Match || condition.tests.iter().all(absent)
}
