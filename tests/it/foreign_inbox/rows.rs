//! Rows which are there.

use super::{Fixture, ITEMS, collected, draft, items, keyed, plain, row};
use hearken::pg::inbox::{Inbox, Locator, Placed};
use hearken::rules::foreign::{Conflict, InboxSpec};
use hearken::rules::gate::Standing;
use serde_json::{Value, json};

/// Rows 1 to 4: one waits, one runs, one is done, and one waits with a list.
const FOUR: &str = "insert into items (tenant_id, title, status, dedup_key, context, tags) values \
    ('t', 'a', 'pending', 'a', '{\"n\": 1}', null), ('t', 'b', 'leased', 'b', null, '{x}'), \
    ('t', 'c', 'done', 'c', null, '{}'), ('t', 'd', 'pending', 'd', '[1, 2]', '{x,y}')";

const TITLES: &str = "select concat_ws(' ', title, status) from items order by id";

async fn four() -> anyhow::Result<Fixture> {
    Fixture::new(&format!("{ITEMS} {FOUR}"), &items(Conflict::Skip)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_stand_as_the_settings_say() -> anyhow::Result<()> {
    let fixture = four().await?;
    let rows = [row(4), row(99), row(2), row(3), row(1)];
    let stand = fixture.inbox.standing(&fixture.session, &rows).await?;
    let want = [Standing::Waiting, Standing::Closed, Standing::Running, Standing::Closed, Standing::Waiting];
    assert_eq!(stand, want);
    let vague = Inbox::open(&fixture.session, &InboxSpec { waiting: None, ..items(Conflict::Skip) }).await?;
    let stand = vague.standing(&fixture.session, &[row(1), row(3)]).await?;
    assert_eq!(stand, [Standing::Running, Standing::Closed]);
    assert_eq!(vague.lock_waiting(&fixture.session, &[row(1)]).await?, [None]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_holds_is_passed_over() -> anyhow::Result<()> {
    let fixture = four().await?;
    let rows = [row(1), row(2), row(3), row(4), row(99)];
    let worker = fixture.db.connect().await?;
    worker.batch_execute("begin; select from items where id = 4 for update").await?;
    fixture.run("begin").await?;
    let locked = fixture.inbox.lock_waiting(&fixture.session, &rows).await?;
    assert_eq!(locked, [Some(1), None, None, None, None]);
    worker.batch_execute("rollback").await?;
    let locked = fixture.inbox.lock_waiting(&fixture.session, &rows).await?;
    assert_eq!(locked, [Some(1), None, None, Some(2), None]);
    let taken = worker.query("select id from items order by id for update skip locked", &[]).await?;
    assert_eq!(taken.iter().map(|row| row.get(0)).collect::<Vec<i64>>(), [2, 3]);
    fixture.run("rollback").await?;
    let by_tags = InboxSpec { append: vec!["tags".to_owned()], ..items(Conflict::Skip) };
    let by_tags = Inbox::open(&fixture.session, &by_tags).await?;
    assert_eq!(by_tags.lock_waiting(&fixture.session, &rows).await?, [Some(0), None, None, Some(2), None]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_replaced_in_place() -> anyhow::Result<()> {
    let fixture = four().await?;
    let sized = draft(json!({ "title": "new d", "dedup_key": "other", "size": 1.5, "id": 77 }));
    let titled = keyed("new a", "other");
    fixture.inbox.replace(&fixture.session, &[(row(4), &sized), (row(1), &titled)]).await?;
    let have = fixture
        .texts("select concat_ws(' ', id, title, size, dedup_key, context) from items order by id")
        .await?;
    assert_eq!(have, ["1 new a a {\"n\": 1}", "2 b b", "3 c c", "4 new d 1.50 d [1, 2]"]);
    let due = InboxSpec { replace: Some(vec!["size".to_owned()]), ..items(Conflict::Skip) };
    let due = Inbox::open(&fixture.session, &due).await?;
    due.replace(&fixture.session, &[(row(1), &sized), (row(2), &titled)]).await?;
    assert_eq!(
        fixture.texts("select title || size from items order by id").await?,
        ["new a1.50", "new d1.50"]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_grow_at_their_end() -> anyhow::Result<()> {
    let fixture = four().await?;
    let two = collected(
        json!({ "title": "t" }),
        json!([{ "title": "t", "context": { "m": 1 }, "tags": ["p", "q"] }, { "context": [2], "tags": "r" }]),
    );
    let plain = draft(json!({ "title": "t", "context": { "m": 3 } }));
    fixture.inbox.append(&fixture.session, &[(row(1), &two), (row(2), &plain), (row(4), &two)]).await?;
    let have = fixture.texts("select concat_ws(' ', title, context, tags) from items order by id").await?;
    let want = [
        r#"a [{"n": 1}, {"m": 1}, [2]] {p,q,r}"#,
        r#"b [{"m": 3}] {x}"#,
        "c {}",
        r#"d [1, 2, {"m": 1}, [2]] {x,y,p,q,r}"#,
    ];
    assert_eq!(have, want);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_which_collected_comes_with_its_list() -> anyhow::Result<()> {
    let fixture = Fixture::new(ITEMS, &items(Conflict::Skip)).await?;
    let list: Value = json!([{ "context": 1, "tags": ["p"] }, { "context": { "n": 2 }, "tags": ["q"] }]);
    let own = json!({ "title": "own", "dedup_key": "a", "context": { "n": 2 }, "tags": ["q"] });
    let bare = json!({ "title": "bare", "dedup_key": "b" });
    fixture.place(&[collected(own, list.clone()), collected(bare, list), keyed("plain", "c")]).await?;
    let have = fixture.texts("select concat_ws(' ', title, context, tags) from items order by title").await?;
    assert_eq!(have, [r#"bare [1, {"n": 2}] {p,q}"#, r#"own [1, {"n": 2}] {p,q}"#, "plain"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_of_json_collects_as_one_of_jsonb_does_and_text_does_not() -> anyhow::Result<()> {
    let collects = |column: &str| InboxSpec {
        waiting: Some("true".to_owned()),
        append: vec![column.to_owned()],
        ..plain("notes")
    };
    let sql = "create domain listed as json; create table notes (id serial primary key, j listed, t text); \
               insert into notes (j) values ('null'), ('7'), (null)";
    let fixture = Fixture::new(sql, &collects("j")).await?;
    let rows = [row(1), row(2), row(3)];
    let locked = fixture.inbox.lock_waiting(&fixture.session, &rows).await?;
    assert_eq!(locked, [Some(0), Some(1), Some(0)]);
    let note = draft(json!({ "j": "x" }));
    let added = rows.clone().map(|row| (row, &note));
    fixture.inbox.append(&fixture.session, &added).await?;
    assert_eq!(
        fixture.texts("select j::text from notes order by id").await?,
        [r#"["x"]"#, r#"[7, "x"]"#, r#"["x"]"#]
    );
    let texts = Inbox::open(&fixture.session, &collects("t")).await?;
    let error = texts.append(&fixture.session, &added).await.expect_err("no list");
    assert!(error.to_string().contains("column \"t\" of public.notes cannot collect"), "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_superseded_row_gets_what_the_settings_say() -> anyhow::Result<()> {
    let fixture = four().await?;
    fixture.inbox.supersede(&fixture.session, &[row(4), row(1), row(99)]).await?;
    assert_eq!(fixture.texts(TITLES).await?, ["a (1) superseded", "b leased", "c done", "d (4) superseded"]);
    let silent = Inbox::open(&fixture.session, &plain("items")).await?;
    let error = silent.supersede(&fixture.session, &[row(2)]).await.expect_err("nothing to set");
    assert!(error.to_string().contains("without `supersede`"), "{error}");
    Ok(())
}

/// A key of several columns, in the order of the index and not of the table.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_partitioned_table_are_found_by_their_whole_key() -> anyhow::Result<()> {
    let sql = "create table items (n bigint not null, day date not null, \
               title text, status text default 'pending', primary key (day, n)) partition by range (day); \
               create table items_1 partition of items for values from ('2026-01-01') to ('2026-02-01'); \
               create table items_2 partition of items for values from ('2026-02-01') to ('2026-03-01')";
    let spec = InboxSpec { waiting: Some("status = 'pending'".to_owned()), ..plain("items") };
    let fixture = Fixture::new(sql, &spec).await?;
    let drafts = ["2026-02-03", "2026-01-03"].map(|day| draft(json!({ "day": day, "title": day, "n": 1 })));
    let placed = fixture.inbox.place(&fixture.session, &[&drafts[0], &drafts[1]]).await?;
    let rows = ["2026-02-03", "2026-01-03"].map(|day| Locator(json!({ "day": day, "n": 1 })));
    assert_eq!(placed, rows.clone().map(Placed::Created));
    fixture.run("update items set status = 'done' where day < '2026-02-01'").await?;
    let stand = fixture.inbox.standing(&fixture.session, &rows).await?;
    assert_eq!(stand, [Standing::Waiting, Standing::Closed]);
    Ok(())
}
