-- Adds to what waiting items have collected.
update hearken.inbox_items i
set context = jsonb_set(i.context, '{items}', coalesce(i.context -> 'items', '[]') || d.added),
    chain = d.chain::text[]
from unnest($1::bigint[], $2::jsonb[], $3::text[]) as d (id, added, chain)
where i.id = d.id and i.state in ('waiting', 'failed')
