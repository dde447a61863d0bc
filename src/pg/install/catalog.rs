//! What the catalog knows of a table, its triggers, and who holds it.

use super::Hung;
use crate::pg::error::PgError;
use crate::pg::session::Session;
use crate::rules::foreign::{TableName, quote_ident};
use crate::rules::name::SourceName;

/// What may bear a table's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A table.
    Plain,
    /// A table in parts.
    Partitioned,
    /// A table of another server.
    Foreign,
    /// A view.
    View,
    /// A view which is refreshed.
    Materialized,
}

/// A table, as far as triggers need to know.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// What it is.
    pub(super) kind: Kind,
    /// Whose it is.
    pub(super) owner: String,
    /// Its columns.
    pub(super) columns: Vec<String>,
}

impl Shape {
    /// What it is, if a trigger on it would never fire for new rows.
    pub(super) fn never_fires(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Plain | Kind::Partitioned => None,
            Kind::Foreign => Some("a table of another server"),
            Kind::View => Some("a view"),
            Kind::Materialized => Some("a materialized view"),
        }
    }
}

/// The table of that name, or what else has it; none, if nothing has.
pub(super) async fn shape(session: &Session, table: &TableName) -> Result<Option<Shape>, PgError> {
    let sql = "\
        select c.relkind::text, pg_catalog.pg_get_userbyid(c.relowner)::text, \
               array(select a.attname::text from pg_catalog.pg_attribute a \
                     where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum) \
        from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
        where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p', 'f', 'v', 'm')";
    let Some(row) = session.client().query_opt(sql, &[&table.schema(), &table.name()]).await? else {
        return Ok(None);
    };
    let kind = match row.try_get::<_, &str>(0)? {
        "p" => Kind::Partitioned,
        "f" => Kind::Foreign,
        "v" => Kind::View,
        "m" => Kind::Materialized,
        _ => Kind::Plain,
    };
    Ok(Some(Shape { kind, owner: row.try_get(1)?, columns: row.try_get(2)? }))
}

/// The triggers which ring for a source.
pub(super) async fn hung(session: &Session, name: &SourceName) -> Result<Vec<Hung>, PgError> {
    // The arguments of a trigger end with a zero each.
    let sql = "\
        select n.nspname::text, c.relname::text, g.tgname::text, \
               pg_catalog.pg_get_userbyid(c.relowner)::text \
        from hearken.sources r \
        join pg_catalog.pg_trigger g on pg_catalog.encode(g.tgargs, 'escape') = r.id::text || '\\000' \
        join pg_catalog.pg_class c on c.oid = g.tgrelid \
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
        join pg_catalog.pg_proc p on p.oid = g.tgfoid \
        join pg_catalog.pg_namespace s on s.oid = p.pronamespace \
        where r.name = $1 and s.nspname = 'hearken' and p.proname = 'ring' and n.nspname <> 'hearken' \
          and not g.tgisinternal and g.tgparentid = 0 \
        order by 1, 2, 3";
    let rows = session.client().query(sql, &[&name.as_str()]).await?;
    let read = |row: &tokio_postgres::Row| {
        let (schema, table): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Hung {
            table: format!("{}.{}", quote_ident(schema), quote_ident(table)),
            trigger: row.try_get(2)?,
            owner: row.try_get(3)?,
        })
    };
    Ok(rows.iter().map(read).collect::<Result<Vec<_>, tokio_postgres::Error>>()?)
}

/// The names of the sources which were registered, but the log.
pub(super) async fn registered(session: &Session) -> Result<Vec<SourceName>, PgError> {
    let sql = "select name from hearken.sources where id <> 1 order by name";
    let rows = session.client().query(sql, &[]).await?;
    Ok(rows.iter().filter_map(|row| SourceName::parse(row.get(0)).ok()).collect())
}

/// Who holds locks of a table, and which; for people.
pub(super) async fn holders(session: &Session, table: &str) -> Result<String, PgError> {
    let sql = "\
        select coalesce(string_agg(format('process %s holds %s (role %s, %s, transaction open for %s)', \
                   a.pid, l.mode, a.usename, coalesce(nullif(a.application_name, ''), 'no application_name'), \
                   date_trunc('second', clock_timestamp() - a.xact_start)), '; ' order by a.xact_start), \
               'whoever held it has let go meanwhile') \
        from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a on a.pid = l.pid \
        where l.granted and l.relation = pg_catalog.to_regclass($1) and a.datname = current_database() \
          and a.pid <> pg_catalog.pg_backend_pid()";
    Ok(session.client().query_one(sql, &[&table]).await?.try_get(0)?)
}
