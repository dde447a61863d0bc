-- Moves due items of other endpoints ahead of those which cannot be delivered to
-- now, where these are so many that making way takes long. It reads the whole of
-- what is due, and writes no more than a few rows.
--
-- $1 queues · $2 the endpoints which are not to be moved · $3 how many of each queue.
with clock as materialized (
    select hearken.now() as at
), others as materialized (
    select i.id, i.priority, i.due_at
    from hearken.inbox_items i
    where i.id = any (array(
            select f.id
            from unnest($1::text[]) as q (name)
            cross join lateral (
                select i.id
                from hearken.inbox_items i
                where i.queue = q.name
                  and i.state in ('waiting', 'failed')
                  and i.due_at <= (select at from clock)
                  and i.key is null
                  and coalesce(hearken.endpoint_of(i.webhook), '') <> all ($2::text[])
                order by i.priority desc, i.due_at, i.id
                limit $3
            ) f))
      and i.state in ('waiting', 'failed')
      and i.due_at <= (select at from clock)
    for update skip locked
), numbered as materialized (
    select o.id, row_number() over (order by o.due_at, o.id) as n
    from others o
)
update hearken.inbox_items i
set due_at = (
        select min(f.due_at)
        from unnest($1::text[]) as q (name)
        cross join lateral (
            select f.due_at
            from hearken.inbox_items f
            where f.queue = q.name and f.state in ('waiting', 'failed')
            order by f.due_at
            limit 1
        ) f) - interval '1 second' + numbered.n * interval '1 microsecond'
from numbered
where i.id = numbered.id
