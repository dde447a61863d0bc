//! A row of the inbox or the history, as an item for people.

use crate::pg::types::JsonText;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio_postgres::Row;

/// What stands in place of the value of a header: it may be somebody's secret.
const HIDDEN: &str = "(not shown)";

/// How much of each item is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What a line says: no context, no result, no history of errors.
    Line,
    /// Everything.
    Whole,
}

/// The table of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Inbox,
    History,
}

impl Place {
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Inbox => "hearken.inbox_items",
            Self::History => "hearken.history",
        }
    }
}

/// An item. Times are those of the database's clock.
#[derive(Clone, Debug, Serialize)]
pub struct Item {
    /// Its number.
    pub id: i64,
    /// Its state.
    pub state: String,
    /// Whether it is in the history.
    pub archived: bool,
    /// Its queue.
    pub queue: String,
    /// Greater is leased first.
    pub priority: i32,
    /// The routine which wanted it.
    pub routine: String,
    /// The version of that routine.
    pub version: String,
    /// Which item of the routine.
    pub item: String,
    /// Its tenant.
    pub tenant: Option<String>,
    /// Items of one key run one after another.
    pub key: Option<String>,
    /// Its title.
    pub title: String,
    /// What a worker must offer.
    pub tags: Vec<String>,
    /// How often it was leased; leases which were given back are not counted.
    pub attempt: i32,
    /// After so many it is dead, as its routine says, or its queue.
    pub attempts_max: i32,
    /// Who holds, or held last, its lease.
    pub worker: Option<String>,
    /// The token of the last lease.
    pub token: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Not leased before.
    pub due_at: Timestamp,
    /// When the last attempt began.
    pub leased_at: Option<Timestamp>,
    /// When the lease ends.
    pub lease_until: Option<Timestamp>,
    /// When the attempt must end.
    pub deadline_at: Option<Timestamp>,
    /// When it was finished, however.
    pub finished_at: Option<Timestamp>,
    /// The last note of a worker.
    pub progress: Option<Value>,
    /// When it was made.
    pub progress_at: Option<Timestamp>,
    /// The last error; of a cancelled one, why.
    pub error: Option<String>,
    /// The number of its event, if it comes from one.
    pub event_seq: Option<i64>,
    /// The tick it comes from, if it comes from one.
    pub tick: Option<Timestamp>,
    /// The source of its event; none for the log, and for ticks.
    pub source: Option<String>,
    /// The row of that source.
    pub event_id: Option<String>,
    /// The routines whose items led to its event, the first one first.
    pub chain: Vec<String>,
    /// The item which took its place.
    pub superseded_by: Option<i64>,
    /// What makes it the same as another, as hexadecimal digits.
    pub dedup_key: String,
    /// What its worker is to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// The values for its worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Value>,
    /// What the worker answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// The attempts which failed, the last 25.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Value>,
    /// How it is delivered. Of headers with values of their own the names alone, and
    /// of an address nothing after its path: either may be a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Value>,
}

/// The attempts which the queue of an item allows.
const OF_QUEUE: &str = "(select q.max_attempts from hearken.queues q where q.name = i.queue)";

/// The columns of an item, of the table called `i`.
pub(super) fn columns(place: Place, detail: Detail) -> String {
    let of_place = match place {
        Place::Inbox => "false as archived, i.lease_until, i.deadline_at",
        Place::History => {
            "true as archived, null::timestamptz as lease_until, null::timestamptz as deadline_at"
        }
    };
    let of_detail = match detail {
        Detail::Whole => "i.instructions, i.context, i.result, i.errors, i.webhook",
        Detail::Line => {
            "null::text as instructions, null::jsonb as context, null::jsonb as result, \
             null::jsonb as errors, null::jsonb as webhook"
        }
    };
    format!(
        "i.id, i.state, i.queue, i.priority, i.routine, i.version, i.item, i.tenant, i.key, i.title, i.tags, \
         i.attempt, coalesce(i.attempts_max, {OF_QUEUE}, 5) as attempts_max, i.worker, i.token, \
         i.created_at, i.due_at, i.leased_at, i.finished_at, i.progress, i.progress_at, i.error, \
         i.event_seq, i.tick, i.source, i.event_id, i.chain, i.superseded_by, \
         encode(i.dedup_key, 'hex') as dedup_key, {of_place}, {of_detail}"
    )
}

pub(super) fn item(row: &Row) -> Result<Item, tokio_postgres::Error> {
    Ok(Item {
        id: row.try_get("id")?,
        state: row.try_get("state")?,
        archived: row.try_get("archived")?,
        queue: row.try_get("queue")?,
        priority: row.try_get("priority")?,
        routine: row.try_get("routine")?,
        version: row.try_get("version")?,
        item: row.try_get("item")?,
        tenant: row.try_get("tenant")?,
        key: row.try_get("key")?,
        title: row.try_get("title")?,
        tags: row.try_get("tags")?,
        attempt: row.try_get("attempt")?,
        attempts_max: row.try_get("attempts_max")?,
        worker: row.try_get("worker")?,
        token: row.try_get("token")?,
        created_at: row.try_get("created_at")?,
        due_at: row.try_get("due_at")?,
        leased_at: row.try_get("leased_at")?,
        lease_until: row.try_get("lease_until")?,
        deadline_at: row.try_get("deadline_at")?,
        finished_at: row.try_get("finished_at")?,
        progress: json(row, "progress")?,
        progress_at: row.try_get("progress_at")?,
        error: row.try_get("error")?,
        event_seq: row.try_get("event_seq")?,
        tick: row.try_get("tick")?,
        source: row.try_get("source")?,
        event_id: row.try_get("event_id")?,
        chain: row.try_get::<_, Option<Vec<String>>>("chain")?.unwrap_or_default(),
        superseded_by: row.try_get("superseded_by")?,
        dedup_key: row.try_get("dedup_key")?,
        instructions: row.try_get("instructions")?,
        context: json(row, "context")?,
        result: json(row, "result")?,
        errors: json(row, "errors")?,
        webhook: json(row, "webhook")?.map(without_secrets),
    })
}

/// A column of JSON. What is nested deeper than can be read is given as its text.
pub(super) fn json(row: &Row, column: &str) -> Result<Option<Value>, tokio_postgres::Error> {
    let text: Option<JsonText<'_>> = row.try_get(column)?;
    Ok(text.map(|JsonText(text)| value(text)))
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// How an item is delivered, without what may be a secret. References to secrets
/// stay: they say where one is looked for.
pub(super) fn without_secrets(mut webhook: Value) -> Value {
    if let Some(headers) = webhook.get_mut("headers").and_then(Value::as_object_mut) {
        for header in headers.values_mut().filter(|header| !is_reference(header)) {
            *header = Value::String(HIDDEN.to_owned());
        }
    }
    if let Some(Value::String(url)) = webhook.get_mut("to").and_then(|to| to.get_mut("url"))
        && let Some(end) = url.find(['?', '#'])
    {
        url.truncate(end);
        url.push_str("?…");
    }
    webhook
}

fn is_reference(header: &Value) -> bool {
    let names =
        |fields: &Map<String, Value>| fields.keys().all(|name| matches!(name.as_str(), "env" | "file"));
    header.as_object().is_some_and(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(given: Value, want: Value) {
        assert_eq!(without_secrets(given), want);
    }

    #[test]
    fn values_of_headers_are_not_shown() {
        check(
            json!({ "to": { "url": "https://a.example/h?token=1" },
                    "headers": { "authorization": "Bearer x", "x-key": { "env": "KEY" } } }),
            json!({ "to": { "url": "https://a.example/h?…" },
                    "headers": { "authorization": "(not shown)", "x-key": { "env": "KEY" } } }),
        );
        check(
            json!({ "to": { "endpoint": { "name": "plugins", "id": "7" } }, "secret": { "file": "/s" } }),
            json!({ "to": { "endpoint": { "name": "plugins", "id": "7" } }, "secret": { "file": "/s" } }),
        );
        check(json!("no object"), json!("no object"));
    }

    #[test]
    fn what_is_nested_too_deep_is_given_as_text() {
        let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
        assert_eq!(value(&deep), Value::String(deep.clone()));
        assert_eq!(value("[1]"), json!([1]));
    }

    #[test]
    fn both_tables_give_the_same_columns() {
        let names = |place, detail| {
            let columns = columns(place, detail)
                .replace(&format!("coalesce(i.attempts_max, {OF_QUEUE}, 5)"), "x")
                .replace("encode(i.dedup_key, 'hex')", "x");
            let name = |column: &str| column.trim().rsplit([' ', '.']).next().unwrap_or_default().to_owned();
            columns.split(',').map(name).collect::<Vec<_>>()
        };
        assert!(names(Place::Inbox, Detail::Line).contains(&"attempts_max".to_owned()));
        assert_eq!(names(Place::Inbox, Detail::Whole), names(Place::History, Detail::Line));
    }
}
