//! The outcome of a pass on its way into the database, up to the commit.

use super::{Advance, Enqueued, Writer, duplicate};
use crate::pg::columns::Columns;
use crate::pg::dead::{self, DeadLetter, Decision};
use crate::pg::error::PgError;
use crate::pg::session::Session;
use crate::rules::item::ItemDraft;
use crate::rules::name::QueueName;
use futures_util::future::BoxFuture;
use postgres_types::ToSql;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

/// Up to so many drafts go with the commit in one round trip; beyond it the
/// statement which that takes costs more than the round trip.
const FEW: usize = 64;

/// The commit of a pass does not wait for the disk. Items and progress are
/// one transaction: if the server crashes before it is flushed, both are gone
/// and the pass is done again. Whoever commits on the strength of an item, a
/// lease say, flushes the pass with it, since the log is written in order. So
/// nothing is lost or doubled; what is saved is a flush for each event of a
/// quiet system, which its writers would have to share.
const COMMIT: &str = "set local synchronous_commit = off; commit";

/// An answer of the inbox which nobody has waited for yet.
type Answer<'a> = BoxFuture<'a, Result<u64, PgError>>;

/// The outcome of a pass on its way into the database.
///
/// Drafts are sent while later ones are still being planned, so that the server
/// and we work at the same time; nobody waits for an answer in between.
pub struct Sending<'a> {
    writer: &'a Writer,
    session: &'a Session,
    source: &'a str,
    /// (A mutex which nobody locks: it lets the whole be lent to several threads.)
    sent: Mutex<Vec<Answer<'a>>>,
    offered: Vec<ItemDraft>,
    drafts: Vec<ItemDraft>,
    queues: BTreeSet<QueueName>,
}

impl<'a> Sending<'a> {
    pub(super) fn new(writer: &'a Writer, session: &'a Session, source: &'a str) -> Self {
        Self {
            writer,
            session,
            source,
            sent: Mutex::default(),
            offered: Vec::new(),
            drafts: Vec::new(),
            queues: BTreeSet::new(),
        }
    }

    fn answers(&mut self) -> &mut Vec<Answer<'a>> {
        self.sent.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rings the workers of a queue with the commit: for an item which is in the
    /// inbox already.
    pub fn ring_for(&mut self, queue: &QueueName) {
        self.queues.insert(queue.clone());
    }

    /// Sends some drafts, without waiting for what becomes of them. Few are kept
    /// back to go with the commit.
    pub async fn push(&mut self, mut drafts: Vec<ItemDraft>) {
        self.queues.extend(drafts.iter().map(|draft| draft.queue.clone()));
        if self.answers().is_empty() && self.drafts.len() + drafts.len() <= FEW {
            self.drafts.append(&mut drafts);
            return;
        }
        drafts.splice(0..0, self.drafts.drain(..));
        if drafts.is_empty() {
            return;
        }
        let (writer, session, columns) = (self.writer, self.session, Columns::of(&mut drafts));
        let mut future: Answer<'a> = Box::pin(async move { writer.enqueue(session, columns).await });
        // The first poll hands the statement to the connection's task, and the
        // yield lets that task write it. An answer at once is kept.
        if let std::task::Poll::Ready(result) = futures_util::poll!(future.as_mut()) {
            future = Box::pin(std::future::ready(result));
        }
        tokio::task::yield_now().await;
        self.answers().push(future);
        self.offered.append(&mut drafts);
    }

    /// Why what was sent so far failed, if it did.
    pub async fn failed(self) -> Option<PgError> {
        let sent = self.sent.into_inner().unwrap_or_else(PoisonError::into_inner);
        futures_util::future::try_join_all(sent).await.err()
    }

    /// Waits for the inbox's answers, writes decisions and dead letters, stores
    /// how far the pass came, rings the workers, and commits: two round trips,
    /// one more for each kind of trouble.
    ///
    /// # Errors
    ///
    /// Of the database. Nothing is written then, and the transaction is to be
    /// rolled back.
    pub async fn commit(
        mut self,
        decisions: &[Decision],
        dead: &[DeadLetter],
        advance: Advance<'_>,
    ) -> Result<Enqueued, PgError> {
        if self.answers().is_empty() {
            return self.commit_few(decisions, dead, advance).await;
        }
        let sent = std::mem::take(self.answers());
        let record = &self.writer.record;
        let (created, (), (), ()) = futures_util::try_join!(
            futures_util::future::try_join_all(sent),
            self.writer.advance(self.session, advance),
            self.writer.ring(self.session, &self.queues),
            dead::record(self.session, record, decisions),
        )?;
        let created = created.iter().sum();
        let duplicates = self.offered.len() as u64 - created;
        if duplicates > 0 {
            dead::record(self.session, record, &self.duplicates().await?).await?;
        }
        dead::bury(self.session, dead).await?;
        self.session.client().batch_execute(COMMIT).await?;
        Ok(Enqueued { created, duplicates })
    }

    /// Everything with one round trip, the commit among it. If a statement
    /// fails, those behind it are refused, the commit as well.
    async fn commit_few(
        mut self,
        decisions: &[Decision],
        dead: &[DeadLetter],
        advance: Advance<'_>,
    ) -> Result<Enqueued, PgError> {
        // Rare, and prepared as they come, which takes a round trip.
        dead::bury(self.session, dead).await?;
        let columns = Columns::of(&mut self.drafts);
        let few = async {
            if self.drafts.is_empty() {
                return Ok(Enqueued::default());
            }
            let parameters = columns.parameters();
            let parameters = parameters.into_iter().chain([&self.source as &(dyn ToSql + Sync)]);
            let parameters: Vec<_> = parameters.collect();
            let row = self.session.client().query_one(&self.writer.enqueue_few, &parameters).await?;
            let count = |place: usize| u64::try_from(row.get::<_, i64>(place)).unwrap_or_default();
            Ok(Enqueued { created: count(0), duplicates: count(1) })
        };
        let (enqueued, (), (), (), ()) = futures_util::try_join!(
            few,
            self.writer.advance(self.session, advance),
            self.writer.ring(self.session, &self.queues),
            dead::record(self.session, &self.writer.record, decisions),
            async { self.session.client().batch_execute(COMMIT).await.map_err(PgError::from) },
        )?;
        Ok(enqueued)
    }

    /// The decisions on drafts whose item was there before.
    async fn duplicates(&self) -> Result<Vec<Decision>, PgError> {
        let keys: Vec<&[u8]> = self.offered.iter().map(|draft| &draft.key.0[..]).collect();
        let rows = self.session.client().query(&self.writer.duplicates, &[&keys]).await?;
        let met: HashMap<&[u8], i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let mut seen = HashSet::new();
        let twice =
            self.offered.iter().filter(|draft| !seen.insert(draft.key) || met.contains_key(&draft.key.0[..]));
        Ok(twice.map(|draft| duplicate(self.source, draft, met.get(&draft.key.0[..]).copied())).collect())
    }
}
