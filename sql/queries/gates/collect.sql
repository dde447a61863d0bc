-- Stores what held drafts have collected, behind what is stored of each already.
insert into hearken.held_parts (held_id, n, context)
select d.held_id,
       coalesce((select p.n + 1 from hearken.held_parts p where p.held_id = d.held_id order by p.n desc limit 1), 0) + d.place,
       d.context
from unnest($1::bigint[], $2::integer[], $3::json[]) as d (held_id, place, context)
