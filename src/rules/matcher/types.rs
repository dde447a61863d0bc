//! Which types of events any routine wants, so that others need not be read.

use crate::rules::name::SourceName;
use crate::rules::routine::{EventTrigger, TypePattern};
use std::collections::{BTreeSet, HashMap, HashSet};

/// The types which routines want.
#[derive(Clone, Debug, Default)]
pub(super) struct Types {
    /// From any source.
    everywhere: Wanted,
    /// From one source only.
    from: HashMap<SourceName, Wanted>,
}

#[derive(Clone, Debug, Default)]
struct Wanted {
    all: bool,
    exact: HashSet<String>,
    prefixes: HashSet<String>,
    /// The lengths of the prefixes, so that only those of a type are looked up.
    lengths: BTreeSet<usize>,
}

impl Types {
    pub(super) fn add(&mut self, trigger: &EventTrigger) {
        let wanted = match &trigger.from {
            Some(from) => self.from.entry(from.clone()).or_default(),
            None => &mut self.everywhere,
        };
        wanted.all |= trigger.types.is_empty();
        for pattern in &trigger.types {
            match pattern {
                TypePattern::Exact(kind) => drop(wanted.exact.insert(kind.clone())),
                TypePattern::Prefix(prefix) => {
                    wanted.lengths.insert(prefix.len());
                    wanted.prefixes.insert(prefix.clone());
                }
            }
        }
    }

    pub(super) fn wants(&self, from: &SourceName, kind: &str) -> bool {
        self.everywhere.wants(kind) || self.from.get(from).is_some_and(|wanted| wanted.wants(kind))
    }
}

impl Wanted {
    fn wants(&self, kind: &str) -> bool {
        let prefix = |length: &usize| kind.get(..*length).is_some_and(|start| self.prefixes.contains(start));
        self.all || self.exact.contains(kind) || self.lengths.range(..=kind.len()).any(prefix)
    }
}
