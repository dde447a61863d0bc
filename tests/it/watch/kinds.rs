//! Kinds of tables, and kinds of statements.

use super::{check, watched};
use crate::support::TestDatabase;

#[tokio::test(flavor = "multi_thread")]
async fn rows_which_move_between_partitions_are_updates() -> anyhow::Result<()> {
    // The columns of one part are in another order, as after an `attach`.
    let schema = "create table p (id int, region text, v text, primary key (id, region)) partition by list (region); \
                  create table p_a (v text, region text not null, id int not null); \
                  alter table p attach partition p_a for values in ('a'); \
                  create table p_b partition of p for values in ('b')";
    let db = watched(schema, "watch('p')").await?;
    check(
        &db,
        &[
            "insert into p values (1, 'a', 'x'), (2, 'b', 'y'), (3, 'a', 'z')",
            "update p set region = case region when 'a' then 'b' else 'a' end, v = v || '!' where id < 3",
            "update p set v = v || '?' where id = 3",
            "delete from p where id = 2",
        ],
        &[
            r#"p.created [1, "a"] {"v": "x", "id": 1, "region": "a"} - -"#,
            r#"p.created [2, "b"] {"v": "y", "id": 2, "region": "b"} - -"#,
            r#"p.created [3, "a"] {"v": "z", "id": 3, "region": "a"} - -"#,
            r#"p.updated [1, "b"] {"v": "x!", "id": 1, "region": "b"} {"v": "x", "id": 1, "region": "a"} ["v", "region"]"#,
            r#"p.updated [2, "a"] {"v": "y!", "id": 2, "region": "a"} {"v": "y", "id": 2, "region": "b"} ["v", "region"]"#,
            r#"p.updated [3, "a"] {"v": "z?", "id": 3, "region": "a"} {"v": "z", "id": 3, "region": "a"} ["v"]"#,
            r#"p.deleted [2, "a"] {"v": "y!", "id": 2, "region": "a"} {"v": "y!", "id": 2, "region": "a"} -"#,
        ],
    )
    .await
}

/// A row is in the old table and not in the new one: those behind it must not be taken
/// for each other.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_which_a_trigger_swallows_on_its_way_shifts_no_other() -> anyhow::Result<()> {
    let schema = "create table p (id int primary key, v text) partition by range (id); \
                  create table p_a partition of p for values from (0) to (10); \
                  create table p_b partition of p for values from (10) to (30); \
                  create function swallow() returns trigger language plpgsql as \
                      $$ begin if new.v = 'gone' then return null; end if; return new; end $$; \
                  create trigger swallow before insert on p_b for each row execute function swallow(); \
                  insert into p values (1, 'gone'), (2, 'x'), (20, 'y')";
    let db = watched(schema, "watch('p')").await?;
    check(
        &db,
        &["update p set id = case when id < 10 then id + 10 else id end, v = case v when 'y' then 'y!' else v end"],
        &[
            // Its key is another one, so that its past is not to be found.
            r#"p.updated 12 {"v": "x", "id": 12} - -"#,
            r#"p.updated 20 {"v": "y!", "id": 20} {"v": "y", "id": 20} ["v"]"#,
        ],
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn upserts_merges_and_copies_are_heard() -> anyhow::Result<()> {
    let db = watched("create table m (id int primary key, v text)", "watch('m')").await?;
    check(
        &db,
        &[
            "insert into m values (1, 'a')",
            "insert into m values (1, 'b'), (2, 'c') on conflict (id) do update set v = excluded.v",
            "insert into m values (1, 'z') on conflict do nothing",
            "merge into m using (values (1, 'm'), (3, 'n')) s (id, v) on m.id = s.id \
                 when matched then update set v = s.v when not matched then insert values (s.id, s.v)",
            "merge into m using (values (1), (2)) s (id) on m.id = s.id \
                 when matched and m.id = 1 then delete when matched then update set v = 'o'",
            "with gone as (delete from m where id = 3 returning v) insert into m select 4, v from gone",
            "copy m from program 'echo 10,x; echo 11,y' (format csv)",
        ],
        &[
            r#"m.created 1 {"v": "a", "id": 1} - -"#,
            r#"m.updated 1 {"v": "b", "id": 1} {"v": "a", "id": 1} ["v"]"#,
            r#"m.created 2 {"v": "c", "id": 2} - -"#,
            r#"m.updated 1 {"v": "m", "id": 1} {"v": "b", "id": 1} ["v"]"#,
            r#"m.created 3 {"v": "n", "id": 3} - -"#,
            r#"m.deleted 1 {"v": "m", "id": 1} {"v": "m", "id": 1} -"#,
            r#"m.updated 2 {"v": "o", "id": 2} {"v": "c", "id": 2} ["v"]"#,
            r#"m.deleted 3 {"v": "n", "id": 3} {"v": "n", "id": 3} -"#,
            r#"m.created 4 {"v": "n", "id": 4} - -"#,
            r#"m.created 10 {"v": "x", "id": 10} - -"#,
            r#"m.created 11 {"v": "y", "id": 11} - -"#,
        ],
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn heirs_are_heard_through_their_parent() -> anyhow::Result<()> {
    let schema = "create table base (id int primary key, v text); create table heir (extra text) inherits (base); \
                  insert into heir values (2, 'c', 'e')";
    let db = watched(schema, "watch('base')").await?;
    check(
        &db,
        &[
            "insert into base values (1, 'b')",
            "update base set v = v || '!'",
            "insert into heir values (3, 'd')",
        ],
        &[
            r#"base.created 1 {"v": "b", "id": 1} - -"#,
            r#"base.updated 1 {"v": "b!", "id": 1} {"v": "b", "id": 1} ["v"]"#,
            r#"base.updated 2 {"v": "c!", "id": 2} {"v": "c", "id": 2} ["v"]"#,
        ],
    )
    .await
}

/// Types which have no `=`, names which need quotes, and no key at all.
#[tokio::test(flavor = "multi_thread")]
async fn any_column_and_any_name_will_do() -> anyhow::Result<()> {
    let schema = r#"create schema "Odd One"; create type mood as enum ('sad', 'glad');
        create domain amount as numeric(6, 2);
        create table "Odd One"."T ""x" ("select" json, "O'Neil" point, e mood, a amount, r int4range, l text[])"#;
    let db = watched(schema, r#"watch('"Odd One"."T ""x"', 'odd')"#).await?;
    check(
        &db,
        &[
            r#"insert into "Odd One"."T ""x" values ('{"a": 1}', '(1,2)', 'sad', 1.50, '[1,3)', '{x}')"#,
            r#"update "Odd One"."T ""x" set "O'Neil" = '(3,4)', "select" = '{"a": 2}'"#,
            r#"update "Odd One"."T ""x" set e = 'glad', l = '{y}'"#,
        ],
        &[
            r#"odd.created - {"a": 1.50, "e": "sad", "l": ["x"], "r": "[1,3)", "O'Neil": "(1,2)", "select": {"a": 1}} - -"#,
            r#"odd.updated - {"a": 1.50, "e": "sad", "l": ["x"], "r": "[1,3)", "O'Neil": "(3,4)", "select": {"a": 2}} {"a": 1.50, "e": "sad", "l": ["x"], "r": "[1,3)", "O'Neil": "(1,2)", "select": {"a": 1}} ["O'Neil", "select"]"#,
            r#"odd.updated - {"a": 1.50, "e": "glad", "l": ["y"], "r": "[1,3)", "O'Neil": "(3,4)", "select": {"a": 2}} {"a": 1.50, "e": "sad", "l": ["x"], "r": "[1,3)", "O'Neil": "(3,4)", "select": {"a": 2}} ["e", "l"]"#,
        ],
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_watched_is_refused_before_anybody_writes() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client
        .batch_execute(
            "create table t (id int primary key, j jsonb, v text); create table other (id int); \
             create view seen as select * from t",
        )
        .await?;
    for (call, state, says) in [
        ("watch('t', columns => '{nope}')", "42703", "no column nope"),
        ("watch('t', redact => '{nope}')", "42703", "no column nope"),
        ("watch('t', redact => '{nope.x}')", "42703", "no column nope"),
        ("watch('t', redact => '{v.x}')", "22023", "no path"),
        ("watch('t', redact => '{j.}')", "22023", "no path"),
        ("watch('t', redact => '{id}')", "22023", "of the key"),
        ("watch('t', tenant => 'nope')", "42703", "no column nope"),
        ("watch('t', prefix => 'a *')", "22023", "no beginning"),
        ("watch('t', truncates => 'no')", "22023", "record, refuse or ignore"),
        ("watch('t', filter => 'v +')", "42601", "no condition"),
        ("watch('t', filter => 'id')", "42804", "no condition"),
        ("watch('t', filter => 'new.id = 1')", "42P01", "no condition"),
        // The function may insert into the log, and nothing else.
        (
            "watch('t', filter => 'id in (select id from public.other)')",
            "42501",
            "would fail those who write",
        ),
        ("watch('seen')", "42809", "not a table"),
        ("watch('hearken.events')", "42809", "hearken's own"),
    ] {
        let error = db.client.batch_execute(&format!("select hearken.{call}")).await.expect_err(call);
        let answer = error.as_db_error().expect(call);
        assert_eq!(answer.code().code(), state, "{call}: {answer}");
        assert!(answer.message().contains(says), "{call}: {answer}");
    }
    assert_eq!(db.count("select from hearken.watches").await?, 0);
    assert_eq!(db.count("select from pg_proc where proname like 'watch\\_t\\_%'").await?, 0);
    assert_eq!(db.count("select from pg_class where relname like 'watch\\_try%'").await?, 0);
    check(&db, &["insert into t values (1)"], &[]).await
}
