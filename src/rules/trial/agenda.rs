//! What happens in a test, in the order of its clock.

use super::fixture;
use crate::rules::event::Event;
use crate::rules::name::SourceName;
use crate::rules::routine::{Attributes, Case, Given, Routine, Rows, Trigger, What};
use crate::rules::schedule::{Schedule, merged};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The most things which may happen in one test: more are a clock which runs
/// too far, and would only take time.
pub(super) const HAPPENINGS_MAX: usize = 10_000;

/// The `source` of an event whose test does not say: the default of the log.
const ORIGIN_DEFAULT: &str = "app";

/// What happens, by its moment and, within a moment, its number.
pub(super) type Agenda<'a> = BTreeMap<(Timestamp, usize), Happening<'a>>;

/// One thing which happens.
pub(super) enum Happening<'a> {
    /// An event, and the entry of the test it comes from.
    Event { given: &'a Given, event: Box<Event> },
    /// A tick, and the rows it has for itself.
    Tick { rows: Option<&'a Rows> },
}

/// The schedules of a routine; none, if it waits for events.
pub(in crate::rules) fn schedules(trigger: &Trigger) -> &[Schedule] {
    match trigger {
        Trigger::Event(_) => &[],
        Trigger::Schedule(schedules) => schedules,
        Trigger::Query(query) => std::slice::from_ref(&query.schedule),
    }
}

/// The last moment before `at`.
pub(in crate::rules) fn just_before(at: Timestamp) -> Timestamp {
    at.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN)
}

/// All which is known at the start to happen in a test.
///
/// # Errors
///
/// If a file of events cannot be used, or too much happens.
pub(super) fn of<'a>(
    routine: &Routine,
    case: &'a Case,
    fixtures: &super::Fixtures<'_>,
) -> Result<Agenda<'a>, String> {
    let mut agenda = Agenda::new();
    for (given, attributes) in events(case, fixtures)? {
        let number = agenda.len() + 1;
        let event = Box::new(event(attributes, given.at, number)?);
        agenda.insert((given.at, number), Happening::Event { given, event });
    }
    for (at, rows) in ticks(routine, case)? {
        let number = agenda.len() + 1;
        agenda.insert((at, number), Happening::Tick { rows });
    }
    Ok(agenda)
}

/// The events of the test with the entries they come from, those of files
/// included.
fn events<'a>(
    case: &'a Case,
    fixtures: &super::Fixtures<'_>,
) -> Result<Vec<(&'a Given, Attributes)>, String> {
    let mut events = Vec::new();
    for given in &case.given {
        match &given.what {
            What::Tick => {}
            What::Event(attributes) => events.push((given, attributes.clone())),
            What::File { path, attributes } => {
                let failed = |why: String| format!("{path}: {why}");
                let found = fixtures(path).and_then(|text| fixture::read(&text)).map_err(failed)?;
                events.extend(found.into_iter().map(|found| (given, fixture::overlay(found, attributes))));
            }
        }
        if events.len() > HAPPENINGS_MAX {
            return Err(format!("it gives more than {HAPPENINGS_MAX} events"));
        }
    }
    Ok(events)
}

/// An event of the test, with defaults as the log has them.
fn event(attributes: Attributes, at: Timestamp, number: usize) -> Result<Event, String> {
    let Some(kind) = attributes.kind else {
        return Err(format!("event {number} has no `type`: write it into the file, or beside `file`"));
    };
    Ok(Event {
        from: attributes.from.unwrap_or_else(SourceName::log),
        seq: i64::try_from(number).unwrap_or(i64::MAX),
        id: attributes.id.unwrap_or_else(|| number.to_string()),
        origin: attributes.origin.unwrap_or_else(|| ORIGIN_DEFAULT.to_owned()),
        kind,
        subject: attributes.subject,
        time: attributes.time.unwrap_or(at),
        tenant: attributes.tenant,
        data: attributes.data.unwrap_or_else(|| Value::Object(Map::new())),
        old: attributes.old,
        meta: attributes.meta.unwrap_or(Value::Null),
    })
}

/// The ticks of the test: those it names, and those its clock meets on its way.
/// Start and end of the way count.
fn ticks<'a>(routine: &Routine, case: &'a Case) -> Result<BTreeMap<Timestamp, Option<&'a Rows>>, String> {
    let named = case.given.iter().filter(|given| given.what == What::Tick);
    let mut ticks = named.map(|given| (given.at, given.rows.as_ref())).collect::<BTreeMap<_, _>>();
    let Some(until) = case.until else {
        return Ok(ticks);
    };
    let met = merged(schedules(&routine.trigger), just_before(case.start));
    for (_, tick) in met.take_while(|(_, tick)| tick.at <= until) {
        ticks.entry(tick.at).or_default();
        if ticks.len() > HAPPENINGS_MAX {
            return Err(format!("its clock meets more than {HAPPENINGS_MAX} ticks: bring `until` nearer"));
        }
    }
    Ok(ticks)
}
