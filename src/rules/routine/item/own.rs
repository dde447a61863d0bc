//! An item for hearken's own inbox: its fields.

use super::{
    ATTEMPTS_LIMIT, INSTRUCTIONS_BYTES_MAX, Instructions, ItemSpec, ORDER_KEY_BYTES_MAX, emits, header,
    template,
};
use crate::rules::name::{ItemName, QueueName};
use crate::rules::problem::Problem;
use crate::rules::routine::context;
use crate::rules::routine::literal::small_integer;
use crate::rules::routine::table::{Findings, Keys, Table, Text, Value, text_of, wrong_type};
use crate::rules::template::{Template, Variables, has_code};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The keys of such an item. With `inbox` all but two are columns, so it is not here
/// that they are looked at then; it is named for those who mistype it.
const KNOWN: [&str; 11] = [
    "queue",
    "inbox",
    "title",
    "priority",
    "instructions",
    "instructions_template",
    "context",
    "tags",
    "max_attempts",
    "key",
    "emits",
];

const LATER: [(&str, &str); 4] = [
    ("due_in", "items are due at once; `jitter` of a schedule spreads them"),
    ("due_at", "items are due at once; `jitter` of a schedule spreads them"),
    ("deadline", "it is set for a queue: `deadline` of `[queue.NAME]` in hearken.toml"),
    ("backoff", "it is set for a queue: `backoff` of `[queue.NAME]` in hearken.toml"),
];

/// Reads the item of this name.
pub(super) fn parse(
    findings: &mut Findings,
    name: &ItemName,
    table: &Table<'_>,
    variables: Variables,
) -> Option<ItemSpec> {
    table.check_keys(findings, &Keys { owner: &header(name), known: &KNOWN, later: &LATER });
    let queue = queue(findings, table);
    let title = title(findings, table, variables);
    let priority = integer(findings, table, "priority", "0", i32::MIN..=i32::MAX);
    let attempts_max = integer(findings, table, "max_attempts", "what the queue says", 1..=ATTEMPTS_LIMIT);
    let order_key = order_key(findings, table, variables);
    let instructions = instructions(findings, table, variables);
    let tags = tags(findings, table);
    let emits = emits(findings, table);
    let context = context::parse(findings, table, variables);
    Some(ItemSpec {
        name: name.clone(),
        queue: queue?,
        title: title?,
        priority: priority?.unwrap_or(0),
        instructions: instructions?,
        context: context?,
        tags: tags?,
        attempts_max: attempts_max?,
        order_key: order_key?,
        emits: emits?,
        foreign: None,
        webhook: None,
    })
}

/// The queue at `queue`, which there must be.
pub(in crate::rules::routine) fn queue(findings: &mut Findings, table: &Table<'_>) -> Option<QueueName> {
    let help = "name the queue from which workers lease: `queue = \"finance\"`";
    let text = table.required_text(findings, "queue", help)?;
    if has_code(text.text) {
        let problem = Problem::error(text.span, "`queue` is a fixed name, not a template");
        findings.push(problem.label("would never be filled in").help("make a routine for each queue"));
        return None;
    }
    let error = match QueueName::parse(text.text) {
        Ok(name) => return Some(name),
        Err(error) => error,
    };
    let problem = Problem::error(text.span, format!("`queue` is no name of a queue: {error}"));
    findings.push(problem.label("not a name").help(help));
    None
}

/// The title, which there must be.
pub(in crate::rules::routine) fn title(
    findings: &mut Findings,
    table: &Table<'_>,
    variables: Variables,
) -> Option<Template> {
    let help = "one line for people: `title = \"Refund {{ data.refund_id }}\"`";
    let text = table.required_text(findings, "title", help)?;
    if text.text.trim().is_empty() {
        findings.push(Problem::error(text.span, "`title` is empty").label("says nothing").help(help));
        return None;
    }
    template(findings, &text, variables)
}

/// An integer within bounds, if there is one; the outer option is empty after a
/// complaint. `otherwise` is what it is without one.
pub(in crate::rules::routine) fn integer(
    findings: &mut Findings,
    table: &Table<'_>,
    key: &str,
    otherwise: &str,
    bounds: RangeInclusive<i32>,
) -> Option<Option<i32>> {
    let Some(value) = table.get(key) else {
        return Some(None);
    };
    let number = small_integer(findings, key, value)?;
    if bounds.contains(&number) {
        return Some(Some(number));
    }
    let (least, most) = bounds.into_inner();
    let problem = Problem::error(value.span(), format!("`{key}` is at least {least} and at most {most}"));
    findings.push(problem.label("out of bounds").help(format!("leave it out for {otherwise}")));
    None
}

/// The ordering key at `key`, if there is one; the outer option is empty after a
/// complaint.
pub(in crate::rules::routine) fn order_key(
    findings: &mut Findings,
    table: &Table<'_>,
    variables: Variables,
) -> Option<Option<Template>> {
    if table.get("key").is_none() {
        return Some(None);
    }
    let text = table.text(findings, "key")?;
    let template = template(findings, &text, variables)?;
    let message = match template.as_static() {
        Some(fixed) if fixed.trim().is_empty() => "`key` is empty".to_owned(),
        Some(fixed) if fixed.len() > ORDER_KEY_BYTES_MAX => {
            format!("`key` has at most {ORDER_KEY_BYTES_MAX} bytes")
        }
        _ => return Some(Some(template)),
    };
    let help = "items of one key are worked on one after another: `key = \"{{ data.customer_id }}\"`; leave \
                it out where their order does not matter";
    findings.push(Problem::error(text.span, message).label("no such key").help(help));
    None
}

fn instructions(findings: &mut Findings, table: &Table<'_>, variables: Variables) -> Option<Instructions> {
    let is_template = instructions_template(findings, table);
    if table.get("instructions").is_none() {
        if is_template? {
            let span = table.key_span("instructions_template");
            let problem = Problem::error(span, "there are no `instructions` to fill in");
            findings.missing(problem.label("a template of nothing").help("leave it out, or write them"));
            return None;
        }
        return Some(Instructions::Static("".into()));
    }
    let text = table.text(findings, "instructions")?;
    are_short(findings, &text)?;
    if is_template? {
        let template = template(findings, &text, variables)?;
        let fixed = template.as_static().map(|text| Instructions::Static(text.into()));
        return Some(fixed.unwrap_or(Instructions::Template(template)));
    }
    let help = "the braces stay as they are, since an agent cannot tell a stranger's words in its orders \
                from yours; put values into `[item.context]`, or write `instructions_template = true` if \
                all who write events are trusted";
    Some(Instructions::Static(fixed(findings, &text, help).into()))
}

/// Complains about instructions which are too long.
pub(super) fn are_short(findings: &mut Findings, text: &Text<'_>) -> Option<()> {
    if text.text.len() <= INSTRUCTIONS_BYTES_MAX {
        return Some(());
    }
    let message = format!("`instructions` have at most {INSTRUCTIONS_BYTES_MAX} bytes");
    let problem = Problem::error(text.span.clone(), message).label("too long");
    findings.push(problem.help("name the document in which they are written down"));
    None
}

/// Instructions as they stand; warns of what looks like a template.
pub(super) fn fixed<'t>(findings: &mut Findings, text: &Text<'t>, help: &str) -> &'t str {
    if has_code(text.text) {
        let problem = Problem::warning(text.span.clone(), "`instructions` are fixed text, and no template");
        findings.push(problem.label("looks like a template").help(help));
    }
    text.text
}

/// Whether the instructions are a template.
fn instructions_template(findings: &mut Findings, table: &Table<'_>) -> Option<bool> {
    let key = "instructions_template";
    match table.get(key) {
        None => Some(false),
        Some(value) => match value.get_ref().as_bool() {
            Some(is_template) => Some(is_template),
            None => wrong_type(findings, key, value, "true or false"),
        },
    }
}

fn tags(findings: &mut Findings, table: &Table<'_>) -> Option<Arc<[String]>> {
    let Some(value) = table.get("tags") else {
        return Some([].into());
    };
    let Some(items) = value.get_ref().as_array() else {
        return wrong_type(findings, "tags", value, "an array of strings");
    };
    let mut tags = Vec::new();
    let mut all = true;
    for item in items {
        match tag(findings, item) {
            Some(tag) if tags.contains(&tag) => {
                let problem = Problem::error(item.span(), format!("the tag `{tag}` is given twice"));
                findings.push(problem.label("again").help("remove it"));
                all = false;
            }
            Some(tag) => tags.push(tag),
            None => all = false,
        }
    }
    all.then(|| tags.into())
}

fn tag(findings: &mut Findings, item: &Value<'_>) -> Option<String> {
    let Some(text) = text_of(item) else {
        return wrong_type(findings, "tags", item, "an array of strings");
    };
    let message = match text.text {
        "" => "a tag cannot be empty",
        text if has_code(text) => "tags are fixed text, not templates",
        text => return Some(text.to_owned()),
    };
    findings
        .push(Problem::error(item.span(), message).label("not a tag").help("write `tags = [\"german\"]`"));
    None
}
