//! The log of deliveries, `hearken.deliveries`: written in batches, never read here.

use super::error::PgError;
use super::session::Session;
use std::time::Duration;

const INSERT: &str = include_str!("../../sql/queries/webhooks/log.sql");

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoggedOutcome {
    /// It arrived.
    Delivered,
    /// It failed, and will be tried again.
    Retried,
    /// The same, and the endpoint was paused for it.
    Paused,
    /// It failed for good.
    Failed,
}

impl LoggedOutcome {
    /// The word for it in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retried => "retried",
            Self::Paused => "paused",
            Self::Failed => "failed",
        }
    }
}

/// An attempt, for the log. Texts have no character 0, and no secret is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// The item.
    pub item_id: i64,
    /// Which attempt of it, from 1.
    pub attempt: i32,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// How long it took; nothing, if nothing was sent.
    pub duration: Duration,
    /// What became of it.
    pub outcome: LoggedOutcome,
    /// The key of the endpoint, if it is known.
    pub endpoint: Option<String>,
    /// Where it was sent, without the query, if it is known.
    pub url: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// The beginning of the answer.
    pub response: Option<String>,
}

/// Writes attempts, each with its age: how long ago it began. One statement.
///
/// # Errors
///
/// Of the database; then none is written.
pub async fn write(session: &Session, worker: &str, rows: &[(Duration, Logged)]) -> Result<(), PgError> {
    let ms = |duration: Duration| i32::try_from(duration.as_millis()).unwrap_or(i32::MAX);
    let ages: Vec<f64> = rows.iter().map(|(age, _)| age.as_secs_f64()).collect();
    let rows = || rows.iter().map(|(_, row)| row);
    let items: Vec<i64> = rows().map(|row| row.item_id).collect();
    let attempts: Vec<i32> = rows().map(|row| row.attempt).collect();
    let statuses: Vec<Option<i32>> = rows().map(|row| row.status.map(i32::from)).collect();
    let durations: Vec<i32> = rows().map(|row| ms(row.duration)).collect();
    let outcomes: Vec<&str> = rows().map(|row| row.outcome.as_str()).collect();
    let endpoints: Vec<Option<&str>> = rows().map(|row| row.endpoint.as_deref()).collect();
    let urls: Vec<Option<&str>> = rows().map(|row| row.url.as_deref()).collect();
    let errors: Vec<Option<&str>> = rows().map(|row| row.error.as_deref()).collect();
    let responses: Vec<Option<&str>> = rows().map(|row| row.response.as_deref()).collect();
    session
        .client()
        .execute(
            INSERT,
            &[
                &ages, &items, &attempts, &statuses, &durations, &outcomes, &endpoints, &urls, &errors,
                &responses, &worker,
            ],
        )
        .await?;
    Ok(())
}
