//! What was decided about the event or the tick of an item, and about others because of
//! it.

use super::ROWS_MAX;
use crate::pg::error::PgError;
use crate::pg::items::Item;
use crate::pg::session::Session;
use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;

/// A row of the ledger.
#[derive(Debug, Serialize)]
pub struct Decision {
    /// When it was written.
    pub at: Timestamp,
    /// The event it is about.
    pub event_seq: Option<i64>,
    /// The row of its source, if that is a table of the user's.
    pub event_id: Option<String>,
    /// The tick it is about, or the first of several.
    pub tick: Option<Timestamp>,
    /// The routine which decided.
    pub routine: Option<String>,
    /// Which of its items.
    pub item: Option<String>,
    /// What was decided.
    pub outcome: String,
    /// Why.
    pub reason: String,
    /// The item, or held draft, it met.
    pub met_item_id: Option<i64>,
}

/// The columns of a decision.
const DECISION: &str =
    "d.at, d.event_seq, d.event_id, d.first_tick, d.routine, d.item, d.outcome, d.reason, d.met_item_id";

fn decision(row: &Row) -> Result<Decision, tokio_postgres::Error> {
    Ok(Decision {
        at: row.try_get(0)?,
        event_seq: row.try_get(1)?,
        event_id: row.try_get(2)?,
        tick: row.try_get(3)?,
        routine: row.try_get(4)?,
        item: row.try_get(5)?,
        outcome: row.try_get(6)?,
        reason: row.try_get(7)?,
        met_item_id: row.try_get(8)?,
    })
}

/// The decisions about the event or the tick of an item, each found by an index.
pub(super) async fn decisions(session: &Session, item: &Item) -> Result<Vec<Decision>, PgError> {
    let client = session.client();
    let tail = "order by d.at limit";
    let rows = match (&item.source, &item.event_id, item.event_seq, item.tick) {
        (Some(source), Some(id), _, _) => {
            let sql = format!(
                "select {DECISION} from hearken.decisions d where d.source = $1 and d.event_id = $2 {tail} $3"
            );
            client.query(sql.as_str(), &[source, id, &ROWS_MAX]).await?
        }
        (_, _, Some(seq), _) => {
            let sql = format!(
                "select {DECISION} from hearken.decisions d \
                 where d.event_seq = $1 and d.event_id is null {tail} $2"
            );
            client.query(sql.as_str(), &[&seq, &ROWS_MAX]).await?
        }
        (_, _, None, Some(tick)) => {
            // They were made before the item was, or not long after.
            let sql = format!(
                "select {DECISION} from hearken.decisions d where d.routine = $1 and d.first_tick <= $2 \
                 and d.last_tick >= $2 and d.at >= $2::timestamptz - interval '1 day' \
                 and d.at <= $3::timestamptz + interval '1 day' {tail} $4"
            );
            client.query(sql.as_str(), &[&item.routine, &tick, &item.created_at, &ROWS_MAX]).await?
        }
        (_, _, None, None) => Vec::new(),
    };
    Ok(rows.iter().map(decision).collect::<Result<Vec<_>, _>>()?)
}

/// The decisions about other events or ticks which have the number of the item: of its
/// routine, from a day before it was made until it was finished.
pub(super) async fn met(session: &Session, item: &Item) -> Result<Vec<Decision>, PgError> {
    let sql = format!(
        "select {DECISION} from hearken.decisions d where d.routine = $1 and d.met_item_id = $2 \
         and d.at >= $3::timestamptz - interval '1 day' \
         and d.at <= coalesce($4::timestamptz, hearken.now()) + interval '1 minute' \
         and d.event_seq is distinct from $5 \
         and (d.event_seq is not null or d.first_tick is distinct from $6) \
         order by d.at limit $7"
    );
    let client = session.client();
    let rows = client
        .query(
            sql.as_str(),
            &[
                &item.routine,
                &item.id,
                &item.created_at,
                &item.finished_at,
                &item.event_seq,
                &item.tick,
                &ROWS_MAX,
            ],
        )
        .await?;
    Ok(rows.iter().map(decision).collect::<Result<Vec<_>, _>>()?)
}
