//! The syntax of paths: keys with dots between them, quoted where need be.

use super::{PathError, Root};
use crate::rules::text::{closest, listed};
use std::ops::Range;

/// One key of a path and where it stands.
pub(super) struct Segment {
    pub(super) key: String,
    pub(super) span: Range<usize>,
}

/// Takes a path apart; there is at least one key.
pub(super) fn split(text: &str) -> Result<Vec<Segment>, PathError> {
    let mut segments = Vec::new();
    let mut at = 0;
    loop {
        let is_quoted = text[at..].starts_with('"');
        let (segment, end) = if is_quoted { quoted(text, at)? } else { bare(text, at)? };
        segments.push(segment);
        match text[end..].chars().next() {
            None => return Ok(segments),
            Some('.') => at = end + 1,
            Some(c) if is_quoted && c != '[' => {
                let message = "a dot is missing after this quoted key".to_owned();
                return Err(PathError { message, span: end..end + c.len_utf8(), help: None });
            }
            Some(c) => return Err(unexpected(c, end)),
        }
    }
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
    Ok((Segment { key: text[start..end].to_owned(), span: start..end }, end))
}

fn quoted(text: &str, start: usize) -> Result<(Segment, usize), PathError> {
    let mut key = String::new();
    let mut chars = text[start + 1..].char_indices();
    while let Some((at, c)) = chars.next() {
        let end = start + 1 + at + c.len_utf8();
        match c {
            '"' => return Ok((Segment { key, span: start..end }, end)),
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
        '[' | ']' => (
            "quantifiers and indexes in a path are not built yet".to_owned(),
            "leave it out: a path goes through all elements of an array".to_owned(),
        ),
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

pub(super) fn unknown_root(segment: &Segment) -> PathError {
    let names = Root::ALL.map(Root::as_str);
    let help = match closest(&segment.key, names) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("a path begins with one of {}", listed(names)),
    };
    let message = format!("an event has no `{}`", segment.key);
    PathError { message, span: segment.span.clone(), help: Some(help) }
}
