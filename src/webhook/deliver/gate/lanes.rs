//! What is known of each endpoint.

use crate::webhook::deliver::breaker::{Asked, Breaker};
use crate::webhook::deliver::pace::Pace;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;

/// Beyond so many endpoints, those which nothing is known of are forgotten.
pub(super) const LANES_MAX: usize = 10_000;

/// The ways to all endpoints of which something is known.
#[derive(Debug)]
pub(super) struct Lanes {
    pub(super) of: HashMap<Arc<str>, Lane>,
    prune_at: usize,
}

/// The way to one endpoint.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) breaker: Breaker,
    pub(super) pace: Pace,
    pub(super) slots: Arc<Semaphore>,
    pub(super) waiting: u32,
    /// Sent away since the last time way was made.
    pub(super) refused: u32,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { of: HashMap::new(), prune_at: LANES_MAX }
    }
}

impl Lanes {
    /// The way to an endpoint.
    pub(super) fn lane(&mut self, key: &Arc<str>, at_once: u32) -> &mut Lane {
        if self.of.len() >= self.prune_at && !self.of.contains_key(key) {
            self.of.retain(|_, lane| !lane.is_blank(at_once));
            self.prune_at = LANES_MAX.max(2 * self.of.len());
        }
        self.of.entry(key.clone()).or_insert_with(|| Lane {
            breaker: Breaker::new(),
            pace: Pace::new(at_once),
            slots: Arc::new(Semaphore::new(at_once as usize)),
            waiting: 0,
            refused: 0,
        })
    }
}

impl Lane {
    /// When the next one may go, as far as is known; none, if one may go now.
    pub(super) fn base(&self, now: Instant) -> Option<Instant> {
        match self.breaker.ask(now) {
            Asked::Wait(until) => Some(until),
            Asked::Go if self.slots.available_permits() == 0 => Some(now),
            Asked::Go | Asked::Trial => None,
        }
    }

    fn is_blank(&self, at_once: u32) -> bool {
        self.breaker.is_blank() && self.waiting == 0 && self.slots.available_permits() >= at_once as usize
    }
}
