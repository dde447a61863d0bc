//! Holds a source against its table: whether its expressions mean something there,
//! and are of the types which an event needs.

use super::catalog::Table;
use super::finding::{Finding, Subject};
use super::{Ground, claim, doorbell, policy, privilege};
use crate::pg::error::PgError;
use crate::rules::foreign::{SourceSpec, Strategy};
use tokio_postgres::types::Type;

/// Looks at one source.
pub(super) async fn look(
    ground: &Ground<'_>,
    spec: &SourceSpec,
    found: &mut Vec<Finding>,
) -> Result<(), PgError> {
    let name = spec.name.as_str();
    let Some(table) = ground.table(&spec.table, Subject::source(name, Some("table")), found) else {
        return Ok(());
    };
    if table.is_view() {
        let message = format!("`{}` is a view, and rows of views have no place to be known by", spec.table);
        let subject = Subject::source(name, Some("table"));
        found.push(Finding::error(subject, message).advice("name the table below it"));
        return Ok(());
    }
    let before = found.len();
    expressions(ground, spec, found).await?;
    texts_as_data(ground, spec, table, found).await?;
    texts_as_times(ground, spec, table, found).await?;
    let sound = found.len() == before;
    privilege::of_source(&ground.role, spec, table, found);
    policy::of_source(&ground.role, spec, table, found);
    doorbell::look(ground, spec, table, found).await?;
    // A claim which cannot be parsed cannot be planned.
    if sound {
        claim::look(ground, spec, table, found).await?;
    }
    Ok(())
}

async fn expressions(
    ground: &Ground<'_>,
    spec: &SourceSpec,
    found: &mut Vec<Finding>,
) -> Result<(), PgError> {
    for (key, sql) in questions(spec) {
        if let Some(answer) = ground.probe.refusal(&sql).await? {
            let subject = Subject::source(spec.name.as_str(), Some(key));
            found.push(Finding::refused(subject, &format!("`{key}` of source `{}`", spec.name), &answer));
        }
    }
    Ok(())
}

/// For each key the statement which can be parsed if the key is right.
fn questions(spec: &SourceSpec) -> Vec<(&'static str, String)> {
    let table = spec.table.quoted();
    let select = |what: String| format!("select {what} from {table}");
    let text = |expression: &String| select(format!("({expression})::text"));
    let time = |expression: &String| select(format!("({expression})::timestamptz"));
    let json = |expression: &String| select(format!("to_jsonb(({expression}))"));
    let mut questions = vec![("id", text(&spec.id)), ("type", text(&spec.kind))];
    questions.extend(spec.origin.as_ref().map(|origin| ("source", text(origin))));
    questions.extend(spec.subject.as_ref().map(|subject| ("subject", text(subject))));
    questions.extend(spec.time.as_ref().map(|at| ("time", time(at))));
    questions.extend(spec.tenant.as_ref().map(|tenant| ("tenant", text(tenant))));
    questions.extend(spec.data.as_ref().map(|data| ("data", json(data))));
    questions.extend(spec.old.as_ref().map(|old| ("old", json(old))));
    questions.extend(spec.meta.as_ref().map(|meta| ("meta", json(meta))));
    let rows = |clause: String| format!("select from {table} {clause}");
    questions.extend(spec.pending.as_ref().map(|pending| ("pending", rows(format!("where ({pending})")))));
    questions.extend(spec.order.as_ref().map(|order| ("order", rows(format!("order by {order}")))));
    questions.extend(spec.ready.as_ref().map(|ready| ("ready", time(ready))));
    if let Strategy::Flag { mark } = &spec.strategy {
        questions.push(("mark", format!("update {table} set {mark} where false")));
    }
    questions
}

/// Text which holds JSON would be one piece of text to the routines.
async fn texts_as_data(
    ground: &Ground<'_>,
    spec: &SourceSpec,
    table: &Table,
    found: &mut Vec<Finding>,
) -> Result<(), PgError> {
    let bodies = [("data", &spec.data), ("old", &spec.old), ("meta", &spec.meta)];
    for (key, expression) in bodies {
        let Some(expression) = expression else { continue };
        if is_text(ground, spec, table, expression).await? {
            let message =
                format!("`{key}` of source `{}` is text, in which no path leads anywhere", spec.name);
            let advice = format!("if it holds JSON, write {key} = \"({expression})::jsonb\"");
            let subject = Subject::source(spec.name.as_str(), Some(key));
            found.push(Finding::warning(subject, message).advice(advice));
        }
    }
    Ok(())
}

/// A cast would take any text for a time, and fail at the first row which is none.
async fn texts_as_times(
    ground: &Ground<'_>,
    spec: &SourceSpec,
    table: &Table,
    found: &mut Vec<Finding>,
) -> Result<(), PgError> {
    for (key, expression) in [("time", &spec.time), ("ready", &spec.ready)] {
        let Some(expression) = expression else { continue };
        if is_text(ground, spec, table, expression).await? {
            let message = format!("`{key}` of source `{}` is text, and is to be a time", spec.name);
            let advice = format!("if each row has one there, write {key} = \"({expression})::timestamptz\"");
            let subject = Subject::source(spec.name.as_str(), Some(key));
            found.push(Finding::error(subject, message).advice(advice));
        }
    }
    Ok(())
}

/// Whether an expression is text; not, if it makes no sense, which is told elsewhere.
async fn is_text(
    ground: &Ground<'_>,
    spec: &SourceSpec,
    table: &Table,
    expression: &str,
) -> Result<bool, PgError> {
    // Of a column the catalogue knows it already.
    if let Some(column) = table.column(expression) {
        return Ok(column.category == 'S');
    }
    let sql = format!("select ({expression}) from {}", spec.table.quoted());
    let Ok(statement) = ground.probe.prepare(&sql, None).await? else { return Ok(false) };
    let first = statement.columns().first();
    Ok(first.is_some_and(|column| [Type::TEXT, Type::VARCHAR, Type::BPCHAR].contains(column.type_())))
}
