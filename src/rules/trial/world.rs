//! What happens in a test, one thing after the other, and what the gates and the
//! inbox make of it.

mod ending;

use super::agenda::{self, HAPPENINGS_MAX, Happening};
use super::compare::moment;
use super::{Fixtures, ITEMS_MAX, reason, takes_rows, tell};
use crate::rules::event::Event;
use crate::rules::gate::circle::guard;
use crate::rules::gate::{Gate, Note, State};
use crate::rules::item::{Cause, Planned};
use crate::rules::plan::{PlanError, plan_event, plan_event_row, plan_tick, plan_tick_row};
use crate::rules::routine::{Case, Given, ItemState, Routine, Rows, Word};
use ending::state_of;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};

pub(super) struct World<'a> {
    routine: &'a Routine,
    case: &'a Case,
    /// What the gates know, and all the inbox has.
    state: State,
    /// The clock of the test.
    now: Timestamp,
    /// The items in the order in which they came, and when.
    came: Vec<(i64, Timestamp)>,
    known: HashSet<i64>,
    /// How often a held draft fell due.
    timers: usize,
    events: Vec<Event>,
    gates: BTreeSet<Gate>,
    notes: Vec<String>,
    problems: Vec<String>,
}

impl<'a> World<'a> {
    pub(super) fn new(routine: &'a Routine, case: &'a Case) -> Self {
        Self {
            routine,
            case,
            state: State::new(),
            now: case.start,
            came: Vec::new(),
            known: HashSet::new(),
            timers: 0,
            events: Vec::new(),
            gates: BTreeSet::new(),
            notes: Vec::new(),
            problems: Vec::new(),
        }
    }

    pub(super) fn run(&mut self, fixtures: &Fixtures<'_>) -> Result<(), String> {
        let mut agenda = agenda::of(self.routine, self.case, fixtures)?;
        while let Some(((at, _), happening)) = agenda.pop_first() {
            self.pass_time(Some(at))?;
            match happening {
                Happening::Event { given, event } => self.event(given, *event),
                Happening::Tick { given } => self.tick(given),
                Happening::Lease(number) => self.lease(number),
                Happening::Complete(number) => self.complete(number),
            }
            self.take_in()?;
        }
        self.pass_time(self.case.until)
    }

    /// Lets the clock run, and everything happen which falls due on its way; to
    /// the end of all that is held, if no end is given.
    fn pass_time(&mut self, until: Option<Timestamp>) -> Result<(), String> {
        let is_in_time = |due: &Timestamp| until.is_none_or(|until| *due <= until);
        while let Some(due) = self.state.next_due().filter(is_in_time) {
            self.timers += 1;
            if self.timers > HAPPENINGS_MAX {
                return Err(format!("held drafts fall due more than {HAPPENINGS_MAX} times in it"));
            }
            self.now = self.now.max(due);
            self.release();
            self.take_in()?;
        }
        self.now = until.map_or(self.now, |until| self.now.max(until));
        // What waits for an item may go on without falling due.
        self.release();
        self.take_in()
    }

    fn release(&mut self) {
        let notes = self.state.release_due(self.now);
        self.write_down(&notes);
    }

    /// Numbers the items which came just now.
    fn take_in(&mut self) -> Result<(), String> {
        let new = self.state.items().filter(|item| item.created_at == self.now);
        let mut new = new.map(|item| (item.due_at, item.id)).collect::<Vec<_>>();
        new.sort_unstable();
        for (_, id) in new {
            if self.known.insert(id) {
                self.came.push((id, self.now));
            }
        }
        if self.came.len() > ITEMS_MAX {
            return Err(format!("it makes more than {ITEMS_MAX} items"));
        }
        Ok(())
    }

    fn event(&mut self, given: &Given, event: Event) {
        let who = name_of(&event);
        self.events.push(event.clone());
        let found = reason(self.routine, &event);
        match (self.case.because(given), found) {
            (because, None) if because.is_none_or(Word::is_of_flow) => {
                self.set_off(given, &event, because);
            }
            (Some(because), Some(found)) if because.text == found.because => {}
            (None, Some(found)) => self.problems.push(format!("{who} does not match: {}", tell(&found))),
            (Some(because), Some(found)) if because.is_of_flow() => {
                let (gate, found) = (&because.text, tell(&found));
                self.problems.push(format!("{who} should be kept by `{gate}`, and does not match: {found}"));
            }
            (because, found) => {
                let wanted = because.map_or("", |because| because.text.as_str());
                self.problems.push(match found {
                    None => format!("{who} matches, and should fail with `{wanted}`"),
                    Some(found) => {
                        format!("{who} should fail with `{wanted}`, and fails with {}", tell(&found))
                    }
                });
            }
        }
    }

    /// An event which matches.
    fn set_off(&mut self, given: &Given, event: &Event, because: Option<&Word>) {
        let who = name_of(event);
        if let Some(reason) = guard(self.routine, event) {
            let at = moment(self.case.start, self.now);
            self.notes.push(format!("at {at}: {who}: loop by `flow.loop`: {reason}"));
            self.gates.insert(Gate::Loop);
            if let Some(because) = because.filter(|because| because.gate() != Some(Gate::Loop)) {
                self.problems.push(format!("{who} should be kept by `{}`, and is {reason}", because.text));
            }
            return;
        }
        let drafts = match self.rows(given.rows.as_ref()) {
            None => plan_event(self.routine, event),
            Some(rows) => each(rows, |row, number| plan_event_row(self.routine, event, row, number)),
        };
        self.offer(&who, drafts, because);
    }

    fn tick(&mut self, given: Option<&'a Given>) {
        let at = self.now;
        let because = match given {
            Some(given) => self.case.because(given),
            None => self.case.because.as_ref(),
        };
        let drafts = match self.rows(given.and_then(|given| given.rows.as_ref())) {
            None => plan_tick(self.routine, at),
            Some(rows) => each(rows, |row, number| plan_tick_row(self.routine, at, row, number)),
        };
        self.offer(&format!("the tick at {at}"), drafts, because);
    }

    /// The rows which the query finds; none, if the routine does not ask.
    fn rows<'r>(&self, own: Option<&'r Rows>) -> Option<&'r [Value]>
    where
        'a: 'r,
    {
        let rows = own.or(self.case.rows.as_ref());
        takes_rows(self.routine).then(|| rows.map_or(&[] as &[Value], |rows| rows.list.as_slice()))
    }

    /// Offers drafts to the gates, all of which must be kept by the gate which
    /// `because` names.
    fn offer(&mut self, who: &str, drafts: Result<Vec<Planned>, PlanError>, because: Option<&Word>) {
        let drafts = match drafts {
            Ok(drafts) => drafts,
            Err(error) => return self.problems.push(format!("{who} makes no item: {error}")),
        };
        let mut unlike = drafts.is_empty().then(|| "makes none".to_owned());
        for planned in drafts {
            let cause = planned.draft.cause;
            let notes = self.state.offer(planned, self.now);
            if let Some(gate) = because.and_then(Word::gate) {
                unlike = unlike.or(unlike_gate(&notes, cause, gate));
            }
            self.write_down(&notes);
        }
        if let (Some(because), Some(unlike)) = (because, unlike) {
            self.problems.push(format!("{who} should be kept by `{}`, and {unlike}", because.text));
        }
    }

    fn lease(&mut self, number: usize) {
        let Some((id, standing, due_at)) = self.item(number, "leased") else { return };
        let at = moment(self.case.start, self.now);
        if due_at > self.now {
            let due_at = moment(self.case.start, due_at);
            self.problems.push(format!("at {at}, item {number} cannot be leased: it is due at {due_at}"));
        } else if !self.state.lease(id) {
            let state = standing.as_str();
            self.problems.push(format!("at {at}, item {number} cannot be leased: it is {state}"));
        }
    }

    fn complete(&mut self, number: usize) {
        let Some((id, standing, _)) = self.item(number, "completed") else { return };
        if self.state.finish(id) {
            return self.release();
        }
        let (at, state) = (moment(self.case.start, self.now), standing.as_str());
        self.problems.push(format!("at {at}, item {number} cannot be completed: it is {state}"));
    }

    /// The item with this number, from 1; a problem of the test, if it has not
    /// come yet.
    fn item(&mut self, number: usize, what: &str) -> Option<(i64, ItemState, Timestamp)> {
        let id = number.checked_sub(1).and_then(|place| self.came.get(place)).map(|(id, _)| *id);
        let item = id.and_then(|id| self.state.items().find(|item| item.id == id));
        if let Some(item) = item {
            return Some((item.id, state_of(item.standing), item.due_at));
        }
        let at = moment(self.case.start, self.now);
        let came = match self.came.len() {
            0 => "none has come so far".to_owned(),
            1 => "only one has come so far".to_owned(),
            count => format!("only {count} have come so far"),
        };
        self.problems.push(format!("at {at}, item {number} cannot be {what}: {came}"));
        None
    }

    /// Notes what the gates say, for people who ask why nothing came.
    fn write_down(&mut self, notes: &[Note]) {
        let at = moment(self.case.start, self.now);
        for note in notes {
            self.gates.insert(note.gate);
            let who = match note.cause {
                Cause::Event(seq) => self.name_by_seq(seq),
                Cause::Tick(tick) => format!("the tick at {tick}"),
            };
            let (ruling, gate, reason) = (note.ruling.as_str(), note.gate.as_str(), &note.reason);
            self.notes.push(format!("at {at}: {who}: {ruling} by `flow.{gate}`: {reason}"));
        }
    }

    fn name_by_seq(&self, seq: i64) -> String {
        let place = self.events.binary_search_by_key(&seq, |event| event.seq);
        let event = place.ok().and_then(|place| self.events.get(place));
        event.map_or_else(|| format!("event {seq}"), name_of)
    }
}

fn name_of(event: &Event) -> String {
    format!("event {} ({})", event.seq, event.kind)
}

/// How a draft fares, if the gate which should keep it does not. Supersede keeps
/// nothing: it is enough that older ones gave way.
fn unlike_gate(notes: &[Note], cause: Cause, gate: Gate) -> Option<String> {
    let concerns = |note: &&Note| note.cause == cause || gate == Gate::Supersede;
    let mut about = notes.iter().filter(concerns);
    if about.clone().any(|note| note.gate == gate) {
        return None;
    }
    Some(match about.next() {
        _ if gate == Gate::Supersede => "nothing gives way to it".to_owned(),
        Some(note) => format!("is kept by `flow.{}`: {}", note.gate.as_str(), note.reason),
        None => "becomes an item at once".to_owned(),
    })
}

/// The items of all rows together, or of none.
fn each(
    rows: &[Value],
    plan: impl Fn(&Value, u32) -> Result<Vec<Planned>, PlanError>,
) -> Result<Vec<Planned>, PlanError> {
    let mut drafts = Vec::new();
    for (row, number) in rows.iter().zip(0..) {
        drafts.extend(plan(row, number)?);
    }
    Ok(drafts)
}
