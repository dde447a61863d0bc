-- What held drafts have collected, in order.
select p.held_id, p.context
from hearken.held_parts p
where p.held_id = any ($1::bigint[])
order by p.held_id, p.n
