//! What must stand in a text for a regular expression to be found in it.

use super::{Key, Keys, needle};
use crate::rules::condition::{Fold, Pattern};
use regex_syntax::hir::literal::Extractor;

/// More literals than this are not worth being looked for.
const LITERALS_MAX: usize = 16;

/// A literal shorter than this is in every other text.
const LITERAL_MIN: usize = 2;

/// What one of the expressions needs.
pub(super) fn keys(patterns: &[Pattern]) -> Keys {
    let mut keys = Vec::new();
    for pattern in patterns {
        match literals(pattern.as_str()) {
            Some(literals) => keys.extend(literals),
            None => return Keys::Present,
        }
    }
    Keys::One(keys)
}

/// Literals one of which begins whatever the expression finds.
fn literals(pattern: &str) -> Option<Vec<Key>> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let mut extractor = Extractor::new();
    extractor.limit_total(LITERALS_MAX);
    let sequence = extractor.extract(&hir);
    let literals = sequence.literals()?;
    let long = |literal: &[u8]| literal.len() >= LITERAL_MIN;
    if literals.is_empty() || !literals.iter().all(|literal| long(literal.as_bytes())) {
        return None;
    }
    // A literal may be cut inside a character.
    let key = |literal: &[u8]| needle(Fold::Exact, std::str::from_utf8(literal).ok()?);
    literals.iter().map(|literal| key(literal.as_bytes())).collect()
}
