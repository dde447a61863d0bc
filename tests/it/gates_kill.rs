//! The daemon is killed at each step of its passes, with routines in which all
//! gates are in play: in the end every event is an item, in an item, held, or
//! covered by a decision, and none is so twice. And a long outage of a busy
//! schedule floods nothing.

use crate::support::daemon::Setup;
use crate::support::database::connect;
use crate::support::{TestDatabase, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The steps of passes in which gates have a say.
const STEPS: [&str; 10] = [
    "pass.begun",
    "pass.claimed",
    "pass.planned",
    "gates.loaded",
    "gates.judged",
    "gates.written",
    "pass.committed",
    "held.begun",
    "held.committed",
    "ticks.planned",
];

/// A burst which ends after 300 ms without another event.
const BURST: &str = "debounce = { key = [\"data.k\"], quiet = \"300ms\", max_wait = \"1s\" }";

/// The routines: the name, `[flow]`, and what becomes of each of its events.
const ROUTINES: [(&str, &str, Fate); 11] = [
    (
        "all",
        "debounce = { key = [\"data.k\"], quiet = \"300ms\", max_wait = \"1s\", keep = \"all\" }",
        Fate::InOne,
    ),
    (
        "append",
        "dedup = { key = [\"data.k\"], window = \"while_open\", on_conflict = \"append\" }",
        Fate::InOne,
    ),
    ("batch", "batch = { key = [\"data.k\"], max = 5, within = \"500ms\" }", Fate::InOne),
    ("delay", "limit = { max = 60, per = \"1s\", excess = \"delay\" }", Fate::Item),
    ("drop", "limit = { max = 20, per = \"1s\" }", Fate::ItemOr("limited")),
    ("forever", "dedup = { key = [\"data.k\"] }", Fate::ItemOr("duplicate")),
    ("last", BURST, Fate::FirstOr("merged")),
    ("newest", "supersede = { key = [\"data.k\"] }", Fate::Item),
    ("queue", "overlap = \"queue\"", Fate::ItemOr("overlap")),
    (
        "replace",
        "dedup = { key = [\"data.k\"], window = \"while_open\", on_conflict = \"replace\" }",
        Fate::FirstOr("replaced"),
    ),
    ("skip", "overlap = \"skip\"", Fate::ItemOr("overlap")),
];

/// What becomes of each event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is an item of its own.
    Item,
    /// It is an item of its own, held for good, or has this decision.
    ItemOr(&'static str),
    /// It is the first of an item, whose content may be another's, or has this
    /// decision; or it came too late, after a younger one.
    FirstOr(&'static str),
    /// Its context is in one item; or it came too late, or to a full one.
    InOne,
}

const TICKING: &str = "title = \"Ticks\"\n[on.schedule]\nevery = \"1s\"\nmissed = \"all\"\n\
                       [flow]\noverlap = \"skip\"\n[item]\nqueue = \"t\"\ntitle = \"tick\"\n";

fn text(name: &str, flow: &str) -> String {
    format!(
        "title = \"{name}\"\n[on.event]\ntype = \"test.event\"\n[flow]\n{flow}\n[item]\nqueue = \"{name}\"\n\
         title = \"event {{{{ data.u }}}}\"\n[item.context]\nu = {{ get = \"data.u\" }}\n"
    )
}

fn setup(db: &TestDatabase) -> Setup {
    let texts = ROUTINES.map(|(name, flow, _)| (name, text(name, flow)));
    let mut routines = texts.iter().map(|(name, text)| (*name, text.as_str())).collect::<Vec<_>>();
    routines.push(("ticking", TICKING));
    Setup::new(&db.url, &routines)
}

/// Writes events, one at a time, until it is told to stop. `data.u` tells them
/// apart.
struct Writers {
    stop: Arc<AtomicBool>,
    tasks: tokio::task::JoinSet<()>,
}

impl Writers {
    async fn start(db: &TestDatabase) -> anyhow::Result<Self> {
        db.client.batch_execute("create sequence public.u").await?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..2 {
            let (client, stop) = (connect(&db.url).await?, stop.clone());
            tasks.spawn(async move {
                let insert = "insert into hearken.events (type, data) select 'test.event', \
                              jsonb_build_object('u', nextval('public.u'), 'k', (random() * 3)::int)";
                while !stop.load(Ordering::Relaxed) {
                    client.execute(insert, &[]).await.expect("an event");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            });
        }
        Ok(Self { stop, tasks })
    }

    async fn end(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(done) = self.tasks.join_next().await {
            done.expect("a writer");
        }
    }
}

/// The events of which it is not said exactly once what became of them.
async fn unaccounted(db: &TestDatabase, name: &str, fate: Fate) -> anyhow::Result<i64> {
    let items = format!("select event_seq from hearken.inbox_items where routine = '{name}'");
    let held = format!("select event_seq from hearken.held where routine = '{name}'");
    let decided = |outcome: &str| {
        format!("select event_seq from hearken.decisions where routine = '{name}' and outcome = '{outcome}'")
    };
    let told = match fate {
        Fate::Item => items,
        Fate::ItemOr(outcome) => format!("{items} union all {held} union all {}", decided(outcome)),
        Fate::FirstOr(outcome) => {
            // An item bears the number of the event whose content it has, so that
            // the first ones are known by their count alone.
            let all = "select from hearken.events where type = 'test.event'";
            let first = format!("{items} union all {held}");
            let others = format!("{} union all {}", decided(outcome), decided("duplicate"));
            let twice = format!("select event_seq from ({others}) q group by event_seq having count(*) > 1");
            let sum = db.count(&first).await? + db.count(&others).await?;
            return Ok((db.count(all).await? - sum).abs() + db.count(&twice).await?);
        }
        Fate::InOne => format!(
            "select e.seq from hearken.inbox_items i \
             cross join jsonb_array_elements(i.context -> 'items') c (part) \
             join hearken.events e on e.data -> 'u' = c.part -> 'u' where i.routine = '{name}' \
             union all {}",
            decided("duplicate")
        ),
    };
    let sql = format!(
        "select e.seq from hearken.events e left join ({told}) t (seq) on t.seq = e.seq \
         where e.type = 'test.event' group by e.seq having count(t.seq) <> 1"
    );
    db.count(&sql).await
}

async fn settled(db: &TestDatabase) -> anyhow::Result<()> {
    for (name, _, fate) in ROUTINES {
        until(&format!("every event to be accounted for by {name}"), || async {
            let waits = "select from hearken.held where phase <> 'queued'";
            let held = db.count(&format!("{waits} and routine = '{name}'")).await.ok()?;
            let open = unaccounted(db, name, fate).await.expect("a count");
            (held == 0 && open == 0).then_some(())
        })
        .await;
    }
    Ok(())
}

/// SIGKILL at each step, the first time and later.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_killed_at_each_step_accounts_for_every_event_once() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let writers = Writers::start(&db).await?;
    for step in STEPS {
        for hit in [1, 3] {
            let daemon = setup(&db).env("HEARKEN_FAILPOINT", &format!("{step}:{hit}"));
            let status = daemon.start().ended().await;
            assert!(!status.success(), "{step} was not reached");
        }
    }
    let _daemon = setup(&db).start();
    writers.end().await;
    settled(&db).await?;
    exact(&db).await
}

/// What must hold besides, whatever was killed.
async fn exact(db: &TestDatabase) -> anyhow::Result<()> {
    // An event was decided upon once by one gate.
    let twice = "select from hearken.decisions where event_seq is not null \
                 group by event_seq, routine, outcome having count(*) > 1";
    assert_eq!(db.count(twice).await?, 0, "decisions are doubled");
    let bursts = "select from hearken.decisions where routine = 'last' and outcome = 'held'";
    let items = "select from hearken.inbox_items where routine = 'last'";
    assert_eq!(db.count(bursts).await?, db.count(items).await?, "each burst is one item");
    let full = "select from hearken.inbox_items \
                where routine = 'batch' and jsonb_array_length(context -> 'items') > 5";
    assert_eq!(db.count(full).await?, 0, "a batch holds five");
    for (name, max) in [("delay", 60), ("drop", 20)] {
        let sql = format!(
            "select from (select due_at, lead(due_at, {max}) over (order by due_at) n \
             from hearken.inbox_items where routine = '{name}') q where n - due_at < interval '1 second'"
        );
        assert_eq!(db.count(&sql).await?, 0, "{name}: more than {max} within a second");
    }
    let newest = "select from hearken.inbox_items where routine = 'newest' and state = 'waiting'";
    let kinds = "select distinct data -> 'k' from hearken.events where type = 'test.event'";
    assert_eq!(db.count(newest).await?, db.count(kinds).await?, "one waits for each key");
    let superseded = "select from hearken.inbox_items where routine = 'newest' and state = 'superseded'";
    let decided = "select from hearken.decisions where routine = 'newest' and outcome = 'superseded'";
    assert_eq!(db.count(superseded).await?, db.count(decided).await?);
    ticks_are_whole(db).await
}

/// From the first tick to the last each is an item or has a decision, once.
async fn ticks_are_whole(db: &TestDatabase) -> anyhow::Result<()> {
    let sql = "select sum(n)::bigint, (extract(epoch from max(last) - min(first)) + 1)::bigint from ( \
               select tick as first, tick as last, 1::bigint as n from hearken.inbox_items \
               where routine = 'ticking' union all \
               select first_tick, last_tick, count from hearken.decisions \
               where routine = 'ticking' and outcome in ('overlap', 'missed')) q";
    let row = db.client.query_one(sql, &[]).await?;
    let (told, wanted) = (row.get::<_, Option<i64>>(0), row.get::<_, Option<i64>>(1));
    assert!(told.is_some() && told == wanted, "{told:?} of {wanted:?} ticks are accounted for");
    Ok(())
}

/// Two weeks without a daemon, and a schedule of five seconds: at most a hundred
/// ticks are weighed, and the rest is a decision.
#[tokio::test(flavor = "multi_thread")]
async fn two_weeks_without_a_daemon_flood_nothing() -> anyhow::Result<()> {
    const TICKS: i64 = 14 * 24 * 720;
    let db = TestDatabase::new().await?;
    let schedule = |flow: &str| {
        format!(
            "title = \"Busy\"\n[on.schedule]\nevery = \"5s\"\nmissed = \"all\"\n[flow]\n{flow}\n[item]\n\
             queue = \"t\"\ntitle = \"tick\"\n"
        )
    };
    let cases = [
        ("limited", schedule("limit = { max = 3, per = \"1h\" }"), (3, 0)),
        ("queued", schedule("overlap = \"queue\""), (1, 99)),
        ("skipped", schedule("overlap = \"skip\""), (1, 0)),
    ];
    let routines = cases.iter().map(|(name, text, _)| (*name, text.as_str())).collect::<Vec<_>>();
    let setup = Setup::new(&db.url, &routines);
    db.set_clock("'2026-03-04 12:00:02.5+00'::timestamptz").await?;
    let daemon = setup.start();
    daemon.leads().await;
    assert!(daemon.stop().await.success());
    db.set_clock("'2026-03-18 12:00:02.5+00'::timestamptz").await?;
    let _daemon = setup.start();
    until("all to be caught up", || async {
        let sql = "select from hearken.schedules where planned_until >= '2026-03-18 12:00:00+00'";
        (db.count(sql).await.ok()? == 3).then_some(())
    })
    .await;
    for (name, _, (items, held)) in cases {
        let rows = |table: &str| format!("select from hearken.{table} where routine = '{name}'");
        let got = (db.count(&rows("inbox_items")).await?, db.count(&rows("held")).await?);
        assert_eq!(got, (items, held), "{name}");
        let sql = "select coalesce(sum(count), 0)::bigint from hearken.decisions \
                   where routine = $1 and outcome in ('missed', 'limited', 'overlap')";
        let decided = db.client.query_one(sql, &[&name]).await?.get::<_, i64>(0);
        assert_eq!(decided + items + held, TICKS, "{name}: not all ticks are accounted for");
    }
    Ok(())
}
