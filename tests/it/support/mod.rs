//! What tests stand on: one private PostgreSQL for the whole run, a database for
//! each test cloned from a migrated template, real daemons as processes, and
//! waiting for states instead of sleeping.
#![allow(dead_code, reason = "not every test uses every helper")]

pub mod command;
pub mod daemon;
pub mod database;
pub mod endpoint;
pub mod languages;
pub mod proxy;

pub use daemon::TestDaemon;
pub use database::{TestDatabase, own_cluster};

use std::future::Future;
use std::time::{Duration, Instant};

/// How long a state may take to come about before a test gives up. Generous: a
/// slow machine must not fail a test, and no test waits for it when all is well.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `check` gives a value.
#[track_caller]
pub fn until<T, F, Fut>(what: &str, mut check: F) -> impl Future<Output = T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let place = std::panic::Location::caller();
    async move {
        let began = Instant::now();
        loop {
            if let Some(value) = check().await {
                return value;
            }
            assert!(began.elapsed() < PATIENCE, "{place}: waited {PATIENCE:?} in vain: {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
