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

/// Such letters of these routines, at most `max`, locked. Each routine has its
/// turn, so that one which waits for good keeps nobody else waiting; those of one
/// routine come in order.
///
/// # Errors
///
/// Of the database.
pub async fn unanswered(session: &Session, routines: &[&str], max: i64) -> Result<Vec<Unanswered>, PgError> {
    let rows = session
        .client()
        .query(
            "with turns as materialized ( \
                 select id, routine, row_number() over (partition by routine order by id) as turn \
                 from hearken.dead_letters \
                 where kind = 'blocked' and draft is null and event is not null and routine = any ($1) \
             ), next as materialized (select id from turns order by turn, id limit $2) \
             select id, routine, event::text from hearken.dead_letters \
             where id in (select id from next) order by id for update skip locked",
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
