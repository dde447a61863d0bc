-- Locks the waiting items which new drafts may change: by the keys of dedup while
-- open ($1) and of supersede ($2), and the owners of dedup keys ($3). One which
-- somebody else holds is passed over; it counts as running. How many drafts it has
-- collected is told for those which others may be added to.
with met as materialized (
    select i.id from hearken.inbox_items i
    where i.open_key is not null and i.open_key = any ($1::bytea[]) and i.state in ('waiting', 'failed')
    union
    select i.id from hearken.inbox_items i
    where i.supersede_key is not null and i.supersede_key = any ($2::bytea[]) and i.state in ('waiting', 'failed')
    union
    select k.item_id from hearken.dedup_keys k where k.key = any ($3::bytea[])
)
select i.id,
       case when jsonb_typeof(i.context -> 'items') = 'array' then jsonb_array_length(i.context -> 'items') else 1 end
from hearken.inbox_items i
where i.id = any (array(select m.id from met m)) and i.state in ('waiting', 'failed')
order by i.id
for update of i skip locked
