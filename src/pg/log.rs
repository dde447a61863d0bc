//! Reads hearken's own log, `hearken.events`, page by page.
//!
//! A page is claimed inside the transaction of its pass: an advisory lock for
//! the transaction keeps a second daemon out, the last row of
//! `hearken.progress` says where the page begins, and the pass appends the row
//! which says where it ended. Nothing is kept in memory between passes, so
//! there is nothing which could be stale. What a position means is told in
//! [`crate::rules::snapshot`].

use super::error::PgError;
use super::page::{Claim, Claimed, Page, PageLimits, Step};
use super::session::Session;
use super::types::{JsonText, PgSnapshot, PgXid};
use crate::rules::event::Event;
use crate::rules::name::{RoutineName, SourceName};
use crate::rules::snapshot::{PageEnd, Position, RowPlace, Snapshot, Xid};
use futures_util::TryStreamExt;
use postgres_types::ToSql;
use serde_json::Value;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio_postgres::{Row, Statement};

/// First key of the advisory locks of passes; the second is the source's id.
pub(super) const PASS_LOCK: i32 = 1_751_478_892;
/// The id of the log in `hearken.sources`.
pub const LOG_ID: i32 = 1;
/// The progress row's key.
const LOG: &str = "events";

/// A row of `hearken.progress`.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Its number.
    pub n: i64,
    /// The position.
    pub position: Position,
}

/// Reads the log over one session, whose statements it has prepared.
#[derive(Debug)]
pub struct LogReader {
    claim: Statement,
    claim_new: Statement,
    /// The number of the last row of progress, if the position it holds is clear
    /// ([`Position::is_clear`]); else [`UNCLEAR`]. A guess, checked in the pass.
    clear: AtomicI64,
    progress: Statement,
    lock: Statement,
}

/// No row of progress has this number.
const UNCLEAR: i64 = -1;

const CLAIM: &str = include_str!("../../sql/queries/claim_log.sql");

/// The claim without the branches for what an earlier step left over.
fn claim_new() -> String {
    let cut = CLAIM.split_once("-- <unfinished>").and_then(|(before, rest)| {
        let (_, after) = rest.split_once("-- </unfinished>")?;
        Some(format!("{before}{after}"))
    });
    cut.unwrap_or_else(|| CLAIM.to_owned())
}

impl LogReader {
    /// Prepares the statements.
    ///
    /// # Errors
    ///
    /// If the schema is not there, or the grants are not.
    pub async fn prepare(session: &Session) -> Result<Self, PgError> {
        let client = session.client();
        // The claim's plan must be the index scans its author meant, also on a
        // log without statistics; no statement of a pass wants another scan.
        client
            .batch_execute(
                "set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set enable_bitmapscan = off",
            )
            .await?;
        Ok(Self {
            claim: client.prepare(CLAIM).await?,
            claim_new: client.prepare(&claim_new()).await?,
            clear: AtomicI64::new(UNCLEAR),
            progress: client
                .prepare(
                    "select n, old, new, xid, seq, seq_min, seq_max, hearken.now() \
                     from hearken.progress where source = $1 order by n desc limit 1",
                )
                .await?,
            lock: client.prepare("select pg_try_advisory_xact_lock($1, $2)").await?,
        })
    }

    /// Makes sure there is a position, and that it belongs to this cluster.
    ///
    /// The first daemon begins before the first row. After a restore from a dump
    /// the rows carry transaction ids of another cluster; the materialized view
    /// `hearken.restore_mark`, refreshed by restoring, tells.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn begin(&self, session: &Session) -> Result<Begin, PgError> {
        let client = session.client();
        client.batch_execute("begin").await?;
        client.query_one("select pg_advisory_xact_lock($1, $2)", &[&PASS_LOCK, &LOG_ID]).await?;
        let row = client.query_opt(include_str!("../../sql/queries/restore_check.sql"), &[&LOG]).await?;
        let begin = match row {
            None => {
                self.append(session, &Progress { n: 0, position: Position::start() }).await?;
                Begin::First
            }
            Some(row) if row.get::<_, bool>("same") => Begin::Same,
            Some(row) => {
                let progress = progress_of(&row)?;
                let seq: i64 = row.get("restored_seq");
                let position = progress.position.after_restore(seq);
                self.append(session, &Progress { n: progress.n + 1, position }).await?;
                Begin::Restored { seq }
            }
        };
        client.batch_execute("commit").await?;
        Ok(begin)
    }

    /// Begins a transaction and claims the next page in it: one round trip.
    /// `wants` says whether some routine may want an event of a type.
    ///
    /// # Errors
    ///
    /// Of the database; the transaction is then to be rolled back.
    pub async fn claim(
        &self,
        session: &Session,
        limits: PageLimits,
        wants: impl Fn(&str) -> bool,
    ) -> Result<Claim, PgError> {
        let clear = self.clear.swap(UNCLEAR, Ordering::Relaxed);
        if clear != UNCLEAR {
            match self.try_claim(session, limits, &wants, Some(clear)).await? {
                Some(claim) => return Ok(claim),
                // Another daemon has read on, or our last pass did not commit.
                None => session.client().batch_execute("rollback").await?,
            }
        }
        let claim = self.try_claim(session, limits, &wants, None).await?;
        claim.ok_or_else(|| PgError::lost("the position in the log"))
    }

    /// Claims a page; none, if the position is not the clear one expected.
    async fn try_claim(
        &self,
        session: &Session,
        limits: PageLimits,
        wants: &impl Fn(&str) -> bool,
        clear: Option<i64>,
    ) -> Result<Option<Claim>, PgError> {
        let client = session.client();
        let page: [&(dyn ToSql + Sync); 3] = [&limits.rows, &limits.bytes, &limits.data_max];
        let (lock, source): ([&(dyn ToSql + Sync); 2], [&(dyn ToSql + Sync); 1]) =
            ([&PASS_LOCK, &LOG_ID], [&LOG]);
        let ((), lock, progress, page) = futures_util::try_join!(
            async { client.batch_execute("begin").await.map_err(PgError::from) },
            async { client.query_one(&self.lock, &lock).await.map_err(PgError::from) },
            async { client.query_one(&self.progress, &source).await.map_err(PgError::from) },
            async {
                // Read as it comes, while the server still fetches the rest.
                let claim = if clear.is_some() { &self.claim_new } else { &self.claim };
                let mut rows = std::pin::pin!(client.query_raw(claim, page).await?);
                let mut reading = Reading::new(limits);
                while let Some(row) = rows.try_next().await? {
                    reading.add(&row, wants)?;
                }
                Ok(reading.end())
            },
        )?;
        if !lock.get::<_, bool>(0) {
            client.batch_execute("rollback").await?;
            return Ok(Some(Claim::Taken));
        }
        let before = progress_of(&progress)?;
        if clear.is_some_and(|n| n != before.n || !before.position.is_clear()) {
            return Ok(None);
        }
        let position = match page.last {
            Some((last, snapshot, own)) => Some(before.position.after_page(snapshot, own, last, page.end)),
            // The page before was full and the last of its step.
            None => before.position.new.clone().map(|snapshot| before.position.next_step(snapshot)),
        };
        let position = match position.as_ref().unwrap_or(&before.position).seq_max {
            Some(_) => self.past_backlog(session, position.unwrap_or(before.position.clone())).await?,
            None => position,
        };
        let next = position.map(|position| Progress { n: before.n + 1, position });
        let end = if next.is_some() && page.rows == 0 { PageEnd::Full } else { page.end };
        let now = progress.try_get(7)?;
        let stands = next.as_ref().unwrap_or(&before);
        let clear = if stands.position.is_clear() { stands.n } else { UNCLEAR };
        self.clear.store(clear, Ordering::Relaxed);
        Ok(Some(Claim::Page(Page {
            events: page.events,
            rows: page.rows,
            step: next.map(Step::Log),
            end,
            now,
        })))
    }

    async fn past_backlog(&self, session: &Session, position: Position) -> Result<Option<Position>, PgError> {
        let row = session.client().query_one("select snapshot from hearken.restore_mark", &[]).await?;
        let restored_in: PgSnapshot = row.try_get(0)?;
        Ok(Some(position.after_backlog(&restored_in.0).unwrap_or(position)))
    }

    /// Appends a row of progress. The primary key refuses a second daemon's.
    async fn append(&self, session: &Session, progress: &Progress) -> Result<(), PgError> {
        let statement = session.client().prepare(APPEND).await?;
        append_progress(session, &statement, progress).await
    }
}

/// How the log stood when a daemon took it over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Nobody had read it before.
    First,
    /// Where the last daemon left it.
    Same,
    /// The database came from a dump; rows up to `seq` carry foreign ids.
    Restored {
        /// The last restored row.
        seq: i64,
    },
}

pub(super) const APPEND: &str = "\
insert into hearken.progress (source, n, old, new, xid, seq, seq_min, seq_max, nonce) \
select $1, $2, $3, $4, $5, $6, $7, $8, nonce from hearken.restore_mark";

pub(super) async fn append_progress(
    session: &Session,
    append: &Statement,
    progress: &Progress,
) -> Result<(), PgError> {
    let position = &progress.position;
    let new = position.new.clone().map(PgSnapshot);
    session
        .client()
        .execute(
            append,
            &[
                &LOG,
                &progress.n,
                &PgSnapshot(position.old.clone()),
                &new,
                &PgXid(position.done.xid),
                &position.done.seq,
                &position.seq_min,
                &position.seq_max,
            ],
        )
        .await?;
    Ok(())
}

fn progress_of(row: &Row) -> Result<Progress, PgError> {
    let old: PgSnapshot = row.try_get("old")?;
    let new: Option<PgSnapshot> = row.try_get("new")?;
    let xid: PgXid = row.try_get("xid")?;
    let position = Position {
        old: old.0,
        new: new.map(|new| new.0),
        done: RowPlace { xid: xid.0, seq: row.try_get("seq")? },
        seq_min: row.try_get("seq_min")?,
        seq_max: row.try_get("seq_max")?,
    };
    Ok(Progress { n: row.try_get("n")?, position })
}

/// A page while it is read.
struct Reading {
    limits: PageLimits,
    events: Vec<(i64, Claimed)>,
    snapshot: Option<(Snapshot, Option<Xid>)>,
    last: RowPlace,
    bytes: i64,
}

struct RawPage {
    events: Vec<Claimed>,
    rows: usize,
    end: PageEnd,
    last: Option<(RowPlace, Snapshot, Option<Xid>)>,
}

impl Reading {
    fn new(limits: PageLimits) -> Self {
        Self { limits, events: Vec::new(), snapshot: None, last: RowPlace::default(), bytes: 0 }
    }

    fn add(&mut self, row: &Row, wants: &impl Fn(&str) -> bool) -> Result<(), PgError> {
        if self.snapshot.is_none() {
            let snapshot: PgSnapshot = row.try_get("snapshot")?;
            let own: Option<PgXid> = row.try_get("own_xid")?;
            self.snapshot = Some((snapshot.0, own.map(|own| own.0)));
        }
        let size = i64::from(row.try_get::<_, i32>("bytes")?);
        self.bytes += size.min(self.limits.data_max);
        let xid: PgXid = row.try_get("xid")?;
        self.last = RowPlace { xid: xid.0, seq: row.try_get("seq")? };
        self.events.push((self.last.seq, read_event(row, size, self.limits, wants)?));
        Ok(())
    }

    fn end(mut self) -> RawPage {
        let rows = self.events.len();
        // Transaction ids do not follow causality, numbers do within a page.
        self.events.sort_by_key(|(seq, _)| *seq);
        let full = rows as i64 >= self.limits.rows || self.bytes >= self.limits.bytes;
        RawPage {
            events: self.events.into_iter().map(|(_, event)| event).collect(),
            rows,
            end: if full && rows > 0 { PageEnd::Full } else { PageEnd::Last },
            last: self.snapshot.map(|(snapshot, own)| (self.last, snapshot, own)),
        }
    }
}

fn read_event(
    row: &Row,
    bytes: i64,
    limits: PageLimits,
    wants: &impl Fn(&str) -> bool,
) -> Result<Claimed, PgError> {
    let kind: &str = row.try_get("type")?;
    if !wants(kind) {
        return Ok(Claimed::Unwanted);
    }
    let seq = row.try_get("seq")?;
    let set_aside = |why: String| Ok(Claimed::SetAside { seq, id: None, kind: kind.to_owned(), why });
    if bytes > limits.data_max {
        return set_aside(format!("its body has {bytes} bytes and data_max is {}", limits.data_max));
    }
    let data = match read_json(row, "data")? {
        Ok(data) => data.unwrap_or(Value::Null),
        Err(why) => return set_aside(why),
    };
    let old = match read_json(row, "old")? {
        Ok(old) => old,
        Err(why) => return set_aside(why),
    };
    let meta = match read_json(row, "meta")? {
        Ok(meta) => meta.unwrap_or(Value::Null),
        Err(why) => return set_aside(why),
    };
    Ok(Claimed::Event(Box::new(Event {
        from: SourceName::log(),
        seq,
        id: row.try_get("id")?,
        origin: row.try_get("source")?,
        kind: kind.to_owned(),
        subject: row.try_get("subject")?,
        time: row.try_get("time")?,
        tenant: row.try_get("tenant")?,
        data,
        old,
        meta,
        chain: read_chain(row)?,
    })))
}

/// The routines which led to an event; none for most. What is no name of a routine
/// led nowhere.
fn read_chain(row: &Row) -> Result<Vec<RoutineName>, PgError> {
    let Some(names) = row.try_get::<_, Option<Vec<Option<&str>>>>("chain")? else { return Ok(Vec::new()) };
    Ok(names.into_iter().flatten().filter_map(|name| RoutineName::parse(name).ok()).collect())
}

/// `jsonb` nests deeper than the parser, whose limit (128) guards our stack.
fn read_json(row: &Row, column: &str) -> Result<Result<Option<Value>, String>, PgError> {
    let text: Option<JsonText<'_>> = row.try_get(column)?;
    let value = text.map(|text| serde_json::from_str(text.0)).transpose();
    Ok(value.map_err(|error| format!("its {column} cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_claim_of_a_clear_position_has_one_branch() {
        assert_eq!(CLAIM.matches("from hearken.events").count(), 3);
        assert_eq!(claim_new().matches("from hearken.events").count(), 1);
    }
}
