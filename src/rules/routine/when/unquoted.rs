//! Paths whose quotes were forgotten: TOML reads a table inside a table.

use super::{OPERATORS, Paths, in_quotes};
use crate::rules::path::Root;
use crate::rules::problem::Problem;
use crate::rules::routine::table::{Findings, Text, Value, table_of};
use std::ops::Range;

/// Whether the table stands for a path without quotes, and not for tests. An
/// attribute which is text has no fields, so what is below it are tests.
pub(super) fn is_nested(file: &str, key: &Text<'_>, value: &Value<'_>, paths: Paths) -> bool {
    let quoted = file.get(key.span.clone()).is_some_and(|raw| raw.starts_with(['"', '\'']));
    let root = Root::parse(key.text).filter(|_| paths == Paths::Event);
    let may_be_path = match root {
        Some(root) => root.is_json(),
        None => !quoted,
    };
    may_be_path && is_dotted(file, key, value)
}

/// Whether the table came from a dotted key, `data.amount = …`, or from a
/// header, `[when.data]`, and not from braces.
fn is_dotted(file: &str, key: &Text<'_>, value: &Value<'_>) -> bool {
    let braces = file.get(value.span()).is_some_and(|text| text.starts_with('{'));
    value.get_ref().is_table() && (value.span() == key.span || !braces)
}

/// Complains about each condition in a table which was meant to be a path.
pub(super) fn complain(findings: &mut Findings, before: &str, value: &Value<'_>, paths: Paths) {
    let Some(table) = table_of(value) else { return };
    if table.is_empty() {
        findings.push(problem(value.span(), paths).help(format!("write \"{before}.amount\" = …")));
    }
    for (key, value) in table.entries() {
        let path = format!("{before}.{}", quoted_key(key.text));
        if is_dotted(findings.text(), &key, value) {
            complain(findings, &path, value, paths);
            continue;
        }
        let file = findings.text();
        let (span, wanted) = (whole_key(file, &key.span), file.get(value.span()).unwrap_or("…"));
        let wanted = wanted.lines().next().unwrap_or_default();
        // `data.amount.gte` is a test of `data.amount`, and `data.is` a field.
        let is_test = (paths == Paths::Element || before.contains('.')) && OPERATORS.contains(&key.text);
        let help = if is_test {
            format!("write {} = {{ {} = {wanted} }}", in_quotes(before), key.text)
        } else {
            format!("write {} = {wanted}", in_quotes(&path))
        };
        findings.push(problem(span, paths).help(help));
    }
}

fn problem(span: Range<usize>, paths: Paths) -> Problem {
    let owner = match paths {
        Paths::Event => "[when]",
        Paths::Element => "where",
    };
    let problem = Problem::error(span, format!("a path in `{owner}` stands in quotes"));
    problem.label("read as a table inside a table")
}

fn quoted_key(key: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '@' | ':');
    if !key.is_empty() && key.chars().all(plain) { key.to_owned() } else { format!("{key:?}") }
}

/// The whole of a dotted key, of which `last` is the last part.
fn whole_key(file: &str, last: &Range<usize>) -> Range<usize> {
    let Some(before) = file.get(..last.start) else { return last.clone() };
    let line = before.rfind('\n').map_or(0, |newline| newline + 1);
    let start = line + before[line..].find(|c: char| !c.is_whitespace()).unwrap_or(before.len() - line);
    let dotted = !before[start..].is_empty() && !before[start..].contains(['=', '{', ',', '[']);
    if dotted { start..last.end } else { last.clone() }
}
