-- Gives waiting items, which are locked, another content. The parameters are those of
-- create.sql;
-- the gates' keys, the time at which it is due and the attempts made so far stay.
update hearken.inbox_items i
set event_seq = d.event_seq, tick = d.tick, priority = s.priority, queue = s.queue, version = s.version,
    tenant = d.tenant, title = d.title, instructions = s.instructions, context = d.context, tags = s.tags::text[],
    chain = d.chain::text[], event_id = d.event_id, source = s.source,
    key = d.key, webhook = d.webhook, attempts_max = s.attempts_max
from unnest($1::integer[], $2::bytea[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[],
            $8::jsonb[], $17::text[], $19::text[], $20::jsonb[], $21::bigint[], $22::bytea[], $23::bytea[], $24::bytea[],
            $25::text[])
         as d (spec, dedup_key, event_seq, tick, due_at, tenant, title, context, event_id, key, webhook,
               id, open_key, supersede_key, overlap_key, chain)
join unnest($9::integer[], $10::integer[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
            $18::text[])
         with ordinality as s (priority, attempts_max, queue, routine, version, item, instructions, tags, source, spec)
    on s.spec = d.spec
where i.id = d.id
