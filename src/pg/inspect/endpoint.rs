//! Holds a table of endpoints against what is there: whether its expressions mean
//! something, whether the role may read them, and whether an id is that of one row.

use super::catalog::Table;
use super::finding::{Finding, Subject};
use super::{Ground, policy, privilege};
use crate::pg::endpoints::EndpointTable;
use crate::pg::error::PgError;
use crate::rules::endpoint::EndpointSpec;
use crate::rules::foreign::quote_ident;

/// Looks at one table of endpoints.
pub(super) async fn look(
    ground: &Ground<'_>,
    spec: &EndpointSpec,
    found: &mut Vec<Finding>,
) -> Result<(), PgError> {
    let name = spec.name.as_str();
    let Some(table) = ground.table(&spec.table, Subject::endpoint(name, Some("table")), found) else {
        return Ok(());
    };
    let before = found.len();
    for (key, cast, expression) in expressions(spec) {
        // On lines of their own, since an expression may end with a comment.
        let sql = format!("select (\n{expression}\n){cast} from {}", spec.table.quoted());
        if let Some(answer) = ground.probe.refusal(&sql).await? {
            let what = format!("`{key}` of endpoint `{name}`");
            found.push(Finding::refused(Subject::endpoint(name, Some(key)), &what, &answer));
        }
    }
    let sound = found.len() == before;
    // All of it as a deliverer asks, which also compares the id.
    if sound
        && let Err(answer) = ground.probe.within(EndpointTable::prepare(ground.probe.session(), spec)).await?
    {
        let what = format!("`id` of endpoint `{name}`");
        found.push(Finding::refused(Subject::endpoint(name, Some("id")), &what, &answer));
    }
    let read = expressions(spec).map(|(_, _, expression)| expression);
    privilege::of_endpoint(&ground.role, spec, table, read, found);
    policy::of_endpoint(&ground.role, spec, table, found);
    found.extend(ambiguous(spec, table));
    Ok(())
}

/// The keys which are there, each with what its expression is cast to.
fn expressions(spec: &EndpointSpec) -> impl Iterator<Item = (&'static str, &'static str, &str)> {
    let all = [
        ("id", "", Some(&spec.id)),
        ("url", "::text", Some(&spec.url)),
        ("secret", "::text", spec.secret.as_ref()),
        ("enabled", "::boolean", spec.enabled.as_ref()),
        ("headers", "::jsonb", spec.headers.as_ref()),
    ];
    all.into_iter().filter_map(|(key, cast, expression)| Some((key, cast, expression?.as_str())))
}

/// To the id of several rows nothing is delivered, since nobody can say which is meant.
/// Of an expression, or a view, nothing is known.
fn ambiguous(spec: &EndpointSpec, table: &Table) -> Option<Finding> {
    let column = &table.column(&spec.id)?.name;
    let is_unique = |key: &[Option<String>]| matches!(key, [Some(only)] if only == column);
    let unique =
        table.indexes.iter().any(|index| index.unique && index.predicate.is_none() && is_unique(&index.key));
    if unique || table.is_view() {
        return None;
    }
    let message = format!(
        "nothing keeps two rows of `{}` from having the same `{column}`, and then nothing is delivered to either",
        spec.table
    );
    let concurrently = if table.is_partitioned() { "" } else { "concurrently " };
    let sql =
        format!("create unique index {concurrently}on {} ({})", spec.table.quoted(), quote_ident(column));
    Some(Finding::warning(Subject::endpoint(spec.name.as_str(), Some("id")), message).sql(sql))
}
