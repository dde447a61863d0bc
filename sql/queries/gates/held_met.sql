-- Held drafts which new ones may meet: by the keys of dedup while open ($1), of
-- supersede ($2) and of overlap ($3), and the owners of dedup keys ($4). Those in
-- $5 are known.
-- (An array, not a join: a join is planned for few rows, and then reads all there
-- are.)
with met as materialized (
    select h.id from hearken.held h
    where h.open_key is not null and h.open_key = any ($1::bytea[])
    union
    select h.id from hearken.held h
    where h.supersede_key is not null and h.supersede_key = any ($2::bytea[])
    union
    select h.id from hearken.held h
    where h.overlap_key is not null and h.overlap_key = any ($3::bytea[])
    union
    select k.item_id from hearken.dedup_keys k where k.key = any ($4::bytea[])
)
select h.id, h.phase, h.gate, h.due_at, h.since, h.count, h.waits_open, h.waits_overlap, h.reason, h.draft, h.request
from hearken.held h
where h.id = any (array(select m.id from met m)) and h.phase <> 'collecting' and h.id <> all ($5::bigint[])
order by h.id
for update of h skip locked
