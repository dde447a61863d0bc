//! Reads a table of the user's whose rows are events.
//!
//! Two ways to know what was claimed: rows are marked in the transaction of the
//! pass (*flag*), or their ids are kept in `hearken.source_keys` (*keys*), for tables
//! which may only be read. Either way a page is claimed in order and, where rows are
//! marked, `for update skip locked`, so that nobody's open transaction holds us up.
//! An advisory lock for the transaction keeps a second daemon out.
//!
//! The expressions are the user's. If one of them fails on some row, the statement
//! fails with it; the pass is then done again with care, row by row
//! (`hearken.read_each`), and the guilty row alone is set aside.

mod read;
mod text;

use super::error::PgError;
use super::log::PASS_LOCK;
use super::page::{Claim, Page, PageLimits, Step};
use super::session::Session;
use crate::rules::foreign::{Doorbell, SourceSpec, Strategy};
use crate::rules::snapshot::PageEnd;
use jiff::Timestamp;
use text::{Shape, Texts};
use tokio_postgres::Statement;

/// Rows which were claimed, and are to be marked with the items.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    places: Vec<String>,
    parts: Vec<u32>,
    ids: Vec<String>,
}

impl Rows {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

/// Whether a trigger rings for new rows, as the catalog has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rung {
    /// It does.
    Yes,
    /// The settings expect one, and it is not there, or switched off.
    Missing,
    /// None is expected.
    Polled,
}

/// So many ids `forget` removes with one statement.
const FORGOTTEN_AT_ONCE: u64 = 1_000;
/// And so many statements in a row.
const FORGOTTEN_TURNS: u32 = 50;

/// How to claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A page with one statement.
    Page,
    /// Each row behind an exception block.
    EachRow,
}

/// Reads one source over one session, whose statements it has prepared.
#[derive(Debug)]
pub struct TableReader {
    spec: SourceSpec,
    id: i32,
    rung: Rung,
    read: String,
    lock: Statement,
    claim: Statement,
    places: Statement,
    mark: Statement,
    next: Option<Statement>,
}

/// One row of `hearken.sources`: registers the source, and says its id.
///
/// # Errors
///
/// Of the database.
pub async fn register(session: &Session, spec: &SourceSpec) -> Result<i32, PgError> {
    let client = session.client();
    let (name, relation) = (spec.name.as_str(), spec.table.to_string());
    let known = "select id from hearken.sources where name = $1 and relation is not distinct from $2";
    if let Some(row) = client.query_opt(known, &[&name, &relation]).await? {
        return Ok(row.try_get(0)?);
    }
    let new = "insert into hearken.sources (name, relation) values ($1, $2) \
               on conflict (name) do update set relation = excluded.relation returning id";
    Ok(client.query_one(new, &[&name, &relation]).await?.try_get(0)?)
}

/// Writes down why a source cannot be claimed from, or that it can be again.
///
/// # Errors
///
/// Of the database.
pub async fn tell(session: &Session, spec: &SourceSpec, error: Option<&str>) -> Result<(), PgError> {
    let sql = "update hearken.sources \
               set error = $2, failed_at = case when $2::text is null then null else coalesce(failed_at, hearken.now()) end \
               where name = $1 and error is distinct from $2";
    session.client().execute(sql, &[&spec.name.as_str(), &error]).await?;
    Ok(())
}

impl TableReader {
    /// Looks at the table and prepares the statements.
    ///
    /// # Errors
    ///
    /// 42P01 if the table is not there, and what PostgreSQL says of the expressions.
    pub async fn open(session: &Session, spec: &SourceSpec, id: i32) -> Result<Self, PgError> {
        let client = session.client();
        let (shape, rung) = shape_of(session, spec, id).await?;
        let texts = Texts::of(spec, id, shape);
        let next = match &texts.next {
            Some(text) => Some(client.prepare(text).await?),
            None => None,
        };
        // What is asked of single rows is only planned where it is needed; here it is
        // parsed, so that a mistake shows at once.
        client.prepare(&texts.read).await?;
        Ok(Self {
            spec: spec.clone(),
            id,
            rung,
            // Prepared, so that it is the first to be answered: what is claimed is seen
            // only after whoever was at it has let go.
            lock: client.prepare("select pg_try_advisory_xact_lock($1, $2), hearken.now()").await?,
            claim: client.prepare(&texts.claim).await?,
            places: client.prepare(&texts.places).await?,
            mark: client.prepare(&texts.mark).await?,
            read: texts.read,
            next,
        })
    }

    /// What it reads.
    #[must_use]
    pub fn spec(&self) -> &SourceSpec {
        &self.spec
    }

    /// Whether its trigger is there.
    #[must_use]
    pub fn rung(&self) -> Rung {
        self.rung
    }

    /// Whether its trigger is there now.
    ///
    /// # Errors
    ///
    /// 42P01 if the table is not there any more.
    pub async fn rung_now(&self, session: &Session) -> Result<Rung, PgError> {
        shape_of(session, &self.spec, self.id).await.map(|(_, rung)| rung)
    }

    /// Claims the next page, in a transaction which stays open. `wants` says for
    /// which types bodies are to be read at all.
    ///
    /// # Errors
    ///
    /// Of the database; the transaction is then to be rolled back.
    pub async fn claim(
        &self,
        session: &Session,
        limits: PageLimits,
        reading: Reading,
        wants: impl Fn(&str) -> bool,
    ) -> Result<Claim, PgError> {
        let rows = limits.rows.min(i64::from(self.spec.batch));
        let limits = PageLimits { rows, ..limits };
        let client = session.client();
        let (_, lock, page) = futures_util::try_join!(
            async { client.batch_execute("begin").await.map_err(PgError::from) },
            async { client.query_one(&self.lock, &[&PASS_LOCK, &self.id]).await.map_err(PgError::from) },
            async {
                match reading {
                    Reading::Page => self.read_page(session, limits, &wants).await,
                    Reading::EachRow => self.read_each(session, limits, &wants).await,
                }
            },
        )?;
        if !lock.try_get::<_, bool>(0)? {
            client.batch_execute("rollback").await?;
            return Ok(Claim::Taken);
        }
        let (events, rows, end) = page;
        let count = rows.len();
        let step = (count > 0).then_some(Step::Rows(rows));
        Ok(Claim::Page(Page { events, rows: count, step, end, now: lock.try_get(1)? }))
    }

    /// Marks the rows of a page, in the transaction which is open. Fails if not all of
    /// them are marked, or some would be claimed again under the same id.
    ///
    /// # Errors
    ///
    /// Of the database; 42P17 if the mark does not do what it is for.
    pub async fn mark(&self, session: &Session, rows: &Rows) -> Result<(), PgError> {
        let client = session.client();
        let marked = match &self.spec.strategy {
            Strategy::Flag { .. } => {
                client.execute(&self.mark, &[&rows.places, &rows.parts, &rows.ids]).await
            }
            Strategy::Keys { .. } => client.execute(&self.mark, &[&rows.ids, &self.id]).await,
        };
        Ok(marked.map(drop)?)
    }

    /// When the next row is ready, if the source says so of its rows.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn next_ready(&self, session: &Session) -> Result<Option<Timestamp>, PgError> {
        let Some(next) = &self.next else { return Ok(None) };
        let row = session.client().query_opt(next, &[]).await?;
        Ok(row.map(|row| row.try_get::<_, Option<Timestamp>>(0)).transpose()?.flatten())
    }

    /// Forgets ids of rows which are gone or not pending any more, if they are old: a
    /// thousand at a time, and so many times. Says how many.
    ///
    /// # Errors
    ///
    /// Of the database.
    pub async fn forget_old(&self, session: &Session) -> Result<u64, PgError> {
        let Strategy::Keys { keep } = &self.spec.strategy else { return Ok(0) };
        let seconds = keep.as_secs_f64();
        let sql = text::forget(&self.spec);
        let mut all = 0;
        for _ in 0..FORGOTTEN_TURNS {
            let forgotten = session.client().execute(&sql, &[&self.id, &seconds]).await?;
            all += forgotten;
            if forgotten < FORGOTTEN_AT_ONCE {
                break;
            }
        }
        Ok(all)
    }
}

/// What the catalog says of the table.
async fn shape_of(session: &Session, spec: &SourceSpec, id: i32) -> Result<(Shape, Rung), PgError> {
    let sql = include_str!("../../sql/queries/source_shape.sql");
    let (schema, name) = (spec.table.schema(), spec.table.name());
    let Some(row) = session.client().query_opt(sql, &[&schema, &name, &id.to_string()]).await? else {
        return Err(PgError::refused("42P01", &format!("table {} does not exist", spec.table)));
    };
    let shape = if row.try_get::<_, bool>("parts")? { Shape::Parts } else { Shape::One };
    let rung = match (spec.doorbell, row.try_get::<_, bool>("rung")?) {
        (Doorbell::Off, _) => Rung::Polled,
        (Doorbell::On, true) => Rung::Yes,
        (Doorbell::On, false) => Rung::Missing,
    };
    Ok((shape, rung))
}

/// Whether there may be more than a page of so many rows holds.
fn end_of(rows: usize, limits: PageLimits) -> PageEnd {
    if rows as i64 >= limits.rows && rows > 0 { PageEnd::Full } else { PageEnd::Last }
}
