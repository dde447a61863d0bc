//! Holds an inbox against its table: columns, conditions, and what the role needs.

use super::catalog::{Column, Table};
use super::finding::{Finding, Subject};
use super::privilege::{Needs, named_in};
use super::{Ground, arbiter, item, policy, privilege};
use crate::pg::error::PgError;
use crate::pg::install::grants::{Rights, of_inbox};
use crate::rules::foreign::InboxSpec;
use crate::rules::text::{closest, listed};
use std::collections::BTreeSet;

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
        arbiter::look(ground, spec, dedup, table, found).await?;
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

/// What will be done with which columns: written and changed are those which
/// `hearken install` prints grants for.
fn needs(ground: &Ground<'_>, spec: &InboxSpec, table: &Table) -> Needs {
    let Rights { insert, update } = of_inbox(spec, ground.described.routines);
    let mut needs = Needs { insert, update, select: BTreeSet::new() };
    if !needs.insert.is_empty() {
        let conflict = spec.dedup.iter().flat_map(|dedup| &dedup.conflict);
        needs.select.extend(table.key.iter().chain(conflict).cloned());
    }
    let filter = spec.dedup.as_ref().and_then(|dedup| dedup.filter.as_ref());
    for condition in [spec.open.as_ref(), spec.waiting.as_ref(), filter].into_iter().flatten() {
        needs.select.extend(named_in(table, condition).map(str::to_owned));
    }
    needs
}

/// The columns which hearken fills where the item does not.
pub(super) fn filled(spec: &InboxSpec) -> impl Iterator<Item = &str> {
    let key = spec.dedup.as_ref().and_then(|dedup| dedup.column.as_deref());
    [spec.tenant.as_deref(), spec.due.as_deref(), key].into_iter().flatten()
}
