//! Queues: what they allow, and whether they are paused.

use crate::pg::error::PgError;
use crate::pg::paused::Switched;
use crate::pg::session::Session;
use crate::rules::name::QueueName;
use jiff::Timestamp;
use serde::Serialize;

/// A queue with a policy, or a pause.
#[derive(Clone, Debug, Serialize)]
pub struct QueueState {
    /// Its name.
    pub queue: String,
    /// Since when nothing is leased from it.
    pub paused_since: Option<Timestamp>,
    /// The role which paused it.
    pub paused_by: Option<String>,
    /// Why.
    pub pause_reason: Option<String>,
    /// What it allows, for people: only what is not the default.
    pub policy: String,
}

/// The queues which have a policy or a pause, in order. Others are not listed: a queue
/// needs no row.
///
/// # Errors
///
/// Of the database.
pub async fn queues(session: &Session) -> Result<Vec<QueueState>, PgError> {
    // concat_ws() leaves out what is null, and || is null if one side is.
    let sql = "\
        select q.name, q.paused_since, case when q.paused_since is not null then q.paused_by end, \
               case when q.paused_since is not null then q.pause_reason end, \
               concat_ws(', ', \
                   'at once ' || q.concurrency, \
                   'of one key ' || q.concurrency_per_key, \
                   'rate ' || q.rate_max || ' per ' || q.rate_per, \
                   'lease ' || q.lease, \
                   'deadline ' || q.deadline, \
                   'attempts ' || q.max_attempts, \
                   'first pause ' || q.backoff_first, \
                   'pauses grow by ' || q.backoff_factor, \
                   'longest pause ' || q.backoff_max, \
                   'jitter ' || q.jitter, \
                   'keys blocked by ' || q.blocked_by) \
        from hearken.queues q order by q.name";
    let rows = session.client().query(sql, &[]).await?;
    let state = |row: &tokio_postgres::Row| {
        Ok::<_, tokio_postgres::Error>(QueueState {
            queue: row.try_get(0)?,
            paused_since: row.try_get(1)?,
            paused_by: row.try_get(2)?,
            pause_reason: row.try_get(3)?,
            policy: row.try_get(4)?,
        })
    };
    Ok(rows.iter().map(state).collect::<Result<Vec<_>, _>>()?)
}

/// Pauses a queue until [`resume_queue`]: nothing is leased from it. What is leased
/// already goes on.
///
/// # Errors
///
/// Of the database.
pub async fn pause_queue(
    session: &Session,
    queue: &QueueName,
    reason: Option<&str>,
) -> Result<Switched, PgError> {
    let sql = "select hearken.pause_queue($1::text, $2::text)";
    let row = session.client().query_one(sql, &[&queue.as_str(), &reason]).await?;
    Ok(if row.try_get::<_, &str>(0)? == "paused" { Switched::Now } else { Switched::Before })
}

/// Ends the pause of a queue.
///
/// # Errors
///
/// Of the database.
pub async fn resume_queue(session: &Session, queue: &QueueName) -> Result<Switched, PgError> {
    let row = session.client().query_one("select hearken.resume_queue($1::text)", &[&queue.as_str()]).await?;
    Ok(if row.try_get::<_, &str>(0)? == "resumed" { Switched::Now } else { Switched::Before })
}
