//! Holds `conflict` of an inbox against the unique indexes of its table.

use super::Ground;
use super::catalog::{Index, Table};
use super::finding::{Finding, Subject};
use crate::pg::error::PgError;
use crate::rules::foreign::{DedupSpec, InboxSpec, quote_ident};
use crate::rules::text::listed;
use serde_json::Value;
use std::collections::BTreeSet;

/// There is no unique index as `on conflict` names it.
const NO_INDEX: &str = "42P10";

/// The planner looks for the index as an insert would.
pub(super) async fn look(
    ground: &Ground<'_>,
    spec: &InboxSpec,
    dedup: &DedupSpec,
    table: &Table,
    found: &mut Vec<Finding>,
) -> Result<(), PgError> {
    let name = spec.table.quoted();
    let columns = dedup.conflict.iter().map(|column| quote_ident(column)).collect::<Vec<_>>().join(", ");
    let filter = dedup.filter.as_ref().map(|filter| format!(" where {filter}")).unwrap_or_default();
    let sql = format!("insert into {name} default values on conflict ({columns}){filter} do nothing");
    match ground.probe.explain(&sql).await? {
        Ok(plan) => found.extend(deferrable(&plan, table).map(|index| put_off(spec, index))),
        Err(answer) if answer.sqlstate == NO_INDEX => {
            let concurrently = if table.is_partitioned() { "" } else { "concurrently " };
            let mend = format!("create unique index {concurrently}on {name} ({columns}){filter}");
            found.push(missing(spec, dedup, table, mend));
        }
        // Columns and rights are told elsewhere.
        Err(_) => {}
    }
    Ok(())
}

/// The index of a plan which an insert would refuse: the planner takes those of
/// deferrable constraints, and the executor does not.
fn deferrable<'a>(plan: &Value, table: &'a Table) -> Option<&'a Index> {
    let names = plan.pointer("/0/Plan/Conflict Arbiter Indexes")?.as_array()?;
    let is_used = |index: &&Index| names.iter().any(|name| name.as_str() == Some(index.name.as_str()));
    table.indexes.iter().filter(is_used).find(|index| !index.immediate)
}

fn put_off(spec: &InboxSpec, index: &Index) -> Finding {
    let message = format!(
        "the unique index `{}` of `{}` is deferrable, and duplicates cannot be found by such",
        index.name, spec.table
    );
    let finding = Finding::error(subject(spec), message);
    let Some(definition) = &index.constraint else { return finding };
    let name = quote_ident(&index.name);
    let kept = definition.strip_suffix(" INITIALLY DEFERRED").unwrap_or(definition);
    let kept = kept.strip_suffix(" DEFERRABLE").unwrap_or(kept);
    let table = spec.table.quoted();
    finding.sql(format!("alter table {table} drop constraint {name}, add constraint {name} {kept}"))
}

/// Without the index; one on the same columns for other rows is probably the one which
/// was meant, and a second one beside it is not.
fn missing(spec: &InboxSpec, dedup: &DedupSpec, table: &Table, mend: String) -> Finding {
    let partial = if dedup.filter.is_some() { ", with the predicate of `where`," } else { "" };
    let conflict = listed(dedup.conflict.iter().map(String::as_str));
    let message =
        format!("`{}` has no unique index on {conflict}{partial} to find duplicates by", spec.table);
    let finding = Finding::error(subject(spec), message);
    let Some((index, predicate)) = of_other_rows(dedup, table) else { return finding.sql(mend) };
    // What JSON escapes, TOML reads.
    let quoted = Value::String(predicate.to_owned());
    let name = &index.name;
    finding.advice(format!(
        "the unique index `{name}` has these columns and another predicate: \
         write where = {quoted} in `dedup`; or, if other rows are meant, run {mend}"
    ))
}

/// A partial unique index on the columns, and its predicate.
fn of_other_rows<'a>(dedup: &DedupSpec, table: &'a Table) -> Option<(&'a Index, &'a str)> {
    let wanted: BTreeSet<&str> = dedup.conflict.iter().map(String::as_str).collect();
    let is_on_them = |index: &Index| {
        let key: Option<BTreeSet<&str>> = index.key.iter().map(Option::as_deref).collect();
        key.as_ref() == Some(&wanted)
    };
    let mut unique = table.indexes.iter().filter(|index| index.unique && is_on_them(index));
    unique.find_map(|index| Some((index, index.predicate.as_deref()?)))
}

fn subject(spec: &InboxSpec) -> Subject {
    Subject::inbox(spec.name.as_str(), Some("dedup"))
}
