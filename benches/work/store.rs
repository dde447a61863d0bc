//! Items which wait, and what the server writes while they are worked off.

use crate::bed::Database;
use std::time::{Duration, Instant};

/// The queue of all parts but that of webhooks.
pub const QUEUE: &str = "q";

/// Which keys the items have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// None.
    None,
    /// So many keys, in turns.
    InTurns(usize),
}

/// Puts items of about 300 bytes into the queue, after those which are there, as a pass
/// of the daemon would: many in one statement.
pub async fn fill(db: &Database, items: usize, keys: Keys) -> anyhow::Result<()> {
    let key = match keys {
        Keys::None => "null".to_owned(),
        Keys::InTurns(keys) => format!("'key-' || n % {keys}"),
    };
    let sql = format!(
        "insert into hearken.inbox_items \
             (dedup_key, event_seq, queue, routine, version, title, instructions, context, key) \
         select sha256(convert_to(t.first || '/' || n, 'UTF8')), n, '{QUEUE}', 'routine-42', \
                '0123456789abcdef', 'Order ' || n || ' of 12345', 'Look at the order and act on it.', \
                jsonb_build_object('msg', repeat('z', 140), 'user', 12345), {key} \
         from (select coalesce(max(id), 0) as first from hearken.inbox_items) t, \
              generate_series(1, {items}) n"
    );
    Ok(db.client.batch_execute(&sql).await?)
}

/// As after the table has been in use for a while.
pub async fn settle(db: &Database) -> anyhow::Result<()> {
    db.client.batch_execute("vacuum analyze hearken.inbox_items").await?;
    Ok(db.client.batch_execute("checkpoint").await?)
}

/// What the server has written so far.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// Bytes of WAL.
    wal: f64,
    /// Versions of rows of the inbox which are dead now: of each update and delete, one.
    dead: f64,
}

impl Written {
    pub async fn now(db: &Database) -> anyhow::Result<Self> {
        let dead = "select n_tup_upd + n_tup_del from pg_stat_user_tables \
                    where relid = 'hearken.inbox_items'::regclass";
        Ok(Self { wal: db.wal().await?, dead: db.number(dead).await? })
    }

    /// What was written since, for each of so many items: WAL in bytes, and dead versions.
    ///
    /// The workers' connections must be closed: it is then that they report the last
    /// second of their counts. At least two updates of each item are waited for.
    pub async fn since(self, db: &Database, items: usize) -> anyhow::Result<(f64, f64)> {
        let wal = db.wal().await? - self.wal;
        let began = Instant::now();
        loop {
            let dead = Self::now(db).await?.dead - self.dead;
            if dead >= 2.0 * items as f64 || began.elapsed() > Duration::from_secs(5) {
                return Ok((wal / items as f64, dead / items as f64));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// How many items of the queue are done.
pub async fn done(db: &Database, queue: &str) -> anyhow::Result<usize> {
    let sql = format!("select count(*) from hearken.items where queue = '{queue}' and state = 'done'");
    Ok(db.number(&sql).await? as usize)
}
