//! Puts a row before the columns of an expression.

use crate::rules::foreign::{TableName, quote_ident};
use crate::rules::sql::{Word, WordKind, words};
use std::ops::Range;

/// Words which, without quotes, are never a column in an expression.
const KEYWORDS: [&str; 46] = [
    "all",
    "and",
    "any",
    "array",
    "as",
    "asymmetric",
    "between",
    "both",
    "case",
    "cast",
    "collate",
    "current_catalog",
    "current_date",
    "current_role",
    "current_time",
    "current_timestamp",
    "current_user",
    "distinct",
    "else",
    "end",
    "false",
    "from",
    "ilike",
    "in",
    "is",
    "isnull",
    "leading",
    "like",
    "localtime",
    "localtimestamp",
    "not",
    "notnull",
    "null",
    "on",
    "or",
    "order",
    "overlaps",
    "row",
    "session_user",
    "similar",
    "some",
    "symmetric",
    "then",
    "trailing",
    "true",
    "user",
];

/// Words behind which a name is a type, a collation or part of a keyword.
const BEFORE_TYPES: [&str; 5] = ["as", "collate", "double", "with", "without"];

/// The expression over one row, `new` or `old`; or why that cannot be said.
pub(super) fn over(
    expression: &str,
    table: &TableName,
    columns: &[String],
    row: &str,
) -> Result<String, String> {
    let placed = placed(expression).ok_or("there is something which is not understood")?;
    let text = Text { expression, placed: &placed, table, columns };
    let mut out = String::with_capacity(expression.len() + 64);
    let (mut copied, mut at) = (0, 0);
    while at < placed.len() {
        let found = text.at(at)?;
        if let Some(column) = found.column {
            let (from, to) = (placed[at].1.start, placed[at + found.words - 1].1.end);
            out.push_str(expression.get(copied..from).unwrap_or_default());
            match column {
                Column::Named(name) => out.push_str(&format!("{row}.{}", quote_ident(name))),
                Column::All => out.push_str(&format!("{row}.*")),
            }
            copied = to;
        }
        at += found.words;
    }
    out.push_str(expression.get(copied..).unwrap_or_default());
    Ok(out)
}

/// The functions of an expression which are called with their schema: `schema.name`.
pub(super) fn functions(expression: &str) -> Vec<String> {
    let words = words(expression);
    let is_name = |word: &Word| word.kind == WordKind::Name;
    let calls = words
        .windows(4)
        .filter(|four| is_name(&four[0]) && four[1].text == "." && is_name(&four[2]) && four[3].text == "(");
    calls.map(|four| format!("{}.{}", four[0].text, four[2].text)).collect()
}

/// What stands at a place: so many words, and the column they are, if any.
struct Found<'a> {
    words: usize,
    column: Option<Column<'a>>,
}

enum Column<'a> {
    /// One.
    Named(&'a str),
    /// The whole row, by the name of its table.
    All,
}

const OTHER: Found<'static> = Found { words: 1, column: None };

struct Text<'a> {
    expression: &'a str,
    placed: &'a [(Word, Range<usize>)],
    table: &'a TableName,
    columns: &'a [String],
}

impl<'a> Text<'a> {
    /// The text of a word; empty beyond the ends.
    fn word(&self, at: Option<usize>) -> &'a str {
        at.and_then(|at| self.placed.get(at)).map_or("", |(word, _)| word.text.as_str())
    }

    /// The word so many before.
    fn before(&self, at: usize, count: usize) -> &'a str {
        self.word(at.checked_sub(count))
    }

    fn after(&self, at: usize, count: usize) -> &'a str {
        self.word(Some(at + count))
    }

    fn is_quoted(&self, at: usize) -> bool {
        self.placed.get(at).is_some_and(|(_, span)| self.expression[span.clone()].starts_with('"'))
    }

    fn at(&self, at: usize) -> Result<Found<'a>, String> {
        let placed: &'a [(Word, Range<usize>)] = self.placed;
        let (word, _) = &placed[at];
        if word.kind != WordKind::Name {
            return Ok(OTHER);
        }
        let name = word.text.as_str();
        let is_plain = !self.is_quoted(at);
        let begins = ["table", "values"].contains(&name) && self.before(at, 1) == "(";
        if is_plain && (name == "select" || begins) {
            return Err("there is a subquery".to_owned());
        }
        if is_plain && KEYWORDS.contains(&name) || self.is_named_otherwise(at, is_plain) {
            return Ok(OTHER);
        }
        if self.after(at, 1) == "." {
            return self.qualified(at);
        }
        let column = match self.columns.iter().any(|column| column == name) {
            true => Some(Column::Named(name)),
            false if name == self.table.name() => Some(Column::All),
            false => None,
        };
        Ok(Found { words: 1, column })
    }

    /// Whether a name is one of a function, a type, an argument, a field.
    fn is_named_otherwise(&self, at: usize, is_plain: bool) -> bool {
        let (before, after) = (self.before(at, 1), self.after(at, 1));
        let is_constant = |word: &(Word, Range<usize>)| word.0.kind == WordKind::Constant;
        before == "."
            || after == "("
            || before == ":" && self.before(at, 2) == ":"
            || BEFORE_TYPES.contains(&before)
            || after == "=" && self.after(at, 2) == ">" && self.are_adjacent(at + 1)
            || before == "(" && self.before(at, 2) == "extract"
            || is_plain && before == "at" && ["time", "local"].contains(&self.placed[at].0.text.as_str())
            || is_plain && before == "time" && self.before(at, 2) == "at"
            // `date '2026-01-01'`
            || is_plain && self.placed.get(at + 1).is_some_and(is_constant)
    }

    /// Whether two symbols make one operator.
    fn are_adjacent(&self, at: usize) -> bool {
        match (self.placed.get(at), self.placed.get(at + 1)) {
            (Some((_, one)), Some((_, next))) => one.end == next.start,
            _ => false,
        }
    }

    /// A name with a dot behind it: the table's, before a column, or a schema's, before
    /// a function.
    fn qualified(&self, at: usize) -> Result<Found<'a>, String> {
        let mut last = at;
        while self.after(last, 1) == "." && self.placed.get(last + 2).is_some() {
            last += 2;
        }
        let words = last - at + 1;
        let placed: &'a [(Word, Range<usize>)] = self.placed;
        let text = |(word, _): &'a (Word, Range<usize>)| word.text.as_str();
        let names: Vec<&str> = placed[at..=last].iter().step_by(2).map(text).collect();
        let column = *names.last().unwrap_or(&"");
        let (schema, table) = (self.table.schema(), self.table.name());
        let is_of_table = matches!(names.as_slice(), [one, _] if *one == table)
            || matches!(names.as_slice(), [first, one, _] if *first == schema && *one == table);
        if is_of_table && column == "*" {
            return Ok(Found { words, column: Some(Column::All) });
        } else if is_of_table && self.columns.iter().any(|known| known == column) {
            return Ok(Found { words, column: Some(Column::Named(column)) });
        } else if self.after(last, 1) == "(" {
            return Ok(Found { words, column: None });
        }
        Err(format!("`{}` is no column of the table", names.join(".")))
    }
}

/// The words with their places; none, if they cannot be found again.
fn placed(expression: &str) -> Option<Vec<(Word, Range<usize>)>> {
    let mut at = 0;
    let mut found = Vec::new();
    for word in words(expression) {
        at = past_blanks(expression, at)?;
        let rest = expression.get(at..)?;
        let is_quoted_name = word.kind == WordKind::Name && rest.starts_with('"');
        let length = if is_quoted_name {
            word.text.len() + word.text.matches('"').count() + 2
        } else {
            word.text.len()
        };
        let raw = rest.get(..length)?;
        let is_it = match word.kind {
            WordKind::Name if is_quoted_name => raw == quote_ident(&word.text),
            WordKind::Name => raw.to_lowercase() == word.text,
            WordKind::Constant | WordKind::Symbol => raw == word.text,
        };
        if !is_it {
            return None;
        }
        found.push((word, at..at + length));
        at += length;
    }
    let is_whole = past_blanks(expression, at)? == expression.len();
    (is_whole && !found.is_empty()).then_some(found)
}

/// The next place behind blanks and comments.
fn past_blanks(expression: &str, mut at: usize) -> Option<usize> {
    loop {
        let rest = expression.get(at..)?;
        let blanks = rest.len() - rest.trim_start().len();
        if blanks > 0 {
            at += blanks;
        } else if rest.starts_with("--") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            // Comments inside comments are too much of a good thing.
            let inside = rest.get(2..)?;
            let end = inside.find("*/")?;
            if inside.get(..end)?.contains("/*") {
                return None;
            }
            at += end + 4;
        } else {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests;
