//! The gates which are a word, or a key alone: `loop`, `overlap` and `supersede`.

use super::key::{self, KeySpec};
use super::read;
use crate::rules::routine::table::{Findings, Keys, Table};
use crate::rules::template::Variables;

/// What becomes of an event which the routine's own items brought about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Looping {
    /// It does not set the routine off again.
    #[default]
    Avoid,
    /// It does, until the chain is too long.
    Allow,
}

/// What becomes of a draft while an earlier item of the routine is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    /// It becomes an item as well.
    #[default]
    Allow,
    /// It is dropped.
    Skip,
    /// It waits for its turn.
    Queue,
}

const LOOPING: [(&str, Looping); 2] = [("avoid", Looping::Avoid), ("allow", Looping::Allow)];

const OVERLAP: [(&str, Overlap); 3] =
    [("allow", Overlap::Allow), ("skip", Overlap::Skip), ("queue", Overlap::Queue)];

/// Reads `loop`.
pub(super) fn looping(findings: &mut Findings, flow: &Table<'_>) -> Option<Looping> {
    read::word(findings, flow, "loop", &LOOPING, Looping::Avoid)
}

/// Reads `overlap`.
pub(super) fn overlap(findings: &mut Findings, flow: &Table<'_>) -> Option<Overlap> {
    read::word(findings, flow, "overlap", &OVERLAP, Overlap::Allow)
}

/// Reads `supersede`, if the routine has it.
pub(super) fn supersede(
    findings: &mut Findings,
    flow: &Table<'_>,
    variables: Variables,
) -> Option<Option<KeySpec>> {
    let wanted = "a table, with `key` or empty";
    let Some(table) = read::gate(findings, flow, "supersede", wanted)? else {
        return Some(None);
    };
    table.check_keys(findings, &Keys { owner: "`supersede`", known: &["key"], later: &[] });
    key::optional(findings, &table, variables).map(Some)
}
