//! Drafts turned on their side: an array for each column of `enqueue.sql`.

use super::types::{JsonString, KeyBytes};
use crate::rules::item::{Cause, ItemDraft};
use crate::rules::webhook::Delivery;
use jiff::Timestamp;
use postgres_types::ToSql;
use std::sync::Arc;

/// The arrays, in the order of the statement's parameters.
#[derive(Default)]
pub(super) struct Columns {
    spec: Vec<i32>,
    dedup_key: Vec<KeyBytes>,
    event_seq: Vec<Option<i64>>,
    tick: Vec<Option<Timestamp>>,
    due_at: Vec<Option<Timestamp>>,
    tenant: Vec<Option<String>>,
    title: Vec<String>,
    context: Vec<JsonString>,
    event_id: Vec<Option<String>>,
    order_key: Vec<Option<String>>,
    webhook: Vec<Option<JsonString>>,
    specs: Specs,
}

/// What the drafts of one item of a routine share.
#[derive(Default)]
struct Specs {
    priority: Vec<i32>,
    attempts_max: Vec<Option<i32>>,
    queue: Vec<String>,
    routine: Vec<String>,
    version: Vec<String>,
    item: Vec<String>,
    instructions: Vec<Arc<str>>,
    instructions_text: Vec<String>,
    tags: Vec<String>,
    source: Vec<Option<String>>,
}

impl Columns {
    /// The columns of some drafts.
    ///
    /// Titles, contexts and ordering keys are moved out of them: nobody needs them
    /// afterwards.
    pub(super) fn of(drafts: &mut [ItemDraft]) -> Self {
        let mut columns = Self::default();
        for draft in drafts {
            let spec = columns.specs.place_of(draft);
            let (event_seq, tick) = cause_columns(draft.cause);
            columns.spec.push(spec);
            columns.dedup_key.push(KeyBytes(draft.key));
            columns.event_seq.push(event_seq);
            columns.tick.push(tick);
            columns.due_at.push(draft.due_at);
            columns.tenant.push(draft.tenant.take());
            columns.title.push(std::mem::take(&mut draft.title));
            columns.context.push(JsonString(draft.context.to_string()));
            columns.event_id.push(draft.from.as_ref().map(|from| from.id.clone()));
            columns.order_key.push(draft.order_key.take());
            columns.webhook.push(draft.webhook.as_deref().map(webhook_json));
        }
        empty_if_null(&mut columns.event_seq);
        empty_if_null(&mut columns.tick);
        empty_if_null(&mut columns.due_at);
        empty_if_null(&mut columns.tenant);
        empty_if_null(&mut columns.event_id);
        empty_if_null(&mut columns.order_key);
        empty_if_null(&mut columns.webhook);
        empty_if_null(&mut columns.specs.source);
        columns
    }

    /// The parameters of the statement.
    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 20] {
        let specs = &self.specs;
        [
            &self.spec,
            &self.dedup_key,
            &self.event_seq,
            &self.tick,
            &self.due_at,
            &self.tenant,
            &self.title,
            &self.context,
            &specs.priority,
            &specs.attempts_max,
            &specs.queue,
            &specs.routine,
            &specs.version,
            &specs.item,
            &specs.instructions_text,
            &specs.tags,
            &self.event_id,
            &specs.source,
            &self.order_key,
            &self.webhook,
        ]
    }
}

impl Specs {
    /// The place of a draft's item among those met, from 1. Drafts of one item
    /// mostly follow one another, so the search begins at the end.
    fn place_of(&mut self, draft: &ItemDraft) -> i32 {
        let source = draft.from.as_ref().map(|from| from.source.as_str());
        let same = |place: &usize| {
            let place = *place;
            self.routine[place] == draft.routine.as_str()
                && self.item[place] == draft.item.as_str()
                && self.version[place] == draft.version.as_str()
                && self.priority[place] == draft.priority
                && self.attempts_max[place] == draft.attempts_max
                && self.queue[place] == draft.queue.as_str()
                && (Arc::ptr_eq(&self.instructions[place], &draft.instructions)
                    || self.instructions[place] == draft.instructions)
                && self.source[place].as_deref() == source
                && self.tags[place] == array_literal(&draft.tags)
        };
        let place = (0..self.routine.len()).rev().find(same).unwrap_or_else(|| {
            self.priority.push(draft.priority);
            self.attempts_max.push(draft.attempts_max);
            self.queue.push(draft.queue.as_str().to_owned());
            self.routine.push(draft.routine.as_str().to_owned());
            self.version.push(draft.version.as_str().to_owned());
            self.item.push(draft.item.as_str().to_owned());
            self.instructions.push(draft.instructions.clone());
            self.instructions_text.push(draft.instructions.to_string());
            self.tags.push(array_literal(&draft.tags));
            self.source.push(source.map(str::to_owned));
            self.routine.len() - 1
        });
        i32::try_from(place + 1).unwrap_or(i32::MAX)
    }
}

fn empty_if_null<T>(column: &mut Vec<Option<T>>) {
    if column.iter().all(Option::is_none) {
        column.clear();
    }
}

/// How an item is delivered, as JSON text. Plain texts and numbers are always to be
/// written.
fn webhook_json(delivery: &Delivery) -> JsonString {
    JsonString(serde_json::to_string(delivery).unwrap_or_else(|_| "null".to_owned()))
}

/// The event or the tick of a draft, as the tables keep them.
pub(super) fn cause_columns(cause: Cause) -> (Option<i64>, Option<Timestamp>) {
    match cause {
        Cause::Event(seq) => (Some(seq), None),
        Cause::Tick(tick) => (None, Some(tick)),
    }
}

/// A `text[]` as PostgreSQL writes it, every element quoted.
pub(super) fn array_literal(values: &[String]) -> String {
    if values.is_empty() {
        return "{}".to_owned();
    }
    let quoted: Vec<String> = values
        .iter()
        .map(|value| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")))
        .collect();
    format!("{{{}}}", quoted.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_literal_survives_quotes_and_backslashes() {
        let values = [r#"a"b"#.to_owned(), r"c\d".to_owned(), "e,f".to_owned()];
        assert_eq!(array_literal(&values), r#"{"a\"b","c\\d","e,f"}"#);
        assert_eq!(array_literal(&[]), "{}");
    }
}
