//! Tests of describing tables.

use crate::config::Config;
use crate::rules::foreign::{Conflict, Doorbell, InboxSpec, SourceSpec, SourceState, Strategy};
use std::time::Duration;

const SOURCE: &str = "table = \"public.queue\"\nid = \"id\"\ntype = \"event_type\"\n";
const FLAG: &str = "pending = \"not processed\"\nmark = \"processed = true\"\n";
const INBOX: &str = "table = \"agent_inbox_items\"\n";

#[test]
fn a_source_is_read_with_all_its_keys() {
    let spec = source(&format!(
        "{SOURCE}{FLAG}strategy = \"flag\"\nsubject = \"entity_id\"\ntime = \"created_at\"\ntenant = \"tenant_id\"\n\
         data = \"coalesce(payload->'new', payload)\"\nold = \"payload->'old'\"\nmeta = \"meta\"\nsource = \"app\"\n\
         order = \"created_at, id\"\nready = \"scheduled_for\"\ndoorbell = \"off\"\npoll = \"2s\"\nreconcile = \"5m\"\n\
         batch = 100\npaused = true\n"
    ));
    assert_eq!((spec.name.as_str(), spec.table.quoted().as_str()), ("plugins", "\"public\".\"queue\""));
    assert_eq!(spec.strategy, Strategy::Flag { mark: "processed = true".to_owned() });
    assert_eq!((spec.id.as_str(), spec.kind.as_str()), ("id", "event_type"));
    let texts =
        [&spec.origin, &spec.subject, &spec.time, &spec.tenant, &spec.meta, &spec.pending, &spec.ready];
    let want = ["app", "entity_id", "created_at", "tenant_id", "meta", "not processed", "scheduled_for"];
    assert_eq!(texts.map(|text| text.as_deref()), want.map(Some));
    assert_eq!(spec.data.as_deref(), Some("coalesce(payload->'new', payload)"));
    assert_eq!(
        (spec.old.as_deref(), spec.order.as_deref()),
        (Some("payload->'old'"), Some("created_at, id"))
    );
    assert_eq!((spec.doorbell, spec.state, spec.batch), (Doorbell::Off, SourceState::Paused, 100));
    assert_eq!((spec.poll, spec.reconcile), (Duration::from_secs(2), Duration::from_secs(300)));
}

#[test]
fn a_source_has_defaults() {
    let spec = source(&format!("{SOURCE}{FLAG}"));
    assert_eq!((spec.doorbell, spec.state, spec.batch), (Doorbell::On, SourceState::Active, 500));
    assert_eq!((spec.poll, spec.reconcile), (Duration::from_secs(1), Duration::from_secs(60)));
    assert_eq!((&spec.order, &spec.data, &spec.ready), (&None, &None, &None));
    let keys = source(&format!("{SOURCE}strategy = \"keys\"\n"));
    assert_eq!(keys.strategy, Strategy::Keys { keep: Duration::from_secs(30 * 24 * 3600) });
    let week = source(&format!("{SOURCE}strategy = \"keys\"\nkeep = \"7d\"\n"));
    assert_eq!(week.strategy, Strategy::Keys { keep: Duration::from_secs(7 * 24 * 3600) });
}

#[test]
fn an_inbox_is_read_with_all_its_keys() {
    let spec = inbox(&format!(
        "{INBOX}dedup = {{ column = \"dedup_key\", conflict = [\"tenant_id\", \"dedup_key\"], \
         where = \"status = 'pending'\", on_conflict = \"replace\" }}\ntenant = \"tenant_id\"\ndue = \"scheduled_for\"\n\
         open = \"status in ('pending','leased')\"\nwaiting = \"status = 'pending'\"\nsupersede = \"status = 'superseded'\"\n\
         replace = [\"title\", \"context\"]\nappend = [\"context\"]\n"
    ));
    let dedup = spec.dedup.expect("dedup");
    assert_eq!(dedup.conflict, ["tenant_id", "dedup_key"]);
    assert_eq!((dedup.column.as_deref(), dedup.on_conflict), (Some("dedup_key"), Conflict::Replace));
    assert_eq!(dedup.filter.as_deref(), Some("status = 'pending'"));
    assert_eq!((spec.tenant.as_deref(), spec.due.as_deref()), (Some("tenant_id"), Some("scheduled_for")));
    assert_eq!(spec.supersede.as_deref(), Some("status = 'superseded'"));
    assert_eq!(spec.replace, Some(vec!["title".to_owned(), "context".to_owned()]));
    assert_eq!(spec.append, ["context"]);
}

#[test]
fn an_inbox_needs_nothing_but_a_table() {
    let spec = inbox(INBOX);
    assert_eq!(spec.table.quoted(), "\"public\".\"agent_inbox_items\"");
    assert!(spec.dedup.is_none() && spec.open.is_none() && spec.replace.is_none() && spec.append.is_empty());
    let plain = inbox(&format!("{INBOX}dedup = {{ conflict = [\"key\"] }}\n")).dedup.expect("dedup");
    assert_eq!((plain.column, plain.filter, plain.on_conflict), (None, None, Conflict::Skip));
}

#[test]
fn what_is_wrong_with_a_source_has_its_place() {
    let check = |lines: &str, line, says| refused(&format!("[source.plugins]\n{lines}"), line, says);
    check(SOURCE, 1, "missing field `mark`");
    check(&format!("{SOURCE}mark = \"processed = true\"\n"), 1, "missing field `pending`");
    check("table = \"q\"\ntype = \"t\"\n", 1, "missing field `id`");
    check(&format!("{SOURCE}{FLAG}strategy = \"keys\"\n"), 6, "leave `mark` out");
    check(&format!("{SOURCE}{FLAG}keep = \"7d\"\n"), 7, "leave `keep` out");
    check(&format!("{SOURCE}strategy = \"keys\"\nkeep = \"1s\"\n"), 6, "is not between 1h");
    check(&format!("{SOURCE}{FLAG}batch = 0\n"), 7, "0 is not between 1 and 10000");
    check(&format!("{SOURCE}{FLAG}poll = \"1ms\"\n"), 7, "1ms is not between 10ms");
    check(&format!("{SOURCE}{FLAG}reconcile = \"2h\"\n"), 7, "2h is not between 50ms and 1h");
    check(&format!("{SOURCE}{FLAG}doorbell = \"perhaps\"\n"), 7, "unknown variant");
    check(&format!("{SOURCE}{FLAG}pendign = \"x\"\n"), 7, "unknown field `pendign`");
    check(&format!("{SOURCE}{FLAG}subject = \"\"\n"), 7, "there is no expression");
    check(&format!("{SOURCE}{FLAG}subject = \"a; drop table b\"\n"), 7, "a `;` would end");
    check(&format!("{SOURCE}{FLAG}subject = \"a, b\"\n"), 7, "two expressions");
    check(&format!("{SOURCE}{FLAG}subject = \"a) or (b\"\n"), 7, "nothing is open");
    check(&format!("{SOURCE}{FLAG}subject = \"f(a\"\n"), 7, "never closed");
    check(&format!("{SOURCE}{FLAG}subject = \"'a\"\n"), 7, "does not end");
    check(&format!("{SOURCE}{FLAG}order = \"a; b\"\n"), 7, "a `;` would end");
    check("table = \"a.b.c\"\nid = \"id\"\ntype = \"t\"\n", 2, "is no name of a table");
    refused(&format!("[source.events]\n{SOURCE}{FLAG}"), 1, "hearken's own log");
    refused(&format!("[source.\"a b\"]\n{SOURCE}{FLAG}"), 1, "cannot be part of a name");
    refused("source = 1\n", 1, "[source.plugins]");
}

#[test]
fn what_is_wrong_with_an_inbox_has_its_place() {
    let check = |lines: &str, line, says| refused(&format!("[inbox.agents]\n{INBOX}{lines}"), line, says);
    check("dedup = { column = \"k\" }\n", 3, "missing field `conflict`");
    check("dedup = { conflict = [] }\n", 3, "at least one column");
    check("dedup = { conflict = [\"a\", \"a\"] }\n", 3, "named twice");
    check("dedup = { conflict = [\"a\"], on_conflict = \"update\" }\n", 3, "unknown variant");
    check("dedup = { conflict = [\"a\"], where = \"b; c\" }\n", 3, "a `;` would end");
    check("supersede = \"status = 'x'\"\n", 3, "say which by `waiting`");
    check("dedup = { conflict = [\"a\"] }\nreplace = [\"b\", \"a\"]\n", 4, "`a` tells the rows apart");
    check("replace = []\n", 3, "at least one column");
    check("tenant = \"\"\n", 3, "a column has a name");
    check("open = \"status in ('a'\"\n", 3, "never closed");
    check("oepn = \"x\"\n", 3, "unknown field `oepn`");
    refused("[inbox.agents]\nopen = \"x\"\n", 1, "missing field `table`");
    refused(&format!("[inbox.\"a b\"]\n{INBOX}"), 1, "cannot be part of a name");
}

fn source(lines: &str) -> SourceSpec {
    let config = Config::parse("hearken.toml", &format!("[source.plugins]\n{lines}")).expect("settings");
    config.source.into_values().next().expect("a source")
}

fn inbox(lines: &str) -> InboxSpec {
    let config = Config::parse("hearken.toml", &format!("[inbox.agents]\n{lines}")).expect("settings");
    config.inbox.into_values().next().expect("an inbox")
}

#[track_caller]
fn refused(text: &str, line: usize, says: &str) {
    let error = Config::parse("hearken.toml", text).expect_err(text).to_string();
    assert!(error.starts_with(&format!("hearken.toml:{line}:")) && error.contains(says), "{text}\n{error}");
}
