//! One item with what led to it: its event, the version of its routine, the decisions
//! about the same event, its deliveries.

mod ledger;

pub use ledger::Decision;

use super::row::{self, Place};
use super::{Detail, Item};
use crate::pg::error::PgError;
use crate::pg::session::Session;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

/// How long each part may take to be found; beyond it, it is left out.
const PART_WITHIN: Duration = Duration::from_secs(5);

/// So many decisions, and so many deliveries, are read.
const ROWS_MAX: i64 = 200;

/// What a number is.
#[derive(Debug)]
pub enum Found {
    /// An item.
    Item(Box<Item>),
    /// A draft which a gate of this routine holds back; no item yet.
    Held(String),
    /// An item in a table of the user's: the name of the inbox.
    Foreign(String),
    /// Nothing, or an item which was dropped.
    Nothing,
}

/// What led to an item.
#[derive(Debug, Default, Serialize)]
pub struct Causes {
    /// Its event, if it is one of the log which is still there.
    pub event: Option<Event>,
    /// The table of its event, if that is a row of the user's.
    pub source_table: Option<String>,
    /// The version of its routine.
    pub routine_version: Option<Version>,
    /// What else was decided about the same event or tick, the first first.
    pub decisions: Vec<Decision>,
    /// What was decided about others because of this item: which drafts it took in,
    /// which it took the place of, which came too late.
    pub met: Vec<Decision>,
    /// How it was delivered, an object for each attempt as `hearken.deliveries` has it.
    pub deliveries: Vec<Value>,
    /// What could not be found out.
    pub unknown: Vec<Unknown>,
}

/// A part which could not be found out.
#[derive(Clone, Debug, Serialize)]
pub struct Unknown {
    /// The field of [`Causes`].
    pub part: &'static str,
    /// Why, for people.
    pub why: &'static str,
}

/// An event of the log.
#[derive(Debug, Serialize)]
pub struct Event {
    /// Its number.
    pub seq: i64,
    /// When the server took it.
    pub at: Timestamp,
    /// When it happened, if its writer said.
    pub time: Option<Timestamp>,
    /// Its writer's id.
    pub id: String,
    /// Where it happened.
    pub source: String,
    /// What kind of thing happened.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it happened to.
    pub subject: Option<String>,
    /// What happened.
    pub data: Option<Value>,
}

/// A version of a routine.
#[derive(Debug, Serialize)]
pub struct Version {
    /// When it was first in force.
    pub first_at: Timestamp,
    /// Whether it is in force now.
    pub in_force: bool,
    /// The file, to the letter.
    pub text: String,
}

/// Finds what has that number.
///
/// # Errors
///
/// Of the database.
pub async fn item(session: &Session, id: i64) -> Result<Found, PgError> {
    for place in [Place::Inbox, Place::History] {
        let columns = row::columns(place, Detail::Whole);
        let sql = format!("select {columns} from {} i where i.id = $1 limit 1", place.table());
        if let Some(row) = session.client().query_opt(sql.as_str(), &[&id]).await? {
            return Ok(Found::Item(Box::new(row::item(&row)?)));
        }
    }
    let sql = "\
        select h.routine, null::text from hearken.held h where h.id = $1 \
        union all select null, f.inbox from hearken.foreign_items f where f.id = $1 limit 1";
    // Where those tables are hidden the number is nothing.
    let row = match session.client().query_opt(sql, &[&id]).await.map_err(PgError::from) {
        Err(error) if is_hidden(&error) => None,
        row => row?,
    };
    Ok(match row {
        Some(row) => match (row.try_get(0)?, row.try_get(1)?) {
            (Some(routine), _) => Found::Held(routine),
            (None, Some(inbox)) => Found::Foreign(inbox),
            (None, None) => Found::Nothing,
        },
        None => Found::Nothing,
    })
}

/// Finds what led to an item. What the role may not see, or what takes too long to be
/// found, is left out, and is said to be. The session keeps a short limit for its
/// statements.
///
/// # Errors
///
/// Of the database.
pub async fn causes_of(session: &Session, item: &Item) -> Result<Causes, PgError> {
    session.limit_statements(PART_WITHIN).await?;
    let mut unknown = Vec::new();
    let mut causes = Causes {
        event: or_unknown("event", event(session, item).await, &mut unknown)?,
        source_table: or_unknown("source_table", source_table(session, item).await, &mut unknown)?,
        routine_version: or_unknown("routine_version", version(session, item).await, &mut unknown)?,
        decisions: or_unknown("decisions", ledger::decisions(session, item).await, &mut unknown)?,
        met: or_unknown("met", ledger::met(session, item).await, &mut unknown)?,
        deliveries: or_unknown("deliveries", deliveries(session, item.id).await, &mut unknown)?,
        unknown: Vec::new(),
    };
    causes.unknown = unknown;
    Ok(causes)
}

fn is_hidden(error: &PgError) -> bool {
    error.sqlstate() == Some("42501")
}

/// A part, or nothing with the reason why.
fn or_unknown<T: Default>(
    part: &'static str,
    found: Result<T, PgError>,
    unknown: &mut Vec<Unknown>,
) -> Result<T, PgError> {
    let why = match &found {
        Err(error) if is_hidden(error) => "this role may not see it",
        Err(error) if error.is_cancelled() => "it could not be found in time",
        _ => return found,
    };
    unknown.push(Unknown { part, why });
    Ok(T::default())
}

async fn event(session: &Session, item: &Item) -> Result<Option<Event>, PgError> {
    let (Some(seq), None) = (item.event_seq, &item.source) else { return Ok(None) };
    let sql = "\
        select e.seq, e.at, e.time, e.id, e.source, e.type, e.subject, e.data \
        from hearken.events e where e.seq = $1 limit 1";
    let Some(row) = session.client().query_opt(sql, &[&seq]).await? else { return Ok(None) };
    Ok(Some(Event {
        seq: row.try_get(0)?,
        at: row.try_get(1)?,
        time: row.try_get(2)?,
        id: row.try_get(3)?,
        source: row.try_get(4)?,
        kind: row.try_get(5)?,
        subject: row.try_get(6)?,
        data: row::json(&row, "data")?,
    }))
}

async fn source_table(session: &Session, item: &Item) -> Result<Option<String>, PgError> {
    let Some(source) = &item.source else { return Ok(None) };
    let sql = "select s.relation from hearken.sources s where s.name = $1 and s.relation is not null";
    Ok(match session.client().query_opt(sql, &[source]).await? {
        Some(row) => Some(row.try_get(0)?),
        None => None,
    })
}

async fn version(session: &Session, item: &Item) -> Result<Option<Version>, PgError> {
    let sql = "\
        select v.first_at, v.text, coalesce((select s.members ->> v.name = v.version \
               from hearken.routine_sets s order by s.n desc limit 1), false) \
        from hearken.routine_versions v where v.name = $1 and v.version = $2";
    let Some(row) = session.client().query_opt(sql, &[&item.routine, &item.version]).await? else {
        return Ok(None);
    };
    Ok(Some(Version { first_at: row.try_get(0)?, text: row.try_get(1)?, in_force: row.try_get(2)? }))
}

async fn deliveries(session: &Session, id: i64) -> Result<Vec<Value>, PgError> {
    // Not there before the migration which brings webhooks.
    let there = "select to_regclass('hearken.deliveries') is not null";
    if !session.client().query_one(there, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(Vec::new());
    }
    let sql = "\
        select to_jsonb(d) as delivery from hearken.deliveries d where d.item_id = $1 order by d.at limit $2";
    let rows = session.client().query(sql, &[&id, &ROWS_MAX]).await?;
    let deliveries = rows.iter().map(|row| row::json(row, "delivery")).collect::<Result<Vec<_>, _>>()?;
    Ok(deliveries.into_iter().flatten().collect())
}
