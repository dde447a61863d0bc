-- Adds to what waiting items have collected, which this transaction has locked.
update hearken.inbox_items i
set context = jsonb_build_object('items',
        -- One made before its routine appended is the first of the list.
        case when jsonb_typeof(i.context -> 'items') = 'array' then i.context -> 'items'
             else jsonb_build_array(i.context) end || d.added),
    chain = d.chain::text[]
from unnest($1::bigint[], $2::jsonb[], $3::text[]) as d (id, added, chain)
where i.id = d.id
