-- Takes held drafts which were chosen ($1), now that their routines are locked.
-- Those which somebody else holds, or which have gone on, are passed over.
select h.*
from unnest($1::bigint[]) with ordinality as k (id, place)
cross join lateral (
    select h.id, h.phase, h.gate, h.since, h.count, h.waits_open, h.waits_overlap, h.reason, h.draft, h.request,
           least(greatest(h.due_at, '0001-01-02'), '9999-12-30') as due_at
    from hearken.held h
    where h.id = k.id
    for update skip locked) h
order by k.place
