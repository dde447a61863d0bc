//! Holds an inbox against its table: columns, conditions, and the unique index which
//! it names.

use super::catalog::{Column, Table};
use super::finding::{Finding, Subject};
use super::privilege::{Needs, named_in};
use super::{Ground, item, policy, privilege};
use crate::pg::error::PgError;
use crate::rules::foreign::{Conflict, DedupSpec, InboxSpec, quote_ident};
use crate::rules::gate::request::OnConflict;
use crate::rules::routine::Routine;
use crate::rules::sql::targets;
use crate::rules::text::{closest, listed};

/// There is no unique index as `on conflict` names it.
const NO_INDEX: &str = "42P10";
/// So many characters the key of an item has, in hex.
const KEY_CHARS: i32 = 64;

/// Looks at one inbox, and at what routines put into it.
pub(super) async fn look(
    ground: &Ground<'_>,
    spec: &InboxSpec,
    found: &mut Vec<Finding>,
) -> Result<(), PgError> {
    let subject = Subject::inbox(spec.name.as_str(), Some("table"));
    let Some(table) = ground.table(&spec.table, subject, found) else { return Ok(()) };
    columns(spec, table, found);
    conditions(ground, spec, found).await?;
    if let Some(dedup) = &spec.dedup {
        index(ground, spec, dedup, table, found).await?;
    }
    for (routine, one) in ground.items_of(&spec.name) {
        item::look(ground, spec, table, (routine, one), found).await?;
    }
    let needs = needs(ground, spec, table);
    privilege::of_inbox(&ground.role, spec, table, &needs, found);
    policy::of_inbox(&ground.role, spec, table, &needs, found);
    Ok(())
}

/// The columns which the description names: that they are there, and can hold what
/// will be put into them.
fn columns(spec: &InboxSpec, table: &Table, found: &mut Vec<Finding>) {
    let mut check = |key: &str, names: &[String], wrong: &dyn Fn(&Column) -> Option<String>| {
        for name in names {
            let subject = Subject::inbox(spec.name.as_str(), Some(key));
            match table.column(name) {
                None => found.push(missing(subject, &format!("`{key}` names"), name, spec, table)),
                Some(column) => {
                    let what = |why| format!("the column `{name}` of `{}` {why}", spec.table);
                    found.extend(wrong(column).map(|why| Finding::error(subject, what(why))));
                }
            }
        }
    };
    check("tenant", spec.tenant.as_slice(), &unwritable);
    check("due", spec.due.as_slice(), &|column: &Column| {
        let no_time = || (column.category != 'D').then(|| format!("is `{}`, and holds no time", column.kind));
        unwritable(column).or_else(no_time)
    });
    if let Some(dedup) = &spec.dedup {
        check("dedup.column", dedup.column.as_slice(), &|column: &Column| {
            let short = || (!takes_key(column)).then(|| key_misfit(column));
            unwritable(column).or_else(short)
        });
        check("dedup.conflict", &dedup.conflict, &|_: &Column| None);
    }
    check("replace", spec.replace.as_deref().unwrap_or_default(), &unwritable);
    check("append", &spec.append, &|column: &Column| {
        let collects = column.jsonb || column.category == 'A' || column.kind == "json";
        let single =
            || (!collects).then(|| format!("is `{}`, and only jsonb or an array collects", column.kind));
        unwritable(column).or_else(single)
    });
}

/// A column which is not there, with the one which was probably meant.
pub(super) fn missing(subject: Subject, who: &str, name: &str, spec: &InboxSpec, table: &Table) -> Finding {
    let message = format!("{who} the column `{name}`, which `{}` has not", spec.table);
    let finding = Finding::error(subject, message);
    let names = || table.columns.iter().map(|column| column.name.as_str());
    finding.advice(match closest(name, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("its columns are {}", listed(names())),
    })
}

/// Why nobody may set a column, if so.
pub(super) fn unwritable(column: &Column) -> Option<String> {
    match (column.computed, column.identity_always) {
        (true, _) => Some("is computed from others, and cannot be set".to_owned()),
        (_, true) => Some("is `generated always as identity`, and cannot be set".to_owned()),
        (false, false) => None,
    }
}

fn takes_key(column: &Column) -> bool {
    column.category == 'S' && column.length.is_none_or(|length| length >= KEY_CHARS)
}

fn key_misfit(column: &Column) -> String {
    format!("is `{}`, and a key is text of {KEY_CHARS} characters", column.kind)
}

async fn conditions(ground: &Ground<'_>, spec: &InboxSpec, found: &mut Vec<Finding>) -> Result<(), PgError> {
    let table = spec.table.quoted();
    let filter = spec.dedup.as_ref().and_then(|dedup| dedup.filter.as_ref());
    let rows = |condition: &String| format!("select from {table} where ({condition})");
    let update = |assignment: &String| format!("update {table} set {assignment} where false");
    let questions = [
        ("open", spec.open.as_ref().map(rows)),
        ("waiting", spec.waiting.as_ref().map(rows)),
        ("supersede", spec.supersede.as_ref().map(update)),
        ("dedup.where", filter.map(rows)),
    ];
    for (key, sql) in questions {
        let Some(sql) = sql else { continue };
        if let Some(answer) = ground.probe.refusal(&sql).await? {
            let subject = Subject::inbox(spec.name.as_str(), Some(key));
            found.push(Finding::refused(subject, &format!("`{key}` of inbox `{}`", spec.name), &answer));
        }
    }
    Ok(())
}

/// The planner looks for the index as an insert would.
async fn index(
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
    let Err(answer) = ground.probe.explain(&sql).await? else { return Ok(()) };
    if answer.sqlstate != NO_INDEX {
        // Columns and rights are told elsewhere.
        return Ok(());
    }
    let partial = if dedup.filter.is_some() { ", with the predicate of `where`," } else { "" };
    let conflict = listed(dedup.conflict.iter().map(String::as_str));
    let message =
        format!("`{}` has no unique index on {conflict}{partial} to find duplicates by", spec.table);
    let concurrently = if table.is_partitioned() { "" } else { "concurrently " };
    let mend = format!("create unique index {concurrently}on {name} ({columns}){filter}");
    let subject = Subject::inbox(spec.name.as_str(), Some("dedup"));
    found.push(Finding::error(subject, message).sql(mend));
    Ok(())
}

/// What will be done with which columns.
fn needs(ground: &Ground<'_>, spec: &InboxSpec, table: &Table) -> Needs {
    let mut needs = Needs::default();
    let conflict = spec.dedup.as_ref().map(|dedup| dedup.conflict.clone()).unwrap_or_default();
    let items: Vec<_> = ground.items_of(&spec.name).collect();
    for (_, one) in &items {
        let set = one.foreign.iter().flat_map(|foreign| &foreign.columns);
        needs.insert.extend(set.map(|column| column.name.clone()));
    }
    if !items.is_empty() {
        needs.insert.extend(filled(spec).map(str::to_owned));
        needs.select.extend(table.key.iter().chain(&conflict).cloned());
    }
    let filter = spec.dedup.as_ref().and_then(|dedup| dedup.filter.as_ref());
    for condition in [spec.open.as_ref(), spec.waiting.as_ref(), filter].into_iter().flatten() {
        needs.select.extend(named_in(table, condition).map(str::to_owned));
    }
    needs.update.extend(spec.supersede.iter().flat_map(|supersede| targets(supersede)));
    needs.update.extend(spec.append.iter().cloned());
    let upserts = spec.dedup.as_ref().is_some_and(|dedup| dedup.on_conflict == Conflict::Replace);
    if upserts || items.iter().any(|(routine, _)| replaces(routine)) {
        let others = || needs.insert.iter().filter(|name| !conflict.contains(name)).cloned().collect();
        let changed: Vec<String> = spec.replace.clone().unwrap_or_else(others);
        needs.update.extend(changed);
    }
    needs
}

/// The columns which hearken fills where the item does not.
pub(super) fn filled(spec: &InboxSpec) -> impl Iterator<Item = &str> {
    let key = spec.dedup.as_ref().and_then(|dedup| dedup.column.as_deref());
    [spec.tenant.as_deref(), spec.due.as_deref(), key].into_iter().flatten()
}

fn replaces(routine: &Routine) -> bool {
    routine.flow.dedup.as_ref().is_some_and(|dedup| dedup.on_conflict == OnConflict::Replace)
}
