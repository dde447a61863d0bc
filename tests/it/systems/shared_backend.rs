//! The shared backend of a system of agents: records which are never missing, the
//! nightly backup, what runs cost, and warnings in time.

use super::play::Play;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_postgres::Client;

const NO_LETTERS: &str = "select message from hearken.dead_letters";

/// Two old backups, and who writes which table. `old_scores` had a writer once, and
/// `scratch` never had one.
const BEFORE: &str = "\
    create table old_scores (n integer); \
    create table scratch (n integer); \
    insert into backup_runs (run_on, path, status) values \
        ('2026-05-01', '/b/2026-05-01.tar.gz', 'done'), ('2026-05-02', '/b/2026-05-02.tar.gz', 'done'); \
    insert into live_writers (table_name, writer, last_seen_at) \
        select relname, 'somebody', '2026-05-31T00:00:00Z' from pg_class \
        where relnamespace = 'public'::regnamespace and relkind = 'r' \
          and relname not in ('old_scores', 'scratch'); \
    insert into live_writers values ('old_scores', 'scorer', '2026-04-01T00:00:00Z')";

#[tokio::test(flavor = "multi_thread")]
async fn a_week_of_the_shared_backend() -> anyhow::Result<()> {
    let play = Play::begin_with("shared-backend", "2026-06-01T03:00:00Z", BEFORE).await?;
    a_backup_each_night(&play).await?;
    what_runs_cost(&play).await?;
    tables_without_a_writer(&play).await?;
    play.quiet().await?;
    play.expect(NO_LETTERS, &[]).await
}

/// The record and the job come together at half past three; what is older than 30
/// days goes a quarter of an hour later.
async fn a_backup_each_night(play: &Play) -> anyhow::Result<()> {
    let runs = "select run_on::text, status from backup_runs order by run_on";
    let jobs = "select title, context ->> 'path' from hearken.inbox_items where queue = 'backup' order by id";
    let today = "Back up the database, 2026-06-01 | ~/clawd/_database_backups/2026-06-01.tar.gz";
    play.quiet().await?;
    play.expect(jobs, &[]).await?;
    play.at("2026-06-01T03:30:05Z").await?;
    play.expect(runs, &["2026-05-01 | done", "2026-05-02 | done", "2026-06-01 | pending"]).await?;
    play.expect(jobs, &[today]).await?;
    play.at("2026-06-01T03:45:05Z").await?;
    play.expect(runs, &["2026-05-02 | done", "2026-06-01 | pending"]).await?;
    play.expect(jobs, &[today, "Remove the backup of 2026-05-01 | /b/2026-05-01.tar.gz"]).await
}

/// Sums by agent, session and day; what comes later is in them a minute later, and
/// is counted once.
async fn what_runs_cost(play: &Play) -> anyhow::Result<()> {
    play.run(
        "insert into agent_runs (id, agent, session_id, started_at) values \
             ('00000000-0000-0000-0000-0000000000a1', 'scout', 's1', '2026-05-31T23:50:00Z'), \
             ('00000000-0000-0000-0000-0000000000a2', 'scout', 's1', '2026-06-01T03:00:00Z'), \
             ('00000000-0000-0000-0000-0000000000a3', 'writer', 's2', '2026-06-01T03:00:00Z'); \
         insert into agent_run_events \
             (run_id, event_type, input_tokens, output_tokens, cost_usd, occurred_at) values \
             ('00000000-0000-0000-0000-0000000000a1', 'result', 100, 10, 0.50, '2026-05-31T23:59:59Z'), \
             ('00000000-0000-0000-0000-0000000000a1', 'result', 100, 10, 0.25, '2026-06-01T00:00:00Z'), \
             ('00000000-0000-0000-0000-0000000000a2', 'result', 200, 20, 1.00, '2026-06-01T03:01:00Z'), \
             ('00000000-0000-0000-0000-0000000000a3', 'result', 7, 3, 2.00, '2026-06-01T03:02:00Z')",
    )
    .await?;
    let spend = "select agent, session_id, day::text, runs::text, input_tokens::text, \
                 round(cost_usd, 2)::text \
                 from token_spend order by agent, session_id, day";
    play.at("2026-06-01T03:46:05Z").await?;
    let first = [
        "scout | s1 | 2026-05-31 | 1 | 100 | 0.50",
        "scout | s1 | 2026-06-01 | 2 | 300 | 1.25",
        "writer | s2 | 2026-06-01 | 1 | 7 | 2.00",
    ];
    play.expect(spend, &first).await?;
    play.run(
        "insert into agent_run_events (run_id, event_type, input_tokens, cost_usd, occurred_at) values \
             ('00000000-0000-0000-0000-0000000000a1', 'result', 1, 0.10, '2026-05-31T23:59:59Z')",
    )
    .await?;
    play.at("2026-06-01T03:47:05Z").await?;
    play.expect(spend, &["scout | s1 | 2026-05-31 | 1 | 101 | 0.60", first[1], first[2]]).await?;
    play.expect("select id::text from agent_run_events where not rolled_up", &[]).await?;

    play.at("2026-06-01T08:00:05Z").await?;
    let report = "select title, context -> 'by_agent' ->> 'writer' from hearken.inbox_items \
                  where queue = 'operator' and title like '%cost%'";
    play.expect(report, &["2026-05-31 cost 0.60 USD | -"]).await
}

/// Reported at seven on Monday, and not again a week later; a new one is.
async fn tables_without_a_writer(play: &Play) -> anyhow::Result<()> {
    let reported = "select context ->> 'table', left(context ->> 'last_written', 10) \
                    from hearken.inbox_items where title like 'No live writer%' order by id";
    play.expect(reported, &["old_scores | 2026-04-01", "scratch | never"]).await?;
    // One of them has a writer again, and says so.
    play.run("select hearken.emit('writer.seen', '{\"table\": \"old_scores\"}', source => 'scorer')").await?;
    let writers = "select writer, last_seen_at::date::text from live_writers where table_name = 'old_scores'";
    play.expect(writers, &["scorer | 2026-06-01"]).await?;
    play.run("create table another (n integer)").await?;
    play.at("2026-06-08T07:00:05Z").await?;
    play.expect(reported, &["old_scores | 2026-04-01", "scratch | never", "another | never"]).await?;
    let again = "select count(*)::text from hearken.decisions \
                 where routine = 'orphan-tables-weekly' and outcome = 'duplicate'";
    play.expect(again, &["1"]).await?;
    // Of the nights between, that one is made up for which still helps.
    let runs = "select run_on::text from backup_runs where run_on > '2026-06-01'";
    play.expect(runs, &["2026-06-08"]).await
}

/// All three records, each once, at every moment.
const RECORDS: &str = "\
    select (select count(*) from pipeline_deals where external_id = 'hubspot:7') \
         + (select count(*) from calendar_events where external_id = 'g-1') \
         + (select count(*) from tasks where domain = 'school' and title = 'Essay')";

/// Looks at the records until it is told to stop; returns how often it looked, and
/// how often one of them was missing.
async fn look_all_the_time(client: Client, stop: Arc<AtomicBool>) -> anyhow::Result<(u64, u64)> {
    let (mut looks, mut gaps) = (0, 0);
    while !stop.load(Ordering::SeqCst) {
        let found: i64 = client.query_one(RECORDS, &[]).await?.get(0);
        looks += 1;
        gaps += u64::from(found != 3);
    }
    Ok((looks, gaps))
}

/// What the pipelines found in their n-th run.
fn pulled(n: u32) -> String {
    format!(
        "select hearken.emit('deal.pulled', jsonb_build_object( \
             'system', 'hubspot', 'id', 7, 'title', 'Acme', 'amount', {n})); \
         select hearken.emit('calendar.pulled', jsonb_build_object( \
             'id', 'g-1', 'title', 'Run {n}', 'starts_at', '2026-06-02T09:00:00Z')); \
         select hearken.emit('task.pulled', jsonb_build_object( \
             'domain', 'school', 'title', 'Essay', 'note', 'run {n}'))"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_never_sees_a_gap() -> anyhow::Result<()> {
    let play = Play::begin("shared-backend", "2026-06-01T03:00:00Z").await?;
    let state = "select d.amount::text, c.title, t.details ->> 'note' \
                 from pipeline_deals d, calendar_events c, tasks t";
    let ids = "select d.id::text, c.id::text, t.id::text from pipeline_deals d, calendar_events c, tasks t";
    play.run(&pulled(0)).await?;
    play.expect(state, &["0 | Run 0 | run 0"]).await?;
    let before = play.rows(ids).await?;

    let stop = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn(look_all_the_time(play.db.connect().await?, stop.clone()));
    for n in 1..=20 {
        play.run(&pulled(n)).await?;
        // Runs one by one and, every other time, two in one page.
        if n % 2 == 0 {
            play.expect(state, &[format!("{n} | Run {n} | run {n}").as_str()]).await?;
        }
    }
    stop.store(true, Ordering::SeqCst);
    let (looks, gaps) = reader.await??;
    assert!(looks > 20, "the reader looked {looks} times");
    assert_eq!(gaps, 0, "of {looks} looks");
    assert_eq!(play.rows(ids).await?, before, "the rows are the same rows");
    play.expect(NO_LETTERS, &[]).await
}

/// A sample of the budget.
fn sample(percent: u32, at: &str) -> String {
    format!("insert into io_budget (balance_percent, sampled_at) values ({percent}, '{at}')")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_io_budget_warns_once_a_day_before_it_is_empty() -> anyhow::Result<()> {
    let play = Play::begin("shared-backend", "2026-05-20T08:00:40Z").await?;
    let warnings = "select regexp_replace(title, 'in .* hours', 'in N hours') \
                    from hearken.inbox_items where title like 'The IO%' order by id";
    // It shrinks, but lasts for days.
    for (percent, at) in [(90, "02:30"), (85, "05:30"), (80, "08:00")] {
        play.run(&sample(percent, &format!("2026-05-20T{at}:00Z"))).await?;
    }
    play.quiet().await?;
    play.expect(warnings, &[]).await?;

    play.run(&sample(40, "2026-05-20T08:00:30Z")).await?;
    let first = "The IO budget of disk is at 40 %, empty in N hours";
    play.expect(warnings, &[first]).await?;
    play.at("2026-05-20T09:00:00Z").await?;
    play.run(&sample(15, "2026-05-20T09:00:00Z")).await?;
    let again =
        "select reason <> '' from hearken.decisions where routine = 'io-budget' and outcome = 'duplicate'";
    play.expect(&format!("select count(*)::text from ({again}) d"), &["1"]).await?;
    play.expect(warnings, &[first]).await?;

    // Nobody did anything about it: it is said again.
    play.at("2026-05-21T09:00:00Z").await?;
    play.run(&sample(14, "2026-05-21T09:00:00Z")).await?;
    play.expect(warnings, &[first, "The IO budget of disk is at 14 %"]).await?;
    play.expect(NO_LETTERS, &[]).await
}

/// With next to nothing left of the budget the daemon is slower, and loses nothing.
#[tokio::test(flavor = "multi_thread")]
async fn under_pressure_the_work_goes_on() -> anyhow::Result<()> {
    let before = sample(5, "2026-05-20T08:00:00Z");
    let play = Play::begin_with("shared-backend", "2026-05-20T08:00:10Z", &before).await?;
    play.run(
        "select hearken.emit('deal.pulled', \
             jsonb_build_object('system', 'hubspot', 'id', n, 'title', 'Deal ' || n)) \
         from generate_series(1, 200) n",
    )
    .await?;
    play.expect("select count(*)::text from pipeline_deals", &["200"]).await?;
    play.expect("select title from hearken.inbox_items", &["The IO budget of disk is at 5 %"]).await?;
    play.expect(NO_LETTERS, &[]).await
}
