//! Who may go to which endpoint now: so many at once, none while it is paused.
//!
//! A delivery which finds all slots of its endpoint taken waits for a moment, if the
//! endpoint is quick and not too many wait already; otherwise it is sent away until its
//! turn may have come. So the few slots of the worker are never filled with deliveries
//! to an endpoint which does not move on.

mod lanes;

use self::lanes::{Lane, Lanes};
use super::breaker::{Asked, Attempt, Heard, Patience};
use super::pace::SPAN;
use crate::pg::endpoints::Busy;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Nobody waits longer for a slot.
const WAIT: Duration = Duration::from_millis(250);
/// After so many were sent away, those behind them are put off in the database.
const CROWD: u32 = 8;

/// The gate before all endpoints.
#[derive(Debug)]
pub struct Gate {
    at_once: u32,
    waiting_max: u32,
    patience: Patience,
    lanes: Mutex<Lanes>,
    /// Somebody is to make way.
    crowded: Notify,
}

/// What becomes of a delivery which is at the gate.
#[derive(Debug)]
pub enum Entry {
    /// It may go.
    Go(Pass),
    /// It may, if it gets the trial.
    Trial,
    /// It comes again at this time.
    Later(Instant, Why),
}

/// Why a delivery is sent away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The endpoint is paused.
    Paused,
    /// Others are before it.
    Crowded,
}

/// Leave to go, as long as it is held.
#[derive(Debug)]
pub struct Pass {
    key: Arc<str>,
    attempt: Attempt,
    _slot: Option<OwnedSemaphorePermit>,
}

/// What a failure led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paused {
    /// Failures in a row.
    pub failures: u32,
    /// How long the endpoint is left alone.
    pub pause: Duration,
}

/// One more waits, until this is dropped.
struct InLine<'a> {
    gate: &'a Gate,
    key: &'a Arc<str>,
}

impl Gate {
    /// A gate which lets `at_once` go to one endpoint, and as many as `waiting_max`
    /// wait before it.
    pub fn new(at_once: u32, waiting_max: u32, patience: Patience) -> Self {
        let lanes = Mutex::default();
        Self { at_once: at_once.max(1), waiting_max, patience, lanes, crowded: Notify::new() }
    }

    /// Asks for leave to go to an endpoint.
    pub async fn enter(&self, key: &Arc<str>) -> Entry {
        let slots = match self.ask(key) {
            Ok(slots) => slots,
            Err(entry) => return entry,
        };
        if let Ok(slot) = slots.clone().try_acquire_owned() {
            return Entry::Go(Pass { key: key.clone(), attempt: Attempt::Plain, _slot: Some(slot) });
        }
        let Some(_in_line) = self.wait_in_line(key) else { return self.send_away(key) };
        match tokio::time::timeout(WAIT, slots.acquire_owned()).await {
            // It may have been paused meanwhile.
            Ok(Ok(slot)) => match self.ask(key) {
                Ok(_) => Entry::Go(Pass { key: key.clone(), attempt: Attempt::Plain, _slot: Some(slot) }),
                Err(entry) => entry,
            },
            Ok(Err(_)) | Err(_) => self.send_away(key),
        }
    }

    /// We got the trial of a paused endpoint, for so long.
    pub fn begin_trial(&self, key: &Arc<str>, within: Duration) -> Pass {
        let mut lanes = self.lock();
        let lane = lanes.lane(key, self.at_once);
        lane.breaker.trying(Instant::now(), within);
        // Others may still be out, and it does not wait for them.
        let slot = lane.slots.clone().try_acquire_owned().ok();
        Pass { key: key.clone(), attempt: Attempt::Trial, _slot: slot }
    }

    /// Somebody else got the trial.
    pub fn lose_trial(&self, key: &Arc<str>) -> Entry {
        let now = Instant::now();
        {
            let mut lanes = self.lock();
            lanes.lane(key, self.at_once).breaker.beaten(now);
        }
        match self.ask(key) {
            Err(entry @ Entry::Later(..)) => entry,
            Ok(_) | Err(_) => Entry::Later(now + WAIT, Why::Paused),
        }
    }

    /// The endpoint answered, after so long. True, if it was paused.
    pub fn answered(&self, pass: &Pass, took: Duration) -> bool {
        let mut lanes = self.lock();
        let lane = lanes.lane(&pass.key, self.at_once);
        lane.pace.took(took);
        lane.breaker.answered(Instant::now())
    }

    /// The endpoint failed, after so long. What follows, if it is paused for it.
    pub fn failed(&self, pass: &Pass, took: Duration) -> Option<Paused> {
        let mut lanes = self.lock();
        let lane = lanes.lane(&pass.key, self.at_once);
        lane.pace.took(took);
        let pause = lane.breaker.failed(pass.attempt, Instant::now(), &self.patience)?;
        Some(Paused { failures: lane.breaker.failures(), pause })
    }

    /// Takes over what is known of endpoints elsewhere, as it was read at `read`: those
    /// which are not active, and by their absence all others.
    pub fn hear(&self, heard: Vec<(Arc<str>, Heard)>, read: Instant) {
        let mut lanes = self.lock();
        let heard: HashMap<Arc<str>, Heard> = heard.into_iter().collect();
        for (key, lane) in &mut lanes.of {
            if !heard.contains_key(key) {
                lane.breaker.hear(Heard::Active, read);
            }
        }
        for (key, heard) in heard {
            lanes.lane(&key, self.at_once).breaker.hear(heard, read);
        }
    }

    /// Waits until so many were sent away that others are to be put off.
    pub async fn crowded(&self) {
        self.crowded.notified().await;
    }

    /// The endpoints from which deliveries were sent away, and which still take none.
    pub fn busy(&self) -> Vec<Busy> {
        let now = Instant::now();
        let mut lanes = self.lock();
        let refused = lanes.of.iter_mut().filter(|(_, lane)| lane.refused > 0);
        let mut busy = Vec::new();
        for (key, lane) in refused {
            match lane.base(now) {
                None => lane.refused = 0,
                Some(base) => busy.push(Busy {
                    key: key.to_string(),
                    after: base.saturating_duration_since(now),
                    head: lane.pace.head(base),
                    step: lane.pace.step(),
                    span: SPAN,
                }),
            }
        }
        busy
    }

    /// So many items of an endpoint were put off.
    pub fn put_off(&self, key: &str, count: u32) {
        let now = Instant::now();
        let mut lanes = self.lock();
        if let Some(lane) = lanes.of.get_mut(key) {
            let base = lane.base(now).unwrap_or(now);
            lane.pace.put(base, count);
        }
    }

    /// Way was made: who is sent away from now on counts anew.
    pub fn way_is_made(&self) {
        self.lock().of.values_mut().for_each(|lane| lane.refused = 0);
    }

    /// The slots of an endpoint, or what else becomes of a delivery.
    fn ask(&self, key: &Arc<str>) -> Result<Arc<Semaphore>, Entry> {
        let mut lanes = self.lock();
        let lane = lanes.lane(key, self.at_once);
        match lane.breaker.ask(Instant::now()) {
            Asked::Go => Ok(lane.slots.clone()),
            Asked::Trial => Err(Entry::Trial),
            Asked::Wait(until) => {
                let at = self.refuse(lane, until);
                Err(Entry::Later(at, Why::Paused))
            }
        }
    }

    /// A place in the line before an endpoint, if it moves on and is not too long.
    fn wait_in_line<'a>(&'a self, key: &'a Arc<str>) -> Option<InLine<'a>> {
        let mut lanes = self.lock();
        let lane = lanes.lane(key, self.at_once);
        if lane.waiting >= self.waiting_max || lane.pace.wait(lane.waiting) > WAIT {
            return None;
        }
        lane.waiting += 1;
        Some(InLine { gate: self, key })
    }

    fn send_away(&self, key: &Arc<str>) -> Entry {
        let mut lanes = self.lock();
        let lane = lanes.lane(key, self.at_once);
        Entry::Later(self.refuse(lane, Instant::now()), Why::Crowded)
    }

    /// Gives a delivery a place in the row which begins at `base`.
    fn refuse(&self, lane: &mut Lane, base: Instant) -> Instant {
        lane.refused = lane.refused.saturating_add(1);
        if lane.refused >= CROWD {
            self.crowded.notify_one();
        }
        lane.pace.put(base, 1)
    }

    fn lock(&self) -> MutexGuard<'_, Lanes> {
        // Nothing panics while it holds this lock; if something did, what is in it
        // would still be good.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// The key of the endpoint.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        let mut lanes = self.gate.lock();
        if let Some(lane) = lanes.of.get_mut(self.key) {
            lane.waiting = lane.waiting.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests;
