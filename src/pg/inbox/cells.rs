//! Drafts as records: which columns each supplies, and its values as text of JSON.

use super::Locator;
use super::table::{Kind, Table};
use crate::pg::types::JsonString;
use crate::rules::foreign::InboxSpec;
use crate::rules::gate::merge::COLLECTED;
use crate::rules::item::ItemDraft;
use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Write;

static NULL: Value = Value::Null;

/// The value of one column.
#[derive(Debug)]
pub(super) enum Cell<'a> {
    /// As the routine has it.
    Value(&'a Value),
    /// Filled in by us.
    Text(Cow<'a, str>),
    /// Those of all drafts which an item has collected.
    List(Vec<&'a Value>),
}

/// The columns which a draft supplies, in order.
#[derive(Debug, Default)]
pub(super) struct Cells<'a> {
    pub(super) cells: Vec<(&'a str, Cell<'a>)>,
    /// So many of them, the first ones, are the routine's; we filled in the others.
    pub(super) own: usize,
}

/// Which columns some drafts supply. By it statements are made and kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shape<'a> {
    pub(super) names: Vec<&'a str>,
    /// So many of them, the first ones, are the routine's; we filled in the others.
    pub(super) own: usize,
}

/// Drafts of one shape.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) shape: Shape<'a>,
    /// Where they stand among all drafts.
    pub(super) places: Vec<usize>,
    /// Each as an object.
    pub(super) records: Vec<String>,
}

impl<'a> Cells<'a> {
    /// What a draft puts into a new row.
    pub(super) fn of(spec: &'a InboxSpec, table: &Table, draft: &'a ItemDraft) -> Self {
        let mut all = Self::default();
        let items = items(draft);
        for (name, value) in draft.foreign.iter().flat_map(|foreign| &foreign.columns) {
            let kind = table.kind(name);
            let cell = match items {
                Some(items) if spec.append.contains(name) => Cell::List(list(items, name, kind)),
                _ => Cell::Value(value),
            };
            all.cells.push((name.as_str(), cell));
        }
        for name in &spec.append {
            let values = items.and_then(|items| collected(items, name, table.kind(name)));
            if let Some(values) = values.filter(|_| !all.has(name)) {
                all.cells.push((name.as_str(), Cell::List(values)));
            }
        }
        all.own = all.cells.len();
        let key_column = spec.dedup.as_ref().and_then(|dedup| dedup.column.as_deref());
        all.fill(key_column, || Some(Cow::Owned(hex::encode(draft.key.0))));
        all.fill(spec.tenant.as_deref(), || draft.tenant.as_deref().map(Cow::Borrowed));
        all.fill(spec.due.as_deref(), || draft.due_at.map(|due_at| Cow::Owned(due_at.to_string())));
        all
    }

    /// What a draft adds to a row which has collected others.
    pub(super) fn added(spec: &'a InboxSpec, table: &Table, draft: &'a ItemDraft) -> Self {
        let values = |name: &str| -> Option<Vec<&'a Value>> {
            let kind = table.kind(name);
            match items(draft) {
                Some(items) => collected(items, name, kind),
                None => draft.foreign.as_ref()?.columns.get(name).map(|value| flat(value, kind)),
            }
        };
        let cell = |name: &'a String| Some((name.as_str(), Cell::List(values(name)?)));
        let cells: Vec<_> = spec.append.iter().filter_map(cell).collect();
        Self { own: cells.len(), cells }
    }

    /// The names of the columns.
    pub(super) fn shape(&self) -> Shape<'a> {
        Shape { names: self.cells.iter().map(|(name, _)| *name).collect(), own: self.own }
    }

    /// Only some of the columns.
    pub(super) fn only(mut self, wanted: impl Fn(&str) -> bool) -> Self {
        self.own = self.cells.iter().take(self.own).filter(|(name, _)| wanted(name)).count();
        self.cells.retain(|(name, _)| wanted(name));
        self
    }

    fn has(&self, name: &str) -> bool {
        self.cells.iter().any(|(other, _)| *other == name)
    }

    /// Fills a column in, unless the routine sets it or there is nothing to put in:
    /// then it keeps its default.
    fn fill(&mut self, column: Option<&'a str>, value: impl FnOnce() -> Option<Cow<'a, str>>) {
        if let Some(name) = column
            && !self.has(name)
            && let Some(text) = value()
        {
            self.cells.push((name, Cell::Text(text)));
        }
    }
}

impl Cell<'_> {
    fn write(&self, text: &mut String) {
        // Writing to a string does not fail.
        let _ = match self {
            Self::Value(value) => write!(text, "{value}"),
            Self::Text(value) => write!(text, "{}", Value::from(&**value)),
            Self::List(values) => {
                text.push('[');
                for (place, value) in values.iter().enumerate() {
                    let comma = if place == 0 { "" } else { "," };
                    let _ = write!(text, "{comma}{value}");
                }
                text.push(']');
                Ok(())
            }
        };
    }
}

impl<'a> Group<'a> {
    /// Puts drafts together which supply the same columns. Those of one item of a
    /// routine mostly follow one another, so the search begins at the end.
    pub(super) fn all<'l>(
        locator: &[String],
        drafts: impl IntoIterator<Item = (Option<&'l Locator>, Cells<'a>)>,
    ) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for (place, (row, Cells { cells, own })) in drafts.into_iter().enumerate() {
            let same = |group: &Self| {
                group.shape.own == own
                    && group.shape.names.len() == cells.len()
                    && group.shape.names.iter().zip(&cells).all(|(name, (other, _))| name == other)
            };
            let found = groups.iter().rposition(same).unwrap_or_else(|| {
                let names = cells.iter().map(|(name, _)| *name).collect();
                groups.push(Self { shape: Shape { names, own }, places: Vec::new(), records: Vec::new() });
                groups.len() - 1
            });
            let Some(group) = groups.get_mut(found) else { continue };
            group.records.push(record(group.places.len(), locator, row, &cells));
            group.places.push(place);
        }
        groups
    }

    /// The parameter of a statement for all of them.
    pub(super) fn parameter(&self) -> JsonString {
        recordset(&self.records)
    }
}

/// The parameter of a statement about rows.
pub(super) fn rows(locator: &[String], rows: &[Locator]) -> JsonString {
    let records: Vec<String> =
        rows.iter().enumerate().map(|(n, row)| record(n, locator, Some(row), &[])).collect();
    recordset(&records)
}

fn recordset(records: &[String]) -> JsonString {
    JsonString(format!("[{}]", records.join(",")))
}

/// One record. Its keys are ours, with brackets, which no expression of the settings
/// means: `[n]` its number, `[l1]` … the locator, `[v1]` … the values.
fn record(n: usize, locator: &[String], row: Option<&Locator>, cells: &[(&str, Cell<'_>)]) -> String {
    let mut text = String::with_capacity(64 + cells.len() * 32);
    let _ = write!(text, "{{\"[n]\":{n}");
    if let Some(Locator(row)) = row {
        for (place, name) in locator.iter().enumerate() {
            let _ = write!(text, ",\"[l{}]\":{}", place + 1, row.get(name).unwrap_or(&NULL));
        }
    }
    for (place, (_, cell)) in cells.iter().enumerate() {
        let _ = write!(text, ",\"[v{}]\":", place + 1);
        cell.write(&mut text);
    }
    text.push('}');
    text
}

/// The columns of all drafts which a draft has collected, if it collects.
fn items(draft: &ItemDraft) -> Option<&[Value]> {
    draft.context.get(COLLECTED)?.as_array().map(Vec::as_slice)
}

/// The values of one column in all of them.
fn list<'a>(items: &'a [Value], name: &str, kind: Kind) -> Vec<&'a Value> {
    items.iter().flat_map(|item| flat(item.get(name).unwrap_or(&NULL), kind)).collect()
}

/// The same; nothing, if none of them has the column: it keeps what it is.
fn collected<'a>(items: &'a [Value], name: &str, kind: Kind) -> Option<Vec<&'a Value>> {
    items.iter().any(|item| item.get(name).is_some()).then(|| list(items, name, kind))
}

/// What one draft adds to a column: to an array its elements, for nobody wants arrays
/// in arrays of text; to a list in JSON the value as it is.
fn flat(value: &Value, kind: Kind) -> Vec<&Value> {
    match (kind, value) {
        (Kind::Array, Value::Array(elements)) => elements.iter().collect(),
        (Kind::Array, Value::Null) => Vec::new(),
        _ => vec![value],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_record_has_keys_of_ours_only() {
        let (title, list) = (json!("a \"b\""), [json!(1.50), json!(null)]);
        let cells = [
            ("title", Cell::Value(&title)),
            ("key", Cell::Text("0f".into())),
            ("all", Cell::List(list.iter().collect())),
        ];
        let row = Locator(json!({ "id": 7 }));
        let locator = ["id".to_owned(), "gone".to_owned()];
        let want = r#"{"[n]":3,"[l1]":7,"[l2]":null,"[v1]":"a \"b\"","[v2]":"0f","[v3]":[1.5,null]}"#;
        assert_eq!(record(3, &locator, Some(&row), &cells), want);
    }

    #[test]
    fn arrays_collect_elements_and_lists_collect_values() {
        let items = [json!({ "tags": ["a", "b"] }), json!({ "tags": "c" }), json!({})];
        assert_eq!(list(&items, "tags", Kind::Array), [&json!("a"), &json!("b"), &json!("c")]);
        assert_eq!(list(&items, "tags", Kind::Jsonb), [&json!(["a", "b"]), &json!("c"), &json!(null)]);
    }

    #[test]
    fn drafts_of_one_shape_go_together() {
        let value = json!(1);
        let cells = |names: &[&'static str], own| {
            let cells = names.iter().map(|name| (*name, Cell::Value(&value))).collect();
            (None, Cells { cells, own })
        };
        let drafts = [cells(&["a", "b"], 1), cells(&["a"], 1), cells(&["a", "b"], 1), cells(&["a", "b"], 2)];
        let groups = Group::all(&[], drafts);
        let places: Vec<&[usize]> = groups.iter().map(|group| &group.places[..]).collect();
        assert_eq!(places, [&[0, 2][..], &[1], &[3]]);
        assert_eq!(groups[0].parameter().0, r#"[{"[n]":0,"[v1]":1,"[v2]":1},{"[n]":1,"[v1]":1,"[v2]":1}]"#);
    }

    #[test]
    fn columns_can_be_left_out() {
        let value = json!(1);
        let cells = ["a", "b", "c"].map(|name| (name, Cell::Value(&value))).into();
        let kept = Cells { cells, own: 2 }.only(|name| name != "a");
        assert_eq!(kept.shape(), Shape { names: vec!["b", "c"], own: 1 });
    }
}
