//! Dead letters: events and drafts which failed before they became items.

use super::row;
use super::{Detail, Filter};
use crate::pg::error::PgError;
use crate::pg::session::Session;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;

/// A row of `hearken.dead_letters`.
#[derive(Clone, Debug, Serialize)]
pub struct Letter {
    /// Its number.
    pub id: i64,
    /// When it failed.
    pub at: Timestamp,
    /// `refused`, `blocked`, `failed` or `oversized`.
    pub kind: String,
    /// The routine, if one was asked.
    pub routine: Option<String>,
    /// The version of that routine.
    pub version: Option<String>,
    /// Which of its items.
    pub item: Option<String>,
    /// The queue it was for.
    pub queue: Option<String>,
    /// The title of the item, if there was one to be made.
    pub title: Option<String>,
    /// The event.
    pub event_seq: Option<i64>,
    /// The tick.
    pub tick: Option<Timestamp>,
    /// Where the event came from; `schedule` for ticks.
    pub source: String,
    /// The row of that source, if it is a table of the user's.
    pub event_id: Option<String>,
    /// The SQLSTATE, where the database refused.
    pub sqlstate: Option<String>,
    /// What happened.
    pub message: String,
    /// The event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Value>,
    /// The item as it was offered to its inbox. Of headers of a webhook the names alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draft: Option<Value>,
}

/// What became of a wish about a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LetterAnswer {
    /// Its item is there, and waits; the letter is gone.
    Waiting,
    /// Its item was there before; the letter is gone.
    There,
    /// The daemon tries it again by itself, within half a minute.
    Blocked,
    /// The inbox refused it once more; the letter says why.
    Refused,
    /// There was no item to offer: its routine failed, or the event was too large.
    NoItem,
    /// It was dropped.
    Dropped,
    /// There is no such letter.
    Gone,
}

impl LetterAnswer {
    fn read(text: &str) -> Self {
        match text {
            "waiting" => Self::Waiting,
            "there" => Self::There,
            "blocked" => Self::Blocked,
            "refused" => Self::Refused,
            "no item" => Self::NoItem,
            "dropped" => Self::Dropped,
            _ => Self::Gone,
        }
    }
}

/// A text of the item or the event of a letter. They are `json` and not `jsonb`, as they
/// may hold what `jsonb` refuses, which the operators of `json` refuse as well.
fn text_of(column: &str, field: &str) -> String {
    format!("case when strpos(l.{column}::text, '\\u0000') = 0 then l.{column} ->> '{field}' end")
}

/// Letters with lower numbers than `before`, the newest first. Of the filter, the
/// states, the key and the worker say nothing of letters; times are those of the
/// failure, and the pattern is one of the message.
///
/// # Errors
///
/// Of the database.
pub async fn letters(
    session: &Session,
    filter: &Filter,
    detail: Detail,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Letter>, PgError> {
    let (of_draft, of_event) = (text_of("draft", "tenant"), text_of("event", "tenant"));
    let title = text_of("draft", "title");
    let whole = match detail {
        Detail::Whole => "l.event, l.draft",
        Detail::Line => "null::json as event, null::json as draft",
    };
    let sql = format!(
        "select l.id, l.at, l.kind, l.routine, l.version, l.item, l.queue, {title} as title, \
                l.event_seq, l.tick, l.source, l.event_id, l.sqlstate, l.message, {whole} \
         from hearken.dead_letters l \
         where ($1::text is null or l.queue = $1) and ($2::text is null or l.routine = $2) \
           and ($3::text is null or coalesce({of_draft}, {of_event}) = $3) \
           and ($4::text is null or l.message ilike $4) \
           and ($5::timestamptz is null or l.at >= $5) and ($6::timestamptz is null or l.at < $6) \
           and ($7::bigint is null or l.id < $7) \
         order by l.id desc limit $8"
    );
    let rows = session
        .client()
        .query(
            sql.as_str(),
            &[
                &filter.queue,
                &filter.routine,
                &filter.tenant,
                &filter.error,
                &filter.since,
                &filter.until,
                &before,
                &limit,
            ],
        )
        .await?;
    Ok(rows.iter().map(letter).collect::<Result<Vec<_>, _>>()?)
}

fn letter(row: &Row) -> Result<Letter, tokio_postgres::Error> {
    let draft = row::json(row, "draft")?.map(|mut draft| {
        if let Some(webhook) = draft.get_mut("webhook") {
            *webhook = row::without_secrets(webhook.take());
        }
        // The same once more, in the form in which the daemon reads it.
        if let Some(fields) = draft.as_object_mut() {
            fields.remove("stored");
        }
        draft
    });
    Ok(Letter {
        id: row.try_get("id")?,
        at: row.try_get("at")?,
        kind: row.try_get("kind")?,
        routine: row.try_get("routine")?,
        version: row.try_get("version")?,
        item: row.try_get("item")?,
        queue: row.try_get("queue")?,
        title: row.try_get("title")?,
        event_seq: row.try_get("event_seq")?,
        tick: row.try_get("tick")?,
        source: row.try_get("source")?,
        event_id: row.try_get("event_id")?,
        sqlstate: row.try_get("sqlstate")?,
        message: row.try_get("message")?,
        event: row::json(row, "event")?,
        draft,
    })
}

/// Offers the item of a letter to its inbox again.
///
/// # Errors
///
/// Of the database; not that the inbox refuses it.
pub async fn retry_letter(session: &Session, id: i64) -> Result<LetterAnswer, PgError> {
    answer(session, "select hearken.retry_letter($1::bigint)", id).await
}

/// Drops a letter: nothing comes of it any more.
///
/// # Errors
///
/// Of the database.
pub async fn drop_letter(session: &Session, id: i64) -> Result<LetterAnswer, PgError> {
    answer(session, "select hearken.drop_letter($1::bigint)", id).await
}

async fn answer(session: &Session, sql: &str, id: i64) -> Result<LetterAnswer, PgError> {
    let row = session.client().query_one(sql, &[&id]).await?;
    Ok(LetterAnswer::read(row.try_get(0)?))
}
