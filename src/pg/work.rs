//! The worker's half of the inbox: items are leased, held, and answered for.
//!
//! One session with its statements prepared; a worker which is idle sends none of
//! them. Every call is one statement, or two in one round trip, and commits by
//! itself. What may be told twice is said at each: a call which failed with the
//! connection is told again over the next one.

mod bells;
mod item;
mod statements;
#[cfg(test)]
mod tests;
mod word;

pub use self::bells::{is_own_echo, listen_to_queues, ring_own_bell};
pub use self::item::{Leased, More, Taken};
pub use self::word::Word;

use self::statements::Statements;
use super::connect::ConnectOptions;
use super::error::PgError;
use super::session::{Session, SessionRole};
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;
use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;

/// How long a statement of a worker may take. Short, since the heartbeats wait
/// behind it, and the shortest lease is five seconds.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// What is to become of an item whose attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Again, after the pause of its queue, unless this was the last attempt.
    Backoff,
    /// Again after so long, unless this was the last attempt.
    After(Duration),
    /// Never: it is dead.
    Never,
}

/// Longer than any worker runs, and short enough to be added to any time.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Who asks for items, and for which.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The name by which the worker is known in the table.
    pub worker: String,
    /// The queues.
    pub queues: Vec<String>,
    /// How long a lease is to last; none: as the queue says.
    pub lease: Option<Duration>,
    /// Only items all of whose tags are among these; none: any item.
    pub tags: Option<Vec<String>>,
}

/// A lease, as its answer needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The item.
    pub id: i64,
    /// The token of the lease.
    pub token: i64,
}

/// How a lease stands after a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is held, and ends so long after the heartbeat was sent, at the earliest.
    Held(Duration),
    /// The item was completed under this lease, by whom the token was given to.
    Completed,
    /// It is lost.
    Lost,
}

/// A session of a worker.
#[derive(Debug)]
pub struct WorkSession {
    session: Session,
    statements: Statements,
}

impl WorkSession {
    /// Connects and prepares.
    ///
    /// # Errors
    ///
    /// If there is no connection, no schema, or no grant on its functions.
    pub async fn open(options: &ConnectOptions) -> Result<Self, PgError> {
        let session = Session::open(options, SessionRole::Work, None).await?;
        session.limit_statements(STATEMENT_TIMEOUT).await?;
        let statements = Statements::prepare(session.client()).await?;
        Ok(Self { session, statements })
    }

    /// Waits until the connection ends.
    pub async fn closed(&self) {
        self.session.closed().await;
    }

    /// Leases items: one round trip. Of an item which was written in the very
    /// moment of the lease a part has to be read by a second one.
    ///
    /// A row which cannot be read is leased all the same, and comes with what is
    /// wrong with it. If the answer is lost, the leases run out.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn lease(&self, ask: &Ask, max: i32) -> Result<Vec<Taken>, PgError> {
        let (client, lease) = (self.session.client(), seconds(ask.lease));
        let parameters: [&(dyn ToSql + Sync); 5] = [&ask.worker, &ask.queues, &max, &lease, &ask.tags];
        let rows = client.query(&self.statements.lease, &parameters).await?;
        let mut taken = rows.iter().map(item::read).collect::<Result<Vec<_>, _>>()?;
        let partly: Vec<i64> =
            taken.iter().filter(|taken| taken.is_partial()).map(|taken| taken.id).collect();
        if !partly.is_empty() {
            // The items are leased already: what this fails to read is left out.
            match client.query(&self.statements.more, &[&partly]).await {
                Ok(rows) => item::complete(&mut taken, &rows),
                Err(error) => tracing::warn!(error = %PgError::from(error), "a leased item is read in part"),
            }
        }
        Ok(taken)
    }

    /// In how long to lease again, if nothing is heard before; below zero, if
    /// something is due which was not to be had. None, if nothing waits.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn next_due_ms(&self, ask: &Ask) -> Result<Option<f64>, PgError> {
        let asked: [&(dyn ToSql + Sync); 2] = [&ask.queues, &ask.tags];
        let row = self.session.client().query_one(&self.statements.next_due, &asked).await?;
        Ok(row.try_get(0)?)
    }

    /// Heartbeat of several leases: one round trip. The answers have the order of
    /// the leases. May be told twice.
    ///
    /// # Errors
    ///
    /// Of the database; then no lease was extended.
    pub async fn extend(&self, leases: &[Lease], lease: Option<Duration>) -> Result<Vec<Standing>, PgError> {
        let (ids, tokens) = columns(leases);
        let (seconds, client) = (seconds(lease), self.session.client());
        let beats: [&(dyn ToSql + Sync); 3] = [&ids, &tokens, &seconds];
        let asked: [&(dyn ToSql + Sync); 1] = [&ids];
        // How long each lasts now is for a second statement to say: the snapshot of
        // the first is older than what it writes. They are sent in this order.
        let (extended, left) = tokio::try_join!(
            biased;
            client.query(&self.statements.extend, &beats),
            client.query(&self.statements.left, &asked),
        )?;
        let mut words = HashMap::with_capacity(leases.len());
        for row in &extended {
            words.insert(row.try_get::<_, i64>(0)?, Word::parse(row.try_get(1)?)?);
        }
        let mut states: HashMap<i64, (&str, Option<f64>)> = HashMap::with_capacity(leases.len());
        for row in &left {
            states.insert(row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?));
        }
        let standing = |lease: &Lease| match (words.get(&lease.token), states.get(&lease.token)) {
            (Some(Word::Extended), Some(("leased", Some(ms)))) => Standing::Held(from_ms(*ms)),
            (_, Some(("done", _))) => Standing::Completed,
            _ => Standing::Lost,
        };
        Ok(leases.iter().map(standing).collect())
    }

    /// Completes several items, each with its result: one statement. The answers
    /// have the order of the leases; no item may be among them twice. May be told
    /// twice.
    ///
    /// # Errors
    ///
    /// Of the database; then none was completed.
    pub async fn complete_all(
        &self,
        leases: &[Lease],
        results: &[Option<Value>],
    ) -> Result<Vec<Word>, PgError> {
        let (ids, tokens) = columns(leases);
        let rows =
            self.session.client().query(&self.statements.complete_all, &[&ids, &tokens, &results]).await?;
        let mut words = HashMap::with_capacity(leases.len());
        for row in &rows {
            words.insert(row.try_get::<_, i64>(0)?, Word::parse(row.try_get(1)?)?);
        }
        Ok(leases.iter().map(|lease| words.get(&lease.id).copied().unwrap_or(Word::Stale)).collect())
    }

    /// The attempt failed. May be told twice.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn fail(&self, lease: Lease, error: &str, retry: Retry) -> Result<Word, PgError> {
        let (again, after) = match retry {
            Retry::Backoff => (true, None),
            Retry::After(pause) => (true, Some(pause)),
            Retry::Never => (false, None),
        };
        let (id, token, after) = (lease.id, lease.token, seconds(after));
        self.word(&self.statements.fail, &[&id, &token, &error, &again, &after]).await
    }

    /// Puts the item off; the attempt does not count. May be told twice.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn snooze(&self, lease: Lease, pause: Duration, note: Option<&str>) -> Result<Word, PgError> {
        let pause = pause.as_secs_f64();
        self.word(&self.statements.snooze, &[&lease.id, &lease.token, &pause, &note]).await
    }

    /// Gives the item back; the attempt does not count. May be told twice.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn release(&self, lease: Lease) -> Result<Word, PgError> {
        self.word(&self.statements.release, &[&lease.id, &lease.token]).await
    }

    /// Keeps a note for whoever watches the item. May be told twice.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn progress(&self, lease: Lease, note: &Value) -> Result<Word, PgError> {
        self.word(&self.statements.progress, &[&lease.id, &lease.token, note]).await
    }

    async fn word(&self, statement: &Statement, parameters: &[&(dyn ToSql + Sync)]) -> Result<Word, PgError> {
        let row = self.session.client().query_one(statement, parameters).await?;
        Word::parse(row.try_get(0)?)
    }
}

fn columns(leases: &[Lease]) -> (Vec<i64>, Vec<i64>) {
    leases.iter().map(|lease| (lease.id, lease.token)).unzip()
}

/// A duration as the statements take it: there is no type for intervals.
fn seconds(duration: Option<Duration>) -> Option<f64> {
    duration.map(|duration| duration.as_secs_f64())
}

/// A time from now on, in milliseconds; what is past is now.
fn from_ms(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms.max(0.0) / 1e3).unwrap_or(FOR_EVER).min(FOR_EVER)
}
