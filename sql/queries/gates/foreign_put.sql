-- Notes items which were put into tables of the user's.
insert into hearken.foreign_items (
    id, inbox, locator, event_seq, tick, due_at, routine, version, item, dedup_key,
    open_key, supersede_key, overlap_key, source, event_id)
select d.id, d.inbox, d.locator::jsonb, d.event_seq, d.tick, d.due_at, d.routine, d.version, d.item, d.dedup_key,
       d.open_key, d.supersede_key, d.overlap_key, d.source, d.event_id
from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[], $6::timestamptz[], $7::text[],
            $8::text[], $9::text[], $10::bytea[], $11::bytea[], $12::bytea[], $13::bytea[], $14::text[], $15::text[])
         as d (id, inbox, locator, event_seq, tick, due_at, routine, version, item, dedup_key,
               open_key, supersede_key, overlap_key, source, event_id)
