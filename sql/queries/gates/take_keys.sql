-- Takes dedup keys. A slot which is null is that of a key without a calendar.
insert into hearken.dedup_keys as k (key, slot, item_id, routine, item, taken_at, expires_at)
select d.key, coalesce(d.slot, '-infinity'), d.item_id, d.routine, d.item, hearken.now(), d.expires_at
from unnest($1::bytea[], $2::timestamptz[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[])
     as d (key, slot, item_id, routine, item, expires_at)
on conflict (key, slot) do update
set item_id = excluded.item_id, taken_at = excluded.taken_at, expires_at = excluded.expires_at
