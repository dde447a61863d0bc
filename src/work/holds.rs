//! What is held: every lease which is not answered for yet.
//!
//! Leases are known by their tokens, since the same item may be held twice for a
//! moment: under a lease which was lost, and under the next.

use crate::pg::work::{Lease, Standing};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// A lease counts as over so long before it is, since whoever works on the item
/// needs a moment to be stopped.
const MARGIN: Duration = Duration::from_millis(500);
/// Two heartbeats of a lease are no closer together, though a deadline comes near.
const BEAT_LEAST: Duration = Duration::from_millis(500);
/// How long a row which somebody has locked counts as held after a try: nobody
/// can lease it meanwhile, and leases which ended are found no sooner.
const LOCKED_FOR: Duration = Duration::from_secs(2);
/// Between two notes of one item.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// One lease.
#[derive(Debug)]
pub(super) struct Held {
    /// The item and the token.
    pub(super) lease: Lease,
    /// Whether a look is worth while once it is answered for: others may wait for
    /// its key.
    pub(super) has_key: bool,
    times: Mutex<Times>,
    note: Mutex<Note>,
    lost: watch::Sender<bool>,
    /// Completed under our token by whom we gave it to: nothing to extend.
    completed: AtomicBool,
}

#[derive(Clone, Copy, Debug)]
struct Times {
    over: Instant,
    beat: Instant,
}

#[derive(Debug, Default)]
struct Note {
    latest: Option<Value>,
    sent: Option<Instant>,
}

impl Held {
    /// A lease which was asked for at `sent` and lasts so long from then.
    pub(super) fn new(lease: Lease, has_key: bool, sent: Instant, lasts: Duration) -> Self {
        Self {
            lease,
            has_key,
            times: Mutex::new(Times::of(sent, lasts)),
            note: Mutex::default(),
            lost: watch::channel(false).0,
            completed: AtomicBool::new(false),
        }
    }

    /// When the lease counts as over, as far as is known.
    pub(super) fn over(&self) -> Instant {
        locked(&self.times).over
    }

    /// Whether it is lost.
    pub(super) fn is_lost(&self) -> bool {
        *self.lost.borrow()
    }

    /// It is lost; whoever works on it is told.
    pub(super) fn lose(&self) {
        self.lost.send_replace(true);
    }

    /// Waits until it is lost.
    pub(super) async fn lost(&self) {
        // The sender is ours, so that this ends with the value alone.
        let _ = self.lost.subscribe().wait_for(|lost| *lost).await;
    }

    /// A heartbeat, sent at `sent`, was answered.
    pub(super) fn stands(&self, standing: Standing, sent: Instant) {
        match standing {
            Standing::Held(lasts) => *locked(&self.times) = Times::of(sent, lasts),
            Standing::Completed => self.completed.store(true, Ordering::Release),
            Standing::Lost => self.lose(),
        }
    }

    /// A heartbeat was not possible, since somebody has the row locked.
    pub(super) fn is_locked(&self) {
        let mut times = locked(&self.times);
        times.over = times.over.max(Instant::now() + LOCKED_FOR);
    }

    /// A note for whoever watches, in place of one which was not sent yet.
    pub(super) fn note(&self, note: Value) {
        locked(&self.note).latest = Some(note);
    }

    /// The note which was not sent yet.
    pub(super) fn take_note(&self) -> Option<Value> {
        let mut note = locked(&self.note);
        let latest = note.latest.take();
        if latest.is_some() {
            note.sent = Some(Instant::now());
        }
        latest
    }

    /// Whether there is a note to send: none, not yet, or by now.
    fn may_note(&self, now: Instant) -> Option<bool> {
        let note = locked(&self.note);
        note.latest.as_ref()?;
        Some(note.sent.is_none_or(|sent| sent + NOTE_EVERY <= now))
    }

    fn beats_by(&self, now: Instant) -> bool {
        locked(&self.times).beat <= now
    }

    /// Whether its heartbeat may as well go with those which are due.
    fn beats_soon(&self, now: Instant) -> bool {
        let Times { over, beat } = *locked(&self.times);
        beat <= now + over.saturating_duration_since(now) / 8
    }

    fn is_to_be_held(&self) -> bool {
        !self.is_lost() && !self.completed.load(Ordering::Acquire)
    }
}

impl Times {
    fn of(sent: Instant, lasts: Duration) -> Self {
        let over = sent + lasts.saturating_sub(MARGIN);
        Self { over, beat: sent + (lasts / 3).max(BEAT_LEAST) }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Holds {
    held: Mutex<HashMap<i64, Arc<Held>>>,
    some: Notify,
    noted: Notify,
}

impl Holds {
    /// Takes a lease into the table.
    pub(super) fn add(&self, held: Held) -> Arc<Held> {
        let held = Arc::new(held);
        let mut table = locked(&self.held);
        if table.is_empty() {
            self.some.notify_one();
        }
        table.insert(held.lease.token, held.clone());
        held
    }

    /// It was answered for.
    pub(super) fn remove(&self, lease: Lease) {
        locked(&self.held).remove(&lease.token);
    }

    /// Waits until something is held.
    pub(super) async fn some(&self) {
        while locked(&self.held).is_empty() {
            self.some.notified().await;
        }
    }

    /// Gives up those whose lease must be over by now; how many.
    pub(super) fn give_up(&self, now: Instant) -> usize {
        let table = locked(&self.held);
        let mut given_up = 0;
        for held in table.values().filter(|held| held.is_to_be_held() && held.over() <= now) {
            held.lose();
            given_up += 1;
        }
        given_up
    }

    /// Those whose heartbeat is due, and those whose heartbeat is due before long.
    pub(super) fn to_extend(&self, now: Instant) -> Vec<Arc<Held>> {
        let table = locked(&self.held);
        let held: Vec<_> = table.values().filter(|held| held.is_to_be_held()).collect();
        if !held.iter().any(|held| held.beats_by(now)) {
            return Vec::new();
        }
        held.into_iter().filter(|held| held.beats_soon(now)).cloned().collect()
    }

    /// There is a note to send.
    pub(super) fn has_note(&self) {
        self.noted.notify_one();
    }

    /// Waits until there may be a note to send.
    pub(super) async fn noted(&self) {
        self.noted.notified().await;
    }

    /// Those with a note which may be sent by now, and whether there are more.
    pub(super) fn to_note(&self, now: Instant) -> (Vec<Arc<Held>>, bool) {
        let table = locked(&self.held);
        let mut more = false;
        let mut due = Vec::new();
        for held in table.values() {
            match held.may_note(now) {
                Some(true) => due.push(held.clone()),
                Some(false) => more = true,
                None => {}
            }
        }
        (due, more)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn held(token: i64, sent: Instant, seconds: u64) -> Held {
        Held::new(Lease { id: 1, token }, false, sent, Duration::from_secs(seconds))
    }

    #[tokio::test]
    async fn a_lease_which_is_over_by_our_clock_is_lost() {
        let holds = Holds::default();
        let now = Instant::now();
        let one = holds.add(held(1, now, 6));
        let other = holds.add(held(2, now, 60));
        assert_eq!(holds.give_up(now + Duration::from_secs(5)), 0);
        assert_eq!(holds.give_up(now + Duration::from_millis(5_500)), 1);
        assert_eq!(holds.give_up(now + Duration::from_secs(6)), 0, "it is lost once");
        one.lost().await;
        assert!(one.is_lost() && !other.is_lost());
    }

    #[test]
    fn heartbeats_come_at_a_third_of_the_lease() {
        let holds = Holds::default();
        let now = Instant::now();
        let one = holds.add(held(1, now, 6));
        let _later = holds.add(held(2, now, 600));
        assert!(holds.to_extend(now + Duration::from_millis(1_900)).is_empty());
        let due = holds.to_extend(now + Duration::from_secs(2));
        assert_eq!(due.len(), 1);
        one.stands(Standing::Held(Duration::from_secs(6)), now + Duration::from_secs(2));
        assert!(holds.to_extend(now + Duration::from_millis(3_900)).is_empty());
        assert_eq!(holds.give_up(now + Duration::from_secs(7)), 0, "it was extended");
    }

    #[test]
    fn what_was_completed_under_our_token_is_neither_extended_nor_lost() {
        let holds = Holds::default();
        let now = Instant::now();
        let one = holds.add(held(1, now, 6));
        one.stands(Standing::Completed, now);
        assert!(holds.to_extend(now + Duration::from_secs(5)).is_empty());
        assert_eq!(holds.give_up(now + Duration::from_secs(60)), 0);
    }

    #[test]
    fn notes_are_a_second_apart_and_the_last_one_stays() {
        let holds = Holds::default();
        let one = holds.add(held(1, Instant::now(), 60));
        one.note(json!(1));
        let (due, more) = holds.to_note(Instant::now());
        assert_eq!((due.len(), more), (1, false));
        assert_eq!(one.take_note(), Some(json!(1)));
        one.note(json!(2));
        one.note(json!(3));
        let (due, more) = holds.to_note(Instant::now());
        assert_eq!((due.len(), more), (0, true), "too soon");
        assert_eq!(one.take_note(), Some(json!(3)));
        assert_eq!(one.take_note(), None);
    }
}
