//! Writes events to the log, as an application does.
//!
//! It needs no more than a writer's role may do: `hearken.emit()`, or a plain insert
//! of the columns which are the writer's.

use super::error::{PgError, Policy};
use super::session::Session;
use jiff::Timestamp;
use std::fmt;
use std::str::FromStr;

/// An event to be written; what is none has the default of the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewEvent {
    /// Its type; not empty.
    pub kind: String,
    /// What happened, as JSON text.
    pub data: String,
    /// What it happened to.
    pub subject: Option<String>,
    /// Where it happened: `app`, if none.
    pub source: Option<String>,
    /// The writer's id: a random one, if none.
    pub id: Option<String>,
    /// When it happened: when the log took it, if none.
    pub time: Option<Timestamp>,
    /// What there was before, as JSON text.
    pub old: Option<String>,
    /// Whose event it is.
    pub tenant: Option<String>,
    /// What is carried along, as JSON text.
    pub meta: Option<String>,
}

/// A lease under which events are emitted: by it they carry the causes of its item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Under {
    /// The item.
    pub id: i64,
    /// The token of the lease.
    pub token: i64,
}

/// A text is no lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a lease is written as the item's id and its token, such as `12:7`")]
pub struct NoLease;

impl FromStr for Under {
    type Err = NoLease;

    fn from_str(text: &str) -> Result<Self, NoLease> {
        let (id, token) = text.split_once(':').ok_or(NoLease)?;
        let number = |text: &str| text.parse::<i64>().map_err(|_| NoLease);
        Ok(Self { id: number(id)?, token: number(token)? })
    }
}

impl fmt::Display for Under {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.id, self.token)
    }
}

/// Writes one event and gives its number. With a lease which is not the last one of
/// its item the event has no causes, and that is no error.
///
/// # Errors
///
/// Of the database; nothing was written then.
pub async fn emit(session: &Session, event: &NewEvent, under: Option<Under>) -> Result<i64, PgError> {
    session.client().batch_execute("begin").await?;
    match emit_in(session, event, under).await {
        Ok(seq) => {
            session.client().batch_execute("commit").await?;
            Ok(seq)
        }
        Err(error) => {
            // If the session is gone, so is the transaction.
            let _ = session.client().batch_execute("rollback").await;
            Err(error)
        }
    }
}

const EMIT: &str = "\
    select hearken.emit($1::text, $2::text::jsonb, $3::text, $4::text, $5::text, $6::timestamptz, \
                         $7::text::jsonb, $8::text, $9::text::jsonb)";

/// Writes an event in the transaction which is open.
async fn emit_in(session: &Session, event: &NewEvent, under: Option<Under>) -> Result<i64, PgError> {
    begin_under(session, under).await?;
    let NewEvent { kind, data, subject, source, id, time, old, tenant, meta } = event;
    let row =
        session.client().query_one(EMIT, &[kind, data, subject, source, id, time, old, tenant, meta]).await?;
    Ok(row.try_get(0)?)
}

async fn begin_under(session: &Session, under: Option<Under>) -> Result<(), PgError> {
    if let Some(Under { id, token }) = under {
        session.client().batch_execute(&format!("select hearken.under({id}, {token})")).await?;
    }
    Ok(())
}

/// What came of several events.
#[derive(Debug, Default)]
pub struct Emitted {
    /// The numbers of those which were written, in their order.
    pub seqs: Vec<i64>,
    /// The place of the one at which it stopped, from 0, and what the database said of
    /// it; those before it are written.
    pub refused: Option<(usize, PgError)>,
}

/// In the order of the array, so that numbers are.
const EMIT_ALL: &str = "\
    insert into hearken.events (type, data, subject, source, id, time, old, tenant, meta) \
    select e.type, e.data::jsonb, e.subject, coalesce(e.source, 'app'), \
           coalesce(e.id, gen_random_uuid()::text), e.time, e.old::jsonb, e.tenant, e.meta::jsonb \
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[], \
                $8::text[], $9::text[]) \
         with ordinality as e (type, data, subject, source, id, time, old, tenant, meta, n) \
    order by e.n \
    returning seq";

/// Writes events in one transaction. If the database refuses some of them, those
/// before the first of these are written, and the others are not.
///
/// # Errors
///
/// Of the database as a whole. Nothing was written then, unless the connection was
/// lost at the commit.
pub async fn emit_all(
    session: &Session,
    events: &[NewEvent],
    under: Option<Under>,
) -> Result<Emitted, PgError> {
    session.client().batch_execute("begin").await?;
    let written = async {
        begin_under(session, under).await?;
        insert_all(session, events).await
    };
    match written.await {
        Ok(seqs) => {
            session.client().batch_execute("commit").await?;
            Ok(Emitted { seqs, refused: None })
        }
        Err(error) if error.policy() == Policy::Reconnect => Err(error),
        Err(_) => {
            session.client().batch_execute("rollback").await?;
            up_to_the_first_refused(session, events, under).await
        }
    }
}

async fn insert_all(session: &Session, events: &[NewEvent]) -> Result<Vec<i64>, PgError> {
    let kind: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    let data: Vec<&str> = events.iter().map(|event| event.data.as_str()).collect();
    let subject: Vec<Option<&str>> = events.iter().map(|event| event.subject.as_deref()).collect();
    let source: Vec<Option<&str>> = events.iter().map(|event| event.source.as_deref()).collect();
    let id: Vec<Option<&str>> = events.iter().map(|event| event.id.as_deref()).collect();
    let time: Vec<Option<Timestamp>> = events.iter().map(|event| event.time).collect();
    let old: Vec<Option<&str>> = events.iter().map(|event| event.old.as_deref()).collect();
    let tenant: Vec<Option<&str>> = events.iter().map(|event| event.tenant.as_deref()).collect();
    let meta: Vec<Option<&str>> = events.iter().map(|event| event.meta.as_deref()).collect();
    let rows = session
        .client()
        .query(EMIT_ALL, &[&kind, &data, &subject, &source, &id, &time, &old, &tenant, &meta])
        .await?;
    let mut seqs = Vec::with_capacity(rows.len());
    for row in rows {
        seqs.push(row.try_get(0)?);
    }
    Ok(seqs)
}

/// The same one by one, up to the first which the database refuses.
async fn up_to_the_first_refused(
    session: &Session,
    events: &[NewEvent],
    under: Option<Under>,
) -> Result<Emitted, PgError> {
    let mut emitted = Emitted::default();
    session.client().batch_execute("begin").await?;
    for (place, event) in events.iter().enumerate() {
        session.savepoint("event").await?;
        match emit_in(session, event, under).await {
            Ok(seq) => emitted.seqs.push(seq),
            Err(error) if error.policy() == Policy::Reconnect => return Err(error),
            Err(error) => {
                session.take_back("event").await?;
                emitted.refused = Some((place, error));
                break;
            }
        }
        session.release("event").await?;
    }
    session.client().batch_execute("commit").await?;
    Ok(emitted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_an_id_and_a_token() {
        assert_eq!("12:7".parse::<Under>(), Ok(Under { id: 12, token: 7 }));
        for text in ["", "12", "12:", ":7", "a:b", "12:7:1", "12.0:7"] {
            assert_eq!(text.parse::<Under>(), Err(NoLease), "{text}");
        }
    }
}
