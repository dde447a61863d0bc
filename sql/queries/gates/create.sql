-- Puts items into the inbox which have passed the gates. $1 to $20 are those of
-- enqueue.sql; $21 to $25 are the numbers and the keys. The number of an item was
-- that of its held draft, if there was one.
insert into hearken.inbox_items (
    id, dedup_key, event_seq, tick, due_at, priority, attempts_max,
    queue, routine, version, item, tenant, title, instructions, context, tags,
    open_key, supersede_key, overlap_key, chain, event_id, source, key, webhook)
overriding system value
select d.id, d.dedup_key, d.event_seq, d.tick, coalesce(d.due_at, hearken.now()), s.priority, s.attempts_max,
       s.queue, s.routine, s.version, s.item, d.tenant, d.title, s.instructions, d.context, s.tags::text[],
       d.open_key, d.supersede_key, d.overlap_key, d.chain::text[], d.event_id, s.source,
       d.key, d.webhook
from unnest($1::integer[], $2::bytea[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[],
            $8::jsonb[], $17::text[], $19::text[], $20::jsonb[], $21::bigint[], $22::bytea[], $23::bytea[], $24::bytea[],
            $25::text[])
         with ordinality as d (spec, dedup_key, event_seq, tick, due_at, tenant, title, context, event_id, key, webhook,
                               id, open_key, supersede_key, overlap_key, chain, place)
join unnest($9::integer[], $10::integer[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
            $18::text[])
         with ordinality as s (priority, attempts_max, queue, routine, version, item, instructions, tags, source, spec)
    on s.spec = d.spec
order by d.place
