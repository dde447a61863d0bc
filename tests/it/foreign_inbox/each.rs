//! The slow way: who is guilty, and nothing of it is left.

use super::{Fixture, ITEMS, draft, items, keyed, plain, shown_or};
use hearken::pg::inbox::{Placed, PlacedOr};
use hearken::rules::foreign::{Conflict, InboxSpec};
use hearken::rules::item::ItemDraft;
use serde_json::json;

const TITLES: &str = "select title from items order by id";

#[tokio::test(flavor = "multi_thread")]
async fn the_guilty_are_named_and_the_others_go_in() -> anyhow::Result<()> {
    let sql = format!("{ITEMS} alter table items add constraint no_thirteen check (title <> '13')");
    let fixture = Fixture::new(&sql, &items(Conflict::Skip)).await?;
    let drafts = [
        keyed("1", "a"),
        keyed("13", "b"),
        draft(json!({ "title": "2", "dedup_key": "c", "size": "large" })),
        keyed("3", "a"),
        draft(json!({ "title": "4", "dedup_key": "d", "colour": "red" })),
        draft(json!({ "title": "5", "dedup_key": "e", "size": 1 })),
    ];
    assert_eq!(fixture.refused(&drafts[..2]).await, "23514");
    assert_eq!(fixture.texts(TITLES).await?.len(), 0);
    let placed = fixture.place_each(&drafts).await?;
    let others: Vec<&str> = [0, 5].iter().map(|n| placed[*n].split(' ').next().unwrap_or_default()).collect();
    assert_eq!(others, ["new", "new"]);
    assert_eq!(placed[1..5], ["refused 23514", "refused 22P02", "duplicate", "refused 42703"]);
    assert_eq!(fixture.texts(TITLES).await?, ["1", "5"]);
    let refused = fixture.inbox.place_each(&fixture.session, &[&drafts[1]]).await?.remove(0);
    let PlacedOr::Refused { message, .. } = &refused else { panic!("{refused:?}") };
    assert!(message.contains("no_thirteen"), "{message}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_is_told_from_a_new_row() -> anyhow::Result<()> {
    let fixture = Fixture::new(ITEMS, &items(Conflict::Replace)).await?;
    fixture
        .run("insert into items (tenant_id, dedup_key, title, status) values ('t', 'r', 'runs', 'leased')")
        .await?;
    let placed = fixture.place_each(&[keyed("a", "k"), keyed("b", "r"), keyed("c", "k")]).await?;
    assert_eq!(placed, ["new 2", "duplicate", "replaced 2"]);
    assert_eq!(fixture.texts(TITLES).await?, ["runs", "c"]);
    Ok(())
}

/// A deferred constraint would fail at commit and name nobody.
#[tokio::test(flavor = "multi_thread")]
async fn foreign_keys_are_checked_at_once() -> anyhow::Result<()> {
    for deferred in ["", "deferrable initially deferred"] {
        let sql = format!(
            "{ITEMS} create table known (title text primary key); insert into known values ('a'), ('c'); \
             alter table items add foreign key (title) references known {deferred}"
        );
        let fixture = Fixture::new(&sql, &items(Conflict::Skip)).await?;
        let drafts = [keyed("a", "1"), keyed("b", "2"), keyed("c", "3")];
        fixture.run("begin").await?;
        let placed = fixture.place_each(&drafts).await?;
        fixture.run("commit").await?;
        assert_eq!(placed, ["new 1", "refused 23503", "new 3"], "{deferred}");
        assert_eq!(fixture.texts(TITLES).await?, ["a", "c"], "{deferred}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_one_which_hangs_is_named() -> anyhow::Result<()> {
    let sql = format!(
        "{ITEMS} create function hang() returns trigger language plpgsql as $$ begin \
             if new.title = 'b' then perform pg_sleep(60); end if; return new; end $$; \
         create trigger hang before insert on items for each row execute function hang()"
    );
    let fixture = Fixture::new(&sql, &items(Conflict::Skip)).await?;
    let drafts = [keyed("a", "1"), keyed("b", "2"), keyed("c", "3")];
    let refs: Vec<&ItemDraft> = drafts.iter().collect();
    fixture.run("begin").await?;
    let placed = fixture.inbox.place_singly(&fixture.session, &refs, 500).await?;
    fixture.run("commit").await?;
    assert_eq!(placed.iter().map(shown_or).collect::<Vec<_>>(), ["new 1", "refused 57014", "new 3"]);
    assert_eq!(fixture.texts(TITLES).await?, ["a", "c"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_assertion_of_a_trigger_is_a_refusal() -> anyhow::Result<()> {
    let sql = format!(
        "{ITEMS} create function check_title() returns trigger language plpgsql as $$ begin \
             assert new.title <> 'b', 'no b'; return new; end $$; \
         create trigger check_title before insert on items for each row execute function check_title()"
    );
    let fixture = Fixture::new(&sql, &plain("items")).await?;
    let titled = |title: &str| draft(json!({ "title": title }));
    assert_eq!(fixture.place_each(&[titled("a"), titled("b")]).await?, ["new 1", "refused P0004"]);
    Ok(())
}

/// It is not known any more which row is whose; one by one it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_which_changes_the_key_is_noticed() -> anyhow::Result<()> {
    let sql = format!(
        "{ITEMS} create function lower_key() returns trigger language plpgsql as $$ begin \
             new.dedup_key := lower(new.dedup_key); return new; end $$; \
         create trigger lower_key before insert on items for each row execute function lower_key()"
    );
    let fixture = Fixture::new(&sql, &items(Conflict::Skip)).await?;
    let drafts = [keyed("a", "K"), keyed("b", "k"), keyed("c", "L")];
    fixture.run("begin").await?;
    assert_eq!(fixture.refused(&drafts).await, "27000");
    fixture.run("rollback").await?;
    let refs: Vec<&ItemDraft> = drafts.iter().collect();
    let placed = fixture.inbox.place(&fixture.session, &refs).await?;
    assert!(matches!(&placed[..], [Placed::Created(_), Placed::Duplicate, Placed::Created(_)]), "{placed:?}");
    assert_eq!(fixture.texts(TITLES).await?, ["a", "c"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_which_a_trigger_keeps_out_is_a_refusal() -> anyhow::Result<()> {
    let sql = format!(
        "{ITEMS} create function keep_out() returns trigger language plpgsql as $$ begin \
             if new.title = 'b' then return null; end if; return new; end $$; \
         create trigger keep_out before insert on items for each row execute function keep_out()"
    );
    let fixture = Fixture::new(&sql, &InboxSpec { dedup: None, ..items(Conflict::Skip) }).await?;
    let drafts = [keyed("a", "1"), keyed("b", "2"), keyed("c", "3")];
    fixture.run("begin").await?;
    assert_eq!(fixture.refused(&drafts).await, "27000");
    fixture.run("rollback").await?;
    let refs: Vec<&ItemDraft> = drafts.iter().collect();
    let placed = fixture.inbox.place_each(&fixture.session, &refs).await?;
    assert_eq!(shown_or(&placed[1]), "refused 27000");
    assert!(matches!(&placed[2], PlacedOr::Placed(Placed::Created(_))), "{placed:?}");
    assert_eq!(fixture.texts(TITLES).await?, ["a", "c"]);
    Ok(())
}
