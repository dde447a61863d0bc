-- Items which new drafts may meet: open ones by the keys of dedup while open ($1)
-- and of overlap ($3), those which supersede ($2) finds, and the owners of dedup keys
-- ($4). Nothing is locked: whoever completes one of them is not waited for.
--
-- Key by key (`lateral … offset 0`), as everywhere in these files: a join, or a list
-- of keys, is planned by the size the table had when the daemon began, and would read
-- all of a backlog.
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
    select i.id
    from unnest($3::bytea[]) as k (key)
    cross join lateral (
        select i.id from hearken.inbox_items i
        where i.overlap_key = k.key and i.state in ('waiting', 'leased', 'failed') offset 0) i
    union
    select k.item_id
    from unnest($4::bytea[]) as w (key)
    cross join lateral (select k.item_id from hearken.dedup_keys k where k.key = w.key offset 0) k
)
select i.id, i.state, i.event_seq, i.tick, i.due_at, i.created_at, i.routine, i.version, i.item, i.queue, i.dedup_key,
       i.open_key, i.supersede_key, i.overlap_key, i.chain, i.source, i.event_id
from met m
cross join lateral (
    select i.id, i.state, i.event_seq, i.routine, i.version, i.item, i.queue, i.dedup_key,
           i.open_key, i.supersede_key, i.overlap_key, i.chain, i.source, i.event_id,
           -- What the daemon cannot hold, infinity or far off, gives way.
           case when i.tick >= '0001-01-02' and i.tick < '9999-12-30' then i.tick end as tick,
           least(greatest(i.due_at, '0001-01-02'), '9999-12-30') as due_at,
           least(greatest(i.created_at, '0001-01-02'), '9999-12-30') as created_at
    from hearken.inbox_items i
    where i.id = m.id
    offset 0) i
order by i.id
