-- The bursts and batches with these keys. One whose row somebody else holds, to
-- cancel it say, is passed over: a new one begins.
select h.*
from unnest($1::bytea[]) as k (key)
cross join lateral (
    select h.id, h.phase, h.gate, h.since, h.count, h.waits_open, h.waits_overlap, h.reason, h.draft, h.request,
           least(greatest(h.due_at, '0001-01-02'), '9999-12-30') as due_at
    from hearken.held h
    where h.collect_key = k.key and h.phase || '' = 'collecting'
    for update skip locked) h
order by h.id
