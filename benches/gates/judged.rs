//! Pages of 1,000 events through dedup and a limit, beside the same pages through
//! the same routine without gates.
//!
//! Two kinds of pages: in one each event has a key of its own, so that each makes
//! an item and each takes a key and a use; in the other there are twenty events of
//! each key, so that nearly all of them replace the content of an open item. A page
//! counts from the start of its insert until its last event, which another routine
//! without gates wants, is an item: the pass which made it is committed then.

use crate::bed::{BODY, Bed, Database, percentile};
use crate::daemon::{Daemon, folder};
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// Events of a page, the last one included.
const PAGE: i64 = 1000;
const ROUNDS: usize = 3;
const PAGES: usize = 12;
/// The first pages of a daemon fill caches and plans.
const WARMING: usize = 3;
/// How long a daemon is left alone between two pages.
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    None,
    Gates,
}

/// How many events of a page have one key.
#[derive(Clone, Copy)]
enum Keys {
    Own,
    Shared(i64),
}

const CASES: [(Keys, &str); 2] = [(Keys::Own, "a key each"), (Keys::Shared(20), "twenty of a key")];

struct Measured {
    /// Milliseconds of each page.
    pages: Vec<f64>,
    /// Statements of the daemon for a page.
    statements: f64,
    /// Bytes for an event.
    wal: f64,
}

pub async fn run(bed: &mut Bed) -> anyhow::Result<()> {
    println!(
        "\npages of {PAGE} events, dedup (while_open, replace) and a limit, beside the same without gates \
         ({ROUNDS} rounds of {PAGES} pages, taken in turns)"
    );
    for (keys, name) in CASES {
        let mut plain = Measured::none();
        let mut gated = Measured::none();
        for _ in 0..ROUNDS {
            plain.add(measure(&bed.database().await?, Flow::None, keys).await?);
            gated.add(measure(&bed.database().await?, Flow::Gates, keys).await?);
        }
        tell(bed, name, plain, gated)?;
    }
    Ok(())
}

fn tell(bed: &mut Bed, name: &str, mut plain: Measured, mut gated: Measured) -> anyhow::Result<()> {
    let (a, b) = (percentile(&mut plain.pages, 0.5), percentile(&mut gated.pages, 0.5));
    println!("  {name}");
    for (what, ms, measured) in [("without gates", a, &plain), ("with gates", b, &gated)] {
        println!(
            "    {what:<14} p50 {ms:>6.1} ms a page, {:>4.1} statements a page, {:>5.0} B of WAL an event",
            measured.statements, measured.wal
        );
    }
    println!("    ratio {:.2}", b / a);
    bed.note(
        "judged",
        serde_json::json!({ "case": name, "plain_ms_p50": a, "gated_ms_p50": b, "ratio": b / a,
            "plain_statements": plain.statements, "gated_statements": gated.statements,
            "plain_wal": plain.wal, "gated_wal": gated.wal }),
    )
}

impl Measured {
    fn none() -> Self {
        Self { pages: Vec::new(), statements: 0.0, wal: 0.0 }
    }

    /// The pages of all rounds together; of the rest the last round's.
    fn add(&mut self, other: Self) {
        self.pages.extend(other.pages);
        self.statements = other.statements;
        self.wal = other.wal;
    }
}

async fn measure(db: &Database, flow: Flow, keys: Keys) -> anyhow::Result<Measured> {
    db.client.batch_execute("create extension if not exists pg_stat_statements").await?;
    act_as_another(&db.client).await?;
    let folder = folder(routines(flow))?;
    let settings = format!("batch_min = {PAGE}\nbatch_max = {PAGE}");
    let mut daemon = Daemon::start(db, folder.path(), &settings)?;
    daemon.leads(db, Duration::from_secs(30)).await?;
    let mut pages = Vec::new();
    let mut wal = 0.0;
    for page in 0..WARMING + PAGES {
        if page == WARMING {
            db.client.batch_execute("select pg_stat_statements_reset()").await?;
            wal = db.wal().await?;
        }
        tokio::time::sleep(PAUSE).await;
        let took = one_page(db, page, keys).await?;
        if page >= WARMING {
            pages.push(took.as_secs_f64() * 1e3);
        }
    }
    let wal = (db.wal().await? - wal) / (PAGES as f64 * PAGE as f64);
    let statements = db
        .number(
            "select coalesce(sum(s.calls), 0) from pg_stat_statements s \
             join pg_database d on d.oid = s.dbid join pg_roles r on r.oid = s.userid \
             where d.datname = current_database() and r.rolname <> 'bench_client'",
        )
        .await?;
    check(db, flow, keys).await?;
    Ok(Measured { pages, statements: statements / PAGES as f64, wal })
}

/// Our own statements are those of another role, so that the daemon's can be
/// counted.
async fn act_as_another(client: &Client) -> anyhow::Result<()> {
    let found = client.query_opt("select from pg_roles where rolname = 'bench_client'", &[]).await?;
    if found.is_none() {
        client.batch_execute("create role bench_client superuser").await?;
    }
    client.batch_execute("set role bench_client").await?;
    Ok(())
}

/// Writes a page in one transaction and waits until it was dealt with.
async fn one_page(db: &Database, page: usize, keys: Keys) -> anyhow::Result<Duration> {
    let key = match keys {
        Keys::Own => format!("'{page}-' || n"),
        Keys::Shared(count) => format!("'{page}-' || n / {count}"),
    };
    let sql = format!(
        "insert into hearken.events (type, subject, data) \
         select case when n = {PAGE} then 'page.ended' else 'order.created' end, n::text, \
                jsonb_build_object('order', {key}, 'page', {page}) || '{BODY}'::jsonb \
         from generate_series(1, {PAGE}) n"
    );
    let ended = "select count(*) from hearken.inbox_items where routine = 'ended'";
    let began = Instant::now();
    db.client.batch_execute(&sql).await?;
    while db.number(ended).await? <= page as f64 {
        anyhow::ensure!(began.elapsed() < Duration::from_secs(60), "page {page} is not dealt with");
        // A watcher which never rests would take a core from those it watches.
        tokio::task::block_in_place(|| std::thread::sleep(Duration::from_micros(200)));
    }
    Ok(began.elapsed())
}

/// That the gates did what they are measured for.
async fn check(db: &Database, flow: Flow, keys: Keys) -> anyhow::Result<()> {
    let pages = (WARMING + PAGES) as i64;
    let of_a_page = match (flow, keys) {
        (Flow::None, _) | (Flow::Gates, Keys::Own) => PAGE - 1,
        // n / count for n from 1 to PAGE - 1.
        (Flow::Gates, Keys::Shared(count)) => (PAGE - 1) / count + 1,
    };
    let items = db.number("select count(*) from hearken.inbox_items where routine = 'order'").await?;
    anyhow::ensure!(items == (of_a_page * pages) as f64, "{items} items, not {of_a_page} a page");
    if flow == Flow::Gates {
        let replaced = db.number("select count(*) from hearken.decisions where outcome = 'replaced'").await?;
        let wanted = ((PAGE - 1 - of_a_page) * pages) as f64;
        anyhow::ensure!(replaced == wanted, "{replaced} decisions `replaced`, not {wanted}");
    }
    Ok(())
}

fn routines(flow: Flow) -> [(String, String); 2] {
    let flow = match flow {
        Flow::None => "",
        Flow::Gates => {
            "[flow]\ndedup = { key = [\"data.order\"], window = \"while_open\", on_conflict = \"replace\" }\n\
             limit = { max = 100000, per = \"1h\" }\n"
        }
    };
    let order = format!(
        "title = \"Orders\"\n[on.event]\ntype = \"order.created\"\n{flow}[item]\nqueue = \"q\"\n\
         title = \"Order {{{{ data.order }}}}\"\ninstructions = \"Look at the order and act on it.\"\n\
         [item.context]\nmsg = {{ get = \"data.msg\" }}\nuser = {{ get = \"data.user.id\", type = \"number\" }}\n"
    );
    let ended = "title = \"The end of a page\"\n[on.event]\ntype = \"page.ended\"\n[item]\nqueue = \"q\"\n\
                 title = \"ended\"\n";
    [("order".to_owned(), order), ("ended".to_owned(), ended.to_owned())]
}
