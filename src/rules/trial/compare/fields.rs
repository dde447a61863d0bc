//! The fields of an item, beside what was expected of them.

use super::{Made, webhook};
use crate::rules::routine::Expected;
use serde_json::Value;

/// A field of an item as expected, if the test names it, and as it came.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) wanted: Option<Value>,
    pub(super) got: Value,
}

/// The fields of an item which may be named.
pub(super) fn fields(expected: &Expected, made: &Made) -> Vec<Field> {
    let draft = &made.draft;
    let text = |text: &Option<String>| text.as_deref().map(Value::from);
    let field = |name, wanted, got| Field { name, wanted, got };
    let item = expected.item.as_ref().map(|item| Value::from(item.text.as_str()));
    let mut fields = vec![
        field("item", item, draft.item.as_str().into()),
        field("queue", text(&expected.queue), draft.queue.as_str().into()),
        field("title", text(&expected.title), draft.title.as_str().into()),
        field("priority", expected.priority.map(Value::from), draft.priority.into()),
        field("instructions", text(&expected.instructions), (&*draft.instructions).into()),
        field("tags", expected.tags.clone().map(Value::from), draft.tags.to_vec().into()),
        field("tenant", text(&expected.tenant), draft.tenant.clone().into()),
        field("max_attempts", expected.attempts_max.map(Value::from), draft.attempts_max.into()),
        field("key", text(&expected.order_key), draft.order_key.clone().into()),
    ];
    fields.extend(webhook::fields(&expected.webhook, draft));
    fields
}
