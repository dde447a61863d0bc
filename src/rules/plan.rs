//! Turns an event or a tick, perhaps with a row, and a routine into drafts of
//! items, each with what the gates of `[flow]` are asked about it.
//!
//! Planning is pure: the same event and routine give the same drafts with the
//! same keys, whenever and wherever they are planned. A draft's own key is always
//! that of its cause, so that a pass which is done again makes nothing twice; the
//! keys by which gates know it are in its request. The row of another source than the
//! log is known by its own id: the number which its event gets is given at each claim.

mod draft;
mod error;
mod value;
mod webhook;

pub use error::{PlanError, PlanReason};
pub use value::resolve_get;

use super::event::Event;
use super::item::{Cause, DedupKey, FromRow, Planned};
use super::key::{default_event_key, source_row_key, tick_key, tick_row_key};
use super::name::ItemName;
use super::routine::{ItemSpec, Routine, Trigger};
use super::schedule::ticks::jitter;
use super::schedule::{Schedule, merged};
use super::template::Scope;
use draft::{Origin, plan_item};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::sync::Arc;

/// The longest title, in characters: what a list in a console can show. A longer
/// one is cut off with an ellipsis, since an event's text must not cost its item.
pub const TITLE_CHARS_MAX: usize = 300;

/// The most levels which the context of a draft may nest if a gate may hold it.
/// It is read back with a few levels around it by a parser whose limit, 128,
/// guards the stack.
pub const DEPTH_MAX: usize = 120;

/// The items of an event which a routine without `[each]` matched.
///
/// # Errors
///
/// If a field cannot be filled in, or a value which a gate asks for is not there
/// or no good. Then there is no item at all: a routine's items come together or
/// not.
pub fn plan_event(routine: &Routine, event: &Event) -> Result<Vec<Planned>, PlanError> {
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
) -> Result<Vec<Planned>, PlanError> {
    of_event(routine, event, Some(row), number)
}

fn of_event(
    routine: &Routine,
    event: &Event,
    row: Option<&Value>,
    number: u32,
) -> Result<Vec<Planned>, PlanError> {
    let scope = Scope::Event { event, routine: &routine.name, row };
    let from = from_row(event);
    let draft = |spec: &ItemSpec| {
        let key = match &from {
            Some(from) => source_row_key(&routine.name, &spec.name, &from.source, &from.id, number),
            None => default_event_key(&routine.name, &spec.name, &event.from, event.seq, number),
        };
        let origin = Origin {
            cause: Cause::Event(event.seq),
            key,
            due_at: None,
            tenant: event.tenant.clone(),
            chain: event.chain.clone(),
            from: from.clone(),
            row: number,
        };
        plan_item(routine, spec, scope, origin)
    };
    routine.items.iter().map(draft).collect()
}

/// The row which the event is; none, if it is of the log.
fn from_row(event: &Event) -> Option<Arc<FromRow>> {
    let row = || FromRow { source: event.from.clone(), id: event.id.clone() };
    (!event.from.is_log()).then(|| Arc::new(row()))
}

/// The items of a tick of a routine's schedules. With `jitter` they fall due
/// later by a part of it, always the same for a routine and tick.
///
/// # Errors
///
/// If a field cannot be filled in.
pub fn plan_tick(routine: &Routine, tick: Timestamp) -> Result<Vec<Planned>, PlanError> {
    of_tick(routine, tick, None, 0, |item| tick_key(&routine.name, item, tick))
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
) -> Result<Vec<Planned>, PlanError> {
    of_tick(routine, tick, Some(row), number, |item| tick_row_key(&routine.name, item, tick, number))
}

fn of_tick(
    routine: &Routine,
    tick: Timestamp,
    row: Option<&Value>,
    number: u32,
    key: impl Fn(&ItemName) -> DedupKey,
) -> Result<Vec<Planned>, PlanError> {
    let schedule = schedule_of(routine, tick);
    let tz = schedule.map_or(TimeZone::UTC, |schedule| schedule.tz.clone());
    let later = schedule.and_then(|schedule| schedule.jitter);
    let due_at = later.and_then(|max| tick.checked_add(jitter(&routine.name, tick, max)).ok());
    let scope = Scope::Tick { tick, tz: &tz, routine: &routine.name, row };
    let draft = |spec: &ItemSpec| {
        let key = key(&spec.name);
        let origin = Origin {
            cause: Cause::Tick(tick),
            key,
            due_at,
            tenant: routine.confined.tenant.clone(),
            chain: Vec::new(),
            from: None,
            row: number,
        };
        plan_item(routine, spec, scope, origin)
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

#[cfg(test)]
mod tests;
