//! The inbox refuses a draft which has gates to pass: it alone is set aside, it
//! leaves no key and no use of a limit behind, and nothing else is held up.
//!
//! Draft 13 is the unlucky one. Also what the tests of the gates' edges share.

use crate::gates::{routine, set_clock};
use crate::support::daemon::Setup;
use crate::support::{PATIENCE, TestDatabase, until};
use serde_json::json;
use std::panic::Location;
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// Hours which are over at night.
pub const HOURS: &str = "hours = { tz = \"UTC\", from = \"08:00\", to = \"18:00\" }";

/// One for each `data.k`, for good.
const ONCE: &str = "dedup = { key = [\"data.k\"] }";

/// What the user has done to the inbox: it takes 13 in the queue `free` only.
const REFUSES: &str = "alter table hearken.inbox_items \
                       add constraint no_thirteen check (title <> 'e13' or queue = 'free')";

/// The routines, by name, with a daemon that looks at the clock often.
pub fn setup(db: &TestDatabase, routines: &[(&str, String)]) -> Setup {
    let routines: Vec<(&str, &str)> = routines.iter().map(|(name, text)| (*name, text.as_str())).collect();
    Setup::new(&db.url, &routines).daemon("reconcile = \"100ms\"")
}

/// Sets the clock of the database to a time of one day, and stops it there.
pub async fn clock(db: &TestDatabase, time: &str) -> anyhow::Result<()> {
    set_clock(db, format!("2026-03-04T{time}Z").parse()?).await
}

/// Waits until a query of one value gives this text; nothing is the empty text.
#[track_caller]
pub fn shows<'a>(db: &'a TestDatabase, sql: &str, want: &str) -> impl Future<Output = ()> + use<'a> {
    let (place, sql, want) = (Location::caller(), format!("select ({sql})::text"), want.to_owned());
    async move {
        let began = Instant::now();
        loop {
            let got: Option<String> = db.client.query_one(&sql, &[]).await.expect("an answer").get(0);
            let got = got.unwrap_or_default();
            if got == want {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{place}: {sql}\ngives {got:?} and not {want:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Writes events with these `data.n` and `data.k`, one after the other.
async fn emit(db: &TestDatabase, events: &[(i64, i64)]) -> anyhow::Result<()> {
    for (n, k) in events {
        db.emit("test.event", json!({ "n": n, "k": k })).await?;
    }
    Ok(())
}

/// The titles of a routine's items.
fn titles(routine: &str) -> String {
    format!(
        "select string_agg(title, ' ' order by title collate \"C\") from hearken.inbox_items \
         where routine = '{routine}'"
    )
}

/// The dead letters of a routine: kind, SQLSTATE and title.
fn letters(routine: &str) -> String {
    format!(
        "select string_agg(concat_ws(' ', kind, sqlstate, draft ->> 'title'), ', ' order by id) \
         from hearken.dead_letters where routine = '{routine}'"
    )
}

/// What was decided for a routine's events, but for what is merely held.
fn outcomes(routine: &str) -> String {
    format!(
        "select string_agg(outcome, ' ' order by event_seq) from hearken.decisions \
         where routine = '{routine}' and outcome <> 'held'"
    )
}

/// The titles of the items which have the dedup keys of a routine; `-` is nobody.
fn owners(routine: &str) -> String {
    format!(
        "select string_agg(coalesce(i.title, '-'), ' ' order by i.title) from hearken.dedup_keys k \
         left join hearken.inbox_items i on i.id = k.item_id where k.routine = '{routine}'"
    )
}

const HELD: &str = "select count(*) from hearken.held";

/// In one page with others, whose items come, one of them under the key which the
/// refused draft wanted.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_draft_takes_no_key_and_no_use() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute(REFUSES).await?;
    let gated = format!("{ONCE}\nlimit = {{ max = 5, per = \"1h\" }}");
    let routines =
        [("free", routine("test.event", "free", "")), ("once", routine("test.event", "q", &gated))];
    // One page: written before the daemon starts.
    db.client
        .batch_execute(
            "insert into hearken.events (type, data) \
             select 'test.event', jsonb_build_object('n', n, 'k', k) \
             from unnest('{1,13,2,3}'::integer[], '{1,2,3,2}'::integer[]) as e (n, k)",
        )
        .await?;
    let _daemon = setup(&db, &routines).start();
    shows(&db, &titles("once"), "e1 e2 e3").await;
    shows(&db, &titles("free"), "e1 e13 e2 e3").await;
    shows(&db, &letters("once"), "refused 23514 e13").await;
    shows(&db, &outcomes("once"), "dead").await;
    shows(&db, &owners("once"), "e1 e2 e3").await;
    shows(&db, "select sum(uses) from hearken.limit_uses", "3").await;

    emit(&db, &[(4, 2), (5, 4), (6, 5), (7, 6)]).await?;
    shows(&db, &outcomes("once"), "dead duplicate limited").await;
    shows(&db, &titles("once"), "e1 e2 e3 e5 e6").await;
    Ok(())
}

/// What fell due in the same moment goes on, of its routine and of others.
#[tokio::test(flavor = "multi_thread")]
async fn a_burst_which_is_refused_at_its_end_is_held_no_more() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute(REFUSES).await?;
    let burst = "debounce = { key = [\"data.k\"], quiet = \"10s\", max_wait = \"1m\" }";
    let routines =
        [("burst", routine("test.event", "q", burst)), ("calm", routine("test.event", "free", burst))];
    clock(&db, "12:00:00").await?;
    let _daemon = setup(&db, &routines).start();
    emit(&db, &[(13, 1), (1, 2), (2, 3)]).await?;
    shows(&db, HELD, "6").await;
    clock(&db, "12:00:10").await?;
    shows(&db, &titles("burst"), "e1 e2").await;
    shows(&db, &titles("calm"), "e1 e13 e2").await;
    shows(&db, &letters("burst"), "refused 23514 e13").await;
    shows(&db, &letters("calm"), "").await;
    shows(&db, &outcomes("burst"), "dead").await;
    shows(&db, HELD, "0").await;
    Ok(())
}

/// A draft was accepted, took its key, and is refused at its time: the same thing
/// may come again.
#[tokio::test(flavor = "multi_thread")]
async fn a_draft_which_is_refused_at_its_time_frees_its_key() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute(REFUSES).await?;
    let hours = format!("{ONCE}\n{HOURS}");
    let limit = format!("{ONCE}\nlimit = {{ max = 1, per = \"1h\", excess = \"delay\" }}");
    let routines =
        [("hours", routine("test.event", "q", &hours)), ("limit", routine("test.event", "q", &limit))];
    clock(&db, "03:00:00").await?;
    let _daemon = setup(&db, &routines).start();
    emit(&db, &[(1, 1), (13, 2)]).await?;
    shows(&db, HELD, "3").await;
    shows(&db, "select count(*) from hearken.dedup_keys", "4").await;
    clock(&db, "08:00:00").await?;
    for name in ["hours", "limit"] {
        shows(&db, &letters(name), "refused 23514 e13").await;
        shows(&db, &titles(name), "e1").await;
        shows(&db, &owners(name), "e1").await;
    }
    shows(&db, HELD, "0").await;
    emit(&db, &[(2, 2)]).await?;
    for name in ["hours", "limit"] {
        shows(&db, &titles(name), "e1 e2").await;
        shows(&db, &owners(name), "e1 e2").await;
        shows(&db, &outcomes(name), "dead").await;
    }
    Ok(())
}

/// A worker completes the item whose turn it is, if there is one; then another
/// event comes, so that the queue never ends.
async fn take_turn(db: &TestDatabase, worker: &Client) -> anyhow::Result<()> {
    let lease = "select id, token from hearken.lease('w', array['turns'])";
    if let Some(row) = worker.query_opt(lease, &[]).await? {
        let (id, token) = (row.get::<_, i64>(0), row.get::<_, i64>(1));
        worker.query_one("select hearken.complete($1, $2)", &[&id, &token]).await?;
        db.emit("other.event", json!({ "n": 0 })).await?;
    }
    Ok(())
}

/// A trigger of the user's makes trouble for 13, in the pass over the log or in
/// the one which releases it, while drafts of another routine take their turns:
/// 13 is set aside in the end, and nobody else.
async fn a_troubled_draft(does: &str, settings: &str, sqlstate: &str) -> anyhow::Result<()> {
    const TURNS: i64 = 20;
    let burst = "debounce = { key = [\"data.k\"], quiet = \"300ms\", max_wait = \"1s\" }";
    for flow in [ONCE, burst] {
        let db = TestDatabase::new().await?;
        let trigger = format!(
            "create function trouble() returns trigger language plpgsql as $$ begin \
               if new.title = 'e13' and new.routine = 'one' then {does}; end if; return new; end $$; \
             create trigger trouble before insert on hearken.inbox_items \
               for each row execute function trouble()"
        );
        db.client.batch_execute(&trigger).await?;
        let turns = routine("other.event", "turns", "overlap = \"queue\"");
        let routines = [("one", routine("test.event", "one", flow)), ("turns", turns)];
        let _daemon = setup(&db, &routines).daemon(settings).start();
        for n in 0..TURNS {
            db.emit("other.event", json!({ "n": n })).await?;
        }
        shows(&db, HELD, &(TURNS - 1).to_string()).await;

        emit(&db, &[(13, 1), (1, 2)]).await?;
        let worker = db.connect().await?;
        until(&format!("the draft to be set aside: {flow}"), || async {
            take_turn(&db, &worker).await.expect("a turn");
            let letters = db.count("select from hearken.dead_letters").await.expect("a count");
            (letters > 0).then_some(())
        })
        .await;
        shows(&db, &letters("one"), &format!("refused {sqlstate} e13")).await;
        shows(&db, &titles("one"), "e1").await;
        shows(&db, &outcomes("one"), "dead").await;
        shows(&db, "select count(*) from hearken.held where routine = 'one'", "0").await;
        let done = "select from hearken.inbox_items where routine = 'turns' and state = 'done'";
        let before = db.count(done).await?;
        until("the next turn", || async {
            take_turn(&db, &worker).await.expect("a turn");
            (db.count(done).await.expect("a count") > before + 1).then_some(())
        })
        .await;
        shows(&db, "select count(*) from hearken.dead_letters", "1").await;
    }
    Ok(())
}

/// What nobody knows is taken for trouble of the moment, but not for ever, and
/// passes which go well beside it do not count for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_draft_with_an_error_of_the_users_own_is_set_aside() -> anyhow::Result<()> {
    a_troubled_draft("raise exception 'not today' using errcode = 'HK999'", "", "HK999").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_which_hangs_among_gated_ones_is_set_aside() -> anyhow::Result<()> {
    a_troubled_draft("perform pg_sleep(3600)", "statement_timeout = \"1s\"", "57014").await
}

/// Ten schedules tick at once, again and again, and one of them is always refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_tick_is_the_only_one_set_aside() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    db.client.batch_execute(REFUSES).await?;
    let names: Vec<String> = (10..20).map(|n| format!("e{n}")).collect();
    let text = |name: &str| {
        format!(
            "title = \"Ticks\"\n[on.schedule]\nevery = \"1m\"\n[flow]\noverlap = \"skip\"\n\
             [item]\nqueue = \"q\"\ntitle = \"{name}\"\n"
        )
    };
    let routines: Vec<(&str, String)> = names.iter().map(|name| (name.as_str(), text(name))).collect();
    let planned = |until: &str| {
        format!("select count(*) from hearken.schedules where planned_until >= '2026-03-04 {until}+00'")
    };
    let others = names.iter().filter(|name| *name != "e13").map(String::as_str).collect::<Vec<_>>().join(" ");
    let all = "select string_agg(title, ' ' order by title) from hearken.inbox_items";
    let overlaps = "select count(*) from hearken.decisions where outcome = 'overlap'";

    clock(&db, "12:00:30").await?;
    let _daemon = setup(&db, &routines).start();
    shows(&db, &planned("12:00:30"), "10").await;
    clock(&db, "12:01:05").await?;
    shows(&db, &planned("12:01:00"), "10").await;
    shows(&db, all, &others).await;
    shows(&db, &letters("e13"), "refused 23514 e13").await;
    shows(&db, overlaps, "0").await;

    clock(&db, "12:02:05").await?;
    shows(&db, &planned("12:02:00"), "10").await;
    shows(&db, all, &others).await;
    shows(&db, overlaps, "9").await;
    shows(&db, &letters("e13"), "refused 23514 e13, refused 23514 e13").await;
    shows(&db, "select count(*) from hearken.dead_letters", "2").await;
    Ok(())
}
