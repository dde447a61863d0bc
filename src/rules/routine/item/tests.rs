//! Items for tables of the user's, and several items.

use super::*;
use crate::rules::name::RoutineName;
use crate::rules::problem::{Level, Problems};
use crate::rules::routine::{self, ContextValue, Routine};
use serde_json::json;

const HEAD: &str = "title = \"x\"\n[on.event]\n";

#[test]
fn with_an_inbox_all_other_keys_are_columns() {
    let routine = read(
        "[item]\ninbox = \"agents\"\nagent_id = { get = \"data.agent\" }\nqueue = \"a column\"\n\
         title = \"Task {{ data.title }}\"\npriority = 5\nemits = \"task.done\"\ndue = 2026-01-01\n",
    );
    let [item] = &routine.items[..] else { panic!("one item") };
    assert_eq!(
        (item.name.as_str(), item.queue.as_str(), &item.emits[..]),
        ("item", "agents", &["task.done".to_owned()][..])
    );
    let foreign = item.foreign.as_ref().unwrap();
    assert_eq!((foreign.inbox.as_str(), &routine.text[foreign.inbox_span.clone()]), ("agents", "\"agents\""));
    let names = foreign.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>();
    assert_eq!(names, ["agent_id", "queue", "title", "priority", "due"]);
    for column in &foreign.columns {
        assert_eq!(routine.text[column.span.clone()], column.name);
    }
    assert_eq!(literal(foreign, "priority"), Some(json!(5)));
    assert_eq!(literal(foreign, "due"), Some(json!("2026-01-01")));
    assert_eq!(literal(foreign, "agent_id"), None);
}

#[test]
fn a_table_without_get_is_an_object_as_deep_as_one_likes() {
    let routine = read(
        "[item]\ninbox = \"agents\"\nfixed = { type = \"task\", of = [{ a = 1 }, {}] }\n[item.context]\n\
         [item.context.task]\nid = { get = \"data.id\" }\n[item.context.task.more]\nlist = [{ x = \"{{ data.x }}\" }]\n",
    );
    let foreign = routine.items[0].foreign.as_ref().unwrap();
    assert_eq!(literal(foreign, "fixed"), Some(json!({ "type": "task", "of": [{ "a": 1 }, {}] })));
    let ContextValue::Object(context) = &foreign.columns[1].value else { panic!("no object") };
    let ContextValue::Object(task) = &context[0].value else { panic!("no object") };
    assert!(matches!(task[0].value, ContextValue::Get(_)));
    assert!(
        matches!(&task[1].value, ContextValue::Object(more) if matches!(more[0].value, ContextValue::List(_)))
    );
    // In hearken's own inbox too.
    let own =
        read("[item]\nqueue = \"q\"\ntitle = \"t\"\n[item.context.customer]\nid = { get = \"data.id\" }\n");
    assert!(matches!(&own.items[0].context[0].value, ContextValue::Object(fields) if fields.len() == 1));
}

#[test]
fn a_get_which_was_lost_is_no_object() {
    let missing = "`a` does not say where its value comes from";
    check("[item]\ninbox = \"agents\"\na = { type = \"number\" }\n", &[missing]);
    let typo = "[item]\ninbox = \"agents\"\na = { gett = \"data.a\", type = \"number\" }\n";
    check(typo, &[missing, "unknown key `gett`"]);
    check("[item]\ninbox = \"agents\"\na = { set = \"data\", default = 1 }\n", &[]);
}

#[test]
fn an_item_for_a_table_names_an_inbox_and_a_column() {
    check(
        "[item]\ninbox = \"a b\"\nx = 1\n",
        &["`inbox` is no name of an inbox: ' ' cannot be part of a name: \
          use letters, digits, `-`, `_` and `.`"],
    );
    check("[item]\ninbox = \"{{ data.x }}\"\nx = 1\n", &["`inbox` is a fixed name, not a template"]);
    check("[item]\ninbox = 5\nx = 1\n", &["`inbox` must be a string, not an integer"]);
    check("[item]\ninbox = \"agents\"\n", &["`[item]` sets no column"]);
    check("[items.m]\ninbox = \"agents\"\nemits = \"a\"\n", &["`[items.m]` sets no column"]);
    check("[item]\ninbox = \"agents\"\n\"\" = 1\n", &["a column has a name"]);
    let long = "x".repeat(64);
    check(
        &format!("[item]\ninbox = \"agents\"\n{long} = 1\n"),
        &["PostgreSQL has no column with so long a name"],
    );
    let many = (0..=100).map(|n| format!("c{n} = 1\n")).collect::<String>();
    check(&format!("[item]\ninbox = \"agents\"\n{many}"), &["an item has at most 100 values"]);
    // All that is wrong is found.
    let both = "[item]\ninbox = \"a b\"\nx = \"{{ dta.x }}\"\ny = inf\n";
    assert_eq!(checked(both).1.len(), 3);
}

#[test]
fn an_ordering_key_is_a_template_which_says_something() {
    let item = |key: &str| format!("[item]\nqueue = \"q\"\ntitle = \"t\"\n{key}\n");
    assert!(read(&item("key = \"{{ data.customer }}\"")).items[0].order_key.is_some());
    assert!(read(&item("key = \"one after another\"")).items[0].order_key.is_some());
    assert!(read(&item("")).items[0].order_key.is_none());
    check(&item("key = \" \""), &["`key` is empty"]);
    check(&item(&format!("key = \"{}\"", "x".repeat(201))), &["`key` has at most 200 bytes"]);
    check(&item("key = [\"data.customer\"]"), &["`key` must be a string, not an array"]);
    let problems = checked(&item("order_key = \"x\"")).1;
    let helps = problems.iter().map(|problem| problem.help.as_deref()).collect::<Vec<_>>();
    assert_eq!(helps, [Some("did you mean `key`?")], "{problems}");
}

#[test]
fn instructions_are_the_operators_words_in_any_inbox() {
    let text = "[item]\ninbox = \"agents\"\ninstructions = \"Look at {{ data.x }}\"\n";
    let (routine, problems) = checked(text);
    let item = &routine.unwrap().items[0];
    assert_eq!(literal(item.foreign.as_ref().unwrap(), "instructions"), Some(json!("Look at {{ data.x }}")));
    let said = problems.iter().map(|problem| (problem.level, problem.message.as_str())).collect::<Vec<_>>();
    assert_eq!(said, [(Level::Warning, "`instructions` are fixed text, and no template")]);
}

#[test]
fn several_items_stand_side_by_side() {
    let routine = read(
        "[items.manager]\ninbox = \"agents\"\nkind = \"late\"\n[item]\nqueue = \"q\"\ntitle = \"t\"\n\
         [items.audit]\nqueue = \"log\"\ntitle = \"u\"\n",
    );
    let items =
        routine.items.iter().map(|item| (item.name.as_str(), item.queue.as_str(), item.foreign.is_some()));
    let want = [("item", "q", false), ("manager", "agents", true), ("audit", "log", false)];
    assert_eq!(items.collect::<Vec<_>>(), want);
    let alone = read("[items]\na = { queue = \"q\", title = \"t\" }\n");
    assert_eq!(alone.items[0].name.as_str(), "a");
}

#[test]
fn what_is_no_list_of_items_is_refused() {
    check("[[items]]\nqueue = \"q\"\n", &["`items` is no table of items"]);
    check("[items]\n", &["`items` names no item"]);
    check("[items]\nqueue = \"q\"\n", &["`items.queue` is no table"]);
    let name =
        "`a b` is no name of an item: ' ' cannot be part of a name: use letters, digits, `-`, `_` and `.`";
    check("[items.\"a b\"]\nqueue = \"q\"\ntitle = \"t\"\n", &[name]);
    let twice = "[item]\nqueue = \"q\"\ntitle = \"t\"\n[items.item]\nqueue = \"q\"\ntitle = \"t\"\n";
    check(twice, &["`[item]` has this name already"]);
    let many = |count: usize| {
        (0..count).map(|n| format!("[items.i{n}]\nqueue = \"q\"\ntitle = \"t\"\n")).collect::<String>()
    };
    check(&many(ITEMS_MAX), &[]);
    check(&many(ITEMS_MAX + 1), &["a routine has at most 20 items"]);
    // What is wrong in each of them is found, and named by its header.
    let wrong = "[items.a]\nqueue = \"q\"\n[items.b]\nqueu = \"q\"\ntitle = \"t\"\n";
    check(wrong, &["`title` is missing", "`queue` is missing", "unknown key `queu`"]);
    let problems = checked(wrong).1;
    assert!(problems.iter().any(|problem| problem.label == "not a key of `[items.b]`"), "{problems}");
}

fn literal(foreign: &ForeignSpec, name: &str) -> Option<serde_json::Value> {
    let column = foreign.columns.iter().find(|column| column.name == name)?;
    column.value.literal().cloned()
}

fn checked(items: &str) -> (Option<Routine>, Problems) {
    routine::check(&RoutineName::parse("r").unwrap(), "r.toml", &format!("{HEAD}{items}"))
}

#[track_caller]
fn read(items: &str) -> Routine {
    let (routine, problems) = checked(items);
    routine.unwrap_or_else(|| panic!("{problems}"))
}

/// Compares what is said, in the order of the file.
#[track_caller]
fn check(items: &str, want: &[&str]) {
    let (routine, problems) = checked(items);
    let got = problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>();
    assert_eq!(got, want, "{items}");
    assert_eq!(routine.is_some(), want.is_empty(), "{items}");
}
