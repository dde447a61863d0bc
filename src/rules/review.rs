//! What is odd about routines only when they are looked at together, or beside
//! the settings: each file by itself is fine.
//!
//! Most of it is advice, so only what is surely odd is said: a routine which each event must be weighed against, one which does
//! what another does, and those which set each other off. But where the settings do
//! not describe the tables which a routine needs, it cannot be used
//! ([`against_tables`]).

mod circles;
mod endpoint;
mod foreign;
mod twins;

pub use foreign::against_tables;

use super::matcher::{Heavy, Matcher};
use super::name::RoutineName;
use super::problem::Problem;
use super::routine::RoutineSet;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Looks at routines together. Each warning goes with the name of the routine in
/// whose text it has its place.
#[must_use]
pub fn review(set: &RoutineSet) -> Vec<(RoutineName, Problem)> {
    let mut found = Vec::new();
    let matcher = Matcher::new(Arc::new(set.clone()));
    found.extend(matcher.heavy().iter().filter_map(|heavy| self::heavy(set, heavy)));
    found.extend(twins::twins(set));
    found.extend(circles::circles(set));
    found
}

/// The problem of many routines which cannot be told apart before their
/// conditions are asked, at one of them.
fn heavy(set: &RoutineSet, heavy: &Heavy) -> Option<(RoutineName, Problem)> {
    let routine = set.get(heavy.example.as_str())?;
    let span = match place(&routine.text, &["when"]) {
        none if none.is_empty() => place(&routine.text, &["on"]),
        span => span,
    };
    let message = format!("{} routines {}", heavy.routines, heavy.why);
    let help = "name the `type` in `[on.event]`, or add a condition which few events meet: a value, a list of \
                values, `prefix` or a range";
    let problem = Problem::warning(span, message).label("one of them").help(help);
    Some((routine.name.clone(), problem))
}

/// The place of a key, named from the outermost table on, with its value; of a
/// table with a header, that of its header. The start of the file, if it cannot
/// be told.
fn place(text: &str, keys: &[&str]) -> Range<usize> {
    find(text, keys).unwrap_or(0..0)
}

fn find(text: &str, keys: &[&str]) -> Option<Range<usize>> {
    let root = DeTable::parse(text).ok()?;
    let mut table = root.get_ref();
    let (last, outer) = keys.split_last()?;
    for key in outer {
        table = table.get(*key)?.get_ref().as_table()?;
    }
    let (key, value): (&Spanned<_>, &Spanned<DeValue<'_>>) = table.get_key_value(*last)?;
    Some(if value.get_ref().is_table() { key.span() } else { key.span().start..value.span().end })
}

#[cfg(test)]
mod tests;
