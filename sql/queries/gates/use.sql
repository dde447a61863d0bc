-- Notes uses of limits.
insert into hearken.limit_uses as u (key, at, uses, expires_at)
select * from unnest($1::bytea[], $2::timestamptz[], $3::integer[], $4::timestamptz[])
on conflict (key, at) do update
set uses = u.uses + excluded.uses, expires_at = excluded.expires_at
