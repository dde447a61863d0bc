-- Dedup keys which are taken. A key without a calendar has the slot -infinity,
-- which is told as null.
select w.key, case when k.slot > '-infinity' then k.slot end, k.item_id, k.expires_at
from unnest($1::bytea[]) as w (key)
cross join lateral (
    select k.slot, k.item_id, k.expires_at from hearken.dedup_keys k where k.key = w.key offset 0) k
