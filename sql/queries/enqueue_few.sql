-- As enqueue.sql, for few drafts, with the decisions on those which were there
-- before. It takes longer for each draft, and lets the commit be sent along.
-- $21 is the source.
with drafts as materialized (
    select d.place, d.dedup_key, d.event_seq, d.tick, coalesce(d.due_at, hearken.now()) as due_at,
           s.priority, s.attempts_max, s.queue, s.routine, s.version, s.item,
           d.tenant, d.title, s.instructions, d.context, s.tags::text[] as tags,
           d.event_id, s.source, d.key, d.webhook
    from unnest($1::integer[], $2::bytea[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[],
                $8::jsonb[], $17::text[], $19::text[], $20::jsonb[])
             with ordinality as d (spec, dedup_key, event_seq, tick, due_at, tenant, title, context, event_id, key, webhook,
                                   place)
    join unnest($9::integer[], $10::integer[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
                $18::text[])
             with ordinality as s (priority, attempts_max, queue, routine, version, item, instructions, tags, source, spec)
        on s.spec = d.spec
),
created as (
    insert into hearken.inbox_items (
        dedup_key, event_seq, tick, due_at, priority, attempts_max,
        queue, routine, version, item, tenant, title, instructions, context, tags,
        event_id, source, key, webhook)
    select d.dedup_key, d.event_seq, d.tick, d.due_at, d.priority, d.attempts_max,
           d.queue, d.routine, d.version, d.item, d.tenant, d.title, d.instructions, d.context, d.tags,
           d.event_id, d.source, d.key, d.webhook
    from drafts d
    -- A row of another table than the log may be met long after its item has finished.
    where d.event_id is null
       or (select k.item_id from hearken.item_keys k where k.dedup_key = d.dedup_key) is null
    order by d.place
    on conflict (dedup_key) do nothing
    returning dedup_key
),
refused as (
    insert into hearken.decisions (
        event_seq, first_tick, last_tick, met_item_id, source, routine, version, item, outcome, reason, event_id)
    select d.event_seq, d.tick, d.tick,
           coalesce(i.id, (select k.item_id from hearken.item_keys k where k.dedup_key = d.dedup_key)), $21, d.routine, d.version, d.item, 'duplicate',
           'an item with the same dedup key was there before', d.event_id
    from drafts d
    left join hearken.inbox_items i on i.dedup_key = d.dedup_key
    where not exists (select from created c where c.dedup_key = d.dedup_key)
       or exists (select from drafts e where e.dedup_key = d.dedup_key and e.place < d.place)
    returning 1
)
select (select count(*) from created), (select count(*) from refused)
