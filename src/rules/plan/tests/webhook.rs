//! Items which are delivered, and items which are worked on in order.

use super::*;
use crate::rules::name::EndpointName;
use crate::rules::webhook::{Delivery, HeaderValue, SecretRef, Target};

const DECIDED: &str = r#"
title = "Tell the shop"
[on.event]
type = "refund.*"
[webhook]
url = "https://example.org/{{ data.shop | urlencode }}/refunds?id={{ data.id }}"
secret = { env = "HOOK_SECRET" }
retry = ["5s"]
key = "{{ data.shop }}"
[webhook.headers]
X-Team = "{{ data.team }}"
authorization = { file = "/run/secrets/token" }
"#;

#[test]
fn an_event_is_sent_as_cloudevents_has_it() {
    let data = json!({ "shop": "a/b", "id": 7, "team": "ops" });
    let mut event = testing::event("refund.decided", data.clone());
    (event.subject, event.tenant) = (Some("r1".to_owned()), Some("acme".to_owned()));
    let draft = plan(DECIDED, &event);
    let want = json!({
        "specversion": "1.0", "id": "e-1", "source": "shop", "type": "refund.decided", "subject": "r1",
        "time": "1970-01-01T00:00:00Z", "tenant": "acme", "datacontenttype": "application/json", "data": data,
    });
    assert_eq!(draft.context, want);
    assert_eq!((draft.title.as_str(), draft.item.as_str()), ("refund.decided to example.org", "webhook"));
    assert_eq!((draft.attempts_max, draft.order_key.as_deref()), (Some(2), Some("a/b")));
    let delivery = draft.webhook.as_deref().unwrap();
    assert_eq!(delivery.to, Target::Url("https://example.org/a%2Fb/refunds?id=7".to_owned()));
    assert_eq!(delivery.headers["x-team"], HeaderValue::Text("ops".to_owned()));
    let token = HeaderValue::Secret(SecretRef::File("/run/secrets/token".to_owned()));
    assert_eq!(delivery.headers["authorization"], token);
    assert_eq!(delivery.secret, Some(SecretRef::Env("HOOK_SECRET".to_owned())));
    assert_eq!((delivery.timeout_ms, &delivery.retry_ms[..]), (15_000, &[5_000][..]));
    let stored = serde_json::to_string(&draft).unwrap();
    assert_eq!(serde_json::from_str::<ItemDraft>(&stored).unwrap(), draft);
}

#[test]
fn a_routine_says_what_is_sent_and_to_which_row() {
    let text = "title = \"x\"\n[on.event]\n[webhook]\nendpoint = \"plugins\"\nid = { get = \"data.plugin\" }\n\
                type = \"plugin.{{ type }}\"\ntitle = \"For {{ data.plugin }}\"\n[webhook.data]\n\
                n = { get = \"data.n\" }\nlist = [\"{{ data.n }}\", 2]\n";
    let sent = |plugin: Value| {
        let draft = plan(text, &testing::event("a.b", json!({ "plugin": plugin, "n": 12.50 })));
        assert_eq!(draft.context["type"], "plugin.a.b");
        assert_eq!(draft.context["data"], json!({ "n": 12.50, "list": [12.50, 2] }));
        (draft.title.clone(), of(&draft).to.clone())
    };
    let name = EndpointName::parse("plugins").unwrap();
    let row = |id: &str| Target::Endpoint { name: name.clone(), id: id.to_owned() };
    assert_eq!(sent(json!("p-1")), ("For p-1".to_owned(), row("p-1")));
    assert_eq!(sent(json!(7)), ("For 7".to_owned(), row("7")));
    let whole =
        text.split("[webhook.data]").next().unwrap().replace("title = \"For {{ data.plugin }}\"\n", "");
    let whole = format!("{whole}data = {{ get = \"data.n\" }}\n");
    let draft = plan(&whole, &testing::event("a.b", json!({ "plugin": "p-1", "n": [1] })));
    assert_eq!((draft.title.as_str(), &draft.context["data"]), ("plugin.a.b to plugins p-1", &json!([1])));
}

#[test]
fn a_tick_is_an_event_of_its_routine() {
    let tick = "2026-03-02T09:00:00Z".parse::<Timestamp>().unwrap();
    let text = "title = \"x\"\n[on.schedule]\nevery = \"1h\"\n[webhook]\nurl = \"https://example.org\"\n";
    let draft = plan_tick(&read(text), tick).unwrap().remove(0).draft;
    let want = json!({
        "specversion": "1.0", "id": "large-refund@2026-03-02T09:00:00Z", "source": "/hearken/large-refund",
        "type": "hearken.tick", "time": "2026-03-02T09:00:00Z", "datacontenttype": "application/json",
        "data": {},
    });
    assert_eq!(draft.context, want);
    let query = "title = \"x\"\n[on.query]\nevery = \"1h\"\nsql = \"select 1 as id\"\n[flow]\n\
                 dedup = { key = [\"row.id\"] }\n[webhook]\nurl = \"https://example.org\"\n\
                 data = { get = \"row.id\" }\n";
    let draft = plan_tick_row(&read(query), tick, &json!({ "id": 5 }), 3).unwrap().remove(0).draft;
    // The rows of a tick are events of their own.
    assert_eq!(draft.context["id"], "large-refund@2026-03-02T09:00:00Z/3");
    assert_eq!(draft.context["data"], 5);
}

#[test]
fn what_cannot_be_sent_makes_no_item() {
    let error = |data: Value| {
        let event = testing::event("refund.decided", data);
        plan_event(&read(DECIDED), &event).unwrap_err().to_string()
    };
    let data = |id: &str, team: &str| json!({ "shop": "s", "id": id, "team": team });
    assert_eq!(error(json!({ "shop": "s", "team": "a" })), "webhook.url: `data.id` is missing in this event");
    let spaced = "webhook.url: it yields no address which can be called: it has a character which must be \
                  percent-encoded, in a template by the filter `urlencode`";
    assert_eq!(error(data("a b", "a")), spaced);
    assert_eq!(
        error(data("1#x", "a")),
        "webhook.url: it yields no address which can be called: it has a `#`, and what is behind it is never \
         sent"
    );
    let header =
        "webhook.headers.x-team: it yields a line break, a letter beyond ASCII, or more than 4096 bytes";
    assert_eq!(error(data("1", "a\r\nx-admin: 1")), header);
    assert_eq!(error(data("1", &"x".repeat(4097))), header);
    let text = "title = \"x\"\n[on.event]\n[webhook]\nendpoint = \"plugins\"\nid = { get = \"data.id\" }\n";
    let id = |id: Value| {
        let event = testing::event("a", json!({ "id": id }));
        plan_event(&read(text), &event).unwrap_err().to_string()
    };
    assert_eq!(id(json!(null)), "webhook.id: it yields null, and an id is text or a number");
    assert_eq!(id(json!("")), "webhook.id: it yields empty text");
}

/// Where an event may say the host, it still cannot make the address another one.
#[test]
fn an_event_cannot_hide_the_host() {
    let text = "title = \"x\"\n[on.event]\n[webhook]\nurl = \"https://{{ data.shop }}.example.org/\"\n";
    let url = |shop: &str| {
        let planned = plan_event(&read(text), &testing::event("a", json!({ "shop": shop })));
        planned.map(|mut planned| of(&planned.remove(0).draft).to.clone())
    };
    assert_eq!(url("a").unwrap(), Target::Url("https://a.example.org/".to_owned()));
    for shop in ["me:secret@a", "a b", "a#", "", "a\\", "[::1]"] {
        assert!(url(shop).is_err(), "{shop}");
    }
}

#[test]
fn items_of_one_key_are_told() {
    let text =
        "title = \"x\"\n[on.event]\n[item]\nqueue = \"q\"\ntitle = \"t\"\nkey = \"{{ data.customer }}\"\n";
    let key = |customer: Value| {
        let event = testing::event("a", json!({ "customer": customer }));
        plan_event(&read(text), &event).map(|mut planned| planned.remove(0).draft.order_key)
    };
    assert_eq!(key(json!("c1")).unwrap().as_deref(), Some("c1"));
    assert_eq!(key(json!(7)).unwrap().as_deref(), Some("7"));
    // What says nothing binds nothing.
    assert_eq!(key(json!("")).unwrap(), None);
    assert_eq!(key(json!("x".repeat(200))).unwrap().map(|key| key.len()), Some(200));
    assert_eq!(
        key(json!("x".repeat(201))).unwrap_err().to_string(),
        "item.key: it has more than 200 bytes; the key of an order is an id, and no text"
    );
}

#[test]
fn what_could_not_be_read_back_is_not_sent_later() {
    let text = "title = \"x\"\n[on.event]\n[flow]\nlimit = { max = 5, per = \"1m\" }\n[webhook]\n\
                url = \"https://example.org\"\n";
    let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    assert!(plan_event(&read(text), &testing::event("a", nested(DEPTH_MAX - 1))).is_ok());
    let error = plan_event(&read(text), &testing::event("a", nested(DEPTH_MAX))).unwrap_err().to_string();
    assert!(error.starts_with("webhook.data: it nests deeper than 120 levels"), "{error}");
}

fn of(draft: &ItemDraft) -> &Delivery {
    draft.webhook.as_deref().unwrap()
}

/// The one draft of an event.
#[track_caller]
fn plan(text: &str, event: &Event) -> ItemDraft {
    plan_event(&read(text), event).unwrap().remove(0).draft
}
