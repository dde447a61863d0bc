//! The gates, read from their description alone: plain, slow, and with the whole
//! history kept. Whatever is asked is answered by looking through all of it.

use super::clock::later;
use super::entry::{Draft, Entry, Note, Status, Waits};
use super::spec::{Collect, Flow, Keep, Key, Looping, Shape, title};
use super::verdict::Verdict;
use jiff::Timestamp;
use serde_json::json;

/// Eight causes are enough.
const CHAIN_MAX: usize = 8;
/// The most contexts of one item.
pub const COLLECTED_MAX: usize = 1_000;

/// The model.
#[derive(Debug)]
pub struct Model {
    /// `[flow]` of each routine.
    pub flows: Vec<Flow>,
    /// All that was ever held or an item, by id from 1.
    pub entries: Vec<Entry>,
}

impl Model {
    /// Nothing has happened yet.
    pub fn new(flows: Vec<Flow>) -> Self {
        Self { flows, entries: Vec::new() }
    }

    /// An event, its number and its `seq`, comes to a routine.
    pub fn offer(
        &mut self,
        routine: usize,
        (n, seq): (i64, i64),
        shape: &Shape,
        now: Timestamp,
    ) -> Vec<Note> {
        let flow = self.flows[routine].clone();
        let own = format!("gates{routine}");
        let is_circle = flow.looping == Looping::Avoid && shape.chain.iter().any(|name| *name == own);
        if shape.chain.len() >= CHAIN_MAX || is_circle {
            return vec![Note { seq, routine, ruling: "loop", gates: vec!["loop"], met: vec![] }];
        }
        let contexts = vec![json!({ "n": n })];
        let draft = Draft { routine, seq, first: seq, title: title(n), contexts, shape: shape.clone() };
        match &flow.collect {
            Some(collect) => self.collect(collect, draft, now),
            None => self.judge(None, draft, now),
        }
    }

    fn collect(&mut self, collect: &Collect, draft: Draft, now: Timestamp) -> Vec<Note> {
        let (key, gate): (&Key, _) = match collect {
            Collect::Debounce { key, .. } => (key, "debounce"),
            Collect::Batch { key, .. } => (key, "batch"),
        };
        let note =
            |ruling, met| Note { seq: draft.seq, routine: draft.routine, ruling, gates: vec![gate], met };
        let is_same = |entry: &Entry| {
            let is_collecting = entry.status == Status::Collecting && entry.draft.routine == draft.routine;
            is_collecting && entry.draft.shape.values(key) == draft.shape.values(key)
        };
        let Some(place) = self.entries.iter().position(is_same) else {
            let held = note("held", vec![]);
            let place = self.push(draft, Status::Collecting, now);
            self.entries[place].gates = vec![gate];
            self.entries[place].due = collecting_until(collect, now, now);
            return vec![held];
        };
        let entry = &mut self.entries[place];
        let mut notes = vec![note("merged", vec![entry.id])];
        entry.count += 1;
        if let Collect::Debounce { .. } = collect {
            entry.due = collecting_until(collect, entry.since, now);
        }
        join(collect, &mut entry.draft, draft);
        let is_full = match collect {
            Collect::Batch { max, .. } => entry.count == *max,
            Collect::Debounce { keep, .. } => *keep == Keep::All && entry.count == COLLECTED_MAX,
        };
        if is_full {
            let draft = entry.draft.clone();
            notes.extend(self.judge(Some(place), draft, now));
        }
        notes
    }

    /// A draft comes to the gates behind the collecting ones; its place, if it
    /// was held until now.
    fn judge(&mut self, place: Option<usize>, draft: Draft, now: Timestamp) -> Vec<Note> {
        let note = |ruling, gates, met| Note { seq: draft.seq, routine: draft.routine, ruling, gates, met };
        let passage = match self.verdict(place, &draft, now) {
            Verdict::No { ruling, gate, met } => {
                self.leave(place);
                return vec![note(ruling, vec![gate], met)];
            }
            Verdict::Into { owner, ruling } => {
                let note = note(ruling, vec!["dedup"], vec![self.entries[owner].id]);
                self.leave(place);
                self.take_in(owner, draft, ruling);
                return vec![note];
            }
            Verdict::Yes(passage) => passage,
        };
        let held = note("held", passage.gates.clone(), vec![]);
        let place = place.unwrap_or_else(|| self.push(draft.clone(), Status::Gone, now));
        let id = self.entries[place].id;
        let mut notes = Vec::new();
        for victim in passage.victims {
            let old = &mut self.entries[victim];
            old.status = Status::Superseded(id);
            let (seq, routine) = (old.draft.seq, old.draft.routine);
            notes.push(Note { seq, routine, ruling: "superseded", gates: vec!["supersede"], met: vec![id] });
        }
        let entry = &mut self.entries[place];
        (entry.due, entry.passed, entry.gates) = (passage.due, true, passage.gates);
        entry.status = match passage.waits {
            Waits { open: false, overlap: false } if passage.due > now => Status::Accepted,
            Waits { open: false, overlap: false } => Status::Waiting,
            waits => Status::Queued(waits),
        };
        match entry.status {
            Status::Waiting => entry.created = Some(now),
            _ => notes.push(held),
        }
        notes
    }

    /// All held drafts which are due go on, where nothing stops them.
    pub fn release(&mut self, now: Timestamp) -> Vec<Note> {
        let is_due = |place: &usize| self.entries[*place].status.is_held() && self.entries[*place].due <= now;
        let mut due = (0..self.entries.len()).filter(is_due).collect::<Vec<_>>();
        due.sort_by_key(|place| (self.entries[*place].due, *place));
        let mut notes = Vec::new();
        for place in due {
            let draft = self.entries[place].draft.clone();
            match self.entries[place].status {
                Status::Collecting => notes.extend(self.judge(Some(place), draft, now)),
                Status::Accepted => self.become_item(place, now),
                Status::Queued(waits) if self.is_free(place, waits, now) => self.become_item(place, now),
                _ => {}
            }
        }
        notes
    }

    /// When a held draft is due, whatever else it waits for.
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let waits_for_time = |entry: &&Entry| match entry.status {
            Status::Collecting | Status::Accepted => true,
            Status::Queued(_) => entry.due > now,
            _ => false,
        };
        self.entries.iter().filter(waits_for_time).map(|entry| entry.due).min()
    }

    /// Whether nothing is in the way of a queued draft: it is the first of those
    /// whose time has come, and nothing is open.
    fn is_free(&self, place: usize, waits: Waits, now: Timestamp) -> bool {
        let own = &self.entries[place];
        let in_the_way = |entry: &Entry| {
            let same = self.has_same_dedup_key(&entry.draft, &own.draft);
            let is_ahead = entry.status.is_accepted() && entry.id < own.id && entry.due <= now;
            let is_open = entry.status.is_open_item();
            (waits.open && same && is_open) || (waits.overlap && (is_open || is_ahead))
        };
        let others = self.entries.iter().filter(|entry| entry.draft.routine == own.draft.routine);
        !others.filter(|entry| entry.id != own.id).any(in_the_way)
    }

    /// Whether two drafts are the same thing to dedup.
    pub fn has_same_dedup_key(&self, one: &Draft, other: &Draft) -> bool {
        let dedup = self.flows[one.routine].dedup.as_ref();
        let same = dedup.is_some_and(|dedup| one.shape.values(&dedup.key) == other.shape.values(&dedup.key));
        one.routine == other.routine && same
    }

    fn become_item(&mut self, place: usize, now: Timestamp) {
        self.entries[place].status = Status::Waiting;
        self.entries[place].created = Some(now);
    }

    fn leave(&mut self, place: Option<usize>) {
        if let Some(place) = place {
            self.entries[place].status = Status::Gone;
        }
    }

    /// An item, or a held draft, takes the content of another.
    fn take_in(&mut self, owner: usize, draft: Draft, ruling: &str) {
        let own = &mut self.entries[owner].draft;
        match ruling {
            // What is added to stays what it is called.
            "merged" => own.contexts.extend(draft.contexts),
            _ => {
                (own.seq, own.title) = (draft.seq, draft.title);
                own.contexts = draft.contexts;
            }
        }
    }

    fn push(&mut self, draft: Draft, status: Status, now: Timestamp) -> usize {
        let place = self.entries.len();
        let id = i64::try_from(place).expect("few entries") + 1;
        let (gates, passed) = (Vec::new(), false);
        self.entries.push(Entry {
            id,
            draft,
            status,
            due: now,
            since: now,
            count: 1,
            created: None,
            passed,
            gates,
        });
        place
    }
}

fn collecting_until(collect: &Collect, since: Timestamp, now: Timestamp) -> Timestamp {
    match collect {
        Collect::Batch { within, .. } => later(since, *within),
        Collect::Debounce { quiet, max_wait, .. } => {
            let last = max_wait.map(|wait| later(since, wait));
            last.map_or(later(now, *quiet), |last| last.min(later(now, *quiet)))
        }
    }
}

/// One more draft joins those which wait.
fn join(collect: &Collect, kept: &mut Draft, draft: Draft) {
    let is_newer = draft.seq >= kept.seq;
    let keep = match collect {
        Collect::Batch { .. } => None,
        Collect::Debounce { keep, .. } => Some(*keep),
    };
    if matches!(keep, None | Some(Keep::All)) {
        kept.contexts.extend(draft.contexts.clone());
    }
    if keep == Some(Keep::Last) && is_newer {
        kept.contexts.clone_from(&draft.contexts);
    }
    if matches!(keep, Some(Keep::Last | Keep::All)) && is_newer {
        (kept.seq, kept.title) = (draft.seq, draft.title);
        kept.shape = draft.shape;
    }
}
