//! What a deliverer is told.

use super::breaker::Patience;
use crate::rules::endpoint::EndpointSpec;
use crate::rules::name::{EndpointName, QueueName};
use std::collections::BTreeMap;

/// What a deliverer is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name by which it is known in the inbox and in the log.
    pub worker: String,
    /// The queues it delivers.
    pub queues: Vec<QueueName>,
    /// How many requests are on their way at once.
    pub in_flight: u32,
    /// How many of them to one endpoint.
    pub per_endpoint: u32,
    /// When an endpoint is paused.
    pub patience: Patience,
    /// The tables of endpoints.
    pub endpoints: BTreeMap<EndpointName, EndpointSpec>,
}

impl Settings {
    /// How many items are to be leased at once: those on their way, and half as many
    /// which wait for a moment.
    #[must_use]
    pub fn slots(&self) -> usize {
        let slots = self.in_flight.max(1).saturating_add(self.waiting());
        usize::try_from(slots).unwrap_or(usize::MAX)
    }

    /// How many may wait before one endpoint: so many that an endpoint which has all to
    /// itself is always busy, and no more.
    pub(super) fn waiting(&self) -> u32 {
        self.in_flight.div_ceil(2).max(1)
    }
}
