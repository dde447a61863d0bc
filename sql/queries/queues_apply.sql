-- Sets the policies of hearken.toml ($1, an array of objects), and writes nothing
-- where nothing changed.
--
-- A row which the file names no more is removed; if its queue is paused, the row
-- stays without a policy. Rows which were set in SQL and which the file names are
-- taken over. Each row of the answer is a queue, and what became of it.
with wanted as materialized (
    select w.*
    from jsonb_to_recordset($1::text::jsonb) as w (
        name text, lease interval, deadline interval, max_attempts integer,
        backoff_first interval, backoff_factor double precision, backoff_max interval, jitter double precision,
        concurrency integer, concurrency_per_key integer, blocked_by text, rate_max integer, rate_per interval)
),
changed as materialized (
    select w.*,
           q.name is not null and q.set_by <> 'hearken.toml'
           and num_nonnulls(q.lease, q.deadline, q.max_attempts, q.backoff_first, q.backoff_factor, q.backoff_max,
                            q.jitter, q.concurrency, q.concurrency_per_key, q.blocked_by, q.rate_max) > 0 as taken
    from wanted w
    left join hearken.queues q on q.name = w.name
    where q.name is null
       or q.set_by <> 'hearken.toml'
       or (q.lease, q.deadline, q.max_attempts, q.backoff_first, q.backoff_factor, q.backoff_max, q.jitter,
           q.concurrency, q.concurrency_per_key, q.blocked_by, q.rate_max, q.rate_per)
          is distinct from
          (w.lease, w.deadline, w.max_attempts, w.backoff_first, w.backoff_factor, w.backoff_max, w.jitter,
           w.concurrency, w.concurrency_per_key, w.blocked_by, w.rate_max, w.rate_per)
),
written as (
    insert into hearken.queues as q (
        name, lease, deadline, max_attempts, backoff_first, backoff_factor, backoff_max, jitter,
        concurrency, concurrency_per_key, blocked_by, rate_max, rate_per, set_by)
    select c.name, c.lease, c.deadline, c.max_attempts, c.backoff_first, c.backoff_factor, c.backoff_max, c.jitter,
           c.concurrency, c.concurrency_per_key, c.blocked_by, c.rate_max, c.rate_per, 'hearken.toml'
    from changed c
    order by c.name
    on conflict (name) do update
    set lease = excluded.lease,
        deadline = excluded.deadline,
        max_attempts = excluded.max_attempts,
        backoff_first = excluded.backoff_first,
        backoff_factor = excluded.backoff_factor,
        backoff_max = excluded.backoff_max,
        jitter = excluded.jitter,
        concurrency = excluded.concurrency,
        concurrency_per_key = excluded.concurrency_per_key,
        blocked_by = excluded.blocked_by,
        rate_max = excluded.rate_max,
        rate_per = excluded.rate_per,
        set_by = excluded.set_by
    returning q.name
),
emptied as (
    update hearken.queues q
    set lease = null, deadline = null, max_attempts = null, backoff_first = null, backoff_factor = null,
        backoff_max = null, jitter = null, concurrency = null, concurrency_per_key = null, blocked_by = null,
        rate_max = null, rate_per = null, set_by = 'sql'
    where q.set_by = 'hearken.toml' and q.paused_since is not null
      and not exists (select from wanted w where w.name = q.name)
    returning q.name
),
removed as (
    delete from hearken.queues q
    where q.set_by = 'hearken.toml' and q.paused_since is null
      and not exists (select from wanted w where w.name = q.name)
    returning q.name
)
select c.name, case when c.taken then 'taken' else 'set' end as what from changed c join written using (name)
union all
select name, 'left' from emptied
union all
select name, 'left' from removed
order by name
