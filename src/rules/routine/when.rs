//! Reads `[when]`.
//!
//! Each entry is a clause: a path and what its value must pass, or `any_of` with
//! groups of alternatives. What has been read keeps its places in the file until
//! all of it can be looked at together; then [`review`] says what can never
//! match, and what says nothing.

mod contradiction;
mod groups;
mod names;
mod operators;
mod review;
mod texts;
mod unquoted;

use super::table::{Findings, Table, Text, Value};
use super::trigger::TypePattern;
use crate::rules::condition::Condition;
use crate::rules::path::{Path, PathError, Quantifier, Root, Step};
use crate::rules::problem::{Level, Problem};
use crate::rules::text::{closest, listed};
use crate::rules::when::{AnyOf, COMBINATIONS_MAX, Clause, When};
use groups::Group;
use operators::{Inside, Place};
use std::ops::Range;

/// The operators, in the order in which they are documented. Beside them stands
/// `missing`, which is no test.
pub(crate) const OPERATORS: [&str; 28] = [
    "eq",
    "in",
    "not",
    "not_in",
    "gt",
    "gte",
    "lt",
    "lte",
    "prefix",
    "suffix",
    "contains",
    "like",
    "regex",
    "iequals",
    "iprefix",
    "isuffix",
    "icontains",
    "ilike",
    "cidr",
    "exists",
    "is",
    "len",
    "contains_any",
    "contains_all",
    "where",
    "changed",
    "became",
    "was",
];

/// Where the paths of a table begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Paths {
    /// At the event.
    Event,
    /// At an element of an array, in `where`.
    Element,
}

/// What holds for all clauses of a table.
#[derive(Clone, Copy)]
struct Ground {
    paths: Paths,
    /// How bad it is if the clauses can never hold: in an alternative, others
    /// may hold in their stead.
    level: Level,
}

/// A clause with its places in the file.
enum Draft {
    Condition(Written),
    AnyOf(Group),
}

/// A condition as it is written.
struct Written {
    condition: Condition,
    /// The operators of its tests; a plain value has none.
    names: Vec<&'static str>,
    key: Range<usize>,
    value: Range<usize>,
}

/// The clauses of a table which could be read.
struct Read {
    drafts: Vec<Draft>,
    /// Whether that is all of them. What is not has been complained about.
    whole: bool,
}

/// Reads the conditions; without `[when]` there are none.
pub(super) fn parse(findings: &mut Findings, root: &Table<'_>) -> Option<When> {
    if root.get("when").is_none() {
        return Some(When::default());
    }
    let table = root.table(findings, "when")?;
    elsewhere(findings, root, &table)
}

/// Reads conditions on the event which stand elsewhere in the file.
pub(super) fn elsewhere(findings: &mut Findings, root: &Table<'_>, table: &Table<'_>) -> Option<When> {
    let ground = Ground { paths: Paths::Event, level: Level::Error };
    conditions(findings, table, ground, &review::trigger_types(root))
}

/// Reads a whole table of clauses. `types` are those the trigger lets through;
/// none, if that is not known.
fn conditions(
    findings: &mut Findings,
    table: &Table<'_>,
    ground: Ground,
    types: &[TypePattern],
) -> Option<When> {
    let read = clauses(findings, table, ground);
    review::review(findings, &read.drafts, ground.level, types);
    if !read.whole {
        return None;
    }
    if let Ok(when) = When::new(read.drafts.into_iter().map(Draft::into_clause).collect()) {
        return Some(when);
    }
    let message = format!("the alternatives make more than {COMBINATIONS_MAX} combinations");
    let help = "alternatives on one path are a list: `\"data.country\" = [\"DE\", \"FR\"]`; others may be \
                routines of their own";
    findings.push(Problem::error(table.key_span("any_of"), message).label("too many").help(help));
    None
}

fn clauses(findings: &mut Findings, table: &Table<'_>, ground: Ground) -> Read {
    let mut read = Read { drafts: Vec::new(), whole: true };
    for (key, value) in table.entries() {
        if key.text == "any_of" {
            groups::read(findings, &key, value, ground, &mut read);
        } else if ground.paths == Paths::Event && groups::is_misspelt(&key, value) {
            groups::complain(findings, &key);
            read.whole = false;
        } else if unquoted::is_nested(findings.text(), &key, value, ground.paths) {
            unquoted::complain(findings, key.text, value, ground.paths);
            read.whole = false;
        } else {
            match condition(findings, &key, value, ground) {
                Some(written) => read.drafts.push(Draft::Condition(written)),
                None => read.whole = false,
            }
        }
    }
    read
}

fn condition(findings: &mut Findings, key: &Text<'_>, value: &Value<'_>, ground: Ground) -> Option<Written> {
    let path = path(findings, key, ground.paths);
    let level = if path.as_ref().is_some_and(holds_for_no_element) { Level::Warning } else { ground.level };
    let place = Place { root: path.as_ref().map(Path::root), level, inside: Inside::Condition };
    let spec = operators::spec(findings, key, value, place);
    let (path, spec) = (path?, spec?);
    let condition = Condition { path, tests: spec.tests, missing: spec.missing };
    Some(Written { condition, names: spec.names, key: key.span.clone(), value: value.span() })
}

fn path(findings: &mut Findings, key: &Text<'_>, paths: Paths) -> Option<Path> {
    let path = match paths {
        Paths::Event => Path::parse(key.text),
        Paths::Element => Path::parse_relative(key.text),
    };
    let PathError { message, span, help } = match path {
        Ok(path) => return Some(path),
        Err(error) => error,
    };
    let span = key.part(findings.text(), span);
    let problem = Problem::error(span, message).label("in this path");
    let help = meant(key.text, paths).or(help);
    findings.push(Problem { help, ..problem });
    None
}

/// Where a path of the event begins otherwise than ours do: names which others
/// give to `data`, `old` and `meta`, and what stands before all paths elsewhere.
const ELSEWHERE: [(&str, &str); 13] = [
    ("event.", ""),
    ("$.", ""),
    ("detail.", "data."),
    ("payload.", "data."),
    ("body.", "data."),
    ("new.", "data."),
    ("after.", "data."),
    ("before.", "old."),
    ("previous.", "old."),
    ("metadata.", "meta."),
    ("headers.", "meta."),
    ("detail-type", "type"),
    ("tenant_id", "tenant"),
];

/// The path which was probably meant, where it is more than a misspelt word: one
/// as others write it, or one from which `data` was left out.
fn meant(text: &str, paths: Paths) -> Option<String> {
    let begins = text.split(['.', '[']).next().unwrap_or_default();
    let is_known = Root::ALL.iter().any(|root| root.as_str() == begins);
    if paths == Paths::Element || is_known || matches!(begins, "row" | "tick") {
        return None;
    }
    let other = ELSEWHERE.iter().find_map(|(theirs, ours)| {
        let path = text.strip_prefix(*theirs).map(|rest| format!("{ours}{rest}"));
        path.filter(|path| Path::parse(path).is_ok())
    });
    if let Some(path) = other {
        return Some(format!("write {}", in_quotes(&path)));
    }
    if closest(begins, Root::ALL.map(Root::as_str)).is_some() {
        return None;
    }
    let inside = format!("data.{text}");
    let path = Path::parse(&inside).is_ok().then(|| in_quotes(&inside))?;
    let roots = listed(Root::ALL.map(Root::as_str));
    Some(format!("what happened is in `data`: write {path}; a path begins with one of {roots}"))
}

/// Whether a condition at this path may hold though no element passes its tests.
fn holds_for_no_element(path: &Path) -> bool {
    let some = |step: &Step| matches!(step, Step::Quantifier(Quantifier::All | Quantifier::None));
    path.steps().iter().any(some)
}

/// Text as TOML writes it, on one line.
fn in_quotes(text: &str) -> String {
    let plain = !text.contains(['"', '\\']);
    if plain { format!("\"{text}\"") } else { format!("'{text}'") }
}

impl Draft {
    fn into_clause(self) -> Clause {
        match self {
            Self::Condition(written) => Clause::Condition(written.condition),
            Self::AnyOf(group) => {
                let clauses =
                    |drafts: Vec<Self>| drafts.into_iter().map(Self::into_clause).collect::<Vec<_>>();
                let alternatives = group.alternatives.into_iter().map(|one| clauses(one.drafts)).collect();
                Clause::AnyOf(AnyOf { name: group.name.into(), alternatives })
            }
        }
    }
}

impl Written {
    /// Whether the path is text in every event which has it.
    fn is_text(&self) -> bool {
        !self.root().is_json()
    }

    fn root(&self) -> Root {
        self.condition.path.root()
    }
}

#[cfg(test)]
mod tests;
