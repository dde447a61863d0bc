-- Uses of limits which play a part.
select u.key, u.at, u.uses
from unnest($1::bytea[], $2::timestamptz[]) as w (key, since)
join hearken.limit_uses u on u.key = w.key and u.at >= w.since
