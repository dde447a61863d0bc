//! The clauses of a pattern as those of a routine.
//!
//! The type is taken out where the trigger can say it. A field with entries of
//! several kinds, and each `$or`, becomes a group of alternatives.

use super::matcher::{Matcher, Scalar, TextTest};
use super::pattern::{Clause, Field, Or};
use super::place;
use super::specs::{Specs, specs};
use crate::rules::path::Path;
use crate::rules::problem::Problem;
use crate::rules::when::COMBINATIONS_MAX;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// What a pattern comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Translation {
    /// The types of `[on.event]`; all, if there are none.
    pub(super) types: Vec<String>,
    /// What stands in `[when]`.
    pub(super) entries: Vec<Entry>,
}

/// One entry of a table of conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A path, and in TOML what its value must be.
    Condition { path: String, spec: String },
    /// A path which every event fits.
    Always { path: String },
    /// A `$or` with an alternative which every event fits, as it asks for this
    /// path only so.
    AlwaysOr { path: String },
    /// Alternatives.
    Group(Group),
}

/// A group of alternatives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) alternatives: Vec<Vec<Entry>>,
    /// What it comes from in the pattern.
    pub(super) span: Range<usize>,
}

/// Translates a pattern, which is asked of what is at `root`, or of the envelope.
/// Finds all that has no equivalent.
pub(super) fn translate(clauses: &[Clause<'_>], root: Option<&Path>) -> Result<Translation, Vec<Problem>> {
    let mut translator = Translator { root, names: HashMap::new(), ors: 0, problems: Vec::new() };
    translator.repeats(clauses);
    let mut translation = Translation::default();
    for clause in clauses {
        match clause {
            Clause::Field(field) if root.is_none() && types(field).is_some() => {
                translation.types = types(field).unwrap_or_default();
            }
            clause => translation.entries.extend(translator.clause(clause)),
        }
    }
    translator.too_many(&translation.entries);
    if translator.problems.is_empty() { Ok(translation) } else { Err(translator.problems) }
}

/// The types of `[on.event]`, if the field is the type and they say it all.
fn types(field: &Field<'_>) -> Option<Vec<String>> {
    let [key] = field.keys.as_slice() else { return None };
    if key.text != "detail-type" {
        return None;
    }
    let (mut types, mut known) = (Vec::new(), HashSet::new());
    for matcher in &field.matchers {
        let pattern = match matcher {
            Matcher::Is(Scalar::Text(text)) if !text.is_empty() && !text.contains('*') => text.clone(),
            Matcher::Text(TextTest::Prefix, text) if text.ends_with('.') && !text.contains('*') => {
                format!("{text}*")
            }
            _ => return None,
        };
        if known.insert(pattern.clone()) {
            types.push(pattern);
        }
    }
    Some(types)
}

struct Translator<'p> {
    root: Option<&'p Path>,
    /// The names of groups which are taken, and the number which was last put
    /// behind each.
    names: HashMap<String, usize>,
    /// How many `$or` there have been.
    ors: usize,
    problems: Vec<Problem>,
}

impl Translator<'_> {
    fn clauses(&mut self, clauses: &[Clause<'_>]) -> Vec<Entry> {
        clauses.iter().filter_map(|clause| self.clause(clause)).collect()
    }

    /// The entry of a clause; none, if it has no equivalent, which is noted.
    fn clause(&mut self, clause: &Clause<'_>) -> Option<Entry> {
        match clause {
            Clause::Field(field) => self.field(field),
            Clause::Or(or) => Some(self.or(or)),
        }
    }

    fn or(&mut self, or: &Or<'_>) -> Entry {
        self.ors += 1;
        let name = self.name(&format!("or{}", self.ors));
        let alternatives = or.alternatives.iter().map(|clauses| self.clauses(clauses)).collect::<Vec<_>>();
        let free = alternatives.iter().find_map(|entries| always(entries)).map(str::to_owned);
        match free {
            // A routine has no alternatives without conditions.
            Some(path) => Entry::AlwaysOr { path },
            None => Entry::Group(Group { name, alternatives, span: or.span.clone() }),
        }
    }

    fn field(&mut self, field: &Field<'_>) -> Option<Entry> {
        let path = match place::path(field, self.root) {
            Ok(path) => path,
            Err(problem) => {
                self.problems.push(problem);
                return None;
            }
        };
        Some(match specs(&field.matchers) {
            Specs::Always => Entry::Always { path },
            Specs::One(spec) => Entry::Condition { path, spec },
            Specs::Several(specs) => {
                let key = field.keys.last().map_or("", |key| key.text.as_str());
                let condition = |spec| vec![Entry::Condition { path: path.clone(), spec }];
                let alternatives = specs.into_iter().map(condition).collect();
                Entry::Group(Group { name: self.name(key), alternatives, span: field.span.clone() })
            }
        })
    }

    /// A name for a group which no other has, made from `wanted`.
    fn name(&mut self, wanted: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
        let wanted = if wanted.is_empty() { "field" } else { wanted };
        let base = wanted.chars().map(plain).collect::<String>();
        let mut name = base.clone();
        while self.names.contains_key(&name) {
            let number = self.names.entry(base.clone()).or_insert(1);
            *number += 1;
            name = format!("{base}-{number}");
        }
        self.names.insert(name.clone(), 1);
        name
    }

    /// Complains about fields which have two lists that would hold together: in
    /// EventBridge the later one replaces the earlier, here both would count.
    fn repeats(&mut self, clauses: &[Clause<'_>]) {
        let mut known: HashSet<String> = HashSet::new();
        for clause in clauses {
            let fields = fields(clause);
            for field in fields.iter().filter(|field| known.contains(&field.name())) {
                let message = format!("`{}` has another list in this pattern", field.name());
                let help = "in EventBridge the later list replaces the earlier one, also inside `$or`; \
                            keep the one which is meant";
                let problem = Problem::error(field.key_span(), message).label("the second list");
                self.problems.push(problem.help(help));
            }
            known.extend(fields.iter().map(|field| field.name()));
            if let Clause::Or(or) = clause {
                or.alternatives.iter().for_each(|clauses| self.repeats(clauses));
            }
        }
    }

    /// Complains if the groups make more combinations than a routine may have.
    fn too_many(&mut self, entries: &[Entry]) {
        let mut product = 1_usize;
        for entry in entries {
            product = product.saturating_mul(choices(entry));
            if let Entry::Group(group) = entry
                && product > COMBINATIONS_MAX
            {
                let message = format!("the alternatives make more than {COMBINATIONS_MAX} combinations");
                let help = "each `$or`, and each list with several kinds of comparisons, multiplies them; \
                            make several patterns of it";
                let problem = Problem::error(group.span.clone(), message).label("too many with this");
                return self.problems.push(problem.help(help));
            }
        }
    }
}

/// A path of the alternative, if every event fits all of them.
fn always(entries: &[Entry]) -> Option<&str> {
    let mut first = None;
    for entry in entries {
        match entry {
            Entry::Always { path } | Entry::AlwaysOr { path } => first = first.or(Some(path.as_str())),
            Entry::Condition { .. } | Entry::Group(_) => return None,
        }
    }
    first
}

/// How many choices of alternatives an entry has.
fn choices(entry: &Entry) -> usize {
    let all = |entries: &Vec<Entry>| entries.iter().map(choices).fold(1, usize::saturating_mul);
    match entry {
        Entry::Condition { .. } | Entry::Always { .. } | Entry::AlwaysOr { .. } => 1,
        Entry::Group(group) => group.alternatives.iter().map(all).fold(0, usize::saturating_add),
    }
}

/// All fields of a clause, also those in alternatives.
pub(super) fn fields<'c, 'p>(clause: &'c Clause<'p>) -> Vec<&'c Field<'p>> {
    match clause {
        Clause::Field(field) => vec![field],
        Clause::Or(or) => or.alternatives.iter().flatten().flat_map(fields).collect(),
    }
}
