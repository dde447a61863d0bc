//! Asks whether the database is under pressure, with a query of the settings.

use super::error::PgError;
use super::session::Session;
use crate::rules::sql::Sql;
use std::time::Duration;

/// A query which takes longer would itself be pressure.
const WITHIN: Duration = Duration::from_secs(2);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum PressureError {
    /// Of the database.
    #[error(transparent)]
    Database(#[from] PgError),
    /// It gives something else than true or false.
    #[error("it gives no boolean: write `select EXPRESSION` which is true under pressure")]
    Answer,
}

/// Asks, in a transaction which may only read. No row, or null, means no.
///
/// # Errors
///
/// Of the database, or if the first column is no boolean.
pub async fn ask(session: &Session, sql: &Sql) -> Result<bool, PressureError> {
    let client = session.client();
    let begin = format!("begin read only; set local statement_timeout = {}", WITHIN.as_millis());
    client.batch_execute(&begin).await.map_err(PgError::from)?;
    let answer = client.query(sql.text(), &[]).await;
    client.batch_execute("rollback").await.map_err(PgError::from)?;
    let rows = answer.map_err(PgError::from)?;
    let Some(row) = rows.first() else { return Ok(false) };
    match row.try_get::<_, Option<bool>>(0) {
        Ok(high) => Ok(high.unwrap_or(false)),
        Err(_) => Err(PressureError::Answer),
    }
}
