-- Which held drafts are in the queue of an item that is closed, first come first:
-- $1 at most, and no more after they hold $3 bytes or $4 drafts.
select d.id, d.routine
from (
    select h.id, h.routine, row_number() over w as place,
           sum(octet_length(h.draft::text)::bigint) over w as bytes, sum(h.count::bigint) over w as drafts
    from (
        select h.id, h.routine, h.draft, h.count
        from hearken.held h
        where h.phase = 'queued'
          and h.due_at <= $2
          and not exists (select from hearken.paused p where p.routine = h.routine)
          and h.routine <> all ($5)
          and not (h.waits_open and exists (
                select from hearken.inbox_items i
                where i.open_key = h.open_key and i.state in ('waiting', 'leased', 'failed')))
          and not (h.waits_open and exists (
                select from hearken.foreign_items f where f.open_key = h.open_key and f.closed_at is null))
          and not (h.waits_overlap and exists (
                select from hearken.foreign_items f where f.overlap_key = h.overlap_key and f.closed_at is null))
          and not (h.waits_overlap and exists (
                select from hearken.inbox_items i
                where i.overlap_key = h.overlap_key and i.state in ('waiting', 'leased', 'failed')))
        order by h.id
        limit $1) h
    window w as (order by h.id rows unbounded preceding)
) d
where d.place = 1 or (d.bytes <= $3::bigint and d.drafts <= $4::bigint)
order by d.place
