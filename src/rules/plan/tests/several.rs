//! Several items of one event, items for tables of the user's, and rows of them.

use super::*;
use crate::rules::name::SourceName;

const ESCALATE: &str = r#"
title = "Escalate"
[on.event]
[item]
inbox = "agents"
agent_id = { get = "data.assignee" }
title = "Task\n{{ data.title }}"
priority = "{{ data.urgency }}"
[item.context]
task.id = { get = "data.id" }
task.note = { get = "data.note", default = "none" }
[items.manager]
queue = "managers"
title = "Late: {{ data.title }}"
[items.audit]
inbox = "audit_log"
what = ["late", "{{ data.id }}"]
"#;

#[test]
fn several_items_come_of_one_event() {
    let data = json!({ "id": 7, "assignee": "a1", "title": "Paint", "urgency": 5 });
    let drafts = plan_event(&read(ESCALATE), &testing::event("a", data)).unwrap();
    let [agent, manager, audit] = &drafts[..] else { panic!("three drafts") };
    let (agent, manager, audit) = (&agent.draft, &manager.draft, &audit.draft);
    let foreign = agent.foreign.as_ref().unwrap();
    assert_eq!(
        (foreign.inbox.as_str(), agent.queue.as_str(), agent.item.as_str()),
        ("agents", "agents", "item")
    );
    let context = json!({ "task": { "id": 7, "note": "none" } });
    let want = json!({ "agent_id": "a1", "title": "Task\nPaint", "priority": 5, "context": context });
    assert_eq!(Value::Object(foreign.columns.clone()), want);
    // In lists of what is held it has one line, and all else is in its columns.
    assert_eq!((agent.title.as_str(), agent.priority, &agent.context), ("Task Paint", 0, &json!({})));
    assert_eq!((manager.title.as_str(), manager.foreign.as_ref()), ("Late: Paint", None));
    assert_eq!(audit.title, "audit of large-refund");
    assert_eq!(audit.foreign.as_ref().unwrap().columns["what"], json!(["late", 7]));
    assert!(agent.key != manager.key && manager.key != audit.key && agent.key != audit.key);
    let stored = serde_json::to_string(agent).unwrap();
    assert_eq!(serde_json::from_str::<ItemDraft>(&stored).unwrap(), *agent);
}

#[test]
fn an_item_which_cannot_be_made_keeps_the_others_away() {
    let error =
        |data: Value| plan_event(&read(ESCALATE), &testing::event("a", data)).unwrap_err().to_string();
    let missing = "item.context.task.id: `data.id` is missing in this event";
    assert_eq!(error(json!({ "assignee": "a1", "title": "x", "urgency": 5 })), missing);
    let missing = "item.agent_id: `data.assignee` is missing in this event";
    assert_eq!(error(json!({ "id": 7, "title": "x", "urgency": 5 })), missing);
    let untitled = ESCALATE.replace("title = \"Task\\n{{ data.title }}\"", "title = \"t\"");
    let data = json!({ "id": 7, "assignee": "a1", "urgency": 5 });
    let error = plan_event(&read(&untitled), &testing::event("a", data)).unwrap_err().to_string();
    assert_eq!(error, "items.manager.title: `data.title` is missing in this event");
}

#[test]
fn a_row_of_another_source_is_known_by_its_own_id() {
    let plan = |from: &str, seq: i64, id: &str| {
        let from = SourceName::parse(from).unwrap();
        let event = Event { from, seq, id: id.to_owned(), ..testing::event("a", json!({ "id": 1 })) };
        let text = "title = \"x\"\n[on.event]\n[each]\nsql = \"select 1 as id\"\n\
                    [item]\nqueue = \"q\"\ntitle = \"t\"\n";
        plan_event_row(&read(text), &event, &json!({}), 4).unwrap().remove(0).draft
    };
    let draft = plan("plugins", 5, "p-1");
    let from = draft.from.as_deref().unwrap();
    assert_eq!((from.source.as_str(), from.id.as_str(), draft.row), ("plugins", "p-1", 4));
    assert_eq!(draft.cause, Cause::Event(5));
    // Each time the row is claimed its event has another number.
    assert_eq!(plan("plugins", 6, "p-1").key, draft.key);
    assert_ne!(plan("plugins", 5, "p-2").key, draft.key);
    assert_ne!(plan("others", 5, "p-1").key, draft.key);
    let log = plan("events", 5, "p-1");
    assert_eq!((&log.from, log.row), (&None, 4));
    assert_ne!(plan("events", 6, "p-1").key, log.key);
}

#[test]
fn what_collects_lists_the_columns() {
    let text = "title = \"x\"\n[on.event]\n[flow]\nbatch = { max = 5, within = \"1m\" }\n\
                [item]\ninbox = \"agents\"\nkind = \"k\"\ncontext = { id = { get = \"data.id\" } }\n";
    let draft = plan_event(&read(text), &testing::event("a", json!({ "id": 1 }))).unwrap().remove(0).draft;
    let columns = json!({ "kind": "k", "context": { "id": 1 } });
    assert_eq!(draft.context, json!({ "items": [columns] }));
    assert_eq!(Value::Object(draft.foreign.unwrap().columns), columns);
}

#[test]
fn columns_which_could_not_be_read_back_are_not_held() {
    let text = "title = \"x\"\n[on.event]\n[flow]\nlimit = { max = 5, per = \"1m\" }\n\
                [item]\ninbox = \"agents\"\nkind = \"k\"\nall = { get = \"data\" }\n";
    let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    let plan = |levels: usize| plan_event(&read(text), &testing::event("a", nested(levels)));
    let draft = plan(DEPTH_MAX - 1).unwrap().remove(0).draft;
    let stored = serde_json::to_string(&draft).unwrap();
    assert_eq!(serde_json::from_str::<ItemDraft>(&stored).unwrap(), draft);
    let error = plan(DEPTH_MAX).unwrap_err().to_string();
    assert!(error.starts_with("item.all: it nests deeper than 120 levels"), "{error}");
}
