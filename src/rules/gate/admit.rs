//! The gates behind collecting: hours, dedup, supersede, limit, overlap.
//!
//! First a draft is weighed, which changes nothing. Only one which passes leaves
//! its keys and uses behind, and only then others give way to it.

use super::dedup::{Same, slot_of};
use super::delay::{Delayed, delay, open_at};
use super::entry::{
    Held, HeldChange, HeldRole, Item, ItemChange, Loaded, Parts, Phase, Reset, Standing, Waits,
};
use super::merge::{How, take_over};
use super::note::{Gate, Note, Ruling};
use super::request::{OverlapPolicy, QUEUED_MAX, Request, Window};
use super::state::{NO_SLOT, NewKey, NewUse, Owner, State};
use crate::rules::item::ItemDraft;
use jiff::Timestamp;

/// A draft before the gates behind collecting.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) draft: ItemDraft,
    pub(super) request: Request,
    pub(super) count: u32,
    /// The held draft it was.
    pub(super) past: Option<Past>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Past {
    pub(super) id: i64,
    pub(super) since: Timestamp,
    pub(super) parts: Parts,
    pub(super) change: HeldChange,
}

/// What the gates say of a candidate which is not stopped.
#[derive(Debug)]
struct Pass {
    /// When it was due before hours and limits.
    wanted: Timestamp,
    due: Delayed,
    /// The running item it follows.
    follows: Option<i64>,
    /// What it takes the place of.
    olds: Vec<i64>,
    /// The open item or held draft it must not overlap.
    overlaps: Option<i64>,
}

enum Weighed {
    Passes(Pass),
    Stopped(Box<Note>),
    Joins(i64, How),
}

impl State {
    /// The gates behind collecting.
    pub(super) fn admit(&mut self, candidate: Candidate, now: Timestamp) -> Vec<Note> {
        match self.weigh(&candidate, now) {
            Weighed::Passes(pass) => self.accept(candidate, pass, now),
            Weighed::Stopped(note) => {
                self.drop_past(&candidate);
                vec![*note]
            }
            Weighed::Joins(id, how) => {
                self.drop_past(&candidate);
                vec![self.join(candidate, id, how)]
            }
        }
    }

    /// A held draft which does not go on is no more.
    fn drop_past(&mut self, candidate: &Candidate) {
        if let Some(past) = candidate.past
            && past.change != HeldChange::New
        {
            self.removed.push(past.id);
        }
    }

    fn weigh(&self, candidate: &Candidate, now: Timestamp) -> Weighed {
        let Candidate { draft, request, .. } = candidate;
        let stop = |gate, ruling, reason, met| {
            Weighed::Stopped(Box::new(Note::about(draft, gate, ruling, reason, met)))
        };
        let wanted = draft.due_at.map_or(now, |due_at| due_at.max(now));
        let opens = match open_at(request, wanted) {
            Ok(opens) => opens,
            Err(reason) => return stop(Gate::Hours, Ruling::OutsideHours, reason, None),
        };
        let follows = match self.same(candidate, opens) {
            Same::No => None,
            Same::Follows(id) => Some(id),
            Same::Joins(id, how) => return Weighed::Joins(id, how),
            Same::Duplicate(met, reason) => return stop(Gate::Dedup, Ruling::Duplicate, reason, Some(met)),
        };
        let olds = self.gives_way(request);
        let due = match delay(request, &self.uses, opens, now) {
            Ok(due) => due,
            Err(reason) => return stop(Gate::Limit, Ruling::Limited, reason, None),
        };
        if let Some((met, reason)) = self.same_later(request, opens, due.at) {
            return stop(Gate::Dedup, Ruling::Duplicate, reason, Some(met));
        }
        let overlaps = self.overlapped(request, &olds);
        match (overlaps, &request.overlap) {
            (Some(met), Some(overlap)) if overlap.policy == OverlapPolicy::Skip => {
                let reason = format!("item {met} of the routine is still open");
                return stop(Gate::Overlap, Ruling::Overlap, reason, Some(met));
            }
            (Some(met), Some(_)) if self.queue_is_full(request) => {
                let reason = format!("{QUEUED_MAX} of the routine wait for their turn already");
                return stop(Gate::Overlap, Ruling::Overlap, reason, Some(met));
            }
            _ => {}
        }
        Weighed::Passes(Pass { wanted, due, follows, olds, overlaps })
    }

    /// Waiting items and held drafts whose place the newest takes.
    fn gives_way(&self, request: &Request) -> Vec<i64> {
        let ids = request.supersede.and_then(|key| self.supersede.get(&key));
        let waits = |id: &i64| match self.items.get(id) {
            Some(item) => item.standing == Standing::Waiting,
            None => self.held.contains_key(id),
        };
        ids.into_iter().flatten().copied().filter(waits).collect()
    }

    fn overlapped(&self, request: &Request, olds: &[i64]) -> Option<i64> {
        let overlap = request.overlap.as_ref()?;
        self.overlap.get(&overlap.key)?.iter().copied().find(|id| !olds.contains(id))
    }

    fn queue_is_full(&self, request: &Request) -> bool {
        let ids = request.overlap.as_ref().and_then(|overlap| self.overlap.get(&overlap.key));
        ids.into_iter().flatten().filter(|id| self.held.contains_key(id)).nth(QUEUED_MAX - 1).is_some()
    }

    /// It passes: now is the time to write down what the gates are to know of it.
    fn accept(&mut self, candidate: Candidate, pass: Pass, now: Timestamp) -> Vec<Note> {
        let id = candidate.past.map_or_else(|| self.next_id(), |past| past.id);
        let mut notes: Vec<Note> = pass.olds.iter().filter_map(|old| self.make_way(*old, id)).collect();
        self.take_keys(&candidate, id, pass.due.at);
        let queues = candidate.request.overlap.as_ref().is_some_and(|o| o.policy == OverlapPolicy::Queue);
        let waits = Waits { open: pass.follows.is_some(), overlap: queues };
        let (gate, reason) = match (pass.follows, pass.overlaps) {
            // Its time comes first, and its turn afterwards.
            (Some(_), _) | (_, Some(_)) if pass.due.at > pass.wanted => {
                (pass.due.gate, pass.due.reason(&candidate.request))
            }
            (Some(met), _) => (Gate::Dedup, format!("it follows item {met}, which is running")),
            (None, Some(met)) => (Gate::Overlap, format!("it waits for item {met} of the routine")),
            (None, None) if pass.due.at > pass.wanted => (pass.due.gate, pass.due.reason(&candidate.request)),
            (None, None) => {
                self.drop_past(&candidate);
                let Candidate { draft, request, count, .. } = candidate;
                self.enqueue(id, draft, &request, count, pass.due.at, now);
                return notes;
            }
        };
        notes.push(Note::about(&candidate.draft, gate, Ruling::Held, reason.clone(), Some(id)));
        let waits_now = (pass.follows.is_some() || pass.overlaps.is_some()) && pass.due.at <= now;
        let phase = if waits_now { Phase::Queued } else { Phase::Accepted };
        self.hold_accepted(candidate, id, Place { phase, gate, due_at: pass.due.at, waits, reason }, now);
        notes
    }

    fn hold_accepted(&mut self, candidate: Candidate, id: i64, place: Place, now: Timestamp) {
        let Candidate { draft, request, count, past } = candidate;
        let change = match past {
            Some(Past { change: HeldChange::None | HeldChange::Changed, .. }) => HeldChange::Changed,
            Some(Past { change: HeldChange::New, .. }) | None => HeldChange::New,
        };
        self.hold(Held {
            id,
            draft,
            request,
            phase: place.phase,
            gate: place.gate,
            due_at: place.due_at,
            since: past.map_or(now, |past| past.since),
            count,
            waits: place.waits,
            reason: place.reason,
            parts: past.map_or_else(Parts::default, |past| past.parts),
            role: HeldRole::Subject,
            change,
        });
    }

    /// An older one gives way to the new one.
    fn make_way(&mut self, old: i64, new: i64) -> Option<Note> {
        let reason = format!("item {new} took its place");
        let note = |draft: &ItemDraft| {
            Note::about(draft, Gate::Supersede, Ruling::Superseded, reason.clone(), Some(new))
        };
        if let Some(held) = self.take_held(old) {
            self.forget(&held);
            return Some(note(&held.draft));
        }
        let item = self.items.get_mut(&old)?;
        item.superseded_by = Some(new);
        let note = note(&item.draft);
        self.close(old, Standing::Superseded);
        self.superseded.push((old, new));
        Some(note)
    }

    fn take_keys(&mut self, candidate: &Candidate, id: i64, due: Timestamp) {
        let Candidate { draft, request, .. } = candidate;
        if let Some(dedup) = &request.dedup {
            let taken = match &dedup.window {
                Window::Forever => Some((NO_SLOT, None)),
                Window::Sliding(window) => {
                    Some((NO_SLOT, Some(due.checked_add(*window).unwrap_or(Timestamp::MAX))))
                }
                Window::Aligned(slots) => Some((slot_of(slots, due), Some(slots.next(due)))),
                Window::WhileOpen => None,
            };
            if let Some((slot, expires_at)) = taken {
                let owner = Owner { id, expires_at };
                self.know_key(dedup.key, slot, owner);
                let (routine, item) = (draft.routine.clone(), draft.item.clone());
                self.new_keys.push(NewKey { key: dedup.key, slot, owner, routine, item });
            }
        }
        for limit in &request.limits {
            let at = limit.place(due);
            self.know_uses(limit.key, at, 1);
            self.new_uses.push(NewUse { key: limit.key, at, expires_at: limit.expires(at) });
        }
    }

    /// The draft goes into an item, or a held draft, which is there already.
    fn join(&mut self, candidate: Candidate, id: i64, how: How) -> Note {
        let ruling = match how {
            How::Replace => Ruling::Replaced,
            How::Append => Ruling::Merged,
        };
        let (what, into) = match how {
            How::Replace => ("took its content", id),
            How::Append => ("took it in", id),
        };
        let kind = if self.items.contains_key(&id) { "item" } else { "draft" };
        let reason = format!("{kind} {into} with the same dedup key {what}");
        let note = Note::about(&candidate.draft, Gate::Dedup, ruling, reason, Some(id));
        if let Some(item) = self.items.get_mut(&id) {
            item.take_over(candidate, how);
        } else if let Some(held) = self.held.get_mut(&id) {
            held.take_over(candidate, how);
        }
        note
    }
}

struct Place {
    phase: Phase,
    gate: Gate,
    due_at: Timestamp,
    waits: Waits,
    reason: String,
}

impl Held {
    pub(super) fn changed(&mut self) {
        if self.change == HeldChange::None {
            self.change = HeldChange::Changed;
        }
    }

    fn take_over(&mut self, candidate: Candidate, how: How) {
        self.changed();
        let Candidate { draft, count, .. } = candidate;
        match how {
            How::Replace => {
                self.parts = Parts { stored: 0, loaded: Loaded::Yes, reset: Reset::Discard };
                self.count = count;
            }
            How::Append => self.count = self.count.saturating_add(count),
        }
        take_over(&mut self.draft, draft, how);
    }
}

impl Item {
    fn take_over(&mut self, candidate: Candidate, how: How) {
        let Candidate { draft, count, .. } = candidate;
        match how {
            How::Replace => self.count = count,
            How::Append => self.count = self.count.saturating_add(count),
        }
        self.change = match (self.change, how) {
            (ItemChange::New, _) => ItemChange::New,
            (_, How::Replace) => ItemChange::Replaced,
            (ItemChange::None, How::Append) => ItemChange::Appended,
            (change, How::Append) => change,
        };
        take_over(&mut self.draft, draft, how);
    }
}
