//! Writes what a pass decided, and ends its transaction.
//!
//! The fast way puts drafts into the inbox some hundreds at a time
//! ([`Sending`]). If the database refuses one of them it refuses the statement,
//! so the pass is done again in the slow way: a function with an exception block around each row
//! says which drafts are guilty ([`Writer::enqueue_each`]). Where a draft does
//! not fail but hangs, each goes alone ([`Writer::enqueue_singly`]), still sent
//! at once, so that the statement timeout names the guilty.

mod sending;

pub use sending::Sending;

use super::columns::{Columns, cause_columns};
use super::dead::{self, About, DeadLetter, Decision, Outcome};
use super::error::PgError;
use super::gates::Gates;
use super::inboxes::{Inboxes, Specs};
use super::log::{self, Progress};
use super::session::Session;
use super::table::{Rows, TableReader};
use crate::rules::item::{Cause, ItemDraft};
use crate::rules::name::{QueueName, RoutineName};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::ops::AddAssign;
use tokio::sync::OnceCell;
use tokio_postgres::Statement;

/// What the inbox made of the drafts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Enqueued {
    /// New items.
    pub created: u64,
    /// Drafts whose item was there before; each has its decision.
    pub duplicates: u64,
}

impl AddAssign for Enqueued {
    fn add_assign(&mut self, other: Self) {
        self.created += other.created;
        self.duplicates += other.duplicates;
    }
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
    /// Along a table of the user's: these rows are marked.
    Rows(&'a TableReader, &'a Rows),
    /// Along the schedules: every tick up to then is dealt with.
    Schedules(&'a [(RoutineName, Timestamp)]),
    /// Nowhere: work which was set aside is done.
    Nowhere,
}

/// Writes the outcome of passes over one session.
#[derive(Debug)]
pub struct Writer {
    enqueue: Statement,
    enqueue_few: Statement,
    duplicates: Statement,
    each: Statement,
    append: Statement,
    prune: Statement,
    schedules: Statement,
    ring: Statement,
    record: Statement,
    gates: OnceCell<Gates>,
    inboxes: Inboxes,
}

/// How many rows of progress are kept. They are removed in ranges of
/// [`PRUNE_EVERY`]: a range that is bounded on both sides does not walk over the
/// dead rows which a held xmin keeps.
const PROGRESS_KEPT: i64 = 128;
const PRUNE_EVERY: i64 = 64;

impl Writer {
    /// Prepares the statements; `inboxes` are those which are tables of the user's.
    ///
    /// # Errors
    ///
    /// If the schema is not there, or the grants are not.
    pub async fn prepare(session: &Session, inboxes: Specs) -> Result<Self, PgError> {
        let client = session.client();
        Ok(Self {
            inboxes: Inboxes::new(inboxes),
            enqueue: client.prepare(include_str!("../../sql/queries/enqueue.sql")).await?,
            enqueue_few: client.prepare(include_str!("../../sql/queries/enqueue_few.sql")).await?,
            duplicates: client.prepare(include_str!("../../sql/queries/duplicates.sql")).await?,
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
            record: client.prepare(dead::RECORD).await?,
            gates: OnceCell::new(),
        })
    }

    /// The statements of the gates, prepared when they are first asked for: many
    /// sets of routines have none.
    ///
    /// # Errors
    ///
    /// As [`Gates::prepare`].
    pub async fn gates(&self, session: &Session) -> Result<&Gates, PgError> {
        self.gates.get_or_try_init(|| Gates::prepare(session)).await
    }

    /// The inboxes which are tables of the user's.
    #[must_use]
    pub fn inboxes(&self) -> &Inboxes {
        &self.inboxes
    }

    /// Begins to write the outcome of a pass, in the transaction which is open.
    #[must_use]
    pub fn begin<'a>(&'a self, session: &'a Session, source: &'a str) -> Sending<'a> {
        Sending::new(self, session, source)
    }

    /// Writes decisions and dead letters, stores how far the pass came, and
    /// commits: for passes whose drafts are in the inbox already, or have none.
    ///
    /// # Errors
    ///
    /// As [`Sending::commit`].
    pub async fn commit(
        &self,
        session: &Session,
        source: &str,
        decisions: &[Decision],
        dead: &[DeadLetter],
        advance: Advance<'_>,
    ) -> Result<Enqueued, PgError> {
        self.begin(session, source).commit(decisions, dead, advance).await
    }

    async fn enqueue(&self, session: &Session, columns: Columns) -> Result<u64, PgError> {
        Ok(session.client().execute(&self.enqueue, &columns.parameters()).await?)
    }

    /// Enqueues the drafts in one statement which says of each what became of
    /// it. Call [`Writer::commit`] afterwards.
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
            Advance::Rows(reader, rows) => reader.mark(session, rows).await,
            Advance::Schedules(done) if !done.is_empty() => {
                let routines: Vec<&str> = done.iter().map(|(routine, _)| routine.as_str()).collect();
                let until: Vec<Timestamp> = done.iter().map(|(_, until)| *until).collect();
                session.client().execute(&self.schedules, &[&routines, &until]).await?;
                Ok(())
            }
            Advance::Log(None) | Advance::Schedules(_) | Advance::Nowhere => Ok(()),
        }
    }

    async fn ring(&self, session: &Session, queues: &BTreeSet<QueueName>) -> Result<(), PgError> {
        if queues.is_empty() {
            return Ok(());
        }
        let queues: Vec<&str> = queues.iter().map(QueueName::as_str).collect();
        session.client().execute(&self.ring, &[&queues]).await?;
        Ok(())
    }
}

/// The decision on a draft whose item was there before.
#[must_use]
pub fn duplicate(source: &str, draft: &ItemDraft, met_item_id: Option<i64>) -> Decision {
    Decision {
        about: about(draft),
        source: source.to_owned(),
        routine: Some((draft.routine.clone(), draft.version.clone())),
        item: Some(draft.item.clone()),
        outcome: Outcome::Duplicate,
        reason: "an item with the same dedup key was there before".to_owned(),
        met_item_id,
        event_id: event_id(draft),
    }
}

/// The row of the user's which a draft comes from, by its id.
#[must_use]
pub fn event_id(draft: &ItemDraft) -> Option<String> {
    draft.from.as_ref().map(|from| from.id.clone())
}

/// What a draft is about, as the ledger has it.
#[must_use]
pub fn about(draft: &ItemDraft) -> About {
    about_cause(draft.cause)
}

/// A cause, as the ledger has it.
#[must_use]
pub fn about_cause(cause: Cause) -> About {
    match cause {
        Cause::Event(seq) => About::Event(seq),
        Cause::Tick(tick) => About::Ticks { first: tick, last: tick, count: 1 },
    }
}

/// A draft as JSON text, for the slow way and for dead letters.
#[must_use]
pub fn draft_json(draft: &ItemDraft) -> String {
    draft_value(draft).to_string()
}

/// The same for a letter of a draft which the slow way cannot take by itself: one for
/// a table of the user's, or one whose siblings must come with it.
#[must_use]
pub fn stored_json(draft: &ItemDraft) -> String {
    let mut value = draft_value(draft);
    if let (Some(fields), Ok(stored)) = (value.as_object_mut(), serde_json::to_value(draft)) {
        fields.insert("stored".to_owned(), stored);
    }
    value.to_string()
}

fn draft_value(draft: &ItemDraft) -> serde_json::Value {
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
        "chain": draft.chain.iter().map(RoutineName::as_str).collect::<Vec<_>>(),
        "source": draft.from.as_ref().map(|from| from.source.as_str()),
        "event_id": draft.from.as_ref().map(|from| from.id.as_str()),
        "key": draft.order_key,
        "webhook": draft.webhook.as_deref(),
    })
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
