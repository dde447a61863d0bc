//! The SQL of the demo: an application which writes events, somebody who looks
//! at the inbox, and a worker.
//!
//! None of this is used by the daemon. Whatever is timed is prepared first, so
//! that the time measured is that of the statement alone.

use super::connect::ConnectOptions;
use super::error::PgError;
use super::session::{Session, SessionRole};
use jiff::Timestamp;
use tokio_postgres::{Row, Statement};

/// The database of the demo, in its private cluster.
pub const DATABASE: &str = "hearken";

/// The most items one look takes; a look which is full is followed by another.
const ITEMS_PER_LOOK: i64 = 500;

/// Makes the demo's database.
///
/// # Errors
///
/// Of the database.
pub async fn create_database(session: &Session) -> Result<(), PgError> {
    Ok(session.client().batch_execute(&format!("create database {DATABASE}")).await?)
}

/// One event to be written.
#[derive(Clone, Copy, Debug)]
pub struct NewEvent<'a> {
    /// Its type.
    pub kind: &'a str,
    /// The application it comes from.
    pub source: &'a str,
    /// What it happened to.
    pub subject: &'a str,
    /// What happened, as the text of a JSON object.
    pub data: &'a str,
}

/// An application which writes to the log, with a session of its own.
pub struct EventWriter {
    session: Session,
    emit: Statement,
}

impl EventWriter {
    /// Connects.
    ///
    /// # Errors
    ///
    /// If it cannot, or the schema is not there.
    pub async fn open(options: &ConnectOptions) -> Result<Self, PgError> {
        let session = Session::open(options, SessionRole::Tool, None).await?;
        let sql = "select hearken.emit($1, $2::text::jsonb, subject => $3, source => $4)";
        let emit = session.client().prepare(sql).await?;
        Ok(Self { session, emit })
    }

    /// Writes one event and returns its `seq`, once it is committed.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn write(&self, event: &NewEvent<'_>) -> Result<i64, PgError> {
        let row = self
            .session
            .client()
            .query_one(&self.emit, &[&event.kind, &event.data, &event.subject, &event.source])
            .await?;
        Ok(row.try_get(0)?)
    }
}

/// An item as the demo shows it.
#[derive(Clone, Debug)]
pub struct DemoItem {
    /// Its number.
    pub id: i64,
    /// The routine which wanted it.
    pub routine: String,
    /// Its queue.
    pub queue: String,
    /// Its title.
    pub title: String,
    /// When it was put into the inbox, by the server's clock.
    pub created_at: Timestamp,
    /// The event it comes from, if it comes from one.
    pub event_seq: Option<i64>,
    /// The tick it comes from, if it comes from a schedule.
    pub tick: Option<Timestamp>,
}

/// Somebody who looks at the inbox again and again, with a session of its own.
///
/// It goes along the ids, which is safe only because a single daemon commits
/// its items one transaction after the other.
pub struct ItemReader {
    session: Session,
    after: Statement,
    last_id: i64,
}

impl ItemReader {
    /// Connects; the first look begins with the first item.
    ///
    /// # Errors
    ///
    /// If it cannot, or the schema is not there.
    pub async fn open(options: &ConnectOptions) -> Result<Self, PgError> {
        let session = Session::open(options, SessionRole::Tool, None).await?;
        let sql = "select i.id, i.routine, i.queue, i.title, i.created_at, i.event_seq, i.tick \
                   from hearken.inbox_items i where i.id > $1 order by i.id limit $2";
        let after = session.client().prepare(sql).await?;
        Ok(Self { session, after, last_id: 0 })
    }

    /// The items which are new since the last look.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn look(&mut self) -> Result<Vec<DemoItem>, PgError> {
        let rows = self.session.client().query(&self.after, &[&self.last_id, &ITEMS_PER_LOOK]).await?;
        let items = rows.iter().map(read_item).collect::<Result<Vec<_>, PgError>>()?;
        if let Some(last) = items.last() {
            self.last_id = last.id;
        }
        Ok(items)
    }
}

fn read_item(row: &Row) -> Result<DemoItem, PgError> {
    Ok(DemoItem {
        id: row.try_get(0)?,
        routine: row.try_get(1)?,
        queue: row.try_get(2)?,
        title: row.try_get(3)?,
        created_at: row.try_get(4)?,
        event_seq: row.try_get(5)?,
        tick: row.try_get(6)?,
    })
}

/// Milliseconds from an event to its item, both by the server's clock: for
/// events which the demo did not write and so did not time.
///
/// # Errors
///
/// Of the database.
pub async fn since_event_ms(session: &Session, item_id: i64) -> Result<Option<f64>, PgError> {
    let row = session
        .client()
        .query_opt(
            "select (extract(epoch from i.created_at - e.at) * 1000)::float8 \
             from hearken.inbox_items i join hearken.events e on e.seq = i.event_seq where i.id = $1",
            &[&item_id],
        )
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// An item which a worker holds.
#[derive(Clone, Copy, Debug)]
pub struct HeldItem {
    id: i64,
    token: i64,
    attempt: i32,
}

/// Takes up to `max` items, of whatever queue.
///
/// # Errors
///
/// Of the database.
pub async fn lease_some(session: &Session, max: i32) -> Result<Vec<HeldItem>, PgError> {
    let rows = session
        .client()
        .query(
            "select l.id, l.token, l.attempt from hearken.lease('demo-worker', \
                 (select coalesce(array_agg(distinct i.queue), '{}'::text[]) \
                  from hearken.inbox_items i where i.state in ('waiting', 'failed')), \
                 $1, interval '30 seconds') l",
            &[&max],
        )
        .await?;
    rows.iter().map(read_held).collect()
}

fn read_held(row: &Row) -> Result<HeldItem, PgError> {
    Ok(HeldItem { id: row.try_get(0)?, token: row.try_get(1)?, attempt: row.try_get(2)? })
}

/// Completes what a worker holds. One item in nine fails at its first attempt
/// and comes back two seconds later, as in life.
///
/// # Errors
///
/// Of the database.
pub async fn finish_some(session: &Session, held: &[HeldItem]) -> Result<(), PgError> {
    let ids: Vec<i64> = held.iter().map(|item| item.id).collect();
    let tokens: Vec<i64> = held.iter().map(|item| item.token).collect();
    let attempts: Vec<i32> = held.iter().map(|item| item.attempt).collect();
    session
        .client()
        .query(
            "select case when h.attempt = 1 and h.id % 9 = 0 \
                 then hearken.fail(h.id, h.token, 'the demo lets this attempt fail', true, interval '2 seconds') \
                 else hearken.complete(h.id, h.token, '{\"note\": \"done by the demo\"}'::jsonb) end \
             from unnest($1::bigint[], $2::bigint[], $3::integer[]) as h (id, token, attempt)",
            &[&ids, &tokens, &attempts],
        )
        .await?;
    Ok(())
}

/// How full the inbox is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InboxCounts {
    /// Waiting, or failed and coming back.
    pub waiting: i64,
    /// Held by a worker.
    pub leased: i64,
    /// Done.
    pub done: i64,
    /// Out of attempts.
    pub dead: i64,
}

/// Counts the inbox.
///
/// # Errors
///
/// Of the database.
pub async fn inbox_counts(session: &Session) -> Result<InboxCounts, PgError> {
    let row = session
        .client()
        .query_one(
            "select count(*) filter (where i.state in ('waiting', 'failed')), \
                    count(*) filter (where i.state = 'leased'), \
                    count(*) filter (where i.state = 'done'), \
                    count(*) filter (where i.state = 'dead') \
             from hearken.inbox_items i",
            &[],
        )
        .await?;
    Ok(InboxCounts {
        waiting: row.try_get(0)?,
        leased: row.try_get(1)?,
        done: row.try_get(2)?,
        dead: row.try_get(3)?,
    })
}

/// How many events are in the log.
///
/// # Errors
///
/// Of the database.
pub async fn events_written(session: &Session) -> Result<i64, PgError> {
    let row = session.client().query_one("select count(*) from hearken.events", &[]).await?;
    Ok(row.try_get(0)?)
}

/// What there is at the end.
#[derive(Clone, Debug)]
pub struct Totals {
    /// Events in the log.
    pub events: i64,
    /// Items by routine, the most first.
    pub items: Vec<(String, i64)>,
    /// How full the inbox is.
    pub inbox: InboxCounts,
    /// Drafts whose item was there before.
    pub duplicates: i64,
    /// What failed for good.
    pub dead_letters: i64,
    /// Items which are there twice: same event or tick, same routine, same item
    /// of it. Anything but zero is a bug.
    pub doubled: i64,
}

/// Counts everything.
///
/// # Errors
///
/// Of the database.
pub async fn totals(session: &Session) -> Result<Totals, PgError> {
    let client = session.client();
    let rows = client
        .query(
            "select i.routine, count(*) from hearken.inbox_items i \
             group by i.routine order by count(*) desc, i.routine",
            &[],
        )
        .await?;
    let items = rows.iter().map(read_count).collect::<Result<Vec<_>, PgError>>()?;
    let row = client
        .query_one(
            "select (select count(*) from hearken.decisions d where d.outcome = 'duplicate'), \
                    (select count(*) from hearken.dead_letters), \
                    (select count(*) from (select from hearken.inbox_items i \
                        group by i.event_seq, i.tick, i.routine, i.item having count(*) > 1) twice)",
            &[],
        )
        .await?;
    Ok(Totals {
        events: events_written(session).await?,
        items,
        inbox: inbox_counts(session).await?,
        duplicates: row.try_get(0)?,
        dead_letters: row.try_get(1)?,
        doubled: row.try_get(2)?,
    })
}

fn read_count(row: &Row) -> Result<(String, i64), PgError> {
    Ok((row.try_get(0)?, row.try_get(1)?))
}
