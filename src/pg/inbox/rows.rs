//! Rows which are there: how they stand, and changing them.

use super::cells::{self, Cells, Group};
use super::settle::place;
use super::table::{Kind, Table};
use super::{Inbox, Locator, sql};
use crate::pg::error::PgError;
use crate::pg::session::Session;
use crate::rules::foreign::quote_ident;
use crate::rules::gate::entry::Standing;
use crate::rules::item::ItemDraft;
use tokio_postgres::Row;

impl Inbox {
    /// How rows stand, as this statement sees them; without a lock.
    ///
    /// What `waiting` says is [`Standing::Waiting`], what else `open` says is
    /// [`Standing::Running`], and all else is [`Standing::Closed`], a row which is gone
    /// as well.
    ///
    /// # Errors
    ///
    /// Of the database; of a definition, if the table lost a column.
    pub async fn standing(&self, session: &Session, rows: &[Locator]) -> Result<Vec<Standing>, PgError> {
        let test = |expression: &Option<String>| match expression {
            Some(expression) => format!("coalesce(({expression}), false)"),
            None => "false".to_owned(),
        };
        let text = format!(
            "{} cross join lateral ( \
                 select case when {} then 2 when {} then 1 else 0 end as \"[s]\" \
                 from {} where {}) as \"[r]\"",
            self.select("\"[r]\".\"[s]\"", &[]),
            test(&self.spec.waiting),
            test(&self.spec.open),
            self.table.full,
            sql::is_located(&self.table, &self.spec),
        );
        let mut standing = vec![Standing::Closed; rows.len()];
        for row in self.about(session, text, rows).await? {
            let stands = match row.try_get::<_, i32>(1)? {
                2 => Standing::Waiting,
                1 => Standing::Running,
                _ => Standing::Closed,
            };
            if let Some(standing) = standing.get_mut(place(row.try_get(0)?)) {
                *standing = stands;
            }
        }
        Ok(standing)
    }

    /// Locks the rows which are waiting, until the transaction ends, and passes over
    /// those which somebody else holds. Of those which it got it says how many
    /// elements the first of the `append` columns has, of others nothing.
    ///
    /// # Errors
    ///
    /// Of the database; of a definition, if the table lost a column.
    pub async fn lock_waiting(
        &self,
        session: &Session,
        rows: &[Locator],
    ) -> Result<Vec<Option<u32>>, PgError> {
        let mut locked = vec![None; rows.len()];
        let Some(waiting) = &self.spec.waiting else { return Ok(locked) };
        let count = self.spec.append.first().map_or_else(|| "0".to_owned(), |name| count(&self.table, name));
        // Whoever only refers to the row by a foreign key is in nobody's way.
        let text = format!(
            "{} cross join lateral ( \
                 select {count} as \"[c]\" from {} where {} and ({waiting}) \
                 for no key update skip locked) as \"[r]\"",
            self.select("\"[r]\".\"[c]\"", &[]),
            self.table.full,
            sql::is_located(&self.table, &self.spec),
        );
        for row in self.about(session, text, rows).await? {
            if let Some(locked) = locked.get_mut(place(row.try_get(0)?)) {
                *locked = Some(u32::try_from(row.try_get::<_, i32>(1)?).unwrap_or_default());
            }
        }
        Ok(locked)
    }

    /// Gives rows another content, in place: the columns of `replace`, or all which the
    /// routine sets but those which tell rows apart. To be called for rows which
    /// [`Inbox::lock_waiting`] got.
    ///
    /// # Errors
    ///
    /// Of the database; also if one of the drafts is refused.
    pub async fn replace(&self, session: &Session, rows: &[(Locator, &ItemDraft)]) -> Result<(), PgError> {
        let drafts = rows.iter().map(|(row, draft)| {
            let all = Cells::of(&self.spec, &self.table, draft);
            let shape = all.shape();
            let changed = sql::replaced(&self.table, &self.spec, &shape);
            (Some(row), all.only(|name| changed.contains(&name)))
        });
        let set = |k: usize, name: &str| format!("{} = \"[d]\".\"[v{}]\"", quote_ident(name), k + 1);
        self.update(session, Group::all(&self.table.locator, drafts), set).await
    }

    /// Adds to what rows have collected: the values which the `append` columns have in
    /// each of the collected drafts, behind those which are there. To be called for
    /// rows which [`Inbox::lock_waiting`] got.
    ///
    /// # Errors
    ///
    /// Of the database; also if one of the drafts is refused, and of class 42804 if a
    /// column of `append` is neither JSON nor an array.
    pub async fn append(&self, session: &Session, rows: &[(Locator, &ItemDraft)]) -> Result<(), PgError> {
        if let Some(name) = self.spec.append.iter().find(|name| self.table.kind(name) == Kind::Other) {
            let table = &self.spec.table;
            let message =
                format!("column \"{name}\" of {table} cannot collect: it is neither jsonb nor an array");
            return Err(PgError::refused("42804", &message));
        }
        let drafts =
            rows.iter().map(|(row, draft)| (Some(row), Cells::added(&self.spec, &self.table, draft)));
        let set = |k: usize, name: &str| added(&self.table, k, name);
        self.update(session, Group::all(&self.table.locator, drafts), set).await
    }

    /// Gives rows what `supersede` says. To be called for rows which
    /// [`Inbox::lock_waiting`] got.
    ///
    /// # Errors
    ///
    /// Of the database, and of class 42601 if the inbox is described without
    /// `supersede`.
    pub async fn supersede(&self, session: &Session, rows: &[Locator]) -> Result<(), PgError> {
        let Some(supersede) = &self.spec.supersede else {
            let message = format!("inbox \"{}\" is described without `supersede`", self.spec.name);
            return Err(PgError::refused("42601", &message));
        };
        let text = format!(
            "update {} set {supersede} from {} where {}",
            self.table.full,
            sql::records(&self.table, &self.table.locator, &[]),
            sql::is_located(&self.table, &self.spec),
        );
        self.about(session, text, rows).await.map(drop)
    }

    /// The beginning of a query about records: their numbers, and one thing more. With
    /// no `values` they are locators.
    fn select(&self, what: &str, values: &[&str]) -> String {
        let locator = if values.is_empty() { &self.table.locator[..] } else { &[] };
        format!("select \"[d]\".\"[n]\", {what} from {}", sql::records(&self.table, locator, values))
    }

    /// Runs a statement about rows.
    async fn about(&self, session: &Session, text: String, rows: &[Locator]) -> Result<Vec<Row>, PgError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        self.query(session, text, cells::rows(&self.table.locator, rows)).await
    }

    /// Updates rows: one statement for each set of columns. `set` says what a column
    /// gets out of the value with its number.
    async fn update(
        &self,
        session: &Session,
        groups: Vec<Group<'_>>,
        set: impl Fn(usize, &str) -> String,
    ) -> Result<(), PgError> {
        let sent = groups.iter().filter(|group| !group.shape.names.is_empty()).map(|group| {
            let set: Vec<String> =
                group.shape.names.iter().enumerate().map(|(k, name)| set(k, name)).collect();
            let text = format!(
                "update {} set {} from {} where {}",
                self.table.full,
                set.join(", "),
                sql::records(&self.table, &self.table.locator, &group.shape.names),
                sql::is_located(&self.table, &self.spec),
            );
            self.query(session, text, group.parameter())
        });
        futures_util::future::try_join_all(sent).await.map(drop)
    }
}

/// How many elements a column has.
fn count(table: &Table, name: &str) -> String {
    let column = table.column(name);
    match table.kind(name) {
        Kind::Array => format!("coalesce(cardinality({column}), 0)"),
        Kind::Jsonb | Kind::Json => format!("jsonb_array_length({})", as_list(&column)),
        Kind::Other => "0".to_owned(),
    }
}

/// What a column gets which collects.
fn added(table: &Table, k: usize, name: &str) -> String {
    let (column, quoted) = (table.column(name), quote_ident(name));
    let value = format!("\"[d]\".\"[v{}]\"", k + 1);
    match table.kind(name) {
        Kind::Jsonb => format!("{quoted} = {} || {value}::jsonb", as_list(&column)),
        Kind::Json => format!("{quoted} = ({} || {value}::jsonb)::json", as_list(&column)),
        Kind::Array | Kind::Other => format!("{quoted} = {column} || {value}"),
    }
}

/// A column of JSON as a list: nothing is an empty one, and what is no list is the
/// first of one.
fn as_list(column: &str) -> String {
    format!(
        "(case when jsonb_typeof({column}::jsonb) = 'array' then {column}::jsonb \
               when coalesce({column}::jsonb, 'null') = 'null' then '[]'::jsonb \
               else jsonb_build_array({column}::jsonb) end)"
    )
}
