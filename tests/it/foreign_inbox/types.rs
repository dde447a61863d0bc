//! Values of JSON in columns of all kinds.

use super::{Fixture, ITEMS, draft, items, keyed, plain};
use hearken::pg::inbox::{Inbox, is_stale};
use hearken::rules::foreign::Conflict;
use hearken::rules::item::ItemDraft;
use serde_json::{Map, Value, json};

const TYPES: &str = "\
    create type mood as enum ('ok', 'bad'); \
    create type pair as (a integer, b text); \
    create domain short as varchar(3); \
    create domain labels as text[]; \
    create domain payload as jsonb; \
    create domain twice as short;";

/// A type, a value as JSON, and the value as PostgreSQL shows it.
const KEPT: &[(&str, &str, Option<&str>)] = &[
    ("text", r#""x \"y\" \\ é""#, Some(r#"x "y" \ é"#)),
    ("text", r#"{"a":[1,2.50]}"#, Some(r#"{"a":[1,2.50]}"#)),
    ("text", "12345678901234567890.120", Some("12345678901234567890.120")),
    ("text", "true", Some("true")),
    ("text", "null", None),
    ("varchar(3)", r#""abc""#, Some("abc")),
    ("char(3)", r#""ab""#, Some("ab")),
    ("short", r#""abc""#, Some("abc")),
    ("twice", r#""abc""#, Some("abc")),
    ("mood", r#""bad""#, Some("bad")),
    ("boolean", "false", Some("false")),
    ("smallint", "-7", Some("-7")),
    ("bigint", "9007199254740993", Some("9007199254740993")),
    ("numeric", "12345678901234567890.1230", Some("12345678901234567890.1230")),
    ("numeric(6, 2)", "1.005", Some("1.01")),
    ("double precision", "0.1", Some("0.1")),
    ("uuid", r#""00000000-0000-0000-0000-00000000000A""#, Some("00000000-0000-0000-0000-00000000000a")),
    ("timestamptz", r#""2026-03-02T09:00:00.123456+01:00""#, Some("2026-03-02 08:00:00.123456+00")),
    ("timestamp(0)", r#""2026-03-02T09:00:00.6""#, Some("2026-03-02 09:00:01")),
    ("date", r#""2026-03-02""#, Some("2026-03-02")),
    ("interval day to second", r#""1 day 02:03:04.5""#, Some("1 day 02:03:04.5")),
    ("int4range", r#""[1,5)""#, Some("[1,5)")),
    ("inet", r#""10.0.0.1/8""#, Some("10.0.0.1/8")),
    ("bytea", r#""\\x00ff""#, Some(r"\x00ff")),
    ("bit(3)", r#""101""#, Some("101")),
    ("bit varying(5)", r#""101""#, Some("101")),
    ("pair", r#"{"a":1,"b":"x"}"#, Some("(1,x)")),
    ("jsonb", r#""a""#, Some(r#""a""#)),
    ("jsonb", r#"{"n":1.50}"#, Some(r#"{"n": 1.50}"#)),
    ("jsonb", "null", None),
    ("payload", r#"[true,null]"#, Some("[true, null]")),
    ("json", r#""a""#, Some(r#""a""#)),
    ("json", r#"{"b":1}"#, Some(r#"{"b":1}"#)),
    ("text[]", r#"["a",null,"c d"]"#, Some(r#"{a,NULL,"c d"}"#)),
    ("text[]", r#""{a,b}""#, Some("{a,b}")),
    ("text[]", "[]", Some("{}")),
    ("integer[]", "[[1,2],[3,4]]", Some("{{1,2},{3,4}}")),
    ("varchar(3)[]", r#"["abc"]"#, Some("{abc}")),
    ("labels", r#"["a"]"#, Some("{a}")),
    ("jsonb[]", r#"[{"a":1}]"#, Some(r#"{"{\"a\": 1}"}"#)),
];

/// A type, a value which it does not take, and what the database says of it.
const REFUSED: &[(&str, &str, &str)] = &[
    ("varchar(3)", r#""abcd""#, "22001"),
    ("char(3)", r#""abcd""#, "22001"),
    ("varchar(3)[]", r#"["abcd"]"#, "22001"),
    ("short", r#""abcd""#, "22001"),
    ("twice", r#""abcd""#, "22001"),
    ("bit(3)", r#""1010""#, "22026"),
    ("numeric(6, 2)", "12345.6", "22003"),
    ("integer", r#""x""#, "22P02"),
    ("mood", r#""sad""#, "22P02"),
    ("text", r#""\u0000""#, "22P05"),
    ("text not null", "null", "23502"),
];

fn value(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_value_comes_out_as_it_went_in() -> anyhow::Result<()> {
    let columns: Vec<String> =
        KEPT.iter().enumerate().map(|(n, (kind, ..))| format!("c{n} {kind}")).collect();
    let sql = format!("{TYPES} create table things ({})", columns.join(", "));
    let fixture = Fixture::new(&sql, &plain("things")).await?;
    let values: Map<String, Value> =
        KEPT.iter().enumerate().map(|(n, (_, json, _))| (format!("c{n}"), value(json))).collect();
    fixture.place(&[draft(Value::Object(values))]).await?;
    for (n, (kind, json, want)) in KEPT.iter().enumerate() {
        let have = fixture.see(&format!("select c{n}::text from things")).await?;
        assert_eq!(have, [want.map(str::to_owned)], "{json} as {kind}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_and_never_cut_off() -> anyhow::Result<()> {
    let mut fixture = Fixture::new(&format!("{TYPES} create table things ()"), &plain("things")).await?;
    for (kind, json, sqlstate) in REFUSED {
        fixture.run(&format!("drop table things; create table things (c {kind})")).await?;
        fixture.inbox = Inbox::open(&fixture.session, &plain("things")).await?;
        let bad = draft(json!({ "c": value(json) }));
        assert_eq!(fixture.refused(std::slice::from_ref(&bad)).await, *sqlstate, "{json} as {kind}");
        assert_eq!(fixture.place_each(&[bad]).await?, [format!("refused {sqlstate}")], "{json} as {kind}");
        assert!(fixture.see("select c::text from things").await?.is_empty(), "{json} as {kind}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_which_nobody_sets_keep_their_defaults() -> anyhow::Result<()> {
    let fixture = Fixture::new(ITEMS, &plain("public.items")).await?;
    let sized = draft(json!({ "title": "B", "size": 1.5, "context": null }));
    assert_eq!(fixture.place(&[draft(json!({ "title": "A" })), sized]).await?, ["new 1", "new 2"]);
    let have = fixture
        .texts(
            "select concat_ws('|', title, lower_title, status, size, context, dedup_key) \
             from items order by id",
        )
        .await?;
    assert_eq!(have, ["A|a|pending", "B|b|pending|1.50"]);
    fixture
        .db
        .client
        .batch_execute("create table blank (id serial primary key, at text default 'x')")
        .await?;
    let blank = Inbox::open(&fixture.session, &plain("blank")).await?;
    let nothing = draft(json!({}));
    assert_eq!(blank.place(&fixture.session, &[&nothing, &nothing]).await?.len(), 2);
    assert_eq!(fixture.texts("select id || at from blank order by id").await?, ["1x", "2x"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn key_tenant_and_due_time_are_filled_in_unless_the_routine_sets_them() -> anyhow::Result<()> {
    let fixture = Fixture::new(ITEMS, &items(Conflict::Skip)).await?;
    let due_at: Option<jiff::Timestamp> = Some("2026-03-02T08:00:00Z".parse()?);
    let filled = ItemDraft { due_at, ..draft(json!({ "title": "filled" })) };
    let own = json!({ "title": "own", "dedup_key": "k", "tenant_id": "u", "scheduled_for": "2026-01-01" });
    let own = ItemDraft { due_at, ..draft(own) };
    let bare = ItemDraft { tenant: None, ..draft(json!({ "title": "bare" })) };
    assert_eq!(fixture.place(&[filled, own, bare]).await?, ["new 1", "new 2", "new 3"]);
    let have = fixture
        .texts("select concat_ws('|', title, tenant_id, dedup_key, scheduled_for) from items order by id")
        .await?;
    let key = "07".repeat(32);
    let want = [
        format!("filled|t|{key}|2026-03-02 08:00:00+00"),
        "own|u|k|2026-01-01 00:00:00+00".to_owned(),
        format!("bare|{key}"),
    ];
    assert_eq!(have, want);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_says_what_is_missing() -> anyhow::Result<()> {
    let fixture = Fixture::new(ITEMS, &items(Conflict::Skip)).await?;
    let error =
        fixture.place(&[draft(json!({ "title": "a", "colour": "red" }))]).await.expect_err("no column");
    assert_eq!(error.sqlstate(), Some("42703"));
    assert!(error.to_string().contains("\"colour\" of relation \"items\""), "{error}");
    assert!(is_stale(&error));
    let missing = Inbox::open(&fixture.session, &plain("nowhere.items")).await.expect_err("no table");
    assert_eq!(missing.sqlstate(), Some("42P01"));
    assert!(missing.to_string().contains("nowhere.items"), "{missing}");
    let computed = draft(json!({ "title": "a", "lower_title": "b" }));
    assert_eq!(fixture.refused(&[computed]).await, "428C9");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_which_was_altered_is_opened_again() -> anyhow::Result<()> {
    let fixture = Fixture::new(ITEMS, &items(Conflict::Skip)).await?;
    fixture.place(&[keyed("a", "k1")]).await?;
    fixture.db.client.batch_execute("alter table items rename dedup_key to once").await?;
    let error = fixture.place(&[keyed("b", "k2")]).await.expect_err("another name");
    assert!(is_stale(&error), "{error}");
    fixture.db.client.batch_execute("alter table items rename once to dedup_key").await?;
    fixture.db.client.batch_execute("alter table items alter size type jsonb using null").await?;
    let sized = draft(json!({ "title": "c", "dedup_key": "k3", "size": { "w": 1 } }));
    assert_eq!(fixture.refused(std::slice::from_ref(&sized)).await, "42804", "it knows another type");
    let again = Inbox::open(&fixture.session, &items(Conflict::Skip)).await?;
    assert_eq!(again.place(&fixture.session, &[&sized]).await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_quoted() -> anyhow::Result<()> {
    let sql = r#"create schema "a.b";
        create table "a.b"."Odd ""Table"
            ("Id" serial primary key, "the ""name" text, "[n]" text, "[v1]" text)"#;
    let fixture = Fixture::new(sql, &plain(r#""a.b"."Odd ""Table""#)).await?;
    let odd = draft(json!({ "the \"name": "x", "[n]": "y", "[v1]": "z" }));
    fixture.place(&[odd]).await?;
    let have = fixture.texts(r#"select "the ""name" || "[n]" || "[v1]" from "a.b"."Odd ""Table""#).await?;
    assert_eq!(have, ["xyz"]);
    Ok(())
}
