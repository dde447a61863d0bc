//! Holds an item of a routine against the table which it goes to.
//!
//! What the routine says itself is tried out on the column's type. What comes of
//! events and rows cannot be known.

use super::Ground;
use super::catalog::{Column, Table};
use super::finding::{Finding, Subject};
use super::inbox::{filled, missing, unwritable};
use crate::pg::error::{Answer, PgError};
use crate::rules::foreign::{InboxSpec, quote_ident};
use crate::rules::name::ItemName;
use crate::rules::routine::{ContextField, ItemSpec, Routine};
use crate::rules::text::{closest, listed, shortened};
use serde_json::{Map, Value};

/// A value is quoted up to so many characters.
const SHOWN_MAX: usize = 60;

/// Looks at one item.
pub(super) async fn look(
    ground: &Ground<'_>,
    spec: &InboxSpec,
    table: &Table,
    (routine, one): (&Routine, &ItemSpec),
    found: &mut Vec<Finding>,
) -> Result<(), PgError> {
    let Some(foreign) = &one.foreign else { return Ok(()) };
    let subject = |key: Option<&str>| Subject::Routine(routine.name.clone(), keys(&one.name, key));
    let mut literals = Vec::new();
    for field in &foreign.columns {
        let name = field.name.as_str();
        let Some(column) = table.column(name) else {
            found.push(missing(subject(Some(name)), "this item sets", name, spec, table));
            continue;
        };
        if let Some(why) = unwritable(column) {
            let message = format!("the column `{name}` of `{}` {why}", spec.table);
            found.push(Finding::error(subject(Some(name)), message).advice("leave it out"));
            continue;
        }
        literals.extend(literal(field).map(|value| (column, value)));
    }
    for column in forgotten(spec, table, &foreign.columns) {
        let message =
            format!("`{}` needs a value for `{}`, which this item does not set", spec.table, column.name);
        let advice = format!("set it: its type is `{}`", column.kind);
        let trigger = table.triggers.iter().find(|trigger| trigger.before_row && trigger.on_insert);
        found.push(match trigger {
            None => Finding::error(subject(None), message).advice(advice),
            Some(trigger) => {
                let advice = format!("set it, unless the trigger `{}` does", trigger.name);
                Finding::warning(subject(None), message).advice(advice)
            }
        });
    }
    for (column, value, answer) in refused(ground, literals).await? {
        found.push(misfit(subject(Some(column.name.as_str())), spec, column, &value, &answer));
    }
    Ok(())
}

/// Where an item stands in its file, or a column of it.
fn keys(item: &ItemName, column: Option<&str>) -> Vec<String> {
    let path = if *item == ItemName::only() { vec!["item"] } else { vec!["items", item.as_str()] };
    path.into_iter().chain(column).map(str::to_owned).collect()
}

/// The value of a column, if the routine itself says it.
fn literal(field: &ContextField) -> Option<Value> {
    field.value.literal().cloned()
}

/// The columns which need a value and get none.
fn forgotten<'a>(
    spec: &'a InboxSpec,
    table: &'a Table,
    set: &'a [ContextField],
) -> impl Iterator<Item = &'a Column> {
    table.columns.iter().filter(move |column| {
        column.required
            && !set.iter().any(|field| field.name == column.name)
            && !filled(spec).any(|name| name == column.name)
    })
}

/// The values which their columns do not take: all are tried at once, and one by one
/// if that fails.
async fn refused<'a>(
    ground: &Ground<'_>,
    literals: Vec<(&'a Column, Value)>,
) -> Result<Vec<(&'a Column, Value, Answer)>, PgError> {
    let mut refused = Vec::new();
    if literals.is_empty() || try_out(ground, &literals).await?.is_none() {
        return Ok(refused);
    }
    for (column, value) in literals {
        let one = [(column, value.clone())];
        if let Some(answer) = try_out(ground, &one).await? {
            refused.push((column, value, answer));
        }
    }
    Ok(refused)
}

/// Reads values as the types of their columns, as an insert will.
async fn try_out(ground: &Ground<'_>, literals: &[(&Column, Value)]) -> Result<Option<Answer>, PgError> {
    let types: Vec<String> =
        literals.iter().map(|(column, _)| format!("{} {}", quote_ident(&column.name), column.kind)).collect();
    let record: Map<String, Value> =
        literals.iter().map(|(column, value)| (column.name.clone(), value.clone())).collect();
    let sql =
        format!("select count(*) from jsonb_to_recordset($1::jsonb) as hearken_x ({})", types.join(", "));
    let json = Value::Array(vec![Value::Object(record)]);
    Ok(ground.probe.read(&sql, &json).await?.err())
}

fn misfit(subject: Subject, spec: &InboxSpec, column: &Column, value: &Value, answer: &Answer) -> Finding {
    let shown = shortened(&value.to_string(), SHOWN_MAX);
    let what = format!("{shown} for `{}` of `{}`, which is `{}`,", column.name, spec.table, column.kind);
    let finding = Finding::refused(subject, &what, answer);
    if column.labels.is_empty() {
        return finding;
    }
    let labels = || column.labels.iter().map(String::as_str);
    finding.advice(match value.as_str().and_then(|text| closest(text, labels())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it is one of {}", listed(labels())),
    })
}
