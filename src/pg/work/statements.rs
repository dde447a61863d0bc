//! The statements of a worker's session.

use crate::pg::error::PgError;
use tokio_postgres::{Client, Statement};

/// Takes items, with what a lease does not tell of them. The row of the inbox is
/// looked up for each: it is an older version of it, as the statement began
/// before the lease, and what is read here does not change. Of an item which was
/// committed between the two there is no row; see [`MORE`].
const LEASE: &str = "\
    select l.id, l.token, l.attempt, l.queue, l.priority, l.routine, l.title, l.instructions, l.context, \
           l.tenant, l.item_tags, l.event_seq, l.tick, l.due_at, l.lease_until, \
           (extract(epoch from l.lease_until - hearken.now()) * 1000)::float8, \
           i.dedup_key, i.key, i.webhook, i.attempts_max \
    from hearken.lease($1::text, $2::text[], $3::integer, make_interval(secs => $4::float8), $5::text[]) \
         with ordinality as l (id, token, attempt, queue, priority, routine, title, instructions, context, \
                               tenant, item_tags, event_seq, tick, due_at, lease_until, place) \
    left join lateral ( \
        select encode(i.dedup_key, 'hex') as dedup_key, i.key, i.webhook, i.attempts_max \
        from hearken.inbox_items i where i.id = l.id limit 1 \
    ) i on true \
    order by l.place";

/// The same of items which are leased already.
const MORE: &str = "\
    select i.id, encode(i.dedup_key, 'hex'), i.key, i.webhook, i.attempts_max \
    from hearken.inbox_items i where i.id = any ($1::bigint[])";

const NEXT_DUE: &str = "\
    select (extract(epoch from hearken.next_due($1::text[], $2::text[]) - hearken.now()) * 1000)::float8";

const EXTEND: &str = "\
    select l.token, hearken.extend(l.id, l.token, make_interval(secs => $3::float8)) \
    from unnest($1::bigint[], $2::bigint[]) as l (id, token)";

/// How long leases last, and what else became of their items.
const LEFT: &str = "\
    select i.token, i.state, (extract(epoch from i.lease_until - hearken.now()) * 1000)::float8 \
    from hearken.inbox_items i where i.id = any ($1::bigint[])";

const COMPLETE_ALL: &str =
    "select c.id, c.answer from hearken.complete_all($1::bigint[], $2::bigint[], $3::jsonb[]) as c";

const FAIL: &str = "\
    select hearken.fail($1::bigint, $2::bigint, $3::text, $4::boolean, make_interval(secs => $5::float8))";

const SNOOZE: &str =
    "select hearken.snooze($1::bigint, $2::bigint, make_interval(secs => $3::float8), $4::text)";

const RELEASE: &str = "select hearken.release($1::bigint, $2::bigint)";

const PROGRESS: &str = "select hearken.progress($1::bigint, $2::bigint, $3::jsonb)";

/// All of them, prepared.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) lease: Statement,
    pub(super) more: Statement,
    pub(super) next_due: Statement,
    pub(super) extend: Statement,
    pub(super) left: Statement,
    pub(super) complete_all: Statement,
    pub(super) fail: Statement,
    pub(super) snooze: Statement,
    pub(super) release: Statement,
    pub(super) progress: Statement,
}

impl Statements {
    /// Prepares them: one round trip.
    pub(super) async fn prepare(client: &Client) -> Result<Self, PgError> {
        let leasing =
            async { tokio::try_join!(client.prepare(LEASE), client.prepare(MORE), client.prepare(NEXT_DUE)) };
        let holding = async {
            tokio::try_join!(client.prepare(EXTEND), client.prepare(LEFT), client.prepare(PROGRESS))
        };
        let answering = async {
            tokio::try_join!(
                client.prepare(COMPLETE_ALL),
                client.prepare(FAIL),
                client.prepare(SNOOZE),
                client.prepare(RELEASE),
            )
        };
        let (leasing, holding, answering) = tokio::try_join!(leasing, holding, answering)?;
        let (lease, more, next_due) = leasing;
        let (extend, left, progress) = holding;
        let (complete_all, fail, snooze, release) = answering;
        Ok(Self { lease, more, next_due, extend, left, complete_all, fail, snooze, release, progress })
    }
}
