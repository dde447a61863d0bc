//! Values and rows of a test, as JSON.

use crate::rules::problem::Problem;
use crate::rules::routine::literal::number;
use crate::rules::routine::table::{Findings, Table, Value};
use serde_json::{Map, Value as Json};
use std::ops::Range;
use toml::de::DeValue;

/// What a query finds, by the word of the test.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// The rows, each a JSON object.
    pub list: Vec<Json>,
    /// Their place in the file.
    pub span: Range<usize>,
}

/// The rows at `rows`, if there are any; the outer option is empty after a
/// complaint.
pub(super) fn rows(findings: &mut Findings, table: &Table<'_>) -> Option<Option<Rows>> {
    let Some(value) = table.get("rows") else {
        return Some(None);
    };
    let tables = super::tables(findings, "rows", value)?;
    let list = tables.iter().map(|row| object(findings, row).map(Json::Object)).collect::<Vec<_>>();
    let list = list.into_iter().collect::<Option<Vec<_>>>()?;
    Some(Some(Rows { list, span: table.key_span("rows") }))
}

/// The value at `key`, if there is one; the outer option is empty after a
/// complaint.
pub(super) fn at(findings: &mut Findings, table: &Table<'_>, key: &str) -> Option<Option<Json>> {
    match table.get(key) {
        Some(value) => json(findings, key, value).map(Some),
        None => Some(None),
    }
}

/// A table as a JSON object.
pub(super) fn object(findings: &mut Findings, table: &Table<'_>) -> Option<Map<String, Json>> {
    let mut map = Map::new();
    let mut all = true;
    for (key, value) in table.entries() {
        match json(findings, key.text, value) {
            Some(value) => {
                map.insert(key.text.to_owned(), value);
            }
            None => all = false,
        }
    }
    all.then_some(map)
}

/// Numbers keep their digits, and dates become text: an event has no dates.
fn json(findings: &mut Findings, key: &str, value: &Value<'_>) -> Option<Json> {
    match value.get_ref() {
        DeValue::String(text) => Some(Json::from(&**text)),
        DeValue::Boolean(value) => Some(Json::from(*value)),
        DeValue::Datetime(date) => Some(Json::from(date.to_string())),
        DeValue::Integer(_) | DeValue::Float(_) => {
            let found = number(value).map(Json::Number);
            if found.is_none() {
                let message = format!("`{key}` is a number which JSON does not have");
                let problem = Problem::error(value.span(), message).label("not in JSON");
                findings.push(problem.help("an event cannot hold it either"));
            }
            found
        }
        DeValue::Array(items) => {
            let items = items.iter().map(|item| json(findings, key, item)).collect::<Vec<_>>();
            items.into_iter().collect::<Option<Vec<_>>>().map(Json::Array)
        }
        DeValue::Table(entries) => object(findings, &Table::new(entries, value.span())).map(Json::Object),
    }
}
