//! The gates under test: routines from TOML, planned and offered to a `State`.

use super::spec::{KIND, Shape};
use hearken::rules::event::Event;
use hearken::rules::gate::State;
use hearken::rules::gate::circle::guard;
use hearken::rules::item::{Cause, DedupKey};
use hearken::rules::key::default_event_key;
use hearken::rules::name::{ItemName, RoutineName, SourceName};
use hearken::rules::plan::{plan_event, plan_tick};
use hearken::rules::routine::{Routine, parse};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The routines and what is known of their drafts.
pub struct Engine {
    /// The routines, `gates0` and so on.
    pub routines: Vec<Routine>,
    /// What is known.
    pub state: State,
}

/// A note, with the names of things.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// What it is about: the `seq` of an event; none for a tick.
    pub seq: Option<i64>,
    /// The routine.
    pub routine: String,
    /// The outcome.
    pub ruling: String,
    /// The gate.
    pub gate: String,
    /// What it lost against.
    pub met: Option<i64>,
    /// Why, for people.
    pub reason: String,
}

/// The name of a routine by its number.
pub fn name(routine: usize) -> RoutineName {
    RoutineName::parse(&format!("gates{routine}")).expect("a name")
}

/// The key which an item of an event has, unless its content says otherwise.
pub fn key_of(routine: usize, seq: i64) -> DedupKey {
    default_event_key(&name(routine), &ItemName::only(), &SourceName::log(), seq, 0)
}

/// An event of the shape given.
pub fn event(n: i64, seq: i64, shape: &Shape, now: Timestamp) -> Event {
    let chain = shape.chain.iter().map(|name| RoutineName::parse(name).expect("a name")).collect();
    event_with(seq, shape.data(n), chain, now)
}

/// An event with the data given.
pub fn event_with(seq: i64, data: Value, chain: Vec<RoutineName>, now: Timestamp) -> Event {
    Event {
        from: SourceName::log(),
        seq,
        id: format!("id-{seq}"),
        origin: "app".to_owned(),
        kind: KIND.to_owned(),
        subject: None,
        time: now,
        tenant: None,
        data,
        old: None,
        meta: json!({}),
        chain,
    }
}

impl Engine {
    /// Reads the routines; what is wrong with them, if they are refused.
    pub fn read(texts: &[String]) -> Result<Self, String> {
        let read = |(number, text): (usize, &String)| {
            parse(&name(number), "gates.toml", text).map_err(|problems| problems.to_string())
        };
        let routines = texts.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { routines, state: State::new() })
    }

    /// An event comes to a routine.
    pub fn offer(&mut self, routine: usize, event: &Event, now: Timestamp) -> Vec<Seen> {
        let heard = &self.routines[routine];
        if let Some(reason) = guard(heard, event) {
            let name = heard.name.to_string();
            let (ruling, gate) = ("loop".to_owned(), "loop".to_owned());
            return vec![Seen { seq: Some(event.seq), routine: name, ruling, gate, met: None, reason }];
        }
        let planned = plan_event(heard, event).expect("a plan");
        let mut notes = Vec::new();
        for planned in planned {
            notes.extend(self.state.offer(planned, now));
        }
        notes.iter().map(seen).collect()
    }

    /// A tick of a routine.
    pub fn tick(&mut self, routine: usize, tick: Timestamp, now: Timestamp) -> Vec<Seen> {
        let planned = plan_tick(&self.routines[routine], tick).expect("a plan");
        let mut notes = Vec::new();
        for planned in planned {
            notes.extend(self.state.offer(planned, now));
        }
        notes.iter().map(seen).collect()
    }

    /// Held drafts which are due go on, again and again until nothing changes.
    pub fn settle(&mut self, now: Timestamp) -> Vec<Seen> {
        let mut notes = Vec::new();
        for _ in 0..10_000 {
            let before = self.counts();
            let more = self.state.release_due(now);
            notes.extend(more.iter().map(seen));
            if more.is_empty() && self.counts() == before {
                return notes;
            }
        }
        panic!("releasing held drafts at {now} does not come to an end");
    }

    fn counts(&self) -> (usize, usize) {
        (self.state.items().count(), self.state.held().count())
    }
}

fn seen(note: &hearken::rules::gate::Note) -> Seen {
    assert!(!note.reason.is_empty(), "a note without a reason: {note:?}");
    Seen {
        seq: seq_of(note.cause),
        routine: note.routine.to_string(),
        ruling: note.ruling.as_str().to_owned(),
        gate: note.gate.as_str().to_owned(),
        met: note.met,
        reason: note.reason.clone(),
    }
}

/// The event of a cause.
pub fn seq_of(cause: Cause) -> Option<i64> {
    match cause {
        Cause::Event(seq) => Some(seq),
        Cause::Tick(_) => None,
    }
}
