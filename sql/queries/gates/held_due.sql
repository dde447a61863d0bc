-- Held drafts which are due, the longest due first; $1 at most. Those of paused
-- routines wait.
select h.id, h.phase, h.gate, h.due_at, h.since, h.count, h.waits_open, h.waits_overlap, h.reason, h.draft, h.request
from hearken.held h
where h.phase <> 'queued'
  and h.due_at <= $2
  and not exists (select from hearken.paused p where p.routine = h.routine)
order by h.due_at, h.id
limit $1
for update of h skip locked
