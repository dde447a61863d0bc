//! What routines need of the tables which the settings describe.

use super::*;
use crate::rules::foreign::{Doorbell, SourceState, Strategy, TableName};
use crate::rules::problem::Level;
use crate::rules::routine;
use std::sync::Arc;
use std::time::Duration;

const ITEM: &str = "[item]\ninbox = \"agents\"\ntitle = \"t\"\ncontext = { id = { get = \"data.id\" } }\n";

#[test]
fn what_the_settings_describe_is_fine() {
    let flow = "[flow]\ndedup = { key = [\"data.id\"], window = \"while_open\", on_conflict = \"append\" }\n\
                supersede = { key = [\"data.a\"] }\noverlap = \"queue\"\n";
    check("from = \"plugins\"", flow, ITEM, &full(), &[]);
    check("from = \"events\"", "", ITEM, &bare(), &[]);
    // What lasts is kept by hearken itself.
    check(
        "",
        "[flow]\ndedup = { key = [\"data.id\"] }\nlimit = { max = 5, per = \"1h\" }\n",
        ITEM,
        &bare(),
        &[],
    );
    // What goes to hearken's own inbox needs nothing.
    let own = "[item]\nqueue = \"q\"\ntitle = \"t\"\ncontext = { a = 1 }\n";
    check("", flow, own, &bare(), &[]);
}

#[test]
fn a_source_or_an_inbox_which_is_not_there_is_an_error() {
    let want = [("there is no source `plugin`, so this routine would never run", "from = \"plugin\"")];
    check("from = \"plugin\"", "", ITEM, &full(), &want);
    let agent = ITEM.replace("agents", "agent");
    check("", "", &agent, &full(), &[("there is no inbox `agent`", "\"agent\"")]);
    let both = format!("{agent}[items.more]\ninbox = \"elsewhere\"\na = 1\n");
    let want =
        [("there is no inbox `agent`", "\"agent\""), ("there is no inbox `elsewhere`", "\"elsewhere\"")];
    check("", "", &both, &full(), &want);
}

#[test]
fn the_known_ones_are_listed() {
    let help = |item: &str| found("", "", item, &full())[0].1.help.clone().unwrap_or_default();
    assert_eq!(help(&ITEM.replace("agents", "agent")), "did you mean `agents`?");
    let far = "known inboxes are `agents`; others are described as `[inbox.zz]`";
    assert_eq!(help(&ITEM.replace("agents", "zz")), far);
    let help = found("from = \"zz\"", "", ITEM, &full())[0].1.help.clone();
    let far = "known sources are `events` and `plugins`; others are described as `[source.zz]`";
    assert_eq!(help.as_deref(), Some(far));
}

#[test]
fn a_gate_says_what_it_needs_to_know() {
    let dedup = |more: &str| format!("[flow]\ndedup = {{ key = [\"data.id\"], {more} }}\n");
    let open = "`window = \"while_open\"` needs `open` and `waiting` of the inbox `agents`";
    check("", &dedup("window = \"while_open\""), ITEM, &bare(), &[(open, "dedup")]);
    let replace = "`on_conflict = \"replace\"` needs `open` and `waiting` of the inbox `agents`";
    check("", &dedup("on_conflict = \"replace\""), ITEM, &bare(), &[(replace, "dedup")]);
    let follow = "`on_conflict = \"follow_up\"` needs `waiting` of the inbox `agents`";
    let open_only = InboxSpec { waiting: None, ..full() };
    let text = dedup("window = \"while_open\", on_conflict = \"follow_up\"");
    check("", &text, ITEM, &open_only, &[(follow, "dedup")]);
    let append = "`on_conflict = \"append\"` needs `append` of the inbox `agents`";
    let no_append = InboxSpec { append: Vec::new(), ..full() };
    let text = dedup("window = \"while_open\", on_conflict = \"append\"");
    check("", &text, ITEM, &no_append, &[(append, "dedup")]);
    let batch = "`batch` needs `append` of the inbox `agents`";
    check("", "[flow]\nbatch = { max = 5, within = \"1m\" }\n", ITEM, &no_append, &[(batch, "batch")]);
    let all = "`keep = \"all\"` needs `append` of the inbox `agents`";
    let debounce = "[flow]\ndebounce = { quiet = \"1s\", max_wait = \"1m\", keep = \"all\" }\n";
    check("", debounce, ITEM, &no_append, &[(all, "debounce")]);
    let supersede = "`supersede` needs `waiting` and `supersede` of the inbox `agents`";
    check("", "[flow]\nsupersede = {}\n", ITEM, &bare(), &[(supersede, "supersede")]);
    let overlap = "`overlap` needs `open` of the inbox `agents`";
    check("", "[flow]\noverlap = \"skip\"\n", ITEM, &bare(), &[(overlap, "overlap = \"skip\"")]);
    // Two items of one inbox lack the same, and it is said once.
    let two = format!("{ITEM}[items.more]\ninbox = \"agents\"\ncontext = {{ a = 1 }}\n");
    check("", "[flow]\noverlap = \"skip\"\n", &two, &bare(), &[(overlap, "overlap = \"skip\"")]);
}

#[test]
fn what_collects_sets_a_column_which_does() {
    let item = "[item]\ninbox = \"agents\"\ntitle = \"t\"\n";
    let message = "this routine collects, and its item sets none of the columns which do: `context`";
    check("", "[flow]\nbatch = { max = 5, within = \"1m\" }\n", item, &full(), &[(message, "\"agents\"")]);
}

#[test]
fn a_tenants_routine_speaks_for_nobody_else() {
    let inbox = InboxSpec { tenant: Some("tenant_id".to_owned()), ..bare() };
    let text = text_of("", "", "[item]\ninbox = \"agents\"\ntenant_id = \"t2\"\n");
    // Whoever writes files is trusted.
    assert!(of_text(&text, &inbox).is_empty());
    let row = format!("#hearken:row {{\"source\":\"hq\",\"tenant\":\"t1\"}}\n{text}");
    let found = of_text(&row, &inbox);
    assert_eq!(found[0].1.message, "a row which is a tenant's routine cannot set `tenant_id`");
    assert_eq!(&row[found[0].1.span.clone()], "tenant_id");
    assert!(of_text(&row, &bare()).is_empty());
}

#[test]
fn a_jitter_which_delays_nothing_is_warned_of() {
    let text = "title = \"x\"\n[on.schedule]\nevery = \"1h\"\njitter = \"10m\"\n\
                [item]\ninbox = \"agents\"\nkind = \"k\"\n";
    let found = of_text(text, &bare());
    assert_eq!(found.len(), 1);
    let problem = &found[0].1;
    assert_eq!((problem.level, &text[problem.span.clone()]), (Level::Warning, "jitter = \"10m\""));
    assert_eq!(problem.message, "the inbox `agents` has no `due`, so `jitter` delays nothing");
    assert!(of_text(text, &full()).is_empty());
    let two = text.replace("[on.schedule]", "[[on.schedule]]\nevery = \"2h\"\n[[on.schedule]]");
    assert_eq!(&two[of_text(&two, &bare())[0].1.span.clone()], "on");
}

/// An inbox of which no more is known than its table.
fn bare() -> InboxSpec {
    InboxSpec {
        name: InboxName::parse("agents").unwrap(),
        table: TableName::parse("agent_inbox").unwrap(),
        dedup: None,
        tenant: None,
        due: None,
        open: None,
        waiting: None,
        supersede: None,
        replace: None,
        append: Vec::new(),
        lease: None,
    }
}

/// An inbox of which all is known that gates ask about.
fn full() -> InboxSpec {
    let some = |text: &str| Some(text.to_owned());
    InboxSpec {
        due: some("scheduled_for"),
        open: some("status in ('pending', 'leased')"),
        waiting: some("status = 'pending'"),
        supersede: some("status = 'superseded'"),
        append: vec!["context".to_owned()],
        ..bare()
    }
}

fn source(name: &str) -> SourceSpec {
    SourceSpec {
        name: SourceName::parse(name).unwrap(),
        table: TableName::parse("queue").unwrap(),
        strategy: Strategy::Flag { mark: "done = true".to_owned() },
        id: "id".to_owned(),
        kind: "kind".to_owned(),
        origin: None,
        subject: None,
        time: None,
        tenant: None,
        data: None,
        old: None,
        meta: None,
        pending: Some("not done".to_owned()),
        order: None,
        ready: None,
        doorbell: Doorbell::On,
        poll: Duration::from_secs(1),
        reconcile: Duration::from_secs(60),
        batch: 500,
        state: SourceState::Active,
    }
}

fn of_text(text: &str, inbox: &InboxSpec) -> Vec<(RoutineName, Problem)> {
    let routine = match routine::parse(&RoutineName::parse("r").unwrap(), "r.toml", text) {
        Ok(routine) => routine,
        Err(problems) => panic!("{problems}"),
    };
    let sources = BTreeMap::from([(SourceName::parse("plugins").unwrap(), source("plugins"))]);
    let inboxes = BTreeMap::from([(inbox.name.clone(), inbox.clone())]);
    let tables = Tables { sources: Arc::new(sources), inboxes: Arc::new(inboxes), ..Tables::default() };
    against_tables(&RoutineSet::new(vec![Arc::new(routine)]), &tables)
}

fn text_of(from: &str, flow: &str, item: &str) -> String {
    format!("title = \"x\"\n[on.event]\ntype = \"a\"\n{from}\n{flow}{item}")
}

fn found(from: &str, flow: &str, item: &str, inbox: &InboxSpec) -> Vec<(RoutineName, Problem)> {
    of_text(&text_of(from, flow, item), inbox)
}

/// Compares the errors: message, underlined text.
#[track_caller]
fn check(from: &str, flow: &str, item: &str, inbox: &InboxSpec, want: &[(&str, &str)]) {
    let text = text_of(from, flow, item);
    let found = of_text(&text, inbox);
    let got = found.iter().map(|(_, problem)| (problem.message.as_str(), &text[problem.span.clone()]));
    assert_eq!(got.collect::<Vec<_>>(), want, "{text}");
    assert!(found.iter().all(|(_, problem)| problem.level == Level::Error), "{text}");
}
