//! Whether the role may do with the tables what it will have to.

use super::catalog::{Column, Table};
use super::finding::{Finding, Subject};
use crate::rules::endpoint::EndpointSpec;
use crate::rules::foreign::{InboxSpec, SourceSpec, Strategy, TableName, quote_ident};
use crate::rules::sql::{WordKind, targets, words};
use std::collections::BTreeSet;

/// The columns of an inbox which are inserted, read and changed.
#[derive(Debug, Default)]
pub(super) struct Needs {
    pub(super) insert: BTreeSet<String>,
    pub(super) select: BTreeSet<String>,
    pub(super) update: BTreeSet<String>,
}

/// What is missing for a source: to read it all, since rows are known by their place,
/// and to mark its rows.
pub(super) fn of_source(role: &str, spec: &SourceSpec, table: &Table, found: &mut Vec<Finding>) {
    let mut missing = Vec::new();
    if !table.may_select {
        missing.push(("select", String::new()));
    }
    if let Strategy::Flag { mark } = &spec.strategy {
        let marked = targets(mark);
        let closed = columns(table, |column| marked.contains(&column.name) && !column.may_update);
        if !closed.is_empty() {
            missing.push(("update", listed(&closed)));
        }
    }
    let subject = Subject::source(spec.name.as_str(), Some("table"));
    found.extend(finding(role, subject, &spec.table, &missing));
}

/// What is missing for a table of endpoints: to read what its expressions name.
pub(super) fn of_endpoint<'a>(
    role: &str,
    spec: &EndpointSpec,
    table: &Table,
    expressions: impl Iterator<Item = &'a str>,
    found: &mut Vec<Finding>,
) {
    let read: BTreeSet<&str> = expressions.flat_map(|expression| named_in(table, expression)).collect();
    let closed = columns(table, |column| read.contains(column.name.as_str()) && !column.may_select);
    if !closed.is_empty() {
        let subject = Subject::endpoint(spec.name.as_str(), Some("table"));
        found.extend(finding(role, subject, &spec.table, &[("select", listed(&closed))]));
    }
}

/// What is missing for an inbox.
pub(super) fn of_inbox(role: &str, spec: &InboxSpec, table: &Table, needs: &Needs, found: &mut Vec<Finding>) {
    // A right on a column which nobody can set would help nobody; that is told elsewhere.
    let settable = |column: &Column, needed: &BTreeSet<String>| {
        needed.contains(&column.name) && !column.computed && !column.identity_always
    };
    let closed = [
        ("select", columns(table, |column| needs.select.contains(&column.name) && !column.may_select)),
        ("insert", columns(table, |column| settable(column, &needs.insert) && !column.may_insert)),
        ("update", columns(table, |column| settable(column, &needs.update) && !column.may_update)),
    ];
    let missing: Vec<(&str, String)> = closed
        .iter()
        .filter(|(_, closed)| !closed.is_empty())
        .map(|(right, closed)| (*right, listed(closed)))
        .collect();
    let subject = || Subject::inbox(spec.name.as_str(), Some("table"));
    found.extend(finding(role, subject(), &spec.table, &missing));
    let defaults = table.columns.iter().filter(|column| !needs.insert.contains(&column.name));
    let sequences: BTreeSet<&str> =
        defaults.flat_map(|column| column.closed_sequences.iter().map(String::as_str)).collect();
    if !sequences.is_empty() && !needs.insert.is_empty() {
        let sequences = sequences.into_iter().collect::<Vec<_>>().join(", ");
        let message = format!("the role {role} may not use {sequences}, for a default of `{}`", spec.table);
        let sql = format!("grant usage on sequence {sequences} to {role}");
        found.push(Finding::error(subject(), message).sql(sql));
    }
}

/// The columns of the table which some SQL names.
pub(super) fn named_in<'a>(table: &'a Table, sql: &str) -> impl Iterator<Item = &'a str> {
    let names: BTreeSet<String> =
        words(sql).into_iter().filter(|word| word.kind == WordKind::Name).map(|word| word.text).collect();
    table.columns.iter().map(|column| column.name.as_str()).filter(move |name| names.contains(*name))
}

fn columns(table: &Table, closed: impl Fn(&Column) -> bool) -> Vec<&str> {
    table.columns.iter().filter(|column| closed(column)).map(|column| column.name.as_str()).collect()
}

/// Columns as a grant names them.
fn listed(columns: &[&str]) -> String {
    format!(" ({})", columns.iter().map(|name| quote_ident(name)).collect::<Vec<_>>().join(", "))
}

fn finding(role: &str, subject: Subject, table: &TableName, missing: &[(&str, String)]) -> Option<Finding> {
    if missing.is_empty() {
        return None;
    }
    let rights = missing.iter().map(|(right, columns)| format!("{right}{columns}"));
    let rights = rights.collect::<Vec<_>>().join(", ");
    let message = format!("the role {role} has not all rights on `{table}`: {rights}");
    Some(Finding::error(subject, message).sql(format!("grant {rights} on {} to {role}", table.quoted())))
}
