//! Dead letters of events whose routine could not ask its `[each]` query, since
//! a grant, a table or a column was missing. There is no draft to be offered
//! again: the query has to be asked again.

use super::error::PgError;
use super::session::Session;

/// A blocked letter without a draft.
#[derive(Clone, Debug)]
pub struct Unanswered {
    /// Its id.
    pub id: i64,
    /// The routine.
    pub routine: String,
    /// The event as JSON text.
    pub event: String,
}

/// Such letters of these routines in order, at most `max`, locked.
///
/// # Errors
///
/// Of the database.
pub async fn unanswered(session: &Session, routines: &[&str], max: i64) -> Result<Vec<Unanswered>, PgError> {
    let rows = session
        .client()
        .query(
            "select id, routine, event::text from hearken.dead_letters \
             where kind = 'blocked' and draft is null and event is not null and routine = any ($1) \
             order by id limit $2 for update skip locked",
            &[&routines, &max],
        )
        .await?;
    Ok(rows.iter().map(|row| Unanswered { id: row.get(0), routine: row.get(1), event: row.get(2) }).collect())
}

/// Removes letters, in the transaction which is open.
///
/// # Errors
///
/// Of the database.
pub async fn remove(session: &Session, ids: &[i64]) -> Result<(), PgError> {
    session.client().execute("delete from hearken.dead_letters where id = any ($1)", &[&ids]).await?;
    Ok(())
}
