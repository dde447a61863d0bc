-- Waiting items, which this transaction has locked or made, give way to newer ones.
update hearken.inbox_items i
set state = 'superseded', superseded_by = d.by, finished_at = hearken.now()
from unnest($1::bigint[], $2::bigint[]) as d (id, by)
where i.id = d.id
