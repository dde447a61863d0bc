//! JSON as TOML: the same model, written as a file would be.
//!
//! Nothing is left out or rounded: numbers keep their digits, text its
//! characters, and a null, which TOML has not, is a problem at its place.

use crate::rules::problem::Problem;
use serde_json::{Map, Value};
use std::fmt::Write;

/// A routine as TOML.
pub(super) struct Written {
    /// The text. It is TOML unless there is a null.
    pub(super) text: String,
    /// A problem for each null.
    pub(super) nulls: Vec<Problem>,
}

/// Writes a routine behind a first line.
pub(super) fn write(first_line: &str, routine: &Map<String, Value>) -> Written {
    let mut writer = Writer { out: first_line.to_owned(), nulls: Vec::new(), path: Vec::new() };
    writer.table(routine);
    Written { text: writer.out, nulls: writer.nulls }
}

struct Writer<'a> {
    out: String,
    nulls: Vec<Problem>,
    /// The keys which lead to what is being written.
    path: Vec<&'a str>,
}

impl<'a> Writer<'a> {
    /// The entries of a table, a line each, and then its tables.
    fn table(&mut self, table: &'a Map<String, Value>) {
        let may_have_header = may_have_header(&self.path);
        for (name, value) in table.iter().filter(|(_, value)| !(may_have_header && value.is_object())) {
            self.path.push(name);
            self.out.push_str(&key(name));
            self.out.push_str(" = ");
            self.value(value);
            self.out.push('\n');
            self.path.pop();
        }
        let below = table.iter().filter_map(|(name, value)| Some((name, value.as_object()?)));
        for (name, below) in below.filter(|_| may_have_header) {
            self.path.push(name);
            let header: Vec<String> = self.path.iter().map(|name| key(name)).collect();
            self.out.push_str(&format!("\n[{}]\n", header.join(".")));
            self.table(below);
            self.path.pop();
        }
    }

    fn value(&mut self, value: &'a Value) {
        match value {
            Value::Null => self.null(),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Number(number) => self.out.push_str(number.as_str()),
            Value::String(value) => self.out.push_str(&text(value)),
            Value::Array(items) => {
                self.out.push('[');
                for (place, item) in items.iter().enumerate() {
                    self.out.push_str(if place == 0 { "" } else { ", " });
                    self.value(item);
                }
                self.out.push(']');
            }
            Value::Object(entries) if entries.is_empty() => self.out.push_str("{}"),
            Value::Object(entries) => {
                self.out.push_str("{ ");
                for (place, (name, value)) in entries.iter().enumerate() {
                    self.out.push_str(if place == 0 { "" } else { ", " });
                    self.path.push(name);
                    self.out.push_str(&key(name));
                    self.out.push_str(" = ");
                    self.value(value);
                    self.path.pop();
                }
                self.out.push_str(" }");
            }
        }
    }

    fn null(&mut self) {
        let start = self.out.len();
        self.out.push_str("null");
        let place = self.path.join(".");
        let problem = Problem::error(start..self.out.len(), format!("`{place}` is null"));
        let help = "leave the key out, as `jsonb_strip_nulls` does; a condition which asks for null is \
                    written `{\"is\": \"null\"}`";
        self.nulls.push(problem.label("a routine has no null").help(help));
    }
}

/// Whether a table inside the one at this path gets a `[header]` of its own.
/// Elsewhere braces say what is meant: a header in `[when]` could be taken for a
/// path without quotes.
fn may_have_header(path: &[&str]) -> bool {
    matches!(path, [] | ["on" | "item"])
}

fn key(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !name.is_empty() && name.bytes().all(plain) { name.to_owned() } else { text(name) }
}

/// Text in double quotes, on one line.
fn text(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                // Writing to a String does not fail.
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
