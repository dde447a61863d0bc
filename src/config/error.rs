//! What is wrong with the settings, and where.

use std::ops::Range;
use toml::de::DeTable;

/// Why the settings cannot be used. Never shows what may be a password.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file has an error; the text says where.
    #[error("{path}:{line}:{column}: {message}")]
    Syntax {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong, with the line and a caret below it.
        message: String,
    },
    /// A variable of the environment has a value it cannot have.
    #[error("{name}: {why}")]
    Environment {
        /// The variable.
        name: &'static str,
        /// What is wrong.
        why: String,
    },
}

impl ConfigError {
    /// An error at a place of the file, shown with its line and carets.
    pub(super) fn at(path: &str, text: &str, span: Range<usize>, what: &str) -> Self {
        let start = floor(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let shown = text[line_start..].lines().next().unwrap_or_default();
        let line_end = line_start + shown.len();
        let column = text[line_start..start].chars().count() + 1;
        let marked =
            text[start..floor(text, span.end).clamp(start, line_end.max(start))].chars().count().max(1);
        let message = if may_hold_password(shown) {
            // What the parser says may quote the value.
            let what = if what.contains('"') { "this value does not fit here" } else { what };
            format!("{what}\n  (the line is not shown: it may hold a password)")
        } else {
            let shown = shown.replace('\t', " ");
            format!("{what}\n  {shown}\n  {}{}", " ".repeat(column - 1), "^".repeat(marked))
        };
        let line = text[..start].matches('\n').count() + 1;
        Self::Syntax { path: path.to_owned(), line, column, message }
    }
}

/// The place of a key, named from the outermost table on; of a table written as
/// `[a.b]`, the place of its head.
pub(super) fn place_of(text: &str, keys: &[&str]) -> Option<Range<usize>> {
    let root = DeTable::parse(text).ok()?;
    let mut table = root.get_ref();
    let (last, outer) = keys.split_last()?;
    for key in outer {
        table = table.get(*key)?.get_ref().as_table()?;
    }
    table.get_key_value(*last).map(|(key, _)| key.span())
}

/// The line is one of `[database]`, or looks like a connection string.
fn may_hold_password(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    ["url", "://", "password"].iter().any(|word| line.contains(word))
}

/// The last boundary of a character at or before `index`.
fn floor(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_carets_stand_below_the_place() {
        let text = "[daemon]\n\tö = 1\n";
        let error = ConfigError::at("f", text, 10..12, "what").to_string();
        assert_eq!(error, "f:2:2: what\n   ö = 1\n   ^");
        let error = ConfigError::at("f", text, 18..18, "what").to_string();
        assert_eq!(error, "f:3:1: what\n  \n  ^");
        let error = ConfigError::at("f", "a = 12", 4..6, "what").to_string();
        assert_eq!(error, "f:1:5: what\n  a = 12\n      ^^");
    }

    #[test]
    fn a_line_with_a_connection_string_is_not_shown() {
        for text in
            ["database.url = \"hunter2", "database = \"postgres://a:hunter2@b\"", "x = \"password=hunter2\""]
        {
            let what = "invalid type: string \"hunter2\"";
            let error = ConfigError::at("f", text, 0..text.len(), what);
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_key_has_a_place() {
        let text = "[daemon]\npoll = \"1s\"\n[source.a]\n";
        assert_eq!(place_of(text, &["daemon", "poll"]), Some(9..13));
        assert_eq!(place_of(text, &["source"]), Some(22..28));
        assert_eq!(place_of(text, &["daemon", "linger"]), None);
    }
}
