//! The lock half of the doorbell; the protocol is told in
//! [`crate::daemon::doorbell`].

use super::error::PgError;
use super::session::Session;

/// First key of the doorbell's advisory lock, as in `hearken.ring()`.
const DOORBELL_LOCK: i32 = 1_751_478_891;
/// The channel the trigger rings on; the payload is the source's id.
pub const CHANNEL: &str = "hearken_doorbell";
/// The payload of a bell which is about held drafts or pauses, not about events.
pub const GATES: &str = "0";
/// The payload of a bell which is about a lease that ends soon.
pub const LEASES: &str = "leases";
/// The channel on which the listener proves to itself that it hears.
pub const SELF_CHANNEL_PREFIX: &str = "hearken_self_";

/// Asks for the lock of a source and waits, however long, until it is granted.
///
/// # Errors
///
/// If the wait is cancelled or the session is lost.
pub async fn wait_for_lock(session: &Session, source: i32) -> Result<(), PgError> {
    let sql = "select pg_advisory_lock($1, $2)";
    session.client().query_one(sql, &[&DOORBELL_LOCK, &source]).await?;
    Ok(())
}

/// Lets go of the lock, held or not.
///
/// # Errors
///
/// If the session is lost.
pub async fn unlock(session: &Session) -> Result<(), PgError> {
    // A cancel request may arrive late and strike this statement: once more.
    match session.client().batch_execute("select pg_advisory_unlock_all()").await {
        Err(error) if !error.is_closed() => {
            Ok(session.client().batch_execute("select pg_advisory_unlock_all()").await?)
        }
        result => Ok(result?),
    }
}

/// Cancels the wait of another session of ours.
///
/// # Errors
///
/// Of the database.
pub async fn cancel_wait(from: &Session, waiting: &Session) -> Result<(), PgError> {
    from.client().query_one("select pg_cancel_backend($1)", &[&waiting.backend_pid()]).await?;
    Ok(())
}

/// Begins to listen: to the doorbell and to ourselves.
///
/// # Errors
///
/// Of the database.
pub async fn listen(session: &Session) -> Result<(), PgError> {
    let own = format!("{SELF_CHANNEL_PREFIX}{}", session.backend_pid());
    Ok(session.client().batch_execute(&format!("listen {CHANNEL}; listen {own}")).await?)
}

/// Rings the listener's own bell; it must come back.
///
/// # Errors
///
/// Of the database.
pub async fn ring_self(session: &Session) -> Result<(), PgError> {
    let own = format!("{SELF_CHANNEL_PREFIX}{}", session.backend_pid());
    Ok(session.client().batch_execute(&format!("notify {own}")).await?)
}

/// A statement which does nothing, so that a dead connection shows.
///
/// # Errors
///
/// If the session is lost.
pub async fn ping(session: &Session) -> Result<(), PgError> {
    Ok(session.client().batch_execute("").await?)
}
