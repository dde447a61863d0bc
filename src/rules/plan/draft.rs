//! Fills in one item of a routine.

use super::error::{PlanError, PlanReason};
use super::value::{Failed, resolve_all};
use super::webhook::of_webhook;
use super::{DEPTH_MAX, TITLE_CHARS_MAX};
use crate::rules::gate::request::Request;
use crate::rules::gate::resolve::resolve as resolve_gates;
use crate::rules::item::{Cause, DedupKey, Foreign, FromRow, ItemDraft, Planned};
use crate::rules::name::{ItemName, RoutineName};
use crate::rules::routine::{ForeignSpec, Instructions, ItemSpec, ORDER_KEY_BYTES_MAX, Routine};
use crate::rules::template::Scope;
use crate::rules::webhook::Delivery;
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::sync::Arc;

/// What an item has from its event or tick and not from its routine.
pub(super) struct Origin {
    pub(super) cause: Cause,
    pub(super) key: DedupKey,
    pub(super) due_at: Option<Timestamp>,
    pub(super) tenant: Option<String>,
    pub(super) chain: Vec<RoutineName>,
    pub(super) from: Option<Arc<FromRow>>,
    pub(super) row: u32,
}

/// What an item says: what another one may take the place of.
pub(super) struct Content {
    pub(super) title: String,
    pub(super) instructions: Arc<str>,
    pub(super) context: Value,
    pub(super) foreign: Option<Foreign>,
    pub(super) webhook: Option<Arc<Delivery>>,
}

/// The item, and what its gates are asked.
pub(super) fn plan_item(
    routine: &Routine,
    spec: &ItemSpec,
    scope: Scope<'_>,
    origin: Origin,
) -> Result<Planned, PlanError> {
    let mut draft = draft(routine, spec, scope, origin)?;
    if routine.flow.is_open() {
        return Ok(Planned { draft, request: Request::default() });
    }
    if let Some(field) = too_deep(&draft) {
        // What a webhook has there but its data is flat.
        let field = place(spec, if spec.webhook.is_some() { "data" } else { field });
        return Err(PlanError { field, reason: PlanReason::Deep { max: DEPTH_MAX } });
    }
    if routine.flow.collects() {
        draft.context = match &draft.foreign {
            Some(foreign) => collected(Value::Object(foreign.columns.clone())),
            None => collected(draft.context),
        };
    }
    Ok(Planned { request: resolve_gates(routine, &spec.name, scope)?, draft })
}

fn draft(
    routine: &Routine,
    spec: &ItemSpec,
    scope: Scope<'_>,
    origin: Origin,
) -> Result<ItemDraft, PlanError> {
    let content = match (&spec.foreign, &spec.webhook) {
        (Some(foreign), _) => of_table(spec, foreign, scope)?,
        (None, Some(webhook)) => of_webhook(spec, webhook, scope, &origin)?,
        (None, None) => of_inbox(spec, scope)?,
    };
    let order_key = order_key(spec, scope)?;
    Ok(ItemDraft {
        routine: routine.name.clone(),
        version: routine.version.clone(),
        item: spec.name.clone(),
        cause: origin.cause,
        key: origin.key,
        queue: spec.queue.clone(),
        priority: spec.priority,
        due_at: origin.due_at,
        attempts_max: spec.attempts_max,
        tenant: origin.tenant,
        title: content.title,
        instructions: content.instructions,
        context: content.context,
        tags: spec.tags.clone(),
        chain: origin.chain,
        from: origin.from,
        row: origin.row,
        foreign: content.foreign,
        order_key,
        webhook: content.webhook,
    })
}

/// The key by which workers keep an order; none, if it is filled in with nothing.
fn order_key(spec: &ItemSpec, scope: Scope<'_>) -> Result<Option<String>, PlanError> {
    let Some(template) = &spec.order_key else { return Ok(None) };
    let failed = |reason| PlanError { field: place(spec, "key"), reason };
    let key = template.text(scope).map_err(|error| failed(error.into()))?;
    if key.len() > ORDER_KEY_BYTES_MAX {
        return Err(failed(PlanReason::LongKey));
    }
    Ok((!key.is_empty()).then_some(key))
}

/// An item for hearken's own inbox.
fn of_inbox(spec: &ItemSpec, scope: Scope<'_>) -> Result<Content, PlanError> {
    let failed = |field: &str, reason| PlanError { field: place(spec, field), reason };
    let title = spec.title.text(scope).map_err(|error| failed("title", error.into()))?;
    let instructions = match &spec.instructions {
        Instructions::Static(text) => text.clone(),
        Instructions::Template(template) => {
            template.text(scope).map_err(|error| failed("instructions", error.into()))?.into()
        }
    };
    let context = resolve_all(&spec.context, scope);
    let context = context.map_err(|Failed { field, reason }| failed(&format!("context.{field}"), reason))?;
    let context = Value::Object(context);
    Ok(Content { title: one_line(title), instructions, context, foreign: None, webhook: None })
}

/// An item for a table of the user's. Its title is for lists of what is held.
fn of_table(spec: &ItemSpec, foreign: &ForeignSpec, scope: Scope<'_>) -> Result<Content, PlanError> {
    let failed = |field: &str, reason| PlanError { field: place(spec, field), reason };
    let columns = resolve_all(&foreign.columns, scope);
    let columns = columns.map_err(|Failed { field, reason }| failed(&field, reason))?;
    let title = match columns.get("title") {
        Some(Value::String(title)) => title.clone(),
        _ => spec.title.text(scope).map_err(|error| failed("title", error.into()))?,
    };
    let instructions = match &spec.instructions {
        Instructions::Static(text) => text.clone(),
        Instructions::Template(_) => "".into(),
    };
    let foreign = Foreign { inbox: foreign.inbox.clone(), columns };
    let context = Value::Object(Map::new());
    Ok(Content { title: one_line(title), instructions, context, foreign: Some(foreign), webhook: None })
}

/// A field of an item as an operator names it: `item.title`, `items.manager.title`,
/// `webhook.title`.
pub(super) fn place(spec: &ItemSpec, field: &str) -> String {
    match &spec.name {
        _ if spec.webhook.is_some() => format!("webhook.{field}"),
        name if *name == ItemName::only() => format!("item.{field}"),
        name => format!("items.{name}.{field}"),
    }
}

/// The field which nests too deep to be read back after a gate held it.
fn too_deep(draft: &ItemDraft) -> Option<&str> {
    if is_deeper(&draft.context, DEPTH_MAX) {
        return Some("context");
    }
    let mut columns = draft.foreign.iter().flat_map(|foreign| &foreign.columns);
    // The columns together are an object, a level more.
    columns.find(|(_, value)| is_deeper(value, DEPTH_MAX - 1)).map(|(column, _)| column.as_str())
}

/// The context of an item which collects: a list, of one so far. It is a list
/// from the beginning, so that a worker need not tell one from several.
fn collected(context: Value) -> Value {
    Value::Object(Map::from_iter([("items".to_owned(), Value::Array(vec![context]))]))
}

/// Whether the value nests deeper than so many levels.
fn is_deeper(value: &Value, levels: usize) -> bool {
    let below = |value: &Value| levels == 0 || is_deeper(value, levels - 1);
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(below),
        Value::Object(map) => levels == 0 || map.values().any(below),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// A title on one line and of bounded length, whatever an event put into it.
pub(super) fn one_line(title: String) -> String {
    let long = title.len() > TITLE_CHARS_MAX && title.chars().nth(TITLE_CHARS_MAX).is_some();
    if !long && !title.chars().any(char::is_control) {
        return title;
    }
    let plain = title.chars().map(|c| if c.is_control() { ' ' } else { c });
    if long { plain.take(TITLE_CHARS_MAX - 1).chain(['…']).collect() } else { plain.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn depth_is_counted_in_levels() {
        check(&json!(1), 0, false);
        check(&json!({}), 0, true);
        check(&json!({ "a": 1 }), 1, false);
        check(&json!({ "a": [1] }), 1, true);
        check(&json!({ "a": [1], "b": { "c": {} } }), 2, true);
        check(&json!({ "a": [1], "b": { "c": {} } }), 3, false);
    }

    #[track_caller]
    fn check(value: &Value, levels: usize, want: bool) {
        assert_eq!(is_deeper(value, levels), want, "{value}");
    }
}
