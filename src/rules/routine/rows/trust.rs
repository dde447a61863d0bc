//! What the rows of a source may do: less than files.
//!
//! Files are written by the operator of hearken. A table of routines is written
//! by users of an application, perhaps by agents. So a row cannot ask the
//! database anything, unless the source has a role for it; it cannot let events
//! speak in the instructions of an agent; it reaches the queues and tenants which the
//! source names, no others; and it calls no address of its own choice, nor does it say
//! which secret the deliverer is to read.

use super::super::{
    HeaderSpec, Instructions, ItemSpec, Routine, TargetSpec, Trigger, WEBHOOK_QUEUE, WebhookSpec,
};
use super::names::{QueuePattern, RoleName, RowSourceName};
use crate::rules::foreign::Tables;
use crate::rules::problem::{Problem, Problems};
use crate::rules::text::listed;
use std::collections::BTreeSet;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Words with which SQL gets out of its role, or runs a text which the check
/// does not see. `set role` is a fence around honest authors; these are the gaps
/// which are known.
const WORDS_REFUSED: [&str; 9] = [
    "set_config",
    "query_to_xml",
    "cursor_to_xml",
    "ts_stat",
    "ts_rewrite",
    "dblink",
    "crosstab",
    "connectby",
    "u&",
];

/// What the rows of a source may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// The name of the source.
    pub source: RowSourceName,
    /// The queues, and inboxes, which their items may go to.
    pub queues: Vec<QueuePattern>,
    /// Whose they may be.
    pub tenants: Tenants,
    /// The role as which their SQL runs; none means no SQL.
    pub run_as: Option<RoleName>,
    /// The tables which the settings describe.
    pub tables: Tables,
}

/// The tenants whose routines a source may have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tenants {
    /// Any, and such as belong to none and hear the events of all.
    #[default]
    Any,
    /// These. Each row has to name one of them.
    Only(BTreeSet<String>),
}

impl Tenants {
    /// What is wrong with a row of this tenant, if anything.
    pub(super) fn complaint(&self, trust: &Trust, tenant: Option<&str>) -> Option<Problem> {
        let problem = match (self, tenant) {
            // It stands in a line of its own, see the module above.
            (_, Some(tenant)) if tenant.is_empty() || tenant.chars().any(char::is_control) => {
                Problem::error(0..0, format!("{tenant:?} cannot be a tenant"))
                    .help("text without control characters will do; null is for none")
            }
            (Self::Only(allowed), Some(tenant)) if !allowed.contains(tenant) => Problem::error(
                0..0,
                format!("rows of the source `{}` may not be of this tenant", trust.source),
            )
            .help(format!("it is {tenant:?}, and `tenants` of `[routines.{}]` has others", trust.source)),
            (Self::Only(_), None) => {
                let message = "this row has no tenant, and would hear the events of all";
                let help = format!(
                    "its source has `tenants`: let the query give a column `tenant`, or leave `tenants` out \
                     of `[routines.{}]`",
                    trust.source
                );
                Problem::error(0..0, message).help(help)
            }
            (Self::Any, _) | (Self::Only(_), Some(_)) => return None,
        };
        Some(problem)
    }
}

/// Complains about what a routine with this text may not.
pub(super) fn review(trust: &Trust, text: &str, problems: &mut Problems) {
    let (document, _) = DeTable::parse_recoverable(text);
    let root = document.get_ref();
    for (keys, what) in [(&["each"][..], "[each]"), (&["on", "query"][..], "[on.query]")] {
        if let Some((key, value)) = entry(root, keys)
            && let Some(problem) = sql(trust, key, value, what)
        {
            problems.push(problem);
        }
    }
    items(root).into_iter().for_each(|table| item(trust, table, problems));
    if let Some((key, value)) = entry(root, &["webhook"])
        && let Some(table) = value.get_ref().as_table()
    {
        webhook(trust, &key, table, problems);
    }
}

/// Complains about what an item may not. With `inbox` all other keys are columns.
fn item(trust: &Trust, table: &DeTable<'_>, problems: &mut Problems) {
    let place = if table.contains_key("inbox") { "inbox" } else { "queue" };
    if place == "queue"
        && let Some((key, value)) = entry(table, &["instructions_template"])
        && value.get_ref().as_bool() != Some(false)
    {
        let message = "the instructions of a row are plain text";
        let help = "put what events say into `context`: an agent must be able to tell it from its orders";
        problems.push(Problem::error(key, message).label("would mix them with what events say").help(help));
    }
    let target = entry(table, &[place]);
    if let Some((span, name)) = target.and_then(|(_, value)| Some((value.span(), value.get_ref().as_str()?)))
    {
        queue(trust, place, name, span).into_iter().for_each(|problem| problems.push(problem));
    }
}

/// What is wrong with a queue or an inbox, if anything.
fn queue(trust: &Trust, place: &str, name: &str, span: Range<usize>) -> Option<Problem> {
    if trust.admits_queue(name) {
        return None;
    }
    let message = format!("rows of the source `{}` may not use the {place} `{name}`", trust.source);
    let allowed: Vec<String> = trust.queues.iter().map(ToString::to_string).collect();
    let help = format!(
        "`queues` of `[routines.{}]` has {}",
        trust.source,
        listed(allowed.iter().map(String::as_str))
    );
    Some(Problem::error(span, message).label("not one of its queues").help(help))
}

/// Complains about what a webhook may not.
fn webhook(trust: &Trust, key: &Range<usize>, table: &DeTable<'_>, problems: &mut Problems) {
    if let Some((span, _)) = entry(table, &["url"]) {
        let message = format!("rows of the source `{}` may not call a `url`", trust.source);
        let help = "whoever writes the table could have anything called, from inside your network; name a \
                    row of a table of endpoints, `endpoint` and `id`, or write this routine as a file";
        problems.push(Problem::error(span, message).label("an address of its own choice").help(help));
    }
    let headers = entry(table, &["headers"]).and_then(|(_, headers)| headers.get_ref().as_table());
    let of_headers = headers.into_iter().flat_map(|headers| headers.iter());
    let read = of_headers.filter(|(_, value)| value.get_ref().is_table()).map(|(key, _)| key.span());
    for span in entry(table, &["secret"]).map(|(span, _)| span).into_iter().chain(read) {
        let message = format!("rows of the source `{}` may not read secrets", trust.source);
        let help = "the variables and files are the deliverer's, and this would send them away; a table of \
                    endpoints has secrets of its own";
        problems.push(Problem::error(span, message).label("reads one").help(help));
    }
    let named = entry(table, &["queue"]).map(|(_, value)| value);
    let (name, span) = match named {
        Some(value) => (value.get_ref().as_str(), value.span()),
        None => (Some(WEBHOOK_QUEUE), key.clone()),
    };
    let found = name.and_then(|name| queue(trust, "queue", name, span));
    found.into_iter().for_each(|problem| problems.push(problem));
}

/// The tables of a routine's items: `[item]`, and those of `[items.NAME]`.
fn items<'a, 'i>(root: &'a DeTable<'i>) -> Vec<&'a DeTable<'i>> {
    let item = root.get("item").and_then(|item| item.get_ref().as_table());
    let further = root.get("items").and_then(|items| items.get_ref().as_table());
    let further = further.into_iter().flat_map(|items| items.values());
    item.into_iter().chain(further.filter_map(|item| item.get_ref().as_table())).collect()
}

/// What is wrong with a table of SQL, if anything.
fn sql(trust: &Trust, key: Range<usize>, table: &Spanned<DeValue<'_>>, what: &str) -> Option<Problem> {
    if trust.run_as.is_none() {
        let message =
            format!("`{what}` asks the database, and rows of the source `{}` may not", trust.source);
        let help = format!(
            "write this routine as a file; or give `[routines.{}]` a `run_as`, a role as which their SQL runs",
            trust.source
        );
        return Some(Problem::error(key, message).label("brings SQL along").help(help));
    }
    let sql = table.get_ref().as_table()?.get("sql")?;
    let small = sql.get_ref().as_str()?.to_lowercase();
    let word = WORDS_REFUSED.iter().find(|word| small.contains(**word))?;
    let message = format!("the SQL of a row cannot use `{word}`");
    let help =
        "it could leave the role with it; put what is needed into a view or a function of the database";
    Some(Problem::error(sql.span(), message).label("has it somewhere").help(help))
}

impl Trust {
    fn admits_queue(&self, queue: &str) -> bool {
        self.queues.iter().any(|pattern| pattern.matches(queue))
    }

    /// Whether a routine keeps within bounds. [`review`] says it better, and sees
    /// the same; this is asked of the routine itself, whatever way it was written.
    pub(super) fn admits(&self, routine: &Routine) -> bool {
        let has_sql = routine.each.is_some() || matches!(routine.trigger, Trigger::Query(_));
        let plain = |item: &ItemSpec| {
            matches!(item.instructions, Instructions::Static(_))
                && self.admits_queue(item.queue.as_str())
                && item.webhook.as_ref().is_none_or(is_confined)
        };
        // Without SQL nothing runs as the role, and another role is nothing to it.
        let may_ask = self.run_as.is_some() && routine.confined.run_as == self.run_as;
        (!has_sql || may_ask) && routine.items.iter().all(plain)
    }
}

/// Whether a webhook goes to a row of a table of endpoints, and reads no secrets.
fn is_confined(webhook: &WebhookSpec) -> bool {
    let is_text = |(_, header): &(String, HeaderSpec)| matches!(header, HeaderSpec::Text(_));
    let to_row = matches!(webhook.to, TargetSpec::Endpoint { .. });
    to_row && webhook.secret.is_none() && webhook.headers.iter().all(is_text)
}

/// A key of nested tables: its place, and its value.
fn entry<'a, 'i>(root: &'a DeTable<'i>, keys: &[&str]) -> Option<(Range<usize>, &'a Spanned<DeValue<'i>>)> {
    let (last, outer) = keys.split_last()?;
    let mut table = root;
    for key in outer {
        table = table.get(*key)?.get_ref().as_table()?;
    }
    table.get_key_value(*last).map(|(key, value)| (key.span(), value))
}
