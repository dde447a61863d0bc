//! Writes what a pass decided, and ends its transaction.
//!
//! The fast way puts all drafts into the inbox with one statement. If the
//! database refuses one of them it refuses the statement, so the pass is done
//! again in the slow way: a function with an exception block around each row
//! says which drafts are guilty ([`Writer::enqueue_each`]). Where a draft does
//! not fail but hangs, each goes alone ([`Writer::enqueue_singly`]), still sent
//! at once, so that the statement timeout names the guilty.

use super::dead::{self, DeadLetter, Decision};
use super::error::PgError;
use super::log::{self, Progress};
use super::session::Session;
use super::types::JsonString;
use crate::rules::item::{Cause, ItemDraft};
use crate::rules::name::RoutineName;
use jiff::Timestamp;
use std::collections::BTreeSet;
use tokio_postgres::Statement;

/// What the inbox made of the drafts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Enqueued {
    /// New items.
    pub created: u64,
    /// Drafts whose item was there before; each has its decision.
    pub duplicates: u64,
}

/// What became of one draft on the slow way.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// A new item.
    Created,
    /// It was there before, perhaps as the item named.
    Duplicate(Option<i64>),
    /// The database refused it.
    Refused {
        /// Its SQLSTATE.
        sqlstate: String,
        /// Its message.
        message: String,
    },
}

/// How far a pass came, to be stored with its items.
#[derive(Debug)]
pub enum Advance<'a> {
    /// Along the log.
    Log(Option<&'a Progress>),
    /// Along the schedules: every tick up to then is dealt with.
    Schedules(&'a [(RoutineName, Timestamp)]),
    /// Nowhere: work which was set aside is done.
    Nowhere,
}

/// Writes the outcome of passes over one session.
#[derive(Debug)]
pub struct Writer {
    enqueue: Statement,
    each: Statement,
    append: Statement,
    prune: Statement,
    schedules: Statement,
    ring: Statement,
}

/// How many rows of progress are kept. They are removed in ranges of
/// [`PRUNE_EVERY`]: a range that is bounded on both sides does not walk over the
/// dead rows which a held xmin keeps.
const PROGRESS_KEPT: i64 = 128;
const PRUNE_EVERY: i64 = 64;

impl Writer {
    /// Prepares the statements.
    ///
    /// # Errors
    ///
    /// If the schema is not there, or the grants are not.
    pub async fn prepare(session: &Session) -> Result<Self, PgError> {
        let client = session.client();
        Ok(Self {
            enqueue: client.prepare(include_str!("../../sql/queries/enqueue.sql")).await?,
            each: client.prepare("select * from hearken.enqueue_each($1)").await?,
            append: client.prepare(log::APPEND).await?,
            prune: client
                .prepare("delete from hearken.progress where source = 'events' and n >= $1 and n < $2")
                .await?,
            schedules: client
                .prepare(
                    "update hearken.schedules s set planned_until = d.planned_until \
                     from unnest($1::text[], $2::timestamptz[]) as d (routine, planned_until) \
                     where s.routine = d.routine",
                )
                .await?,
            ring: client
                .prepare("select pg_notify('hearken:' || q, '') from unnest($1::text[]) as q")
                .await?,
        })
    }

    /// Enqueues the drafts, writes decisions and dead letters, stores how far
    /// the pass came, rings the workers, and commits: one round trip.
    ///
    /// # Errors
    ///
    /// Of the database. Nothing is written then, and the transaction is to be
    /// rolled back.
    pub async fn commit(
        &self,
        session: &Session,
        source: &str,
        drafts: &[ItemDraft],
        decisions: &[Decision],
        dead: &[DeadLetter],
        advance: Advance<'_>,
    ) -> Result<Enqueued, PgError> {
        let client = session.client();
        let queues: BTreeSet<&str> = drafts.iter().map(|draft| draft.queue.as_str()).collect();
        // Rare, and prepared as they come, which takes a round trip.
        dead::record(session, decisions).await?;
        dead::bury(session, dead).await?;
        // Sent together. If one fails, the commit becomes a rollback.
        let (enqueued, (), (), ()) = futures_util::try_join!(
            self.enqueue(session, source, drafts),
            self.advance(session, advance),
            self.ring(session, &queues),
            async { client.batch_execute("commit").await.map_err(PgError::from) },
        )?;
        Ok(enqueued)
    }

    async fn enqueue(
        &self,
        session: &Session,
        source: &str,
        drafts: &[ItemDraft],
    ) -> Result<Enqueued, PgError> {
        if drafts.is_empty() {
            return Ok(Enqueued::default());
        }
        let columns = Columns::of(drafts);
        let row = session
            .client()
            .query_one(
                &self.enqueue,
                &[
                    &columns.dedup_key,
                    &columns.event_seq,
                    &columns.tick,
                    &columns.due_at,
                    &columns.priority,
                    &columns.attempts_max,
                    &columns.queue,
                    &columns.routine,
                    &columns.version,
                    &columns.item,
                    &columns.tenant,
                    &columns.title,
                    &columns.instructions,
                    &columns.context,
                    &columns.tags,
                    &source,
                ],
            )
            .await?;
        let count = |place: usize| u64::try_from(row.get::<_, i64>(place)).unwrap_or_default();
        Ok(Enqueued { created: count(0), duplicates: count(1) })
    }

    /// Enqueues the drafts in one statement which says of each what became of
    /// it. Call [`Writer::commit`] without drafts afterwards.
    ///
    /// # Errors
    ///
    /// Of the database as a whole, never of a single draft.
    pub async fn enqueue_each(
        &self,
        session: &Session,
        drafts: &[ItemDraft],
    ) -> Result<Vec<Verdict>, PgError> {
        let texts: Vec<String> = drafts.iter().map(draft_json).collect();
        let rows = session.client().query(&self.each, &[&texts]).await?;
        Ok(rows.iter().map(verdict).collect())
    }

    /// Enqueues each draft in a statement of its own, all sent at once, so that
    /// `timeout_ms` strikes the one which hangs.
    ///
    /// # Errors
    ///
    /// Of the database as a whole, never of a single draft.
    pub async fn enqueue_singly(
        &self,
        session: &Session,
        drafts: &[ItemDraft],
        timeout_ms: u32,
    ) -> Result<Vec<Verdict>, PgError> {
        let client = session.client();
        client.batch_execute(&format!("set local statement_timeout = {timeout_ms}")).await?;
        let texts: Vec<Vec<String>> = drafts.iter().map(|draft| vec![draft_json(draft)]).collect();
        let sent = texts.iter().map(|text| async move { client.query_one(&self.each, &[text]).await });
        let rows = futures_util::future::try_join_all(sent).await?;
        Ok(rows.iter().map(verdict).collect())
    }

    async fn advance(&self, session: &Session, advance: Advance<'_>) -> Result<(), PgError> {
        match advance {
            Advance::Log(Some(progress)) => {
                let prune = async {
                    if progress.n % PRUNE_EVERY != 0 {
                        return Ok(());
                    }
                    let below = progress.n - PROGRESS_KEPT;
                    let from = below - PRUNE_EVERY;
                    session.client().execute(&self.prune, &[&from, &below]).await?;
                    Ok::<_, PgError>(())
                };
                futures_util::try_join!(log::append_progress(session, &self.append, progress), prune)
                    .map(drop)
            }
            Advance::Schedules(done) if !done.is_empty() => {
                let routines: Vec<&str> = done.iter().map(|(routine, _)| routine.as_str()).collect();
                let until: Vec<Timestamp> = done.iter().map(|(_, until)| *until).collect();
                session.client().execute(&self.schedules, &[&routines, &until]).await?;
                Ok(())
            }
            Advance::Log(None) | Advance::Schedules(_) | Advance::Nowhere => Ok(()),
        }
    }

    async fn ring(&self, session: &Session, queues: &BTreeSet<&str>) -> Result<(), PgError> {
        if queues.is_empty() {
            return Ok(());
        }
        let queues: Vec<&str> = queues.iter().copied().collect();
        session.client().execute(&self.ring, &[&queues]).await?;
        Ok(())
    }
}

/// The drafts turned on their side: an array for each column.
#[derive(Default)]
struct Columns<'a> {
    dedup_key: Vec<&'a [u8]>,
    event_seq: Vec<Option<i64>>,
    tick: Vec<Option<Timestamp>>,
    due_at: Vec<Option<Timestamp>>,
    priority: Vec<i32>,
    attempts_max: Vec<i32>,
    queue: Vec<&'a str>,
    routine: Vec<&'a str>,
    version: Vec<&'a str>,
    item: Vec<&'a str>,
    tenant: Vec<Option<&'a str>>,
    title: Vec<&'a str>,
    instructions: Vec<&'a str>,
    context: Vec<JsonString>,
    tags: Vec<String>,
}

impl<'a> Columns<'a> {
    fn of(drafts: &'a [ItemDraft]) -> Self {
        let mut columns = Self::default();
        for draft in drafts {
            let (event_seq, tick) = cause_columns(draft.cause);
            columns.dedup_key.push(&draft.key.0);
            columns.event_seq.push(event_seq);
            columns.tick.push(tick);
            columns.due_at.push(draft.due_at);
            columns.priority.push(draft.priority);
            columns.attempts_max.push(draft.attempts_max);
            columns.queue.push(draft.queue.as_str());
            columns.routine.push(draft.routine.as_str());
            columns.version.push(draft.version.as_str());
            columns.item.push(draft.item.as_str());
            columns.tenant.push(draft.tenant.as_deref());
            columns.title.push(&draft.title);
            columns.instructions.push(&draft.instructions);
            columns.context.push(JsonString(draft.context.to_string()));
            columns.tags.push(array_literal(&draft.tags));
        }
        columns
    }
}

/// The event or the tick of a draft, as the tables keep them.
pub(super) fn cause_columns(cause: Cause) -> (Option<i64>, Option<Timestamp>) {
    match cause {
        Cause::Event(seq) => (Some(seq), None),
        Cause::Tick(tick) => (None, Some(tick)),
    }
}

/// A `text[]` as PostgreSQL writes it, every element quoted.
fn array_literal(values: &[String]) -> String {
    let quoted: Vec<String> = values
        .iter()
        .map(|value| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")))
        .collect();
    format!("{{{}}}", quoted.join(","))
}

/// A draft as JSON text, for the slow way and for dead letters.
#[must_use]
pub fn draft_json(draft: &ItemDraft) -> String {
    let (event_seq, tick) = cause_columns(draft.cause);
    serde_json::json!({
        "dedup_key": hex::encode(draft.key.0),
        "event_seq": event_seq,
        "tick": tick.map(|tick| tick.to_string()),
        "due_at": draft.due_at.map(|due_at| due_at.to_string()),
        "priority": draft.priority,
        "attempts_max": draft.attempts_max,
        "queue": draft.queue.as_str(),
        "routine": draft.routine.as_str(),
        "version": draft.version.as_str(),
        "item": draft.item.as_str(),
        "tenant": draft.tenant,
        "title": draft.title,
        "instructions": &*draft.instructions,
        "context": draft.context,
        "tags": &*draft.tags,
    })
    .to_string()
}

fn verdict(row: &tokio_postgres::Row) -> Verdict {
    let created: Option<i64> = row.get("item_id");
    let code: Option<String> = row.get("code");
    let message: Option<String> = row.get("message");
    match (created, code) {
        (_, Some(sqlstate)) => Verdict::Refused { sqlstate, message: message.unwrap_or_default() },
        (Some(_), None) => Verdict::Created,
        (None, None) => Verdict::Duplicate(row.get("met_item_id")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_literal_survives_quotes_and_backslashes() {
        let values = [r#"a"b"#.to_owned(), r"c\d".to_owned(), "e,f".to_owned()];
        assert_eq!(array_literal(&values), r#"{"a\"b","c\\d","e,f"}"#);
        assert_eq!(array_literal(&[]), "{}");
    }
}
