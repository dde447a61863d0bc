//! Drafts from events and ticks.

mod several;
mod webhook;

use super::draft::one_line;
use super::*;
use crate::rules::gate::request::Request;
use crate::rules::item::ItemDraft;
use crate::rules::name::RoutineName;
use crate::rules::{routine, testing};
use serde_json::json;

const REFUND: &str = r#"
title = "Review large refunds"
[on.event]
type = "refund.requested"
[item]
queue = "finance-agent"
priority = 5
title = "Refund {{ data.id }}: {{ data.amount }}"
instructions = "Look into it."
[item.context]
id     = { get = "data.id" }
amount = { get = "data.amount", type = "number" }
reason = { get = "data.reason", default = "none", max_len = 5 }
skus   = { get = "data.items.sku" }
all    = "{{ data.items }}"
policy = "R-7"
limits = [1, "{{ data.amount }}"]
"#;

#[test]
fn an_event_becomes_an_item() {
    let data = json!({ "id": "r1", "amount": 600, "reason": "damäged", "items": [{ "sku": "a" }, {}] });
    let mut event = testing::event("refund.requested", data);
    event.tenant = Some("acme".to_owned());
    let routine = read(REFUND);
    let drafts = plan_event(&routine, &event).unwrap();
    let [Planned { draft, request }] = &drafts[..] else { panic!("one draft") };
    assert_eq!(*request, Request::default());
    assert_eq!(draft.title, "Refund r1: 600");
    assert_eq!((draft.priority, draft.attempts_max, draft.due_at), (5, None, None));
    assert_eq!((draft.cause, draft.tenant.as_deref()), (Cause::Event(7), Some("acme")));
    assert_eq!(draft.version, routine.version);
    let want = json!({
        "id": "r1", "amount": 600, "reason": "damäg", "skus": ["a"], "all": [{ "sku": "a" }, {}],
        "policy": "R-7", "limits": [1, 600],
    });
    assert_eq!(draft.context, want);
    assert_eq!(plan_event(&routine, &event).unwrap(), drafts);
}

#[test]
fn a_default_stands_in_for_what_is_missing_or_null() {
    for data in [
        json!({ "id": 1, "amount": 2, "items": [] }),
        json!({ "id": 1, "amount": 2, "items": [], "reason": null }),
    ] {
        let drafts = plan_event(&read(REFUND), &testing::event("refund.requested", data)).unwrap();
        assert_eq!(drafts[0].draft.context["reason"], "none");
    }
}

#[test]
fn an_error_names_the_field_and_the_path_and_nothing_of_the_event() {
    check_error(json!({ "amount": 1, "items": [] }), "item.title: `data.id` is missing in this event");
    check_error(
        json!({ "id": "r1", "amount": "secret", "items": [] }),
        "item.context.amount: `data.amount` is text in this event, and `type = \"number\"` is asked for",
    );
    check_error(
        json!({ "id": "r1", "amount": 1 }),
        "item.context.skus: `data.items.sku` is missing in this event",
    );
}

#[test]
fn a_title_stays_on_one_line_and_short() {
    let long = "x".repeat(TITLE_CHARS_MAX);
    let data = json!({ "id": format!("a\nb\t{long}"), "amount": 1, "items": [] });
    let drafts = plan_event(&read(REFUND), &testing::event("refund.requested", data)).unwrap();
    let title = &drafts[0].draft.title;
    assert!(title.starts_with("Refund a b xxx"));
    assert!(title.ends_with("x…"));
    assert_eq!(title.chars().count(), TITLE_CHARS_MAX);
    assert_eq!(one_line("short".to_owned()), "short");
    assert_eq!(one_line("ü".repeat(TITLE_CHARS_MAX)).chars().count(), TITLE_CHARS_MAX);
}

#[test]
fn a_tick_becomes_an_item_in_the_zone_of_its_schedule() {
    let routine = read(
        "title = \"x\"\n[[on.schedule]]\nevery = \"1h\"\n[[on.schedule]]\ncron = \"30 2 * * *\"\n\
         tz = \"Europe/Berlin\"\njitter = \"10m\"\n[item]\nqueue = \"q\"\ntitle = \"{{ tick | date('%H:%M') }}\"\n",
    );
    let nightly = "2026-01-05T01:30:00Z".parse::<Timestamp>().unwrap();
    let draft = &plan_tick(&routine, nightly).unwrap()[0].draft;
    assert_eq!((draft.title.as_str(), draft.cause), ("02:30", Cause::Tick(nightly)));
    let due_at = draft.due_at.unwrap();
    assert!(due_at >= nightly && due_at < nightly + SignedDuration::from_mins(10));
    let hourly = "2026-01-05T01:00:00Z".parse::<Timestamp>().unwrap();
    let draft = &plan_tick(&routine, hourly).unwrap()[0].draft;
    assert_eq!((draft.title.as_str(), draft.due_at), ("01:00", None));
}

const EACH: &str = r#"
title = "Tell the agents"
[on.event]
[each]
sql = "select id, slug from agents where team = $1"
params = [{ get = "data.team" }]
[item]
queue = "q"
title = "{{ row.slug }}: {{ data.id }}"
instructions = "Tell {{ row.slug }}."
instructions_template = true
context = { agent = { get = "row.id", type = "integer" }, all = "{{ row }}" }
"#;

#[test]
fn a_row_becomes_an_item_of_its_event() {
    let routine = read(EACH);
    let event = testing::event("a.b", json!({ "id": "r1", "team": "ops" }));
    let row = json!({ "id": 1, "slug": "ann" });
    let draft = plan_event_row(&routine, &event, &row, 0).unwrap().remove(0).draft;
    assert_eq!((draft.title.as_str(), &*draft.instructions), ("ann: r1", "Tell ann."));
    assert_eq!(draft.context, json!({ "agent": 1, "all": { "id": 1, "slug": "ann" } }));
    assert_eq!((draft.cause, draft.due_at), (Cause::Event(7), None));
    let key = |number| plan_event_row(&routine, &event, &row, number).unwrap()[0].draft.key;
    assert_eq!(key(0), draft.key);
    assert_ne!(key(0), key(1));
    let error = |row: Value| plan_event_row(&routine, &event, &row, 0).unwrap_err().to_string();
    assert_eq!(error(json!({ "id": 1 })), "item.title: `row.slug` is missing in this row");
    assert_eq!(error(json!({ "slug": "ann" })), "item.context.agent: `row.id` is missing in this row");
    assert_eq!(
        error(json!({ "id": "1", "slug": "ann" })),
        "item.context.agent: `row.id` is text in this row, and `type = \"integer\"` is asked for"
    );
}

#[test]
fn a_row_becomes_an_item_of_its_tick() {
    let text = |dedup: &str| {
        let query = "title = \"x\"\n[on.query]\nevery = \"1h\"\njitter = \"10m\"\ntz = \"Europe/Berlin\"\n\
                     sql = \"select id from t\"\n";
        let item = "[item]\nqueue = \"q\"\ntitle = \"{{ row.id }} {{ tick | date('%H:%M') }}\"\n";
        format!("{query}[flow]\ndedup = {{ key = [{dedup}] }}\n{item}")
    };
    let (nine, ten) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(3600).unwrap());
    let planned = |dedup: &str, tick, id: i64, number| {
        plan_tick_row(&read(&text(dedup)), tick, &json!({ "id": id }), number).unwrap().remove(0)
    };
    let first = planned("\"row.id\"", nine, 1, 0);
    assert_eq!((first.draft.title.as_str(), first.draft.cause), ("1 01:00", Cause::Tick(nine)));
    assert!(first.draft.due_at.is_some_and(|due_at| due_at >= nine));
    let same = |a: &Planned, b: &Planned| {
        assert_ne!(a.draft.key, b.draft.key);
        dedup_key(a) == dedup_key(b)
    };
    assert!(same(&first, &planned("\"row.id\"", ten, 1, 5)));
    assert!(!same(&first, &planned("\"row.id\"", nine, 2, 1)));
    let each_tick = planned("\"row.id\", \"tick\"", nine, 1, 0);
    assert!(!same(&each_tick, &planned("\"row.id\", \"tick\"", ten, 1, 0)));
    assert!(same(&each_tick, &planned("\"row.id\", \"tick\"", nine, 1, 1)));
}

#[test]
fn events_with_equal_key_values_are_the_same_to_the_gates() {
    let routine = read(
        "title = \"x\"\n[on.event]\n[flow]\ndedup = { key = [\"data.id\", \"subject\"] }\n\
         [item]\nqueue = \"q\"\ntitle = \"t\"\n",
    );
    let planned = |seq: i64, data: Value| {
        let event = Event { seq, ..testing::event("a.b", data) };
        plan_event(&routine, &event).unwrap().remove(0)
    };
    let first = planned(1, json!({ "id": 1, "x": 1 }));
    let second = planned(2, json!({ "id": 1.0, "x": 2 }));
    assert_eq!(dedup_key(&first), dedup_key(&second));
    // To the inbox they are two: each has a cause of its own.
    assert_ne!(first.draft.key, second.draft.key);
    for other in [json!({ "id": 2 }), json!({ "id": "1" }), json!({ "id": null }), json!({})] {
        assert_ne!(dedup_key(&planned(1, other.clone())), dedup_key(&first), "{other}");
    }
    let null = planned(1, json!({ "id": null }));
    assert_ne!(dedup_key(&null), dedup_key(&planned(1, json!({}))));
}

#[test]
fn what_collects_has_a_list_in_its_context() {
    let context = |flow: &str| {
        let text = format!(
            "title = \"x\"\n[on.event]\n[flow]\n{flow}\n[item]\nqueue = \"q\"\ntitle = \"t\"\n\
             [item.context]\nid = {{ get = \"data.id\" }}\n"
        );
        let event = testing::event("a.b", json!({ "id": 1 }));
        plan_event(&read(&text), &event).unwrap().remove(0).draft.context
    };
    let list = json!({ "items": [{ "id": 1 }] });
    assert_eq!(context("batch = { max = 5, within = \"1m\" }"), list);
    assert_eq!(context("debounce = { quiet = \"1s\", max_wait = \"1m\", keep = \"all\" }"), list);
    let append = "dedup = { key = [\"data.id\"], window = \"while_open\", on_conflict = \"append\" }";
    assert_eq!(context(append), list);
    let plain = json!({ "id": 1 });
    assert_eq!(context("debounce = { quiet = \"1s\", max_wait = \"1m\" }"), plain);
    assert_eq!(context("dedup = { key = [\"data.id\"] }"), plain);
}

#[test]
fn an_item_carries_the_chain_of_its_event() {
    let data = json!({ "id": 1, "amount": 2, "items": [] });
    let chain = vec![RoutineName::parse("a").unwrap(), RoutineName::parse("b").unwrap()];
    let event = Event { chain: chain.clone(), ..testing::event("refund.requested", data) };
    assert_eq!(plan_event(&read(REFUND), &event).unwrap()[0].draft.chain, chain);
}

#[test]
fn what_could_not_be_read_back_is_not_held() {
    let text = |flow: &str| {
        format!(
            "title = \"x\"\n[on.event]\n{flow}\n[item]\nqueue = \"q\"\ntitle = \"t\"\n\
             context = {{ all = {{ get = \"data\" }} }}\n"
        )
    };
    let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    let gated = text("[flow]\nbatch = { max = 5, within = \"1m\" }");
    let plan = |text: &str, levels: usize| plan_event(&read(text), &testing::event("a", nested(levels)));
    // The context itself is a level more.
    let drafts = plan(&gated, DEPTH_MAX - 1).unwrap();
    let stored = serde_json::to_string(&drafts[0].draft).unwrap();
    assert_eq!(serde_json::from_str::<ItemDraft>(&stored).unwrap(), drafts[0].draft);
    let error = plan(&gated, DEPTH_MAX).unwrap_err().to_string();
    assert!(error.starts_with("item.context: it nests deeper than 120 levels"), "{error}");
    // What is never held is never read back.
    assert!(plan(&text(""), DEPTH_MAX).is_ok());
}

fn dedup_key(planned: &Planned) -> DedupKey {
    planned.request.dedup.as_ref().unwrap().key
}

#[track_caller]
fn check_error(data: Value, want: &str) {
    let error = plan_event(&read(REFUND), &testing::event("refund.requested", data)).unwrap_err();
    assert_eq!(error.to_string(), want);
}

fn read(text: &str) -> Routine {
    routine::parse(&RoutineName::parse("large-refund").unwrap(), "r.toml", text).unwrap()
}
