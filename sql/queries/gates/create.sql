-- Puts items into the inbox which have passed the gates. $1 to $16 are those of
-- enqueue.sql; $17 to $21 are the numbers and the keys. The number of an item was
-- that of its held draft, if there was one.
insert into hearken.inbox_items (
    id, dedup_key, event_seq, tick, due_at, priority, attempts_max,
    queue, routine, version, item, tenant, title, instructions, context, tags,
    open_key, supersede_key, overlap_key, chain)
overriding system value
select d.id, d.dedup_key, d.event_seq, d.tick, coalesce(d.due_at, hearken.now()), s.priority, s.attempts_max,
       s.queue, s.routine, s.version, s.item, d.tenant, d.title, s.instructions, d.context, s.tags::text[],
       d.open_key, d.supersede_key, d.overlap_key, d.chain::text[]
from unnest($1::integer[], $2::bytea[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[],
            $8::jsonb[], $17::bigint[], $18::bytea[], $19::bytea[], $20::bytea[], $21::text[])
         with ordinality as d (spec, dedup_key, event_seq, tick, due_at, tenant, title, context,
                               id, open_key, supersede_key, overlap_key, chain, place)
join unnest($9::integer[], $10::integer[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[])
         with ordinality as s (priority, attempts_max, queue, routine, version, item, instructions, tags, spec)
    on s.spec = d.spec
order by d.place
