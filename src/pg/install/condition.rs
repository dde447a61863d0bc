//! When an update makes a row pending: `pending` and `ready` of a source, held
//! against the row as it is and as it was.
//!
//! A trigger's `when` knows two rows, `new` and `old`, so each bare column gets one of
//! them before it. SQL is not understood here, but told apart into words: what could
//! be a column and something else, or is a subquery, which a `when` cannot have, makes
//! the expression unsafe, and the trigger is left out. PostgreSQL has the last word: the
//! condition is prepared against the table before it is used.

mod rewrite;

use crate::pg::error::PgError;
use crate::pg::session::Session;
use crate::rules::foreign::SourceSpec;
use rewrite::{functions, over};

/// What there is to put behind `when`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// No update makes a row pending.
    None,
    /// This.
    When(String),
    /// Nothing that can be relied on, and why.
    Unsafe(String),
}

/// The condition of a source; asks the database whether it makes sense.
pub(super) async fn of(
    session: &Session,
    spec: &SourceSpec,
    columns: &[String],
) -> Result<Condition, PgError> {
    let when = match built(spec, columns) {
        Ok(None) => return Ok(Condition::None),
        Ok(Some(when)) => when,
        Err(reason) => return Ok(Condition::Unsafe(reason)),
    };
    if let Some(function) = closed_function(session, spec).await? {
        let reason =
            format!("`{function}` is not for everybody to call, and whoever writes would be refused");
        return Ok(Condition::Unsafe(reason));
    }
    let table = spec.table.quoted();
    let probe = format!("select from {table} as \"new\" cross join {table} as \"old\" where {when}");
    match session.client().prepare(&probe).await.map_err(PgError::from) {
        Ok(_) => Ok(Condition::When(when)),
        // Whoever prints may not look into the schema: the grant stands in the very script
        // which is printed. Whoever runs it will hear if the condition makes no sense.
        Err(error) if error.sqlstate() == Some("42501") => Ok(Condition::When(when)),
        Err(error) if error.sqlstate().is_some() && !error.is_of_the_moment() => {
            Ok(Condition::Unsafe(format!("PostgreSQL does not take them as a condition: {error}")))
        }
        Err(error) => Err(error),
    }
}

/// A function of the expressions which those who write to the table may not call. A
/// trigger's `when` is weighed with their rights, and they were not asked.
async fn closed_function(session: &Session, spec: &SourceSpec) -> Result<Option<String>, PgError> {
    let expressions = [&spec.pending, &spec.ready].into_iter().flatten();
    let names: Vec<String> = expressions.flat_map(|text| functions(text)).collect();
    let sql = "\
        select n.nspname || '.' || p.proname \
        from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace \
        where n.nspname || '.' || p.proname = any ($1) \
          and not pg_catalog.has_function_privilege('public', p.oid, 'execute') \
        limit 1";
    let row = session.client().query_opt(sql, &[&names]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// The condition; none, if nothing a row could change to makes it pending.
fn built(spec: &SourceSpec, columns: &[String]) -> Result<Option<String>, String> {
    let both = |what: &str, expression: &Option<String>| match expression {
        None => Ok(None),
        Some(text) => {
            let of = |row: &str| {
                let reason = |reason: String| format!("{reason} in `{what}`");
                over(text, &spec.table, columns, row).map_err(reason)
            };
            Ok::<_, String>(Some((of("new")?, of("old")?)))
        }
    };
    let (pending, ready) = (both("pending", &spec.pending)?, both("ready", &spec.ready)?);
    Ok(match (pending, ready) {
        (None, None) => None,
        (None, Some((new, old))) => Some(format!("({new}) is distinct from ({old})")),
        (Some((new, old)), None) => {
            Some(format!("coalesce(({new}), false) and not coalesce(({old}), false)"))
        }
        (Some((new, old)), Some((ready, was_ready))) => Some(format!(
            "coalesce(({new}), false) \
             and (not coalesce(({old}), false) or ({ready}) is distinct from ({was_ready}))"
        )),
    })
}
