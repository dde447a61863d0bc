//! Asks the queries of `[each]` for the events of a page, before its items are
//! planned.
//!
//! The whole page is matched first, so that each routine asks once for all its
//! events. A query which fails harms the events of its routine only: they become
//! dead letters. Those which wait for a grant or a table are asked again now and
//! then ([`redrive`]).

use super::deliver::Delivery;
use super::gates::GatePass;
use super::outcome::Plan;
use super::pass::{Care, EventPass, Force, SOURCE, rollback};
use crate::pg::dead::LetterKind;
use crate::pg::each::{Asked, EachQueries, Failure, OfTheMoment, Rows, patience};
use crate::pg::enqueue::{Advance, Writer};
use crate::pg::error::{PgError, Policy};
use crate::pg::gates::Timers;
use crate::pg::page::{Claimed, Page};
use crate::pg::schedules;
use crate::pg::session::Session;
use crate::pg::unanswered::{self, Unanswered};
use crate::rules::event::Event;
use crate::rules::name::{RoutineName, SourceName};
use crate::rules::plan;
use crate::rules::routine::{Each, EachParam, Routine, RoutineSet};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// How many dead letters are asked again at once, and no fewer than one of each
/// routine.
const REDRIVE_MAX: usize = 100;

/// How long the queries of a set may hold up a page, at most, whatever the
/// routines say: silence beyond it is taken for a lost session.
const PATIENCE_MAX: Duration = Duration::from_secs(600);

/// A page with its matches and what the queries found.
#[derive(Debug)]
pub(super) struct Fanned {
    matches: Vec<Vec<usize>>,
    /// By the places of the event in the page and of the routine in the set.
    rows: HashMap<(usize, usize), Rows>,
}

impl Fanned {
    /// Whether a routine with a query matched some event of the page.
    pub(super) fn asked(&self) -> bool {
        !self.rows.is_empty()
    }

    /// The routines which the event at this place of the page matched.
    pub(super) fn matches(&mut self, event: usize) -> Vec<usize> {
        self.matches.get_mut(event).map(std::mem::take).unwrap_or_default()
    }

    /// What the query of a routine found for an event.
    pub(super) fn rows(&mut self, event: usize, routine: usize) -> Rows {
        let lost = || Err(Failure::of_the_routine("its query was not asked"));
        self.rows.remove(&(event, routine)).unwrap_or_else(lost)
    }
}

/// Whether some routine has a query.
#[must_use]
pub fn is_needed(set: &RoutineSet) -> bool {
    set.routines.iter().any(|routine| routine.each.is_some())
}

/// How long the queries of a set may hold up a page.
#[must_use]
pub fn patience_of(set: &RoutineSet) -> Duration {
    let all = set.routines.iter().filter_map(|routine| routine.each.as_ref()).map(patience);
    all.fold(Duration::ZERO, Duration::saturating_add).min(PATIENCE_MAX)
}

/// Matches a page and asks the queries of the routines which want some of it.
/// None, if no routine has a query.
/// Paused routines are not asked for.
pub(super) async fn fan_out(
    pass: &EventPass<'_>,
    page: &Page,
    paused: &HashSet<RoutineName>,
) -> Result<Option<Fanned>, PgError> {
    let Some(queries) = pass.each else {
        return Ok(None);
    };
    let matches = page.events.iter().map(|claimed| match claimed {
        Claimed::Event(event) => pass.force.matcher.matches(event),
        Claimed::Unwanted | Claimed::SetAside { .. } => Vec::new(),
    });
    let mut fanned = Fanned { matches: matches.collect(), rows: HashMap::new() };
    let mut wanted: BTreeMap<usize, Vec<(usize, &Event)>> = BTreeMap::new();
    for (place, claimed) in page.events.iter().enumerate() {
        if let Claimed::Event(event) = claimed {
            let routines = fanned.matches.get(place).into_iter().flatten();
            let asks = |routine: &&usize| {
                let routine = &pass.force.set.routines[**routine];
                routine.each.is_some() && !paused.contains(&routine.name)
            };
            for routine in routines.filter(asks) {
                wanted.entry(*routine).or_default().push((place, event.as_ref()));
            }
        }
    }
    if wanted.is_empty() {
        return Ok(Some(fanned));
    }
    let mut asked = Vec::new();
    let mut places = Vec::new();
    for (index, events) in wanted {
        let routine = &*pass.force.set.routines[index];
        let Some(each) = &routine.each else { continue };
        let mut one = Asked { routine, each, parameters: Vec::new() };
        let mut whose = Vec::new();
        for (place, event) in events {
            match set_aside(pass).map_or_else(|| parameters(each, event), Err) {
                Ok(values) => {
                    one.parameters.push(values);
                    whose.push((place, index));
                }
                Err(failure) => drop(fanned.rows.insert((place, index), Err(failure))),
            }
        }
        if !whose.is_empty() {
            asked.push(one);
            places.push(whose);
        }
    }
    let answers = queries.ask(pass.session, &asked, blame(pass.care)).await?;
    for (whose, rows) in places.into_iter().zip(answers) {
        fanned.rows.extend(whose.into_iter().zip(rows));
    }
    Ok(Some(fanned))
}

/// An event which kills the connection whenever it is tried may do so in a query.
fn set_aside(pass: &EventPass<'_>) -> Option<Failure> {
    match pass.care {
        Care::SetAside => Some(Failure::of_the_routine(pass.why_set_aside())),
        Care::Together | Care::Guarded | Care::Alone | Care::OneEvent => None,
    }
}

/// With the care for drafts goes that for queries: at first trouble of the
/// moment is waited out, later it is the fault of the routine and its event.
fn blame(care: Care) -> OfTheMoment {
    match care {
        Care::Together | Care::Guarded => OfTheMoment::Retry,
        Care::Alone | Care::OneEvent | Care::SetAside => OfTheMoment::Blame,
    }
}

/// The values of a query's parameters for an event.
pub(super) fn parameters(each: &Each, event: &Event) -> Result<Vec<Value>, Failure> {
    let value = |(place, param): (usize, &EachParam)| match param {
        EachParam::Literal(value) => Ok(value.clone()),
        EachParam::Get(get) => plan::resolve_get(get, Some(event), None)
            .map_err(|reason| Failure::of_the_routine(format!("each.params, `${}`: {reason}", place + 1))),
    };
    each.params.iter().enumerate().map(value).collect()
}

/// What became of events whose routine waited for a grant or a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redriven {
    /// How many were dealt with.
    pub answered: usize,
    /// Whether some still wait.
    pub left: bool,
    /// When held drafts are to be looked at.
    pub timers: Timers,
}

/// Asks again for events whose routine waited for a grant or a table. Those of
/// routines which are not in force any more, or which are paused, stay as they are.
///
/// # Errors
///
/// Of the database. The transaction may still be open then, and is to be rolled
/// back.
pub async fn redrive(
    session: &Session,
    writer: &Writer,
    force: &Force,
    queries: &EachQueries,
    paused: &HashSet<RoutineName>,
) -> Result<Redriven, PgError> {
    let routines: Vec<&str> = force
        .set
        .routines
        .iter()
        .filter(|routine| routine.each.is_some() && !paused.contains(&routine.name))
        .map(|routine| routine.name.as_str())
        .collect();
    session.client().batch_execute("begin").await?;
    let max = REDRIVE_MAX.max(routines.len());
    let letters = unanswered::unanswered(session, &routines, i64::try_from(max).unwrap_or(i64::MAX)).await?;
    let offered = letters.len();
    let mut work = Plan::default();
    let mut done = Vec::new();
    let mut events = Vec::new();
    for (routine, letters) in by_routine(force, letters) {
        ask_again(session, queries, routine, letters, &mut work, &mut done, &mut events).await?;
    }
    if done.is_empty() {
        rollback(session).await?;
        return Ok(Redriven { answered: 0, left: offered > 0, timers: Timers::default() });
    }
    let events = events.iter().collect::<Vec<_>>();
    let delivery = Delivery { session, writer, care: Care::Guarded, trouble: None, source: SOURCE };
    let (_, created) = delivery.with_care(&mut work, &events).await?;
    let about = schedules::now(session).await?;
    let gates = GatePass { session, writer, care: Care::Guarded, trouble: None, about };
    let through = gates.run(&mut work, &events).await?;
    unanswered::remove(session, &done).await?;
    let mut sending = writer.begin(session, SOURCE);
    created.iter().chain(&through.queues).for_each(|queue| sending.ring_for(queue));
    sending.commit(&work.decisions, &work.letters, Advance::Nowhere).await?;
    let left = done.len() < offered || offered >= max;
    Ok(Redriven { answered: done.len(), left, timers: through.timers })
}

fn by_routine(force: &Force, letters: Vec<Unanswered>) -> Vec<(&Routine, Vec<Unanswered>)> {
    let mut by_name: BTreeMap<String, Vec<Unanswered>> = BTreeMap::new();
    for letter in letters {
        by_name.entry(letter.routine.clone()).or_default().push(letter);
    }
    by_name.into_iter().filter_map(|(name, letters)| Some((&**force.set.get(&name)?, letters))).collect()
}

/// Asks for the letters of one routine: first for the oldest alone, and if it is
/// not blocked any more, for the others. Trouble of the moment is the routine's.
async fn ask_again(
    session: &Session,
    queries: &EachQueries,
    routine: &Routine,
    letters: Vec<Unanswered>,
    work: &mut Plan,
    done: &mut Vec<i64>,
    events: &mut Vec<Event>,
) -> Result<(), PgError> {
    let Some(each) = &routine.each else { return Ok(()) };
    let mut read = letters.iter().filter_map(|letter| Some((letter.id, read_event(&letter.event)?)));
    let (first, others) = (read.by_ref().take(1).collect::<Vec<_>>(), read.collect::<Vec<_>>());
    for part in [first, others] {
        let mut one = Asked { routine, each, parameters: Vec::new() };
        let mut whose = Vec::new();
        for (id, event) in part {
            match parameters(each, &event) {
                Ok(values) => {
                    one.parameters.push(values);
                    whose.push((id, event));
                }
                Err(failure) => {
                    work.add_rows(routine, &event, Err(failure));
                    done.push(id);
                }
            }
        }
        if whose.is_empty() {
            continue;
        }
        let Some(answers) = ask_or_wait(session, queries, &one).await? else { return Ok(()) };
        for ((id, event), rows) in whose.into_iter().zip(answers) {
            if rows.as_ref().is_err_and(|failure| failure.kind == LetterKind::Blocked) {
                return Ok(());
            }
            work.add_rows(routine, &event, rows);
            done.push(id);
            events.push(event);
        }
    }
    Ok(())
}

/// Asks for some events of a routine; none, if it is to be tried again later. The
/// transaction goes on in any case.
async fn ask_or_wait(
    session: &Session,
    queries: &EachQueries,
    one: &Asked<'_>,
) -> Result<Option<Vec<Rows>>, PgError> {
    let asked = std::slice::from_ref(one);
    match queries.ask(session, asked, OfTheMoment::Retry).await {
        Ok(answers) => Ok(answers.into_iter().next()),
        Err(error) if error.policy() == Policy::Reconnect || session.is_closed() => Err(error),
        // What never passes would keep the events behind it waiting for ever.
        Err(error) if one.parameters.len() == 1 && !error.is_of_the_moment() => {
            Ok(queries.ask(session, asked, OfTheMoment::Blame).await?.into_iter().next())
        }
        Err(error) => {
            tracing::warn!(routine.name = %one.routine.name, error = %error, "blocked events wait on");
            Ok(None)
        }
    }
}

/// An event as a dead letter keeps it; see `event_json` of the pass.
fn read_event(text: &str) -> Option<Event> {
    let mut json: Value = serde_json::from_str(text).ok()?;
    let text = |json: &Value, key: &str| json.get(key).and_then(Value::as_str).map(str::to_owned);
    let old = json.get_mut("old").map(Value::take).filter(|old| !old.is_null());
    Some(Event {
        from: match json.get("from").and_then(Value::as_str) {
            Some(from) => SourceName::parse(from).ok()?,
            None => SourceName::log(),
        },
        seq: json.get("seq")?.as_i64()?,
        id: text(&json, "id")?,
        origin: text(&json, "source")?,
        kind: text(&json, "type")?,
        subject: text(&json, "subject"),
        time: text(&json, "time")?.parse().ok()?,
        tenant: text(&json, "tenant"),
        old,
        meta: json.get_mut("meta").map(Value::take).unwrap_or_default(),
        chain: chain(&json),
        data: json.get_mut("data").map(Value::take).unwrap_or_default(),
    })
}

/// The routines which led to the event.
fn chain(json: &Value) -> Vec<RoutineName> {
    let names = json.get("chain").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(|name| RoutineName::parse(name.as_str()?).ok()).collect()
}
