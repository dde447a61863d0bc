-- Locks the waiting items which new drafts may change: by the keys of dedup while
-- open ($1) and of supersede ($2), and the owners of dedup keys ($3). One which
-- somebody else holds is passed over; it counts as running. How many drafts it has
-- collected is told for those which others may be added to.
with met as materialized (
    select i.id
    from unnest($1::bytea[]) as k (key)
    cross join lateral (
        select i.id from hearken.inbox_items i
        where i.open_key = k.key and i.state in ('waiting', 'leased', 'failed') offset 0) i
    union
    select i.id
    from unnest($2::bytea[]) as k (key)
    cross join lateral (
        select i.id from hearken.inbox_items i
        where i.supersede_key = k.key and i.state in ('waiting', 'leased', 'failed') offset 0) i
    union
    select k.item_id
    from unnest($3::bytea[]) as w (key)
    cross join lateral (select k.item_id from hearken.dedup_keys k where k.key = w.key offset 0) k
)
select i.id, i.count
from (select m.id from met m order by m.id) m
cross join lateral (
    select i.id,
           case when jsonb_typeof(i.context -> 'items') = 'array'
                then jsonb_array_length(i.context -> 'items') else 1 end as count
    from hearken.inbox_items i
    -- Not the bare column, or the index of what is ready would be walked for each.
    where i.id = m.id and i.state || '' in ('waiting', 'failed')
    for update skip locked) i
