-- The next page of the log.
--
-- $1 rows at most; no row after the bodies reach $2 bytes; bodies above $3 bytes
-- are not fetched, and count as that many: they are looked at as well.
--
-- Three branches, each an index scan with a limit: the rest of the transaction
-- in which the last page ended; the transactions which the old snapshot saw in
-- progress and the new one sees; those begun since. One `or` in their place made
-- the planner read the log from its beginning. The subselects run once and are
-- boundaries of the index scans. Between two steps of which the last left nothing
-- in progress the first two branches are empty, and the part between the marks
-- is left out.
with p as materialized (
    select p.old, coalesce(p.new, pg_current_snapshot()) as new, p.xid, p.seq, p.seq_min,
           coalesce(p.seq_max, 9223372036854775807) as seq_max,
           pg_snapshot_xmax(p.old) as first_new
    from hearken.progress p
    where p.source = 'events'
    order by p.n desc
    limit 1
),
page as not materialized (
    select * from (
        -- <unfinished>
        (select e.*
         from hearken.events e
         where e.xid = (select p.xid from p where p.xid < p.first_new)
           and e.seq > (select p.seq from p)
           and pg_visible_in_snapshot(e.xid, (select p.new from p))
           and e.seq > (select p.seq_min from p) and e.seq <= (select p.seq_max from p)
         order by e.xid, e.seq
         limit $1)
        union all
        (select e.*
         from hearken.events e
         where e.xid = any (array(
                   select x from p, pg_snapshot_xip(p.old) x
                   where x > p.xid and pg_visible_in_snapshot(x, p.new)))
           and e.seq > (select p.seq_min from p) and e.seq <= (select p.seq_max from p)
         order by e.xid, e.seq
         limit $1)
        union all
        -- </unfinished>
        (select e.*
         from hearken.events e
         where (e.xid, e.seq) > ((select greatest(p.xid, p.first_new) from p),
                                 (select case when p.xid >= p.first_new then p.seq else 0 end from p))
           and e.xid < (select pg_snapshot_xmax(p.new) from p)
           and pg_visible_in_snapshot(e.xid, (select p.new from p))
           and e.seq > (select p.seq_min from p) and e.seq <= (select p.seq_max from p)
         order by e.xid, e.seq
         limit $1)
    ) branches
    order by xid, seq
    limit $1
),
sized as not materialized (
    -- A compressed body is measured unpacked.
    select e.*,
           case when pg_column_compression(e.data) is null and pg_column_compression(e.old) is null
                     and pg_column_compression(e.meta) is null
                then pg_column_size(e.data) + coalesce(pg_column_size(e.old), 0) + coalesce(pg_column_size(e.meta), 0)
                else octet_length(e.data::text) + coalesce(octet_length(e.old::text), 0) + coalesce(octet_length(e.meta::text), 0)
           end as bytes
    from page e
),
bounded as not materialized (
    select s.*, row_number() over w as place,
           sum(least(s.bytes, $3::bigint)::integer) over w as bytes_so_far
    from sized s
    window w as (order by s.xid, s.seq rows unbounded preceding)
)
select b.seq, b.xid,
       -- A time which the daemon cannot hold, infinity or far off, gives way.
       case when b.time >= '0001-01-02' and b.time < '9999-12-30' then b.time else b.at end as time,
       b.id, b.source, b.type, b.subject, b.tenant, b.chain,
       case when b.bytes <= $3::bigint then b.data end as data,
       case when b.bytes <= $3::bigint then b.old end as old,
       case when b.bytes <= $3::bigint then b.meta end as meta,
       b.bytes,
       case when b.place = 1 then (select p.new from p) end as snapshot,
       case when b.place = 1 then pg_current_xact_id_if_assigned() end as own_xid
from bounded b
where b.bytes_so_far - least(b.bytes, $3::bigint) < $2::bigint
