//! Rows: what they become, and what they may not.

use super::*;
use crate::rules::endpoint::EndpointSpec;
use crate::rules::foreign::{InboxSpec, TableName, Tables};
use crate::rules::matcher::Matcher;
use crate::rules::name::{EndpointName, InboxName};
use crate::rules::problem::Level;
use crate::rules::routine::RoutineSet;
use crate::rules::testing::event;
use serde_json::json;
use std::sync::Arc;

#[test]
fn a_row_becomes_a_routine_named_after_its_source() {
    let routine = accepted(&trust(), &row(&plain()));
    assert_eq!(routine.name.as_str(), "hq.r-1");
    assert_eq!(routine.title, "Review");
    assert_eq!(routine.confined, Confinement { tenant: Some("t1".to_owned()), run_as: None });
    assert!(
        routine.text.starts_with("#hearken:row {\"source\":\"hq\",\"tenant\":\"t1\"}\ntitle = \"Review\"\n")
    );
    assert_eq!(source_of(&routine.text).as_deref(), Some("hq"));
    assert_eq!(source_of("title = \"x\"\n"), None);
}

#[test]
fn the_text_alone_confines_and_the_version_covers_it() {
    let routine = accepted(&trust(), &row(&plain()));
    let again = super::super::parse(&routine.name, "elsewhere", &routine.text).unwrap();
    assert_eq!((&again.confined, &again.version), (&routine.confined, &routine.version));
    assert_eq!(again.when, routine.when);
    let other = accepted(&trust(), &Row { tenant: Some("t2".to_owned()), ..row(&plain()) });
    assert_ne!(other.version, routine.version);
}

#[test]
fn a_routine_of_a_tenant_hears_its_events_only() {
    let routine = accepted(&trust(), &row(&plain()));
    let matcher = Matcher::new(Arc::new(RoutineSet::new(vec![Arc::new(routine)])));
    let hears = |tenant: Option<&str>, amount: i32| {
        let mut event = event("refund.requested", json!({ "amount": amount }));
        event.tenant = tenant.map(str::to_owned);
        !matcher.matches(&event).is_empty()
    };
    assert!(hears(Some("t1"), 600));
    assert!(!hears(Some("t1"), 10));
    assert!(!hears(Some("t2"), 600));
    assert!(!hears(None, 600));
}

#[test]
fn a_row_without_a_tenant_hears_all_where_any_tenant_may_be() {
    let routine = accepted(&trust(), &Row { tenant: None, ..row(&plain()) });
    assert_eq!(routine.confined, Confinement::default());
    assert_eq!(routine.when.conditions().len(), 1);
}

#[test]
fn the_tenants_of_a_source_are_no_others() {
    let some = Trust { tenants: Tenants::Only(["t1".to_owned()].into()), ..trust() };
    accepted(&some, &row(&plain()));
    let none = Row { tenant: None, ..row(&plain()) };
    check(&some, &none, &["this row has no tenant, and would hear the events of all"]);
    let other = Row { tenant: Some("t2".to_owned()), ..row(&plain()) };
    check(&some, &other, &["rows of the source `hq` may not be of this tenant"]);
    for odd in ["", "a\nb", "a\u{7f}"] {
        let odd = Row { tenant: Some(odd.to_owned()), ..row(&plain()) };
        assert!(read(&trust(), &odd).0.is_none());
    }
}

#[test]
fn a_row_reaches_the_queues_of_its_source() {
    let mut elsewhere = plain();
    elsewhere["item"]["queue"] = "finance".into();
    check(&trust(), &row(&elsewhere), &["rows of the source `hq` may not use the queue `finance`"]);
    let mut further = plain();
    further["items"]["more"] = json!({ "queue": "finance", "title": "t" });
    further["items"]["audit"] = json!({ "inbox": "audit_log", "queue": "a column", "kind": "k" });
    let want = [
        "rows of the source `hq` may not use the queue `finance`",
        "rows of the source `hq` may not use the inbox `audit_log`",
        "there is no inbox `audit_log`",
    ];
    check(&trust(), &row(&further), &want);
    further["items"] = json!({ "agent": { "inbox": "hq-agents", "queue": "a column" } });
    check(&trust(), &row(&further), &["there is no inbox `hq-agents`"]);
    let name = InboxName::parse("hq-agents").unwrap();
    let inbox = InboxSpec {
        name: name.clone(),
        table: TableName::parse("agents").unwrap(),
        dedup: None,
        tenant: None,
        due: None,
        open: None,
        waiting: None,
        supersede: None,
        replace: None,
        append: Vec::new(),
        lease: None,
    };
    let tables = Tables { inboxes: Arc::new([(name, inbox)].into()), ..Tables::default() };
    accepted(&Trust { tables, ..trust() }, &row(&further));
}

#[test]
fn a_row_calls_no_address_and_reads_no_secret() {
    let with = |webhook: Value| {
        let mut routine = plain();
        routine.as_object_mut().unwrap().remove("item");
        routine["webhook"] = webhook;
        Row { tenant: None, ..row(&routine) }
    };
    let url = "rows of the source `hq` may not call a `url`";
    let secret = "rows of the source `hq` may not read secrets";
    let queue = "rows of the source `hq` may not use the queue `webhooks`";
    let to_url = json!({
        "url": "https://10.0.0.1/", "secret": { "env": "DATABASE_URL" }, "queue": "ops",
        "headers": { "x-a": { "file": "/etc/passwd" }, "x-b": "b" },
    });
    check(&trust(), &with(to_url), &[url, secret, secret]);
    check(&trust(), &with(json!({ "url": "https://10.0.0.1/" })), &[queue, url]);
    let id = json!({ "get": "data.id" });
    let to_row = with(json!({ "endpoint": "plugins", "id": id, "queue": "ops" }));
    check(&trust(), &to_row, &["there is no table of endpoints `plugins`"]);
    let name = EndpointName::parse("plugins").unwrap();
    let spec = EndpointSpec {
        name: name.clone(),
        table: TableName::parse("hq_plugins").unwrap(),
        id: "id".to_owned(),
        url: "url".to_owned(),
        secret: None,
        enabled: None,
        headers: None,
    };
    let tables = Tables { endpoints: Arc::new([(name, spec)].into()), ..Tables::default() };
    let trust = Trust { tables, ..trust() };
    accepted(&trust, &to_row);
    // A row of a tenant's could name the endpoint of another.
    let of_tenant = Row { tenant: Some("t1".to_owned()), ..to_row };
    check(&trust, &of_tenant, &["a row which is a tenant's routine cannot deliver webhooks"]);
}

#[test]
fn a_row_brings_no_sql_unless_there_is_a_role_for_it() {
    let each = with_each("select 1 as id");
    check(&trust(), &row(&each), &["`[each]` asks the database, and rows of the source `hq` may not"]);
    let query = json!({
        "title": "Clean", "on": { "query": { "every": "1h", "sql": "delete from t" } },
    });
    check(&trust(), &row(&query), &["`[on.query]` asks the database, and rows of the source `hq` may not"]);
    let role = RoleName::parse("hq_routines").unwrap();
    let with_role = Trust { run_as: Some(role.clone()), ..trust() };
    assert_eq!(accepted(&with_role, &row(&each)).confined.run_as, Some(role));
    accepted(&with_role, &row(&query));
}

/// As when a set is read back which was recorded under other settings.
#[test]
fn another_role_matters_to_sql_only() {
    let role = |name: &str| Trust { run_as: RoleName::parse(name).ok(), ..trust() };
    let (plain, asks) = (row(&plain()), row(&with_each("select 1 as id")));
    let again = |row: &Row, today: &Trust| {
        let routine = accepted(&role("first"), row);
        check_text(today, &routine).is_some()
    };
    for today in [role("first"), role("second"), trust()] {
        assert!(again(&plain, &today), "{today:?}");
        assert_eq!(again(&asks, &today), today == role("first"), "{today:?}");
    }
}

#[test]
fn a_row_does_not_get_out_of_its_role() {
    let trust = Trust { run_as: RoleName::parse("hq_routines").ok(), ..trust() };
    for (sql, word) in [
        ("select set_config('role', 'none', true) as id", "set_config"),
        ("select pg_catalog.\"SET_CONFIG\"('role', 'none', true) as id", "set_config"),
        ("select U&\"set\\005fconfig\"('role', 'none', true) as id", "u&"),
        ("select query_to_xml('select 1', true, true, '') as id", "query_to_xml"),
    ] {
        check(&trust, &row(&with_each(sql)), &[&format!("the SQL of a row cannot use `{word}`")]);
    }
}

#[test]
fn the_instructions_of_a_row_are_plain_text() {
    let mut routine = plain();
    routine["item"]["instructions"] = "Do {{ data.amount }}".into();
    routine["item"]["instructions_template"] = true.into();
    check(&trust(), &row(&routine), &["the instructions of a row are plain text"]);
    routine["item"]["instructions_template"] = false.into();
    accepted(&trust(), &row(&routine));
}

#[test]
fn all_that_is_wrong_with_a_row_is_said_at_once() {
    let mut routine = with_each("select 1 as id");
    routine["item"]["queue"] = "finance".into();
    routine["titel"] = "x".into();
    let messages = [
        "unknown key `titel`",
        "`[each]` asks the database, and rows of the source `hq` may not",
        "rows of the source `hq` may not use the queue `finance`",
    ];
    let got = complaints(&trust(), &row(&routine));
    for message in messages {
        assert!(got.iter().any(|one| one == message), "{message}: {got:?}");
    }
}

#[test]
fn what_is_no_routine_says_why() {
    let of = |routine: &str| Row { routine: routine.to_owned(), ..row(&plain()) };
    check(&trust(), &of("[1]"), &["a routine is an object of JSON"]);
    check(&trust(), &of("null"), &["its column `routine` is null"]);
    assert!(complaints(&trust(), &of("{"))[0].starts_with("this is no JSON"));
    let null = "{\"title\": null, \"on\": {\"event\": {}}}";
    check(&trust(), &of(null), &["`title` is null"]);
    check(&trust(), &Row { name: String::new(), ..row(&plain()) }, &["this row has no name"]);
    let spaced = Row { name: "a b".to_owned(), ..row(&plain()) };
    assert!(complaints(&trust(), &spaced)[0].starts_with("`hq.a b` is not a name for a routine"));
}

#[test]
fn a_problem_is_shown_where_it_is() {
    let mut routine = plain();
    routine["when"] = json!({ "data.amount": { "gte": "500" } });
    let shown = read(&trust(), &row(&routine)).1.render();
    assert!(shown.contains("--> row hq.r-1:"), "{shown}");
    assert!(shown.contains("\"data.amount\" = { gte = \"500\" }"), "{shown}");
}

#[test]
fn a_first_line_which_was_tampered_with_is_refused() {
    let routine = accepted(&trust(), &row(&plain()));
    for line in ["#hearken:row {}", "#hearken:row x", "#hearken:row {\"source\":\"hq\",\"run_as\":\"none\"}"]
    {
        let text = format!("{line}\n{}", routine.text.split_once('\n').unwrap().1);
        assert!(super::super::parse(&routine.name, "f", &text).is_err(), "{line}");
        assert!(source_of(&text).is_some(), "{line}");
    }
}

fn plain() -> Value {
    json!({
        "title": "Review",
        "on": { "event": { "type": "refund.requested" } },
        "when": { "data.amount": { "gte": 500 } },
        "item": { "queue": "hq-ann", "title": "Refund of {{ data.amount }}" },
    })
}

fn with_each(sql: &str) -> Value {
    let mut routine = plain();
    routine["each"] = json!({ "sql": sql });
    routine
}

fn row(routine: &Value) -> Row {
    Row { name: "r-1".to_owned(), routine: routine.to_string(), tenant: Some("t1".to_owned()) }
}

fn trust() -> Trust {
    Trust {
        source: RowSourceName::parse("hq").unwrap(),
        queues: ["ops", "hq-*"].map(|text| QueuePattern::parse(text).unwrap()).to_vec(),
        tenants: Tenants::Any,
        run_as: None,
        tables: Default::default(),
    }
}

/// Reads a routine's text again, under the trust of today.
fn check_text(today: &Trust, routine: &Routine) -> Option<Routine> {
    super::check(today, &routine.name, &routine.text).0
}

#[track_caller]
fn accepted(trust: &Trust, row: &Row) -> Routine {
    let (routine, problems) = read(trust, row);
    routine.unwrap_or_else(|| panic!("{problems}"))
}

fn complaints(trust: &Trust, row: &Row) -> Vec<String> {
    let (routine, problems) = read(trust, row);
    assert!(routine.is_none() && problems.has_errors());
    let errors = problems.iter().filter(|problem| problem.level == Level::Error);
    errors.map(|problem| problem.message.clone()).collect()
}

#[track_caller]
fn check(trust: &Trust, row: &Row, want: &[&str]) {
    assert_eq!(complaints(trust, row), want);
}
