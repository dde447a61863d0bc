//! Reading TOML tables by hand, so that all that is wrong with a file is found
//! in one reading, and each problem knows its place.

use crate::rules::problem::{Problem, Problems};
use crate::rules::text::{closest, listed};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and its place.
pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// The problems found so far.
pub(super) struct Findings {
    problems: Problems,
    /// Where the line begins on which the TOML itself is broken. Then what seems
    /// to be missing may only have been unreadable, and what follows may not be
    /// what was meant; neither is complained about.
    broken: Option<usize>,
}

impl Findings {
    /// `problems` are those of the TOML itself, and `first` is where it begins to
    /// be unreadable.
    pub(super) fn new(problems: Problems, first: Option<usize>) -> Self {
        let line = |at: usize| {
            let before = problems.text().get(..at).unwrap_or_default();
            before.rfind('\n').map_or(0, |newline| newline + 1)
        };
        Self { broken: first.map(line), problems }
    }

    pub(super) fn text(&self) -> &str {
        self.problems.text()
    }

    pub(super) fn push(&mut self, problem: Problem) {
        if self.broken.is_none_or(|line| problem.span.start < line) {
            self.problems.push(problem);
        }
    }

    /// Notes that something is not there.
    pub(super) fn missing(&mut self, problem: Problem) {
        if self.broken.is_none() {
            self.problems.push(problem);
        }
    }

    pub(super) fn into_problems(mut self) -> Problems {
        self.problems.sort();
        self.problems
    }
}

/// Text of a file and its place, quotes included.
#[derive(Clone, Debug)]
pub(super) struct Text<'a> {
    pub(super) text: &'a str,
    pub(super) span: Range<usize>,
}

impl Text<'_> {
    /// The place in the file of a part of the text. Where the text is written
    /// with escapes, that is the whole of it.
    pub(super) fn part(&self, file: &str, part: Range<usize>) -> Range<usize> {
        let whole = self.span.clone();
        let Some(raw) = file.get(whole.clone()) else {
            return whole;
        };
        let mut quote = match raw.as_bytes() {
            [b'"', b'"', b'"', ..] | [b'\'', b'\'', b'\'', ..] => 3,
            [b'"' | b'\'', ..] => 1,
            _ => 0,
        };
        if quote == 3 {
            let newline = raw[3..].find(|c: char| c != '\r').filter(|at| raw[3 + at..].starts_with('\n'));
            quote += newline.map_or(0, |at| at + 1);
        }
        if !raw[quote..].starts_with(self.text) || part.end > self.text.len() + 1 {
            return whole;
        }
        let start = whole.start + quote + part.start.min(self.text.len());
        start..(whole.start + quote + part.end).max(start)
    }
}

/// The keys a table may have.
pub(super) struct Keys<'k> {
    /// What the table is called in messages.
    pub(super) owner: &'k str,
    /// The keys which work.
    pub(super) known: &'k [&'k str],
    /// Keys of the language which do not work yet, and what to do instead.
    pub(super) later: &'k [(&'k str, &'k str)],
}

/// A table and its place.
#[derive(Clone)]
pub(super) struct Table<'a> {
    entries: &'a DeTable<'a>,
    /// The header or the braces.
    pub(super) span: Range<usize>,
}

impl<'a> Table<'a> {
    pub(super) fn new(entries: &'a DeTable<'a>, span: Range<usize>) -> Self {
        Self { entries, span }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Value<'a>> {
        self.entries.get(key).filter(|value| !is_recovered(value))
    }

    /// The place of a key, or of the table if it has no such key.
    pub(super) fn key_span(&self, key: &str) -> Range<usize> {
        self.entries.get_key_value(key).map_or(self.span.clone(), |(key, _)| key.span())
    }

    /// The entries in the order of the file.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Text<'a>, &'a Value<'a>)> + use<'a> {
        let entry = |(key, value): (&'a Spanned<_>, &'a Value<'a>)| (key_text(key), value);
        self.entries.iter().map(entry).filter(|(_, value)| !is_recovered(value))
    }

    /// Complains about keys which the table does not have.
    pub(super) fn check_keys(&self, findings: &mut Findings, keys: &Keys<'_>) {
        for (key, _) in self.entries() {
            if keys.known.contains(&key.text) {
                continue;
            }
            let later = keys.later.iter().find(|(later, _)| *later == key.text);
            findings.push(match later {
                Some((_, instead)) => not_built(key.span, key.text, instead),
                None => unknown_key(&key, keys),
            });
        }
    }

    /// The text at `key`; complains if it is something else.
    pub(super) fn text(&self, findings: &mut Findings, key: &str) -> Option<Text<'a>> {
        let value = self.get(key)?;
        text_of(value).or_else(|| wrong_type(findings, key, value, "a string"))
    }

    /// The text at `key`; complains if there is none.
    pub(super) fn required_text(&self, findings: &mut Findings, key: &str, help: &str) -> Option<Text<'a>> {
        if !self.entries.contains_key(key) {
            let message = format!("`{key}` is missing");
            let problem = Problem::error(self.span.clone(), message);
            findings.missing(problem.label(format!("needs a `{key}`")).help(help));
        }
        self.text(findings, key)
    }

    /// The table at `key`; complains if it is something else.
    pub(super) fn table(&self, findings: &mut Findings, key: &str) -> Option<Self> {
        let value = self.get(key)?;
        table_of(value).or_else(|| wrong_type(findings, key, value, "a table"))
    }
}

/// The problem of something which the language has and this version has not.
pub(super) fn not_built(span: Range<usize>, what: &str, instead: &str) -> Problem {
    let problem = Problem::error(span, format!("`{what}` is not built yet"));
    problem.label("known, but this version of hearken cannot do it").help(instead)
}

fn unknown_key(key: &Text<'_>, keys: &Keys<'_>) -> Problem {
    let all = keys.known.iter().copied().chain(keys.later.iter().map(|(key, _)| *key));
    let part = || keys.known.iter().copied().find(|known| key.text.split('_').any(|part| part == *known));
    let help = match closest(key.text, all).or_else(part) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{} has {}", keys.owner, listed(keys.known.iter().copied())),
    };
    let problem = Problem::error(key.span.clone(), format!("unknown key `{}`", key.text));
    problem.label(format!("not a key of {}", keys.owner)).help(help)
}

/// Complains that a value is not of the type it should be.
pub(super) fn wrong_type<T>(
    findings: &mut Findings,
    key: &str,
    value: &Value<'_>,
    wanted: &str,
) -> Option<T> {
    let message = format!("`{key}` must be {wanted}, not {}", type_name(value));
    findings.push(Problem::error(value.span(), message).label(format!("expected {wanted}")));
    None
}

/// The value as text, if it is.
pub(super) fn text_of<'a>(value: &'a Value<'a>) -> Option<Text<'a>> {
    value.get_ref().as_str().map(|text| Text { text, span: value.span() })
}

/// The value as a table, if it is one.
pub(super) fn table_of<'a>(value: &'a Value<'a>) -> Option<Table<'a>> {
    value.get_ref().as_table().map(|entries| Table::new(entries, value.span()))
}

pub(super) fn type_name(value: &Value<'_>) -> &'static str {
    match value.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

fn key_text<'a>(key: &'a Spanned<std::borrow::Cow<'a, str>>) -> Text<'a> {
    Text { text: key.get_ref(), span: key.span() }
}

/// Whether the TOML reader put the value there because what stands in the file
/// could not be read; that has been reported.
fn is_recovered(value: &Value<'_>) -> bool {
    value.span() == (0..0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_text_is_found_in_the_file() {
        check(r#"a = "b.c""#, "b.c", 2..3, "c");
        check(r"a = 'b.c'", "b.c", 0..1, "b");
        check("a = \"\"\"\nb.c\"\"\"", "b.c", 2..3, "c");
        check("a = '''b.c'''", "b.c", 2..3, "c");
        // With escapes, it is the whole text.
        check(r#"a = "b\u002ec""#, "b.c", 2..3, r#""b\u002ec""#);
        // An error at the end of the text stands at its closing quote.
        check(r#"a = "b.""#, "b.", 2..3, "\"");
    }

    #[track_caller]
    fn check(file: &str, text: &str, part: Range<usize>, want: &str) {
        let found = Text { text, span: 4..file.len() };
        assert_eq!(&file[found.part(file, part)], want, "{file}");
    }
}
