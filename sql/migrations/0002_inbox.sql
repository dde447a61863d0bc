-- The inbox: what the routines decided should be done, each thing once.
--
-- Whether an item is new is decided by a unique index, never by the process
-- which offers it: two daemons, a replayed notification and a reconciling poll
-- may all offer the same item.
--
-- A lease is a promise with an end. Its token comes from a sequence, so that a
-- lease which was rolled back does not leave its token to another.

create table hearken.inbox_items (
    id            bigint generated always as identity,
    token         bigint not null default 0,
    event_seq     bigint,
    tick          timestamptz,
    due_at        timestamptz not null default hearken.now(),
    created_at    timestamptz not null default hearken.now(),
    lease_until   timestamptz,
    finished_at   timestamptz,
    priority      integer not null default 0,
    attempt       integer not null default 0,
    attempts_max  integer not null default 5,
    state         text not null default 'waiting',
    dedup_key     bytea not null,
    queue         text not null,
    routine       text not null,
    version       text not null,
    item          text not null default 'item',
    tenant        text,
    title         text not null,
    instructions  text not null default '',
    context       jsonb not null default '{}',
    tags          text[] not null default '{}',
    worker        text,
    result        jsonb,
    error         text,

    constraint inbox_items_pkey primary key (id),
    constraint inbox_items_dedup_key_is_sha256 check (octet_length(dedup_key) = 32),
    constraint inbox_items_state_is_known check (
        state in ('waiting', 'leased', 'done', 'failed', 'dead', 'cancelled', 'superseded')),
    constraint inbox_items_lease_has_an_end check ((state = 'leased') = (lease_until is not null))
);

comment on table hearken.inbox_items is 'The work: one row an item. Workers use the functions lease, extend, complete, fail and release.';
comment on column hearken.inbox_items.token is 'Fencing token of the last lease; grows with every lease and is never used twice.';
comment on column hearken.inbox_items.event_seq is 'The event it comes from, if any: seq in hearken.events.';
comment on column hearken.inbox_items.tick is 'The tick of a schedule it comes from, if any.';
comment on column hearken.inbox_items.due_at is 'Not leased before this time.';
comment on column hearken.inbox_items.lease_until is 'When the lease ends, in state leased.';
comment on column hearken.inbox_items.priority is 'Greater is leased first.';
comment on column hearken.inbox_items.attempt is 'How often it was leased, released leases not counted.';
comment on column hearken.inbox_items.attempts_max is 'After so many attempts a failure makes it dead.';
comment on column hearken.inbox_items.state is 'waiting, leased, done, failed (comes back at due_at), dead, cancelled, superseded.';
comment on column hearken.inbox_items.dedup_key is 'SHA-256 over the typed parts of the key; unique.';
comment on column hearken.inbox_items.routine is 'The routine which wanted it.';
comment on column hearken.inbox_items.version is 'The version of that routine: see hearken.routine_versions.';
comment on column hearken.inbox_items.item is 'Which item of the routine: item, or the NAME of [items.NAME].';
comment on column hearken.inbox_items.tenant is 'The tenant of the event.';
comment on column hearken.inbox_items.context is 'Typed values for the worker, from the event. Data, never orders.';
comment on column hearken.inbox_items.tags is 'What a worker must offer to be given the item.';
comment on column hearken.inbox_items.worker is 'Who holds, or last held, the lease.';
comment on column hearken.inbox_items.result is 'What the worker answered.';
comment on column hearken.inbox_items.error is 'The last error.';

-- Decides what is new.
create unique index inbox_items_dedup_key_idx on hearken.inbox_items (dedup_key);
-- Serves the lease; partial, so that its size follows the backlog.
create index inbox_items_ready_idx on hearken.inbox_items (queue, priority desc, due_at, id)
    where state in ('waiting', 'failed');
-- Finds expired leases.
create index inbox_items_leased_idx on hearken.inbox_items (lease_until) where state = 'leased';

create sequence hearken.lease_tokens;

comment on sequence hearken.lease_tokens is 'Fencing tokens of leases.';

create function hearken.backoff(attempt integer) returns interval
    language sql volatile
    set search_path = pg_catalog, pg_temp
    return least(power(2, least(greatest(attempt, 1), 30) - 1), 3600) * (0.75 + random() / 2) * interval '1 second';

comment on function hearken.backoff(integer) is
    'How long to wait after the given attempt failed: 1 s, doubled each time, up to an hour, give or take a quarter.';

create function hearken.expire_leases(max integer default 1000) returns timestamptz
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    clock timestamptz := hearken.now();
begin
    with expired as materialized (
        select i.id
        from hearken.inbox_items i
        where i.state = 'leased' and i.lease_until <= clock
        order by i.lease_until
        limit expire_leases.max
        for update skip locked
    )
    update hearken.inbox_items i
    set state = case when i.attempt >= i.attempts_max then 'dead' else 'failed' end,
        due_at = clock,
        finished_at = case when i.attempt >= i.attempts_max then clock end,
        lease_until = null,
        error = format('the lease of worker %s ended without an answer (attempt %s of %s)',
            coalesce(i.worker, '?'), i.attempt, i.attempts_max)
    from expired
    where i.id = expired.id;

    return (select min(i.lease_until) from hearken.inbox_items i where i.state = 'leased');
end $$;

comment on function hearken.expire_leases(integer) is
    'Gives back items whose lease has ended; those without an attempt left are dead. Returns when the next lease ends.';

create function hearken.lease(
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
as $$
#variable_conflict use_column
declare
    clock     timestamptz := hearken.now();
    ends      timestamptz := clock + greatest(coalesce(lease.lease, interval '5 minutes'), interval '5 seconds');
    wanted    integer := lease.max;
    taken     integer;
    urgency   integer;
    below     bigint := 2147483648;
begin
    if exists (select from hearken.inbox_items i where i.state = 'leased' and i.lease_until <= clock) then
        perform hearken.expire_leases(100);
        -- What came back just now is due now, not after the clock was read.
        clock := hearken.now();
    end if;

    -- One turn for each priority which has items: within a priority the index
    -- is in the order of due_at, so that items of the future cost nothing.
    while wanted > 0 loop
        select i.priority into urgency
        from unnest(lease.queues) as q (name)
        cross join lateral (
            select i.priority
            from hearken.inbox_items i
            where i.queue = q.name and i.state in ('waiting', 'failed') and i.priority < below
            order by i.priority desc
            limit 1
        ) i
        order by i.priority desc
        limit 1;
        exit when not found;

        return query
            with picked as materialized (
                select p.id
                from (select distinct q.name from unnest(lease.queues) as q (name)) q
                cross join lateral (
                    select i.id, i.due_at
                    from hearken.inbox_items i
                    where i.queue = q.name
                      and i.state in ('waiting', 'failed')
                      and i.priority = urgency
                      and i.due_at <= clock
                      and (lease.tags is null or i.tags <@ lease.tags)
                    order by i.due_at, i.id
                    limit wanted
                    for update skip locked
                ) p
                order by p.due_at, p.id
                limit wanted
            ), leased as (
                update hearken.inbox_items i
                set state = 'leased',
                    token = nextval('hearken.lease_tokens'),
                    attempt = i.attempt + 1,
                    lease_until = ends,
                    worker = lease.worker
                from picked
                where i.id = picked.id
                returning i.*
            )
            select l.id, l.token, l.attempt, l.queue, l.priority, l.routine, l.title, l.instructions,
                   l.context, l.tenant, l.tags, l.event_seq, l.tick, l.due_at, l.lease_until
            from leased l
            order by l.due_at, l.id;
        get diagnostics taken = row_count;
        wanted := wanted - taken;
        below := urgency;
    end loop;
end $$;

comment on function hearken.lease(text, text[], integer, interval, text[]) is
    'Takes up to max items of the queues, the most urgent first, then the longest due. The lease lasts five minutes unless said, and never less than five seconds. With tags, only items all of whose tags are among them.';

create function hearken.next_due(queues text[]) returns timestamptz
    language sql stable
    set search_path = pg_catalog, pg_temp
    return (
        select min(i.due_at)
        from unnest(queues) as q (name)
        cross join lateral (
            select i.due_at
            from hearken.inbox_items i
            where i.queue = q.name and i.state in ('waiting', 'failed')
            order by i.due_at
            limit 1
        ) i
    );

comment on function hearken.next_due(text[]) is 'When the next item of the queues falls due; null if none is waiting.';

create function hearken.extend(id bigint, token bigint, lease interval default null) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    update hearken.inbox_items i
    set lease_until = hearken.now() + greatest(coalesce(extend.lease, interval '5 minutes'), interval '5 seconds')
    where i.id = extend.id and i.token = extend.token and i.state = 'leased';
    return case when found then 'extended' else 'stale' end;
end $$;

comment on function hearken.extend(bigint, bigint, interval) is
    'Heartbeat: the lease ends so long after now. Answers extended or stale.';

create function hearken.complete(id bigint, token bigint, result jsonb default null) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    update hearken.inbox_items i
    set state = 'done', result = complete.result, finished_at = hearken.now(), lease_until = null, error = null
    where i.id = complete.id and i.token = complete.token and i.state = 'leased';
    if found then
        return 'done';
    end if;
    -- The acknowledgement may have been lost: the same token gets the same answer.
    perform from hearken.inbox_items i
    where i.id = complete.id and i.token = complete.token and i.state = 'done';
    return case when found then 'done' else 'stale' end;
end $$;

comment on function hearken.complete(bigint, bigint, jsonb) is
    'The item is done. Answers done, also when told again with the same token, or stale if the lease was lost.';

create function hearken.fail(
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
    outcome text;
begin
    update hearken.inbox_items i
    set state = case when not fail.retry or i.attempt >= i.attempts_max then 'dead' else 'failed' end,
        due_at = hearken.now() + coalesce(fail.retry_after, hearken.backoff(i.attempt)),
        finished_at = case when not fail.retry or i.attempt >= i.attempts_max then hearken.now() end,
        lease_until = null,
        error = fail.error
    where i.id = fail.id and i.token = fail.token and i.state = 'leased'
    returning i.state into outcome;
    if not found then
        select i.state into outcome
        from hearken.inbox_items i
        where i.id = fail.id and i.token = fail.token and i.state in ('failed', 'dead');
    end if;
    return coalesce(outcome, 'stale');
end $$;

comment on function hearken.fail(bigint, bigint, text, boolean, interval) is
    'The attempt failed. Answers failed (comes back after the backoff or retry_after), dead (no attempt left, or retry is false), or stale.';

create function hearken.release(id bigint, token bigint) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    update hearken.inbox_items i
    set state = 'waiting', attempt = i.attempt - 1, lease_until = null
    where i.id = release.id and i.token = release.token and i.state = 'leased';
    return case when found then 'released' else 'stale' end;
end $$;

comment on function hearken.release(bigint, bigint) is
    'Gives the item back as if it had not been leased; the attempt does not count. Answers released or stale.';
