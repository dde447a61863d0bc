//! What the gates have in SQL: for operators, for workers, and for the daemon.

use crate::support::database::options;
use crate::support::{TestDatabase, until};
use hearken::pg::session::{OnNotify, Session, SessionRole};
use std::sync::{Arc, Mutex};
use tokio_postgres::Client;

mod operators;
mod upgrade;

/// A session which listens, and what it heard.
struct Ears {
    session: Session,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Ears {
    async fn open(db: &TestDatabase) -> anyhow::Result<Self> {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&heard);
        let on_notify: OnNotify = Arc::new(move |notification| {
            sink.lock().expect("a lock").push(notification.channel().to_owned());
        });
        let session = Session::open(&options(&db.url), SessionRole::Listener, Some(on_notify)).await?;
        let listen = "listen hearken_doorbell; listen hearken_routines; listen \"hearken:q\"; listen marker";
        session.client().batch_execute(listen).await?;
        Ok(Self { session, heard })
    }

    /// How often the daemon was rung for since then; the bells of workers are another
    /// matter.
    async fn doorbells(&self) -> anyhow::Result<usize> {
        Ok(self.heard().await?.iter().filter(|channel| *channel == "hearken_doorbell").count())
    }

    /// What rang since the last question; notifications come in the order of
    /// commits, so all before the marker are there.
    async fn heard(&self) -> anyhow::Result<Vec<String>> {
        self.session.client().batch_execute("notify marker").await?;
        let mut heard = until("the marker", || async {
            let mut heard = self.heard.lock().expect("a lock");
            heard.last().is_some_and(|channel| channel == "marker").then(|| std::mem::take(&mut *heard))
        })
        .await;
        heard.pop();
        Ok(heard)
    }
}

/// The one value of a query, as text.
async fn word(client: &Client, sql: &str) -> anyhow::Result<Option<String>> {
    Ok(client.query_one(&format!("select ({sql})::text"), &[]).await?.get(0))
}

async fn check(client: &Client, sql: &str, want: &str) -> anyhow::Result<()> {
    let got = word(client, sql).await?;
    anyhow::ensure!(got.as_deref() == Some(want), "{sql}: {got:?}, and not {want:?}");
    Ok(())
}

/// An item in a state, perhaps with a key of `while_open`.
async fn item(client: &Client, name: &str, state: &str, key: Option<&str>) -> anyhow::Result<i64> {
    let sql = "insert into hearken.inbox_items \
            (dedup_key, open_key, queue, routine, version, title, state, attempt, lease_until, finished_at) \
        select sha256($1::text::bytea), sha256($3::text::bytea), 'q', 'r', 'v', $1, $2::text, 3, \
               case when $2 = 'leased' then hearken.now() + interval '1 hour' end, \
               case when $2 in ('done', 'dead', 'cancelled', 'superseded') then hearken.now() end \
        returning id";
    Ok(client.query_one(sql, &[&name, &state, &key]).await?.get(0))
}

/// A held draft of event 7; `id` is its own, `extra` more columns with values.
async fn hold(client: &Client, id: i64, phase: &str, extra: &str) -> anyhow::Result<()> {
    let (columns, values) = extra.split_once(" = ").unwrap_or_default();
    let comma = if extra.is_empty() { "" } else { ", " };
    let sql = format!(
        "insert into hearken.held (id, event_seq, due_at, phase, gate, routine, version, item, queue, \
             dedup_key, draft, request{comma}{columns}) \
         values ({id}, 7, hearken.now() + interval '1 day', '{phase}', 'hours', 'r', 'v', 'item', 'q', \
             sha256('held {id}'), '{{}}', '{{}}'{comma}{values})"
    );
    Ok(client.batch_execute(&sql).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_has_the_causes_of_the_lease_it_is_emitted_under() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    item(c, "first", "waiting", None).await?;
    item(c, "second", "waiting", None).await?;
    item(c, "never leased", "cancelled", None).await?;
    c.batch_execute(
        "update hearken.inbox_items set chain = '{a,b}' where id = 2; \
         select hearken.lease('w', '{q}'); select hearken.lease('w', '{q}')",
    )
    .await?;
    // As id:token; the tokens of the two leases are 1 and 2.
    let leases = [
        ("1:1", Some("{r}")),
        ("2:2", Some("{a,b,r}")),
        ("2:1", None),
        ("3:0", None),
        ("3:1", None),
        ("99:1", None),
        ("", None),
        ("1", None),
        ("1:1:1", None),
        (" 1:1", None),
        ("1:1\n", None),
        ("-1:1", None),
        ("one:two", None),
        ("99999999999999999999:1", None),
        ("1:999999999999999999", None),
    ];
    for (lease, want) in leases {
        c.execute("select set_config('hearken.lease', $1, false)", &[&lease]).await?;
        let seq = db.emit("caused", serde_json::json!({})).await?;
        let chain = word(c, &format!("select chain from hearken.events where seq = {seq}")).await?;
        assert_eq!(chain.as_deref(), want, "{lease:?}");
    }
    check(c, "hearken.complete(1, 1)", "done").await?;
    check(c, "hearken.chain_of_lease('1:1')", "{r}").await?;

    // `under` holds for the transaction, and for all ways to write.
    c.batch_execute(
        "truncate hearken.events; begin; select hearken.under(2, 2); select hearken.emit('x'); \
         insert into hearken.events (type) values ('x'), ('x'); \
         select hearken.under(null, null); select hearken.emit('y'); commit; select hearken.emit('y')",
    )
    .await?;
    check(c, "select count(*) from hearken.events where type = 'x' and chain = '{a,b,r}'", "3").await?;
    check(c, "select count(*) from hearken.events where type = 'y' and chain is null", "2").await?;
    Ok(())
}

/// The ways in which an item is closed ring, and those in which it is not do
/// not; nobody rings while the daemon is awake, but is heard at the commit.
#[tokio::test(flavor = "multi_thread")]
async fn closing_an_item_rings_for_what_may_wait_for_it() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let (c, ears) = (&db.client, Ears::open(&db).await?);
    let sleeper = db.connect().await?;
    sleeper.batch_execute("select pg_advisory_lock(1751478891, 1)").await?;
    let calls = [
        ("hearken.complete({id}, {id})", 1),
        ("hearken.fail({id}, {id}, retry => false)", 1),
        ("hearken.fail({id}, {id})", 0),
        ("hearken.release({id}, {id})", 0),
        ("hearken.extend({id}, {id})", 0),
        ("hearken.complete({id}, 0)", 0),
    ];
    for (call, bells) in calls {
        for key in ["open_key", "overlap_key", "supersede_key"] {
            let id = item(c, &format!("{call} {key}"), "leased", None).await?;
            c.batch_execute(&format!(
                "update hearken.inbox_items set token = id, {key} = sha256('{call}') where id = {id}"
            ))
            .await?;
            word(c, &call.replace("{id}", &id.to_string())).await?;
            let want = if key == "supersede_key" { 0 } else { bells };
            assert_eq!(ears.doorbells().await?, want, "{call}, {key}");
        }
    }
    c.batch_execute(
        "update hearken.inbox_items set state = 'leased', lease_until = hearken.now(), \
             attempt = 5, open_key = null, overlap_key = null; \
         select hearken.expire_leases()",
    )
    .await?;
    assert_eq!(ears.doorbells().await?, 0, "without a key it costs nothing");
    c.batch_execute(
        "update hearken.inbox_items set state = 'leased', lease_until = hearken.now(), \
             overlap_key = sha256('x'); \
         select hearken.expire_leases()",
    )
    .await?;
    assert_eq!(ears.doorbells().await?, 1, "one bell for all");

    sleeper.batch_execute("select pg_advisory_unlock_all()").await?;
    let id = item(c, "awake", "leased", Some("key")).await?;
    c.batch_execute(&format!("begin; select hearken.complete({id}, 0)")).await?;
    check(&sleeper, "select pg_try_advisory_lock(1751478891, 1)", "false").await?;
    c.batch_execute("commit").await?;
    check(&sleeper, "select pg_try_advisory_lock(1751478891, 1)", "true").await?;
    assert_eq!(ears.heard().await?, [] as [&str; 0], "it asks for the lock, and so hears the commit");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_is_pruned_in_portions() -> anyhow::Result<()> {
    let db = TestDatabase::new().await?;
    let c = &db.client;
    c.batch_execute(
        "insert into hearken.dedup_keys (key, item_id, routine, item, expires_at) \
             select sha256(n::text::bytea), n, 'r', 'item', \
                    case when n < 9 then hearken.now() + (n - 5.5) * interval '1 hour' end \
             from generate_series(1, 10) n; \
         insert into hearken.limit_uses (key, at, uses, expires_at) \
             select sha256('k'), hearken.now(), 1, hearken.now() - interval '1 hour'; \
         insert into hearken.limit_uses (key, at, uses, expires_at) \
             select sha256('k'), hearken.now(), 1, hearken.now() + interval '1 hour'",
    )
    .await?;
    // One which the daemon is about to prolong is left for the next time.
    let daemon = db.connect().await?;
    daemon.batch_execute("begin; select from hearken.dedup_keys where item_id = 1 for update").await?;
    check(c, "hearken.prune_gates(2)", "3").await?;
    check(c, "hearken.prune_gates()", "2").await?;
    daemon.batch_execute("commit").await?;
    check(c, "hearken.prune_gates()", "1").await?;
    check(c, "hearken.prune_gates()", "0").await?;
    let left = "select string_agg(item_id::text, ',' order by item_id) from hearken.dedup_keys";
    check(c, left, "6,7,8,9,10").await?;
    check(c, "select count(*) from hearken.limit_uses", "1").await
}
