//! Text without its case.

/// Whether a test tells upper from lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fold {
    /// It does.
    Exact,
    /// It does not.
    Insensitive,
}

/// The text with each character first in upper, then in lower case, by the
/// full mappings of Unicode, so that `STRASSE` and `straße` are one, and so are
/// `Σ`, `σ` and `ς`. Character by character: what begins, ends or contains a
/// text does so when folded, too.
#[must_use]
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_is_folded_by_unicode() {
        for (a, b) in [("STRASSE", "straße"), ("ΟΔΟΣ", "οδος"), ("ǅ", "ǆ"), ("İ", "i\u{307}"), ("ﬀ", "FF")]
        {
            assert_eq!(fold(a), fold(b), "{a} {b}");
        }
        assert_ne!(fold("e"), fold("é"));
    }

    proptest! {
        #[test]
        fn the_fold_of_two_texts_is_the_two_folds(a in "\\PC{0,8}", b in "\\PC{0,8}") {
            prop_assert_eq!(fold(&format!("{a}{b}")), fold(&a) + &fold(&b));
            prop_assert_eq!(fold(&fold(&a)), fold(&a));
        }
    }
}
