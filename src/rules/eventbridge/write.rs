//! Writes the routine down.

use super::Options;
use super::entries::{Entry, Translation};
use super::specs::list;
use std::fmt::Write;

/// The whole file of a routine. `file` is what the pattern is called.
pub(super) fn routine(file: &str, options: &Options, translation: &Translation) -> String {
    let mut out = head(file, options);
    out.push_str("\n[on.event]\n");
    match translation.types.as_slice() {
        [] => out.push_str("# of every type\n"),
        [only] => line(&mut out, format_args!("type = {}", quoted(only))),
        several => {
            let types = list(several.iter().map(|kind| quoted(kind)));
            line(&mut out, format_args!("type = {types}"));
        }
    }
    if translation.entries.iter().any(|entry| !matches!(entry, Entry::Group(_))) {
        out.push_str("\n[when]\n");
    }
    table(&mut out, &translation.entries, "when");
    out.push_str("\n[item]\n");
    let queue = options.queue.as_ref().map_or(QUEUE, |queue| queue.as_str());
    let note = match &options.queue {
        None => "  # a placeholder: the queue from which your workers lease",
        Some(_) => "",
    };
    line(&mut out, format_args!("queue = {}{note}", quoted(queue)));
    line(&mut out, format_args!("title = {}  # a placeholder: one line for people", quoted(ITEM_TITLE)));
    out
}

/// The title of the routine, if none was given.
const TITLE: &str = "Imported from EventBridge";

/// The queue, if none was given.
const QUEUE: &str = "imported";

/// The title of the item: what every event has.
const ITEM_TITLE: &str = "{{ type }} {{ id }}";

fn head(file: &str, options: &Options) -> String {
    let file = file.chars().map(|c| if c.is_control() { '?' } else { c }).collect::<String>();
    let mut out = format!("# Made by `hearken import eventbridge` from {file}.\n");
    match &options.root {
        None => out.push_str(
            "# `detail` of EventBridge is `data` here, `detail-type` is the type, and what else the\n\
             # envelope has is looked for in `meta`.\n",
        ),
        Some(root) => line(&mut out, format_args!("# The whole pattern is asked of `{root}`.")),
    }
    out.push_str("# Where EventBridge judges otherwise: docs/routines.md, \"Coming from EventBridge\".\n\n");
    line(&mut out, format_args!("title = {}", quoted(options.title.as_deref().unwrap_or(TITLE))));
    out
}

/// Writes the entries of a table whose header is written: conditions first, as
/// what comes after the header of a group would belong to that.
fn table(out: &mut String, entries: &[Entry], header: &str) {
    for entry in entries {
        match entry {
            Entry::Condition { path, spec } => line(out, format_args!("{} = {spec}", quoted(path))),
            Entry::Always { path } => {
                line(out, format_args!("# {} may be there or not: every event fits.", quoted(path)));
            }
            Entry::AlwaysOr { path } => {
                let path = quoted(path);
                line(out, format_args!("# An alternative lets {path} be there or not: every event fits."));
            }
            Entry::Group(_) => {}
        }
    }
    for entry in entries {
        let Entry::Group(group) = entry else { continue };
        let header = format!("{header}.any_of.{}", group.name);
        for alternative in &group.alternatives {
            line(out, format_args!("\n[[{header}]]"));
            table(out, alternative, &header);
        }
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

/// Text as TOML writes it, on one line: with single quotes where that saves
/// backslashes.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = !text.contains(|c: char| c == '\'' || c.is_control());
    if is_plain && text.contains(['"', '\\']) {
        return format!("'{text}'");
    }
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_quoted_so_that_it_stays_readable() {
        for (text, want) in [
            ("a", "\"a\""),
            ("it's", "\"it's\""),
            (r#"data."a.b""#, r#"'data."a.b"'"#),
            (r"\*", r"'\*'"),
            ("a\"'", r#""a\"'""#),
            ("a\n\u{7f}", r#""a\n\u007F""#),
        ] {
            assert_eq!(quoted(text), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn quoted_text_is_read_back(text in "(?s).{0,12}|[\\\\\"'\\n\\t*.]{0,8}") {
            let file = format!("{} = {}", quoted(&text), quoted(&text));
            let table = toml::from_str::<toml::Table>(&file).unwrap();
            prop_assert_eq!(table.get(&text).and_then(toml::Value::as_str), Some(text.as_str()));
        }
    }
}
