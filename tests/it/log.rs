//! The log is read without a gap and without a repeat, whatever the order in
//! which transactions commit.
//!
//! These tests drive the reader itself, page by page, in a process of theirs,
//! so that each case can be set up to the statement.

use crate::support::database::{connect, options};
use crate::support::{TestDatabase, until};
use hearken::pg::enqueue::{Advance, Writer};
use hearken::pg::log::{Begin, LogReader};
use hearken::pg::page::{Claim, Claimed, PageLimits, Step};
use hearken::pg::session::{Session, SessionRole};
use hearken::rules::snapshot::PageEnd;
use serde_json::json;
use std::collections::BTreeMap;

/// A reader of the log which notes every event it meets.
struct Reader {
    session: Session,
    reader: LogReader,
    writer: Writer,
    rows: i64,
    met: Vec<i64>,
    pages: u32,
}

impl Reader {
    async fn new(db: &TestDatabase, rows: i64) -> anyhow::Result<Self> {
        Self::at(&db.url, rows).await
    }

    async fn at(url: &str, rows: i64) -> anyhow::Result<Self> {
        let session = Session::open(&options(url), SessionRole::Work, None).await?;
        let reader = LogReader::prepare(&session).await?;
        let writer = Writer::prepare(&session, Default::default()).await?;
        reader.begin(&session).await?;
        Ok(Self { session, reader, writer, rows, met: Vec::new(), pages: 0 })
    }

    /// One pass; says whether there was anything.
    async fn page(&mut self) -> anyhow::Result<bool> {
        let limits = PageLimits { rows: self.rows, bytes: 4 << 20, data_max: 1 << 20 };
        let Claim::Page(page) = self.reader.claim(&self.session, limits, |_| true).await? else {
            anyhow::bail!("taken")
        };
        let Some(Step::Log(next)) = &page.step else {
            self.session.client().batch_execute("rollback").await?;
            assert_eq!(page.end, PageEnd::Last);
            return Ok(false);
        };
        for claimed in &page.events {
            let Claimed::Event(event) = claimed else { anyhow::bail!("{claimed:?}") };
            self.met.push(event.seq);
        }
        self.pages += 1;
        self.writer.commit(&self.session, "events", &[], &[], Advance::Log(Some(next))).await?;
        Ok(true)
    }

    async fn drain(&mut self) -> anyhow::Result<()> {
        while self.page().await? {}
        Ok(())
    }

    /// Compares what was met with what is committed.
    async fn check(&self, db: &TestDatabase) -> anyhow::Result<()> {
        let committed = db.client.query("select seq from hearken.events order by seq", &[]).await?;
        let committed: Vec<i64> = committed.iter().map(|row| row.get(0)).collect();
        let mut met = self.met.clone();
        met.sort_unstable();
        let mut times: BTreeMap<i64, i32> = committed.iter().map(|seq| (*seq, 0)).collect();
        for seq in &met {
            *times.entry(*seq).or_insert(100) += 1;
        }
        let wrong: Vec<_> = times.into_iter().filter(|(_, times)| *times != 1).take(20).collect();
        assert!(wrong.is_empty(), "(seq, times met), 100 and more were never committed: {wrong:?}");
        Ok(())
    }
}

const ONE: &str = "insert into hearken.events (type) values ('test.event')";

/// The oldest number commits last: a reader which goes by numbers skips it.
#[tokio::test(flavor = "multi_thread")]
async fn rows_which_commit_out_of_order_are_found() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let mut reader = Reader::new(&db, 100).await?;
    let early = db.connect().await?;
    early.batch_execute(&format!("begin; {ONE}")).await?;
    db.client.batch_execute(ONE).await?;
    reader.drain().await?;
    assert_eq!(reader.met, [2], "an open transaction holds back its own rows only");
    early.batch_execute("commit").await?;
    db.client.batch_execute(ONE).await?;
    reader.drain().await?;
    assert_eq!(reader.met, [2, 1, 3]);
    reader.check(&db).await
}

/// Numbers of rolled-back rows are gaps; nobody waits for them.
#[tokio::test(flavor = "multi_thread")]
async fn rolled_back_rows_are_gaps() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let mut reader = Reader::new(&db, 2).await?;
    for script in [
        format!("begin; {ONE}; {ONE}; rollback"),
        ONE.into(),
        format!("begin; {ONE}; rollback"),
        ONE.into(),
        ONE.into(),
    ] {
        db.client.batch_execute(&script).await?;
    }
    reader.drain().await?;
    assert_eq!(reader.met, [3, 5, 6]);
    reader.check(&db).await
}

/// Rows of a savepoint carry the id of the whole transaction; those rolled back
/// to one are gone.
#[tokio::test(flavor = "multi_thread")]
async fn subtransactions_belong_to_their_transaction() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let mut reader = Reader::new(&db, 100).await?;
    let other = db.connect().await?;
    other
        .batch_execute(&format!(
            "begin; {ONE}; savepoint a; {ONE}; savepoint b; {ONE}; rollback to b; {ONE}; release a"
        ))
        .await?;
    reader.drain().await?;
    assert_eq!(reader.met, [] as [i64; 0]);
    other.batch_execute("commit").await?;
    reader.drain().await?;
    assert_eq!(reader.met, [1, 2, 4]);
    reader.check(&db).await
}

/// A prepared transaction is in progress until it is committed, also after the
/// session that prepared it is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_prepared_transaction_is_found_when_it_commits() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let mut reader = Reader::new(&db, 100).await?;
    let other = db.connect().await?;
    let gid = format!("two-phase-{}", db.name);
    other
        .batch_execute(&format!("set hearken.doorbell = 'off'; begin; {ONE}; prepare transaction '{gid}'"))
        .await?;
    drop(other);
    db.client.batch_execute(ONE).await?;
    reader.drain().await?;
    assert_eq!(reader.met, [2]);
    db.client.batch_execute(&format!("commit prepared '{gid}'")).await?;
    reader.drain().await?;
    assert_eq!(reader.met, [2, 1]);
    reader.check(&db).await
}

/// What a pass itself writes comes with a later page: `pg_current_snapshot()`
/// does not list the transaction which asks.
#[tokio::test(flavor = "multi_thread")]
async fn events_which_a_pass_writes_are_read_by_the_next() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client
        .batch_execute(
            "create function echo() returns trigger language plpgsql as $$ begin \
               if current_setting('test.echo', true) = 'on' then \
                 insert into hearken.events (type) values ('test.event'); end if; \
               return new; end $$; \
             create trigger echo before insert on hearken.progress for each row execute function echo()",
        )
        .await?;
    let mut reader = Reader::new(&db, 100).await?;
    // Whether the pass has its id before it takes its snapshot, or after.
    for begin in ["", "begin; select pg_current_xact_id()"] {
        db.client.batch_execute(ONE).await?;
        for echo in ["on", "on", "off", "off"] {
            reader.session.client().batch_execute(&format!("set test.echo = '{echo}'; {begin}")).await?;
            // Another transaction ends meanwhile, so that ours is below xmax.
            db.client.batch_execute("select pg_current_xact_id()").await?;
            reader.page().await?;
        }
        reader.drain().await?;
        reader.check(&db).await?;
    }
    assert_eq!(reader.met.len(), 6);
    Ok(())
}

/// Transaction ids do not follow causality, numbers do: the page is sorted.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_in_the_order_of_insertion() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let mut reader = Reader::new(&db, 100).await?;
    let early = db.connect().await?;
    early.batch_execute("begin; select pg_current_xact_id()").await?;
    db.client.batch_execute(ONE).await?;
    // The earlier transaction writes after the later one has committed.
    early.batch_execute(&format!("{ONE}; commit")).await?;
    reader.drain().await?;
    assert_eq!(reader.met, [1, 2]);
    reader.check(&db).await
}

/// A page may end inside a transaction; the next goes on behind that row, also
/// while older transactions commit in between.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_of_many_pages_is_read_to_its_end() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let mut reader = Reader::new(&db, 7).await?;
    let early = db.connect().await?;
    early.batch_execute(&format!("begin; {ONE}")).await?;
    let many = "insert into hearken.events (type) select 'test.event' from generate_series(1, 100)";
    db.client.batch_execute(&format!("begin; {many}; {many}; commit; {many}")).await?;
    for _ in 0..5 {
        reader.page().await?;
    }
    early.batch_execute(&format!("{many}; commit")).await?;
    reader.drain().await?;
    reader.check(&db).await
}

/// A million rows in one transaction, while others commit around it; and the
/// same transaction costs nothing while it is still open.
#[tokio::test(flavor = "multi_thread")]
async fn a_million_rows_in_one_transaction_are_read() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let mut reader = Reader::new(&db, 20_000).await?;
    let big = db.connect().await?;
    big.batch_execute(
        "begin; insert into hearken.events (type) select 'test.event' from generate_series(1, 1000000)",
    )
    .await?;
    let mut open = std::time::Duration::ZERO;
    for _ in 0..20 {
        db.client.batch_execute(ONE).await?;
        let began = std::time::Instant::now();
        reader.drain().await?;
        open += began.elapsed();
    }
    eprintln!("20 looks past a million uncommitted rows took {open:?}");
    assert_eq!(reader.met.len(), 20);
    big.batch_execute("commit").await?;
    reader.drain().await?;
    reader.check(&db).await
}

/// A transaction which stays open while thousands of others commit: its row is
/// found at the end, and the steps between are not longer for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_open_for_long_is_found_at_last() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let mut reader = Reader::new(&db, 50).await?;
    let slow = db.connect().await?;
    slow.batch_execute(&format!("begin; {ONE}")).await?;
    for _ in 0..40 {
        db.client
            .batch_execute("do $$ begin for i in 1..50 loop insert into hearken.events (type) values ('test.event'); commit; end loop; end $$")
            .await?;
        reader.drain().await?;
    }
    assert_eq!(reader.met.len(), 2000);
    slow.batch_execute(&format!("{ONE}; commit")).await?;
    reader.drain().await?;
    assert_eq!(reader.met.len(), 2002);
    reader.check(&db).await
}

/// A log over many partitions, and without statistics: the plan is index scans.
#[tokio::test(flavor = "multi_thread")]
async fn a_month_of_partitions_without_statistics_is_read_by_index() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    for week in 0..6 {
        db.client
            .batch_execute(&format!(
                "insert into hearken.events (at, type) \
                 select hearken.now() + interval '{week} weeks', 'test.event' from generate_series(1, 500)"
            ))
            .await?;
    }
    let mut reader = Reader::new(&db, 300).await?;
    reader.drain().await?;
    reader.check(&db).await?;
    let statement = include_str!("../../sql/queries/claim_log.sql");
    reader
        .session
        .client()
        .batch_execute(&format!("prepare claim (bigint, bigint, bigint) as {statement}"))
        .await?;
    let plan = reader.session.client().query("explain execute claim(300, 4000000, 1000000)", &[]).await?;
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    let scans = plan.iter().filter(|line| line.contains("Scan") && line.contains(" on events_"));
    let wrong: Vec<_> = scans.filter(|line| !line.contains("Index Scan using")).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

/// Writers which sleep, roll back, use savepoints and commit in any order, with
/// a long transaction beside them; two readers take turns.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writers_and_two_readers_miss_nothing() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..6 {
        let url = db.url.clone();
        writers.spawn(async move {
            let client = connect(&url).await.expect("a connection");
            for turn in 0..150 {
                let end = if (writer + turn) % 5 == 0 { "rollback" } else { "commit" };
                let script = format!(
                    "begin; {ONE}; savepoint a; {ONE}; {} select pg_sleep(random() / 200); {ONE}; {end}",
                    if turn % 3 == 0 { "rollback to a;" } else { "release a;" }
                );
                client.batch_execute(&script).await.expect("a transaction");
            }
        });
    }
    let slow = db.connect().await?;
    slow.batch_execute(&format!("begin; {ONE}")).await?;
    let mut first = Reader::new(&db, 17).await?;
    let mut second = Reader::new(&db, 5).await?;
    while !writers.is_empty() {
        // Whoever comes second finds the pass taken or the page gone.
        let (a, b) = tokio::join!(first.page(), second.page());
        assert!(a.is_ok() || b.is_ok(), "{a:?} {b:?}");
        while writers.try_join_next().is_some_and(|ended| ended.is_ok()) {}
    }
    slow.batch_execute("commit").await?;
    first.drain().await?;
    second.drain().await?;
    first.met.extend(&second.met);
    first.check(&db).await
}

/// After a dump is restored into another cluster, transaction ids start afresh.
/// What was read stays read, what was not is read, and new rows are found.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_log_goes_on_where_it_was() -> anyhow::Result<()> {
    // An older pg_dump refuses a newer server, so only the server's own will do.
    if !crate::support::database::cluster().has_program("pg_dump") {
        eprintln!("NOT TESTED: these server binaries came without pg_dump");
        return Ok(());
    }
    let db = TestDatabase::new().await?;
    // Use up ids, so that those of the dump are above the new cluster's.
    db.client
        .batch_execute(
            "do $$ begin for i in 1..300 loop perform pg_current_xact_id(); commit; end loop; end $$",
        )
        .await?;
    let mut before = Reader::new(&db, 10).await?;
    let many = "insert into hearken.events (type) select 'test.event' from generate_series(1, 25)";
    db.client.batch_execute(many).await?;
    before.page().await?;
    assert_eq!(before.met.len(), 10, "the dump is taken in the middle of a step");
    db.client.batch_execute(many).await?;

    let other = crate::support::own_cluster();
    let dump = format!("/tmp/{}-{}.dump", db.name, std::process::id());
    let cluster = crate::support::database::cluster();
    let status = cluster.program("pg_dump").args(["-Fc", "-f", &dump, "-d", &db.url]).status()?;
    assert!(status.success());
    // Roles are the cluster's and not in the dump; pg_dumpall --roles-only has them.
    let roles = crate::support::database::connect(&other.url("postgres")).await?;
    roles.batch_execute("create role hearken_watcher nologin").await?;
    let status = other.program("pg_restore").args(["-C", "-d", &other.url("postgres"), &dump]).status()?;
    assert!(status.success());
    std::fs::remove_file(&dump)?;

    let url = other.url(&db.name);
    let session = Session::open(&options(&url), SessionRole::Work, None).await?;
    let begin = LogReader::prepare(&session).await?.begin(&session).await?;
    assert_eq!(begin, Begin::Restored { seq: 50 });
    drop(session);
    let mut after = Reader::at(&url, 10).await?;
    connect(&url).await?.batch_execute(many).await?;
    after.drain().await?;
    connect(&url).await?.batch_execute(many).await?;
    after.drain().await?;
    let mut met = [before.met, after.met].concat();
    met.sort_unstable();
    assert_eq!(met, (1..=100).collect::<Vec<i64>>());
    Ok(())
}

/// A batch is bounded by bytes, too large a body is set aside without being
/// fetched, and nothing in between is skipped.
#[tokio::test(flavor = "multi_thread")]
async fn batches_are_bounded_by_bytes() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let session = db.session(SessionRole::Work).await?;
    let reader = LogReader::prepare(&session).await?;
    let writer = Writer::prepare(&session, Default::default()).await?;
    reader.begin(&session).await?;
    for n in 0..12 {
        // Every fourth is too large; the large ones compress to next to nothing.
        let size = if n % 4 == 3 { 50_000 } else { 9_000 };
        db.emit("test.event", json!({ "text": "x".repeat(size) })).await?;
    }
    let limits = PageLimits { rows: 100, bytes: 20_000, data_max: 20_000 };
    let (mut whole, mut aside, mut largest) = (Vec::new(), Vec::new(), 0);
    while let Claim::Page(page) = reader.claim(&session, limits, |_| true).await? {
        let Some(Step::Log(next)) = &page.step else { break };
        largest = largest.max(page.rows);
        for claimed in &page.events {
            match claimed {
                Claimed::Event(event) => whole.push(event.seq),
                Claimed::SetAside { seq, why, .. } => {
                    assert!(why.contains("data_max"), "{why}");
                    aside.push(*seq);
                }
                Claimed::Unwanted => anyhow::bail!("unwanted"),
            }
        }
        writer.commit(&session, "events", &[], &[], Advance::Log(Some(next))).await?;
    }
    session.client().batch_execute("rollback").await?;
    assert_eq!(aside, [4, 8, 12]);
    assert_eq!(whole, [1, 2, 3, 5, 6, 7, 9, 10, 11]);
    assert!(largest < 12, "one page took everything");
    Ok(())
}

/// Progress is appended and pruned; a held xmin does not make it grow without
/// end, and the last row is always there.
#[tokio::test(flavor = "multi_thread")]
async fn progress_is_pruned() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let mut reader = Reader::new(&db, 1).await?;
    db.client
        .batch_execute("insert into hearken.events (type) select 'test.event' from generate_series(1, 400)")
        .await?;
    reader.drain().await?;
    reader.check(&db).await?;
    let rows = db.count("select from hearken.progress").await?;
    assert!((1..=256).contains(&rows), "{rows} rows of progress");
    until("the progress to be readable", || async { db.count("select from hearken.progress").await.ok() })
        .await;
    Ok(())
}
