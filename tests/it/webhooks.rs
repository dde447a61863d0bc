//! Webhooks from the event to the endpoint: a real daemon, a real server, which behaves
//! as it is told.

mod busy;
mod deliver;
mod retries;
mod shared;
mod sql;
mod tables;
mod trust;

use crate::support::daemon::Setup;
use crate::support::endpoint::{Behaviour, Endpoint, Received};
use crate::support::{TestDaemon, TestDatabase, until};
use serde_json::{Value, json};

/// What allows requests to servers of tests.
const LOCAL: &str =
    "[webhooks]\nallow_http = [\"127.0.0.1\"]\nallow_private = [\"127.0.0.0/8\"]\nlease = \"5s\"\n";

/// A secret of Standard Webhooks.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A database and an endpoint.
struct World {
    db: TestDatabase,
    endpoint: Endpoint,
}

/// An item, as far as tests look at it.
#[derive(Debug)]
struct Item {
    state: String,
    attempt: i32,
    key: String,
    error: String,
    result: Value,
}

impl World {
    async fn new(behaviours: Vec<Behaviour>) -> anyhow::Result<Self> {
        Ok(Self { db: TestDatabase::new().await?, endpoint: Endpoint::scripted(behaviours) })
    }

    /// A routine which delivers every `test.event` to the endpoint, with further lines.
    fn routine(&self, lines: &str) -> String {
        routine(&format!("url = \"{}\"\n{lines}", self.endpoint.url()))
    }

    /// What a daemon is started with, with further lines of `[webhooks]`.
    fn setup(&self, routine: &str, lines: &str) -> Setup {
        setup(&self.db, routine, lines)
    }

    /// Waits until the item of this number, from 1, is in this state.
    async fn item(&self, number: i64, state: &str) -> Item {
        item(&self.db, number, state).await
    }
}

/// A routine with these lines of `[webhook]`.
fn routine(lines: &str) -> String {
    format!("title = \"Tell them\"\n[on.event]\ntype = \"test.event\"\n[webhook]\n{lines}")
}

fn setup(db: &TestDatabase, routine: &str, lines: &str) -> Setup {
    Setup::new(&db.url, &[("tell", routine)]).daemon(&format!("{LOCAL}{lines}"))
}

/// Waits until the item of this number, from 1, is in this state.
async fn item(db: &TestDatabase, number: i64, state: &str) -> Item {
    let sql = "select state, attempt, encode(dedup_key, 'hex'), coalesce(error, ''), \
                      coalesce(result, 'null') \
               from hearken.items order by id limit 1 offset $1";
    until(&format!("item {number} to be {state}"), || async {
        let row = db.client.query_opt(sql, &[&(number - 1)]).await.expect("an item")?;
        let item = Item {
            state: row.get(0),
            attempt: row.get(1),
            key: row.get(2),
            error: row.get(3),
            result: row.get(4),
        };
        (item.state == state).then_some(item)
    })
    .await
}

/// The log, as (attempt, status, outcome), once it has so many entries.
async fn log(db: &TestDatabase, count: usize) -> Vec<(i32, Option<i32>, String)> {
    let sql = "select attempt, status, outcome from hearken.deliveries order by item_id, attempt, id";
    until(&format!("{count} entries in the log"), || async {
        let rows = db.client.query(sql, &[]).await.expect("the log");
        (rows.len() >= count).then(|| rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
    })
    .await
}

/// Puts an item into the inbox as the daemon would, and gives its number.
async fn put(db: &TestDatabase, key: &str, webhook: Value) -> i64 {
    let sql = "insert into hearken.inbox_items (dedup_key, queue, routine, version, title, context, webhook) \
               values (sha256($1::text::bytea), 'webhooks', 'tell', 'v', 't', '{\"id\": \"1\"}', $2) \
               returning id";
    db.client.query_one(sql, &[&key, &webhook]).await.expect("an item").get(0)
}

/// How an item is delivered to an address, without retries.
fn delivery(url: &str, timeout_ms: u64) -> Value {
    json!({ "to": { "url": url }, "timeout_ms": timeout_ms, "retry_ms": [] })
}

/// The value of a header which must be there.
#[track_caller]
fn header<'a>(request: &'a Received, name: &str) -> &'a str {
    request.header(name).unwrap_or_else(|| panic!("no header {name} in {:?}", request.headers))
}
