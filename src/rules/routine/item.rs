//! What a routine puts into inboxes: `[item]`, and further ones as `[items.NAME]`.
//!
//! An item goes to a queue of hearken's own inbox (`own`), or into a table of the
//! user's which the settings describe (`foreign`). Either way there is one list of
//! them, which come together or not at all.

mod foreign;
mod own;
#[cfg(test)]
mod tests;

pub(super) use own::{integer, order_key, queue, title};

use super::context::ContextField;
use super::table::{Findings, Table, Text, Value, table_of, text_of, wrong_type};
use super::webhook::WebhookSpec;
use crate::rules::name::{InboxName, ItemName, QueueName};
use crate::rules::problem::Problem;
use crate::rules::template::{Template, Variables, has_code};
use std::ops::Range;
use std::sync::Arc;

/// The most attempts a routine may ask for: with the backoff between them, more
/// would keep an item for years.
pub const ATTEMPTS_LIMIT: i32 = 100;

/// The longest ordering key, in bytes: an id, or two, and no text.
pub const ORDER_KEY_BYTES_MAX: usize = 200;

/// The longest instructions, in bytes: the length of a long manual page.
pub const INSTRUCTIONS_BYTES_MAX: usize = 64 * 1024;

/// The most items of one routine. What needs more is a query with a row for each.
pub const ITEMS_MAX: usize = 20;

/// One item of a routine, before there is an event.
#[derive(Clone, Debug)]
pub struct ItemSpec {
    /// Which of the routine's items it is.
    pub name: ItemName,
    /// The queue it goes to; of an item for a table, the inbox's name.
    pub queue: QueueName,
    /// One line for people; of an item for a table, for one which has no `title`.
    pub title: Template,
    /// Greater is more urgent.
    pub priority: i32,
    /// What to do.
    pub instructions: Instructions,
    /// Typed values for the worker, in the order of the file.
    pub context: Vec<ContextField>,
    /// What a worker must be able to do.
    pub tags: Arc<[String]>,
    /// How often it may be leased before it is dead; what its queue says, if none.
    pub attempts_max: Option<i32>,
    /// Items of one key are worked on one after another; none is bound to no other.
    pub order_key: Option<Template>,
    /// The types of the events which a worker is expected to emit on account of
    /// it. Nothing is made of them but advice about circles.
    pub emits: Arc<[String]>,
    /// What it is in a table of the user's; none, if it goes to hearken's own inbox.
    /// Then queue, title and what follows say nothing of its row.
    pub foreign: Option<ForeignSpec>,
    /// How it is delivered, if it is a `[webhook]`.
    pub webhook: Option<WebhookSpec>,
}

/// An item for a table of the user's, before there is an event.
#[derive(Clone, Debug)]
pub struct ForeignSpec {
    /// The inbox, by its name in the settings.
    pub inbox: InboxName,
    /// The place of that name in the file.
    pub inbox_span: Range<usize>,
    /// The columns which are set, and to what, in the order of the file; at least one.
    pub columns: Vec<ContextField>,
}

/// What to do with an item.
#[derive(Clone, Debug)]
pub enum Instructions {
    /// Text of the routine alone. Nothing a stranger wrote can ever be in it.
    Static(Arc<str>),
    /// A template, where the routine says `instructions_template = true`.
    Template(Template),
}

const HELP: &str = "say what to put into the inbox: `[item]` with `queue = \"finance\"` and `title = \"…\"`; \
                    or what to deliver, with `[webhook]`";

/// An item's table, with the name of the item.
type Named<'a> = (ItemName, Table<'a>);

/// Reads `[item]` and `[items.NAME]` of the whole file; complains if there is none.
pub(super) fn parse(
    findings: &mut Findings,
    root: &Table<'_>,
    variables: Variables,
) -> Option<Vec<ItemSpec>> {
    if root.get("item").is_none() && root.get("items").is_none() {
        // Its place is the end of the file, where it would be written.
        let end = findings.text().trim_end().len();
        findings.missing(Problem::error(end..end, "`[item]` is missing").label("makes no item").help(HELP));
        return None;
    }
    let (tables, sound) = tables(findings, root);
    // All of them are read, so that all that is wrong is found.
    let read = |(name, table): &Named<'_>| match table.get("inbox") {
        Some(_) => foreign::parse(findings, name, table, variables),
        None => own::parse(findings, name, table, variables),
    };
    let specs = tables.iter().map(read).collect::<Vec<_>>();
    specs.into_iter().collect::<Option<Vec<_>>>().filter(|_| sound)
}

/// How messages call an item's table.
fn header(name: &ItemName) -> String {
    if *name == ItemName::only() { "`[item]`".to_owned() } else { format!("`[items.{name}]`") }
}

/// The tables of all items in the order of the file, `[item]` first, and whether
/// there was nothing to complain about.
fn tables<'a>(findings: &mut Findings, root: &Table<'a>) -> (Vec<Named<'a>>, bool) {
    let mut tables = Vec::new();
    let mut sound = true;
    if root.get("item").is_some() {
        match root.table(findings, "item") {
            Some(table) => tables.push((ItemName::only(), table)),
            None => sound = false,
        }
    }
    if let Some(value) = root.get("items") {
        sound &= further(findings, value, &mut tables).is_some();
    }
    if tables.len() > ITEMS_MAX {
        let message = format!("a routine has at most {ITEMS_MAX} items");
        let problem = Problem::error(root.key_span("items"), message).label("too many");
        findings.push(problem.help("let a query find a row for each: `[each]`, or `[on.query]`"));
        sound = false;
    }
    (tables, sound)
}

const ITEMS_HELP: &str = "each further item is a table of its own, with a name: `[items.manager]`";

/// Adds the tables of `[items.NAME]`; nothing after a complaint.
fn further<'a>(findings: &mut Findings, value: &'a Value<'a>, tables: &mut Vec<Named<'a>>) -> Option<()> {
    let Some(items) = table_of(value) else {
        let problem = Problem::error(value.span(), "`items` is no table of items");
        findings.push(problem.label("without names").help(ITEMS_HELP));
        return None;
    };
    if items.is_empty() {
        let problem = Problem::error(items.span, "`items` names no item").label("empty");
        findings.missing(problem.help(ITEMS_HELP));
        return None;
    }
    let mut sound = Some(());
    for (key, value) in items.entries() {
        match named(findings, &key, value, tables) {
            Some(named) => tables.push(named),
            None => sound = None,
        }
    }
    sound
}

/// An item of `[items]`, with its name.
fn named<'a>(
    findings: &mut Findings,
    key: &Text<'a>,
    value: &'a Value<'a>,
    before: &[Named<'a>],
) -> Option<Named<'a>> {
    let complaint = match (ItemName::parse(key.text), table_of(value)) {
        (Err(error), _) => {
            Problem::error(key.span.clone(), format!("`{}` is no name of an item: {error}", key.text))
                .label("not a name")
        }
        (Ok(_), None) => {
            Problem::error(value.span(), format!("`items.{}` is no table", key.text)).label("not an item")
        }
        (Ok(name), Some(_)) if before.iter().any(|(known, _)| *known == name) => {
            Problem::error(key.span.clone(), "`[item]` has this name already").label("the same name")
        }
        (Ok(name), Some(table)) => return Some((name, table)),
    };
    findings.push(complaint.help(ITEMS_HELP));
    None
}

/// Reads a template; complains with its place in the file.
pub(super) fn template(findings: &mut Findings, text: &Text<'_>, variables: Variables) -> Option<Template> {
    let problem = match Template::compile(text.text, variables) {
        Ok(template) => return Some(template),
        Err(problem) => problem,
    };
    let span = text.part(findings.text(), problem.span);
    let shown = Problem::error(span, problem.message).label("in this template");
    findings.push(Problem { help: problem.help, ..shown });
    None
}

/// The types of events which a worker is expected to emit: one, or a list.
pub(super) fn emits(findings: &mut Findings, table: &Table<'_>) -> Option<Arc<[String]>> {
    let Some(value) = table.get("emits") else {
        return Some([].into());
    };
    if value.get_ref().is_str() {
        return emitted(findings, value).map(|kind| [kind].into());
    }
    let Some(items) = value.get_ref().as_array() else {
        return wrong_type(findings, "emits", value, "a string or an array of strings");
    };
    let mut kinds = Vec::new();
    let mut all = true;
    for item in items {
        match emitted(findings, item) {
            Some(kind) if kinds.contains(&kind) => {
                let problem = Problem::error(item.span(), format!("`{kind}` is in this list twice"));
                findings.push(problem.label("again").help("remove it"));
                all = false;
            }
            Some(kind) => kinds.push(kind),
            None => all = false,
        }
    }
    all.then(|| kinds.into())
}

fn emitted(findings: &mut Findings, item: &Value<'_>) -> Option<String> {
    let Some(text) = text_of(item) else {
        return wrong_type(findings, "emits", item, "a string or an array of strings");
    };
    let message = match text.text {
        "" => "no event has an empty type",
        text if text.contains('*') => "what a worker emits is of one type, without a star",
        text if has_code(text) => "the types of `emits` are fixed text, not templates",
        text => return Some(text.to_owned()),
    };
    let help = "write each type in full: `emits = [\"refund.reviewed\"]`";
    findings.push(Problem::error(text.span, message).label("not a type").help(help));
    None
}
