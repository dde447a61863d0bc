//! Puts items into tables of the user's, and changes them there.
//!
//! A table is described in the settings by names and SQL expressions
//! ([`InboxSpec`]); its types are read from the catalog. Drafts go in as one text of
//! JSON for each set of columns which some of them supply:
//!
//! ```sql
//! insert into "public"."tasks" ("title", "payload")
//! select "[d]"."[v1]", "[d]"."[v2]"
//! from json_to_recordset($1::json) as "[d]" ("[n]" integer, "[v1]" character varying(80), "[v2]" jsonb)
//! order by "[d]"."[n]"
//! ```
//!
//! Columns which no draft supplies are not named, so that they keep their defaults.
//! Those of the recordset have the types of the table with length and precision: what
//! is too long is refused on the way in as it would be by an insert, where an explicit
//! cast would cut it off.
//!
//! Which row is which draft's is told by order, and where some drafts made no row, by
//! the columns of the table's own rule, as text, after they have been through their
//! types. A trigger which changes those columns is noticed: the statement
//! fails with class 27, and this inbox takes drafts one by one from then on.

mod cells;
mod rows;
mod settle;
mod sql;
mod table;

use self::cells::{Cells, Group};
use self::settle::{read, settle};
use self::table::Table;
use super::error::PgError;
use super::session::Session;
use super::types::JsonString;
use crate::rules::foreign::InboxSpec;
use crate::rules::item::ItemDraft;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio_postgres::{Row, Statement};

/// Where a row is found again: a JSON object of the columns of its primary key. Without
/// a primary key they are those of the shortest unique index which tells all rows
/// apart, else those of the inbox's `conflict`; of a table without any of these the
/// object is empty, and its rows are not found again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Locator(pub Value);

/// What became of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed {
    /// A new row.
    Created(Locator),
    /// The table's own rule knows it already, or a draft before it. Or a trigger of a
    /// table with such a rule kept it out; the two look alike.
    Duplicate,
    /// A row which was there has its content, or that of a later draft for it.
    Replaced(Locator),
}

/// What became of a draft on the slow way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlacedOr {
    /// As on the fast way.
    Placed(Placed),
    /// The database refused it.
    Refused {
        /// Its SQLSTATE.
        sqlstate: String,
        /// Its message.
        message: String,
    },
}

/// One inbox of the user's, over one session.
///
/// It remembers the columns of its table and has statements prepared. If the table
/// changes, some statement fails ([`is_stale`]); then another one is to be opened.
#[derive(Debug)]
pub struct Inbox {
    spec: InboxSpec,
    table: Table,
    /// Prepared statements by their text.
    statements: Mutex<HashMap<String, Statement>>,
    /// Whether a trigger of the table's was seen to change by what rows are known.
    singly: AtomicBool,
}

/// So many statements are kept prepared: one for each set of columns, mostly.
const STATEMENTS_MAX: usize = 256;

/// A trigger changed the data; with a word for people.
const CHANGED: &str = "27000";

const PLACE_EACH: &str =
    "select place, locator, was_there, code, message from hearken.place_each($1, $2) order by place";

/// Whether an error may mean that a table is not any more as it was when its inbox was
/// opened: another try with an inbox opened anew may do better.
#[must_use]
pub fn is_stale(error: &PgError) -> bool {
    let states = ["0A000", "26000", "42703", "42704", "42804", "42846", "42883", "42P01", "42P10", "3F000"];
    error.sqlstate().is_some_and(|sqlstate| states.contains(&sqlstate))
}

impl Inbox {
    /// Reads from the catalog what there is to know about the table.
    ///
    /// # Errors
    ///
    /// Of the database; of class 42P01, if the table is missing.
    pub async fn open(session: &Session, spec: &InboxSpec) -> Result<Self, PgError> {
        Ok(Self {
            spec: spec.clone(),
            table: Table::read(session, spec).await?,
            statements: Mutex::default(),
            singly: AtomicBool::new(false),
        })
    }

    /// Its description.
    #[must_use]
    pub fn spec(&self) -> &InboxSpec {
        &self.spec
    }

    /// Puts drafts into the table, in the transaction which is open: one statement for
    /// each set of columns, all sent at once. Says of each draft what became of it, in
    /// their order.
    ///
    /// # Errors
    ///
    /// Of the database, also if it refuses one of the drafts. The transaction is to be
    /// rolled back then, whatever the error.
    pub async fn place(&self, session: &Session, drafts: &[&ItemDraft]) -> Result<Vec<Placed>, PgError> {
        if self.singly.load(Ordering::Relaxed) {
            let placed = self.place_each(session, drafts).await?;
            return placed.into_iter().map(PlacedOr::or_error).collect();
        }
        let groups = self.groups(drafts);
        let sent = groups.iter().map(|group| self.place_group(session, group));
        let placed = futures_util::future::try_join_all(sent).await?;
        in_order(drafts.len(), &groups, placed)
    }

    async fn place_group(&self, session: &Session, group: &Group<'_>) -> Result<Vec<Placed>, PgError> {
        let text = sql::place(&self.table, &self.spec, &group.shape);
        let rows = self.query(session, text, group.parameter()).await?;
        let settled = settle(&rows, group.places.len())?;
        settled.ok_or_else(|| {
            self.singly.store(true, Ordering::Relaxed);
            let table = &self.spec.table;
            let message = format!(
                "a trigger of {table} kept rows out, or changed columns by which they are known; \
                 drafts for it go in one by one from now on"
            );
            PgError::refused(CHANGED, &message)
        })
    }

    /// The same, with each draft behind an exception block of its own, so that it can
    /// be said which of them are refused. Constraints which are deferred are checked
    /// at once.
    ///
    /// # Errors
    ///
    /// Of the database as a whole, never of a single draft.
    pub async fn place_each(
        &self,
        session: &Session,
        drafts: &[&ItemDraft],
    ) -> Result<Vec<PlacedOr>, PgError> {
        let statement = self.statement(session, PLACE_EACH.to_owned()).await?;
        let groups = self.groups(drafts);
        let sent = groups.iter().map(|group| self.try_group(session, &statement, group));
        let placed = futures_util::future::try_join_all(sent).await?;
        in_order(drafts.len(), &groups, placed)
    }

    async fn try_group(
        &self,
        session: &Session,
        statement: &Statement,
        group: &Group<'_>,
    ) -> Result<Vec<PlacedOr>, PgError> {
        let text = sql::place(&self.table, &self.spec, &group.shape);
        let rows = session.client().query(statement, &[&text, &group.records]).await?;
        rows.iter().map(|row| self.placed_or(row)).collect()
    }

    /// The same, with each draft in a statement of its own, all sent at once, so that
    /// `timeout_ms` (milliseconds, for the rest of the transaction) strikes the one
    /// which hangs.
    ///
    /// # Errors
    ///
    /// Of the database as a whole, never of a single draft.
    pub async fn place_singly(
        &self,
        session: &Session,
        drafts: &[&ItemDraft],
        timeout_ms: u32,
    ) -> Result<Vec<PlacedOr>, PgError> {
        let statement = self.statement(session, PLACE_EACH.to_owned()).await?;
        session.client().batch_execute(&format!("set local statement_timeout = {timeout_ms}")).await?;
        let groups: Vec<Group<'_>> = drafts.iter().flat_map(|draft| self.groups(&[*draft])).collect();
        let sent = groups.iter().map(|group| self.try_group(session, &statement, group));
        let placed = futures_util::future::try_join_all(sent).await?;
        Ok(placed.into_iter().flatten().collect())
    }

    fn groups<'a>(&'a self, drafts: &[&'a ItemDraft]) -> Vec<Group<'a>> {
        let cells = drafts.iter().map(|draft| (None, Cells::of(&self.spec, &self.table, draft)));
        Group::all(&[], cells)
    }

    fn placed_or(&self, row: &Row) -> Result<PlacedOr, PgError> {
        let locator: Option<&str> = row.try_get("locator")?;
        let refused = |sqlstate: String, message: String| PlacedOr::Refused { sqlstate, message };
        let was_there: bool = row.try_get("was_there")?;
        if let Some(sqlstate) = row.try_get::<_, Option<String>>("code")? {
            return Ok(refused(sqlstate, row.try_get::<_, Option<String>>("message")?.unwrap_or_default()));
        }
        Ok(match locator {
            Some(text) if was_there => PlacedOr::Placed(Placed::Replaced(read(text)?)),
            Some(text) => PlacedOr::Placed(Placed::Created(read(text)?)),
            None if self.spec.dedup.is_some() => PlacedOr::Placed(Placed::Duplicate),
            None => refused(CHANGED.to_owned(), format!("a trigger of {} kept it out", self.spec.table)),
        })
    }

    async fn query(
        &self,
        session: &Session,
        text: String,
        parameter: JsonString,
    ) -> Result<Vec<Row>, PgError> {
        let statement = self.statement(session, text).await?;
        Ok(session.client().query(&statement, &[&parameter]).await?)
    }

    /// A statement, prepared if it is not yet.
    async fn statement(&self, session: &Session, text: String) -> Result<Statement, PgError> {
        let known = self.statements().get(&text).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = session.client().prepare(&text).await?;
        let mut statements = self.statements();
        if statements.len() >= STATEMENTS_MAX {
            // Sets of columns change when routines do; the rest is prepared again.
            statements.clear();
        }
        statements.insert(text, statement.clone());
        Ok(statement)
    }

    fn statements(&self) -> MutexGuard<'_, HashMap<String, Statement>> {
        // Nothing panics while it holds this lock.
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PlacedOr {
    /// What became of it, as the answer to all drafts.
    fn or_error(self) -> Result<Placed, PgError> {
        match self {
            Self::Placed(placed) => Ok(placed),
            Self::Refused { sqlstate, message } => Err(PgError::refused(&sqlstate, &message)),
        }
    }
}

/// Answers to groups, in the order of all drafts.
fn in_order<T>(count: usize, groups: &[Group<'_>], answers: Vec<Vec<T>>) -> Result<Vec<T>, PgError> {
    let mut all: Vec<Option<T>> = std::iter::repeat_with(|| None).take(count).collect();
    for (group, answers) in groups.iter().zip(answers) {
        for (place, answer) in group.places.iter().zip(answers) {
            if let Some(at) = all.get_mut(*place) {
                *at = Some(answer);
            }
        }
    }
    let all: Option<Vec<T>> = all.into_iter().collect();
    all.ok_or_else(|| PgError::refused("XX000", "the database answered for fewer drafts than it was given"))
}
