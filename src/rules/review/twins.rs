//! Finds routines which do the same: a copy which was never changed makes two
//! items of each event.

use super::place;
use crate::rules::name::RoutineName;
use crate::rules::problem::Problem;
use crate::rules::routine::RoutineSet;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use toml::de::{DeTable, DeValue};

/// The routines which are like one before them but for their titles and tests.
pub(super) fn twins(set: &RoutineSet) -> Vec<(RoutineName, Problem)> {
    let mut seen = HashMap::new();
    let mut found = Vec::new();
    for routine in &set.routines {
        let Some(text) = canonical(&routine.text) else { continue };
        match seen.entry(text) {
            Entry::Vacant(entry) => {
                entry.insert(&routine.name);
            }
            Entry::Occupied(entry) => {
                let other: &RoutineName = entry.get();
                let message = format!("but for its titles, this routine does what `{other}` does");
                let help = "what sets them off becomes an item of each; remove one of the two, or change it";
                let problem = Problem::warning(place(&routine.text, &["title"]), message);
                found.push((routine.name.clone(), problem.label("is it a copy?").help(help)));
            }
        }
    }
    found
}

/// What a routine does, as text: equal for files which differ only in titles,
/// tests, remarks, and the order of their keys.
fn canonical(text: &str) -> Option<String> {
    let document = DeTable::parse(text).ok()?;
    let mut out = String::new();
    for (key, value) in sorted(document.get_ref()) {
        match (key, value) {
            ("title" | "tests", _) => {}
            ("item" | "webhook", DeValue::Table(item)) => write_item(&mut out, key, item),
            ("items", DeValue::Table(items)) => {
                for (name, item) in sorted(items) {
                    match item {
                        DeValue::Table(item) => write_item(&mut out, name, item),
                        other => write_entry(&mut out, name, other),
                    }
                }
            }
            (key, value) => write_entry(&mut out, key, value),
        }
    }
    Some(out)
}

/// An item but for its title. Equal names are told apart by what stands before them.
fn write_item(out: &mut String, name: &str, item: &DeTable<'_>) {
    out.push_str(&format!("item {name:?}{{"));
    let rest = sorted(item).into_iter().filter(|(key, _)| *key != "title");
    rest.for_each(|(key, value)| write_entry(out, key, value));
    out.push('}');
}

/// The entries of a table in the order of their keys. The order of conditions
/// decides which of them is named when an event does not match, and nothing else.
fn sorted<'t>(table: &'t DeTable<'t>) -> Vec<(&'t str, &'t DeValue<'t>)> {
    let mut entries = Vec::with_capacity(table.len());
    for (key, value) in table.iter() {
        entries.push((&**key.get_ref(), value.get_ref()));
    }
    entries.sort_by_key(|(key, _)| *key);
    entries
}

fn write_entry(out: &mut String, key: &str, value: &DeValue<'_>) {
    out.push_str(&format!("{key:?}="));
    write_value(out, value);
    out.push(';');
}

fn write_value(out: &mut String, value: &DeValue<'_>) {
    match value {
        DeValue::String(text) => out.push_str(&format!("{:?}", &**text)),
        DeValue::Integer(integer) => out.push_str(&format!("{}:{}", integer.radix(), integer.as_str())),
        DeValue::Float(float) => out.push_str(float.as_str()),
        DeValue::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
        DeValue::Datetime(date) => out.push_str(&date.to_string()),
        DeValue::Array(items) => {
            out.push('[');
            for item in items.iter() {
                write_value(out, item.get_ref());
                out.push(',');
            }
            out.push(']');
        }
        DeValue::Table(table) => {
            out.push('{');
            sorted(table).into_iter().for_each(|(key, value)| write_entry(out, key, value));
            out.push('}');
        }
    }
}
