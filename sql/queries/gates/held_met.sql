-- Held drafts which new ones may meet: by the keys of dedup while open ($1), of
-- supersede ($2) and of overlap ($3), and the owners of dedup keys ($4). Those in
-- $5 are known.
with met as materialized (
    select h.id
    from unnest($1::bytea[]) as k (key)
    cross join lateral (select h.id from hearken.held h where h.open_key = k.key offset 0) h
    union
    select h.id
    from unnest($2::bytea[]) as k (key)
    cross join lateral (select h.id from hearken.held h where h.supersede_key = k.key offset 0) h
    union
    select h.id
    from unnest($3::bytea[]) as k (key)
    cross join lateral (select h.id from hearken.held h where h.overlap_key = k.key offset 0) h
    union
    select k.item_id
    from unnest($4::bytea[]) as w (key)
    cross join lateral (select k.item_id from hearken.dedup_keys k where k.key = w.key offset 0) k
    except
    select k.id from unnest($5::bigint[]) as k (id)
)
select h.*
from (select m.id from met m order by m.id) m
cross join lateral (
    select h.id, h.phase, h.gate, h.since, h.count, h.waits_open, h.waits_overlap, h.reason, h.draft, h.request,
           least(greatest(h.due_at, '0001-01-02'), '9999-12-30') as due_at
    from hearken.held h
    where h.id = m.id and h.phase || '' <> 'collecting'
    for update skip locked) h
