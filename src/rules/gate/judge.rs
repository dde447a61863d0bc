//! The gates, one after the other.
//!
//! A pass first lets go on what was held and is due, then offers its new drafts
//! in order. Everything happens in memory: a draft which is stopped leaves no key,
//! no use of a limit and no cancellation behind.

use super::admit::{Candidate, Past};
use super::entry::{
    Held, HeldChange, HeldRole, Item, ItemChange, Keys, Loaded, Parts, Phase, Standing, Waits,
};
use super::merge::collected;
use super::note::{Gate, Note, Ruling};
use super::request::{Collect, Request};
use super::slots::spell::spell;
use super::state::State;
use crate::rules::item::{ItemDraft, Planned};
use jiff::Timestamp;

/// Why a draft with a known cause is stopped.
const SAME_CAUSE: &str = "what it comes from was dealt with before";

impl State {
    /// Offers a new draft to the gates; says why it is not an item, if it is not,
    /// and which earlier ones gave way to it.
    pub fn offer(&mut self, planned: Planned, now: Timestamp) -> Vec<Note> {
        let Planned { draft, request } = planned;
        if let Some(met) = self.causes.get(&draft.key) {
            let note = Note::about(&draft, Gate::Dedup, Ruling::Duplicate, SAME_CAUSE.to_owned(), Some(*met));
            return vec![note];
        }
        match request.collect.clone() {
            Some(collect) => self.collect(&collect, draft, request, now),
            None => self.admit(Candidate { draft, request, count: 1, past: None }, now),
        }
    }

    /// Lets held drafts go on which are due, the longest due first, and then those
    /// whose items have been closed.
    pub fn release_due(&mut self, now: Timestamp) -> Vec<Note> {
        let mut notes = Vec::new();
        let due = self.timers.iter().take_while(|(due_at, _)| *due_at <= now).map(|(_, id)| *id);
        for id in due.collect::<Vec<_>>() {
            notes.extend(self.release(id, now));
        }
        for id in self.queued.iter().copied().collect::<Vec<_>>() {
            let free = self.held.get(&id).is_some_and(|held| held.due_at <= now && !self.is_blocked(held));
            if free {
                self.enqueue_held(id, now);
            }
        }
        notes
    }

    fn release(&mut self, id: i64, now: Timestamp) -> Vec<Note> {
        let Some(held) = self.held.get(&id) else { return Vec::new() };
        if held.parts.loaded == Loaded::No {
            return Vec::new();
        }
        match held.phase {
            Phase::Collecting => match self.take_held(id) {
                Some(held) => self.go_on(held, now),
                None => Vec::new(),
            },
            // In the queue it waits for its turn, if only until the end of this
            // release.
            Phase::Accepted if held.waits != Waits::default() || self.has_open_twin(held) => {
                let twin = self.has_open_twin(held);
                if let Some(mut held) = self.take_held(id) {
                    held.waits.open |= twin;
                    held.phase = Phase::Queued;
                    held.changed();
                    self.hold(held);
                }
                Vec::new()
            }
            Phase::Accepted => {
                self.enqueue_held(id, now);
                Vec::new()
            }
            Phase::Queued => Vec::new(),
        }
    }

    /// Whether an item with its dedup key is open, though it was accepted when none
    /// was: somebody has made one by hand, or had the draft's row when it was judged.
    fn has_open_twin(&self, held: &Held) -> bool {
        let key = Keys::of(&held.request).open;
        key.and_then(|key| self.open_item(self.open.get(&key))).is_some()
    }

    fn is_blocked(&self, held: &Held) -> bool {
        let keys = Keys::of(&held.request);
        let open = || keys.open.and_then(|key| self.open_item(self.open.get(&key)));
        let overlap = || keys.overlap.and_then(|key| self.open_item(self.overlap.get(&key)));
        held.parts.loaded == Loaded::No
            || (held.waits.open && open().is_some())
            || (held.waits.overlap && overlap().is_some())
    }

    fn enqueue_held(&mut self, id: i64, now: Timestamp) {
        if let Some(held) = self.take_held(id) {
            self.forget(&held);
            let Held { id, draft, request, count, due_at, .. } = held;
            self.enqueue(id, draft, &request, count, due_at, now);
        }
    }

    pub(super) fn enqueue(
        &mut self,
        id: i64,
        draft: ItemDraft,
        request: &Request,
        count: u32,
        due_at: Timestamp,
        now: Timestamp,
    ) {
        self.put(Item {
            id,
            draft,
            standing: Standing::Waiting,
            due_at,
            created_at: now,
            superseded_by: None,
            keys: Keys::of(request),
            count,
            change: ItemChange::New,
        });
    }

    fn collect(
        &mut self,
        collect: &Collect,
        draft: ItemDraft,
        request: Request,
        now: Timestamp,
    ) -> Vec<Note> {
        let gate = gate_of(collect);
        let known = self.collecting.get(&collect.key()).copied();
        let Some(mut held) = known.and_then(|id| self.take_held(id)) else {
            return vec![self.begin_to_collect(collect, draft, request, now)];
        };
        held.count = held.count.saturating_add(1);
        let reason = match collect {
            Collect::Debounce { .. } => format!("the burst of draft {} goes on", held.id),
            Collect::Batch { max, .. } => {
                format!("number {} of {max} in the batch of draft {}", held.count, held.id)
            }
        };
        let note = Note::about(&draft, gate, Ruling::Merged, reason, Some(held.id));
        held.gather(collect, draft, request);
        held.due_at = due_of(collect, held.since, now);
        held.reason = reason_of(collect, held.since, held.due_at);
        held.changed();
        let full = collect.max().is_some_and(|max| held.count >= max);
        let mut notes = vec![note];
        if full && held.parts.loaded == Loaded::Yes {
            notes.extend(self.go_on(held, now));
        } else {
            if full {
                held.due_at = now;
            }
            self.hold(held);
        }
        notes
    }

    fn begin_to_collect(
        &mut self,
        collect: &Collect,
        draft: ItemDraft,
        request: Request,
        now: Timestamp,
    ) -> Note {
        let id = self.next_id();
        let gate = gate_of(collect);
        let due_at = due_of(collect, now, now);
        let reason = reason_of(collect, now, due_at);
        let note = Note::about(&draft, gate, Ruling::Held, reason.clone(), Some(id));
        self.hold(Held {
            id,
            draft,
            request,
            phase: Phase::Collecting,
            gate,
            due_at,
            since: now,
            count: 1,
            waits: Waits::default(),
            reason,
            parts: Parts::default(),
            role: HeldRole::Subject,
            change: HeldChange::New,
        });
        note
    }

    /// A draft which has collected enough goes on to the other gates.
    fn go_on(&mut self, held: Held, now: Timestamp) -> Vec<Note> {
        let past = Past { id: held.id, since: held.since, parts: held.parts, change: held.change };
        let Held { mut draft, request, count, .. } = held;
        // A list says itself how long it is: of a burst only one may have stayed.
        let listed = request.collects().then(|| collected(&mut draft).map(|list| list.len())).flatten();
        let count = listed.and_then(|listed| u32::try_from(listed).ok()).unwrap_or(count);
        self.admit(Candidate { draft, request, count, past: Some(past) }, now)
    }
}

fn gate_of(collect: &Collect) -> Gate {
    match collect {
        Collect::Debounce { .. } => Gate::Debounce,
        Collect::Batch { .. } => Gate::Batch,
    }
}

/// When what collects since `since` goes on, if another one came now.
fn due_of(collect: &Collect, since: Timestamp, now: Timestamp) -> Timestamp {
    let after = |from: Timestamp, wait| from.checked_add(wait).unwrap_or(Timestamp::MAX);
    match collect {
        Collect::Debounce { quiet, max_wait: None, .. } => after(now, *quiet),
        Collect::Debounce { quiet, max_wait: Some(max_wait), .. } => {
            after(now, *quiet).min(after(since, *max_wait))
        }
        Collect::Batch { within, .. } => after(since, *within),
    }
}

fn reason_of(collect: &Collect, since: Timestamp, due_at: Timestamp) -> String {
    match collect {
        Collect::Debounce { quiet, max_wait: None, .. } => {
            format!("held until it has been quiet for {}", spell(*quiet))
        }
        Collect::Debounce { quiet, max_wait: Some(max_wait), .. } => {
            let last = since.checked_add(*max_wait).unwrap_or(Timestamp::MAX);
            format!("held until it has been quiet for {}, or {last}", spell(*quiet))
        }
        Collect::Batch { max, .. } => format!("held for a batch of {max}, until {due_at} at the latest"),
    }
}
