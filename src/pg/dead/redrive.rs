//! Tries again what was blocked, once a grant or a column may be there.

use crate::pg::error::PgError;
use crate::pg::session::Session;

/// A blocked letter, oldest first.
#[derive(Clone, Debug)]
pub struct Blocked {
    /// Its id.
    pub id: i64,
    /// The draft as JSON text.
    pub draft: String,
}

/// Blocked letters in order, at most `max`.
///
/// # Errors
///
/// Of the database.
pub async fn blocked(session: &Session, max: i64) -> Result<Vec<Blocked>, PgError> {
    let rows = session
        .client()
        .query(
            "select id, draft::text from hearken.dead_letters \
             where kind = 'blocked' and draft is not null and draft -> 'stored' is null order by id limit $1 for update skip locked",
            &[&max],
        )
        .await?;
    Ok(rows.iter().map(|row| Blocked { id: row.get(0), draft: row.get(1) }).collect())
}

/// Whether there are blocked letters: an operator may have called some so, to have
/// them tried again.
///
/// # Errors
///
/// Of the database.
pub async fn some_are_blocked(session: &Session) -> Result<bool, PgError> {
    let sql = "select exists (select from hearken.dead_letters where kind = 'blocked')";
    Ok(session.client().query_one(sql, &[]).await?.try_get(0)?)
}

/// What became of blocked letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redriven {
    /// How many became items.
    pub taken: usize,
    /// How many are still blocked.
    pub left: usize,
}

/// Tries blocked letters again, in order, in a transaction of its own: first
/// the oldest alone, and if it is taken, the others.
///
/// # Errors
///
/// Of the database as a whole, never of a single letter. The transaction may
/// still be open then.
pub async fn redrive_blocked(session: &Session, max: i64) -> Result<Redriven, PgError> {
    let client = session.client();
    client.batch_execute("begin").await?;
    let letters = blocked(session, max).await?;
    let mut taken = Vec::new();
    if let Some((probe, others)) = letters.split_first() {
        taken = try_letters(session, std::slice::from_ref(probe)).await?;
        if taken.is_empty() {
            client.batch_execute("rollback").await?;
            return Ok(Redriven { taken: 0, left: letters.len() });
        }
        taken.extend(try_letters(session, others).await?);
        client.execute("delete from hearken.dead_letters where id = any($1)", &[&taken]).await?;
    }
    client.batch_execute("commit").await?;
    Ok(Redriven { taken: taken.len(), left: letters.len() - taken.len() })
}

async fn try_letters(session: &Session, letters: &[Blocked]) -> Result<Vec<i64>, PgError> {
    let drafts: Vec<&str> = letters.iter().map(|letter| letter.draft.as_str()).collect();
    let rows = session.client().query("select place, code from hearken.enqueue_each($1)", &[&drafts]).await?;
    let mut taken = Vec::new();
    for row in rows {
        let place = usize::try_from(row.get::<_, i32>(0)).unwrap_or_default();
        if row.get::<_, Option<String>>(1).is_none()
            && let Some(letter) = letters.get(place.wrapping_sub(1))
        {
            taken.push(letter.id);
        }
    }
    Ok(taken)
}
