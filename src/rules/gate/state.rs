//! What the gates know of earlier drafts.
//!
//! In a test this is all there ever was. In the daemon it is read from the
//! database for the keys which a pass asks about, under a lock, and what changed
//! is written back with the pass ([`super::changes`]). Held drafts and items share
//! their numbers: the item which comes of a held draft bears its number, so that
//! whoever met the draft finds the item.

use super::entry::{Held, HeldChange, HeldRole, Item, Keys, Phase, Standing};
use super::limit::Uses;
use crate::rules::item::{Cause, DedupKey, ItemDraft};
use crate::rules::name::{ItemName, RoutineName};
use foldhash::fast::RandomState;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// A map by the keys of gates.
pub(super) type Keyed<T> = HashMap<DedupKey, T, RandomState>;

/// Who took a dedup key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The item or held draft.
    pub id: i64,
    /// Until when; for ever, if none.
    pub expires_at: Option<Timestamp>,
}

/// The slot of keys whose window is no calendar's.
pub const NO_SLOT: Timestamp = Timestamp::MIN;

/// What the gates know.
#[derive(Debug, Default)]
pub struct State {
    pub(super) ids: VecDeque<i64>,
    pub(super) last_id: i64,
    pub(super) items: BTreeMap<i64, Item>,
    pub(super) held: BTreeMap<i64, Held>,
    /// Those read from the database which are no more.
    pub(super) removed: Vec<i64>,
    pub(super) given_up: Vec<i64>,
    /// Those which took a place: item, and what took it.
    pub(super) superseded: Vec<(i64, i64)>,
    /// The causes which were dealt with, and what came of them.
    pub(super) causes: Keyed<i64>,
    pub(super) keys: Keyed<BTreeMap<Timestamp, Owner>>,
    pub(super) new_keys: Vec<NewKey>,
    pub(super) uses: Keyed<Uses>,
    pub(super) new_uses: Vec<NewUse>,
    pub(super) collecting: Keyed<i64>,
    pub(super) open: Keyed<BTreeSet<i64>>,
    pub(super) supersede: Keyed<BTreeSet<i64>>,
    pub(super) overlap: Keyed<BTreeSet<i64>>,
    pub(super) timers: BTreeSet<(Timestamp, i64)>,
    pub(super) queued: BTreeSet<i64>,
}

/// A dedup key which is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// The key.
    pub key: DedupKey,
    /// The slot of its calendar, or [`NO_SLOT`].
    pub slot: Timestamp,
    /// Who took it.
    pub owner: Owner,
    /// The routine of the item.
    pub routine: RoutineName,
    /// Which of its items.
    pub item: ItemName,
}

/// A use of a limit which is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewUse {
    /// The key of the limit.
    pub key: DedupKey,
    /// Where it counts.
    pub at: Timestamp,
    /// From when on it plays no part.
    pub expires_at: Timestamp,
}

impl State {
    /// Nothing is known, and numbers begin with 1.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing is known yet, and these are the numbers to give; at least one for
    /// each draft which will be offered.
    #[must_use]
    pub fn with_ids(ids: impl IntoIterator<Item = i64>) -> Self {
        Self { ids: ids.into_iter().collect(), ..Self::default() }
    }

    /// The items which are known, in the order of their numbers.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.items.values()
    }

    /// The drafts which are held, in the order of their numbers.
    pub fn held(&self) -> impl Iterator<Item = &Held> {
        self.held.values()
    }

    /// When a held draft falls due; those which wait for an item are not counted.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.timers.first().map(|(due_at, _)| *due_at)
    }

    /// A worker takes an item. False if it is not waiting.
    pub fn lease(&mut self, id: i64) -> bool {
        match self.items.get_mut(&id) {
            Some(item) if item.standing == Standing::Waiting => {
                item.standing = Standing::Running;
                true
            }
            _ => false,
        }
    }

    /// A worker is done with an item. False if it is not open.
    pub fn finish(&mut self, id: i64) -> bool {
        match self.items.get(&id) {
            Some(item) if item.standing.is_open() => {
                self.close(id, Standing::Closed);
                true
            }
            _ => false,
        }
    }

    /// Adds an item which was read.
    pub fn know_item(&mut self, item: Item) {
        self.causes.insert(item.draft.key, item.id);
        if item.standing.is_open() {
            self.index(item.id, item.keys);
        }
        self.items.insert(item.id, item);
    }

    /// Adds a held draft which was read.
    pub fn know_held(&mut self, held: Held) {
        self.causes.insert(held.draft.key, held.id);
        self.index_held(&held);
        self.held.insert(held.id, held);
    }

    /// Adds a cause which was dealt with before.
    pub fn know_cause(&mut self, key: DedupKey, id: i64) {
        self.causes.insert(key, id);
    }

    /// Adds a dedup key which is taken.
    pub fn know_key(&mut self, key: DedupKey, slot: Timestamp, owner: Owner) {
        self.keys.entry(key).or_default().insert(slot, owner);
    }

    /// Adds uses of a limit.
    pub fn know_uses(&mut self, key: DedupKey, at: Timestamp, uses: u32) {
        self.uses.entry(key).or_default().add(at, uses);
    }

    /// The held drafts which may go on, and their numbers.
    #[must_use]
    pub fn subjects(&self) -> Vec<(i64, ItemDraft)> {
        let subjects = self.held.values().filter(|held| held.role == HeldRole::Subject);
        subjects.map(|held| (held.id, held.draft.clone())).collect()
    }

    /// A held draft is given up: it is held no more, makes no item, and the keys it
    /// took are free again.
    pub fn give_up(&mut self, id: i64) {
        if let Some(held) = self.take_held(id) {
            self.forget(&held);
            self.given_up.push(id);
        }
    }

    pub(super) fn next_id(&mut self) -> i64 {
        let id = self.ids.pop_front().unwrap_or(self.last_id + 1);
        self.last_id = id;
        id
    }

    fn index(&mut self, id: i64, keys: Keys) {
        let pairs = [
            (&mut self.open, keys.open),
            (&mut self.supersede, keys.supersede),
            (&mut self.overlap, keys.overlap),
        ];
        for (map, key) in pairs {
            if let Some(key) = key {
                map.entry(key).or_default().insert(id);
            }
        }
    }

    fn unindex(&mut self, id: i64, keys: Keys) {
        let pairs = [
            (&mut self.open, keys.open),
            (&mut self.supersede, keys.supersede),
            (&mut self.overlap, keys.overlap),
        ];
        for (map, key) in pairs {
            if let Some(ids) = key.and_then(|key| map.get_mut(&key)) {
                ids.remove(&id);
            }
        }
    }

    fn index_held(&mut self, held: &Held) {
        match (held.phase, held.role) {
            (Phase::Collecting, _) => {
                if let Some(collect) = &held.request.collect {
                    self.collecting.insert(collect.key(), held.id);
                }
            }
            (Phase::Accepted | Phase::Queued, _) => self.index(held.id, Keys::of(&held.request)),
        }
        match (held.role, held.phase) {
            (HeldRole::Bystander, _) => {}
            (HeldRole::Subject, Phase::Queued) => {
                self.queued.insert(held.id);
            }
            (HeldRole::Subject, Phase::Collecting | Phase::Accepted) => {
                self.timers.insert((held.due_at, held.id));
            }
        }
    }

    /// Holds a draft, new or not.
    pub(super) fn hold(&mut self, held: Held) {
        self.causes.insert(held.draft.key, held.id);
        self.index_held(&held);
        self.held.insert(held.id, held);
    }

    /// Takes a held draft out, to do something else with it.
    pub(super) fn take_held(&mut self, id: i64) -> Option<Held> {
        let held = self.held.remove(&id)?;
        self.timers.remove(&(held.due_at, id));
        self.queued.remove(&id);
        match (held.phase, &held.request.collect) {
            (Phase::Collecting, Some(collect)) => {
                let key = collect.key();
                if self.collecting.get(&key) == Some(&id) {
                    self.collecting.remove(&key);
                }
            }
            (Phase::Collecting, None) => {}
            (Phase::Accepted | Phase::Queued, _) => self.unindex(id, Keys::of(&held.request)),
        }
        Some(held)
    }

    /// A held draft is no more: it became an item, or part of one, or nothing.
    pub(super) fn forget(&mut self, held: &Held) {
        if held.change != HeldChange::New {
            self.removed.push(held.id);
        }
    }

    /// Puts an item into the inbox.
    pub(super) fn put(&mut self, item: Item) {
        self.causes.insert(item.draft.key, item.id);
        self.index(item.id, item.keys);
        self.items.insert(item.id, item);
    }

    pub(super) fn close(&mut self, id: i64, standing: Standing) {
        if let Some(item) = self.items.get_mut(&id) {
            item.standing = standing;
            let keys = item.keys;
            self.unindex(id, keys);
        }
    }

    /// Whether one of these is an open item, and not a held draft.
    pub(super) fn open_item(&self, ids: Option<&BTreeSet<i64>>) -> Option<i64> {
        ids?.iter().copied().find(|id| self.items.contains_key(id))
    }
}

/// Whether `a` is as new as `b`, or newer: a later event, or a later tick.
pub(super) fn as_new(a: Cause, b: Cause) -> bool {
    match (a, b) {
        (Cause::Event(a), Cause::Event(b)) => a >= b,
        (Cause::Tick(a), Cause::Tick(b)) => a >= b,
        (Cause::Event(_), Cause::Tick(_)) | (Cause::Tick(_), Cause::Event(_)) => true,
    }
}
