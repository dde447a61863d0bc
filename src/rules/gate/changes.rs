//! What the gates changed, to be written down.
//!
//! The state is compared with nothing: each entry knows what became of it. A
//! thousand drafts which replace one another are one row.

use super::entry::{Held, HeldChange, Item, ItemChange, Loaded, Reset};
use super::merge::collected;
use super::state::{NewKey, NewUse, State};
use crate::rules::item::DedupKey;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// What is to be written.
#[derive(Debug, Default)]
pub struct Changes {
    /// Items which are new.
    pub created: Vec<Item>,
    /// Items whose content is another one.
    pub replaced: Vec<Item>,
    /// Items which have grown: their drafts hold what was added.
    pub appended: Vec<Item>,
    /// Items which gave way, and to what.
    pub superseded: Vec<(i64, i64)>,
    /// Held drafts which are new or were changed. The lists of those which collect
    /// are in `parts`.
    pub held: Vec<Held>,
    /// Held drafts which are no more.
    pub removed: Vec<i64>,
    /// Held drafts which were given up: what they took is free again.
    pub given_up: Vec<i64>,
    /// Contexts to be stored apart: held draft, place behind what is stored, context.
    pub parts: Vec<(i64, u32, Value)>,
    /// Held drafts whose parts are to be thrown away before.
    pub reset: Vec<i64>,
    /// Dedup keys which were taken.
    pub keys: Vec<NewKey>,
    /// Uses of limits, each with how many.
    pub uses: Vec<(NewUse, u32)>,
}

impl Changes {
    /// Whether there is nothing to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.created.is_empty()
            && self.replaced.is_empty()
            && self.appended.is_empty()
            && self.superseded.is_empty()
            && self.held.is_empty()
            && self.removed.is_empty()
            && self.keys.is_empty()
            && self.uses.is_empty()
    }

    fn item(&mut self, item: Item) {
        match item.change {
            ItemChange::None => {}
            ItemChange::New => self.created.push(item),
            ItemChange::Replaced => self.replaced.push(item),
            ItemChange::Appended => self.appended.push(item),
        }
    }

    fn held(&mut self, mut held: Held) {
        if held.change == HeldChange::None {
            return;
        }
        if held.parts.reset == Reset::Discard {
            self.reset.push(held.id);
        }
        if held.request.collects()
            && let Some(list) = collected(&mut held.draft)
        {
            let known = match held.parts.loaded {
                Loaded::Yes => held.parts.stored as usize,
                Loaded::No => 0,
            };
            let places = 0_u32..;
            let new = std::mem::take(list).into_iter().skip(known);
            self.parts.extend(places.zip(new).map(|(place, context)| (held.id, place, context)));
        }
        self.held.push(held);
    }
}

impl State {
    /// What is to be written.
    #[must_use]
    pub fn into_changes(self) -> Changes {
        let mut uses = BTreeMap::<(DedupKey, Timestamp), (NewUse, u32)>::new();
        for new in self.new_uses {
            uses.entry((new.key, new.at)).or_insert((new, 0)).1 += 1;
        }
        // Of a key which was taken twice in this pass the last owner counts.
        let keys: BTreeMap<(DedupKey, Timestamp), NewKey> =
            self.new_keys.into_iter().map(|new| ((new.key, new.slot), new)).collect();
        let mut changes = Changes {
            superseded: self.superseded,
            removed: self.removed,
            given_up: self.given_up,
            keys: keys.into_values().collect(),
            uses: uses.into_values().collect(),
            ..Changes::default()
        };
        self.items.into_values().for_each(|item| changes.item(item));
        self.held.into_values().for_each(|held| changes.held(held));
        changes
    }
}
