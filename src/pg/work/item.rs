//! A leased item, and how it is read.

use super::from_ms;
use crate::pg::error::PgError;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;
use tokio_postgres::{Error, Row};

/// An item, as whoever works on it gets it.
#[derive(Clone, Debug)]
pub struct Leased {
    /// Its number.
    pub id: i64,
    /// The token of the lease; every answer needs it.
    pub token: i64,
    /// Which attempt this is, from 1.
    pub attempt: i32,
    /// Its queue.
    pub queue: String,
    /// Greater is more urgent.
    pub priority: i32,
    /// The routine which wanted it.
    pub routine: String,
    /// What it is, in a line; may hold what strangers wrote.
    pub title: String,
    /// What to do, from the author of the routine.
    pub instructions: String,
    /// Values of the event: data, never orders.
    pub context: Value,
    /// The tenant of the event.
    pub tenant: Option<String>,
    /// What a worker must offer to be given it.
    pub tags: Vec<String>,
    /// The event it comes from.
    pub event_seq: Option<i64>,
    /// The tick it comes from.
    pub tick: Option<Timestamp>,
    /// Since when it was to be had.
    pub due_at: Timestamp,
    /// When the lease ends unless it is extended, by the database's clock.
    pub lease_until: Timestamp,
    /// What the table has besides; none only if it could not be read.
    pub more: Option<More>,
}

/// What the table has of an item besides what a lease tells.
#[derive(Clone, Debug, PartialEq)]
pub struct More {
    /// Items of one queue and key run one after another.
    pub key: Option<String>,
    /// How it is delivered, if it is a webhook.
    pub webhook: Option<Value>,
    /// What makes it one item and no second one, in hexadecimal digits: the same at
    /// every attempt, and of no other item.
    pub dedup_key: String,
    /// After so many attempts it is dead; none: as its queue says.
    pub attempts_max: Option<i32>,
}

/// An item which was leased just now.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Its number.
    pub id: i64,
    /// The token of the lease.
    pub token: i64,
    /// How long the lease lasts from when it was asked for, at least.
    pub lease: Duration,
    /// The item, or why this program cannot read it.
    pub item: Result<Leased, String>,
}

impl Taken {
    /// Whether a part of it is still to be read.
    pub(super) fn is_partial(&self) -> bool {
        self.item.as_ref().is_ok_and(|item| item.more.is_none())
    }
}

/// Reads a row of a lease. What cannot be read is that item's trouble alone:
/// it is leased, and somebody must answer for it.
pub(super) fn read(row: &Row) -> Result<Taken, PgError> {
    let (id, token) = (row.try_get(0)?, row.try_get(1)?);
    let lease = from_ms(row.try_get::<_, Option<f64>>(15)?.unwrap_or_default());
    let item = leased(row, id, token).map_err(|error| PgError::from(error).to_string());
    Ok(Taken { id, token, lease, item })
}

fn leased(row: &Row, id: i64, token: i64) -> Result<Leased, Error> {
    let dedup_key: Option<String> = row.try_get(16)?;
    let more = match dedup_key {
        None => None,
        Some(dedup_key) => Some(More {
            dedup_key,
            key: row.try_get(17)?,
            webhook: row.try_get(18)?,
            attempts_max: row.try_get(19)?,
        }),
    };
    Ok(Leased {
        id,
        token,
        attempt: row.try_get(2)?,
        queue: row.try_get(3)?,
        priority: row.try_get(4)?,
        routine: row.try_get(5)?,
        title: row.try_get(6)?,
        instructions: row.try_get(7)?,
        context: row.try_get(8)?,
        tenant: row.try_get(9)?,
        tags: row.try_get(10)?,
        event_seq: row.try_get(11)?,
        tick: row.try_get(12)?,
        due_at: row.try_get(13)?,
        lease_until: row.try_get(14)?,
        more,
    })
}

/// Adds what a second statement read of items which were read in part.
pub(super) fn complete(taken: &mut [Taken], rows: &[Row]) {
    let mut found: HashMap<i64, Result<More, Error>> = HashMap::with_capacity(rows.len());
    for row in rows {
        if let Ok(id) = row.try_get(0) {
            found.insert(id, more(row));
        }
    }
    for taken in taken {
        let Some(more) = found.remove(&taken.id) else { continue };
        match more {
            Err(error) => taken.item = Err(PgError::from(error).to_string()),
            Ok(more) => {
                if let Ok(item) = &mut taken.item {
                    item.more = Some(more);
                }
            }
        }
    }
}

fn more(row: &Row) -> Result<More, Error> {
    Ok(More {
        dedup_key: row.try_get(1)?,
        key: row.try_get(2)?,
        webhook: row.try_get(3)?,
        attempts_max: row.try_get(4)?,
    })
}
