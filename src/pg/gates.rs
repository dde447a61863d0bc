//! Reads what the gates have to know, and writes what they changed.
//!
//! A constant number of statements, whatever the number of drafts, in one or two
//! round trips: where drafts collect, the bursts and batches are read first, since
//! one of them may be due and then asks about more.
//!
//! Whoever judges drafts of a routine holds an advisory lock for the transaction.
//! There are 64 of these locks, and a routine belongs to one of them: a
//! lock for each key, of which a pass may have thousands, would fill the server's
//! lock table. They are taken in order, so that nobody waits in a circle. Items are
//! read without a lock, and locked only to be changed, passing over those which
//! somebody else holds: a worker may complete in a long transaction of its own.

macro_rules! gate_sql {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/queries/gates/", $name, ".sql"))
    };
}

mod foreign;
mod read;
mod release;
mod write;

pub use foreign::{ForeignRows, sweep};
pub use release::{Chosen, HeldLimits, Queue, Ready, Timers, Which, cancel_gone, drop_spoilt, prune, timers};

use super::error::PgError;
use super::inboxes::Inboxes;
use super::session::Session;
use super::types::KeyBytes;
use crate::rules::gate::State;
use crate::rules::gate::entry::{Held, HeldRole};
use crate::rules::gate::wanted::Wanted;
use crate::rules::item::{DedupKey, Planned};
use foreign::ForeignStatements;
use jiff::Timestamp;
use read::{Met, readable};
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use tokio_postgres::Statement;
use tokio_postgres::error::SqlState;

/// First key of the advisory locks of the gates; the second is the bucket.
const GATE_LOCK: i32 = 1_751_478_895;

/// How many of those locks there are.
const BUCKETS: u64 = 64;

/// The statements of the gates, prepared over one session.
#[derive(Debug)]
pub struct Gates {
    lock: Statement,
    held_collecting: Statement,
    held_due: Statement,
    held_free: Statement,
    held_take: Statement,
    held_met: Statement,
    parts: Statement,
    items_met: Statement,
    items_to_change: Statement,
    causes: Statement,
    keys: Statement,
    uses: Statement,
    ids: Statement,
    create: Statement,
    replace: Statement,
    append: Statement,
    supersede: Statement,
    hold: Statement,
    take_keys: Statement,
    use_limits: Statement,
    collect: Statement,
    remove: Statement,
    free: Statement,
    discard: Statement,
    foreign: ForeignStatements,
}

/// What the gates have to know.
#[derive(Debug)]
pub struct Known {
    /// All of it.
    pub state: State,
    /// The clock of the database.
    pub now: Timestamp,
    /// Where items in tables of the user's are.
    pub rows: ForeignRows,
}

const LOCK: &str = "with taken as materialized ( \
     select pg_advisory_xact_lock($1, b.bucket) \
     from (select b.bucket from unnest($2::integer[]) as b (bucket) order by b.bucket) b) \
     select hearken.now() from (select count(*) from taken) as t";

const IDS: &str = "select nextval('hearken.inbox_items_id_seq') from generate_series(1, $1)";

impl Gates {
    /// Prepares the statements: one round trip for each of two kinds of work.
    ///
    /// # Errors
    ///
    /// If the schema is not there, or the grants are not.
    pub async fn prepare(session: &Session) -> Result<Self, PgError> {
        let (reading, writing, foreign) =
            futures_util::try_join!(reading(session), writing(session), ForeignStatements::prepare(session))?;
        let lost = |_: Vec<Statement>| PgError::lost("a statement of the gates");
        let [
            lock,
            held_collecting,
            held_due,
            held_free,
            held_take,
            held_met,
            parts,
            items_met,
            items_to_change,
            causes,
            keys,
            uses,
            ids,
        ] = reading.try_into().map_err(lost)?;
        let [create, replace, append, supersede, hold, take_keys, use_limits, collect, remove, free, discard] =
            writing.try_into().map_err(lost)?;
        Ok(Self {
            lock,
            held_collecting,
            held_due,
            held_free,
            held_take,
            held_met,
            parts,
            items_met,
            items_to_change,
            causes,
            keys,
            uses,
            ids,
            create,
            replace,
            append,
            supersede,
            hold,
            take_keys,
            use_limits,
            collect,
            remove,
            free,
            discard,
            foreign,
        })
    }

    /// Locks the routines of the drafts and reads what their gates have to know,
    /// with the clock of the database: at most two round trips. `about` is the
    /// clock as we think it is, not later than it is.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn know(
        &self,
        session: &Session,
        inboxes: &Inboxes,
        drafts: &[Planned],
        about: Timestamp,
    ) -> Result<Known, PgError> {
        let wanted = Wanted::of(drafts, about);
        let buckets = buckets(drafts.iter().map(|planned| planned.draft.routine.as_str()));
        if wanted.collects.is_empty() {
            let (now, met) = futures_util::try_join!(
                self.lock_up(session, &buckets),
                Met::read(self, session, inboxes, &wanted, &[], drafts.len()),
            )?;
            let (state, rows) = met.into_state(Vec::new());
            return Ok(Known { state, now, rows });
        }
        let keys: Vec<_> = wanted.collects.keys().copied().collect();
        let (now, held) =
            futures_util::try_join!(self.lock_up(session, &buckets), self.collecting(session, &keys),)?;
        self.know_about(session, inboxes, wanted, held, drafts.len(), now).await
    }

    /// Reads the rest, once it is known what is held.
    async fn know_about(
        &self,
        session: &Session,
        inboxes: &Inboxes,
        mut wanted: Wanted,
        mut held: Vec<Held>,
        drafts: usize,
        now: Timestamp,
    ) -> Result<Known, PgError> {
        for held in &held {
            wanted.ask(&held.request, now);
        }
        let known: Vec<i64> = held.iter().map(|held| held.id).collect();
        let (met, ()) = futures_util::try_join!(
            Met::read(self, session, inboxes, &wanted, &known, drafts),
            self.read_parts(session, &wanted, &mut held, now),
        )?;
        let (state, rows) = met.into_state(held);
        Ok(Known { state, now, rows })
    }

    async fn lock_up(&self, session: &Session, buckets: &[i32]) -> Result<Timestamp, PgError> {
        match session.client().query_one(&self.lock, &[&GATE_LOCK, &buckets]).await {
            Ok(row) => Ok(row.try_get(0)?),
            // Whoever holds it may be slow, or suspended: no draft's fault.
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                Err(PgError::Taken("the gates of the same routines"))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn collecting(&self, session: &Session, keys: &[DedupKey]) -> Result<Vec<Held>, PgError> {
        let keys: Vec<KeyBytes> = keys.iter().copied().map(KeyBytes).collect();
        let rows = session.client().query(&self.held_collecting, &[&keys]).await?;
        Ok(readable(&rows, HeldRole::Subject))
    }
}

/// The statements which read, in the order of their fields.
async fn reading(session: &Session) -> Result<Vec<Statement>, PgError> {
    let client = session.client();
    let statements = futures_util::future::try_join_all([
        client.prepare(LOCK),
        client.prepare(gate_sql!("held_collecting")),
        client.prepare(gate_sql!("held_due")),
        client.prepare(gate_sql!("held_free")),
        client.prepare(gate_sql!("held_take")),
        client.prepare(gate_sql!("held_met")),
        client.prepare(gate_sql!("parts")),
        client.prepare(gate_sql!("items_met")),
        client.prepare(gate_sql!("items_to_change")),
        client.prepare(gate_sql!("causes")),
        client.prepare(gate_sql!("keys")),
        client.prepare(gate_sql!("uses")),
        client.prepare(IDS),
    ]);
    Ok(statements.await?)
}

/// The statements which write, in the order of their fields.
async fn writing(session: &Session) -> Result<Vec<Statement>, PgError> {
    let client = session.client();
    let statements = futures_util::future::try_join_all([
        client.prepare(gate_sql!("create")),
        client.prepare(gate_sql!("replace")),
        client.prepare(gate_sql!("append")),
        client.prepare(gate_sql!("supersede")),
        client.prepare(gate_sql!("hold")),
        client.prepare(gate_sql!("take_keys")),
        client.prepare(gate_sql!("use")),
        client.prepare(gate_sql!("collect")),
        client.prepare("delete from hearken.held where id = any($1)"),
        client.prepare("delete from hearken.dedup_keys where item_id = any($1)"),
        client.prepare("delete from hearken.held_parts where held_id = any($1)"),
    ]);
    Ok(statements.await?)
}

/// The buckets of some routines, in order.
fn buckets<'a>(routines: impl Iterator<Item = &'a str>) -> Vec<i32> {
    let bucket = |name: &str| {
        let mut hasher = Fnv::default();
        name.hash(&mut hasher);
        i32::try_from(hasher.finish() % BUCKETS).unwrap_or_default()
    };
    routines.map(bucket).collect::<BTreeSet<_>>().into_iter().collect()
}

/// FNV-1a: the same in every daemon and every release, which the hashes of the
/// standard library do not promise.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
