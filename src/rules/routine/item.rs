//! What a routine puts into the inbox: `[item]`.

use super::context::{self, ContextField};
use super::literal::small_integer;
use super::table::{Findings, Keys, Table, Text, Value, text_of, wrong_type};
use crate::rules::name::{ItemName, QueueName};
use crate::rules::problem::Problem;
use crate::rules::template::{Template, Variables, has_code};
use std::sync::Arc;

/// How often an item may be leased before it is dead, unless the routine says.
pub const ATTEMPTS_MAX_DEFAULT: i32 = 5;

/// The most attempts a routine may ask for: with the backoff between them, more
/// would keep an item for years.
pub const ATTEMPTS_LIMIT: i32 = 100;

/// The longest instructions, in bytes: the length of a long manual page.
pub const INSTRUCTIONS_BYTES_MAX: usize = 64 * 1024;

/// One item of a routine, before there is an event.
#[derive(Clone, Debug)]
pub struct ItemSpec {
    /// Which of the routine's items it is.
    pub name: ItemName,
    /// The queue it goes to.
    pub queue: QueueName,
    /// One line for people.
    pub title: Template,
    /// Greater is more urgent.
    pub priority: i32,
    /// What to do.
    pub instructions: Instructions,
    /// Typed values for the worker, in the order of the file.
    pub context: Vec<ContextField>,
    /// What a worker must be able to do.
    pub tags: Arc<[String]>,
    /// How often it may be leased before it is dead.
    pub attempts_max: i32,
    /// The types of the events which a worker is expected to emit on account of
    /// it. Nothing is made of them but advice about circles.
    pub emits: Arc<[String]>,
}

/// What to do with an item.
#[derive(Clone, Debug)]
pub enum Instructions {
    /// Text of the routine alone. Nothing a stranger wrote can ever be in it.
    Static(Arc<str>),
    /// A template, where the routine says `instructions_template = true`.
    Template(Template),
}

const KEYS: Keys<'static> = Keys {
    owner: "`[item]`",
    known: &[
        "queue",
        "title",
        "priority",
        "instructions",
        "instructions_template",
        "context",
        "tags",
        "max_attempts",
        "emits",
    ],
    later: &[
        ("inbox", "items go to `hearken.inbox_items`, hearken's own inbox"),
        ("due_in", "items are due at once; `jitter` of a schedule spreads them"),
        ("due_at", "items are due at once; `jitter` of a schedule spreads them"),
        ("deadline", "an item waits until a worker takes it"),
        ("order_key", "workers take items of one priority in the order in which they came"),
        ("backoff", "the pause after a failure doubles by itself"),
    ],
};

const HELP: &str = "say what to put into the inbox: `[item]` with `queue = \"finance\"` and `title = \"…\"`";

/// Reads `[item]` of the whole file.
pub(super) fn parse(findings: &mut Findings, root: &Table<'_>, variables: Variables) -> Option<ItemSpec> {
    if root.get("item").is_none() {
        // Its place is the end of the file, where it would be written.
        let end = findings.text().trim_end().len();
        findings.missing(Problem::error(end..end, "`[item]` is missing").label("makes no item").help(HELP));
        return None;
    }
    let table = root.table(findings, "item")?;
    table.check_keys(findings, &KEYS);
    let queue = queue(findings, &table);
    let title = title(findings, &table, variables);
    let priority = integer(findings, &table, "priority", 0, i32::MIN..=i32::MAX);
    let attempts_max = integer(findings, &table, "max_attempts", ATTEMPTS_MAX_DEFAULT, 1..=ATTEMPTS_LIMIT);
    let instructions = instructions(findings, &table, variables);
    let tags = tags(findings, &table);
    let emits = emits(findings, &table);
    let context = context::parse(findings, &table, variables);
    Some(ItemSpec {
        name: ItemName::only(),
        queue: queue?,
        title: title?,
        priority: priority?,
        instructions: instructions?,
        context: context?,
        tags: tags?,
        attempts_max: attempts_max?,
        emits: emits?,
    })
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

fn queue(findings: &mut Findings, table: &Table<'_>) -> Option<QueueName> {
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

fn title(findings: &mut Findings, table: &Table<'_>, variables: Variables) -> Option<Template> {
    let help = "one line for people: `title = \"Refund {{ data.refund_id }}\"`";
    let text = table.required_text(findings, "title", help)?;
    if text.text.trim().is_empty() {
        findings.push(Problem::error(text.span, "`title` is empty").label("says nothing").help(help));
        return None;
    }
    template(findings, &text, variables)
}

fn integer(
    findings: &mut Findings,
    table: &Table<'_>,
    key: &str,
    default: i32,
    bounds: std::ops::RangeInclusive<i32>,
) -> Option<i32> {
    let Some(value) = table.get(key) else {
        return Some(default);
    };
    let number = small_integer(findings, key, value)?;
    if bounds.contains(&number) {
        return Some(number);
    }
    let (least, most) = bounds.into_inner();
    let problem = Problem::error(value.span(), format!("`{key}` is at least {least} and at most {most}"));
    findings.push(problem.label("out of bounds").help(format!("leave it out for {default}")));
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
    if text.text.len() > INSTRUCTIONS_BYTES_MAX {
        let message = format!("`instructions` have at most {INSTRUCTIONS_BYTES_MAX} bytes");
        let problem = Problem::error(text.span, message);
        findings.push(problem.label("too long").help("name the document in which they are written down"));
        return None;
    }
    if is_template? {
        let template = template(findings, &text, variables)?;
        let fixed = template.as_static().map(|text| Instructions::Static(text.into()));
        return Some(fixed.unwrap_or(Instructions::Template(template)));
    }
    if has_code(text.text) {
        let problem = Problem::warning(text.span.clone(), "`instructions` are fixed text, and no template");
        let help = "the braces stay as they are, since an agent cannot tell a stranger's words in its orders \
                    from yours; put values into `[item.context]`, or write `instructions_template = true` if \
                    all who write events are trusted";
        findings.push(problem.label("looks like a template").help(help));
    }
    Some(Instructions::Static(text.text.into()))
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

/// The types of events which a worker is expected to emit: one, or a list.
fn emits(findings: &mut Findings, table: &Table<'_>) -> Option<Arc<[String]>> {
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
