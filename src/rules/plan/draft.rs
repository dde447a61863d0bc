//! Fills in one item of a routine.

use super::error::{PlanError, PlanReason};
use super::value::resolve;
use super::{DEPTH_MAX, TITLE_CHARS_MAX};
use crate::rules::gate::request::Request;
use crate::rules::gate::resolve::resolve as resolve_gates;
use crate::rules::item::{Cause, DedupKey, ItemDraft, Planned};
use crate::rules::name::RoutineName;
use crate::rules::routine::{Instructions, ItemSpec, Routine};
use crate::rules::template::Scope;
use jiff::Timestamp;
use serde_json::{Map, Value};

/// What an item has from its event or tick and not from its routine.
pub(super) struct Origin {
    pub(super) cause: Cause,
    pub(super) key: DedupKey,
    pub(super) due_at: Option<Timestamp>,
    pub(super) tenant: Option<String>,
    pub(super) chain: Vec<RoutineName>,
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
    if is_deeper(&draft.context, DEPTH_MAX) {
        let field = format!("{}.context", spec.name);
        return Err(PlanError { field, reason: PlanReason::Deep { max: DEPTH_MAX } });
    }
    if routine.flow.collects() {
        draft.context = collected(draft.context);
    }
    Ok(Planned { request: resolve_gates(routine, &spec.name, scope)?, draft })
}

fn draft(
    routine: &Routine,
    spec: &ItemSpec,
    scope: Scope<'_>,
    origin: Origin,
) -> Result<ItemDraft, PlanError> {
    let failed = |field: &str, reason| PlanError { field: format!("{}.{field}", spec.name), reason };
    let title = spec.title.text(scope).map_err(|error| failed("title", error.into()))?;
    let instructions = match &spec.instructions {
        Instructions::Static(text) => text.clone(),
        Instructions::Template(template) => {
            template.text(scope).map_err(|error| failed("instructions", error.into()))?.into()
        }
    };
    let mut context = Map::with_capacity(spec.context.len());
    for field in &spec.context {
        let value = resolve(&field.value, scope);
        let value = value.map_err(|reason| failed(&format!("context.{}", field.name), reason))?;
        context.insert(field.name.clone(), value);
    }
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
        title: one_line(title),
        instructions,
        context: Value::Object(context),
        tags: spec.tags.clone(),
        chain: origin.chain,
    })
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
