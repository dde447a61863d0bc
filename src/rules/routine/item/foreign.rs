//! An item for a table of the user's: its columns.

use super::own::{are_short, fixed};
use super::{ForeignSpec, Instructions, ItemSpec, emits, header};
use crate::rules::name::{InboxName, ItemName, QueueName};
use crate::rules::problem::Problem;
use crate::rules::routine::context::{self, ContextField, ContextValue};
use crate::rules::routine::table::{Findings, Table, Text, Value, text_of};
use crate::rules::template::{Template, Variables, has_code};
use std::ops::Range;

/// The keys which are hearken's. All others are columns.
const OURS: [&str; 2] = ["inbox", "emits"];

/// The longest name of a column, in bytes: PostgreSQL would cut it off.
const COLUMN_BYTES_MAX: usize = 63;

/// Reads the item of this name, whose table has an `inbox`.
pub(super) fn parse(
    findings: &mut Findings,
    name: &ItemName,
    table: &Table<'_>,
    variables: Variables,
) -> Option<ItemSpec> {
    let inbox = inbox(findings, table);
    let columns = columns(findings, name, table, variables);
    let emits = emits(findings, table);
    let (inbox, span) = inbox?;
    Some(ItemSpec {
        name: name.clone(),
        // Both are names of one kind.
        queue: QueueName::parse(inbox.as_str()).ok()?,
        title: Template::compile(&format!("{name} of {{{{ routine }}}}"), variables).ok()?,
        priority: 0,
        instructions: Instructions::Static("".into()),
        context: Vec::new(),
        tags: [].into(),
        attempts_max: None,
        order_key: None,
        emits: emits?,
        foreign: Some(ForeignSpec { inbox, inbox_span: span, columns: columns? }),
        webhook: None,
    })
}

fn inbox(findings: &mut Findings, table: &Table<'_>) -> Option<(InboxName, Range<usize>)> {
    let help = "name an inbox of hearken.toml: `[inbox.agents]` there is `inbox = \"agents\"` here; with it, \
                all other keys are columns of its table";
    let text = table.text(findings, "inbox")?;
    if has_code(text.text) {
        let problem = Problem::error(text.span, "`inbox` is a fixed name, not a template");
        findings.push(problem.label("would never be filled in").help("make a routine for each inbox"));
        return None;
    }
    let error = match InboxName::parse(text.text) {
        Ok(name) => return Some((name, text.span)),
        Err(error) => error,
    };
    let problem = Problem::error(text.span, format!("`inbox` is no name of an inbox: {error}"));
    findings.push(problem.label("not a name").help(help));
    None
}

fn columns(
    findings: &mut Findings,
    name: &ItemName,
    table: &Table<'_>,
    variables: Variables,
) -> Option<Vec<ContextField>> {
    let entries = table.entries().filter(|(key, _)| !OURS.contains(&key.text));
    // All of them are read, so that all that is wrong is found.
    let columns = entries.map(|(key, value)| column(findings, &key, value, variables)).collect::<Vec<_>>();
    if columns.is_empty() {
        let problem = Problem::error(table.span.clone(), format!("{} sets no column", header(name)));
        let help = "with `inbox`, all keys but `emits` are columns of its table: write \
                    `title = \"Task {{ data.title }}\"`, if it has such a column";
        findings.missing(problem.label("an empty row").help(help));
        return None;
    }
    let few = context::are_few(findings, table.span.clone(), columns.len(), "an item");
    columns.into_iter().collect::<Option<Vec<_>>>().filter(|_| few)
}

fn column(
    findings: &mut Findings,
    key: &Text<'_>,
    value: &Value<'_>,
    variables: Variables,
) -> Option<ContextField> {
    let message = match key.text {
        "" => Some("a column has a name"),
        text if text.contains('\0') => Some("no column has a zero character in its name"),
        text if text.len() > COLUMN_BYTES_MAX => Some("PostgreSQL has no column with so long a name"),
        _ => None,
    };
    if let Some(message) = message {
        let problem = Problem::error(key.span.clone(), message).label("no name of a column");
        findings.push(problem.help(format!("write the column's name, of 1 to {COLUMN_BYTES_MAX} bytes")));
        return None;
    }
    match text_of(value) {
        Some(text) if key.text == "instructions" => instructions(findings, key, &text),
        _ => context::field(findings, key, value, variables),
    }
}

/// Text of the column `instructions`: the operator's, as it stands, for the same
/// reason as in hearken's own inbox.
fn instructions(findings: &mut Findings, key: &Text<'_>, text: &Text<'_>) -> Option<ContextField> {
    let help = "the braces stay as they are, since an agent cannot tell a stranger's words in its orders \
                from yours; put values into other columns";
    are_short(findings, text)?;
    let value = ContextValue::Literal(fixed(findings, text, help).into());
    Some(ContextField { name: key.text.to_owned(), value, span: key.span.clone() })
}
