-- Held drafts in the queue of an item which is closed, first come first; $1 at
-- most.
select h.id, h.phase, h.gate, h.due_at, h.since, h.count, h.waits_open, h.waits_overlap, h.reason, h.draft, h.request
from hearken.held h
where h.phase = 'queued'
  and h.due_at <= $2
  and not exists (select from hearken.paused p where p.routine = h.routine)
  and not (h.waits_open and exists (
        select from hearken.inbox_items i
        where i.open_key is not null and i.open_key = h.open_key and i.state in ('waiting', 'leased', 'failed')))
  and not (h.waits_overlap and exists (
        select from hearken.inbox_items i
        where i.overlap_key is not null and i.overlap_key = h.overlap_key and i.state in ('waiting', 'leased', 'failed')))
order by h.id
limit $1
for update of h skip locked
