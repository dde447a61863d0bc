//! Drives the engine and the model side by side, and compares all there is after
//! each step.

use super::clock::later;
use super::engine::{Engine, Seen, event};
use super::entry::{Entry, Note, Status};
use super::model::Model;
use super::random::{Step, What};
use super::spec::{Age, Flow, Shape};
use super::views::{engine_view, model_view};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// A Friday, two days before the clocks of Europe go forward.
pub const START: &str = "2026-03-27T06:00:00Z";

/// How often each outcome was seen, by gate.
pub type Counts = BTreeMap<(String, String), u64>;

/// How a history ended.
#[derive(Debug)]
pub enum End {
    /// The routines are refused: why.
    Refused(String),
    /// Both agree.
    Agreed(Counts),
}

/// Runs a history.
///
/// # Errors
///
/// Says at which step the two differ, and how.
pub fn run(flows: &[Flow], steps: &[Step]) -> Result<End, String> {
    let texts = flows.iter().map(|flow| flow.to_toml("q")).collect::<Vec<_>>();
    let engine = match Engine::read(&texts) {
        Ok(engine) => engine,
        Err(problems) => return Ok(End::Refused(problems)),
    };
    let now = START.parse::<Timestamp>().expect("an instant");
    let model = Model::new(flows.to_vec());
    let mut pair = Pair { engine, model, now, events: 0, counts: Counts::new() };
    for (place, step) in steps.iter().enumerate() {
        pair.step(step).map_err(|why| {
            format!("step {place}, at {}: {why}\n{}\n{}", pair.now, texts.join("\n----\n"), told(steps))
        })?;
    }
    Ok(End::Agreed(pair.counts))
}

/// A history for people.
fn told(steps: &[Step]) -> String {
    let line = |(place, step): (usize, &Step)| format!("{place}: +{}m {:?}", step.wait, step.what);
    steps.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

struct Pair {
    engine: Engine,
    model: Model,
    now: Timestamp,
    events: i64,
    counts: Counts,
}

impl Pair {
    fn step(&mut self, step: &Step) -> Result<(), String> {
        let target = later(self.now, step.wait);
        if !matches!(step.what, What::Away) {
            self.pass_time(target)?;
        }
        self.now = target;
        self.settle()?;
        match &step.what {
            What::Events(shapes) => self.events(shapes)?,
            What::Lease(which) => self.work(*which, Status::Waiting)?,
            What::Finish(which) => self.work(*which, Status::Running)?,
            What::Nothing | What::Away => {}
        }
        self.settle()
    }

    /// Each timer up to `target` fires at its moment.
    fn pass_time(&mut self, target: Timestamp) -> Result<(), String> {
        loop {
            let (got, want) = (self.engine.state.next_due(), self.model.next_due(self.now));
            if got != want {
                return Err(format!("the next timer is {got:?} and should be {want:?}"));
            }
            let Some(next) = got.filter(|next| *next <= target) else { return Ok(()) };
            if next <= self.now {
                return Err(format!("what was due at {next} has not gone on"));
            }
            self.now = next;
            self.settle()?;
        }
    }

    /// What is due goes on.
    fn settle(&mut self) -> Result<(), String> {
        let got = self.engine.settle(self.now);
        let mut want = Vec::new();
        loop {
            let before = self.model.entries.iter().map(|entry| entry.status).collect::<Vec<_>>();
            want.extend(self.model.release(self.now));
            if self.model.entries.iter().map(|entry| entry.status).eq(before) {
                break;
            }
        }
        self.compare(&got, &want)
    }

    /// A page of events.
    fn events(&mut self, shapes: &[Shape]) -> Result<(), String> {
        let (mut got, mut want) = (Vec::new(), Vec::new());
        for shape in shapes {
            self.events += 1;
            let (n, step) = (self.events, 10 * self.events);
            let seq = match shape.age {
                Age::Newest => 1_000 + step,
                Age::Older => 1_000 + step - 25,
            };
            let event = event(n, seq, shape, self.now);
            for routine in 0..self.model.flows.len() {
                got.extend(self.engine.offer(routine, &event, self.now));
                want.extend(self.model.offer(routine, (n, seq), shape, self.now));
            }
        }
        self.compare(&got, &want)
    }

    /// A worker takes, or finishes, one of the items which are in that state.
    fn work(&mut self, which: usize, from: Status) -> Result<(), String> {
        let now = self.now;
        let fits = |entry: &&mut Entry| entry.status == from && entry.due <= now;
        let mut entries = self.model.entries.iter_mut().filter(fits).collect::<Vec<_>>();
        if entries.is_empty() {
            return Ok(());
        }
        let which = which % entries.len();
        let entry = &mut entries[which];
        let (id, to) = match from {
            Status::Waiting => (entry.id, Status::Running),
            _ => (entry.id, Status::Closed),
        };
        entry.status = to;
        let state = &mut self.engine.state;
        let done = if to == Status::Running { state.lease(id) } else { state.finish(id) };
        if done { self.compare(&[], &[]) } else { Err(format!("item {id} cannot become {to:?}")) }
    }

    fn compare(&mut self, got: &[Seen], want: &[Note]) -> Result<(), String> {
        same_notes(got, want)?;
        for note in got {
            *self.counts.entry((note.ruling.clone(), note.gate.clone())).or_default() += 1;
        }
        let got = engine_view(&self.engine, &self.model, self.now);
        let want = model_view(&self.model, self.now);
        if got == want {
            return Ok(());
        }
        let only = |one: &[String], other: &[String]| {
            one.iter().filter(|line| !other.contains(line)).cloned().collect::<Vec<_>>().join("\n  ")
        };
        Err(format!("the engine has\n  {}\nand should have\n  {}", only(&got, &want), only(&want, &got)))
    }
}

/// Whether each note is one of those wanted, and the other way round.
fn same_notes(got: &[Seen], want: &[Note]) -> Result<(), String> {
    let mut missing = want.to_vec();
    for seen in got {
        let Some(place) = missing.iter().position(|note| is_it(seen, note)) else {
            return Err(format!("the engine says {seen:?}\nwhich is none of {missing:#?}"));
        };
        missing.remove(place);
    }
    if missing.is_empty() { Ok(()) } else { Err(format!("the engine says {got:#?}\nbut not {missing:#?}")) }
}

fn is_it(seen: &Seen, note: &Note) -> bool {
    let met = note.met.is_empty() || seen.met.is_some_and(|met| note.met.contains(&met));
    let gate = note.gates.iter().any(|gate| *gate == seen.gate);
    let about = seen.seq == Some(note.seq) && seen.routine == format!("gates{}", note.routine);
    about && seen.ruling == note.ruling && gate && met
}
