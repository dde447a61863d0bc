//! What the catalog says about the table of an inbox.

use crate::pg::error::PgError;
use crate::pg::session::Session;
use crate::rules::foreign::{InboxSpec, quote_ident};
use std::collections::HashMap;
use tokio_postgres::Row;

/// The table of an inbox, with names quoted as statements have them.
#[derive(Debug)]
pub(super) struct Table {
    /// Schema and name.
    pub(super) full: String,
    /// The name alone: by it a statement knows the table, so that expressions of the
    /// settings may qualify their columns.
    pub(super) name: String,
    columns: HashMap<String, Column>,
    /// The columns by which one of its rows is found again, unquoted. None, if
    /// nothing tells two of its rows apart.
    pub(super) locator: Vec<String>,
    /// Where those come from.
    pub(super) found_by: FoundBy,
    /// What its index makes of nulls.
    pub(super) nulls: Nulls,
}

/// One column.
#[derive(Debug)]
struct Column {
    /// Its type with length, precision and collation, as a column of a recordset has
    /// it.
    definition: String,
    kind: Kind,
    /// Whether it may be null.
    nullable: bool,
    /// Whether it is computed from others.
    generated: bool,
    /// What it gets if it is not set.
    default: Option<String>,
}

/// What a column holds, as far as collecting has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `jsonb`, or a domain over it.
    Jsonb,
    /// `json`, or a domain over it.
    Json,
    /// An array.
    Array,
    /// Anything else.
    Other,
}

/// How a row is found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FoundBy {
    /// By columns which are never null and tell any two rows apart.
    Key,
    /// By the columns of the inbox's own rule, which may be null, and tell only those
    /// rows apart to which its filter applies.
    Conflict,
}

/// What a unique index makes of two nulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nulls {
    /// They never meet.
    Distinct,
    /// They are the same.
    Equal,
}

/// A unique index over columns.
struct Index {
    primary: bool,
    /// Without a predicate, not deferrable, and over columns which are never null.
    whole: bool,
    nulls: Nulls,
    columns: Vec<String>,
}

const TABLE: &str = "\
    select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
    where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p', 'v', 'f')";

/// A domain counts as what it is over.
const COLUMNS: &str = "\
    select a.attname::text, \
           pg_catalog.format_type(a.atttypid, a.atttypmod) || coalesce(' collate ' \
               || pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname), ''), \
           base.kind, not a.attnotnull, a.attgenerated <> '', pg_catalog.pg_get_expr(d.adbin, d.adrelid) \
    from pg_catalog.pg_attribute a \
    join pg_catalog.pg_type t on t.oid = a.atttypid \
    left join pg_catalog.pg_collation co on co.oid = a.attcollation and a.attcollation <> t.typcollation \
    left join pg_catalog.pg_namespace cn on cn.oid = co.collnamespace \
    left join pg_catalog.pg_attrdef d \
        on d.adrelid = a.attrelid and d.adnum = a.attnum and a.attgenerated = '' \
    cross join lateral ( \
        with recursive b (oid, next) as ( \
            select t.oid, t.typbasetype \
            union all \
            select u.oid, u.typbasetype from b join pg_catalog.pg_type u on u.oid = b.next) \
        select case when u.oid = 'pg_catalog.jsonb'::pg_catalog.regtype then 'jsonb' \
                    when u.oid = 'pg_catalog.json'::pg_catalog.regtype then 'json' \
                    when u.typcategory = 'A' then 'array' else 'other' end as kind \
        from b join pg_catalog.pg_type u on u.oid = b.oid where b.next = 0) base \
    where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped";

/// Indexes over expressions tell us nothing about columns.
const INDEXES: &str = "\
    select i.indisprimary, i.indpred is null and i.indimmediate and k.never_null, i.indnullsnotdistinct, \
           k.columns \
    from pg_catalog.pg_index i \
    cross join lateral ( \
        select pg_catalog.array_agg(a.attname::text order by k.n) as columns, \
               pg_catalog.bool_and(a.attnotnull) as never_null \
        from pg_catalog.unnest(i.indkey) with ordinality as k (attnum, n) \
        join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum \
        where k.n <= i.indnkeyatts) k \
    where i.indrelid = $1 and i.indisunique and i.indisvalid and i.indexprs is null \
    order by i.indnkeyatts, i.indexrelid";

impl Table {
    /// Whether the column is null in a row which does not set it.
    pub(super) fn is_null_unless_set(&self, name: &str) -> bool {
        self.columns.get(name).is_some_and(|column| column.default.is_none() && !column.generated)
    }

    /// Reads the catalog.
    ///
    /// # Errors
    ///
    /// Of class 42P01, if there is no such table.
    pub(super) async fn read(session: &Session, spec: &InboxSpec) -> Result<Self, PgError> {
        let client = session.client();
        let (schema, name) = (spec.table.schema(), spec.table.name());
        let Some(found) = client.query_opt(TABLE, &[&schema, &name]).await? else {
            return Err(PgError::refused("42P01", &format!("relation \"{}\" does not exist", spec.table)));
        };
        let oid: u32 = found.try_get(0)?;
        let parameters: [&(dyn postgres_types::ToSql + Sync); 1] = [&oid];
        let (columns, indexes) =
            futures_util::try_join!(client.query(COLUMNS, &parameters), client.query(INDEXES, &parameters))?;
        let columns: HashMap<String, Column> = columns.iter().map(column).collect::<Result<_, _>>()?;
        let indexes: Vec<Index> = indexes.iter().map(index).collect::<Result<_, _>>()?;
        let conflict = spec.dedup.as_ref().map_or(&[][..], |dedup| &dedup.conflict[..]);
        let (locator, found_by) = locator(&indexes, conflict);
        Ok(Self {
            full: spec.table.quoted(),
            name: quote_ident(name),
            columns,
            locator,
            found_by,
            nulls: nulls(&indexes, conflict),
        })
    }

    /// A column of the table, as expressions have it.
    pub(super) fn column(&self, name: &str) -> String {
        format!("{}.{}", self.name, quote_ident(name))
    }

    /// Its type. One which is not there is taken for text, so that the statement
    /// comes as far as the table, and the server says which column is missing.
    pub(super) fn definition(&self, name: &str) -> &str {
        self.columns.get(name).map_or("text", |column| &column.definition)
    }

    /// What it holds.
    pub(super) fn kind(&self, name: &str) -> Kind {
        self.columns.get(name).map_or(Kind::Other, |column| column.kind)
    }

    /// Whether it may be null.
    pub(super) fn is_nullable(&self, name: &str) -> bool {
        self.columns.get(name).is_none_or(|column| column.nullable)
    }

    /// Whether it is computed from others.
    pub(super) fn is_generated(&self, name: &str) -> bool {
        self.columns.get(name).is_some_and(|column| column.generated)
    }

    /// The expression it gets if it is not set; none, if that is null.
    pub(super) fn default(&self, name: &str) -> Option<&str> {
        self.columns.get(name).and_then(|column| column.default.as_deref())
    }
}

fn column(row: &Row) -> Result<(String, Column), PgError> {
    let kind = match row.try_get::<_, &str>(2)? {
        "jsonb" => Kind::Jsonb,
        "json" => Kind::Json,
        "array" => Kind::Array,
        _ => Kind::Other,
    };
    let column = Column {
        definition: row.try_get(1)?,
        kind,
        nullable: row.try_get(3)?,
        generated: row.try_get(4)?,
        default: row.try_get(5)?,
    };
    Ok((row.try_get(0)?, column))
}

fn index(row: &Row) -> Result<Index, PgError> {
    Ok(Index {
        primary: row.try_get(0)?,
        whole: row.try_get(1)?,
        nulls: if row.try_get(2)? { Nulls::Equal } else { Nulls::Distinct },
        columns: row.try_get(3)?,
    })
}

/// The primary key, else the shortest index which tells all rows apart, else the
/// columns of the inbox's rule.
fn locator(indexes: &[Index], conflict: &[String]) -> (Vec<String>, FoundBy) {
    let primary = indexes.iter().find(|index| index.primary);
    match primary.or_else(|| indexes.iter().find(|index| index.whole)) {
        Some(index) => (index.columns.clone(), FoundBy::Key),
        None => (conflict.to_vec(), FoundBy::Conflict),
    }
}

/// What the index behind the inbox's rule makes of nulls.
fn nulls(indexes: &[Index], conflict: &[String]) -> Nulls {
    let same = |index: &&Index| {
        index.columns.len() == conflict.len() && conflict.iter().all(|name| index.columns.contains(name))
    };
    let equal = indexes.iter().filter(same).any(|index| index.nulls == Nulls::Equal);
    if equal { Nulls::Equal } else { Nulls::Distinct }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_found_by_its_key_before_all_else() {
        let by_key = index(false, true, &["a", "b"]);
        check(
            &[index(false, true, &["n"]), index(true, true, &["id", "part"])],
            &["id", "part"],
            FoundBy::Key,
        );
        check(&[index(false, false, &["k"]), by_key], &["a", "b"], FoundBy::Key);
        check(&[index(false, false, &["k"])], &["tenant", "k"], FoundBy::Conflict);
        check(&[], &["tenant", "k"], FoundBy::Conflict);
    }

    #[track_caller]
    fn check(indexes: &[Index], columns: &[&str], found_by: FoundBy) {
        let conflict = ["tenant".to_owned(), "k".to_owned()];
        let want: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(locator(indexes, &conflict), (want, found_by));
    }

    fn index(primary: bool, whole: bool, columns: &[&str]) -> Index {
        let columns = columns.iter().map(|name| (*name).to_owned()).collect();
        Index { primary, whole, nulls: Nulls::Distinct, columns }
    }
}
