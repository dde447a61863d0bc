//! How drafts become one.

use super::entry::{Held, Loaded, Parts, Reset};
use super::request::{Collect, Keep, Request};
use super::state::as_new;
use crate::rules::item::ItemDraft;
use serde_json::Value;

/// What becomes of the content which was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// The new one takes its place.
    Replace,
    /// The new one stands beside it.
    Append,
}

/// The list in which a collecting item has the contexts of its drafts.
pub const COLLECTED: &str = "items";

/// The contexts which a collecting draft holds.
pub fn collected(draft: &mut ItemDraft) -> Option<&mut Vec<Value>> {
    draft.context.get_mut(COLLECTED)?.as_array_mut()
}

/// Takes the contexts out of a draft: the list it has collected, or the one it is.
/// Of a draft for a table of the user's that is what its columns are.
fn listed(draft: &mut ItemDraft) -> Vec<Value> {
    if let Some(list) = collected(draft) {
        return std::mem::take(list);
    }
    match &draft.foreign {
        Some(foreign) => vec![Value::Object(foreign.columns.clone())],
        None => vec![std::mem::take(&mut draft.context)],
    }
}

/// Takes the content of `new` into `kept`. The cause's key stays what it was: it
/// says what the item began with. With the content come the cause, the row and the
/// columns which it is made of; what is only appended leaves those of the first.
pub(super) fn take_over(kept: &mut ItemDraft, new: ItemDraft, how: How) {
    match how {
        How::Replace => replace(kept, new),
        How::Append => append(kept, new),
    }
}

fn replace(kept: &mut ItemDraft, new: ItemDraft) {
    let key = kept.key;
    let due_at = kept.due_at;
    let chain = longer(std::mem::take(&mut kept.chain), new.chain.clone());
    *kept = ItemDraft { key, due_at, chain, ..new };
}

fn append(kept: &mut ItemDraft, mut new: ItemDraft) {
    let added = listed(&mut new);
    // Its routine may have begun to collect while it was held.
    let mut all = listed(kept);
    all.extend(added);
    kept.context = serde_json::json!({ COLLECTED: all });
    kept.chain = longer(std::mem::take(&mut kept.chain), new.chain);
}

fn longer<T>(a: Vec<T>, b: Vec<T>) -> Vec<T> {
    if b.len() > a.len() { b } else { a }
}

impl Held {
    /// Takes one more draft of a burst or a batch.
    pub(super) fn gather(&mut self, collect: &Collect, new: ItemDraft, request: Request) {
        match collect {
            Collect::Batch { .. } => append(&mut self.draft, new),
            Collect::Debounce { keep, .. } => self.debounce(*keep, new, request),
        }
    }

    fn debounce(&mut self, keep: Keep, mut new: ItemDraft, request: Request) {
        let newest = as_new(new.cause, self.draft.cause);
        match keep {
            Keep::First => self.draft.chain = longer(std::mem::take(&mut self.draft.chain), new.chain),
            Keep::Last if newest => {
                replace(&mut self.draft, new);
                self.request = request;
                if self.parts.stored > 0 || self.parts.loaded == Loaded::No {
                    self.parts = Parts { stored: 0, loaded: Loaded::Yes, reset: Reset::Discard };
                }
            }
            Keep::Last => self.draft.chain = longer(std::mem::take(&mut self.draft.chain), new.chain),
            Keep::All => {
                let added = listed(&mut new);
                let mut all = listed(&mut self.draft);
                all.extend(added);
                if newest {
                    replace(&mut self.draft, new);
                    self.request = request;
                }
                self.draft.context = serde_json::json!({ COLLECTED: all });
            }
        }
    }
}
