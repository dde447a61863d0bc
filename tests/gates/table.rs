//! Cases by hand: what happens, and what comes of it.
//!
//! A step is a time since the beginning, what happens, and the lines which tell
//! what came of it. What happens is the name of an event and fields of its `data`
//! (`a k=1`; `seq` and `chain` are its own), `lease 1` or `finish 1` by the
//! number of the item, or nothing. A line is a note (`held a: hours until 60m`,
//! `duplicate b: dedup #1`) or an item which came to be (`item #1 a`). Lines of
//! timers begin with their moment (`@60m item #1 a`). `?` stands for any word.

use super::clock::later;
use super::drive::START;
use super::engine::{Engine, Seen, event_with, name, seq_of};
use hearken::rules::duration;
use hearken::rules::name::RoutineName;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A step: when, what, and the lines.
pub type Row<'a> = (&'a str, &'a str, &'a [&'a str]);

/// What is there after all steps.
pub struct Table {
    engine: Engine,
    begin: Timestamp,
    now: Timestamp,
    names: BTreeMap<i64, String>,
    known: BTreeSet<i64>,
}

/// Runs the steps with one routine, whose `[flow]` is given.
#[track_caller]
pub fn check(flow: &str, rows: &[Row<'_>]) -> Table {
    let text = format!(
        "title = \"A case\"\n[on.event]\n[flow]\n{flow}\n[item]\nqueue = \"q\"\n\
         title = \"{{{{ data.name }}}}\"\n[item.context]\nname = {{ get = \"data.name\" }}\n"
    );
    let engine = Engine::read(&[text]).unwrap_or_else(|problems| panic!("{problems}"));
    let begin = START.parse().expect("an instant");
    let (names, known) = (BTreeMap::new(), BTreeSet::new());
    let mut table = Table { engine, begin, now: begin, names, known };
    for (at, what, want) in rows {
        let got = table.step(at, what);
        let same = got.len() == want.len() && got.iter().zip(*want).all(|(got, want)| is_like(got, want));
        assert!(same, "{flow}\nat {at}: {what}\ngot  {got:#?}\nwant {want:#?}");
    }
    table
}

/// Whether a line is the one wanted, word by word.
fn is_like(got: &str, want: &str) -> bool {
    let (got, want) = (got.split(' ').collect::<Vec<_>>(), want.split(' ').collect::<Vec<_>>());
    got.len() == want.len() && got.iter().zip(&want).all(|(got, want)| got == want || *want == "?")
}

impl Table {
    /// All items, a line each: `#1 a Waiting a`; at the end the names in its
    /// context.
    #[track_caller]
    pub fn items(&self, want: &[&str]) {
        let line = |item: &hearken::rules::gate::Item| {
            let context = &item.draft.context;
            let name = |context: &Value| context["name"].as_str().unwrap_or("?").to_owned();
            let names = match context["items"].as_array() {
                Some(items) => {
                    format!("[{}]", items.iter().map(name).collect::<Vec<_>>().join(","))
                }
                None => name(context),
            };
            format!("#{} {} {:?} {names}", item.id, item.draft.title, item.standing)
        };
        let got = self.engine.state.items().map(line).collect::<Vec<_>>();
        assert_eq!(got, want);
    }

    /// How many drafts are held.
    pub fn held(&self) -> usize {
        self.engine.state.held().count()
    }

    /// Does one step more; returns its lines.
    pub fn step(&mut self, at: &str, what: &str) -> Vec<String> {
        let offset = duration::parse(at).expect("a duration");
        let target = self.begin + offset;
        let mut lines = self.timers(target);
        self.now = target;
        let words = what.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>();
        match words.as_slice() {
            [] => {}
            ["lease", id] => assert!(self.engine.state.lease(id.parse().expect("an id")), "{what}"),
            ["finish", id] => assert!(self.engine.state.finish(id.parse().expect("an id")), "{what}"),
            [title, fields @ ..] => {
                let notes = self.event(title, fields);
                lines.extend(self.lines(&notes));
            }
        }
        let notes = self.engine.settle(self.now);
        lines.extend(self.lines(&notes));
        lines
    }

    /// Each timer fires at its moment.
    fn timers(&mut self, target: Timestamp) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(next) = self.engine.state.next_due().filter(|next| *next <= target) {
            assert!(next > self.now, "what was due at {next} has not gone on");
            self.now = next;
            let notes = self.engine.settle(next);
            let prefix = format!("@{} ", self.since(next));
            lines.extend(self.lines(&notes).into_iter().map(|line| format!("{prefix}{line}")));
        }
        lines
    }

    fn event(&mut self, title: &str, fields: &[&str]) -> Vec<Seen> {
        let mut data = Map::new();
        data.insert("name".to_owned(), json!(title));
        let number = i64::try_from(self.names.len()).expect("few events");
        let (mut seq, mut chain) = (1_000 + number, Vec::new());
        for field in fields {
            let (key, value) = field.split_once('=').expect("a field");
            match key {
                "seq" => seq = value.parse().expect("a number"),
                "chain" => chain = value.split(',').map(routine_name).collect(),
                _ => {
                    let number = value.parse::<i64>().map_or_else(|_| json!(value), |number| json!(number));
                    data.insert(key.to_owned(), number);
                }
            }
        }
        self.names.insert(seq, title.to_owned());
        let event = event_with(seq, Value::Object(data), chain, self.now);
        self.engine.offer(0, &event, self.now)
    }

    /// What the notes say, and which items are new.
    fn lines(&mut self, notes: &[Seen]) -> Vec<String> {
        let mut lines = notes.iter().map(|note| self.note(note)).collect::<Vec<_>>();
        for item in self.engine.state.items() {
            if self.known.insert(item.id) {
                let due = item.due_at.max(self.now);
                let later = if due > self.now { format!(" due {}", self.since(due)) } else { String::new() };
                lines.push(format!("item #{} {}{later}", item.id, item.draft.title));
            }
        }
        lines
    }

    fn note(&self, note: &Seen) -> String {
        assert_eq!(note.routine, name(0).as_str());
        let seq = note.seq.expect("an event");
        let mut line = format!("{} {}: {}", note.ruling, self.names[&seq], note.gate);
        if note.ruling != "held" {
            line.extend(note.met.map(|id| format!(" #{id}")));
            return line;
        }
        let mut held = self.engine.state.held();
        let held = held.find(|held| seq_of(held.draft.cause) == Some(seq));
        if let Some(held) = held
            && format!("{:?}", held.phase) != "Queued"
        {
            line.push_str(&format!(" until {}", self.since(held.due_at)));
        }
        line
    }

    /// The time since the beginning: in minutes, or in seconds if it must be.
    fn since(&self, at: Timestamp) -> String {
        let seconds = at.duration_since(self.begin).as_secs();
        if seconds % 60 == 0 { format!("{}m", seconds / 60) } else { format!("{seconds}s") }
    }
}

fn routine_name(text: &str) -> RoutineName {
    RoutineName::parse(text).expect("a name")
}

/// The instant so many minutes after the beginning.
pub fn at(minutes: i64) -> Timestamp {
    later(START.parse().expect("an instant"), minutes)
}
