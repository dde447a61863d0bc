//! The syntax of paths: keys with dots between them, quoted where need be.

use super::{PathError, Quantifier, Roots};
use crate::rules::text::{closest, listed};
use std::ops::Range;

/// One key of a path, where it stands, and the quantifiers after it.
pub(super) struct Segment {
    pub(super) key: String,
    pub(super) span: Range<usize>,
    pub(super) quantifiers: Vec<(Quantifier, Range<usize>)>,
}

/// Takes a path apart; there is at least one key.
pub(super) fn split(text: &str) -> Result<Vec<Segment>, PathError> {
    let mut segments = Vec::new();
    let mut at = 0;
    loop {
        let is_quoted = text[at..].starts_with('"');
        let (mut segment, mut end) = if is_quoted { quoted(text, at)? } else { bare(text, at)? };
        while text[end..].starts_with('[') {
            let (found, after) = quantifier(text, end)?;
            segment.quantifiers.push((found, end..after));
            end = after;
        }
        segments.push(segment);
        match text[end..].chars().next() {
            None => return Ok(segments),
            Some('.') => at = end + 1,
            Some(c) if is_quoted || text[..end].ends_with(']') => {
                let what = if is_quoted { "quoted key" } else { "quantifier" };
                let message = format!("a dot is missing after this {what}");
                return Err(PathError { message, span: end..end + c.len_utf8(), help: None });
            }
            Some(c) => return Err(unexpected(c, end)),
        }
    }
}

/// Reads `[any]`, which begins at `start`; yields also where it ends.
fn quantifier(text: &str, start: usize) -> Result<(Quantifier, usize), PathError> {
    let Some(length) = text[start..].find(']') else {
        let message = "this bracket in the path is not closed".to_owned();
        return Err(PathError { message, span: start..text.len(), help: Some("add a `]`".to_owned()) });
    };
    let (span, end) = (start + 1..start + length, start + length + 1);
    let word = &text[span.clone()];
    if let Some(found) = Quantifier::ALL.into_iter().find(|known| known.as_str() == word) {
        return Ok((found, end));
    }
    let index = word == "*" || (!word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()));
    let (message, help) = if index {
        let help = "leave it out: a path goes through all elements of an array, and one must do".to_owned();
        ("a path has no indexes".to_owned(), help)
    } else {
        let names = Quantifier::ALL.map(Quantifier::as_str);
        let help = match closest(word, names) {
            Some(near) => format!("did you mean `[{near}]`?"),
            None => "quantifiers are `[any]`, `[all]` and `[none]`".to_owned(),
        };
        (format!("there is no quantifier `{word}`"), help)
    };
    Err(PathError { message, span, help: Some(help) })
}

fn bare(text: &str, start: usize) -> Result<(Segment, usize), PathError> {
    let plain = |c: char| !(matches!(c, '.' | '"' | '[' | ']' | '*') || c.is_whitespace() || c.is_control());
    let end = text[start..].find(|c: char| !plain(c)).map_or(text.len(), |at| start + at);
    if end == start {
        return match text[start..].chars().next() {
            Some(c) if c != '.' => Err(unexpected(c, start)),
            _ => {
                let help = "a path reads like `data.customer.vip`".to_owned();
                let message = "a key is missing in this path".to_owned();
                Err(PathError { message, span: start..(start + 1).min(text.len()), help: Some(help) })
            }
        };
    }
    let key = text[start..end].to_owned();
    Ok((Segment { key, span: start..end, quantifiers: Vec::new() }, end))
}

fn quoted(text: &str, start: usize) -> Result<(Segment, usize), PathError> {
    let mut key = String::new();
    let mut chars = text[start + 1..].char_indices();
    while let Some((at, c)) = chars.next() {
        let end = start + 1 + at + c.len_utf8();
        match c {
            '"' => return Ok((Segment { key, span: start..end, quantifiers: Vec::new() }, end)),
            '\\' => match chars.next() {
                Some((_, c @ ('"' | '\\'))) => key.push(c),
                _ => {
                    let message = "a backslash in a quoted key stands before `\"` or `\\`".to_owned();
                    return Err(PathError { message, span: end - 1..end, help: None });
                }
            },
            c => key.push(c),
        }
    }
    let message = "this quote in the path is not closed".to_owned();
    Err(PathError { message, span: start..text.len(), help: Some("add a `\"`".to_owned()) })
}

fn unexpected(c: char, at: usize) -> PathError {
    let span = at..at + c.len_utf8();
    let (message, help) = match c {
        '*' => (
            "a path has no wildcards".to_owned(),
            "name the key; a path goes through all elements of an array".to_owned(),
        ),
        c => (
            format!("{c:?} in a path needs quotes around its key"),
            "quote the key inside the path: `data.\"a b\".c`".to_owned(),
        ),
    };
    PathError { message, span, help: Some(help) }
}

pub(super) fn unknown_root(segment: &Segment, roots: Roots) -> PathError {
    let names = roots.names();
    let help = match closest(&segment.key, names.iter().copied()) {
        _ if segment.key == "row" => "rows come with `[each]` for events, and with `[on.query]`".to_owned(),
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("a path begins with one of {}", listed(names)),
    };
    let message = match roots {
        Roots::Event | Roots::EventAndRow => format!("an event has no `{}`", segment.key),
        Roots::Row => format!("there is no `{}` here", segment.key),
    };
    PathError { message, span: segment.span.clone(), help: Some(help) }
}
