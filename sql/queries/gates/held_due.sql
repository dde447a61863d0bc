-- Which held drafts are due at $2, the longest due first: $1 at most, and no more
-- after they hold $3 bytes or $4 drafts, so that memory is bounded. Those of paused
-- routines wait, and those of routines which cannot be used for now ($5).
select d.id, d.routine
from (
    select h.id, h.routine, row_number() over w as place,
           sum(octet_length(h.draft::text)::bigint) over w as bytes, sum(h.count::bigint) over w as drafts
    from (
        select h.id, h.due_at, h.routine, h.draft, h.count
        from hearken.held h
        where h.phase <> 'queued'
          and h.due_at <= $2
          and not exists (select from hearken.paused p where p.routine = h.routine)
          and h.routine <> all ($5)
        order by h.due_at, h.id
        limit $1) h
    window w as (order by h.due_at, h.id rows unbounded preceding)
) d
where d.place = 1 or (d.bytes <= $3::bigint and d.drafts <= $4::bigint)
order by d.place
