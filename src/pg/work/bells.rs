//! The bells of queues, as a worker's listener hears them.

use crate::pg::doorbell::{SELF_CHANNEL_PREFIX, ring_self};
use crate::pg::error::PgError;
use crate::pg::session::Session;
use crate::rules::name::QueueName;

/// Begins to listen: to the queues and to ourselves.
///
/// # Errors
///
/// Of the database.
pub async fn listen_to_queues(session: &Session, queues: &[QueueName]) -> Result<(), PgError> {
    let mut sql = format!("listen {SELF_CHANNEL_PREFIX}{}", session.backend_pid());
    for queue in queues {
        // A name has no quotes, and with the prefix fewer bytes than a channel may.
        sql.push_str(&format!("; listen \"hearken:{queue}\""));
    }
    Ok(session.client().batch_execute(&sql).await?)
}

/// Rings the listener's own bell; through a pooler which does not pass
/// notifications on it never comes back.
///
/// # Errors
///
/// Of the database.
pub async fn ring_own_bell(session: &Session) -> Result<(), PgError> {
    ring_self(session).await
}

/// Whether a channel is that of the listener's own bell.
#[must_use]
pub fn is_own_echo(channel: &str) -> bool {
    channel.starts_with(SELF_CHANNEL_PREFIX)
}
