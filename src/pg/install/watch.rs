//! Watching tables: `hearken.watch` with what a command was given.

use crate::pg::error::PgError;
use crate::pg::session::Session;
use crate::rules::foreign::TableName;

/// What is watched, and how: the arguments of `hearken.watch`.
#[derive(Clone, Debug)]
pub struct Watch<'a> {
    /// The table.
    pub table: &'a TableName,
    /// What the types of its events begin with; the table's name, if none.
    pub prefix: Option<&'a str>,
    /// The columns of the images; all, if none.
    pub columns: Option<&'a [String]>,
    /// Columns and paths which are left out.
    pub redact: Option<&'a [String]>,
    /// Of which rows.
    pub filter: Option<&'a str>,
    /// The column with the tenant.
    pub tenant: Option<&'a str>,
    /// What a `truncate` is: `record`, `refuse` or `ignore`.
    pub truncates: &'a str,
    /// The `source` of the events; schema and table, if none.
    pub source: Option<&'a str>,
}

/// Whether there is a table, or anything else, of that name.
///
/// # Errors
///
/// Of the database.
pub async fn exists(session: &Session, table: &TableName) -> Result<bool, PgError> {
    let sql = "select pg_catalog.to_regclass($1::text) is not null";
    Ok(session.client().query_one(sql, &[&table.quoted()]).await?.try_get(0)?)
}

/// Watches a table; says `watched` or `watched anew`.
///
/// # Errors
///
/// Of the database; a filter which is none, a column which is not there and the like
/// are said by its function.
pub async fn watch(session: &Session, watch: &Watch<'_>) -> Result<String, PgError> {
    let sql = "\
        select hearken.watch_apply($1::text::pg_catalog.regclass, \
            hearken.watch_options($1::text::pg_catalog.regclass, $2::text, $3::text[], $4::text[], $5::text, \
                                  $6::text, $7::text) \
            || case when $8::text is null then '{}'::pg_catalog.jsonb \
                    else pg_catalog.jsonb_build_object('source', $8::text) end)";
    let table = watch.table.quoted();
    let client = session.client();
    client.batch_execute("begin; set local lock_timeout = '2s'").await?;
    let answer = client
        .query_one(
            sql,
            &[
                &table,
                &watch.prefix,
                &watch.columns,
                &watch.redact,
                &watch.filter,
                &watch.tenant,
                &watch.truncates,
                &watch.source,
            ],
        )
        .await;
    end(session, answer).await
}

/// Watches it no more; says `no longer watched` or `not watched`.
///
/// # Errors
///
/// Of the database.
pub async fn unwatch(session: &Session, table: &TableName) -> Result<String, PgError> {
    let client = session.client();
    client.batch_execute("begin; set local lock_timeout = '2s'").await?;
    let sql = "select hearken.unwatch($1::text::pg_catalog.regclass)";
    let answer = client.query_one(sql, &[&table.quoted()]).await;
    end(session, answer).await
}

async fn end(
    session: &Session,
    answer: Result<tokio_postgres::Row, tokio_postgres::Error>,
) -> Result<String, PgError> {
    match answer {
        Ok(row) => {
            session.client().batch_execute("commit").await?;
            Ok(row.try_get(0)?)
        }
        Err(error) => {
            session.client().batch_execute("rollback").await?;
            Err(error.into())
        }
    }
}

/// The same as a script for psql.
#[must_use]
pub fn script(watch: &Watch<'_>) -> String {
    let named = |name: &str, value: Option<String>| value.map(|value| format!("    {name} => {value}"));
    let arguments = [
        Some(format!("    {}", literal(&watch.table.quoted()))),
        named("prefix", watch.prefix.map(literal)),
        named("columns", watch.columns.map(array)),
        named("redact", watch.redact.map(array)),
        named("filter", watch.filter.map(literal)),
        named("tenant", watch.tenant.map(literal)),
        named("truncates", Some(literal(watch.truncates))),
    ];
    let arguments = arguments.into_iter().flatten().collect::<Vec<_>>().join(",\n");
    let call = match watch.source {
        None => format!("select hearken.watch(\n{arguments}\n);"),
        Some(source) => format!(
            "select hearken.watch_apply({}, hearken.watch_options(\n{arguments}\n) \
             || jsonb_build_object('source', {}::text));",
            literal(&watch.table.quoted()),
            literal(source)
        ),
    };
    format!(
        "-- Watches {}. To be run by whoever owns the table and may create in the schema hearken.\n\
         \\set ON_ERROR_STOP on\nbegin;\nset local lock_timeout = '2s';\n\
         -- Answers ready if the role is there which the trigger's function belongs to.\n\
         select hearken.make_watcher();\n{call}\ncommit;\n",
        watch.table
    )
}

/// The end of a watch as a script for psql.
#[must_use]
pub fn drop_script(table: &TableName) -> String {
    let table = literal(&table.quoted());
    format!(
        "\\set ON_ERROR_STOP on\nbegin;\nset local lock_timeout = '2s';\n\
         select hearken.unwatch({table});\ncommit;\n"
    )
}

fn array(values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| literal(value)).collect();
    format!("array[{}]::text[]", values.join(", "))
}

/// Text in quotes. A backslash means something else where standard_conforming_strings
/// is off, unless the text says that it has some.
fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_says_what_was_asked_for() {
        let table = TableName::parse("app.\"Odd one\"").unwrap();
        let redact = ["secret".to_owned(), "a.b".to_owned()];
        let watch = Watch {
            table: &table,
            prefix: Some("task"),
            columns: None,
            redact: Some(&redact),
            filter: Some("state <> 'dra\\ft'"),
            tenant: None,
            truncates: "record",
            source: None,
        };
        let text = script(&watch);
        let want = "select hearken.watch(\n    '\"app\".\"Odd one\"',\n    prefix => 'task',\n    \
                    redact => array['secret', 'a.b']::text[],\n    filter => E'state <> ''dra\\\\ft''',\n    \
                    truncates => 'record'\n);";
        assert!(text.contains(want), "{text}");
        assert!(text.contains("\n\\set ON_ERROR_STOP on\nbegin;"), "{text}");
        let with_source = script(&Watch { source: Some("crm"), ..watch });
        assert!(with_source.contains("jsonb_build_object('source', 'crm'::text)"), "{with_source}");
    }
}
