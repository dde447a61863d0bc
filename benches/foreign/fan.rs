//! `[each]` on the way from a table to an inbox: pages of events, of which each finds
//! ten rows and so makes ten items; how fast, and with how many statements.
//!
//! The statements are the daemon's, from `pg_stat_statements`, those of falling asleep
//! and waking included, but without looks which found nothing: how many of those there
//! are is a matter of time. They must not grow with the events of a page.

use crate::bed::{Bed, Database, percentile};
use crate::daemon::{Daemon, folder};
use crate::tables::{self, Strategy};
use std::time::{Duration, Instant};

/// Events of a page.
const SIZES: [usize; 2] = [100, 1000];
/// Rows which each event finds.
const FOUND: usize = 10;
const PAGES: usize = 12;
/// The first pages of a daemon fill caches and plans.
const WARMING: usize = 3;
/// After it the daemon sleeps; it lingers for 5 ms.
const SETTLING: Duration = Duration::from_millis(300);
/// Statements of a look which finds nothing: `begin`, the lock, which routines are
/// paused, the claim, `rollback`.
const LOOK: usize = 5;
/// A page is read whole.
const DAEMON: &str = "batch_min = 1000";

/// A hundred teams of ten agents.
const AGENTS: &str = "
    create table public.agents (
        id      uuid not null default gen_random_uuid() primary key,
        team    integer not null,
        slug    text not null,
        retired boolean not null default false);
    create index agents_team_idx on public.agents (team);
    insert into public.agents (team, slug) select n % 100, 'agent-' || n from generate_series(1, 1000) n;
    analyze public.agents";

struct Measured {
    /// Milliseconds of a page, the insert of its events included.
    page: f64,
    /// Statements for a page.
    statements: f64,
}

pub async fn run(bed: &mut Bed) -> anyhow::Result<()> {
    println!("\n[each]: {FOUND} rows and items for each event (median of {PAGES} pages)");
    let mut all = Vec::new();
    for size in SIZES {
        let measured = measure(&bed.database().await?, size).await?;
        let rate = (size * FOUND) as f64 / measured.page * 1e3;
        println!(
            "  pages of {size:>5} events: {:>6.1} ms a page, {rate:>7.0} items/s, {:>3.0} statements a page",
            measured.page, measured.statements
        );
        bed.note(
            "foreign_fan",
            serde_json::json!({ "events": size, "page_ms_p50": measured.page, "items_per_s": rate,
                "statements": measured.statements }),
        )?;
        all.push(measured.statements);
    }
    let grown = all.iter().any(|statements| *statements > all[0]);
    let verdict = if grown { "GROW" } else { "do not grow" };
    println!("  the statements {verdict} with the events (bound: they do not)");
    Ok(())
}

async fn measure(db: &Database, size: usize) -> anyhow::Result<Measured> {
    tables::make(db).await?;
    db.client.batch_execute(AGENTS).await?;
    db.client.batch_execute("create extension if not exists pg_stat_statements").await?;
    let folder = folder([("fan".to_owned(), routine())])?;
    tables::install(db, folder.path(), Strategy::Flag, DAEMON).await?;
    act_as_another(db).await?;
    let mut daemon = Daemon::start(db, folder.path(), &tables::settings(Strategy::Flag, DAEMON))?;
    daemon.leads(db, Duration::from_secs(30)).await?;
    let (mut pages, mut statements) = (Vec::new(), Vec::new());
    for page in 0..WARMING + PAGES {
        tokio::time::sleep(SETTLING).await;
        db.client.batch_execute("select pg_stat_statements_reset()").await?;
        let took = one_page(db, page * size + 1, size).await?;
        tokio::time::sleep(SETTLING).await;
        if page >= WARMING {
            pages.push(took.as_secs_f64() * 1e3);
            statements.push(counted(db).await?);
        }
    }
    let items = db.number("select count(*) from public.items").await?;
    let wanted = ((WARMING + PAGES) * size * FOUND) as f64;
    anyhow::ensure!(items == wanted, "{items} items, not {wanted}");
    // Now and then a chore of the daemon falls into a page.
    Ok(Measured { page: percentile(&mut pages, 0.5), statements: percentile(&mut statements, 0.5) })
}

/// Writes a page in one transaction and waits until it was dealt with: items and marks
/// become visible together.
async fn one_page(db: &Database, first: usize, size: usize) -> anyhow::Result<Duration> {
    let left = "select count(*) from (select from public.queue where not processed limit 1) q";
    let began = Instant::now();
    tables::fill(db, first, size).await?;
    while db.number(left).await? > 0.0 {
        anyhow::ensure!(began.elapsed() < Duration::from_secs(60), "a page is not dealt with");
        // A watcher which never rests would take a core from those it watches.
        tokio::task::block_in_place(|| std::thread::sleep(Duration::from_micros(200)));
    }
    Ok(began.elapsed())
}

/// Our own statements are those of another role, so that the daemon's can be counted.
async fn act_as_another(db: &Database) -> anyhow::Result<()> {
    let found = db.client.query_opt("select from pg_roles where rolname = 'bench_client'", &[]).await?;
    if found.is_none() {
        db.client.batch_execute("create role bench_client superuser").await?;
    }
    Ok(db.client.batch_execute("set role bench_client").await?)
}

/// Statements of the daemon, but for the looks beyond the one which found the page. A
/// page which took two passes would show: all but five statements of each are counted.
async fn counted(db: &Database) -> anyhow::Result<f64> {
    let sql = format!(
        "select sum(s.calls) - {LOOK} * (sum(s.calls) \
           filter (where s.query like 'with hearken_claimed%') - 1) \
         from pg_stat_statements s \
         join pg_database d on d.oid = s.dbid join pg_roles r on r.oid = s.userid \
         where d.datname = current_database() and r.rolname <> 'bench_client'"
    );
    db.number(&sql).await
}

fn routine() -> String {
    let each = "[each]\nsql = \"select id as agent_id, slug from public.agents \
                where team = $1 and not retired order by slug\"\n\
                params = [{ get = \"data.team\", type = \"integer\" }]\n";
    let agent = "{ get = \"row.agent_id\", type = \"string\" }";
    tables::routine("task.assigned", each, agent, "task:{{ data.task }}:{{ row.slug }}")
}
