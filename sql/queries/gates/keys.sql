-- Dedup keys which are taken. A key without a calendar has the slot -infinity,
-- which is told as null.
select k.key, case when k.slot > '-infinity' then k.slot end, k.item_id, k.expires_at
from hearken.dedup_keys k
where k.key = any ($1::bytea[])
