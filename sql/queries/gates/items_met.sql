-- Items which new drafts may meet: open ones by the keys of dedup while open ($1)
-- and of overlap ($3), waiting ones by those of supersede ($2), and the owners of
-- dedup keys ($4). Nothing is locked: whoever completes one of them is not waited
-- for.
-- (An array, not a join: a join is planned for few rows, and then reads all there
-- are.)
with met as materialized (
    select i.id from hearken.inbox_items i
    where i.open_key is not null and i.open_key = any ($1::bytea[]) and i.state in ('waiting', 'leased', 'failed')
    union
    select i.id from hearken.inbox_items i
    where i.supersede_key is not null and i.supersede_key = any ($2::bytea[]) and i.state in ('waiting', 'failed')
    union
    select i.id from hearken.inbox_items i
    where i.overlap_key is not null and i.overlap_key = any ($3::bytea[]) and i.state in ('waiting', 'leased', 'failed')
    union
    select k.item_id from hearken.dedup_keys k where k.key = any ($4::bytea[])
)
select i.id, i.state, i.event_seq, i.tick, i.due_at, i.created_at, i.routine, i.version, i.item, i.queue, i.dedup_key,
       i.open_key, i.supersede_key, i.overlap_key, i.chain
from hearken.inbox_items i
where i.id = any (array(select m.id from met m))
order by i.id
