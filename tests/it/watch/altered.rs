//! Columns which are altered, have odd names, or change in many rows at once.

use super::{check, watched};

/// A path into what is no JSON any more would leave out nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_column_with_a_path_goes_when_it_is_json_no_more() -> anyhow::Result<()> {
    let schema = "create table t (id int primary key, config jsonb, v text)";
    let db = watched(schema, "watch('t', redact => '{config.pw}')").await?;
    check(
        &db,
        &[
            "alter table t alter config type text",
            r#"insert into t values (1, '{"pw": "secret"}', 'a')"#,
            r#"update t set v = 'b', config = '{"pw": "other"}'"#,
            "delete from t",
        ],
        &[
            r#"t.created 1 {"v": "a", "id": 1} - -"#,
            r#"t.updated 1 {"v": "b", "id": 1} {"v": "a", "id": 1} ["v"]"#,
            r#"t.deleted 1 {"v": "b", "id": 1} {"v": "b", "id": 1} -"#,
        ],
    )
    .await?;
    let row = db.client.query_one("select missing from hearken.watches", &[]).await?;
    assert_eq!(row.get::<_, Vec<String>>(0), ["config"]);
    Ok(())
}

/// Types without an operator for equality, and names which the function uses itself.
#[tokio::test(flavor = "multi_thread")]
async fn no_type_and_no_name_of_a_column_fails_the_writer() -> anyhow::Result<()> {
    let schema = "create table t (id int primary key, bell text, written text)";
    let db = watched(schema, "watch('t', columns => '{written}')").await?;
    check(
        &db,
        &[
            "insert into t values (1, 'x', 'a')",
            "alter table t alter written type json using to_json(written)",
            "update t set written = '{}'",
        ],
        &[
            r#"t.created 1 {"id": 1, "written": "a"} - -"#,
            r#"t.updated 1 {"id": 1, "written": {}} {"id": 1, "written": "a"} ["written"]"#,
        ],
    )
    .await
}

/// The names of the first row's columns are not those of all.
#[tokio::test(flavor = "multi_thread")]
async fn each_row_of_a_large_update_says_what_changed_in_it() -> anyhow::Result<()> {
    let schema = "create table t (id int primary key, \"a\"\"b\\c\" int, n int); \
                  insert into t select n, 0, 0 from generate_series(1, 50) n";
    let db = watched(schema, "watch('t')").await?;
    db.client.batch_execute(r#"update t set n = 1, "a""b\c" = id % 2"#).await?;
    let both = r#"select from hearken.events where meta -> 'changed' = '["n", "a\"b\\c"]' and (data ->> 'id')::int % 2 = 1"#;
    assert_eq!(db.count(both).await?, 25);
    assert_eq!(db.count(r#"select from hearken.events where meta -> 'changed' = '["n"]'"#).await?, 25);
    let jit = "select from pg_proc where proname like 'watch\\_t\\_%' and 'jit=off' = any (proconfig)";
    assert_eq!(db.count(jit).await?, 1);
    Ok(())
}
