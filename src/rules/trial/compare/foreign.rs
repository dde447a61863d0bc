//! Items in tables of the user's, beside what was expected of their rows.
//!
//! A test knows the routine and not the settings, so it does not know which columns
//! collect. Of a routine which collects, a column is as expected if it is so in the
//! item itself, or if the list of what all its drafts brought is.

use super::{compare, show};
use crate::rules::gate::merge::COLLECTED;
use crate::rules::item::ItemDraft;
use crate::rules::routine::{Expected, ExpectedWebhook};
use serde_json::{Map, Value};

/// Whether the item came into another inbox than expected, so that there is nothing
/// else to compare; notes it.
pub(super) fn is_elsewhere(found: &mut Vec<String>, expected: &Expected, draft: &ItemDraft) -> bool {
    let difference = match (&expected.inbox, &draft.foreign) {
        (Some(wanted), Some(got)) if *wanted == got.inbox.as_str() => None,
        (Some(wanted), Some(got)) => Some(format!("inbox: expected `{wanted}`, got `{}`", got.inbox)),
        (Some(wanted), None) => Some(format!(
            "inbox: expected `{wanted}`, and it goes to the queue `{}` of hearken's own",
            draft.queue
        )),
        (None, Some(got)) if names_fields(expected) => {
            let inbox = &got.inbox;
            Some(format!("inbox: it goes to `{inbox}`; write `inbox = \"{inbox}\"` to name its columns"))
        }
        (None, _) => None,
    };
    let is_elsewhere = difference.is_some();
    found.extend(difference);
    is_elsewhere
}

/// Whether fields are named which only items of hearken's own inbox have.
fn names_fields(expected: &Expected) -> bool {
    expected.queue.is_some()
        || expected.title.is_some()
        || expected.priority.is_some()
        || expected.instructions.is_some()
        || expected.tags.is_some()
        || expected.tenant.is_some()
        || expected.due_at.is_some()
        || expected.attempts_max.is_some()
        || expected.order_key.is_some()
        || expected.context.is_some()
        || expected.webhook != ExpectedWebhook::default()
}

/// Compares the columns which are named.
pub(super) fn compare_columns(found: &mut Vec<String>, wanted: &Map<String, Value>, draft: &ItemDraft) {
    let Some(foreign) = &draft.foreign else { return };
    for (column, wanted) in wanted {
        let Some(got) = foreign.columns.get(column) else {
            found.push(format!("{column}: expected {}, and the item does not set it", show(wanted)));
            continue;
        };
        let mut alone = Vec::new();
        compare(&mut alone, column, wanted, got);
        let Some(list) = collected(draft, column).filter(|_| !alone.is_empty()) else {
            found.append(&mut alone);
            continue;
        };
        let mut together = Vec::new();
        compare(&mut together, column, wanted, &list);
        let meant = if together.is_empty() || wanted.is_array() { &mut together } else { &mut alone };
        found.append(meant);
    }
}

/// What the drafts brought for a column, one after the other; none, if the routine
/// does not collect.
fn collected(draft: &ItemDraft, column: &str) -> Option<Value> {
    let drafts = draft.context.get(COLLECTED)?.as_array()?;
    Some(drafts.iter().filter_map(|columns| columns.get(column)).cloned().collect())
}

/// Columns in a few words.
pub(super) fn shown(columns: &Map<String, Value>) -> Option<String> {
    (!columns.is_empty()).then(|| format!("columns {}", show(&Value::Object(columns.clone()))))
}
