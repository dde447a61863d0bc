//! The names of the functions, and how a template is filled.

use crate::pg::protocol::Schema;
use crate::rules::foreign::{InboxSpec, quote_ident};

/// What removes functions from before.
const TIDY: &str = include_str!("../tidy.sql");
/// The names of the functions, behind that of the inbox.
const NAMES: [&str; 6] = ["lease", "expire", "extend", "complete", "fail", "release"];

/// What stands for the places of a template, by their names.
pub(super) type Fills = Vec<(&'static str, String)>;

/// The names of the functions of an inbox.
pub(super) struct Names<'a> {
    pub(super) inbox: &'a InboxSpec,
    pub(super) schema: &'a Schema,
}

impl Names<'_> {
    /// A function with its schema.
    pub(super) fn function(&self, name: &str) -> String {
        format!("{}.{}", self.schema.quoted(), self.label(name))
    }

    /// A function as its own body calls it, before the names of parameters.
    pub(super) fn label(&self, name: &str) -> String {
        quote_ident(&self.bare(name))
    }

    fn bare(&self, name: &str) -> String {
        format!("{}_{name}", self.inbox.name)
    }

    /// How the comments of our functions begin, by which we know them again.
    pub(super) fn mark(&self) -> String {
        format!("Lease protocol of the inbox {}:", self.inbox.name)
    }

    /// The statement which removes functions of ours but those which are kept, given as
    /// expressions; what to do about those which are not ours is a statement.
    pub(super) fn tidy(&self, kept: &str, stranger: &str) -> String {
        let names: Vec<String> = NAMES.iter().map(|name| literal(&self.bare(name))).collect();
        fill(
            TIDY,
            &[
                ("mark_literal", literal(&self.mark())),
                ("kept", kept.to_owned()),
                ("table_literal", literal(&self.inbox.table.quoted())),
                ("schema_literal", literal(self.schema.name())),
                ("names", names.join(", ")),
                ("stranger", stranger.to_owned()),
            ],
        )
    }
}

/// A text as SQL writes it.
pub(super) fn literal(text: &str) -> String {
    if text.contains('\\') {
        // Backslashes mean the same whatever `standard_conforming_strings` is.
        format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// Puts texts into the places of a template, which stand between `<<` and `>>`. What
/// was put in is not looked at again.
pub(super) fn fill(template: &str, fills: &[(&'static str, String)]) -> String {
    let mut text = String::with_capacity(template.len() * 2);
    let mut pieces = template.split("<<");
    text.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (name, rest) = piece.split_once(">>").unwrap_or(("", piece));
        let value = fills.iter().find(|(place, _)| *place == name).map(|(_, value)| value.as_str());
        text.push_str(value.unwrap_or_default());
        text.push_str(rest);
    }
    text
}
