-- Items in tables of the user's which new drafts may meet: open ones by the keys of
-- dedup while open ($1), of supersede ($2) and of overlap ($3), and the owners of dedup
-- keys ($4). How they stand is asked of those tables afterwards.
with met as materialized (
    select f.id
    from unnest($1::bytea[]) as k (key)
    cross join lateral (
        select f.id from hearken.foreign_items f where f.open_key = k.key and f.closed_at is null offset 0) f
    union
    select f.id
    from unnest($2::bytea[]) as k (key)
    cross join lateral (
        select f.id from hearken.foreign_items f where f.supersede_key = k.key and f.closed_at is null offset 0) f
    union
    select f.id
    from unnest($3::bytea[]) as k (key)
    cross join lateral (
        select f.id from hearken.foreign_items f where f.overlap_key = k.key and f.closed_at is null offset 0) f
    union
    select k.item_id
    from unnest($4::bytea[]) as w (key)
    cross join lateral (select k.item_id from hearken.dedup_keys k where k.key = w.key offset 0) k
)
select f.id, f.inbox, f.locator::text as locator, f.closed_at is not null as closed,
       f.superseded_by is not null as superseded, f.event_seq, f.routine, f.version, f.item, f.source,
       f.event_id, f.dedup_key,
       f.open_key, f.supersede_key, f.overlap_key,
       case when f.tick >= '0001-01-02' and f.tick < '9999-12-30' then f.tick end as tick,
       least(greatest(f.due_at, '0001-01-02'), '9999-12-30') as due_at,
       least(greatest(f.created_at, '0001-01-02'), '9999-12-30') as created_at
from met m
cross join lateral (select f.* from hearken.foreign_items f where f.id = m.id offset 0) f
order by f.id
