//! Held drafts whose time has come.

use super::{ForeignRows, Gates, Known, buckets};
use crate::pg::error::PgError;
use crate::pg::inboxes::Inboxes;
use crate::pg::session::Session;
use crate::rules::gate::State;
use crate::rules::gate::entry::HeldRole;
use crate::rules::gate::wanted::Wanted;
use crate::rules::name::RoutineName;
use jiff::Timestamp;
use std::collections::BTreeSet;

use super::read::held_of;

/// Which held drafts a pass is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those whose time has come.
    Due,
    /// Those whose item has been closed.
    Free,
}

/// A held draft which may go on.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Its number.
    pub id: i64,
    /// Its routine.
    pub routine: String,
}

/// How many held drafts a pass takes.
#[derive(Clone, Copy, Debug)]
pub struct HeldLimits {
    /// Rows.
    pub rows: i64,
    /// Bytes of their drafts; the first is taken however large it is.
    pub bytes: i64,
    /// Drafts of which they are made.
    pub drafts: i64,
}

/// Held drafts which go on, with what their gates have to know.
#[derive(Debug)]
pub struct Ready {
    /// All that is known.
    pub state: State,
    /// The clock of the database.
    pub now: Timestamp,
    /// How many there are.
    pub count: usize,
    /// Rows which cannot be read: id and why.
    pub spoilt: Vec<(i64, String)>,
    /// Where items in tables of the user's are.
    pub rows: ForeignRows,
}

impl Gates {
    /// Which held drafts may go on, and the clock of the database: nothing is locked
    /// yet, so that nobody passes over them while we wait for their routines. Those of
    /// `resting` routines wait.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn choose(
        &self,
        session: &Session,
        which: Which,
        limits: HeldLimits,
        resting: &[String],
    ) -> Result<(Vec<Chosen>, Timestamp), PgError> {
        let clock = crate::pg::schedules::now(session).await?;
        let statement = match which {
            Which::Due => &self.held_due,
            Which::Free => &self.held_free,
        };
        let HeldLimits { rows, bytes, drafts } = limits;
        let rows = session.client().query(statement, &[&rows, &clock, &bytes, &drafts, &resting]).await?;
        let chosen = rows.iter().map(|row| Chosen { id: row.get(0), routine: row.get(1) });
        Ok((chosen.collect(), clock))
    }

    /// Locks the routines of the chosen drafts, takes them, and reads what their
    /// gates have to know: three round trips. There must be a transaction.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn ready(
        &self,
        session: &Session,
        inboxes: &Inboxes,
        chosen: &[Chosen],
    ) -> Result<Ready, PgError> {
        let now = self.lock_up(session, &buckets(chosen.iter().map(|chosen| &*chosen.routine))).await?;
        let ids: Vec<i64> = chosen.iter().map(|chosen| chosen.id).collect();
        let rows = session.client().query(&self.held_take, &[&ids]).await?;
        let mut held = Vec::with_capacity(rows.len());
        let mut spoilt = Vec::new();
        for row in &rows {
            match held_of(row, HeldRole::Subject) {
                Ok(draft) => held.push(draft),
                Err(error) => spoilt.push((row.get("id"), error.to_string())),
            }
        }
        let count = held.len();
        let Known { state, now, rows } =
            self.know_about(session, inboxes, Wanted::default(), held, 0, now).await?;
        Ok(Ready { state, now, count, spoilt, rows })
    }
}

/// When held drafts are to be looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timers {
    /// When the next one falls due.
    pub next: Option<Timestamp>,
    /// Whether some wait for an item to be closed.
    pub queue: Queue,
}

/// Whether held drafts wait for items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Queue {
    /// None does.
    #[default]
    Empty,
    /// Some do.
    Waiting,
}

/// When held drafts are to be looked at; those of paused and of `resting` routines are
/// not counted.
///
/// # Errors
///
/// Of the database.
pub async fn timers(session: &Session, resting: &[String]) -> Result<Timers, PgError> {
    let sql = "select \
         (select least(greatest(h.due_at, '0001-01-02'), '9999-12-30') from hearken.held h where h.phase <> 'queued' \
            and not exists (select from hearken.paused p where p.routine = h.routine) and h.routine <> all ($1) \
          order by h.due_at, h.id limit 1), \
         exists (select from hearken.held h where h.phase = 'queued')";
    let row = session.client().query_one(sql, &[&resting]).await?;
    let queue = if row.get(1) { Queue::Waiting } else { Queue::Empty };
    Ok(Timers { next: row.try_get(0)?, queue })
}

/// Cancels the held drafts of routines which are no more, with a decision for each;
/// says how many. Those which somebody else holds are passed over: the next time.
///
/// # Errors
///
/// Of the database.
pub async fn cancel_gone(session: &Session, routines: &BTreeSet<&RoutineName>) -> Result<u64, PgError> {
    let names: Vec<&str> = routines.iter().map(|name| name.as_str()).collect();
    let sql = "with doomed as materialized ( \
             select h.id from hearken.held h \
             where not exists (select from unnest($1::text[]) as n (name) where n.name = h.routine) \
             order by h.id for update of h skip locked), \
         gone as ( \
             delete from hearken.held h using doomed d where h.id = d.id \
             returning h.id, h.event_seq, h.tick, h.routine, h.version, h.item, h.count, \
                       h.draft #>> '{from,source}' as source, h.draft #>> '{from,id}' as event_id), \
         freed as (delete from hearken.dedup_keys k using gone g where k.item_id = g.id) \
         insert into hearken.decisions \
             (event_seq, first_tick, last_tick, met_item_id, source, routine, version, item, outcome, reason, \
              event_id) \
         select g.event_seq, g.tick, g.tick, g.id, coalesce(g.source, case when g.tick is null then 'events' else 'schedule' end), \
                g.routine, g.version, g.item, 'cancelled', \
                'the routine which wanted it was removed' \
                || case when g.count > 1 then format('; it was made of %s drafts', g.count) else '' end, \
                g.event_id \
         from gone g";
    Ok(session.client().execute(sql, &[&names]).await?)
}

/// Held drafts which cannot be read, or cannot go on, become dead letters, so that
/// they do not fall due for ever.
///
/// # Errors
///
/// Of the database.
pub async fn drop_spoilt(session: &Session, spoilt: &[(i64, String)]) -> Result<(), PgError> {
    if spoilt.is_empty() {
        return Ok(());
    }
    let (ids, reasons): (Vec<i64>, Vec<&str>) = spoilt.iter().map(|(id, why)| (*id, why.as_str())).unzip();
    let sql = "with spoilt as ( \
             delete from hearken.held h using unnest($1::bigint[], $2::text[]) as s (id, why) \
             where h.id = s.id \
             returning h.id, h.event_seq, h.tick, h.routine, h.version, h.item, h.queue, h.draft, s.why, \
                       coalesce(h.draft #>> '{from,source}', \
                                case when h.tick is null then 'events' else 'schedule' end) as source, \
                       h.draft #>> '{from,id}' as event_id), \
         freed as (delete from hearken.dedup_keys k using spoilt s where k.item_id = s.id), \
         told as ( \
             insert into hearken.decisions \
                 (event_seq, first_tick, last_tick, met_item_id, source, routine, version, item, outcome, reason, \
                  event_id) \
             select event_seq, tick, tick, id, source, routine, version, item, 'dead', why, event_id from spoilt) \
         insert into hearken.dead_letters \
             (event_seq, tick, kind, source, routine, version, item, queue, message, draft, event_id) \
         select event_seq, tick, 'failed', source, routine, version, item, queue, why, draft, event_id \
         from spoilt";
    session.client().execute(sql, &[&ids, &reasons]).await?;
    Ok(())
}

/// Removes dedup keys and uses of limits which play no part any more, at most `max`
/// of each; says how many.
///
/// # Errors
///
/// Of the database.
pub async fn prune(session: &Session, max: i32) -> Result<i32, PgError> {
    Ok(session.client().query_one("select hearken.prune_gates($1)", &[&max]).await?.try_get(0)?)
}
