//! Routines which are rows: mapped from an application's own table, each on its
//! own, confined to tenant, queues and role, and kept when their table is away.

mod away;

use crate::support::daemon::Setup;
use crate::support::{TestDaemon, TestDatabase, until};
use hearken::rules::schedule::cron::Cron;
use hearken::rules::schedule::days::{Days, parse_time};
use hearken::rules::schedule::every::Every;
use hearken::rules::schedule::zone::parse_zone;
use hearken::rules::schedule::{Schedule, Timing};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ANN: &str = "00000000-0000-0000-0000-00000000000a";
const BEN: &str = "00000000-0000-0000-0000-00000000000b";

/// Asked at the start, and when somebody notifies: no refresh comes to help.
const HQ: &str = "[routines.hq]\nsql = \"select name, tenant, routine from app.hearken_routines\"\n\
                  queues = [\"hq-*\"]\nrefresh = \"1h\"";

/// A block of the page about routines from the database.
fn documented(kind: &str) -> &'static str {
    let page = include_str!("../../docs/routines-from-the-database.md");
    let block = page.split(&format!("```sql{kind}\n")).nth(1).expect("a block");
    block.split("```").next().expect("an end")
}

/// The table, the view and the trigger of the page.
async fn application() -> anyhow::Result<TestDatabase> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute(documented(" table")).await?;
    db.client.batch_execute(documented(" mapping")).await?;
    let trigger = "create trigger hearken_routines_changed \
                   after insert or update or delete or truncate on app.routines \
                   for each statement execute function hearken.routines_changed()";
    db.client.batch_execute(trigger).await?;
    Ok(db)
}

/// Adds routines of Ann's: a list of values for these columns.
async fn add(db: &TestDatabase, columns: &str, values: &str) -> anyhow::Result<()> {
    let columns = format!("tenant_id, agent_slug, name, {columns}");
    let sql = format!(
        "insert into app.routines ({columns}) select '{ANN}', 'ann', v.* from (values {values}) as v"
    );
    Ok(db.client.batch_execute(&sql).await?)
}

/// A task of a tenant changes: from one status to another.
async fn change(db: &TestDatabase, tenant: &str, from: &str, to: &str) -> anyhow::Result<()> {
    let sql = "insert into hearken.events (type, tenant, subject, data, old) \
               values ('task.updated', $1, 't-1', jsonb_build_object('status', $3::text), \
                       jsonb_build_object('status', $2::text))";
    db.client.execute(sql, &[&tenant, &from, &to]).await?;
    Ok(())
}

async fn titles(db: &TestDatabase) -> anyhow::Result<BTreeSet<String>> {
    Ok(db.titles().await?.into_iter().collect())
}

fn set(titles: &[&str]) -> BTreeSet<String> {
    titles.iter().map(|title| (*title).to_owned()).collect()
}

/// Waits until a daemon has put so many routines in force; returns the line after.
async fn in_force(daemon: &TestDaemon, from: usize, count: usize) -> usize {
    until(&format!("{count} routines in force"), || async {
        let log = daemon.log();
        let says = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            line["message"] == "routines are in force" && line["routines.count"] == count
        };
        log.iter().enumerate().skip(from).find(|(_, line)| says(line)).map(|(place, _)| place + 1)
    })
    .await
}

/// The conditions of an application's table, by the mapping of the page; one bad
/// row among them disables only itself, until it is mended.
#[tokio::test(flavor = "multi_thread")]
async fn an_applications_table_is_mapped_and_a_bad_row_disables_only_itself() -> anyhow::Result<()> {
    let db = application().await?;
    add(
        &db,
        "entity, condition, field, value",
        "('created', 'task', 'created', null, null), \
         ('done', 'task', 'changed_to', 'status', '\"done\"'::jsonb), \
         ('left', 'task', 'changed_from', 'status', '\"open\"'), \
         ('moved', 'task', 'any_change', 'status', null), \
         ('touched', 'task', 'any_change', null, null)",
    )
    .await?;
    let bad = format!(
        "insert into app.routines (tenant_id, agent_slug, name, entity, condition) \
         values ('{ANN}', 'no such name', 'bad', 'task', 'any_change')"
    );
    db.client.batch_execute(&bad).await?;
    let daemon = Setup::new(&db.url, &[]).daemon(HQ).start();
    daemon.leads().await;
    let seen = in_force(&daemon, 0, 5).await;
    let complaints = |daemon: &TestDaemon| {
        daemon.log().iter().filter(|line| line.contains("a row cannot be used")).count()
    };
    assert_eq!(complaints(&daemon), 1);

    // Another tenant's task sets off none of them.
    change(&db, BEN, "open", "done").await?;
    change(&db, ANN, "open", "done").await?;
    db.items(4).await?;
    assert_eq!(titles(&db).await?, set(&["done", "left", "moved", "touched"]));
    change(&db, ANN, "done", "done").await?;
    db.items(5).await?;
    let sql =
        "insert into hearken.events (type, tenant, subject, data) values ('task.created', $1, 't-2', '{}')";
    db.client.execute(sql, &[&ANN]).await?;
    db.items(6).await?;
    let context = "select from hearken.inbox_items where title = 'created' and queue = 'hq-ann' \
                   and tenant = '00000000-0000-0000-0000-00000000000a' and context ->> 'entity_id' = 't-2'";
    assert_eq!(db.count(context).await?, 1);

    // Mended, and read at once.
    db.client.batch_execute("update app.routines set agent_slug = 'ann' where name = 'bad'").await?;
    let seen = in_force(&daemon, seen, 6).await;
    change(&db, ANN, "done", "done").await?;
    db.items(8).await?;
    assert!(titles(&db).await?.contains("bad"));
    db.client.batch_execute("delete from app.routines where name <> 'done'").await?;
    in_force(&daemon, seen, 1).await;
    assert_eq!(complaints(&daemon), 1);
    assert!(daemon.stop().await.success());
    Ok(())
}

/// The cadences of an application's table place the ticks which they mean.
#[tokio::test(flavor = "multi_thread")]
async fn an_applications_cadences_become_schedules() -> anyhow::Result<()> {
    let db = application().await?;
    add(
        &db,
        "cadence, n, weekdays, month_day, at, starts_on, timezone",
        "('a', 'every_n_minutes', 15, null::text[], null::integer, null::time, null::date, null), \
         ('b', 'every_n_hours', 6, null, null, null, null, null), \
         ('c', 'every_n_days', 3, null, null, '09:00', '2026-03-27', 'Europe/Berlin'), \
         ('d', 'daily', null, null, null, '09:30', null, 'Europe/Berlin'), \
         ('e', 'weekdays', null, null, null, '09:00', null, 'Europe/Berlin'), \
         ('f', 'weekly', null, '{mon,thu}', null, '09:00', null, 'Europe/Berlin'), \
         ('g', 'monthly', null, null, 15, '09:00', null, 'Europe/Berlin'), \
         ('bad', 'weekly', null, null, null, null, null, null)",
    )
    .await?;
    let daemon = Setup::new(&db.url, &[]).daemon(HQ).start();
    in_force(&daemon, 0, 7).await;
    let rows = db.client.query("select fingerprint from hearken.schedules", &[]).await?;
    let got: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();

    let berlin = parse_zone("Europe/Berlin").expect("a zone");
    let every = |period: &str| Every::parse(period).expect("a period");
    let days = Days::new(every("3d"), parse_time("09:00").expect("a time")).expect("days");
    let from = Some("2026-03-26T23:00:00Z".parse()?);
    let cron = |text: &str| Schedule {
        tz: berlin.clone(),
        ..Schedule::new(Timing::Cron(Cron::parse(text).expect("an expression")))
    };
    let want = [
        Schedule::new(Timing::Every(every("15m"))),
        Schedule::new(Timing::Every(every("6h"))),
        Schedule { tz: berlin.clone(), from, ..Schedule::new(Timing::Days(days)) },
        cron("30 9 * * *"),
        cron("0 9 * * MON-FRI"),
        cron("0 9 * * MON,THU"),
        cron("0 9 15 * *"),
    ];
    assert_eq!(got, want.iter().map(Schedule::fingerprint).collect());
    Ok(())
}

/// A table which holds the JSON itself, with the settings of a source for it.
async fn plain(db: &TestDatabase, more: &str, routines: &[(&str, Value)]) -> anyhow::Result<Setup> {
    db.client.batch_execute("create table if not exists routines (name text, routine jsonb)").await?;
    for (name, routine) in routines {
        db.client.execute("insert into routines values ($1, $2)", &[name, routine]).await?;
    }
    let source = format!("[routines.app]\nsql = \"table public.routines;\"\nqueues = [\"q\"]\n{more}");
    Ok(Setup::new(&db.url, &[]).daemon(&source))
}

fn hears(title: &str) -> Value {
    json!({ "title": title, "on": { "event": { "type": "x" } }, "item": { "queue": "q", "title": title } })
}

/// What rows may not do is refused, and too many of them are none.
#[tokio::test(flavor = "multi_thread")]
async fn rows_do_what_they_may_and_no_more_than_allowed() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let mut elsewhere = hears("elsewhere");
    elsewhere["item"]["queue"] = "finance".into();
    let mut asks = hears("asks");
    asks["each"] = json!({ "sql": "select 1 as id" });
    let rows = [("good", hears("good")), ("elsewhere", elsewhere), ("asks", asks)];
    let daemon = plain(&db, "max = 3", &rows).await?.start();
    let seen = in_force(&daemon, 0, 1).await;
    daemon.says("may not use the queue `finance`").await;
    daemon.says("asks the database, and rows of the source `app` may not").await;
    db.emit("x", json!({})).await?;
    db.items(1).await?;

    db.client.execute("insert into routines values ('more', $1)", &[&hears("more")]).await?;
    db.client.batch_execute("select hearken.reload()").await?;
    daemon.says("it has more than 3 rows").await;
    db.client.batch_execute("delete from routines where name = 'asks'; select hearken.reload()").await?;
    in_force(&daemon, seen, 2).await;
    db.emit("x", json!({})).await?;
    db.items(3).await?;
    Ok(())
}

/// SQL of rows runs as the role of their source, and hearken writes as itself; a
/// role which there is not holds events back until there is one.
#[tokio::test(flavor = "multi_thread")]
async fn sql_of_rows_runs_as_the_role_of_their_source() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    // Roles belong to the cluster, and this name has to be quoted.
    let role = format!("odd \"role\" of {}", db.name);
    let quoted = format!("\"{}\"", role.replace('"', "\"\""));
    db.client.batch_execute("create table seen (who text); create table secret (n integer)").await?;
    let mut each = hears("each");
    each["each"] = json!({ "sql": "select current_user::text as who" });
    each["item"]["title"] = "each {{ row.who }}".into();
    let query = |sql: &str, title: &str| {
        json!({
            "title": title,
            "on": { "query": { "every": "1s", "sql": sql } },
            "flow": { "dedup": { "key": ["row.who"] } },
            "item": { "queue": "q", "title": format!("{title} {{{{ row.who }}}}") },
        })
    };
    let routines = [
        ("each", each),
        ("writes", query("insert into public.seen values (current_user) returning who", "writes")),
        ("pries", query("select n::text as who from public.secret", "pries")),
    ];
    let run_as = format!("run_as = '{role}'");
    let setup = plain(&db, &run_as, &routines).await?;
    let daemon = setup.start();
    in_force(&daemon, 0, 3).await;
    daemon.leads().await;
    db.emit("x", json!({})).await?;
    let letters = |routine: &str| {
        format!("select from hearken.dead_letters where routine = 'app.{routine}' and message like '%role%'")
    };
    let blocked = format!("{} and kind = 'blocked'", letters("each"));
    until("the event to be blocked", || async { (db.count(&blocked).await.ok()? == 1).then_some(()) }).await;

    let make = format!("create role {quoted} nologin; grant select, insert on seen to {quoted}");
    db.client.batch_execute(&make).await?;
    db.items(2).await?;
    assert_eq!(titles(&db).await?, set(&[&format!("each {role}"), &format!("writes {role}")]));
    assert_eq!(db.count("select distinct who from seen").await?, 1);
    assert_eq!(db.count(&blocked).await?, 0);
    let denied = "select from hearken.dead_letters where routine = 'app.pries' and sqlstate = '42501'";
    until("the secret to be denied", || async { (db.count(denied).await.ok()? >= 1).then_some(()) }).await;
    assert!(daemon.stop().await.success());
    db.client.batch_execute(&format!("drop owned by {quoted}; drop role {quoted}")).await?;
    Ok(())
}
