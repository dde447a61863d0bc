//! The functions as text; what they do is tested on a real table.

use super::*;
use crate::rules::foreign::TableName;
use crate::rules::name::InboxName;
use std::collections::BTreeMap;

const LEAST: &str = "\
    state = \"status\"\nwaiting = \"pending\"\nleased = \"leased\"\ndone = \"completed\"\ndead = \"failed\"\n\
    token = \"lease_token\"\nuntil = \"leased_until\"\n";

const MORE: &str = "\
    attempts = \"attempts\"\nmax_attempts = \"max_attempts\"\ndue = \"available_at\"\npriority = \"priority\"\n\
    worker = \"leased_by\"\nerror = \"last_error\"\nresult = \"result\"\nfinished = \"completed_at\"\n\
    by = \"gateway_id\"\n";

fn inbox() -> InboxSpec {
    InboxSpec {
        name: InboxName::parse("agents").unwrap(),
        table: TableName::parse("app.\"Items\"").unwrap(),
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

fn columns() -> Columns {
    let column = |kind: &str| Column {
        kind: kind.to_owned(),
        whole: kind.to_owned(),
        base: kind.to_owned(),
        not_null: false,
        generated: false,
        unique: false,
    };
    let mut columns: BTreeMap<String, Column> = [
        ("id", "uuid"),
        ("status", "app.item_status"),
        ("lease_token", "bigint"),
        ("leased_until", "timestamp with time zone"),
        ("attempts", "integer"),
        ("max_attempts", "integer"),
        ("available_at", "timestamp with time zone"),
        ("priority", "integer"),
        ("leased_by", "text"),
        ("last_error", "text"),
        ("result", "jsonb"),
        ("completed_at", "timestamp with time zone"),
        ("gateway_id", "uuid"),
        ("title", "text"),
        ("code", "character varying"),
    ]
    .into_iter()
    .map(|(name, kind)| (name.to_owned(), column(kind)))
    .collect();
    if let Some(id) = columns.get_mut("id") {
        id.unique = true;
    }
    if let Some(code) = columns.get_mut("code") {
        code.whole = "character varying(20)".to_owned();
    }
    Columns::new(TableName::parse("app.\"Items\"").unwrap(), columns)
}

fn script(toml: &str, columns: &Columns) -> Result<String, String> {
    let lease: LeaseSpec = toml::from_str(toml).unwrap();
    let schema = Schema::parse("hearken").unwrap();
    Writer::new(&inbox(), &lease, columns, &schema)
        .map(|writer| writer.script())
        .map_err(|error| error.to_string())
}

#[track_caller]
fn check(script: &str, has: &[&str], has_not: &[&str]) {
    for text in has {
        assert!(script.contains(text), "{text:?} is missing in:\n{script}");
    }
    for text in has_not {
        assert!(!script.contains(text), "{text:?} is in:\n{script}");
    }
}

#[test]
fn with_all_columns_the_functions_are_those_of_our_own_inbox() {
    let script = script(&format!("{LEAST}{MORE}"), &columns()).unwrap();
    check(
        &script,
        &[
            "function \"hearken\".\"agents_lease\"(worker text, \"by\" uuid[] default null, max integer default 1, \
             lease interval default null)",
            "returns setof \"app\".\"Items\"",
            "t.\"status\" = 'pending'::app.item_status",
            "(t.\"available_at\" is null or t.\"available_at\" <= hearken_clock)",
            "order by t.\"priority\" desc nulls last, t.\"available_at\" nulls first, t.\"id\"",
            "\"lease_token\" = nextval('hearken.lease_tokens')",
            "hearken.backoff(coalesce(t.\"attempts\", 1)::integer)",
            "coalesce(t.\"attempts\", 0) >= coalesce(t.\"max_attempts\", 5)",
            "\"agents_fail\"(id uuid, token bigint, error text default null, retry boolean default true, \
             retry_after interval default null)",
            "grant usage on sequence hearken.lease_tokens",
            "interval '300 seconds'",
        ],
        &["<<", ">>"],
    );
}

#[test]
fn what_has_no_column_is_left_out() {
    let script = script(LEAST, &columns()).unwrap();
    check(
        &script,
        &[
            "\"agents_lease\"(worker text, max integer default 1, lease interval default null)",
            "\"agents_complete\"(id uuid, token bigint)\n",
            "\"agents_fail\"(id uuid, token bigint, retry boolean default true)\n",
            "order by t.\"id\"",
        ],
        &["<<", ">>", "priority", "attempts\"", "last_error", "backoff(coalesce", "\"by\""],
    );
}

#[test]
fn failed_rows_may_have_a_state_of_their_own() {
    let script = script(&format!("{LEAST}failed = \"retry\"\n"), &columns()).unwrap();
    check(&script, &["in ('pending'::app.item_status, 'retry'::app.item_status)"], &[]);
}

#[test]
fn a_priority_may_be_an_expression() {
    let toml = format!("{LEAST}priority = \"case when title like 'urgent%' then 1 else 0 end -- most\"\n");
    let script = script(&toml, &columns()).unwrap();
    check(&script, &["order by (\ncase when title like 'urgent%' then 1 else 0 end\n) desc nulls last"], &[]);
}

#[test]
fn a_value_cannot_end_its_text() {
    let toml = LEAST.replace("\"leased\"", "\"it's <<table>> \\\\\"");
    let script = script(&toml, &columns()).unwrap();
    check(&script, &["E'it''s <<table>> \\\\'::app.item_status"], &[]);
}

#[test]
fn all_that_is_amiss_is_said_at_once() {
    let toml =
        format!("{LEAST}attempts = \"attempt\"\nworker = \"worker\"\nresult = \"code\"\nby = \"gateway\"\n");
    let toml = toml.replace("lease_token", "code").replace("leased_until", "title");
    let toml = toml.replace("result = \"code\"\n", "");
    let error = script(&toml, &columns()).unwrap_err();
    for says in [
        "app.Items cannot be leased from",
        "`token`: column `code` is character varying(20), and a token is bigint, uuid or text",
        "`until`: column `title` is text",
        "`attempts`: there is no column `attempt`; did you mean `attempts`?",
        "`worker`: there is no column `worker`",
        "`by`: there is no column `gateway`; did you mean `gateway_id`?",
        "alter table \"app\".\"Items\"\n      add column \"attempt\" integer not null default 0,\n      \
         add column \"worker\" text;",
    ] {
        assert!(error.contains(says), "{says:?} is missing in:\n{error}");
    }
}

#[test]
fn a_key_is_unique() {
    let error = script(&format!("key = \"title\"\n{LEAST}"), &columns()).unwrap_err();
    assert!(error.contains("no unique index"), "{error}");
}

#[test]
fn what_is_dropped_is_ours() {
    let text = drop_script(&inbox(), &Schema::parse("o'hara").unwrap());
    let want =
        ["n.nspname = 'o''hara'", "'agents_lease', 'agents_expire'", "Lease protocol of the inbox agents:"];
    check(&text, &want, &["raise", "<<"]);
}
