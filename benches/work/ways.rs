//! The two ways to lease and to complete: by hearken's functions, and by the same updates
//! in bare SQL on the same table with the same indexes.

use crate::store::QUEUE;
use tokio_postgres::{Client, Statement};

/// How items are taken and answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Bare,
    Hearken,
}

impl Way {
    pub const BOTH: [Self; 2] = [Self::Bare, Self::Hearken];

    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare SQL",
            Self::Hearken => "hearken",
        }
    }
}

/// What makes sure of the order of the index, however little the server knows yet.
const BEST_PLANS: &str = "
    set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set enable_bitmapscan = off;
    set enable_sort = off; set jit = off";

/// From one queue. A bare lease answers the same columns. The array is made once: as `in (select …)` it
/// may be made again for each row, by the plan.
const BARE_LEASE: &str = "
    update hearken.inbox_items i
    set state = 'leased', token = nextval('hearken.lease_tokens'), attempt = i.attempt + 1, worker = $1,
        leased_at = now(), lease_until = now() + interval '5 minutes'
    where i.id = any (array(
        select p.id from hearken.inbox_items p
        where p.queue = ($2::text[])[1] and p.state in ('waiting', 'failed') and p.due_at <= now()
        order by p.priority desc, p.due_at, p.id
        limit $3::integer
        for update skip locked))
    returning i.id, i.token, i.attempt, i.queue, i.priority, i.routine, i.title, i.instructions, i.context,
              i.tenant, i.tags, i.event_seq, i.tick, i.due_at, i.lease_until";

/// By the primary key, whatever else is leased: of `state = 'leased'` the planner would
/// make a look through all leases.
const BARE_COMPLETE: &str = "
    update hearken.inbox_items i
    set state = 'done', finished_at = now(), lease_until = null
    from unnest($1::bigint[], $2::bigint[]) as t (id, token)
    where i.id = t.id and i.token = t.token and i.lease_until is not null";

const HEARKEN_LEASE: &str = "select * from hearken.lease($1, $2, $3)";
const HEARKEN_COMPLETE: &str = "select answer from hearken.complete_all($1, $2) where answer = 'done'";
const HEARKEN_COMPLETE_ONE: &str = "select 1 where hearken.complete($1, $2) = 'done'";

/// A worker's connection.
pub struct Hand {
    client: Client,
    lease: Statement,
    complete: Answering,
    batch: i32,
}

/// How the answer is sent.
enum Answering {
    /// All of a batch at once.
    Together(Statement),
    /// The one item.
    Alone(Statement),
}

impl Hand {
    /// Takes `batch` items at a time.
    pub async fn ready(client: Client, way: Way, batch: i32) -> anyhow::Result<Self> {
        let lease = match way {
            Way::Bare => {
                client.batch_execute(BEST_PLANS).await?;
                client.prepare(BARE_LEASE).await?
            }
            Way::Hearken => client.prepare(HEARKEN_LEASE).await?,
        };
        let complete = match (way, batch) {
            (Way::Bare, _) => Answering::Together(client.prepare(BARE_COMPLETE).await?),
            (Way::Hearken, 1) => Answering::Alone(client.prepare(HEARKEN_COMPLETE_ONE).await?),
            (Way::Hearken, _) => Answering::Together(client.prepare(HEARKEN_COMPLETE).await?),
        };
        Ok(Self { client, lease, complete, batch })
    }

    /// Ids and tokens of what was leased.
    pub async fn lease(&self) -> anyhow::Result<(Vec<i64>, Vec<i64>)> {
        let queues = [QUEUE];
        let rows = self.client.query(&self.lease, &[&"bench", &&queues[..], &self.batch]).await?;
        Ok(rows.iter().map(|row| (row.get::<_, i64>("id"), row.get::<_, i64>("token"))).unzip())
    }

    /// Completes them.
    pub async fn complete(&self, ids: &[i64], tokens: &[i64]) -> anyhow::Result<()> {
        let done = match &self.complete {
            Answering::Together(statement) => self.client.execute(statement, &[&ids, &tokens]).await?,
            Answering::Alone(statement) => self.client.execute(statement, &[&ids[0], &tokens[0]]).await?,
        };
        anyhow::ensure!(done == ids.len() as u64, "{done} of {} are done", ids.len());
        Ok(())
    }
}
