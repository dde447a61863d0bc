//! Turns an event or a tick, perhaps with a row, and a routine into drafts of
//! items.
//!
//! Planning is pure: the same event and routine give the same drafts with the
//! same dedup keys, whenever and wherever they are planned.

use super::event::Event;
use super::item::{Cause, DedupKey, ItemDraft};
use super::key::{Part, default_event_key, tick_key, tick_row_key, tuple_key};
use super::name::ItemName;
use super::routine::{ContextValue, Get, Instructions, ItemSpec, KeyPart, Routine, Trigger};
use super::schedule::ticks::jitter;
use super::schedule::{Schedule, merged};
use super::template::{Scope, TemplateError, place_of};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The longest title, in characters: what a list in a console can show. A longer
/// one is cut off with an ellipsis, since an event's text must not cost its item.
pub const TITLE_CHARS_MAX: usize = 300;

/// Why a routine could not make an item of an event or tick. Says nothing of
/// what is in the event, beyond paths and types.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct PlanError {
    /// The field of the routine, such as `item.title`.
    pub field: String,
    /// What is wrong with it.
    pub reason: PlanReason,
}

/// What is wrong with a field for an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanReason {
    /// Its template cannot be rendered.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The event, or the row, has no such value, and the routine no default.
    #[error("`{path}` is missing in this {place}", place = place_of(.path))]
    Missing {
        /// The path.
        path: String,
    },
    /// The value of the event, or the row, is of another type.
    #[error(
        "`{path}` is {found} in this {place}, and `type = \"{wanted}\"` is asked for",
        place = place_of(.path)
    )]
    Type {
        /// The path.
        path: String,
        /// The type which the routine asks for.
        wanted: &'static str,
        /// The type which it is of.
        found: &'static str,
    },
}

/// The items of an event which a routine without `[each]` matched.
///
/// # Errors
///
/// If a field cannot be filled in. Then there is no item at all: a routine's
/// items come together or not.
pub fn plan_event(routine: &Routine, event: &Event) -> Result<Vec<ItemDraft>, PlanError> {
    of_event(routine, event, None, 0)
}

/// The items of an event and one of the rows which `[each]` found for it. `row`
/// is an object; its number counts from 0.
///
/// # Errors
///
/// If a field cannot be filled in.
pub fn plan_event_row(
    routine: &Routine,
    event: &Event,
    row: &Value,
    number: u32,
) -> Result<Vec<ItemDraft>, PlanError> {
    of_event(routine, event, Some(row), number)
}

fn of_event(
    routine: &Routine,
    event: &Event,
    row: Option<&Value>,
    number: u32,
) -> Result<Vec<ItemDraft>, PlanError> {
    let scope = Scope::Event { event, routine: &routine.name, row };
    let draft = |spec: &ItemSpec| {
        let default = || default_event_key(&routine.name, &spec.name, &event.from, event.seq, number);
        let origin = Origin {
            cause: Cause::Event(event.seq),
            key: key(routine, &spec.name, scope).unwrap_or_else(default),
            due_at: None,
            tenant: event.tenant.clone(),
        };
        plan_item(routine, spec, scope, origin)
    };
    routine.items.iter().map(draft).collect()
}

/// The items of a tick of a routine's schedules. With `jitter` they fall due
/// later by a part of it, always the same for a routine and tick.
///
/// # Errors
///
/// If a field cannot be filled in.
pub fn plan_tick(routine: &Routine, tick: Timestamp) -> Result<Vec<ItemDraft>, PlanError> {
    of_tick(routine, tick, None, |item| tick_key(&routine.name, item, tick))
}

/// The items of one of the rows which `[on.query]` found at a tick. `row` is an
/// object; its number counts from 0.
///
/// # Errors
///
/// If a field cannot be filled in.
pub fn plan_tick_row(
    routine: &Routine,
    tick: Timestamp,
    row: &Value,
    number: u32,
) -> Result<Vec<ItemDraft>, PlanError> {
    of_tick(routine, tick, Some(row), |item| tick_row_key(&routine.name, item, tick, number))
}

fn of_tick(
    routine: &Routine,
    tick: Timestamp,
    row: Option<&Value>,
    default: impl Fn(&ItemName) -> DedupKey,
) -> Result<Vec<ItemDraft>, PlanError> {
    let schedule = schedule_of(routine, tick);
    let tz = schedule.map_or(TimeZone::UTC, |schedule| schedule.tz.clone());
    let later = schedule.and_then(|schedule| schedule.jitter);
    let due_at = later.and_then(|max| tick.checked_add(jitter(&routine.name, tick, max)).ok());
    let scope = Scope::Tick { tick, tz: &tz, routine: &routine.name, row };
    let draft = |spec: &ItemSpec| {
        let key = key(routine, &spec.name, scope).unwrap_or_else(|| default(&spec.name));
        plan_item(routine, spec, scope, Origin { cause: Cause::Tick(tick), key, due_at, tenant: None })
    };
    routine.items.iter().map(draft).collect()
}

/// The schedule a tick belongs to: the first in the file which has it.
fn schedule_of(routine: &Routine, tick: Timestamp) -> Option<&Schedule> {
    let schedules = match &routine.trigger {
        Trigger::Event(_) => return None,
        Trigger::Schedule(schedules) => schedules,
        Trigger::Query(query) => return Some(&query.schedule),
    };
    let before = tick.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN);
    match merged(schedules, before).next() {
        Some((schedule, found)) if found.at == tick => Some(schedule),
        _ => schedules.first(),
    }
}

/// The dedup key by the values which the routine names, if it does.
fn key(routine: &Routine, item: &ItemName, scope: Scope<'_>) -> Option<DedupKey> {
    let dedup = routine.flow.dedup.as_ref()?;
    let value = |part: &KeyPart| match part {
        KeyPart::Path(path) => path.get_in(scope.event(), scope.row()).map(KeyValue::Json),
        KeyPart::Tick => match scope {
            Scope::Tick { tick, .. } => Some(KeyValue::Tick(tick)),
            Scope::Event { .. } => None,
        },
    };
    let values = dedup.key.iter().map(value).collect::<Vec<_>>();
    let parts = values.iter().map(|value| match value {
        Some(KeyValue::Json(value)) => Part::Json(value),
        Some(KeyValue::Tick(tick)) => Part::Integer(tick.as_nanosecond()),
        None => Part::Missing,
    });
    Some(tuple_key(&routine.name, item, parts))
}

/// The value of a part of a dedup key.
enum KeyValue<'a> {
    Json(Cow<'a, Value>),
    Tick(Timestamp),
}

/// What an item has from its event or tick and not from its routine.
struct Origin {
    cause: Cause,
    key: DedupKey,
    due_at: Option<Timestamp>,
    tenant: Option<String>,
}

fn plan_item(
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
    })
}

/// A title on one line and of bounded length, whatever an event put into it.
fn one_line(title: String) -> String {
    let long = title.len() > TITLE_CHARS_MAX && title.chars().nth(TITLE_CHARS_MAX).is_some();
    if !long && !title.chars().any(char::is_control) {
        return title;
    }
    let plain = title.chars().map(|c| if c.is_control() { ' ' } else { c });
    if long { plain.take(TITLE_CHARS_MAX - 1).chain(['…']).collect() } else { plain.collect() }
}

fn resolve(value: &ContextValue, scope: Scope<'_>) -> Result<Value, PlanReason> {
    match value {
        ContextValue::Literal(value) => Ok(value.clone()),
        ContextValue::Template(template) => template.value(scope).map_err(PlanReason::from),
        ContextValue::Get(get) => resolve_get(get, scope.event(), scope.row()),
        ContextValue::List(values) => values.iter().map(|value| resolve(value, scope)).collect(),
    }
}

/// The value which a `get` asks for, of the event or the row.
///
/// # Errors
///
/// If it is missing and has no default, or is of another type.
pub fn resolve_get(get: &Get, event: Option<&Event>, row: Option<&Value>) -> Result<Value, PlanReason> {
    let value = match (get.path.get_in(event, row), &get.default) {
        (None, None) => return Err(missing(get)),
        (None, Some(default)) => default.clone(),
        (Some(value), Some(default)) if value.is_null() => default.clone(),
        (Some(value), _) if get.kind.accepts(&value) => value.into_owned(),
        (Some(value), _) => {
            let (wanted, found) = (get.kind.as_str(), type_name(&value));
            return Err(PlanReason::Type { path: get.path.to_string(), wanted, found });
        }
    };
    Ok(match (value, get.max_len) {
        (Value::String(text), Some(max)) => Value::String(cut(text, max)),
        (value, _) => value,
    })
}

/// The text without what comes after `max` characters.
fn cut(mut text: String, max: usize) -> String {
    if text.len() > max
        && let Some((end, _)) = text.char_indices().nth(max)
    {
        text.truncate(end);
    }
    text
}

fn missing(get: &Get) -> PlanReason {
    PlanReason::Missing { path: get.path.to_string() }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
