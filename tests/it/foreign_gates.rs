//! Gates before a table of the user's, with a real daemon: how items stand is asked of
//! that table, and workers and users do with its rows what they like.

mod hands;
mod kill;
mod letters;
mod several;

use crate::support::daemon::Setup;
use crate::support::{TestDatabase, until};

const TABLES: &str = "\
    create table jobs (id bigint generated always as identity primary key, kind text default 'job', \
        k text, v integer, done boolean not null default false); \
    create table items (id bigint generated always as identity primary key, made_by text, \
        title text not null, v integer, parts jsonb, words text[], note text, \
        status text not null default 'pending');";

const SETTINGS: &str = r#"
[source.jobs]
table    = "jobs"
id       = "id"
type     = "kind"
pending  = "not done"
mark     = "done = true"
doorbell = "off"
poll     = "20ms"

[inbox.items]
table     = "items"
open      = "status in ('pending', 'leased')"
waiting   = "status = 'pending'"
supersede = "status = 'superseded'"
append    = ["parts", "words"]
"#;

/// A routine with these gates. Its items bear its name.
fn routine(name: &str, flow: &str) -> String {
    format!(
        "title = \"{name}\"\n[on.event]\ntype = \"job\"\n[flow]\n{flow}\n[item]\ninbox = \"items\"\n\
         made_by = \"{name}\"\ntitle = \"{{{{ data.k }}}}{{{{ data.v }}}}\"\nv = {{ get = \"data.v\" }}\n\
         parts = {{ get = \"data.v\" }}\nwords = [\"w{{{{ data.v }}}}\"]\n"
    )
}

/// A database, and a daemon which is not started.
struct World {
    db: TestDatabase,
    setup: Setup,
}

impl World {
    /// Routines by their names and gates; `sql` runs first, and `settings` come after
    /// the usual ones.
    async fn of(routines: &[(&str, &str)], sql: &str, settings: &str) -> anyhow::Result<Self> {
        let texts: Vec<(&str, String)> =
            routines.iter().map(|(name, flow)| (*name, routine(name, flow))).collect();
        let texts: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
        Self::with(&texts, sql, settings).await
    }

    /// The same, with whole routines.
    async fn with(routines: &[(&str, &str)], sql: &str, settings: &str) -> anyhow::Result<Self> {
        let db = TestDatabase::new().await?;
        db.client.batch_execute(&format!("{TABLES} {sql}")).await?;
        let setup = Setup::new(&db.url, routines).daemon(&format!("{SETTINGS}{settings}"));
        Ok(Self { db, setup })
    }

    async fn run(&self, sql: &str) -> anyhow::Result<()> {
        Ok(self.db.client.batch_execute(sql).await?)
    }

    /// Jobs of one page, such as `a1 a2 b1`, and waits until they are claimed.
    async fn jobs(&self, jobs: &str) -> anyhow::Result<()> {
        let sql = "insert into jobs (k, v) select left(j, 1), substr(j, 2)::int \
                   from unnest(string_to_array($1, ' ')) with ordinality as u (j, n) order by n";
        self.db.client.execute(sql, &[&jobs]).await?;
        self.until_rows("select from jobs where not done", 0).await;
        Ok(())
    }

    async fn until_rows(&self, sql: &str, want: i64) {
        until(&format!("{want} rows of {sql}"), || async {
            (self.db.count(sql).await.expect("a count") == want).then_some(())
        })
        .await;
    }

    /// Waits until the items of a routine are these, in order: title, how it stands, and
    /// what it has collected.
    async fn until_items(&self, made_by: &str, want: &str) {
        until(&format!("the items of {made_by} to be: {want}"), || async {
            let have = self.items(made_by).await.expect("items");
            (have == want).then_some(())
        })
        .await;
    }

    async fn items(&self, made_by: &str) -> anyhow::Result<String> {
        let sql = "select coalesce(string_agg(concat_ws(' ', title, nullif(status, 'pending'), \
                   case when jsonb_typeof(parts) = 'array' \
                        then parts::text || array_to_string(words, '+') end), ', ' order by id), '') \
                   from items where made_by = $1";
        Ok(self.db.client.query_one(sql, &[&made_by]).await?.get(0))
    }
}

const KEY: &str = "key = [\"data.k\"]";

/// A gate, and its items after the page `a1 a2 a3 b1` and after the page `a4`.
const CASES: [(&str, &str, &str, &str); 12] = [
    ("forever", "dedup = { KEY }", "a1, b1", "a1, b1"),
    ("for-long", "dedup = { KEY, window = \"1h\" }", "a1, b1", "a1, b1"),
    ("open-skip", "dedup = { KEY, window = \"while_open\" }", "a1, b1", "a1, b1"),
    (
        "open-replace",
        "dedup = { KEY, window = \"while_open\", on_conflict = \"replace\" }",
        "a3, b1",
        "a4, b1",
    ),
    (
        "open-append",
        "dedup = { KEY, window = \"while_open\", on_conflict = \"append\" }",
        "a1 [1, 2, 3]w1+w2+w3, b1 [1]w1",
        "a1 [1, 2, 3, 4]w1+w2+w3+w4, b1 [1]w1",
    ),
    (
        "open-follow",
        "dedup = { KEY, window = \"while_open\", on_conflict = \"follow_up\" }",
        "a1, b1",
        "a1, b1",
    ),
    (
        "newest",
        "supersede = { KEY }",
        "a1 superseded, a2 superseded, a3, b1",
        "a1 superseded, a2 superseded, a3 superseded, b1, a4",
    ),
    ("at-most", "limit = { KEY, max = 2, per = \"1h\" }", "a1, a2, b1", "a1, a2, b1"),
    ("bundle", "batch = { KEY, max = 3, within = \"1h\" }", "a1 [1, 2, 3]w1+w2+w3", "a1 [1, 2, 3]w1+w2+w3"),
    (
        "settled",
        "debounce = { KEY, quiet = \"300ms\", max_wait = \"5s\", keep = \"all\" }",
        "a3 [1, 2, 3]w1+w2+w3, b1 [1]w1",
        "a3 [1, 2, 3]w1+w2+w3, b1 [1]w1, a4 [4]w4",
    ),
    ("one", "overlap = \"skip\"", "a1", "a1"),
    ("in-turn", "overlap = \"queue\"", "a1", "a1"),
];

/// Each gate does to rows of the user's what it does to hearken's own, within a page
/// and from page to page.
#[tokio::test(flavor = "multi_thread")]
async fn each_gate_does_what_it_says() -> anyhow::Result<()> {
    let flows: Vec<(&str, String)> =
        CASES.iter().map(|(name, flow, ..)| (*name, flow.replace("KEY", KEY))).collect();
    let flows: Vec<(&str, &str)> = flows.iter().map(|(name, flow)| (*name, flow.as_str())).collect();
    let world = World::of(&flows, "", "").await?;
    let _daemon = world.setup.start();
    world.jobs("a1 a2 a3 b1").await?;
    for (name, _, want, _) in CASES {
        world.until_items(name, want).await;
    }
    world.jobs("a4").await?;
    for (name, _, _, want) in CASES {
        world.until_items(name, want).await;
    }
    assert_eq!(world.db.count("select from hearken.dead_letters").await?, 0);
    Ok(())
}

/// What is due later comes then, into the column for it, too.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_delayed_comes_in_its_time() -> anyhow::Result<()> {
    let delay = "limit = { max = 2, per = \"2s\", excess = \"delay\" }";
    let sql = "alter table items add due timestamptz, add at timestamptz default clock_timestamp();";
    let world = World::of(&[("delay", delay)], sql, "due = \"due\"\n").await?;
    let _daemon = world.setup.start();
    world.jobs("a1 a2 a3 a4 a5").await?;
    world.until_items("delay", "a1, a2, a3, a4, a5").await;
    let early = "select from items where at < due";
    assert_eq!(world.db.count(early).await?, 0, "none comes before it is due");
    let crowded = "select from (select due, lead(due, 2) over (order by due) as third from items) i \
                   where third - due < interval '2 seconds'";
    assert_eq!(world.db.count(crowded).await?, 0, "no two seconds have three");
    Ok(())
}
