//! Whether a claim has to look through the whole table.

use super::Ground;
use super::catalog::Table;
use super::finding::{Finding, Subject};
use crate::pg::error::PgError;
use crate::rules::foreign::{SourceSpec, Strategy};
use crate::rules::sql::words;
use serde_json::Value;

/// Fewer rows are looked through in no time.
const ROWS_MIN: f64 = 1000.0;

/// What makes an expression differ from moment to moment, so that no index can have
/// it.
const FLEETING: [&str; 5] =
    ["now", "clock_timestamp", "current_timestamp", "localtimestamp", "statement_timestamp"];

/// Plans the claim of a source whose rows are marked, with the planner told to use an
/// index wherever there is one.
pub(super) async fn look(
    ground: &Ground<'_>,
    spec: &SourceSpec,
    table: &Table,
    found: &mut Vec<Finding>,
) -> Result<(), PgError> {
    let (Strategy::Flag { .. }, Some(pending)) = (&spec.strategy, &spec.pending) else { return Ok(()) };
    if table.rows <= ROWS_MIN {
        return Ok(());
    }
    let order = spec.order.as_ref().map_or_else(|| format!("({})", spec.id), Clone::clone);
    let (name, batch) = (spec.table.quoted(), spec.batch);
    let sql =
        format!("select from {name} where ({pending}) order by {order} limit {batch} for update skip locked");
    // What is missing for it is told elsewhere.
    let Ok(plan) = ground.probe.explain(&sql).await? else { return Ok(()) };
    if !looks_through(&plan, table) {
        return Ok(());
    }
    let (table_name, rows) = (&spec.table, table.rows);
    let message = format!("no index finds the pending rows of `{table_name}`: a claim looks at all {rows}");
    let finding = Finding::warning(Subject::source(spec.name.as_str(), Some("pending")), message);
    found.push(if words(pending).iter().any(|word| FLEETING.contains(&word.text.as_str())) {
        finding.advice("make an index on the columns of `pending`")
    } else {
        let concurrently = if table.is_partitioned() { "" } else { "concurrently " };
        finding.sql(format!("create index {concurrently}on {name} ({order}) where {pending}"))
    });
    Ok(())
}

/// Whether a plan reads all of a table, or all of an index which has all its rows.
fn looks_through(plan: &Value, table: &Table) -> bool {
    let of_all_rows = |node: &Value| {
        let name = node.get("Index Name").and_then(Value::as_str);
        let index = table.indexes.iter().find(|index| Some(index.name.as_str()) == name);
        // With a partial index beside it the planner has chosen, and may be right.
        index.is_some_and(|index| index.predicate.is_none())
            && table.indexes.iter().all(|index| index.predicate.is_none())
    };
    match plan {
        Value::Array(plans) => plans.iter().any(|plan| looks_through(plan, table)),
        Value::Object(node) => {
            let reads_all = match node.get("Node Type").and_then(Value::as_str) {
                Some("Seq Scan") => true,
                Some("Index Scan" | "Index Only Scan" | "Bitmap Index Scan") => {
                    !node.contains_key("Index Cond") && of_all_rows(plan)
                }
                _ => false,
            };
            let mut below = ["Plan", "Plans"].iter().filter_map(|key| node.get(*key));
            reads_all || below.any(|below| looks_through(below, table))
        }
        _ => false,
    }
}
