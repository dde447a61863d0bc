-- What is in the log and not yet dealt with: how many events, counted up to $1
-- in each of three places, and since when the oldest waits.
--
-- As in claim_log.sql each place is an index scan with a limit, so that it costs
-- no more on the log of a year than on that of a day: the transactions which the
-- last finished step saw in progress; those which the step under way saw in
-- progress, before the place it has come to; all that is behind that place.
with p as materialized (
    select p.old, p.new, p.xid, p.seq, p.seq_min, pg_snapshot_xmax(p.old) as first_new
    from hearken.progress p
    where p.source = 'events'
    order by p.n desc
    limit 1
),
behind as not materialized (
    (select e.at
     from hearken.events e
     where e.xid = any (array(select x from p, pg_snapshot_xip(p.old) x))
       and e.seq > (select p.seq_min from p)
       and not coalesce((select pg_visible_in_snapshot(e.xid, p.new) and (e.xid, e.seq) <= (p.xid, p.seq)
                         from p), false)
     order by e.xid, e.seq
     limit $1)
    union all
    (select e.at
     from hearken.events e
     where e.xid = any (array(
               select x from p, pg_snapshot_xip(p.new) x where x >= p.first_new and x <= p.xid))
       and (e.xid, e.seq) <= ((select p.xid from p), (select p.seq from p))
       and e.seq > (select p.seq_min from p)
     order by e.xid, e.seq
     limit $1)
    union all
    (select e.at
     from hearken.events e
     where (e.xid, e.seq) > ((select greatest(p.xid, p.first_new) from p),
                             (select case when p.xid >= p.first_new then p.seq else 0 end from p))
       and e.seq > (select p.seq_min from p)
     order by e.xid, e.seq
     limit $1)
)
select count(*) as events, min(b.at) as since
from behind b
