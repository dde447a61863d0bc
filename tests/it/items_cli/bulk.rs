//! `hearken retry` and `hearken cancel`, by number and by filter.

use super::{check, database, run, state};
use crate::support::TestDatabase;

#[tokio::test(flavor = "multi_thread")]
async fn each_item_which_is_named_has_its_answer() -> anyhow::Result<()> {
    let db = database().await?;
    check(&db, &["retry", "5", "6"], 0, "5 waits again, due now\n6 waits again, due now\n", "");
    assert_eq!(state(&db, 5).await?, "waiting");
    check(&db, &["retry", "5"], 1, "", "5 is open: it waits, or a worker has it\n");
    check(&db, &["retry", "99"], 1, "", "99 is not there\n");
    // What can be done is done, whatever is the matter with the others.
    check(&db, &["retry", "99", "7"], 1, "7 waits again, due now\n", "99 is not there\n");
    check(&db, &["cancel", "2", "--reason", "by mistake"], 0, "2 cancelled\n", "");
    let sql = "select from hearken.inbox_items where id = 2 and error like '%: by mistake'";
    assert_eq!(db.count(sql).await?, 1);
    check(&db, &["cancel", "4"], 1, "", "4 has finished: there is nothing to cancel\n");
    let said = run(&db, &["retry", "L5"]);
    assert!(said.status == 1 && said.err.contains("hearken dead retry"), "{}", said.err);
    for wrong in
        [&["retry"][..], &["retry", "five"], &["retry", "5", "--all"], &["cancel", "5", "--max", "1"]]
    {
        assert_eq!(run(&db, wrong).status, 2, "{wrong:?}");
    }
    Ok(())
}

/// From the history, too.
#[tokio::test(flavor = "multi_thread")]
async fn an_item_comes_back_from_the_history() -> anyhow::Result<()> {
    let db = database().await?;
    db.client.batch_execute("select hearken.archive_items('0', '0')").await?;
    check(&db, &["retry", "4"], 0, "4 waits again, due now\n", "");
    assert_eq!(db.count("select from hearken.inbox_items where id = 4 and state = 'waiting'").await?, 1);
    check(&db, &["retry", "--all", "--state", "cancelled", "--yes"], 0, "no items wait again, due now\n", "");
    let archived = ["retry", "--all", "--archived", "--state", "cancelled", "--yes"];
    check(&db, &archived, 0, "1 item waits again, due now\n", "");
    assert_eq!(state(&db, 6).await?, "waiting");
    Ok(())
}

/// An item which a transaction has locked is not waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_locked_item_is_said_to_be() -> anyhow::Result<()> {
    let db = database().await?;
    let mut worker = db.connect().await?;
    let open = worker.transaction().await?;
    open.execute("select hearken.complete(2, 2)", &[]).await?;
    let err = "2 is locked by somebody's transaction; try again\n";
    check(&db, &["cancel", "2"], 1, "", err);
    // The others of the batch are not held up.
    let said = run(&db, &["cancel", "--all", "--state", "leased", "--state", "waiting", "--yes"]);
    assert_eq!((said.status, said.out.as_str()), (1, "1 item cancelled\n"), "{}", said.err);
    assert!(said.err.contains("1 of them: each is locked"), "{}", said.err);
    open.commit().await?;
    assert_eq!((state(&db, 1).await?, state(&db, 2).await?), ("cancelled".to_owned(), "done".to_owned()));
    Ok(())
}

/// Dead items, of which some cannot be started again: more than are done at once.
async fn many(db: &TestDatabase) -> anyhow::Result<()> {
    let sql = "insert into hearken.inbox_items (dedup_key, queue, routine, version, title, state, \
                   finished_at, attempt, error, open_key) \
               select sha256(n::text::bytea), 'bulk', 'r', 'v', 't', 'dead', hearken.now(), 5, \
                   case when n % 2 = 0 then 'timeout' else 'refused' end, \
                   case when n <= 1200 then sha256('taken') end \
               from generate_series(1001, 3500) n; \
               insert into hearken.inbox_items (dedup_key, queue, routine, version, title, open_key) \
               values (sha256('open'), 'bulk', 'r', 'v', 't', sha256('taken'))";
    Ok(db.client.batch_execute(sql).await?)
}

async fn waiting(db: &TestDatabase) -> anyhow::Result<i64> {
    db.count("select from hearken.inbox_items where queue = 'bulk' and state = 'waiting'").await
}

/// All which fit and no others; those which cannot be done stand in nobody's way.
#[tokio::test(flavor = "multi_thread")]
async fn all_which_fit_are_started_again() -> anyhow::Result<()> {
    let db = database().await?;
    many(&db).await?;
    let timeouts = ["retry", "--all", "--queue", "bulk", "--error", "timeout"];
    let said = run(&db, &[&timeouts[..], &["--dry-run"]].concat());
    assert!(said.status == 0 && said.out.starts_with("1250 items would be started again\n"), "{}", said.out);
    assert_eq!(said.out.lines().count(), 1 + 1 + 20 + 1, "{}", said.out);
    assert_eq!(waiting(&db).await?, 1);

    let said = run(&db, &[&timeouts[..], &["--max", "30"]].concat());
    assert_eq!(said.out, "30 items wait again, due now\n", "{}", said.err);
    assert_eq!(waiting(&db).await?, 31);
    let said = run(&db, &timeouts);
    assert_eq!((said.status, said.out.as_str()), (1, "1120 items wait again, due now\n"));
    assert!(said.err.contains("100 of them: each was left as it is: another item"), "{}", said.err);
    assert_eq!(waiting(&db).await?, 1 + 1150);
    assert_eq!(
        db.count("select from hearken.inbox_items where queue = 'bulk' and state = 'dead'").await?,
        1350
    );
    assert_eq!(state(&db, 5).await?, "dead");

    check(&db, &["cancel", "--all", "--queue", "bulk"], 0, "1151 items cancelled\n", "");
    assert_eq!((waiting(&db).await?, state(&db, 1).await?), (0, "waiting".to_owned()));
    Ok(())
}

/// A worker which fails at once does not keep the command busy for ever.
#[tokio::test(flavor = "multi_thread")]
async fn what_dies_meanwhile_is_not_started_once_more() -> anyhow::Result<()> {
    let db = database().await?;
    // Whatever is to wait is dead at once.
    let sql = "create function public.die() returns trigger language plpgsql as $$ begin \
                   new.state := 'dead'; new.finished_at := hearken.now(); return new; end $$; \
               create trigger die before update on hearken.inbox_items for each row \
                   when (new.state = 'waiting') execute function public.die()";
    db.client.batch_execute(sql).await?;
    check(&db, &["retry", "--all", "--routine", "refunds"], 0, "1 item waits again, due now\n", "");
    assert_eq!(state(&db, 5).await?, "dead");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_at_once_must_be_meant() -> anyhow::Result<()> {
    let db = database().await?;
    for all in [&["retry", "--all"][..], &["cancel", "--all"], &["dead", "drop", "--all"]] {
        let said = run(&db, all);
        assert_eq!((said.status, said.out.as_str()), (1, ""), "{all:?}");
        assert!(said.err.contains("--dry-run shows them, --yes does it"), "{all:?}: {}", said.err);
    }
    let said = run(&db, &["retry", "5", "--queue", "mail"]);
    assert!(said.status == 1 && said.err.contains("filters are for --all"), "{}", said.err);
    let said = run(&db, &["retry", "--all", "--state", "waiting", "--yes"]);
    assert!(
        said.status == 1 && said.err.contains("cannot be done to items in state `waiting`"),
        "{}",
        said.err
    );
    let said = run(&db, &["cancel", "--all", "--state", "dead", "--yes"]);
    assert!(
        said.status == 1 && said.err.contains("only in `waiting`, `leased` and `failed`"),
        "{}",
        said.err
    );
    assert_eq!((state(&db, 1).await?, state(&db, 5).await?), ("waiting".to_owned(), "dead".to_owned()));
    check(&db, &["cancel", "--all", "--yes"], 0, "2 items cancelled\n", "");
    check(&db, &["retry", "--all", "--yes"], 0, "1 item waits again, due now\n", "");
    Ok(())
}
