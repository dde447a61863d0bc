-- Writes entries of the log of deliveries: one statement for many attempts.
insert into hearken.deliveries
    (at, item_id, attempt, status, duration_ms, outcome, endpoint, url, error, response, worker)
select hearken.now() - make_interval(secs => d.age), d.item_id, d.attempt, d.status, d.duration_ms,
       d.outcome, d.endpoint, d.url, d.error, d.response, $11
from unnest($1::float8[], $2::bigint[], $3::integer[], $4::integer[], $5::integer[],
            $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
    as d (age, item_id, attempt, status, duration_ms, outcome, endpoint, url, error, response)
