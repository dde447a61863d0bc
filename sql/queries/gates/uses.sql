-- Uses of limits which play a part.
select w.key, u.at, u.uses
from unnest($1::bytea[], $2::timestamptz[]) as w (key, since)
cross join lateral (
    select u.at, u.uses from hearken.limit_uses u where u.key = w.key and u.at >= w.since offset 0) u
