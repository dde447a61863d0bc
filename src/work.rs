//! The engine of workers: it leases items, keeps a number of slots full, and
//! answers for what became of each.
//!
//! ```text
//! bell / free slot / next due / poll ──▶ look ──▶ lease ──▶ handler ──▶ answer
//!                                                   └── heartbeat ──┘
//! ```
//!
//! What is done with an item is a [`Handler`]'s business: a command
//! ([`command`]), or a request over HTTP. The engine is one task which decides
//! (`engine`) and four which serve it: one keeps a session of the database
//! (`link`), one hears the bells of the queues (`listen`), one extends leases
//! (`heart`), one sends notes for watchers (`notes`).
//!
//! # What holds
//!
//! 1. **Never two.** A handler whose lease is lost is told at once
//!    ([`Hold::lost`]): if the database says so, and also if the local clock says
//!    that the lease must be over and no extension was confirmed. Its answer
//!    changes nothing: the token is old.
//! 2. **An answer is told until it is heard.** If the connection breaks under it,
//!    it is told again over the next one, with the same token, as long as the lease
//!    may hold and a minute beyond; the lease is extended meanwhile.
//! 3. **An answer goes before the next lease.** Both take the same connection, in
//!    this order, so that a key or a slot which an answer frees is free for the
//!    lease behind it.
//! 4. **Idle costs nothing.** A worker without work waits for a bell; its only
//!    statements are a lease each `poll` and an empty one on the listener's session
//!    every twenty seconds.
//! 5. **The end is orderly.** When it is told to stop, the engine leases no more,
//!    tells the handlers, waits for them, aborts those which take longer than the
//!    grace, and gives back what was not answered.

mod answers;
pub mod backoff;
mod bell;
pub mod command;
mod engine;
mod heart;
mod hold;
mod holds;
mod link;
mod listen;
mod notes;
mod stop;

pub use self::hold::Hold;
pub use self::stop::Stop;
pub use crate::pg::work::{Leased, More, Retry, Word};

use self::engine::Engine;
use crate::pg::connect::ConnectOptions;
use crate::pg::error::PgError;
use crate::rules::name::QueueName;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks without a bell, unless the settings say otherwise.
pub const POLL_DEFAULT: Duration = Duration::from_secs(30);
/// How long handlers may take once the engine is told to stop, unless the settings
/// say otherwise.
pub const GRACE_DEFAULT: Duration = Duration::from_secs(25);

/// What works on items.
pub trait Handler: Send + Sync + 'static {
    /// Works on one item. The future may be dropped at any point: when the engine is
    /// told to stop and the grace is over. A panic is a failed attempt.
    fn handle(self: Arc<Self>, item: Leased, hold: Hold) -> impl Future<Output = Answer> + Send;
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It is done, with this result.
    Done(Option<Value>),
    /// The attempt failed.
    Failed {
        /// Why, for people.
        error: String,
        /// What is to become of it.
        retry: Retry,
    },
    /// Not now: it is due again after a pause, and the attempt does not count.
    Snoozed {
        /// For how long.
        pause: Duration,
        /// Why, for watchers; nothing if empty.
        note: String,
    },
    /// It is given back, and the attempt does not count.
    Released,
    /// The lease was lost: there is nobody to answer to.
    Lost,
}

/// When a worker ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Never.
    Forever,
    /// As soon as no item is due.
    Once,
}

/// How a worker works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name by which it is known in the table.
    pub worker: String,
    /// The queues it takes items from.
    pub queues: Vec<QueueName>,
    /// How many items it works on at once; at least one.
    pub slots: usize,
    /// How long its leases last between two heartbeats; none: as each queue says.
    pub lease: Option<Duration>,
    /// It takes only items all of whose tags are among these; none: any item.
    pub tags: Option<Vec<String>>,
    /// When it ends by itself.
    pub run: Run,
    /// How long its handlers may take after it is told to stop.
    pub grace: Duration,
    /// How often it looks though it heard nothing. Where notifications do not
    /// arrive it looks every second, if this is longer.
    pub poll: Duration,
}

/// Why a worker ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// No item was due any more.
    #[default]
    Drained,
    /// It was told to stop.
    Stopped,
    /// It was told to stop at once.
    AtOnce,
}

/// What a worker did, in items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Completed.
    pub done: u64,
    /// Failed, to be tried again.
    pub failed: u64,
    /// Failed for good.
    pub dead: u64,
    /// Put off.
    pub snoozed: u64,
    /// Given back.
    pub released: u64,
    /// Whose lease was lost.
    pub lost: u64,
    /// For which no answer could be given: their leases run out.
    pub unanswered: u64,
    /// Why it ended.
    pub ending: Ending,
}

/// Why a worker did not begin, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The database cannot be used, and waiting will not help; or the worker was to
    /// run once, and it cannot be reached.
    #[error(transparent)]
    Database(#[from] PgError),
    /// Settings with which there is nothing to do.
    #[error("{0}")]
    Settings(&'static str),
}

/// Works until it is told to stop, or nothing is due and `settings` say so.
///
/// Without a connection at the start it waits for one, as later, unless the trouble
/// is one of settings, grants or the schema.
///
/// # Errors
///
/// See [`WorkError`]. Later trouble is logged and waited out.
pub async fn run<H: Handler>(
    options: ConnectOptions,
    settings: Settings,
    handler: Arc<H>,
    stop: Stop,
) -> Result<Summary, WorkError> {
    if settings.slots == 0 {
        return Err(WorkError::Settings("a worker needs one slot at least"));
    }
    if settings.queues.is_empty() {
        return Err(WorkError::Settings("a worker needs one queue at least"));
    }
    Engine::begin(options, settings, handler, stop).await?.run().await
}
