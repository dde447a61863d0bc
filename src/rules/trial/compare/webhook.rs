//! Items which are delivered, beside what was expected of the request.

use super::{Field, compare, compare_objects, show};
use crate::rules::item::ItemDraft;
use crate::rules::routine::ExpectedWebhook;
use crate::rules::webhook::{Delivery, Target};
use serde_json::{Map, Value, json};

/// Where it goes, and of what type it is; null of an item which is not delivered.
pub(super) fn fields(expected: &ExpectedWebhook, draft: &ItemDraft) -> [Field; 4] {
    let (url, endpoint, id) = match draft.webhook.as_deref().map(|webhook| &webhook.to) {
        Some(Target::Url(url)) => (Value::from(url.as_str()), Value::Null, Value::Null),
        Some(Target::Endpoint { name, id }) => (Value::Null, name.as_str().into(), id.as_str().into()),
        None => (Value::Null, Value::Null, Value::Null),
    };
    let wanted = |text: &Option<String>| text.as_deref().map(Value::from);
    [
        Field { name: "webhook", wanted: wanted(&expected.endpoint), got: endpoint },
        Field { name: "id", wanted: wanted(&expected.id), got: id },
        Field { name: "url", wanted: wanted(&expected.url), got: url },
        Field { name: "type", wanted: wanted(&expected.kind), got: sent(draft, "type") },
    ]
}

/// Compares what is sent, and with which headers.
pub(super) fn compare_content(found: &mut Vec<String>, expected: &ExpectedWebhook, draft: &ItemDraft) {
    if let Some(wanted) = &expected.data {
        compare(found, "data", wanted, &sent(draft, "data"));
    }
    if let Some(wanted) = &expected.headers {
        compare_objects(found, "headers", wanted, &headers(draft.webhook.as_deref()));
    }
}

/// How much is named of what is sent, and of the headers.
pub(super) fn named(expected: &ExpectedWebhook) -> usize {
    let data = match &expected.data {
        Some(Value::Object(data)) => data.len().max(1),
        Some(_) => 1,
        None => 0,
    };
    data + expected.headers.as_ref().map_or(0, Map::len)
}

/// An attribute of the event which is sent; null of an item which is not delivered.
fn sent(draft: &ItemDraft, attribute: &str) -> Value {
    let sent = draft.webhook.as_ref().and_then(|_| draft.context.get(attribute));
    sent.cloned().unwrap_or_default()
}

fn headers(webhook: Option<&Delivery>) -> Value {
    webhook.map_or_else(|| json!({}), |webhook| json!(webhook.headers))
}

/// What is expected, in a few words.
pub(super) fn announced(expected: &ExpectedWebhook) -> Vec<String> {
    let ExpectedWebhook { endpoint, id, url, kind, data, .. } = expected;
    let mut words = Vec::new();
    words.extend(endpoint.as_ref().map(|endpoint| format!("webhook `{endpoint}`")));
    words.extend(id.as_ref().map(|id| format!("id {}", show(&id.as_str().into()))));
    words.extend(url.as_ref().map(|url| format!("url {}", show(&url.as_str().into()))));
    words.extend(kind.as_ref().map(|kind| format!("type `{kind}`")));
    words.extend(data.as_ref().map(|data| format!("data {}", show(data))));
    words
}

#[cfg(test)]
mod tests {
    use crate::rules::name::RoutineName;
    use crate::rules::routine;
    use crate::rules::trial;

    const ROUTINE: &str = r#"
title = "Tell the shop"
[on.event]
type = "refund.*"
[webhook]
url = "https://example.org/{{ data.shop | urlencode }}"
type = "refund.decided"
key = "{{ data.shop }}"
[webhook.headers]
x-team = "finance"
x-token = { env = "SHOP_TOKEN" }
[webhook.data]
id = { get = "data.id" }
of.shop = "{{ data.shop }}"
"#;

    const GIVEN: &str = "given = [{ type = \"refund.approved\", data = { shop = \"a/b\", id = 7 } }]\n";

    #[test]
    fn what_is_delivered_is_compared() {
        check(
            "{ url = \"https://example.org/a%2Fb\", type = \"refund.decided\", key = \"a/b\", queue = \
             \"webhooks\", max_attempts = 8, data = { id = 7, of = { shop = \"a/b\" } }, \
             headers = { x-team = \"finance\", x-token = { env = \"SHOP_TOKEN\" } }, \
             title = \"refund.decided to example.org\", context = { specversion = \"1.0\" } }",
            &[],
        );
        check("{ data = { id = 8 } }", &["item 1: data.id: expected 8, got 7"]);
        check(
            "{ webhook = \"shops\", id = \"7\" }",
            &["item 1: webhook: expected \"shops\", got null", "item 1: id: expected \"7\", got null"],
        );
        check(
            "{ type = \"refund.approved\" }",
            &["item 1: type: expected \"refund.approved\", got \"refund.decided\""],
        );
        check(
            "{ headers = { x-team = \"it\" } }",
            &["item 1: headers.x-team: expected \"it\", got \"finance\""],
        );
    }

    #[test]
    fn what_does_not_come_is_named() {
        check(
            "{ data = { id = 7 } }, { url = \"https://example.org/c\", data = 5 }",
            &["item 2 did not come: url \"https://example.org/c\", data 5"],
        );
    }

    #[track_caller]
    fn check(expect: &str, want: &[&str]) {
        let text = format!("{ROUTINE}[[tests]]\nname = \"t\"\n{GIVEN}expect = [{expect}]\n");
        let routine = match routine::parse(&RoutineName::parse("r").unwrap(), "r.toml", &text) {
            Ok(routine) => routine,
            Err(problems) => panic!("{problems}"),
        };
        let no_files = |path: &str| Err(format!("there is no file {path}"));
        let outcome = trial::run(&routine, &routine.cases[0], &no_files);
        assert_eq!(outcome.problems, want, "{expect}");
    }
}
