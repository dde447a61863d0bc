-- Puts off due items of endpoints which cannot be delivered to now, so that the
-- lease finds those of others. Looks at the front of each queue only.
--
-- $1 queues · $2 endpoints · per endpoint, in seconds: $3 how long at least, $4 how
-- far on the next one is, $5 the time between two, $6 the span all are kept in ·
-- $7 how many items of the front are looked at.
with busy as materialized (
    select b.endpoint, b.after, b.head, b.step, b.span
    from unnest($2::text[], $3::float8[], $4::float8[], $5::float8[], $6::float8[])
        as b (endpoint, after, head, step, span)
), clock as materialized (
    select hearken.now() as at
), locked as materialized (
    -- Those of other endpoints are not locked: a lease must not pass over them.
    select i.id, i.priority, i.due_at, hearken.endpoint_of(i.webhook) as endpoint
    from hearken.inbox_items i
    where i.id = any (array(
            select f.id
            from unnest($1::text[]) as q (name)
            cross join lateral (
                select i.id, i.webhook
                from hearken.inbox_items i
                where i.queue = q.name
                  and i.state in ('waiting', 'failed')
                  and i.due_at <= (select at from clock)
                order by i.priority desc, i.due_at, i.id
                limit $7
            ) f
            where hearken.endpoint_of(f.webhook) = any ($2::text[])))
      and i.state in ('waiting', 'failed')
      and i.due_at <= (select at from clock)
    for update skip locked
), numbered as materialized (
    select l.id, b.endpoint, b.after, b.span,
           b.head + b.step * row_number() over (
               partition by l.endpoint order by l.priority desc, l.due_at, l.id) as place
    from locked l
    join busy b on b.endpoint = l.endpoint
), moved as (
    update hearken.inbox_items i
    set due_at = (select at from clock)
               + make_interval(secs => n.after + n.place - floor(n.place / n.span) * n.span)
    from numbered n
    where i.id = n.id
    returning n.endpoint
)
select m.endpoint, count(*)::integer as moved
from moved m
group by m.endpoint
