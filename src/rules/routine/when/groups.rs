//! Groups of alternatives: `[[when.any_of.NAME]]`.

use super::operators::mistyped;
use super::{Draft, Ground, Read, clauses};
use crate::rules::problem::{Level, Problem};
use crate::rules::routine::table::{Findings, Table, Text, Value, table_of};
use crate::rules::text::closest;
use std::ops::Range;
use toml::de::DeValue;

/// A group as it is written.
pub(super) struct Group {
    pub(super) name: String,
    pub(super) span: Range<usize>,
    pub(super) alternatives: Vec<Alternative>,
}

/// An alternative as it is written.
pub(super) struct Alternative {
    pub(super) span: Range<usize>,
    pub(super) drafts: Vec<Draft>,
}

/// Reads the groups at the key `any_of` into `read`.
pub(super) fn read(
    findings: &mut Findings,
    key: &Text<'_>,
    value: &Value<'_>,
    ground: Ground,
    read: &mut Read,
) {
    let problem = match value.get_ref() {
        DeValue::Table(entries) if !entries.is_empty() => {
            for (name, value) in Table::new(entries, value.span()).entries() {
                match group(findings, &name, value, ground) {
                    Some(group) => read.drafts.push(Draft::AnyOf(group)),
                    None => read.whole = false,
                }
            }
            return;
        }
        DeValue::Table(_) => Problem::error(key.span.clone(), "`any_of` has no groups").label("empty"),
        DeValue::Array(_) => {
            let problem = Problem::error(value.span(), "these alternatives have no name");
            problem.label("one group is not told from another")
        }
        _ => Problem::error(value.span(), "`any_of` holds groups of alternatives").label("expected a table"),
    };
    findings.push(problem.help("write `[[when.any_of.why]]`, with a name of yours, for each alternative"));
    read.whole = false;
}

/// Whether a key of `[when]` was probably meant to be `any_of`: it is called much
/// like it, and has lists of tables below it.
pub(super) fn is_misspelt(key: &Text<'_>, value: &Value<'_>) -> bool {
    let is_group = |value: &Value<'_>| {
        value.get_ref().as_array().is_some_and(|items| items.iter().any(|item| table_of(item).is_some()))
    };
    let has_groups = table_of(value).is_some_and(|table| table.entries().any(|(_, value)| is_group(value)));
    has_groups && (ALL.contains(&key.text) || closest(key.text, ANY).is_some())
}

/// What alternatives are called elsewhere.
const ANY: [&str; 6] = ["any_of", "anyof", "one_of", "oneof", "or", "any"];

/// What is called so elsewhere needs no name here.
const ALL: [&str; 4] = ["all_of", "allof", "and", "all"];

/// Complains about a key which was meant to be `any_of`, or to be none.
pub(super) fn complain(findings: &mut Findings, key: &Text<'_>) {
    let help = if ALL.contains(&key.text) {
        "conditions beside each other must all hold, so they need no group; alternatives are \
         `[[when.any_of.why]]`"
    } else {
        "did you mean `any_of`?"
    };
    let problem = Problem::error(key.span.clone(), format!("unknown key `{}`", key.text));
    findings.push(problem.label("not a key of `[when]`").help(help));
}

fn group(findings: &mut Findings, name: &Text<'_>, value: &Value<'_>, ground: Ground) -> Option<Group> {
    let named = is_name(findings, name);
    let items = items(findings, name, value)?;
    if items.len() == 1 {
        let problem = Problem::warning(name.span.clone(), format!("`{}` has one alternative", name.text));
        findings.push(problem.label("so it has to hold").help("put its conditions beside the others"));
    }
    // All of them are read, so that all that is wrong is found.
    let read = items.iter().map(|item| alternative(findings, name, item, ground)).collect::<Vec<_>>();
    let alternatives = read.into_iter().collect::<Option<Vec<_>>>()?;
    named.then(|| Group { name: name.text.to_owned(), span: name.span.clone(), alternatives })
}

/// Whether the group can be called so in `because`, where dots and brackets have
/// a meaning.
fn is_name(findings: &mut Findings, name: &Text<'_>) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    if !name.text.is_empty() && name.text.chars().all(plain) {
        return true;
    }
    let problem = Problem::error(name.span.clone(), "this is no name for a group of alternatives");
    let help = "a name has letters, digits, `-` and `_`; paths stand inside: `[[when.any_of.why]]`, and \
                below it `\"data.country\" = \"DE\"`";
    findings.push(problem.label("not a name").help(help));
    false
}

fn items<'a>(findings: &mut Findings, name: &Text<'_>, value: &'a Value<'a>) -> Option<&'a [Value<'a>]> {
    let name = name.text;
    let problem = match value.get_ref() {
        DeValue::Array(items) if !items.is_empty() => return Some(&**items),
        DeValue::Array(_) => {
            let message = format!("`{name}` has no alternatives, so nothing would match");
            Problem::error(value.span(), message).label("empty")
        }
        DeValue::Table(_) => {
            let message = format!("`{name}` is a group of alternatives, and this is one table");
            Problem::error(value.span(), message).label("not a list")
        }
        _ => {
            let message = format!("`{name}` is a group of alternatives: a list of tables");
            Problem::error(value.span(), message).label("not a list")
        }
    };
    let help = format!("write `[[when.any_of.{name}]]`, with two brackets, for each alternative");
    findings.push(problem.help(help));
    None
}

fn alternative(
    findings: &mut Findings,
    name: &Text<'_>,
    value: &Value<'_>,
    ground: Ground,
) -> Option<Alternative> {
    let Some(table) = table_of(value) else {
        let help = "an alternative is a table of conditions: `{ \"data.country\" = \"DE\" }`";
        return mistyped(findings, name.text, value, "a list of tables", help);
    };
    if table.is_empty() {
        let problem = Problem::error(table.span, "this alternative has no conditions, so it always holds");
        findings.push(problem.label("empty").help("give it conditions, or remove the group"));
        return None;
    }
    let read = clauses(findings, &table, Ground { level: Level::Warning, ..ground });
    read.whole.then_some(Alternative { span: value.span(), drafts: read.drafts })
}
