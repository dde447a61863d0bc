-- What was dealt with before, and what came of it.
select i.dedup_key, i.id from hearken.inbox_items i where i.dedup_key = any ($1::bytea[])
union all
select h.dedup_key, h.id from hearken.held h where h.dedup_key = any ($1::bytea[])
