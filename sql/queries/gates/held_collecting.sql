-- The bursts and batches with these keys. One whose row somebody else holds, to
-- cancel it say, is passed over: a new one begins.
select h.id, h.phase, h.gate, h.due_at, h.since, h.count, h.waits_open, h.waits_overlap, h.reason, h.draft, h.request
from hearken.held h
where h.phase = 'collecting' and h.collect_key is not null and h.collect_key = any ($1::bytea[])
order by h.id
for update of h skip locked
