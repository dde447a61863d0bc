//! The table's own rule on which items are the same.

use super::{Fixture, ITEMS, draft, items, keyed, plain};
use hearken::pg::inbox::{Locator, Placed};
use hearken::rules::foreign::{Conflict, DedupSpec, InboxSpec};
use hearken::rules::item::ItemDraft;
use serde_json::{Value, json};

fn of_tenant(tenant: &str, draft: ItemDraft) -> ItemDraft {
    ItemDraft { tenant: Some(tenant.to_owned()), ..draft }
}

fn of_nobody(draft: ItemDraft) -> ItemDraft {
    ItemDraft { tenant: None, ..draft }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_stays_and_the_first_of_equal_drafts_is_new() -> anyhow::Result<()> {
    let fixture = Fixture::new(ITEMS, &items(Conflict::Skip)).await?;
    fixture.run("insert into items (tenant_id, dedup_key, title) values ('t', 'old', 'there')").await?;
    let drafts = [
        keyed("a", "k"),
        keyed("again", "old"),
        keyed("b", "k"),
        of_tenant("u", keyed("c", "k")),
        of_tenant("u", keyed("d", "old")),
    ];
    assert_eq!(fixture.place(&drafts).await?, ["new 2", "duplicate", "duplicate", "new 5", "new 6"]);
    assert_eq!(fixture.place(&drafts).await?, ["duplicate"; 5]);
    let titles = fixture.texts("select tenant_id || title from items order by id").await?;
    assert_eq!(titles, ["tthere", "ta", "uc", "ud"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partial_index_lets_a_new_one_in_when_the_old_one_is_closed() -> anyhow::Result<()> {
    let fixture = Fixture::new(ITEMS, &items(Conflict::Skip)).await?;
    assert_eq!(fixture.place(&[keyed("a", "k")]).await?, ["new 1"]);
    assert_eq!(fixture.place(&[keyed("b", "k")]).await?, ["duplicate"]);
    fixture.run("update items set status = 'done'").await?;
    let drafts = [keyed("c", "k"), keyed("d", "k")];
    assert_eq!(fixture.place(&drafts).await?, ["new 3", "duplicate"]);
    assert_eq!(fixture.texts("select title from items order by id").await?, ["a", "c"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_takes_the_last_content_unless_it_has_begun() -> anyhow::Result<()> {
    let fixture = Fixture::new(ITEMS, &items(Conflict::Replace)).await?;
    fixture
        .run(
            "insert into items (tenant_id, dedup_key, title, status) values \
              ('t', 'waits', 'old', 'pending'), ('t', 'runs', 'old', 'leased'), ('t', 'done', 'old', 'done')",
        )
        .await?;
    let drafts = [
        keyed("a", "waits"),
        keyed("b", "runs"),
        keyed("c", "done"),
        keyed("d", "new"),
        keyed("e", "waits"),
        keyed("f", "new"),
        of_nobody(keyed("g", "new")),
        of_nobody(keyed("h", "new")),
    ];
    let placed = fixture.place(&drafts).await?;
    let titles = fixture
        .texts("select concat_ws(' ', tenant_id, dedup_key, title) from items order by title, id")
        .await?;
    assert_eq!(titles, ["t done c", "t waits e", "t new f", "new g", "new h", "t runs old", "t done old"]);
    let id = |title: &str| format!("select id::text from items where title = '{title}'");
    let (c, f) = (fixture.texts(&id("c")).await?.remove(0), fixture.texts(&id("f")).await?.remove(0));
    let (g, h) = (fixture.texts(&id("g")).await?.remove(0), fixture.texts(&id("h")).await?.remove(0));
    let want = [
        "replaced 1".to_owned(),
        "duplicate".to_owned(),
        format!("new {c}"),
        format!("new {f}"),
        "replaced 1".to_owned(),
        format!("replaced {f}"),
        format!("new {g}"),
        format!("new {h}"),
    ];
    assert_eq!(placed, want);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_columns_of_replace_change() -> anyhow::Result<()> {
    let spec = InboxSpec { replace: Some(vec!["size".to_owned()]), ..items(Conflict::Replace) };
    let fixture = Fixture::new(ITEMS, &spec).await?;
    fixture.place(&[keyed("first", "k")]).await?;
    let second = draft(json!({ "title": "second", "dedup_key": "k", "size": 2 }));
    assert_eq!(fixture.place(&[second]).await?, ["replaced 1"]);
    assert_eq!(fixture.texts("select title || size from items").await?, ["first2.00"]);
    assert_eq!(fixture.place(&[keyed("third", "k")]).await?, ["duplicate"], "it sets nothing that changes");
    Ok(())
}

/// An insert would wait for the worker's transaction.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_which_a_worker_holds_is_not_waited_for() -> anyhow::Result<()> {
    let fixture = Fixture::new(ITEMS, &items(Conflict::Replace)).await?;
    fixture.place(&[keyed("a", "k")]).await?;
    let worker = fixture.db.connect().await?;
    worker.batch_execute("begin; update items set status = 'leased'").await?;
    let error = fixture.place(&[keyed("b", "k"), keyed("c", "other")]).await.expect_err("it is locked");
    assert!(error.to_string().contains("locked by somebody else"), "{error:#}");
    worker.batch_execute("rollback").await?;
    assert_eq!(fixture.place(&[keyed("b", "k")]).await?, ["replaced 1"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_table_without_a_primary_key_are_found_by_the_rule() -> anyhow::Result<()> {
    let sql = "create table keyed \
                   (tenant_id text, dedup_key text, title text, status text default 'pending'); \
               create unique index on keyed (tenant_id, dedup_key) where status <> 'done'";
    let mut spec = InboxSpec { waiting: Some("status = 'pending'".to_owned()), ..items(Conflict::Skip) };
    spec.table = plain("keyed").table;
    spec.due = None;
    if let Some(dedup) = &mut spec.dedup {
        dedup.filter = Some("status <> 'done'".to_owned());
    }
    let fixture = Fixture::new(sql, &spec).await?;
    fixture.run("insert into keyed values ('t', 'k', 'before', 'done')").await?;
    let drafts = [keyed("a", "k"), of_nobody(keyed("b", "k"))];
    let placed = fixture.inbox.place(&fixture.session, &[&drafts[0], &drafts[1]]).await?;
    let at = |tenant: Value| Locator(json!({ "tenant_id": tenant, "dedup_key": "k" }));
    let rows = [at(json!("t")), at(json!(null))];
    assert_eq!(placed, rows.clone().map(Placed::Created));
    let update = [(rows[0].clone(), &drafts[1])];
    fixture.inbox.replace(&fixture.session, &update).await?;
    assert_eq!(fixture.texts("select title from keyed order by title").await?, ["b", "b", "before"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_any_key_takes_items_and_gives_none_back() -> anyhow::Result<()> {
    let spec = InboxSpec { waiting: Some("true".to_owned()), ..plain("log") };
    let fixture = Fixture::new("create table log (title text)", &spec).await?;
    let one = draft(json!({ "title": "a" }));
    let placed = fixture.inbox.place(&fixture.session, &[&one, &one]).await?;
    let nowhere = Locator(json!({}));
    assert_eq!(placed, [nowhere.clone(), nowhere.clone()].map(Placed::Created));
    assert_eq!(fixture.inbox.lock_waiting(&fixture.session, &[nowhere]).await?, [None]);
    assert_eq!(fixture.texts("select title from log").await?, ["a", "a"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_over_a_computed_column_tells_drafts_apart() -> anyhow::Result<()> {
    let sql = format!("{ITEMS} create unique index on items (lower_title)");
    let dedup = DedupSpec {
        column: None,
        conflict: vec!["lower_title".to_owned()],
        filter: None,
        on_conflict: Conflict::Skip,
    };
    let spec = InboxSpec { dedup: Some(dedup), ..plain("items") };
    let fixture = Fixture::new(&sql, &spec).await?;
    let titled = |title: &str| draft(json!({ "title": title }));
    assert_eq!(
        fixture.place(&[titled("A"), titled("a"), titled("B")]).await?,
        ["new 1", "duplicate", "new 3"]
    );
    assert_eq!(fixture.place(&[titled("b"), titled("C")]).await?, ["duplicate", "new 5"]);
    assert_eq!(fixture.texts("select title from items order by id").await?, ["A", "B", "C"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nulls_meet_where_the_index_says_so() -> anyhow::Result<()> {
    let sql = "create table items (id serial primary key, tenant_id text, dedup_key text, title text, \
               unique nulls not distinct (tenant_id, dedup_key))";
    let mut spec = InboxSpec { due: None, waiting: None, append: Vec::new(), ..items(Conflict::Skip) };
    if let Some(dedup) = &mut spec.dedup {
        dedup.filter = None;
    }
    let fixture = Fixture::new(sql, &spec).await?;
    let drafts = [of_nobody(keyed("a", "k")), of_nobody(keyed("b", "k"))];
    assert_eq!(fixture.place(&drafts).await?, ["new 1", "duplicate"]);
    Ok(())
}
