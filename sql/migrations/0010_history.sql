-- The history: what became of items, in weeks which are dropped when they are old,
-- so that the table which is leased from stays small; and what operators do about
-- single items and many.
--
-- An item moves some time after it has finished. Its key of once-only is not needed
-- by then, with one exception: a row of a user's table can be made pending again, at
-- any time, and is the same row. Those keys stay in hearken.item_keys. They are put
-- there well before the item goes, so that no pass which began before can miss both.
--
-- Locks: one reading of the inbox for an index, under its lock; everything else is new.

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

-- Finds what may move, and the latest dead.
create index inbox_items_finished_idx on hearken.inbox_items (state, finished_at) where finished_at is not null;
-- Finds those whose keys are to be noted before.
create index inbox_items_finished_row_idx on hearken.inbox_items (finished_at)
    where event_id is not null and finished_at is not null;

create table hearken.history (
    at            timestamptz not null,
    id            bigint not null,
    state         text not null,
    queue         text not null,
    routine       text not null,
    version       text not null,
    item          text not null,
    tenant        text,
    title         text not null,
    instructions  text not null,
    context       jsonb not null,
    tags          text[] not null,
    priority      integer not null,
    key           text,
    webhook       jsonb,
    chain         text[],
    dedup_key     bytea not null,
    event_seq     bigint,
    tick          timestamptz,
    source        text,
    event_id      text,
    token         bigint not null,
    attempt       integer not null,
    attempts_max  integer,
    worker        text,
    created_at    timestamptz not null,
    due_at        timestamptz not null,
    leased_at     timestamptz,
    finished_at   timestamptz,
    progress      jsonb,
    progress_at   timestamptz,
    result        jsonb,
    error         text,
    errors        jsonb,
    superseded_by bigint,

    constraint history_state_is_final check (state in ('done', 'dead', 'cancelled', 'superseded', 'dropped'))
) partition by range (at);

comment on table hearken.history is 'Items which have finished, some time after: their outcome, attempts, worker and result. In weeks, which the daemon drops.';
comment on column hearken.history.at is 'When it finished, or was dropped.';
comment on column hearken.history.state is 'done, dead, cancelled, superseded, or dropped: a dead one which somebody gave up.';
comment on column hearken.history.finished_at is 'When it finished.';

create index history_id_idx on hearken.history (id);
create index history_queue_idx on hearken.history (queue, at);
create index history_routine_idx on hearken.history (routine, at);
create index history_event_idx on hearken.history (event_seq) where event_seq is not null;

do $$
declare
    monday timestamptz := date_trunc('week', hearken.now() at time zone 'UTC') at time zone 'UTC';
    upper_bound timestamptz := monday + interval '1 week';
    name text := 'history_floor';
    lower_bound text := 'minvalue';
begin
    for week in 1 .. 5 loop
        execute format('create table hearken.%I partition of hearken.history for values from (%s) to (%s)',
            name, lower_bound, case when week = 5 then 'maxvalue' else quote_literal(upper_bound) end);
        name := 'history_' || to_char(upper_bound at time zone 'UTC', 'YYYYMMDD');
        lower_bound := quote_literal(upper_bound);
        upper_bound := upper_bound + interval '1 week';
    end loop;
end $$;

create table hearken.item_keys (
    dedup_key bytea not null,
    item_id   bigint not null,
    noted_at  timestamptz not null default hearken.now(),

    constraint item_keys_pkey primary key (dedup_key)
);

comment on table hearken.item_keys is 'Keys of finished items which come from rows of other tables than the log: such a row may be met again, and is the same.';
comment on column hearken.item_keys.item_id is 'The item which had the key.';
comment on column hearken.item_keys.noted_at is 'When it was put here; after [retention] keys it goes.';

create index item_keys_noted_idx on hearken.item_keys (noted_at);

create view hearken.items with (security_invoker = true) as
    select i.id, i.state, i.queue, i.routine, i.version, i.item, i.tenant, i.title, i.instructions, i.context,
           i.tags, i.priority, i.key, i.webhook, i.chain, i.dedup_key, i.event_seq, i.tick, i.source, i.event_id,
           i.token, i.attempt, i.attempts_max, i.worker, i.created_at, i.due_at, i.leased_at, i.lease_until,
           i.deadline_at, i.finished_at, i.progress, i.progress_at, i.result, i.error, i.errors, i.superseded_by,
           false as archived,
           i.leased_at - greatest(i.created_at, i.due_at) as waited,
           i.finished_at - i.leased_at as ran
    from hearken.inbox_items i
    union all
    select h.id, h.state, h.queue, h.routine, h.version, h.item, h.tenant, h.title, h.instructions, h.context,
           h.tags, h.priority, h.key, h.webhook, h.chain, h.dedup_key, h.event_seq, h.tick, h.source, h.event_id,
           h.token, h.attempt, h.attempts_max, h.worker, h.created_at, h.due_at, h.leased_at, null, null,
           h.finished_at, h.progress, h.progress_at, h.result, h.error, h.errors, h.superseded_by,
           true,
           h.leased_at - greatest(h.created_at, h.due_at),
           h.finished_at - h.leased_at
    from hearken.history h;

comment on view hearken.items is 'All items, those in the history too. waited: from when it was due to the start of the last attempt; ran: from there to the end.';

-- Moving -----------------------------------------------------------------------------------

create function hearken.to_history(ids bigint[], outcome text) returns bigint
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    moved bigint;
begin
    with gone as (
        delete from hearken.inbox_items i where i.id = any (ids) returning i.*
    )
    insert into hearken.history (
        at, id, state, queue, routine, version, item, tenant, title, instructions, context, tags, priority, key,
        webhook, chain, dedup_key, event_seq, tick, source, event_id, token, attempt, attempts_max, worker,
        created_at, due_at, leased_at, finished_at, progress, progress_at, result, error, errors, superseded_by)
    select case when outcome is null then coalesce(g.finished_at, hearken.now()) else hearken.now() end,
           g.id, coalesce(outcome, g.state), g.queue, g.routine, g.version, g.item, g.tenant, g.title,
           g.instructions, g.context, g.tags, g.priority, g.key, g.webhook, g.chain, g.dedup_key, g.event_seq,
           g.tick, g.source, g.event_id, g.token, g.attempt, g.attempts_max, g.worker, g.created_at, g.due_at,
           g.leased_at, g.finished_at, g.progress, g.progress_at, g.result, g.error, g.errors, g.superseded_by
    from gone g;
    get diagnostics moved = row_count;
    return moved;
end $$;

comment on function hearken.to_history(bigint[], text) is
    'Moves items, which the caller has locked, into the history; with an outcome if that is another than their state.';

revoke execute on function hearken.to_history(bigint[], text) from public;

create function hearken.archive_items(finished interval, dead interval, max integer default 1000) returns bigint
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    clock  constant timestamptz := hearken.now();
    -- Longer than any statement of a pass lasts.
    notice constant interval := interval '10 minutes';
    of     text;
    ids    bigint[];
    moved  bigint := 0;
    noted  bigint;
begin
    -- The keys first, of what will be ready to go by then.
    insert into hearken.item_keys (dedup_key, item_id, noted_at)
    select i.dedup_key, i.id, clock
    from hearken.inbox_items i
    where i.event_id is not null
      and ((i.state = any ('{done,cancelled,superseded}') and i.finished_at <= clock - finished + notice)
           or (i.state = 'dead' and i.finished_at <= clock - dead + notice))
      and not exists (select from hearken.item_keys k where k.dedup_key = i.dedup_key)
    limit archive_items.max
    on conflict on constraint item_keys_pkey do nothing;
    get diagnostics noted = row_count;

    foreach of in array array['done', 'cancelled', 'superseded', 'dead'] loop
        ids := array(
            select i.id
            from hearken.inbox_items i
            where i.state = of
              and i.finished_at <= clock - case when of = 'dead' then dead else finished end
              and (i.event_id is null or exists (
                    select from hearken.item_keys k
                    where k.dedup_key = i.dedup_key and k.noted_at <= clock - notice))
            order by i.finished_at
            limit archive_items.max
            for update of i skip locked
        );
        if ids <> '{}' then
            moved := moved + hearken.to_history(ids, null);
        end if;
    end loop;
    -- A full batch of keys means that there are more, though nothing may move yet.
    return greatest(moved, (noted >= archive_items.max)::integer);
end $$;

comment on function hearken.archive_items(interval, interval, integer) is
    'Moves items which finished so long ago, and dead ones which died so long ago, into the history, up to max of each state. Returns how many: while it is not 0 there may be more.';

revoke execute on function hearken.archive_items(interval, interval, integer) from public;

create function hearken.prune_item_keys(keep interval, max integer default 5000) returns integer
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    gone integer;
begin
    delete from hearken.item_keys d
    where d.ctid = any (array(
        select k.ctid
        from hearken.item_keys k
        where k.noted_at < hearken.now() - keep
          -- Its item may still be there: then the key is noted anew in time.
        order by k.noted_at
        limit prune_item_keys.max
        for update skip locked
    ));
    get diagnostics gone = row_count;
    return gone;
end $$;

comment on function hearken.prune_item_keys(interval, integer) is
    'Forgets keys which were noted so long ago, up to max. Returns how many.';

revoke execute on function hearken.prune_item_keys(interval, integer) from public;

-- For operators ------------------------------------------------------------------------------

create function hearken.pause_queue(queue text, reason text default null) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    insert into hearken.queues as q (name, paused_since, paused_by, pause_reason)
    values (pause_queue.queue, hearken.now(), session_user, pause_queue.reason)
    on conflict on constraint queues_pkey do update
    set paused_since = excluded.paused_since, paused_by = excluded.paused_by, pause_reason = excluded.pause_reason
    where q.paused_since is null;
    return case when found then 'paused' else 'paused already' end;
end $$;

comment on function hearken.pause_queue(text, text) is
    'Nothing is leased from the queue from now on; what is leased goes on. Answers paused or paused already.';

create function hearken.resume_queue(queue text) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    update hearken.queues q
    set paused_since = null, paused_by = null, pause_reason = null
    where q.name = resume_queue.queue and q.paused_since is not null;
    if not found then
        return 'not paused';
    end if;
    perform hearken.ring_queue(resume_queue.queue);
    return 'resumed';
end $$;

comment on function hearken.resume_queue(text) is
    'The queue is leased from again. Answers resumed or not paused.';

create function hearken.cancel(id bigint, reason text default null) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    closed record;
begin
    update hearken.inbox_items i
    set state = 'cancelled', finished_at = hearken.now(), lease_until = null,
        error = format('cancelled by %s', session_user) || coalesce(': ' || cancel.reason, '')
    where i.id = cancel.id and i.state in ('waiting', 'leased', 'failed')
    returning i.queue, i.open_key, i.overlap_key, i.counted or i.key is not null as had_slot into closed;
    if not found then
        return case when exists (select from hearken.items i where i.id = cancel.id) then 'closed' else 'gone' end;
    end if;
    perform hearken.ring_for_waiting(closed.open_key, closed.overlap_key);
    if closed.had_slot then
        perform hearken.ring_for_slot(closed.queue);
    end if;
    return 'cancelled';
end $$;

comment on function hearken.cancel(bigint, text) is
    'Nobody will do it; a worker which is at it finds its lease gone. Its dedup key stays taken. Answers cancelled, closed if it has finished, or gone.';

create or replace function hearken.retry(id bigint) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    was     record;
    refused text;
begin
    -- A look first: an open item may be locked by its worker, for as long as it likes.
    select i.state into was from hearken.inbox_items i where i.id = retry.id;
    if not found then
        return hearken.retry_from_history(retry.id);
    end if;
    if was.state not in ('waiting', 'leased', 'failed') then
        select i.state, i.queue, i.open_key into was from hearken.inbox_items i where i.id = retry.id for update;
    end if;
    if not found then
        -- It moved between the two looks.
        return hearken.retry_from_history(retry.id);
    elsif was.state in ('waiting', 'leased', 'failed') then
        return 'open';
    elsif was.open_key is not null and exists (
        select from hearken.held h where h.open_key = was.open_key and h.phase in ('accepted', 'queued')
    ) then
        return 'taken';
    end if;
    begin
        update hearken.inbox_items i
        set state = 'waiting', attempt = 0, due_at = hearken.now(), deadline_at = null,
            finished_at = null, result = null, superseded_by = null,
            errors = hearken.add_error(i.errors, i.attempt, i.worker, i.leased_at, 'retried',
                format('was %s, started again by %s', i.state, session_user))
        where i.id = retry.id;
    exception
        when unique_violation then
            get stacked diagnostics refused = constraint_name;
            if refused <> 'inbox_items_open_key_idx' then
                raise;
            end if;
            return 'taken';
    end;
    perform hearken.ring_queue(was.queue);
    return 'waiting';
end $$;

create function hearken.retry_from_history(id bigint) returns text
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    was hearken.history%rowtype;
begin
    delete from hearken.history h
    where h.id = retry_from_history.id and hearken.session_sees(h.queue, h.tenant)
    returning h.* into was;
    if not found then
        return 'gone';
    end if;
    insert into hearken.inbox_items (
        id, state, queue, routine, version, item, tenant, title, instructions, context, tags, priority, key, webhook,
        chain, dedup_key, event_seq, tick, source, event_id, token, attempts_max, worker, created_at, due_at,
        leased_at, progress, progress_at, error, errors)
    overriding system value
    values (
        was.id, 'waiting', was.queue, was.routine, was.version, was.item, was.tenant, was.title, was.instructions,
        was.context, was.tags, was.priority, was.key, was.webhook, was.chain, was.dedup_key, was.event_seq, was.tick,
        was.source, was.event_id, was.token, was.attempts_max, was.worker, was.created_at, hearken.now(),
        was.leased_at, was.progress, was.progress_at, was.error,
        hearken.add_error(was.errors, was.attempt, was.worker, was.leased_at, 'retried',
            format('was %s, started again by %s', was.state, session_user)))
    on conflict do nothing;
    if not found then
        raise exception 'an item with the dedup key of item % is there again', was.id
            using errcode = 'unique_violation';
    end if;
    perform hearken.ring_queue(was.queue);
    return 'waiting';
exception
    when unique_violation then
        return 'taken';
end $$;

comment on function hearken.retry_from_history(bigint) is 'hearken.retry() of an item which is in the history: it comes back from there. Runs with its owner''s rights: operators put nothing into the inbox.';

revoke execute on function hearken.retry_from_history(bigint) from public;

comment on function hearken.retry(bigint) is
    'An item which is dead, done, cancelled or superseded is waiting again, due now, with all its attempts, from the history too. Answers waiting; taken, if another item or held draft has its key of while_open, or of once-only; open, if it is open already; or gone.';

create function hearken.drop(id bigint, reason text default null) returns text
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    was record;
begin
    select i.state, i.dedup_key, i.event_id into was
    from hearken.inbox_items i
    where i.id = "drop".id and hearken.session_sees(i.queue, i.tenant);
    if not found then
        return case
            when exists (
                select from hearken.history h
                where h.id = "drop".id and hearken.session_sees(h.queue, h.tenant)) then 'dropped'
            else 'gone' end;
    elsif was.state in ('waiting', 'leased', 'failed') then
        return 'open';
    end if;
    -- Not moved at once if the key is to stay: the daemon does that in due course.
    update hearken.inbox_items i
    set errors = hearken.add_error(i.errors, i.attempt, i.worker, i.leased_at, 'dropped',
            format('dropped by %s', session_user) || coalesce(': ' || "drop".reason, '')),
        state = case when i.state = 'dead' then 'cancelled' else i.state end
    where i.id = "drop".id and i.state not in ('waiting', 'leased', 'failed');
    if not found then
        -- It was started again meanwhile, or moved.
        return case when exists (select from hearken.history h where h.id = "drop".id) then 'dropped' else 'open' end;
    end if;
    if was.event_id is null then
        perform hearken.to_history(array["drop".id], 'dropped');
    end if;
    return 'dropped';
end $$;

comment on function hearken.drop(bigint, text) is
    'Gives up an item which has finished, a dead one above all: it goes to the history. Answers dropped, open if it has not finished, or gone. Runs with its owner''s rights: operators delete nothing.';

revoke execute on function hearken.drop(bigint, text) from public;

create function hearken.items_like(
    state   text,
    queue   text,
    routine text,
    tenant  text,
    error   text,
    since   timestamptz,
    until   timestamptz,
    max     integer
) returns bigint[]
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
as $$
begin
    return array(
        select i.id
        from hearken.items i
        where (i.state = items_like.state or (items_like.state = 'waiting' and i.state = 'failed'))
          and (items_like.queue is null or i.queue = items_like.queue)
          and (items_like.routine is null or i.routine = items_like.routine)
          and (items_like.tenant is null or i.tenant = items_like.tenant)
          and (items_like.error is null or i.error ilike items_like.error)
          and (items_like.since is null or coalesce(i.finished_at, i.created_at) >= items_like.since)
          and (items_like.until is null or coalesce(i.finished_at, i.created_at) < items_like.until)
        order by i.id
        limit items_like.max
    );
end $$;

comment on function hearken.items_like(text, text, text, text, text, timestamptz, timestamptz, integer) is
    'The first items in a state, waiting being failed too, which fit the other filters; null is no filter. error is a pattern of ilike. since and until are of when it finished, or of when it was made if it has not.';

create function hearken.retry_all(
    state   text default 'dead',
    queue   text default null,
    routine text default null,
    tenant  text default null,
    error   text default null,
    since   timestamptz default null,
    until   timestamptz default null,
    max     integer default 1000
) returns integer
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    ids bigint[];
begin
    if state in ('waiting', 'leased', 'failed') then
        raise exception 'items in state % are open: there is nothing to start again', state
            using errcode = 'invalid_parameter_value';
    end if;
    ids := hearken.items_like(state, queue, routine, tenant, error, since, until, max);
    return (
        select count(*) filter (where r.answer = 'waiting')
        from (select hearken.retry(i.id) as answer from unnest(ids) as i (id)) r);
end $$;

comment on function hearken.retry_all(text, text, text, text, text, timestamptz, timestamptz, integer) is
    'hearken.retry() of up to max items which fit. Returns how many are waiting now.';

create function hearken.cancel_all(
    state   text default 'waiting',
    queue   text default null,
    routine text default null,
    tenant  text default null,
    error   text default null,
    since   timestamptz default null,
    until   timestamptz default null,
    max     integer default 1000
) returns integer
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    ids bigint[] := hearken.items_like(state, queue, routine, tenant, error, since, until, max);
begin
    return (
        select count(*) filter (where r.answer = 'cancelled')
        from (select hearken.cancel(i.id) as answer from unnest(ids) as i (id)) r);
end $$;

comment on function hearken.cancel_all(text, text, text, text, text, timestamptz, timestamptz, integer) is
    'hearken.cancel() of up to max items which fit. Returns how many were cancelled.';

create function hearken.drop_all(
    state   text default 'dead',
    queue   text default null,
    routine text default null,
    tenant  text default null,
    error   text default null,
    since   timestamptz default null,
    until   timestamptz default null,
    max     integer default 1000
) returns integer
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    ids bigint[] := array(
        select i.id
        -- The limit counts those which can be dropped, not those which were.
        from unnest(hearken.items_like(state, queue, routine, tenant, error, since, until, null)) as i (id)
        where exists (select from hearken.inbox_items n where n.id = i.id)
        order by i.id
        limit drop_all.max);
begin
    return (
        select count(*) filter (where r.answer = 'dropped')
        from (select hearken.drop(i.id) as answer from unnest(ids) as i (id)) r);
end $$;

comment on function hearken.drop_all(text, text, text, text, text, timestamptz, timestamptz, integer) is
    'hearken.drop() of up to max items which fit. Returns how many were dropped.';

-- What was there already, and knows of the history now ---------------------------------------

create or replace function hearken.was_answered(id bigint, token bigint, states text[]) returns text
    language plpgsql stable security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    -- Tokens can be guessed: of what the session may not see it says nothing.
    return coalesce(
        (select i.state
         from hearken.inbox_items i
         where i.id = was_answered.id and i.token = was_answered.token and was_answered.token > 0
           and i.state = any (was_answered.states)
           -- Not what the end of its lease made of it.
           and (i.state not in ('failed', 'dead') or i.errors -> -1 ->> 'outcome' = 'failed')
           and hearken.session_sees(i.queue, i.tenant)),
        (select h.state
         from hearken.history h
         where h.id = was_answered.id and h.token = was_answered.token and was_answered.token > 0 and h.state = any (was_answered.states)
           and hearken.session_sees(h.queue, h.tenant)
         limit 1));
end $$;

-- As before, with key and webhook, and keys of finished items.
create or replace function hearken.enqueue_each(drafts text[])
    returns table (place integer, item_id bigint, met_item_id bigint, code text, message text)
    language plpgsql
as $$
-- No fixed search_path here: triggers of the user's which fire below must see
-- what they see on the fast way. Every name is qualified, or of pg_catalog.
declare
    d jsonb;
begin
    for i in 1 .. coalesce(array_length(drafts, 1), 0) loop
        place := i;
        item_id := null;
        met_item_id := null;
        code := null;
        message := null;
        begin
            d := drafts[i]::jsonb;
            if d ->> 'event_id' is not null then
                select k.item_id into met_item_id
                from hearken.item_keys k
                where k.dedup_key = decode(d ->> 'dedup_key', 'hex');
            end if;
            if met_item_id is null then
                insert into hearken.inbox_items (
                    id, dedup_key, open_key, supersede_key, overlap_key,
                    event_seq, tick, due_at, priority, attempts_max, queue, routine, version, item,
                    tenant, title, instructions, context, tags, chain, source, event_id, key, webhook)
                -- A draft which was held has its id already.
                overriding system value
                values (
                    coalesce((d ->> 'id')::bigint, nextval('hearken.inbox_items_id_seq')),
                    decode(d ->> 'dedup_key', 'hex'), decode(d ->> 'open_key', 'hex'),
                    decode(d ->> 'supersede_key', 'hex'), decode(d ->> 'overlap_key', 'hex'),
                    (d ->> 'event_seq')::bigint, (d ->> 'tick')::timestamptz,
                    coalesce((d ->> 'due_at')::timestamptz, hearken.now()), (d ->> 'priority')::integer,
                    (d ->> 'attempts_max')::integer, d ->> 'queue', d ->> 'routine', d ->> 'version', d ->> 'item',
                    d ->> 'tenant', d ->> 'title', d ->> 'instructions', d -> 'context',
                    array(select jsonb_array_elements_text(d -> 'tags')),
                    case when jsonb_typeof(d -> 'chain') = 'array'
                         then nullif(array(select jsonb_array_elements_text(d -> 'chain')), '{}') end,
                    d ->> 'source', d ->> 'event_id', d ->> 'key', nullif(d -> 'webhook', 'null'))
                on conflict (dedup_key) do nothing
                returning id into item_id;
                if item_id is null then
                    select i.id into met_item_id
                    from hearken.inbox_items i
                    where i.dedup_key = decode(d ->> 'dedup_key', 'hex');
                end if;
            end if;
            -- A deferred constraint would fail at commit and name nobody.
            set constraints all immediate;
        exception
            when query_canceled or others then
                code := sqlstate;
                message := sqlerrm;
                item_id := null;
                met_item_id := null;
        end;
        return next;
    end loop;
end $$;

-- Row security of tenants covers the history as well: workers see nothing of it.
do $$
declare
    was     text := pg_get_functiondef('hearken.enable_tenants(name[], name[], text, name[])'::regprocedure);
    becomes text := replace(was, '''source_keys'', ''foreign_items'']',
                                 '''source_keys'', ''foreign_items'', ''history'']');
begin
    if becomes = was then
        raise exception 'hearken.enable_tenants() is not the one which was installed';
    end if;
    execute becomes;
end $$;
-- Dead letters, by hand ----------------------------------------------------------------------

create function hearken.retry_letter(id bigint) returns text
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    letter hearken.dead_letters%rowtype;
    answer record;
    stored boolean;
begin
    select l.* into letter from hearken.dead_letters l where l.id = retry_letter.id for update;
    if not found then
        return 'gone';
    elsif letter.draft is null then
        return 'no item';
    end if;
    begin
        stored := letter.draft -> 'stored' is not null;
    exception
        -- What json can hold and its operators refuse; the inbox will say so.
        when data_exception or feature_not_supported then
            stored := false;
    end;
    if stored then
        -- It goes into a table of the user's, or comes with others: the daemon's work.
        update hearken.dead_letters l set kind = 'blocked' where l.id = letter.id;
        return 'blocked';
    end if;
    select e.* into answer from hearken.enqueue_each(array[letter.draft::text]) e;
    if answer.code is not null then
        update hearken.dead_letters l
        set kind = case when answer.code ~ '^(42|3F)' then 'blocked' else 'refused' end,
            sqlstate = answer.code, message = answer.message
        where l.id = letter.id;
        return case when answer.code ~ '^(42|3F)' then 'blocked' else 'refused' end;
    end if;
    delete from hearken.dead_letters l where l.id = letter.id;
    if answer.item_id is null then
        return 'there';
    end if;
    if letter.queue is not null then
        perform hearken.ring_queue(letter.queue);
    end if;
    return 'waiting';
end $$;

comment on function hearken.retry_letter(bigint) is
    'Offers the item of a dead letter to its inbox again. Answers waiting: the item is there and the letter gone; there: it was there before; blocked: the daemon tries it within half a minute; refused once more, and the letter says why; no item: the routine could not make one; or gone. Runs with its owner''s rights, since operators put nothing into the inbox themselves.';

revoke execute on function hearken.retry_letter(bigint) from public;

create function hearken.drop_letter(id bigint) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    delete from hearken.dead_letters l where l.id = drop_letter.id;
    return case when found then 'dropped' else 'gone' end;
end $$;

comment on function hearken.drop_letter(bigint) is 'Deletes a dead letter: nothing comes of it any more. Answers dropped or gone.';
