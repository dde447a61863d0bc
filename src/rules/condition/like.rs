//! Wildcards: `*` stands for any text.

use super::fold::{Fold, fold};
use std::ops::Range;

/// The shape of a text: pieces which follow each other, with anything between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Like {
    /// What stands between the stars: one more than there are stars. The first
    /// begins the text, the last ends it; either may be empty.
    pieces: Box<[Box<str>]>,
    text: Box<str>,
}

/// Why a text is no wildcard pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LikeError {
    /// What is wrong.
    pub message: String,
    /// The offending bytes of the text.
    pub span: Range<usize>,
}

impl Like {
    /// Reads a pattern. `*` is any text, also none; `\*` and `\\` stand for the
    /// characters themselves.
    ///
    /// # Errors
    ///
    /// If a backslash stands before something else, or two stars meet.
    pub fn parse(text: &str, how: Fold) -> Result<Self, LikeError> {
        let mut pieces = vec![String::new()];
        let mut chars = text.char_indices().peekable();
        let mut star_before = false;
        while let Some((at, c)) = chars.next() {
            let is_star = c == '*';
            if is_star && star_before {
                let message = "two stars side by side are no more than one".to_owned();
                return Err(LikeError { message, span: at - 1..at + 1 });
            }
            star_before = is_star;
            if is_star {
                pieces.push(String::new());
                continue;
            }
            let c = match c {
                '\\' => match chars.next() {
                    Some((_, c @ ('*' | '\\'))) => c,
                    _ => {
                        let message = "a backslash stands before `*` or `\\`".to_owned();
                        return Err(LikeError { message, span: at..at + 1 });
                    }
                },
                c => c,
            };
            if let Some(piece) = pieces.last_mut() {
                piece.push(c);
            }
        }
        let fold = |piece: String| match how {
            Fold::Exact => piece.into_boxed_str(),
            Fold::Insensitive => fold(&piece).into_boxed_str(),
        };
        Ok(Self { pieces: pieces.into_iter().map(fold).collect(), text: text.into() })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands between the stars.
    #[must_use]
    pub fn pieces(&self) -> &[Box<str>] {
        &self.pieces
    }

    /// Whether a text, folded if the pattern is, has this shape. Each piece is
    /// looked for from where the one before ended: the leftmost place is as good
    /// as any other, so no way is ever tried twice.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Some((first, others)) = self.pieces.split_first() else { return false };
        let Some((last, middle)) = others.split_last() else {
            return text == &**first;
        };
        let Some(mut rest) = text.strip_prefix(&**first) else { return false };
        for piece in middle {
            let Some(at) = rest.find(&**piece) else { return false };
            rest = &rest[at + piece.len()..];
        }
        rest.ends_with(&**last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text_and_for_none() {
        check("a*c", &["ac", "abc", "a*c", "acc"], &["ab", "bac", "acb"]);
        check("*", &["", "a"], &[]);
        check("*a*b*", &["ab", "xaxbx", "aab"], &["ba", "a", ""]);
        check("aba*ba", &["ababa", "aba-ba"], &["aba"]);
        check(r"a\*b\\*", &[r"a*b\", r"a*b\x"], &["axb"]);
        check("", &[""], &["a"]);
        check("plain", &["plain"], &["plains"]);
    }

    #[test]
    fn what_cannot_be_read_says_where() {
        for (text, span) in [("a**b", 1..3), (r"a\b", 1..2), (r"ab\", 2..3), ("ä**", 2..4)] {
            assert_eq!(Like::parse(text, Fold::Exact).unwrap_err().span, span, "{text}");
        }
    }

    #[test]
    fn folded_patterns_are_asked_of_folded_text() {
        assert!(Like::parse("STRASSE*", Fold::Insensitive).unwrap().matches(&fold("Straße 1")));
    }

    #[track_caller]
    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let like = Like::parse(pattern, Fold::Exact).unwrap();
        yes.iter().for_each(|text| assert!(like.matches(text), "{pattern} {text}"));
        no.iter().for_each(|text| assert!(!like.matches(text), "{pattern} {text}"));
    }
}
