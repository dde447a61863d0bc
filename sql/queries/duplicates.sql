-- Which of the keys belonged to an item before this transaction, and to which.
-- What this transaction inserted carries its own id.
select i.dedup_key, i.id
from hearken.inbox_items i
where i.dedup_key = any ($1) and i.xmin <> pg_current_xact_id()::xid
union all
select k.dedup_key, k.item_id
from hearken.item_keys k
where k.dedup_key = any ($1)
  and not exists (select from hearken.inbox_items i where i.dedup_key = k.dedup_key)
