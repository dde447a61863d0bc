//! What a source costs in bare SQL: one connection, one statement a batch which claims,
//! marks and inserts, with everything in the server.

use crate::bed::Database;
use crate::tables::Strategy;
use std::time::Instant;

/// Rows of a batch.
const BATCH: usize = 1000;

/// The columns of the routine, by expressions over the payload.
const INSERT: &str = "
    insert into public.items (agent_id, kind, title, instructions, tags, amount, priority, urgent,
                              status, dedup_key, scheduled_for, context, tenant_id)
    select (c.payload ->> 'agent')::uuid, 'task_assigned', 'Task ' || (c.payload ->> 'title'),
           'Claim the task, do what it asks for, and set its status.',
           array(select jsonb_array_elements_text(c.payload -> 'tags')),
           (c.payload ->> 'amount')::numeric, (c.payload ->> 'priority')::integer,
           (c.payload ->> 'urgent')::boolean, 'pending', 'task:' || (c.payload ->> 'task') || ':assigned',
           (c.payload ->> 'due')::timestamptz,
           jsonb_build_object('task', c.payload -> 'task', 'project', c.payload -> 'project'), c.tenant_id
    from c
    where c.event_type = 'task.assigned' and c.payload -> 'open' = 'true'
    on conflict (tenant_id, dedup_key) where status in ('pending', 'leased') do nothing";

/// Works off the whole queue; says the seconds that took.
///
/// Commits do not wait for the disk, since those of the daemon do not. The settings make
/// sure of the plans which serve best, however little the server knows of the tables yet.
pub async fn work_off(db: &Database, strategy: Strategy) -> anyhow::Result<f64> {
    db.client
        .batch_execute(
            "set synchronous_commit = off; set plan_cache_mode = force_generic_plan; set jit = off; \
             set enable_seqscan = off; set enable_bitmapscan = off",
        )
        .await?;
    let statement = db.client.prepare(&text(strategy)).await?;
    let began = Instant::now();
    loop {
        let n: i64 = db.client.query_one(&statement, &[]).await?.get(0);
        if n == 0 {
            return Ok(began.elapsed().as_secs_f64());
        }
    }
}

fn text(strategy: Strategy) -> String {
    match strategy {
        Strategy::Flag => format!(
            "with c as materialized (
                 select ctid as place, tenant_id, event_type, payload from public.queue
                 where not processed order by created_at, id limit {BATCH} for update skip locked),
             m as (update public.queue set processed = true where ctid = any (array(select place from c))),
             i as ({INSERT})
             select count(*) from c"
        ),
        // The source has any number; that of the log is not used here. A join would be
        // planned while no key is known yet, and go through all of them for each row.
        Strategy::Keys => format!(
            "with c as materialized (
                 select q.id::text as key, q.tenant_id, q.event_type, q.payload from public.queue q
                 where (select true from hearken.source_keys k
                        where k.source = 1 and k.id = q.id::text) is null
                 order by q.id limit {BATCH}),
             m as (insert into hearken.source_keys (source, id) select 1, key from c on conflict do nothing),
             i as ({INSERT})
             select count(*) from c"
        ),
    }
}
