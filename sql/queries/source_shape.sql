-- What a source's table ($1, $2) is like: whether a row's place is only known with
-- its part, and whether our trigger rings for inserts with the id of the source ($3).
select c.relkind = 'p' or exists (select from pg_catalog.pg_inherits h where h.inhparent = c.oid) as parts,
       exists (
           select
           from pg_catalog.pg_trigger g
           join pg_catalog.pg_proc p on p.oid = g.tgfoid
           join pg_catalog.pg_namespace s on s.oid = p.pronamespace
           where g.tgrelid = c.oid
             and s.nspname = 'hearken'
             and p.proname = 'ring'
             and g.tgenabled in ('O', 'A')
             and (g.tgtype & 4) = 4
             and pg_catalog.encode(g.tgargs, 'escape') = $3 || '\000') as rung
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p', 'f', 'v', 'm')
