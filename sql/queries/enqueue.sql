-- Puts the drafts of a pass into the inbox, in order, and writes a decision for
-- each which was there before.
--
-- A unique constraint decides what is new. The item met is looked up in the
-- snapshot of the statement; one which was committed since then stays unnamed.
with drafts as materialized (
    select *
    from unnest($1::bytea[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::integer[], $6::integer[],
                $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::jsonb[],
                $15::text[])
        as d (dedup_key, event_seq, tick, due_at, priority, attempts_max,
              queue, routine, version, item, tenant, title, instructions, context, tags)
),
created as (
    insert into hearken.inbox_items (
        dedup_key, event_seq, tick, due_at, priority, attempts_max,
        queue, routine, version, item, tenant, title, instructions, context, tags)
    select d.dedup_key, d.event_seq, d.tick, coalesce(d.due_at, hearken.now()), d.priority, d.attempts_max,
           d.queue, d.routine, d.version, d.item, d.tenant, d.title, d.instructions, d.context, d.tags::text[]
    from drafts d
    on conflict (dedup_key) do nothing
    returning dedup_key
),
refused as (
    insert into hearken.decisions (event_seq, first_tick, last_tick, met_item_id, source, routine, version, item, outcome, reason)
    select d.event_seq, d.tick, d.tick, i.id, $16, d.routine, d.version, d.item, 'duplicate',
           'an item with the same dedup key was there before'
    from drafts d
    left join hearken.inbox_items i on i.dedup_key = d.dedup_key
    where not exists (select from created c where c.dedup_key = d.dedup_key)
    returning 1
)
select (select count(*) from created) as created, (select count(*) from refused) as duplicates
