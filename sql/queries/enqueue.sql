-- Puts drafts into the inbox, in order. What was there before stays as it is: a
-- unique index decides what is new.
--
-- $1 to $8 have an element for each draft (those all of whose elements would be
-- null are empty: unnest fills up with nulls), and so have $17, $19 and $20. $9 to $16 and $18 have one for each
-- different item of a routine, and $1 says which: what all drafts of a batch
-- share is sent and unnested once.
insert into hearken.inbox_items (
    dedup_key, event_seq, tick, due_at, priority, attempts_max,
    queue, routine, version, item, tenant, title, instructions, context, tags,
    event_id, source, key, webhook)
select d.dedup_key, d.event_seq, d.tick, coalesce(d.due_at, hearken.now()), s.priority, s.attempts_max,
       s.queue, s.routine, s.version, s.item, d.tenant, d.title, s.instructions, d.context, s.tags::text[],
       d.event_id, s.source, d.key, d.webhook
from unnest($1::integer[], $2::bytea[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[],
            $8::jsonb[], $17::text[], $19::text[], $20::jsonb[])
         with ordinality as d (spec, dedup_key, event_seq, tick, due_at, tenant, title, context, event_id, key, webhook,
                               place)
join unnest($9::integer[], $10::integer[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
            $18::text[])
         with ordinality as s (priority, attempts_max, queue, routine, version, item, instructions, tags, source, spec)
    on s.spec = d.spec
-- A row of another table than the log may be met long after its item has finished.
where d.event_id is null
   or (select k.item_id from hearken.item_keys k where k.dedup_key = d.dedup_key) is null
order by d.place
on conflict (dedup_key) do nothing
