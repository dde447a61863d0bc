//! Regular expressions: those of the `regex` crate, which never back-track.

use regex::{Regex, RegexBuilder};
use std::ops::Range;

/// The most memory an expression may take once understood, in bytes: a
/// thousand times the usual one.
const SIZE_MAX: usize = 256 * 1024;

/// The most memory the search may keep beside it, in bytes.
const CACHE_MAX: usize = 256 * 1024;

/// How deep groups may nest.
const DEPTH_MAX: u32 = 50;

/// A regular expression.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

/// Why a text is no regular expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// What is wrong.
    pub message: String,
    /// The offending bytes of the text, where they are known.
    pub span: Option<Range<usize>>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Pattern {
    /// Reads an expression.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or takes more than 256 KiB once understood.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let mut parser = regex_syntax::ParserBuilder::new().nest_limit(DEPTH_MAX).build();
        if let Err(error) = parser.parse(text) {
            return Err(syntax(&error));
        }
        let built = RegexBuilder::new(text)
            .nest_limit(DEPTH_MAX)
            .size_limit(SIZE_MAX)
            .dfa_size_limit(CACHE_MAX)
            .build();
        built.map(Self).map_err(|error| {
            let message = match error {
                regex::Error::CompiledTooBig(_) => {
                    format!("the expression takes more than {} KiB", SIZE_MAX / 1024)
                }
                error => error.to_string(),
            };
            PatternError { message, span: None }
        })
    }

    /// The expression as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether the expression is found in the text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

fn syntax(error: &regex_syntax::Error) -> PatternError {
    let (message, span) = match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), Some(*error.span())),
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), Some(*error.span())),
        error => (error.to_string(), None),
    };
    PatternError { message, span: span.map(|span| span.start.offset..span.end.offset) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_found_anywhere_in_the_text() {
        let pattern = Pattern::parse("b+c$").unwrap();
        assert!(pattern.matches("abbc"));
        assert!(!pattern.matches("abbcd"));
    }

    #[test]
    fn a_broken_expression_says_where_and_a_huge_one_is_refused() {
        assert_eq!(Pattern::parse("ab(c").unwrap_err().span, Some(2..3));
        assert_eq!(Pattern::parse("a{2,1}").unwrap_err().span, Some(1..6));
        assert!(Pattern::parse(r"(\pL{1,999}){1,99}").unwrap_err().message.contains("256 KiB"));
        assert!(Pattern::parse(&"(".repeat(500)).is_err());
    }
}
