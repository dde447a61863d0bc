//! What `hearken fire` asks the database: one event of the log, which items there are
//! of some keys already, and what is written beside new ones.

use super::dead::{self, Decision};
use super::error::PgError;
use super::session::Session;
use super::types::KeyBytes;
use crate::rules::event::Event;
use crate::rules::item::{Cause, DedupKey};
use crate::rules::name::{QueueName, RoutineName, SourceName};
use crate::rules::routine::Routine;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use tokio_postgres::Row;

/// How people name an event of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventName {
    /// By its number.
    Seq(i64),
    /// By the id which its writer gave it. Several may have the same.
    Id(String),
}

/// What is found under the name of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// The event.
    One(Box<Event>),
    /// It is there, and cannot be read.
    Unreadable {
        /// Its number.
        seq: i64,
        /// Why.
        why: String,
    },
    /// Several have this id: their numbers, the latest first, of some of them.
    Several(Vec<i64>),
    /// There is none. It may have been there.
    Gone,
    /// No event has had such a number yet.
    Never,
}

/// So many numbers are told where several events have one id.
const SEVERAL: i64 = 5;

/// As the claim reads it: a time which the daemon cannot hold gives way.
const EVENT: &str = "\
    select e.seq, e.id, e.source, e.type, e.subject, e.tenant, e.chain, \
           case when e.time >= '0001-01-02' and e.time < '9999-12-30' then e.time else e.at end as time, \
           e.data::text as data, e.old::text as old, e.meta::text as meta \
    from hearken.events e";

/// Reads an event of the log. By an id it may take long, since the log has no index
/// of them.
///
/// # Errors
///
/// Of the database.
pub async fn event(session: &Session, name: &EventName) -> Result<Found, PgError> {
    let client = session.client();
    let rows = match name {
        EventName::Seq(seq) => client.query(format!("{EVENT} where e.seq = $1").as_str(), &[seq]).await?,
        EventName::Id(id) => {
            let sql = format!("{EVENT} where e.id = $1 order by e.seq desc limit $2");
            client.query(sql.as_str(), &[id, &SEVERAL]).await?
        }
    };
    match (&rows[..], name) {
        ([row], _) => read_event(row),
        ([], EventName::Seq(seq)) => {
            let last = "select case when is_called then last_value else 0 end from hearken.events_seq";
            let last: i64 = client.query_one(last, &[]).await?.try_get(0)?;
            Ok(if *seq > last || *seq < 1 { Found::Never } else { Found::Gone })
        }
        ([], EventName::Id(_)) => Ok(Found::Gone),
        ([_, _, ..], _) => {
            let mut seqs = Vec::with_capacity(rows.len());
            for row in &rows {
                seqs.push(row.try_get(0)?);
            }
            Ok(Found::Several(seqs))
        }
    }
}

fn read_event(row: &Row) -> Result<Found, PgError> {
    let seq = row.try_get("seq")?;
    let mut bodies = Vec::with_capacity(3);
    for column in ["data", "old", "meta"] {
        let text: Option<&str> = row.try_get(column)?;
        match text.map(serde_json::from_str::<Value>).transpose() {
            Ok(value) => bodies.push(value),
            Err(error) => {
                return Ok(Found::Unreadable { seq, why: format!("its {column} cannot be read: {error}") });
            }
        }
    }
    let mut bodies = bodies.into_iter();
    let mut body = || bodies.next().flatten();
    let (data, old, meta) = (body(), body(), body());
    let chain: Option<Vec<Option<String>>> = row.try_get("chain")?;
    let chain = chain.into_iter().flatten().flatten();
    Ok(Found::One(Box::new(Event {
        from: SourceName::log(),
        seq,
        id: row.try_get("id")?,
        origin: row.try_get("source")?,
        kind: row.try_get("type")?,
        subject: row.try_get("subject")?,
        time: row.try_get("time")?,
        tenant: row.try_get("tenant")?,
        data: data.unwrap_or(Value::Null),
        old,
        meta: meta.unwrap_or(Value::Null),
        chain: chain.filter_map(|name| RoutineName::parse(&name).ok()).collect(),
    })))
}

/// Where there is something with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the inbox.
    Inbox,
    /// Among the drafts which gates hold.
    Held,
    /// In the history.
    History,
}

/// What has a key: a number, and where it is.
pub type Standing = HashMap<DedupKey, (i64, Place)>;

/// What has some keys now, in the inbox or among the held drafts.
///
/// # Errors
///
/// Of the database.
pub async fn standing(session: &Session, keys: &[DedupKey]) -> Result<Standing, PgError> {
    let sql = "\
        select i.dedup_key, i.id, false from hearken.inbox_items i where i.dedup_key = any($1) \
        union all \
        select h.dedup_key, h.id, true from hearken.held h where h.dedup_key = any($1)";
    let keys: Vec<KeyBytes> = keys.iter().copied().map(KeyBytes).collect();
    let mut standing = Standing::new();
    for row in session.client().query(sql, &[&keys]).await? {
        let place = if row.try_get(2)? { Place::Held } else { Place::Inbox };
        note(&mut standing, &row, place)?;
    }
    Ok(standing)
}

/// What had some keys and is in the history: items of a routine and a cause. The inbox
/// has forgotten them.
///
/// # Errors
///
/// Of the database.
pub async fn in_history(
    session: &Session,
    routine: &RoutineName,
    cause: Cause,
    keys: &[DedupKey],
) -> Result<Standing, PgError> {
    let keys: Vec<KeyBytes> = keys.iter().copied().map(KeyBytes).collect();
    let sql = |of_cause: &str| {
        format!(
            "select h.dedup_key, h.id from hearken.history h \
             where h.routine = $1 and h.{of_cause} = $2 and h.dedup_key = any($3)"
        )
    };
    let (routine, client) = (routine.as_str(), session.client());
    let rows = match cause {
        Cause::Event(seq) => client.query(sql("event_seq").as_str(), &[&routine, &seq, &keys]).await?,
        Cause::Tick(tick) => client.query(sql("tick").as_str(), &[&routine, &tick, &keys]).await?,
    };
    let mut standing = Standing::new();
    for row in rows {
        note(&mut standing, &row, Place::History)?;
    }
    Ok(standing)
}

fn note(standing: &mut Standing, row: &Row, place: Place) -> Result<(), PgError> {
    // Keys have 32 bytes: the tables see to it.
    if let Ok(key) = <[u8; 32]>::try_from(row.try_get::<_, &[u8]>(0)?) {
        standing.insert(DedupKey(key), (row.try_get(1)?, place));
    }
    Ok(())
}

/// What is written beside the items.
#[derive(Debug)]
pub struct Beside<'a> {
    /// The routine, whose text is kept by its version.
    pub routine: &'a Routine,
    /// What was decided.
    pub decisions: &'a [Decision],
    /// The queues for which something came.
    pub queues: &'a BTreeSet<QueueName>,
    /// Whether the daemon is to look at what gates hold.
    pub ring: Ring,
}

/// Whether the daemon is to be rung for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ring {
    /// Drafts are held from now on.
    Daemon,
    /// None is.
    Nobody,
}

/// Writes decisions and the version of the routine, and rings, in the transaction which
/// is open. What would fail at the commit fails here.
///
/// # Errors
///
/// Of the database.
pub async fn write(session: &Session, beside: &Beside<'_>) -> Result<(), PgError> {
    let client = session.client();
    let Routine { name, version, text, .. } = beside.routine;
    let hash = Sha256::digest(text.as_bytes()).to_vec();
    let keep = "insert into hearken.routine_versions (name, version, sha256, text) \
                values ($1, $2, $3, $4) on conflict do nothing";
    client.execute(keep, &[&name.as_str(), &version.as_str(), &hash, &&**text]).await?;
    dead::record(session, dead::RECORD, beside.decisions).await?;
    if !beside.queues.is_empty() {
        let queues: Vec<&str> = beside.queues.iter().map(QueueName::as_str).collect();
        let ring = "select pg_notify('hearken:' || q, '') from unnest($1::text[]) as q";
        client.execute(ring, &[&queues]).await?;
    }
    if beside.ring == Ring::Daemon {
        let ring = "select pg_notify($1, $2)";
        client.execute(ring, &[&super::doorbell::CHANNEL, &super::doorbell::GATES]).await?;
    }
    Ok(client.batch_execute("set constraints all immediate").await?)
}

/// Makes it last. Unlike the commit of a pass it waits for the disk, since somebody is
/// told that it is done.
///
/// # Errors
///
/// Of the database.
pub async fn commit(session: &Session) -> Result<(), PgError> {
    Ok(session.client().batch_execute("commit").await?)
}

/// Whether a routine is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// It is, to the letter.
    Same,
    /// Another version of it is.
    Another,
    /// No routine of that name is.
    None,
}

/// Whether the routine is in force as it is here.
///
/// # Errors
///
/// Of the database.
pub async fn force(session: &Session, routine: &Routine) -> Result<Force, PgError> {
    let sql = "select s.members ->> $1::text from hearken.routine_sets s order by s.n desc limit 1";
    let row = session.client().query_opt(sql, &[&routine.name.as_str()]).await?;
    let in_force: Option<String> = row.map(|row| row.try_get::<_, Option<String>>(0)).transpose()?.flatten();
    Ok(match in_force {
        Some(version) if version == routine.version.as_str() => Force::Same,
        Some(_) => Force::Another,
        None => Force::None,
    })
}
