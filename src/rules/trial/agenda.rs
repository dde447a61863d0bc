//! What happens in a test, in the order of its clock.

use super::fixture;
use crate::rules::event::Event;
use crate::rules::name::SourceName;
use crate::rules::routine::{Attributes, Case, Given, Routine, Trigger, What};
use crate::rules::schedule::{Schedule, merged};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

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
    /// A tick, and the entry of the test which names it, if one does.
    Tick { given: Option<&'a Given> },
    /// A worker takes an item.
    Lease(usize),
    /// A worker completes an item.
    Complete(usize),
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

/// All which is known at the start to happen in a test. What happens at one
/// moment happens in the order of the file, and ticks which are not named after
/// it.
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
    let (mut events, mut ticks) = (0, BTreeSet::new());
    for given in &case.given {
        match &given.what {
            What::Event(attributes) => {
                events += 1;
                add_event(&mut agenda, given, attributes.clone(), events)?;
            }
            What::File { path, attributes } => {
                for found in read(path, attributes, fixtures)? {
                    events += 1;
                    add_event(&mut agenda, given, found, events)?;
                }
            }
            What::Tick if ticks.insert(given.at) => {
                add(&mut agenda, given.at, Happening::Tick { given: Some(given) });
            }
            // Two ticks of one moment are one.
            What::Tick => {}
            What::Lease(number) => add(&mut agenda, given.at, Happening::Lease(*number)),
            What::Complete(number) => add(&mut agenda, given.at, Happening::Complete(*number)),
        }
        if agenda.len() > HAPPENINGS_MAX {
            return Err(format!("it gives more than {HAPPENINGS_MAX} events"));
        }
    }
    meet_ticks(&mut agenda, routine, case, ticks)?;
    Ok(agenda)
}

fn add<'a>(agenda: &mut Agenda<'a>, at: Timestamp, happening: Happening<'a>) {
    let number = agenda.len() + 1;
    agenda.insert((at, number), happening);
}

fn add_event<'a>(
    agenda: &mut Agenda<'a>,
    given: &'a Given,
    attributes: Attributes,
    number: usize,
) -> Result<(), String> {
    let event = Box::new(event(attributes, given.at, number)?);
    add(agenda, given.at, Happening::Event { given, event });
    Ok(())
}

/// The events of a file, with what the test names over them.
fn read(path: &str, over: &Attributes, fixtures: &super::Fixtures<'_>) -> Result<Vec<Attributes>, String> {
    let found = fixtures(path).and_then(|text| fixture::read(&text));
    let found = found.map_err(|why| format!("{path}: {why}"))?;
    Ok(found.into_iter().map(|found| fixture::overlay(found, over)).collect())
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
        chain: attributes.chain.unwrap_or_default(),
    })
}

/// Adds the ticks which the clock of the test meets on its way and which it does
/// not name. Start and end of the way count.
fn meet_ticks<'a>(
    agenda: &mut Agenda<'a>,
    routine: &Routine,
    case: &'a Case,
    mut known: BTreeSet<Timestamp>,
) -> Result<(), String> {
    let Some(until) = case.until else {
        return Ok(());
    };
    let met = merged(schedules(&routine.trigger), just_before(case.start));
    for (_, tick) in met.take_while(|(_, tick)| tick.at <= until) {
        if known.insert(tick.at) {
            add(agenda, tick.at, Happening::Tick { given: None });
        }
        if known.len() > HAPPENINGS_MAX {
            return Err(format!("its clock meets more than {HAPPENINGS_MAX} ticks: bring `until` nearer"));
        }
    }
    Ok(())
}
