//! Whether a draft is the same as one which was there before.

use super::admit::Candidate;
use super::entry::Standing;
use super::merge::How;
use super::request::{COLLECTED_MAX, DedupRequest, OnConflict, Request, Window};
use super::slots::Slots;
use super::state::{NO_SLOT, State, as_new};
use jiff::Timestamp;

/// What dedup says of a draft.
pub(super) enum Same {
    /// It is new.
    No,
    /// It comes after this running item.
    Follows(i64),
    /// It goes into this one.
    Joins(i64, How),
    /// It is dropped, because of this one and for this reason.
    Duplicate(i64, String),
}

/// The slot of a calendar in which something is due.
pub(super) fn slot_of(slots: &Slots, due: Timestamp) -> Timestamp {
    slots.start(due)
}

impl State {
    pub(super) fn same(&self, candidate: &Candidate, due: Timestamp) -> Same {
        let Some(dedup) = &candidate.request.dedup else { return Same::No };
        match dedup.window {
            Window::WhileOpen => self.same_as_open(candidate, dedup),
            Window::Forever | Window::Sliding(_) | Window::Aligned(_) => match self.owner(dedup, due) {
                Some(owner) => self.same_as_owner(candidate, dedup, owner),
                None => Same::No,
            },
        }
    }

    /// Whether a limit has moved the draft into a slot of the calendar which is
    /// taken.
    pub(super) fn same_later(
        &self,
        request: &Request,
        before: Timestamp,
        due: Timestamp,
    ) -> Option<(i64, String)> {
        let dedup = request.dedup.as_ref()?;
        match &dedup.window {
            Window::Aligned(slots) if slot_of(slots, before) != slot_of(slots, due) => {
                let owner = self.owner(dedup, due)?;
                Some((
                    owner,
                    format!("item {owner} has the dedup key in the slot into which the limit moves it"),
                ))
            }
            _ => None,
        }
    }

    /// Who has the key at this time.
    fn owner(&self, dedup: &DedupRequest, due: Timestamp) -> Option<i64> {
        let slots = self.keys.get(&dedup.key)?;
        let owner = match &dedup.window {
            Window::Aligned(calendar) => slots.get(&slot_of(calendar, due))?,
            Window::Forever | Window::Sliding(_) | Window::WhileOpen => slots.get(&NO_SLOT)?,
        };
        let expired = match dedup.window {
            Window::Sliding(_) => owner.expires_at.is_some_and(|expires_at| expires_at <= due),
            Window::Forever | Window::Aligned(_) | Window::WhileOpen => false,
        };
        (!expired).then_some(owner.id)
    }

    fn same_as_owner(&self, candidate: &Candidate, dedup: &DedupRequest, owner: i64) -> Same {
        match dedup.on_conflict {
            OnConflict::Replace => self.join_or_drop(candidate, owner, How::Replace),
            OnConflict::Append => self.join_or_drop(candidate, owner, How::Append),
            OnConflict::Skip | OnConflict::FollowUp => {
                Same::Duplicate(owner, format!("item {owner} has the same dedup key"))
            }
        }
    }

    fn same_as_open(&self, candidate: &Candidate, dedup: &DedupRequest) -> Same {
        let Some(ids) = self.open.get(&dedup.key).filter(|ids| !ids.is_empty()) else { return Same::No };
        let held = ids.iter().copied().find(|id| self.held.contains_key(id));
        let changeable = held.or_else(|| ids.iter().copied().find(|id| self.can_change(*id)));
        let running = ids.iter().copied().find(|id| !self.can_change(*id));
        match (dedup.on_conflict, changeable, running) {
            (OnConflict::Replace, Some(id), _) => self.join_or_drop(candidate, id, How::Replace),
            (OnConflict::Append, Some(id), _) => self.join_or_drop(candidate, id, How::Append),
            (OnConflict::Skip | OnConflict::FollowUp, Some(id), _) | (OnConflict::Skip, None, Some(id)) => {
                Same::Duplicate(id, format!("item {id} with the same dedup key is open"))
            }
            (OnConflict::Replace | OnConflict::Append | OnConflict::FollowUp, None, Some(id)) => {
                Same::Follows(id)
            }
            (_, None, None) => Same::No,
        }
    }

    /// Whether it waits, and nobody else has its row.
    fn can_change(&self, id: i64) -> bool {
        match self.items.get(&id) {
            Some(item) => item.standing == Standing::Waiting,
            None => self.held.contains_key(&id),
        }
    }

    fn join_or_drop(&self, candidate: &Candidate, id: i64, how: How) -> Same {
        if !self.can_change(id) {
            return Same::Duplicate(id, format!("item {id} has the same dedup key, and waits no more"));
        }
        let (cause, count) = match (self.items.get(&id), self.held.get(&id)) {
            (Some(item), _) => (item.draft.cause, item.count),
            (None, Some(held)) => (held.draft.cause, held.count),
            (None, None) => return Same::No,
        };
        match how {
            How::Replace if !as_new(candidate.draft.cause, cause) => {
                Same::Duplicate(id, format!("item {id} has newer content already"))
            }
            How::Append if count.saturating_add(candidate.count) > COLLECTED_MAX => {
                Same::Duplicate(id, format!("item {id} holds as many as it may, {COLLECTED_MAX}"))
            }
            How::Replace | How::Append => Same::Joins(id, how),
        }
    }
}
