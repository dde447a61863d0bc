//! The protocol of workers, with many of them at once: no item is with two, keys
//! and limits hold at every moment, a stale worker changes nothing, and a failure
//! is never lost nor the last word.
//!
//! What must hold at every moment is watched by triggers of the tests, which lock
//! and count behind each lease: see [`watch`].

mod answers;
mod archive;
mod failures;
mod floors;
mod keys;
mod limits;
mod many;
mod operators;
mod rescue;
mod roles;
mod watch;

use crate::support::TestDatabase;
use std::future::poll_fn;
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, NoTls};

/// Items of a queue. `values` are SQL for columns, of the number `n` from 1 on.
async fn fill(client: &Client, queue: &str, count: i32, values: &[(&str, &str)]) -> anyhow::Result<()> {
    let columns: String = values.iter().map(|(column, _)| format!(", {column}")).collect();
    let values: String = values.iter().map(|(_, value)| format!(", {value}")).collect();
    let sql = format!(
        "insert into hearken.inbox_items (dedup_key, queue, routine, version, title {columns}) \
         select sha256(gen_random_uuid()::text::bytea), '{queue}', 'r', 'v', 'item ' || n {values} \
         from generate_series(1, {count}) n order by n"
    );
    Ok(client.batch_execute(&sql).await?)
}

/// What an expression is, as text.
async fn text(client: &Client, expression: &str) -> anyhow::Result<String> {
    let sql = format!("select coalesce(({expression})::text, 'null')");
    Ok(client.query_one(&sql, &[]).await?.try_get(0)?)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Lease {
    id: i64,
    token: i64,
    attempt: i32,
}

impl Lease {
    /// A call of one of the functions which answer: its name, and arguments after
    /// id and token with the comma before them.
    async fn tell(self, client: &Client, function: &str, arguments: &str) -> anyhow::Result<String> {
        text(client, &format!("hearken.{function}({}, {}{arguments})", self.id, self.token)).await
    }
}

/// Leases with these arguments, as SQL.
async fn lease(client: &Client, arguments: &str) -> anyhow::Result<Vec<Lease>> {
    let rows =
        client.query(&format!("select id, token, attempt from hearken.lease({arguments})"), &[]).await?;
    rows.iter()
        .map(|row| Ok(Lease { id: row.try_get(0)?, token: row.try_get(1)?, attempt: row.try_get(2)? }))
        .collect()
}

/// The one item there is for these arguments.
async fn lease_one(client: &Client, arguments: &str) -> anyhow::Result<Lease> {
    let leased = lease(client, arguments).await?;
    anyhow::ensure!(leased.len() == 1, "hearken.lease({arguments}) gave {leased:?}");
    Ok(leased[0])
}

/// A connection which hears what is said on a channel: each time the channel and the word.
async fn ear(
    url: &str,
    channel: &str,
) -> anyhow::Result<(Client, mpsc::UnboundedReceiver<(String, String)>)> {
    let (client, mut connection) = tokio_postgres::connect(url, NoTls).await?;
    let (heard, bells) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(bell) = message {
                let _ = heard.send((bell.channel().to_owned(), bell.payload().to_owned()));
            }
        }
    });
    client.batch_execute(&format!("listen \"{channel}\"")).await?;
    Ok((client, bells))
}

/// The state of the items, each with how many there are, such as `dead 1, done 7`.
async fn states(client: &Client) -> anyhow::Result<String> {
    let counted = "select state, count(*) from hearken.inbox_items group by state";
    text(client, &format!("select string_agg(state || ' ' || count, ', ' order by state) from ({counted}) s"))
        .await
}

/// A clock which stands still until a test moves it on, in this database only. It
/// begins at the present.
struct Clock<'a>(&'a Client);

impl<'a> Clock<'a> {
    async fn stopped(db: &'a TestDatabase) -> anyhow::Result<Self> {
        db.client
            .batch_execute(
                "create table public.test_clock (at timestamptz not null); \
                 insert into public.test_clock values (clock_timestamp()); \
                 grant select on public.test_clock to public",
            )
            .await?;
        db.set_clock("(select c.at from public.test_clock c)").await?;
        Ok(Self(&db.client))
    }

    async fn forward(&self, interval: &str) -> anyhow::Result<()> {
        move_clock(self.0, interval).await
    }
}

async fn move_clock(client: &Client, interval: &str) -> anyhow::Result<()> {
    let sql = format!("update public.test_clock set at = at + interval '{interval}'");
    Ok(client.batch_execute(&sql).await?)
}

/// Chances which are the same in each run: xorshift.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `sides`.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}
