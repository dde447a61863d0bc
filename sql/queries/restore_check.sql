-- Where the log stands, and whether the database was restored from a dump since.
select p.n, p.old, p.new, p.xid, p.seq, p.seq_min, p.seq_max,
       p.nonce = m.nonce as same, m.seq as restored_seq
from hearken.progress p
cross join hearken.restore_mark m
where p.source = $1
order by p.n desc
limit 1
