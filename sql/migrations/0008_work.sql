-- The worker's half: what a queue allows, keys which run one after another, and
-- every answer a worker can give.
--
-- A queue without a row in hearken.queues has no limits, and nothing is locked to
-- lease from it but the items themselves. A queue with a limit, or with items that
-- have keys, is leased from by one transaction at a time: whoever counts what runs
-- must be the only one who adds to it. That is an advisory lock of the queue
-- (1751478893, hash of its name) until the lease is committed.
--
-- Functions which look for items say themselves how they are planned: always the
-- same plan, over the indexes. Planning anew took five times as long as running, and
-- the statistics of a table which fills and empties are wrong at any time.
--
-- Locks: the inbox is locked until this is committed, asked for as in 0004: a
-- second and a half at a time. The new columns are instant; one reading of the
-- inbox for two indexes.

do $$
begin
    loop
        begin
            -- Longer than deadlock_timeout: that is when a vacuum is told to give way.
            perform set_config('lock_timeout', '1500ms', true);
            lock table hearken.inbox_items in access exclusive mode;
            perform set_config('lock_timeout', '0', true);
            exit;
        exception
            when lock_not_available or deadlock_detected then
                raise notice 'hearken waits for transactions which have the inbox open';
        end;
        perform pg_sleep(1);
    end loop;
end $$;

alter table hearken.inbox_items
    alter column attempts_max drop not null,
    alter column attempts_max drop default,
    add column key         text,
    add column leased_at   timestamptz,
    add column deadline_at timestamptz,
    add column counted     boolean,
    add column progress    jsonb,
    add column progress_at timestamptz,
    add column errors      jsonb,
    add column webhook     jsonb;

comment on table hearken.inbox_items is 'The work: one row an item, until some time after it is finished; see hearken.items for those in the history too. Workers use hearken.lease() and the functions which answer it.';
comment on column hearken.inbox_items.attempts_max is 'After so many attempts a failure makes it dead; null: as the queue says, or 5.';
comment on column hearken.inbox_items.key is 'Items of one queue and key run one after another, or as many at once as the queue says; null: whenever.';
comment on column hearken.inbox_items.leased_at is 'When the attempt which is under way, or the last one, began.';
comment on column hearken.inbox_items.deadline_at is 'When that attempt must end, whatever is extended; null: never.';
comment on column hearken.inbox_items.counted is 'While leased: it has one of the slots of its queue.';
comment on column hearken.inbox_items.progress is 'The last note of a worker, for whoever watches.';
comment on column hearken.inbox_items.progress_at is 'When the note was made.';
comment on column hearken.inbox_items.errors is 'The last 25 attempts which failed: an array of objects with attempt, worker, leased_at, at, outcome (failed, expired, retried) and error.';
comment on column hearken.inbox_items.webhook is 'How it is delivered, if it is a webhook; names of secrets, never secrets.';
comment on column hearken.inbox_items.error is 'The last error; of a cancelled one, why.';

-- The order within a key, and what of it runs.
create index inbox_items_key_idx on hearken.inbox_items (queue, key, id)
    where key is not null and state in ('waiting', 'failed');
create index inbox_items_key_leased_idx on hearken.inbox_items (queue, key)
    where key is not null and state = 'leased';
-- Who has the slots of a queue.
create index inbox_items_counted_idx on hearken.inbox_items (queue)
    where counted and state = 'leased';

-- Policies -----------------------------------------------------------------------

create table hearken.queues (
    name                text not null,
    lease               interval,
    deadline            interval,
    max_attempts        integer,
    backoff_first       interval,
    backoff_factor      double precision,
    backoff_max         interval,
    jitter              double precision,
    concurrency         integer,
    concurrency_per_key integer,
    blocked_by          text,
    rate_max            integer,
    rate_per            interval,
    paused_since        timestamptz,
    paused_by           text,
    pause_reason        text,
    set_by              text not null default 'sql',

    constraint queues_pkey primary key (name),
    constraint queues_name_is_a_name check (name ~ '^[A-Za-z0-9._-]{1,48}$'),
    constraint queues_lease_is_long_enough check (lease >= interval '5 seconds'),
    constraint queues_deadline_is_positive check (deadline > interval '0'),
    constraint queues_max_attempts_is_positive check (max_attempts between 1 and 1000),
    constraint queues_backoff_first_is_positive check (backoff_first > interval '0'),
    constraint queues_backoff_factor_grows check (backoff_factor between 1 and 10),
    constraint queues_backoff_max_is_positive check (backoff_max > interval '0'),
    constraint queues_jitter_is_a_share check (jitter between 0 and 1),
    constraint queues_concurrency_is_positive check (concurrency > 0),
    constraint queues_concurrency_per_key_is_positive check (concurrency_per_key > 0),
    constraint queues_blocked_by_is_known check (blocked_by in ('leased', 'failed', 'earlier')),
    constraint queues_rate_is_whole check ((rate_max is null) = (rate_per is null)),
    constraint queues_rate_is_positive check (rate_max > 0 and rate_per > interval '0'),
    constraint queues_set_by_is_known check (set_by in ('sql', 'hearken.toml'))
);

comment on table hearken.queues is 'What a queue allows. A queue needs no row; null is the default. The daemon writes what hearken.toml says of queues when it starts; other rows are yours.';
comment on column hearken.queues.lease is 'How long a lease lasts if the worker does not say; default 5 minutes.';
comment on column hearken.queues.deadline is 'How long an attempt may last, however often it is extended; default: for ever.';
comment on column hearken.queues.max_attempts is 'Attempts of items whose routine does not say; default 5.';
comment on column hearken.queues.backoff_first is 'The pause after the first failure; default 1 second.';
comment on column hearken.queues.backoff_factor is 'By which the pause grows with each failure; default 2.';
comment on column hearken.queues.backoff_max is 'The longest pause; default 1 hour.';
comment on column hearken.queues.jitter is 'By which share the pause is longer or shorter, at random; default 0.25.';
comment on column hearken.queues.concurrency is 'How many of its items may be leased at once.';
comment on column hearken.queues.concurrency_per_key is 'How many of one key; default 1.';
comment on column hearken.queues.blocked_by is 'Which earlier items of a key hold up the later ones: those leased (the default), also those which failed and wait for their next attempt, or all earlier ones which are not finished, those of the future too.';
comment on column hearken.queues.rate_max is 'How many leases may begin within rate_per.';
comment on column hearken.queues.paused_since is 'Since when nothing is leased from it; see hearken.pause_queue().';
comment on column hearken.queues.paused_by is 'The role which paused it.';
comment on column hearken.queues.pause_reason is 'For people.';
comment on column hearken.queues.set_by is 'Who set the policy: sql, or hearken.toml, whose next start sets it anew.';

create table hearken.queue_uses (
    queue  text not null,
    at     timestamptz not null,
    count  bigint not null,

    constraint queue_uses_count_is_positive check (count > 0)
);

comment on table hearken.queue_uses is 'When leases of queues with a rate began, one row a call of hearken.lease(); gone when they count no more.';

create index queue_uses_idx on hearken.queue_uses (queue, at);

-- The daemon's timer ---------------------------------------------------------------

create table hearken.lease_timer (
    only_one  boolean not null default true,
    next_at   timestamptz not null default hearken.now(),

    constraint lease_timer_pkey primary key (only_one),
    constraint lease_timer_has_one_row check (only_one)
) with (fillfactor = 10);

insert into hearken.lease_timer default values;

comment on table hearken.lease_timer is 'When the daemon next looks for leases which have ended. A lease which ends earlier rings it.';

-- Helpers --------------------------------------------------------------------------

create function hearken.backoff(attempt integer, queue text) returns interval
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    policy  record;
    pause   double precision;
    share   double precision;
begin
    select extract(epoch from q.backoff_first)::double precision as first, q.backoff_factor as factor,
           extract(epoch from q.backoff_max)::double precision as most, q.jitter
    into policy
    from hearken.queues q
    where q.name = backoff.queue;
    share := coalesce(policy.jitter, 0.25);
    -- Sixty doublings of a tenth of a second are longer than anybody waits.
    pause := least(
        coalesce(policy.first, 1) * power(coalesce(policy.factor, 2), least(greatest(attempt, 1), 60) - 1),
        coalesce(policy.most, 3600));
    return pause * (1 - share + 2 * share * random()) * interval '1 second';
end $$;

comment on function hearken.backoff(integer, text) is
    'How long to wait after the given attempt at an item of the queue failed, by the queue''s policy.';

create function hearken.add_error(
    errors    jsonb,
    attempt   integer,
    worker    text,
    leased_at timestamptz,
    outcome   text,
    error     text
) returns jsonb
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    kept jsonb := coalesce(errors, '[]');
begin
    if jsonb_array_length(kept) >= 25 then
        kept := kept - 0;
    end if;
    return kept || jsonb_build_array(jsonb_build_object(
        'attempt', attempt, 'worker', worker, 'leased_at', leased_at, 'at', hearken.now(),
        'outcome', outcome, 'error', left(error, 8000)));
end $$;

comment on function hearken.add_error(jsonb, integer, text, timestamptz, text, text) is
    'The errors of an item with one more; the last 25 are kept, and 8,000 characters of each.';

create function hearken.ring_queue(queue text) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    -- No channel has a longer name.
    if octet_length(queue) < 56 then
        perform pg_notify('hearken:' || queue, '');
    end if;
end $$;

comment on function hearken.ring_queue(text) is 'Rings those who wait for items of the queue.';

create function hearken.ring_for_slot(queue text) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
    set plan_cache_mode = force_generic_plan
    set jit = off
    set enable_seqscan = off
    set enable_bitmapscan = off
as $$
begin
    if exists (
        -- From priority to priority, as in next_due(): a backlog of the future costs nothing.
        with recursive first as (
            (select i.priority
             from hearken.inbox_items i
             where i.queue = ring_for_slot.queue and i.state in ('waiting', 'failed')
             order by i.priority desc
             limit 1)
            union all
            select p.priority
            from first f
            cross join lateral (
                select i.priority
                from hearken.inbox_items i
                where i.queue = ring_for_slot.queue and i.priority < f.priority
                  and i.state in ('waiting', 'failed')
                order by i.priority desc
                limit 1
            ) p
        )
        select
        from first f
        cross join lateral (
            select
            from hearken.inbox_items i
            where i.queue = ring_for_slot.queue and i.priority = f.priority
              and i.state in ('waiting', 'failed') and i.due_at <= hearken.now()
            order by i.due_at, i.id
            limit 1
        ) i
    ) then
        perform hearken.ring_queue(ring_for_slot.queue);
    end if;
end $$;

comment on function hearken.ring_for_slot(text) is
    'Rings the workers of a queue if something is due there: a slot, or a key, is free again.';

-- What may be leased from a queue with limits ------------------------------------------

create function hearken.pick_limited(
    queue    text,
    urgency  integer,
    wanted   integer,
    tags     text[],
    tenants  text[],
    at       timestamptz
) returns table (id bigint, due_at timestamptz)
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
    set plan_cache_mode = force_generic_plan
    set jit = off
    set enable_seqscan = off
    set enable_bitmapscan = off
as $$
#variable_conflict use_column
-- With its owner's rights: a limit counts what runs for all tenants. It tells the
-- numbers of items, and of those only which the session may see.
declare
    -- That of the lease, by which a rate is counted; never one of the future, since
    -- what counts for the rate is tidied up by it.
    clock    constant timestamptz := least(pick_limited.at, hearken.now());
    policy   hearken.queues%rowtype;
    room     bigint := wanted;
    per_key  integer;
    looked   bigint;
    found_so bigint[];
    -- Without tenants everybody sees everything.
    free     constant boolean := not exists (
        select from pg_policy p
        where p.polrelid = 'hearken.inbox_items'::regclass and p.polname = 'hearken_workers_see');
begin
    select q.* into policy from hearken.queues q where q.name = pick_limited.queue;
    per_key := coalesce(policy.concurrency_per_key, 1);
    if policy.concurrency is not null then
        room := least(room, policy.concurrency - (
            select count(*)
            from hearken.inbox_items i
            where i.queue = pick_limited.queue and i.state = 'leased' and i.counted));
    end if;
    if policy.rate_max is not null then
        delete from hearken.queue_uses u
        where u.queue = pick_limited.queue and u.at <= clock - policy.rate_per;
        room := least(room, policy.rate_max - (
            select coalesce(sum(u.count), 0)
            from hearken.queue_uses u
            where u.queue = pick_limited.queue));
    end if;
    if room <= 0 then
        return;
    end if;

    -- First the items at the head of the queue. Among keys enough, or with none,
    -- they will do.
    looked := 100 + 4 * room;
    select array_agg(a.id) into found_so
    from (
        select a.id
        from (
            select h.id, h.key, h.due_at, row_number() over (partition by h.key order by h.id) as place
            from (
                select i.id, i.key, i.due_at
                from hearken.inbox_items i
                where i.queue = pick_limited.queue
                  and i.state in ('waiting', 'failed')
                  and i.priority = pick_limited.urgency
                  and i.due_at <= clock
                  and (pick_limited.tags is null or i.tags <@ pick_limited.tags)
                  and (pick_limited.tenants is null or i.tenant = any (pick_limited.tenants))
                order by i.due_at, i.id
                limit looked
            ) h
            -- Sorted here, so that no more are asked about than are wanted.
            order by h.due_at, h.id
            offset 0
        ) a
        where a.key is null
           -- Those which others of the key come before need not be asked about.
           or (a.place <= per_key
               and hearken.key_is_free(pick_limited.queue, a.key, a.id, per_key, policy.blocked_by, clock))
        order by a.due_at, a.id
        limit room
    ) a;

    -- If a few keys fill it, the others are found key by key.
    if coalesce(cardinality(found_so), 0) < room and exists (
        select from hearken.inbox_items i
        where i.queue = pick_limited.queue
          and i.state in ('waiting', 'failed')
          and i.priority = pick_limited.urgency
          and i.due_at <= clock
          and (pick_limited.tenants is null or i.tenant = any (pick_limited.tenants))
        order by i.due_at, i.id
        offset looked
    ) then
        with recursive keys (key) as (
            select min(i.key)
            from hearken.inbox_items i
            where i.queue = pick_limited.queue and i.key is not null and i.state in ('waiting', 'failed')
            union all
            select (
                select min(i.key)
                from hearken.inbox_items i
                where i.queue = pick_limited.queue and i.key > keys.key and i.state in ('waiting', 'failed'))
            from keys
            where keys.key is not null
        )
        select array_agg(a.id) into found_so
        from (
            select a.id
            from (
                select h.id, h.due_at
                from keys
                cross join lateral (
                    select i.id, i.due_at, i.tags, i.tenant
                    from hearken.inbox_items i
                    where i.queue = pick_limited.queue
                      and (i.key, i.id) >= (keys.key, 0::bigint)
                      and (i.key, i.id) <= (keys.key, 9223372036854775807)
                      and i.key is not null
                      and i.state in ('waiting', 'failed')
                      and i.priority = pick_limited.urgency
                      and i.due_at <= clock
                    order by i.key, i.id
                    limit per_key
                ) h
                where keys.key is not null
                  and (pick_limited.tags is null or h.tags <@ pick_limited.tags)
                  and (pick_limited.tenants is null or h.tenant = any (pick_limited.tenants))
                  and hearken.key_is_free(pick_limited.queue, keys.key, h.id, per_key, policy.blocked_by, clock)
                union all
                select *
                from (
                    select i.id, i.due_at
                    from hearken.inbox_items i
                    where i.queue = pick_limited.queue
                      and i.key is null
                      and i.state in ('waiting', 'failed')
                      and i.priority = pick_limited.urgency
                      and i.due_at <= clock
                      and (pick_limited.tags is null or i.tags <@ pick_limited.tags)
                      and (pick_limited.tenants is null or i.tenant = any (pick_limited.tenants))
                    order by i.due_at, i.id
                    limit room
                ) u
            ) a
            order by a.due_at, a.id
            limit room
        ) a;
    end if;

    return query
        select i.id, i.due_at
        from hearken.inbox_items i
        where i.id = any (found_so) and (free or hearken.session_sees(i.queue, i.tenant));
end $$;

comment on function hearken.pick_limited(text, integer, integer, text[], text[], timestamptz) is
    'Part of hearken.lease(): which items of a queue with limits, or with keys, may be leased now. Right only under the queue''s lock.';

create function hearken.key_is_free(
    queue      text,
    key        text,
    id         bigint,
    per_key    integer,
    blocked_by text,
    clock      timestamptz
) returns boolean
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
    set plan_cache_mode = force_generic_plan
    set jit = off
    set enable_seqscan = off
    set enable_bitmapscan = off
as $$
begin
    -- Neither of the two looks through more than it needs to say no.
    return (
        select count(*)
        from (
            (select
             from hearken.inbox_items i
             where i.queue = key_is_free.queue and i.key = key_is_free.key and i.state = 'leased'
             limit per_key)
            union all
            (select
             from hearken.inbox_items i
             -- Compared as rows, so that no other index seems to do.
             where i.queue = key_is_free.queue
               and (i.key, i.id) < (key_is_free.key, key_is_free.id)
               and (i.key, i.id) >= (key_is_free.key, 0::bigint)
               and i.key is not null
               and i.state in ('waiting', 'failed')
               and (i.due_at <= clock
                    or key_is_free.blocked_by = 'earlier'
                    or (key_is_free.blocked_by = 'failed' and i.state = 'failed'))
             order by i.key, i.id
             limit per_key)
        ) ahead
    ) < per_key;
end $$;

comment on function hearken.key_is_free(text, text, bigint, integer, text, timestamptz) is
    'Part of hearken.lease(): whether fewer than per_key items of the key run or come before this one.';

revoke execute on function hearken.key_is_free(text, text, bigint, integer, text, timestamptz) from public;

create function hearken.limited_queues(queues text[]) returns text[]
    language plpgsql stable security definer
    set search_path = pg_catalog, pg_temp
    set plan_cache_mode = force_generic_plan
    set jit = off
    set enable_seqscan = off
    set enable_bitmapscan = off
as $$
begin
    return array(
        select q.name
        from (select distinct n.name from unnest(queues) as n (name)) q
        left join hearken.queues p on p.name = q.name
        where p.concurrency is not null
           or p.rate_max is not null
           or exists (
                select from hearken.inbox_items i
                where i.queue = q.name and i.key is not null and i.state in ('waiting', 'failed'))
        order by q.name
    );
end $$;

comment on function hearken.limited_queues(text[]) is
    'Those of the queues which have a limit, or items with keys; in order, so that whoever locks them meets nobody halfway.';

-- The lease ----------------------------------------------------------------------------

-- Dead entries of an index which vacuum may not remove, while some transaction holds
-- xmin, are passed by again and again: 0.8 ms for a thousand of them. A session which
-- notices this, twice in a row, remembers where the first live row of each queue and
-- priority was, and begins there: a setting of the session, for three seconds at most,
-- after which it looks at everything again. Until then it does not see a row which
-- turns up more than a second below: one given back, or written with an old due_at.
create function hearken.find_floors(queues text[], known jsonb, urgency integer, clock timestamptz) returns jsonb
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
    set plan_cache_mode = force_generic_plan
    set jit = off
    set enable_seqscan = off
    set enable_bitmapscan = off
as $$
declare
    floors jsonb;
    -- What is being written at this moment is not hidden by it.
    latest constant timestamptz := clock - interval '1 second';
begin
    if known is null then
        with recursive live as (
            select q.name as queue, i.priority, i.due_at, i.id
            from unnest(queues) as q (name)
            cross join lateral (
                select i.priority, i.due_at, i.id
                from hearken.inbox_items i
                where i.queue = q.name and i.state in ('waiting', 'failed')
                order by i.priority desc, i.due_at, i.id
                limit 1
            ) i
            union all
            select l.queue, i.priority, i.due_at, i.id
            from live l
            cross join lateral (
                select i.priority, i.due_at, i.id
                from hearken.inbox_items i
                where i.queue = l.queue and i.priority < l.priority and i.state in ('waiting', 'failed')
                order by i.priority desc, i.due_at, i.id
                limit 1
            ) i
        )
        select jsonb_agg(jsonb_build_object('queue', l.queue, 'priority', l.priority,
                   'due_at', least(l.due_at, latest), 'id', case when l.due_at < latest then l.id else 0 end))
        into floors
        from live l;
    else
        select jsonb_agg(jsonb_build_object('queue', c.queue, 'priority', c.priority,
                   'due_at', least(i.due_at, latest),
                   'id', case when i.due_at < latest then i.id else 0 end))
        into floors
        from (
            select distinct on (c.queue, c.priority) c.queue, c.priority, c.due_at, c.id
            from (
                select f.queue, f.priority, f.due_at, f.id
                from jsonb_to_recordset(known) as f (queue text, priority integer, due_at timestamptz, id bigint)
                union all
                select q.name, urgency, '-infinity', 0 from unnest(queues) as q (name) where urgency is not null
            ) c
            order by c.queue, c.priority, c.due_at desc, c.id desc
        ) c
        left join lateral (
            select i.due_at, i.id
            from hearken.inbox_items i
            where i.queue = c.queue and i.priority = c.priority and i.state in ('waiting', 'failed')
              and (i.due_at, i.id) >= (c.due_at, c.id)
            order by i.due_at, i.id
            limit 1
        ) i on true;
    end if;
    return coalesce(floors, '[]');
end $$;

comment on function hearken.find_floors(text[], jsonb, integer, timestamptz) is
    'Part of hearken.lease(): where the first live rows of queues are, of each priority; or, of those known, where they are by now.';

create or replace function hearken.lease(
    worker text,
    queues text[],
    max    integer default 1,
    lease  interval default null,
    tags   text[] default null
) returns table (
    id           bigint,
    token        bigint,
    attempt      integer,
    queue        text,
    priority     integer,
    routine      text,
    title        text,
    instructions text,
    context      jsonb,
    tenant       text,
    item_tags    text[],
    event_seq    bigint,
    tick         timestamptz,
    due_at       timestamptz,
    lease_until  timestamptz
)
    language plpgsql
    set search_path = pg_catalog, pg_temp
    set plan_cache_mode = force_generic_plan
    set jit = off
    set enable_seqscan = off
    set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
    clock       timestamptz := hearken.now();
    ends        timestamptz;
    wanted      integer := lease.max;
    taken       integer;
    urgency     integer;
    below       bigint := 2147483648;
    name        text;
    -- Queues which pause not; of them, those with limits, those whose leases are
    -- counted for a rate, and those with a policy, with what it says.
    open        text[];
    ruled       text[];
    r_ends      timestamptz[];
    r_deadline  timestamptz[];
    r_counted   boolean[];
    limited     text[];
    rated       text[] := '{}';
    picked      bigint[] := '{}';
    ids         bigint[];
    -- Queues of which all tenants' items are ours, and pairs of queue and tenant.
    whole       text[];
    of_queues   text[] := '{}';
    of_tenants  text[] := '{}';
    -- What is remembered of the beginnings of the index: see find_floors().
    known       jsonb := nullif(current_setting('hearken.floors', true), '')::jsonb;
    began       timestamptz := clock_timestamp();
    looked      timestamptz;
    f_queue     text[];
    f_priority  integer[];
    f_due       timestamptz[];
    f_id        bigint[];
    g_queue     text[];
    g_low       bigint[];
    g_high      bigint[];
    slow        boolean := false;
    spent       interval;
    first_one   integer;
    ended       boolean;
    checked     timestamptz := clock;
begin
    open := array(select distinct q.name from unnest(lease.queues) as q (name));
    if not (known ->> 'until')::timestamptz between began and began + interval '3 seconds'
       or not known -> 'queues' @> to_jsonb(open) then
        known := null;
    end if;
    if known is null then
        ended := exists (select from hearken.inbox_items i where i.state = 'leased' and i.lease_until <= clock);
    else
        ended := exists (select from hearken.inbox_items i where i.state = 'leased' and i.lease_until <= clock
            and i.lease_until > (known ->> 'ended')::timestamptz);
    end if;
    spent := clock_timestamp() - began;
    slow := spent > interval '2 milliseconds';
    if exists (select from hearken.queues q where q.name = any (open)) then
        select coalesce(array_agg(q.name) filter (where p.paused_since is null), '{}'),
               coalesce(array_agg(q.name) filter (where p.rate_max is not null), '{}')
        into open, rated
        from unnest(open) as q (name)
        left join hearken.queues p on p.name = q.name;
    end if;
    limited := hearken.limited_queues(open);
    if limited <> '{}' then
        if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
            raise exception 'a queue with limits or keys can be leased from in read committed only, and not in %',
                current_setting('transaction_isolation')
                using errcode = 'feature_not_supported',
                      hint = 'What runs is counted, and an older snapshot would count wrong.';
        end if;
        foreach name in array limited loop
            perform pg_advisory_xact_lock(1751478893, hashtext(name));
        end loop;
    end if;
    -- Not before the locks, since it locks rows of other queues.
    if ended then
        perform hearken.expire_leases(100);
    end if;
    -- Others were waited for, or expired items came back just now.
    clock := hearken.now();
    ends := clock + greatest(coalesce(lease.lease, interval '5 minutes'), interval '5 seconds');
    select coalesce(array_agg(q.name order by q.name), '{}'),
           array_agg(least(clock + greatest(coalesce(lease.lease, q.lease, interval '5 minutes'),
                                            interval '5 seconds'), clock + q.deadline) order by q.name),
           array_agg(clock + q.deadline order by q.name),
           array_agg(case when q.concurrency is not null then true end order by q.name)
    into ruled, r_ends, r_deadline, r_counted
    from hearken.queues q
    where q.name = any (open);

    whole := array(select q.name from unnest(open) as q (name) where q.name <> all (limited));
    -- The policy alone would do. But it is asked of each row of the queue, and most
    -- of them are others': so each tenant's items are looked up in an index.
    if row_security_active('hearken.inbox_items') and exists (
        select from pg_policy p
        where p.polrelid = 'hearken.inbox_items'::regclass and p.polname = 'hearken_workers_see'
    ) and not hearken.sees_all_tenants() then
        select coalesce(array_agg(p.queue) filter (where not p.whole), '{}'),
               coalesce(array_agg(p.tenant) filter (where not p.whole), '{}'),
               coalesce(array_agg(distinct p.queue) filter (where p.whole), '{}')
        into of_queues, of_tenants, open
        from (
            select distinct q.name as queue, w.tenant,
                   bool_or(w.tenant is null) over (partition by q.name) as whole
            from unnest(open) as q (name)
            join hearken.my_work() w on w.queue is null or w.queue = q.name
        ) p;
        whole := array(select q.name from unnest(open) as q (name) where q.name <> all (limited));
    end if;

    if of_queues <> '{}' then
        known := null;
    end if;
    if known is not null then
        select array_agg(f.queue), array_agg(f.priority), array_agg(f.due_at), array_agg(f.id)
        into f_queue, f_priority, f_due, f_id
        from jsonb_to_recordset(known -> 'floors') as f (queue text, priority integer, due_at timestamptz, id bigint)
        where f.queue = any (open);
        select array_agg(g.queue), array_agg(g.low), array_agg(g.high)
        into g_queue, g_low, g_high
        from (
            select f.queue, f.priority::bigint as low,
                   coalesce(lag(f.priority) over (partition by f.queue order by f.priority desc), 2147483648) as high
            from unnest(f_queue, f_priority) as f (queue, priority)
            union all
            select q.name, -2147483649, coalesce(min(f.priority), 2147483648)
            from unnest(open) as q (name)
            left join unnest(f_queue, f_priority) as f (queue, priority) on f.queue = q.name
            group by q.name
        ) g;
    end if;
    -- One turn for each priority which has items: within a priority the index
    -- is in the order of due_at, so that items of the future cost nothing.
    while wanted > 0 loop
        looked := clock_timestamp();
        if known is null then
            select i.priority into urgency
            from (
                select i.priority
                from unnest(open) as q (name)
                cross join lateral (
                    select i.priority
                    from hearken.inbox_items i
                    where i.queue = q.name and i.state in ('waiting', 'failed') and i.priority < below
                    order by i.priority desc
                    limit 1
                ) i
                union all
                select i.priority
                from unnest(of_queues, of_tenants) as p (queue, tenant)
                cross join lateral (
                    select i.priority
                    from hearken.inbox_items i
                    where i.tenant = p.tenant and i.queue = p.queue
                      and i.state in ('waiting', 'failed') and i.priority < below
                    order by i.priority desc
                    limit 1
                ) i
            ) i
            order by i.priority desc
            limit 1;
        else
            select i.priority into urgency
            from (
                select f.priority
                from unnest(f_queue, f_priority, f_due, f_id) as f (queue, priority, due_at, id)
                cross join lateral (
                    select
                    from hearken.inbox_items i
                    where i.queue = f.queue and i.priority = f.priority and i.state in ('waiting', 'failed')
                      and (i.due_at, i.id) >= (f.due_at, f.id)
                    limit 1
                ) i
                where f.priority < below
                union all
                select i.priority
                from unnest(g_queue, g_low, g_high) as g (queue, low, high)
                cross join lateral (
                    select i.priority
                    from hearken.inbox_items i
                    where i.queue = g.queue and i.priority > g.low and i.priority < least(g.high, below)
                      and i.due_at >= (known ->> 'since')::timestamptz and i.state in ('waiting', 'failed')
                    order by i.priority desc
                    limit 1
                ) i
            ) i
            order by i.priority desc
            limit 1;
        end if;
        if first_one is null then
            first_one := urgency;
            spent := spent + (clock_timestamp() - looked);
            slow := slow or clock_timestamp() - looked > interval '2 milliseconds';
        end if;
        exit when not found;

        if limited <> '{}' then
            picked := '{}';
            foreach name in array limited loop
                if name = any (open) then
                    picked := picked || array(
                        select p.id from hearken.pick_limited(name, urgency, wanted, lease.tags, null, clock) p);
                elsif name = any (of_queues) then
                    picked := picked || array(
                        select p.id
                        from hearken.pick_limited(name, urgency, wanted, lease.tags, array(
                            select o.tenant from unnest(of_queues, of_tenants) as o (queue, tenant)
                            where o.queue = name), clock) p);
                end if;
            end loop;
        end if;

        -- The ids first, from each of the three kinds of queues: so each plan is small
        -- to set up, and each row is then found by the primary key.
        ids := array(
            select p.id
            from (
                select p.id, p.due_at
                from unnest(whole) as q (name)
                left join unnest(f_queue, f_priority, f_due, f_id) as f (queue, priority, due_at, id)
                    on f.queue = q.name and f.priority = urgency
                cross join lateral (
                    select i.id, i.due_at
                    from hearken.inbox_items i
                    where i.queue = q.name
                      and (i.due_at, i.id) >= (coalesce(f.due_at, '-infinity'), coalesce(f.id, 0))
                      and i.state in ('waiting', 'failed')
                      and i.priority = urgency
                      and i.due_at <= clock
                      and (lease.tags is null or i.tags <@ lease.tags)
                      -- One with a key which came since the limits were asked for.
                      and i.key is null
                    order by i.due_at, i.id
                    limit wanted
                    for update skip locked
                ) p
            ) p
            order by p.due_at, p.id
            limit wanted
        );
        if of_queues <> '{}' then
            ids := ids || array(
                select p.id
                from unnest(of_queues, of_tenants) as o (queue, tenant)
                cross join lateral (
                    select i.id
                    from hearken.inbox_items i
                    where i.tenant = o.tenant
                      and i.queue = o.queue
                      and o.queue <> all (limited)
                      and i.state in ('waiting', 'failed')
                      and i.priority = urgency
                      and i.due_at <= clock
                      and (lease.tags is null or i.tags <@ lease.tags)
                      and i.key is null
                    order by i.due_at, i.id
                    limit wanted
                    for update skip locked
                ) p
            );
        end if;
        if picked <> '{}' then
            ids := ids || array(
                select i.id
                from hearken.inbox_items i
                where i.id = any (picked) and i.state in ('waiting', 'failed')
                for update skip locked
            );
        end if;
        if cardinality(ids) > wanted then
            ids := array(
                select i.id
                from hearken.inbox_items i
                where i.id = any (ids)
                order by i.due_at, i.id
                limit wanted
            );
        end if;
        if rated <> '{}' then
            insert into hearken.queue_uses (queue, at, count)
            select i.queue, clock, count(*)
            from hearken.inbox_items i
            where i.id = any (ids) and i.queue = any (rated)
            group by i.queue;
        end if;

        return query
            with leased as (
                update hearken.inbox_items i
                set state = 'leased',
                    token = nextval('hearken.lease_tokens'),
                    attempt = i.attempt + 1,
                    leased_at = clock,
                    worker = lease.worker,
                    lease_until = coalesce(r_ends[array_position(ruled, i.queue)], ends),
                    deadline_at = r_deadline[array_position(ruled, i.queue)],
                    counted = r_counted[array_position(ruled, i.queue)]
                where i.id = any (ids)
                returning i.id, i.token, i.attempt, i.queue, i.priority, i.routine, i.title, i.instructions,
                          i.context, i.tenant, i.tags, i.event_seq, i.tick, i.due_at, i.lease_until
            )
            select l.* from leased l order by l.due_at, l.id;
        get diagnostics taken = row_count;
        wanted := wanted - taken;
        below := urgency;
    end loop;
    if slow and of_queues = '{}' then
        looked := clock_timestamp();
        if known is not null then
            known := known || jsonb_build_object(
                'floors', hearken.find_floors(open, known -> 'floors', first_one, clock),
                'ended', case when ended then (known ->> 'ended')::timestamptz else checked end);
        else
            known := jsonb_build_object(
                'floors', hearken.find_floors(open, null, null, clock), 'queues', to_jsonb(open),
                'since', clock - interval '1 second',
                'ended', case when ended then '-infinity'::timestamptz else checked end);
            spent := spent + (clock_timestamp() - looked);
            -- Once may be chance: the machine was busy elsewhere.
            if clock_timestamp() - looked <= interval '2 milliseconds' then
                known := null;
            else
                known := known || jsonb_build_object(
                    'until', clock_timestamp() + least(20 * spent, interval '3 seconds'));
            end if;
        end if;
        if known is not null then
            perform set_config('hearken.floors', known::text, false);
        end if;
    end if;

    -- The daemon looks for ended leases when it planned to; one which ends before
    -- that tells it. A plan whose time has come is about to be made anew, and may
    -- not have seen us; one which is long past has no daemon.
    if wanted < lease.max then
        ends := least(ends, (select min(r.ends) from unnest(r_ends) as r (ends)));
        perform from hearken.lease_timer t
        where t.only_one and t.next_at > clock - interval '1 minute' and (ends < t.next_at or t.next_at <= clock);
        if found then
            perform pg_notify('hearken_doorbell', 'leases');
        end if;
    end if;
end $$;

comment on function hearken.lease(text, text[], integer, interval, text[]) is
    'Takes up to max items of the queues, the most urgent first, then the longest due. The lease lasts as long as said, else as the queue says, else five minutes, and never less than five seconds. With tags, only items all of whose tags are among them. Commit before you begin to work.';

create function hearken.next_room(queue text, clock timestamptz, later timestamptz) returns timestamptz
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
as $$
declare
    policy  record;
    used    bigint;
    oldest  timestamptz;
begin
    select q.rate_max, q.rate_per into policy from hearken.queues q where q.name = next_room.queue;
    if policy.rate_max is not null then
        select coalesce(sum(u.count), 0), min(u.at) into used, oldest
        from hearken.queue_uses u
        where u.queue = next_room.queue and u.at > clock - policy.rate_per;
        if used >= policy.rate_max then
            return oldest + policy.rate_per;
        end if;
    end if;
    -- A slot or a key which is free again rings; this is for who does not listen.
    return least(clock + interval '5 seconds', next_room.later);
end $$;

comment on function hearken.next_room(text, timestamptz, timestamptz) is
    'Part of hearken.next_due(): when to look again at a queue with limits where something is due.';

-- With tags, so that a worker which cannot do what is due does not spin.
create function hearken.next_due(queues text[], tags text[]) returns timestamptz
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
    set plan_cache_mode = force_generic_plan
    set jit = off
    set enable_seqscan = off
    set enable_bitmapscan = off
as $$
declare
    clock   constant timestamptz := hearken.now();
    open    text[] := array(
        select distinct n.name
        from unnest(queues) as n (name)
        left join hearken.queues q on q.name = n.name
        where q.paused_since is null);
    limited text[] := hearken.limited_queues(open);
begin
    return least(
        -- A lease which ends gives its item back: who looks then finds it. One which
        -- has ended and was not given back is locked: no reason to look at once.
        (select case when l.ends <= clock then clock + interval '1 second' else l.ends end
         from (
             select min(i.lease_until) as ends
             from hearken.inbox_items i
             where i.state = 'leased' and i.queue = any (open)
               and (next_due.tags is null or i.tags <@ next_due.tags)
         ) l),
        (
        -- From priority to priority, since within one the index is in the order of
        -- due_at: a backlog of the future costs nothing.
        with recursive first as (
            select n.name, p.priority
            from unnest(open) as n (name)
            cross join lateral (
                select i.priority
                from hearken.inbox_items i
                where i.queue = n.name and i.state in ('waiting', 'failed')
                order by i.priority desc
                limit 1
            ) p
            union all
            select f.name, p.priority
            from first f
            cross join lateral (
                select i.priority
                from hearken.inbox_items i
                where i.queue = f.name and i.priority < f.priority and i.state in ('waiting', 'failed')
                order by i.priority desc
                limit 1
            ) p
        )
        select min(case when i.due_at > clock or f.name <> all (limited) then i.due_at
                        else hearken.next_room(f.name, clock, later.due_at) end)
        from first f
        cross join lateral (
            select i.due_at
            from hearken.inbox_items i
            where i.queue = f.name and i.priority = f.priority and i.state in ('waiting', 'failed')
              and (next_due.tags is null or i.tags <@ next_due.tags)
            order by i.due_at, i.id
            limit 1
        ) i
        -- Behind what is due and may not run: another key, whose time comes first.
        left join lateral (
            select i.due_at
            from hearken.inbox_items i
            where i.queue = f.name and i.priority = f.priority and i.state in ('waiting', 'failed')
              and i.due_at > clock
              and (next_due.tags is null or i.tags <@ next_due.tags)
            order by i.due_at, i.id
            limit 1
        ) later on f.name = any (limited)
    ));
end $$;

create or replace function hearken.next_due(queues text[]) returns timestamptz
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
as $$
begin
    return hearken.next_due(queues, null::text[]);
end $$;

comment on function hearken.next_due(text[]) is
    'When to lease again from the queues if nothing is heard before: when something falls due there, or a lease ends; null if there is neither.';
comment on function hearken.next_due(text[], text[]) is
    'The same, of items all of whose tags are among those given.';

-- Answers --------------------------------------------------------------------------------

-- A leased item is one with lease_until, by a constraint. Of the two ways to say it
-- the planner takes the other for a hint to look through all that are leased.

create or replace function hearken.expire_leases(max integer default 1000) returns timestamptz
    language plpgsql
    set search_path = pg_catalog, pg_temp
    set plan_cache_mode = force_generic_plan
    set jit = off
    set enable_seqscan = off
    set enable_bitmapscan = off
as $$
declare
    clock       timestamptz := hearken.now();
    queues      text[];
    open_key    text;
    overlap_key text;
begin
    with expired as materialized (
        -- Looked at again once it is locked: what was answered meanwhile is not
        -- leased any more.
        select i.id,
               i.attempt >= coalesce(i.attempts_max, (
                   select q.max_attempts from hearken.queues q where q.name = i.queue), 5) as is_last
        from hearken.inbox_items i
        where i.state = 'leased' and i.lease_until <= clock
        order by i.lease_until
        limit expire_leases.max
        for update of i skip locked
    ), given_back as (
        update hearken.inbox_items i
        set state = case when expired.is_last then 'dead' else 'failed' end,
            due_at = clock,
            finished_at = case when expired.is_last then clock end,
            lease_until = null,
            error = format('the lease of worker %s ended without an answer (attempt %s)',
                coalesce(i.worker, '?'), i.attempt),
            errors = hearken.add_error(i.errors, i.attempt, i.worker, i.leased_at, 'expired',
                case when i.deadline_at <= clock then 'the attempt had not ended at its deadline'
                     else 'the lease ended without an answer' end)
        from expired
        where i.id = expired.id
        returning i.queue, i.state, i.open_key, i.overlap_key
    )
    select array_agg(distinct g.queue),
           max(encode(g.open_key, 'hex')) filter (where g.state = 'dead'),
           max(encode(g.overlap_key, 'hex')) filter (where g.state = 'dead')
    into queues, open_key, overlap_key
    from given_back g;
    if queues is not null then
        -- One bell rings for all whose gates wait, and one for each queue.
        perform hearken.ring_for_waiting(decode(open_key, 'hex'), decode(overlap_key, 'hex'));
        perform hearken.ring_queue(q.name) from unnest(queues) as q (name);
    end if;

    return (select min(i.lease_until) from hearken.inbox_items i where i.state = 'leased');
end $$;

create function hearken.watch_leases(max_wait interval) returns double precision
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    ends    timestamptz := hearken.expire_leases();
    clock   timestamptz := hearken.now();
    planned timestamptz := least(
        -- What has ended and is still there is locked by somebody, or there are very many.
        case when ends <= clock then clock + interval '250 milliseconds' else ends end,
        clock + max_wait);
begin
    -- Never later than was planned before, until then: leases which were taken
    -- meanwhile, and are not committed yet, rang nobody because of that plan.
    update hearken.lease_timer t
    set next_at = case when t.next_at > clock then least(t.next_at, planned) else planned end
    returning t.next_at into planned;
    return greatest(extract(epoch from planned - hearken.now()), 0)::double precision;
end $$;

comment on function hearken.watch_leases(interval) is
    'What the daemon does about leases: gives back those which have ended, and plans when to look again, no later than max_wait from now. Returns in how many seconds.';

revoke execute on function hearken.watch_leases(interval) from public;

create or replace function hearken.extend(id bigint, token bigint, lease interval default null) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    clock timestamptz := hearken.now();
    ends  timestamptz;
begin
    update hearken.inbox_items i
    set lease_until = least(
        clock + greatest(
            coalesce(extend.lease, (select q.lease from hearken.queues q where q.name = i.queue), interval '5 minutes'),
            interval '5 seconds'),
        i.deadline_at)
    where i.id = extend.id and i.token = extend.token and i.lease_until is not null
      and (i.deadline_at is null or i.deadline_at > clock)
    returning i.lease_until into ends;
    if not found then
        return 'stale';
    end if;
    -- One which is made shorter may end before the daemon means to look.
    perform from hearken.lease_timer t
    where t.only_one and t.next_at > clock and ends < t.next_at;
    if found then
        perform pg_notify('hearken_doorbell', 'leases');
    end if;
    return 'extended';
end $$;

comment on function hearken.extend(bigint, bigint, interval) is
    'Heartbeat: the lease ends so long after now, but not after the attempt''s deadline. Answers extended or stale.';

create function hearken.progress(id bigint, token bigint, note jsonb) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    update hearken.inbox_items i
    set progress = progress.note, progress_at = hearken.now()
    where i.id = progress.id and i.token = progress.token and i.lease_until is not null;
    return case when found then 'noted' else 'stale' end;
end $$;

comment on function hearken.progress(bigint, bigint, jsonb) is
    'A note for whoever watches; the last one is kept. It does not extend the lease. Answers noted or stale.';

create function hearken.was_answered(id bigint, token bigint, states text[]) returns text
    language plpgsql stable security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    -- Tokens can be guessed: of what the session may not see it says nothing.
    return (
        select i.state
        from hearken.inbox_items i
        where i.id = was_answered.id and i.token = was_answered.token and was_answered.token > 0
          and i.state = any (was_answered.states)
          -- Not what the end of its lease made of it.
          and (i.state not in ('failed', 'dead') or i.errors -> -1 ->> 'outcome' = 'failed')
          and hearken.session_sees(i.queue, i.tenant));
end $$;

comment on function hearken.was_answered(bigint, bigint, text[]) is
    'The state of an item, if it is one of these and the token was the last: the acknowledgement of an answer may have been lost.';

create or replace function hearken.complete(id bigint, token bigint, result jsonb default null) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    closed record;
begin
    update hearken.inbox_items i
    set state = 'done', result = complete.result, finished_at = hearken.now(), lease_until = null, error = null
    where i.id = complete.id and i.token = complete.token and i.lease_until is not null
    returning i.queue, i.open_key, i.overlap_key, i.counted or i.key is not null as had_slot into closed;
    if not found then
        return coalesce(hearken.was_answered(complete.id, complete.token, '{done}'), 'stale');
    end if;
    if closed.open_key is not null or closed.overlap_key is not null then
        perform hearken.ring_for_waiting(closed.open_key, closed.overlap_key);
    end if;
    if closed.had_slot then
        perform hearken.ring_for_slot(closed.queue);
    end if;
    return 'done';
end $$;

create function hearken.complete_all(ids bigint[], tokens bigint[], results jsonb[] default null)
    returns table (id bigint, answer text)
    language plpgsql
    set search_path = pg_catalog, pg_temp
    set plan_cache_mode = force_generic_plan
    set jit = off
    set enable_seqscan = off
    set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
    clock       timestamptz := hearken.now();
    done        bigint[];
    slots       text[];
    open_key    text;
    overlap_key text;
begin
    if cardinality(ids) is distinct from cardinality(tokens)
       or (results is not null and cardinality(results) <> cardinality(ids)) then
        raise exception 'complete_all needs a token, and a result if any, for each id: here are % ids, % tokens, % results',
            cardinality(ids), cardinality(tokens), coalesce(cardinality(results)::text, 'no')
            using errcode = 'invalid_parameter_value';
    end if;
    with completed as (
        update hearken.inbox_items i
        set state = 'done', result = told.result, finished_at = clock, lease_until = null, error = null
        -- In order, as operators go through many: two who meet halfway would deadlock.
        from (
            select t.id, t.token, t.result
            from unnest(complete_all.ids, complete_all.tokens, complete_all.results) as t (id, token, result)
            order by t.id
            offset 0
        ) told
        where i.id = told.id and i.token = told.token and i.lease_until is not null
        returning i.id, i.queue, i.open_key, i.overlap_key, i.counted or i.key is not null as had_slot
    )
    select array_agg(c.id), array_agg(distinct c.queue) filter (where c.had_slot),
           max(encode(c.open_key, 'hex')), max(encode(c.overlap_key, 'hex'))
    into done, slots, open_key, overlap_key
    from completed c;
    if open_key is not null or overlap_key is not null then
        perform hearken.ring_for_waiting(decode(open_key, 'hex'), decode(overlap_key, 'hex'));
    end if;
    if slots is not null then
        perform hearken.ring_for_slot(s.queue) from unnest(slots) as s (queue);
    end if;
    if cardinality(done) = cardinality(ids) then
        return query select d.id, 'done' from unnest(done) as d (id);
        return;
    end if;
    return query
        select told.id,
               case when told.id = any (done) then 'done'
                    else coalesce(hearken.was_answered(told.id, told.token, '{done}'), 'stale') end
        from unnest(complete_all.ids, complete_all.tokens) as told (id, token);
end $$;

comment on function hearken.complete_all(bigint[], bigint[], jsonb[]) is
    'hearken.complete() of many: the n-th token and result are those of the n-th id. A row for each id, with done or stale.';

create or replace function hearken.fail(
    id          bigint,
    token       bigint,
    error       text default null,
    retry       boolean default true,
    retry_after interval default null
) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    clock   timestamptz := hearken.now();
    is_last boolean;
    closed  record;
begin
    -- It does not change while the token is the last one.
    select not fail.retry or i.attempt >= coalesce(i.attempts_max, (
        select q.max_attempts from hearken.queues q where q.name = i.queue), 5)
    into is_last
    from hearken.inbox_items i
    where i.id = fail.id and i.token = fail.token and i.lease_until is not null;
    update hearken.inbox_items i
    set state = case when is_last then 'dead' else 'failed' end,
        due_at = case when is_last then i.due_at
                      else clock + coalesce(fail.retry_after, hearken.backoff(i.attempt, i.queue)) end,
        finished_at = case when is_last then clock end,
        lease_until = null,
        error = left(fail.error, 65536),
        errors = hearken.add_error(i.errors, i.attempt, i.worker, i.leased_at, 'failed', fail.error)
    where i.id = fail.id and i.token = fail.token and i.lease_until is not null
    returning i.state, i.queue, i.open_key, i.overlap_key, i.counted or i.key is not null as had_slot into closed;
    if not found then
        return coalesce(hearken.was_answered(fail.id, fail.token, '{failed, dead}'), 'stale');
    end if;
    if closed.state = 'dead' then
        perform hearken.ring_for_waiting(closed.open_key, closed.overlap_key);
    end if;
    if closed.had_slot then
        perform hearken.ring_for_slot(closed.queue);
    end if;
    return closed.state;
end $$;

create or replace function hearken.release(id bigint, token bigint) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    of_queue text;
begin
    update hearken.inbox_items i
    set state = 'waiting', attempt = i.attempt - 1, lease_until = null
    where i.id = release.id and i.token = release.token and i.lease_until is not null
    returning i.queue into of_queue;
    if not found then
        return case when hearken.was_answered(release.id, release.token, '{waiting}') is null
                    then 'stale' else 'released' end;
    end if;
    -- It is due, and others may be asleep.
    perform hearken.ring_queue(of_queue);
    return 'released';
end $$;

create function hearken.snooze(id bigint, token bigint, pause interval, note text default null) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    closed record;
begin
    if pause is null or pause < interval '0' then
        raise exception 'snooze needs a pause which is not negative, such as 10 minutes'
            using errcode = 'invalid_parameter_value';
    end if;
    update hearken.inbox_items i
    set state = 'waiting', attempt = i.attempt - 1, lease_until = null,
        due_at = hearken.now() + snooze.pause,
        progress = case when snooze.note is null then i.progress else to_jsonb(snooze.note) end,
        progress_at = case when snooze.note is null then i.progress_at else hearken.now() end
    where i.id = snooze.id and i.token = snooze.token and i.lease_until is not null
    returning i.queue, i.counted or i.key is not null as had_slot into closed;
    if not found then
        return case when hearken.was_answered(snooze.id, snooze.token, '{waiting}') is null
                    then 'stale' else 'snoozed' end;
    end if;
    if closed.had_slot then
        perform hearken.ring_for_slot(closed.queue);
    end if;
    return 'snoozed';
end $$;

comment on function hearken.snooze(bigint, bigint, interval, text) is
    'Not now: the item is due again after the pause, and the attempt does not count. The note is kept as its progress. Answers snoozed or stale.';

-- Grants -----------------------------------------------------------------------------------

-- Who could lease before can lease now: what the functions touch besides.
do $$
declare
    worker oid;
begin
    for worker in
        select acl.grantee
        from pg_attribute a
        cross join lateral aclexplode(a.attacl) acl
        where a.attrelid = 'hearken.inbox_items'::regclass and a.attname = 'token' and acl.privilege_type = 'UPDATE'
          and acl.grantee <> 0
        union
        -- Those who were granted the whole table.
        select acl.grantee
        from pg_class c
        cross join lateral aclexplode(c.relacl) acl
        where c.oid = 'hearken.inbox_items'::regclass and acl.privilege_type = 'UPDATE'
          and acl.grantee not in (0, c.relowner)
    loop
        execute format('grant update (leased_at, deadline_at, counted, progress, progress_at, errors) '
            'on hearken.inbox_items to %1$s', worker::regrole);
        execute format('grant select on hearken.queues, hearken.queue_uses, hearken.lease_timer to %1$s',
            worker::regrole);
        execute format('grant insert on hearken.queue_uses to %1$s', worker::regrole);
    end loop;
end $$;
