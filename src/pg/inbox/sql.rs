//! The statements, made for the table and the columns in question.
//!
//! Names of ours have brackets, so that no expression of the settings means one by
//! accident. Such an expression stands where its bare columns can only be those of
//! the table: in a query of its own over the table alone, or in `on conflict`, where
//! the server looks for an index.

use super::cells::Shape;
use super::table::{FoundBy, Nulls, Table};
use crate::rules::foreign::{Conflict, DedupSpec, InboxSpec, quote_ident};

/// The records of a statement: their numbers, and two kinds of columns.
pub(super) fn records(table: &Table, locator: &[String], values: &[&str]) -> String {
    let located = locator.iter().enumerate();
    let located = located.map(|(k, name)| format!(", \"[l{}]\" {}", k + 1, table.definition(name)));
    let values = values.iter().enumerate();
    let values = values.map(|(k, name)| format!(", \"[v{}]\" {}", k + 1, table.definition(name)));
    let columns: String = located.chain(values).collect();
    format!("json_to_recordset($1::json) as \"[d]\" (\"[n]\" integer{columns})")
}

/// The locator of a row as text; `column` says how one of its columns is written.
pub(super) fn locator(table: &Table, column: impl Fn(usize, &str) -> String) -> String {
    let pair = |(k, name): (usize, &String)| format!("{}, {}", literal(name), column(k, name));
    let pairs: Vec<String> = table.locator.iter().enumerate().map(pair).collect();
    format!("jsonb_build_object({})::text", pairs.join(", "))
}

/// Whether a row of the table is the one of the record at hand.
pub(super) fn is_located(table: &Table, spec: &InboxSpec) -> String {
    if table.locator.is_empty() {
        return "false".to_owned();
    }
    let key = spec.dedup.as_ref().and_then(|dedup| dedup.column.as_ref());
    let filter = spec.dedup.as_ref().and_then(|dedup| dedup.filter.as_ref());
    let same = |(k, name): (usize, &String)| {
        // The key is never null in a row of ours, and an index finds rows by `=` only.
        let exact = table.found_by == FoundBy::Key || !table.is_nullable(name) || key == Some(name);
        let same = if exact { "=" } else { "is not distinct from" };
        format!("{} {same} \"[d]\".\"[l{}]\"", table.column(name), k + 1)
    };
    let mut all: Vec<String> = table.locator.iter().enumerate().map(same).collect();
    if let (FoundBy::Conflict, Some(filter)) = (table.found_by, filter) {
        all.push(format!("({filter})"));
    }
    all.join(" and ")
}

/// Whether a row of the table is one which the inbox's rule would find instead of
/// the record at hand; none, if that cannot be told beforehand.
pub(super) fn is_met(table: &Table, dedup: &DedupSpec, names: &[&str]) -> Option<String> {
    let mut all = Vec::new();
    for name in &dedup.conflict {
        let column = table.column(name);
        let equal_nulls = table.nulls == Nulls::Equal && table.is_nullable(name);
        let same = if equal_nulls { "is not distinct from" } else { "=" };
        let value = match (names.iter().position(|other| other == name), table.default(name)) {
            (Some(k), _) => format!("\"[d]\".\"[v{}]\"", k + 1),
            (None, _) if table.is_generated(name) => return None,
            (None, Some(default)) => format!("({default})"),
            (None, None) if equal_nulls => "null".to_owned(),
            (None, None) => return None,
        };
        all.push(format!("{column} {same} {value}"));
    }
    all.extend(dedup.filter.as_ref().map(|filter| format!("({filter})")));
    Some(all.join(" and "))
}

/// Puts drafts of one shape into the table.
///
/// The answer has the columns `n`, `locator`, `key`, `last` and `was_there`, and two
/// kinds of rows. Those without a number are new or changed rows, in the order of
/// their drafts; those with one are drafts, and come only where the two differ.
pub(super) fn place(table: &Table, spec: &InboxSpec, shape: &Shape<'_>) -> String {
    let Some(dedup) = &spec.dedup else { return plain(table, shape) };
    let replaced = replaced(table, spec, shape);
    match dedup.on_conflict {
        Conflict::Replace if !replaced.is_empty() => upsert(table, spec, dedup, shape, &replaced),
        Conflict::Replace | Conflict::Skip => skip(table, dedup, shape),
    }
}

/// The columns which a replacement changes.
pub(super) fn replaced<'a>(table: &Table, spec: &InboxSpec, shape: &Shape<'a>) -> Vec<&'a str> {
    let own = shape.names.iter().take(shape.own);
    match &spec.replace {
        Some(wanted) => shape.names.iter().filter(|name| has(wanted, name)).copied().collect(),
        None => own.filter(|name| !identifies(table, spec, name)).copied().collect(),
    }
}

/// Whether a column tells rows apart.
fn identifies(table: &Table, spec: &InboxSpec, name: &str) -> bool {
    let conflict = spec.dedup.as_ref().is_some_and(|dedup| has(&dedup.conflict, name));
    conflict || has(&table.locator, name)
}

fn has(names: &[String], name: &str) -> bool {
    names.iter().any(|other| other == name)
}

fn plain(table: &Table, shape: &Shape<'_>) -> String {
    format!(
        "{} from {} order by \"[d]\".\"[n]\" \
         returning null::integer as n, {} as locator, null::text as key, null::integer as last, \
                   false as was_there",
        insert(table, shape),
        records(table, &[], &shape.names),
        locator(table, |_, name| table.column(name)),
    )
}

/// What is there stays. Drafts are told only if some of them made no row.
fn skip(table: &Table, dedup: &DedupSpec, shape: &Shape<'_>) -> String {
    format!(
        "with \"[d]\" as materialized (select * from {records}), \
         \"[i]\" as ({insert} from \"[d]\" order by \"[d]\".\"[n]\" {on_conflict} do nothing \
             returning {returning}), \
         \"[t]\" as materialized ( \
             select (select count(*) from \"[i]\") < (select count(*) from \"[d]\") as \"[some]\") \
         select null::integer as n, {made} as locator, \
                case when (select \"[some]\" from \"[t]\") then {made_key} end as key, \
                null::integer as last, false as was_there from \"[i]\" \
         union all \
         select \"[d]\".\"[n]\", null, {draft_key}, \"[d]\".\"[n]\", false from \"[d]\" \
         where (select \"[some]\" from \"[t]\")",
        records = records(table, &[], &shape.names),
        insert = insert(table, shape),
        on_conflict = on_conflict(dedup),
        returning = returning(table, dedup, shape),
        made = locator(table, |k, _| format!("\"[l{}]\"", k + 1)),
        made_key = row(told_by(table, dedup, shape).len(), |k| format!("\"[k{}]\"", k + 1)),
        draft_key = draft_key(table, dedup, shape),
    )
}

/// What is there takes the new content, if it is waiting. If somebody holds it the
/// statement fails, to be tried again: the content must not be lost, and waiting for a
/// worker might be the worker's end. Of
/// several drafts for one row the last one is offered: no statement may touch a row
/// twice.
fn upsert(
    table: &Table,
    spec: &InboxSpec,
    dedup: &DedupSpec,
    shape: &Shape<'_>,
    replaced: &[&str],
) -> String {
    let met = is_met(table, dedup, &shape.names).unwrap_or_else(|| "false".to_owned());
    let set: Vec<String> = replaced
        .iter()
        .map(|name| quote_ident(name))
        .map(|name| format!("{name} = excluded.{name}"))
        .collect();
    // Beside `excluded` a bare column would be ambiguous.
    let waiting = spec.waiting.as_ref().map(|waiting| {
        let name = &table.name;
        format!("where (select ({waiting}) from (select {name}.*) as {name})")
    });
    format!(
        "with \"[d]\" as materialized ( \
             select \"[d]\".*, max(\"[d]\".\"[n]\") over ({partition}) as \"[last]\" from {records}), \
         \"[t]\" as materialized ( \
             select \"[d]\".\"[n]\", \
                    coalesce((select true from {full} where {met} limit 1 for no key update skip locked), \
                             case when exists (select from {full} where {met} and ({changeable})) \
                                  then hearken.is_busy({inbox}) else false end) as \"[free]\" \
             from \"[d]\" \
             where \"[d]\".\"[n]\" = \"[d]\".\"[last]\" and exists (select from {full} where {met})), \
         \"[i]\" as ({insert} from \"[d]\" left join \"[t]\" on \"[t]\".\"[n]\" = \"[d]\".\"[n]\" \
             where \"[d]\".\"[n]\" = \"[d]\".\"[last]\" and (\"[t]\".\"[n]\" is null or \"[t]\".\"[free]\") \
             order by \"[d]\".\"[n]\" {on_conflict} do update set {set} {waiting} \
             returning {returning}) \
         select null::integer as n, {made} as locator, {made_key} as key, null::integer as last, \
                false as was_there from \"[i]\" \
         union all \
         select \"[d]\".\"[n]\", null, {draft_key}, \"[d]\".\"[last]\", \"[t]\".\"[n]\" is not null \
         from \"[d]\" left join \"[t]\" on \"[t]\".\"[n]\" = \"[d]\".\"[last]\"",
        partition = partition(table, dedup, shape),
        records = records(table, &[], &shape.names),
        full = table.full,
        changeable = spec.waiting.as_deref().unwrap_or("true"),
        inbox = literal(&spec.table.to_string()),
        insert = insert(table, shape),
        on_conflict = on_conflict(dedup),
        set = set.join(", "),
        waiting = waiting.unwrap_or_default(),
        returning = returning(table, dedup, shape),
        made = locator(table, |k, _| format!("\"[l{}]\"", k + 1)),
        made_key = row(told_by(table, dedup, shape).len(), |k| format!("\"[k{}]\"", k + 1)),
        draft_key = draft_key(table, dedup, shape),
    )
}

/// `insert … select …`, up to its `from`.
fn insert(table: &Table, shape: &Shape<'_>) -> String {
    let names: Vec<String> = shape.names.iter().map(|name| quote_ident(name)).collect();
    let values: Vec<String> = (1..=names.len()).map(|k| format!("\"[d]\".\"[v{k}]\"")).collect();
    // An empty list of columns is no SQL; without one all keep their defaults.
    let names = if names.is_empty() { String::new() } else { format!("({})", names.join(", ")) };
    format!("insert into {} {names} select {}", table.full, values.join(", "))
}

fn on_conflict(dedup: &DedupSpec) -> String {
    let columns: Vec<String> = dedup.conflict.iter().map(|name| quote_ident(name)).collect();
    let filter = dedup.filter.as_ref().map(|filter| format!(" where {filter}")).unwrap_or_default();
    format!("on conflict ({}){filter}", columns.join(", "))
}

/// By which columns a new row is known as that of its draft: those of the rule. What
/// is not supplied is the default, for all alike; but if one is computed, drafts are
/// told apart by all they have.
fn told_by<'a>(table: &Table, dedup: &DedupSpec, shape: &Shape<'a>) -> Vec<(usize, &'a str)> {
    let computed = dedup.conflict.iter().any(|name| table.is_generated(name));
    let all = shape.names.iter().copied().enumerate();
    all.filter(|(_, name)| computed || has(&dedup.conflict, name)).collect()
}

/// What `[i]` has of a row: its locator, and what it is known by.
fn returning(table: &Table, dedup: &DedupSpec, shape: &Shape<'_>) -> String {
    let located = table.locator.iter().enumerate();
    let located = located.map(|(k, name)| format!("{} as \"[l{}]\"", table.column(name), k + 1));
    let known = told_by(table, dedup, shape).into_iter().enumerate();
    let known = known.map(|(k, (_, name))| format!("{} as \"[k{}]\"", table.column(name), k + 1));
    let mut all: Vec<String> = located.chain(known).collect();
    if all.is_empty() {
        all.push("1 as \"[none]\"".to_owned());
    }
    all.join(", ")
}

/// The values by which a draft is told, as one text: equal for the row it becomes, down
/// to the last digit, since both have been through the column's type.
fn draft_key(table: &Table, dedup: &DedupSpec, shape: &Shape<'_>) -> String {
    let known = told_by(table, dedup, shape);
    row(known.len(), |k| format!("\"[d]\".\"[v{}]\"", known.get(k).map_or(0, |(place, _)| place + 1)))
}

fn row(columns: usize, column: impl Fn(usize) -> String) -> String {
    let columns: Vec<String> = (0..columns).map(column).collect();
    format!("row({})::text", columns.join(", "))
}

/// Which drafts are for one row. Two nulls meet only if the index says so.
fn partition(table: &Table, dedup: &DedupSpec, shape: &Shape<'_>) -> String {
    let unset =
        |name: &String| !shape.names.iter().any(|other| *other == name) && table.is_null_unless_set(name);
    if table.nulls == Nulls::Distinct && dedup.conflict.iter().any(unset) {
        return "partition by \"[d]\".\"[n]\"".to_owned();
    }
    let supplied = shape.names.iter().enumerate().filter(|(_, name)| has(&dedup.conflict, name));
    let (mut by, mut nulls) = (Vec::new(), Vec::new());
    for (k, _) in supplied {
        let value = format!("\"[d]\".\"[v{}]\"", k + 1);
        if table.nulls == Nulls::Distinct {
            nulls.push(format!("{value} is null"));
        }
        by.push(value);
    }
    if !nulls.is_empty() {
        by.push(format!("case when {} then \"[d]\".\"[n]\" end", nulls.join(" or ")));
    }
    if by.is_empty() { String::new() } else { format!("partition by {}", by.join(", ")) }
}

/// A text as SQL writes it.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
