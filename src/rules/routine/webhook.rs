//! Reads `[webhook]`: an item which is delivered to an endpoint over HTTP, in place of
//! `[item]`.
//!
//! It makes an ordinary item in an ordinary queue, whose context is the event as
//! CloudEvents has it, and which says how it is delivered. So gates, keys, priorities
//! and attempts are those of all items.

mod headers;
mod secret;
mod target;
#[cfg(test)]
mod tests;
mod times;

pub use headers::{HEADER_BYTES_MAX, HEADERS_MAX, HeaderSpec, is_header_text};
pub use target::TargetSpec;
pub use times::{RETRY_DEFAULT, RETRY_MAX, RETRY_PAUSES_MAX, TIMEOUT_DEFAULT, TIMEOUT_MAX, TIMEOUT_MIN};

use super::context::{self, ContextField};
use super::flow::Flow;
use super::item::{self, Instructions, ItemSpec};
use super::table::{Findings, Keys, Table, Text};
use crate::rules::name::{ItemName, QueueName};
use crate::rules::problem::Problem;
use crate::rules::template::{Template, Variables};
use crate::rules::text::{closest, listed};
use crate::rules::webhook::{Mode, SecretRef};

/// The queue of webhooks, unless the routine says.
pub const WEBHOOK_QUEUE: &str = "webhooks";

/// How an item is delivered, before there is an event.
#[derive(Clone, Debug)]
pub struct WebhookSpec {
    /// Where it goes.
    pub to: TargetSpec,
    /// Headers of the routine's own, by their names in lower case, in the order of the file.
    pub headers: Vec<(String, HeaderSpec)>,
    /// What it is signed with.
    pub secret: Option<SecretRef>,
    /// How the event is written into the request.
    pub mode: Mode,
    /// How long one attempt may take, in milliseconds.
    pub timeout_ms: u64,
    /// The pauses between attempts, in milliseconds.
    pub retry_ms: Vec<u64>,
    /// The type of what is sent; that of the event, if none.
    pub kind: Option<Template>,
    /// What is sent; what the event says, if none. Its name is `data`.
    pub data: Option<ContextField>,
    /// Who says the title.
    pub titled: Titled,
}

/// Who says the title of a webhook's item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Titled {
    /// The routine.
    ByRoutine,
    /// Its type, and where it goes.
    ByTarget,
}

/// The keys of `[webhook]`.
const KEYS: Keys<'static> = Keys {
    owner: "`[webhook]`",
    known: &[
        "url", "endpoint", "id", "queue", "secret", "mode", "timeout", "retry", "type", "key", "title",
        "priority", "headers", "data", "emits",
    ],
    later: &[],
};

/// The modes, by their words.
const MODES: [(&str, Mode); 2] = [("structured", Mode::Structured), ("binary", Mode::Binary)];

/// Reads `[webhook]` of the whole file, of which there is one.
pub(super) fn parse(
    findings: &mut Findings,
    root: &Table<'_>,
    variables: Variables,
) -> Option<Vec<ItemSpec>> {
    let alone = is_alone(findings, root);
    let table = root.table(findings, "webhook")?;
    table.check_keys(findings, &KEYS);
    // All of it is read, so that all that is wrong is found.
    let queue = queue(findings, &table);
    let priority = item::integer(findings, &table, "priority", "0", i32::MIN..=i32::MAX);
    let order_key = item::order_key(findings, &table, variables);
    let emits = item::emits(findings, &table);
    let title = title(findings, &table, variables);
    let webhook = webhook(findings, &table, variables);
    alone?;
    let (title, titled) = title?;
    let webhook = WebhookSpec { titled, ..webhook? };
    Some(vec![ItemSpec {
        name: name()?,
        queue: queue?,
        title,
        priority: priority?.unwrap_or(0),
        instructions: Instructions::Static("".into()),
        context: Vec::new(),
        tags: [].into(),
        attempts_max: i32::try_from(webhook.retry_ms.len()).ok().map(|pauses| pauses + 1),
        order_key: order_key?,
        emits: emits?,
        foreign: None,
        webhook: Some(webhook),
    }])
}

/// What its item is called: in decisions, and in tests.
fn name() -> Option<ItemName> {
    ItemName::parse("webhook").ok()
}

fn webhook(findings: &mut Findings, table: &Table<'_>, variables: Variables) -> Option<WebhookSpec> {
    let to = target::parse(findings, table, variables);
    let headers = headers::parse(findings, table, variables);
    let secret = secret(findings, table);
    let mode = mode(findings, table);
    let timeout_ms = times::timeout(findings, table);
    let retry_ms = times::retry(findings, table);
    let kind = kind(findings, table, variables);
    let data = data(findings, table, variables);
    Some(WebhookSpec {
        to: to?,
        headers: headers?,
        secret: secret?,
        mode: mode?,
        timeout_ms: timeout_ms?,
        retry_ms: retry_ms?,
        kind: kind?,
        data: data?,
        titled: Titled::ByTarget,
    })
}

/// Complains about items beside it: they would come together or not at all, and the one
/// would wait for the other's gates.
fn is_alone(findings: &mut Findings, root: &Table<'_>) -> Option<()> {
    let beside = ["item", "items"].into_iter().find(|key| root.get(key).is_some());
    let Some(beside) = beside else { return Some(()) };
    let message = format!("a routine has `[webhook]` or `[{beside}]`, and not both");
    let problem = Problem::error(root.key_span(beside), message).label("beside a webhook");
    findings.push(problem.help("make a routine of its own for it: both hear the same event"));
    None
}

/// Complains about a flow which makes one item of several events: a request has one.
pub(super) fn check_flow(findings: &mut Findings, root: &Table<'_>, flow: &Flow) -> Option<()> {
    if root.get("webhook").is_none() || !flow.collects() {
        return Some(());
    }
    let problem =
        Problem::error(root.key_span("flow"), "a webhook delivers one event, and this flow collects");
    let help = "let the newest stand for all: `keep = \"last\"` of `debounce`, `on_conflict = \"replace\"` \
                of `dedup`; or let a worker lease what was collected: `[item]`";
    findings.push(problem.label("makes one item of several events").help(help));
    None
}

fn queue(findings: &mut Findings, table: &Table<'_>) -> Option<QueueName> {
    match table.get("queue") {
        Some(_) => item::queue(findings, table),
        None => QueueName::parse(WEBHOOK_QUEUE).ok(),
    }
}

fn title(findings: &mut Findings, table: &Table<'_>, variables: Variables) -> Option<(Template, Titled)> {
    if table.get("title").is_some() {
        return item::title(findings, table, variables).map(|title| (title, Titled::ByRoutine));
    }
    let title = Template::compile("webhook of {{ routine }}", variables).ok()?;
    Some((title, Titled::ByTarget))
}

/// What it is signed with. A table of endpoints has secrets of its own.
fn secret(findings: &mut Findings, table: &Table<'_>) -> Option<Option<SecretRef>> {
    let Some(value) = table.get("secret") else {
        return Some(None);
    };
    if table.get("endpoint").is_some() {
        let problem = Problem::error(table.key_span("secret"), "an endpoint of a table has its own secret");
        let help = "name the column for it in hearken.toml: `secret = \"secret\"` in `[endpoint.NAME]`";
        findings.push(problem.label("belongs to a `url`").help(help));
        return None;
    }
    secret::parse(findings, "secret", value).map(Some)
}

fn mode(findings: &mut Findings, table: &Table<'_>) -> Option<Mode> {
    if table.get("mode").is_none() {
        return Some(Mode::default());
    }
    let text = table.text(findings, "mode")?;
    let found = MODES.iter().find(|(word, _)| *word == text.text);
    if found.is_none() {
        let words = MODES.map(|(word, _)| word);
        let help = match closest(text.text, words) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("modes are {}", listed(words)),
        };
        let problem = Problem::error(text.span, format!("there is no mode `{}`", text.text));
        findings.push(problem.label("not a mode").help(help));
    }
    found.map(|(_, mode)| *mode)
}

fn kind(findings: &mut Findings, table: &Table<'_>, variables: Variables) -> Option<Option<Template>> {
    if table.get("type").is_none() {
        return Some(None);
    }
    let text = table.text(findings, "type")?;
    if text.text.trim().is_empty() {
        let problem = Problem::error(text.span, "no event has an empty type").label("not a type");
        findings.push(
            problem.help("write it in full, `type = \"refund.decided\"`, or leave it out for the event's"),
        );
        return None;
    }
    item::template(findings, &text, variables).map(Some)
}

fn data(findings: &mut Findings, table: &Table<'_>, variables: Variables) -> Option<Option<ContextField>> {
    let Some(value) = table.get("data") else {
        return Some(None);
    };
    let key = Text { text: "data", span: table.key_span("data") };
    context::field(findings, &key, value, variables).map(Some)
}
