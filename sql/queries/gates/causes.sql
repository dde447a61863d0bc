-- What was dealt with before, and what came of it.
select w.key, i.id
from unnest($1::bytea[]) as w (key)
cross join lateral (select i.id from hearken.inbox_items i where i.dedup_key = w.key offset 0) i
union all
select w.key, h.id
from unnest($1::bytea[]) as w (key)
cross join lateral (select h.id from hearken.held h where h.dedup_key = w.key offset 0) h
union all
select w.key, f.id
from unnest($1::bytea[]) as w (key)
cross join lateral (select f.id from hearken.foreign_items f where f.dedup_key = w.key offset 0) f
union all
select w.key, k.item_id
from unnest($1::bytea[]) as w (key)
cross join lateral (select k.item_id from hearken.item_keys k where k.dedup_key = w.key offset 0) k
