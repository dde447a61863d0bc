//! Puts the queues of the settings in force when a daemon begins to lead.
//!
//! They are rows of `hearken.queues`, which every worker obeys wherever it runs. So
//! of two daemons with different files the one which began to lead last has its way,
//! also about queues which it does not name.

use crate::config::Config;
use crate::pg::connect::ConnectOptions;
use crate::pg::error::{PgError, Policy};
use crate::pg::queues::{self, Applied};
use crate::pg::session::{Session, SessionRole};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// The first pause before the rows are tried again, doubled each time.
const AGAIN_FIRST: Duration = Duration::from_secs(1);
/// The longest such pause.
const AGAIN_MAX: Duration = Duration::from_secs(60);

/// Sets them. What cannot be set now, since somebody has a row of it, is tried again
/// by a task among `tasks`, on a session of its own: events do not wait for it.
///
/// # Errors
///
/// If the session is lost.
pub(super) async fn put_in_force(
    config: &Arc<Config>,
    options: &ConnectOptions,
    session: &Session,
    tasks: &mut JoinSet<()>,
) -> Result<(), PgError> {
    match queues::apply(session, &config.queue).await {
        Ok(applied) => tell(&applied),
        Err(error) if error.policy() == Policy::Reconnect => return Err(error),
        Err(error) => {
            tracing::warn!(error = %error, "the queues of hearken.toml could not be set; trying again");
            tasks.spawn(again(config.clone(), options.clone()));
        }
    }
    Ok(())
}

/// Tries until it is done.
async fn again(config: Arc<Config>, options: ConnectOptions) {
    let mut pause = AGAIN_FIRST;
    loop {
        tokio::time::sleep(pause).await;
        match once(&config, &options).await {
            Ok(applied) => return tell(&applied),
            Err(error) => {
                tracing::warn!(error = %error, "the queues of hearken.toml could not be set; trying again");
            }
        }
        pause = (pause * 2).min(AGAIN_MAX);
    }
}

async fn once(config: &Config, options: &ConnectOptions) -> Result<Applied, PgError> {
    let session = Session::open(options, SessionRole::Tool, None).await?;
    queues::apply(&session, &config.queue).await
}

fn tell(applied: &Applied) {
    let Applied { set, taken, left } = applied;
    if !set.is_empty() {
        tracing::info!(queues = ?set, "queues are set as hearken.toml says");
    }
    if !taken.is_empty() {
        tracing::warn!(
            queues = ?taken,
            "hearken.toml names queues which were set in SQL: from now on the file says how they are"
        );
    }
    if !left.is_empty() {
        tracing::info!(queues = ?left, "queues which hearken.toml names no more are at their defaults");
    }
}
