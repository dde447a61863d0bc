-- The gates: drafts which wait, keys which are taken, uses which were counted,
-- routines which pause, and the causes of events.
--
-- What a gate knows of earlier drafts is rows, written in the pass which judged,
-- and its timers are columns `due_at`: a restart loses nothing and replicas agree.
--
-- Locks: the log, the inbox and the ledger are locked, all three or none, until
-- this is committed. It asks for them for a second and a half at a time, lets go
-- if some transaction has one of them open, and asks again a second later: so
-- long as such a transaction lasts, writers wait a moment now and then, and
-- never behind it. A vacuum which the server started by itself gives way. Once
-- the locks are there everybody waits for one reading of the ledger, whose
-- constraint grows, and three of the inbox, for its indexes: about two seconds
-- for a million rows in each. The new columns are instant. A daemon of the
-- version before goes on afterwards.

do $$
begin
    loop
        begin
            -- Longer than deadlock_timeout: that is when a vacuum is told to give way.
            perform set_config('lock_timeout', '1500ms', true);
            lock table hearken.events, hearken.inbox_items, hearken.decisions in access exclusive mode;
            perform set_config('lock_timeout', '0', true);
            exit;
        exception
            when lock_not_available or deadlock_detected then
                raise notice 'hearken waits for transactions which have the log, the inbox or the ledger open';
        end;
        perform pg_sleep(1);
    end loop;
end $$;

-- The inbox ------------------------------------------------------------------

alter table hearken.inbox_items
    add column chain         text[],
    add column open_key      bytea,
    add column supersede_key bytea,
    add column overlap_key   bytea,
    add column superseded_by bigint;

comment on column hearken.inbox_items.chain is 'The routines whose items led to the event it comes from, the first one first, its own routine not among them; null for most.';
comment on column hearken.inbox_items.open_key is 'The key of dedup with window = "while_open": of one key one item is open.';
comment on column hearken.inbox_items.supersede_key is 'The key by which a newer item makes it superseded while it waits.';
comment on column hearken.inbox_items.overlap_key is 'The key of overlap: others wait, or give up, while it is open.';
comment on column hearken.inbox_items.superseded_by is 'In state superseded: the item which took its place.';

-- The backstop of while_open, and how its owner is found.
create unique index inbox_items_open_key_idx on hearken.inbox_items (open_key)
    where open_key is not null and state in ('waiting', 'leased', 'failed');
-- Finds what a new item supersedes.
create index inbox_items_supersede_key_idx on hearken.inbox_items (supersede_key)
    where supersede_key is not null and state in ('waiting', 'leased', 'failed');
-- Finds what overlaps.
create index inbox_items_overlap_key_idx on hearken.inbox_items (overlap_key)
    where overlap_key is not null and state in ('waiting', 'leased', 'failed');

-- Causes ---------------------------------------------------------------------

create function hearken.chain_of_lease(lease text) returns text[]
    language plpgsql stable security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    -- No more digits than a bigint surely holds, and no token which is not a lease's.
    if lease is null or lease !~ '^[1-9][0-9]{0,17}:[1-9][0-9]{0,17}$' then
        return null;
    end if;
    return (
        select array_append(i.chain, i.routine)
        from hearken.inbox_items i
        where i.id = split_part(lease, ':', 1)::bigint and i.token = split_part(lease, ':', 2)::bigint
    );
end $$;

comment on function hearken.chain_of_lease(text) is
    'The causes of an event which is emitted under a lease, ID:TOKEN: those of its item, and the item''s routine; null if the lease is not the last one of an item. Runs with its owner''s rights: a writer does not see the inbox.';

-- Whoever writes events has it called by a default, and must not be stopped.
grant execute on function hearken.chain_of_lease(text) to public;

create function hearken.under(id bigint, token bigint) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform set_config('hearken.lease', under.id || ':' || under.token, true);
end $$;

comment on function hearken.under(bigint, bigint) is
    'Events which this transaction emits from here on carry the causes of the leased item, so that routines which trigger each other are stopped. under(null, null) ends it.';

-- The keeper may have made tables aside which it has yet to attach: they would
-- lack the column. (One whose detaching is under way is not to be altered.)
do $$
declare
    aside regclass;
begin
    for aside in
        select c.oid
        from pg_class c
        where c.relnamespace = 'hearken'::regnamespace and c.relkind = 'r' and not c.relispartition
          and c.relname like 'events\_%'
          and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'xid' and a.attnum > 0)
    loop
        execute format('alter table %s add column if not exists chain text[]', aside);
    end loop;
end $$;

-- First the column and then its default: so no row is written anew.
alter table hearken.events add column chain text[];
alter table hearken.events alter column chain set default
    case when coalesce(current_setting('hearken.lease', true), '') = '' then null
         else hearken.chain_of_lease(current_setting('hearken.lease', true)) end;

comment on column hearken.events.chain is
    'Assigned. The routines whose items led to this event, the first one first, if it was emitted under a lease: see hearken.under(). Null for most.';

-- Drafts which wait ------------------------------------------------------------

create table hearken.held (
    id             bigint not null,
    event_seq      bigint,
    tick           timestamptz,
    due_at         timestamptz not null,
    since          timestamptz not null default hearken.now(),
    count          integer not null default 1,
    waits_open     boolean not null default false,
    waits_overlap  boolean not null default false,
    phase          text not null,
    gate           text not null,
    routine        text not null,
    version        text not null,
    item           text not null,
    queue          text not null,
    tenant         text,
    dedup_key      bytea not null,
    collect_key    bytea,
    open_key       bytea,
    supersede_key  bytea,
    overlap_key    bytea,
    reason         text,
    draft          json not null,
    request        json not null,

    constraint held_pkey primary key (id),
    constraint held_dedup_key_key unique (dedup_key),
    constraint held_dedup_key_is_sha256 check (octet_length(dedup_key) = 32),
    constraint held_phase_is_known check (phase in ('collecting', 'accepted', 'queued')),
    constraint held_gate_is_known check (gate in ('debounce', 'batch', 'hours', 'dedup', 'limit', 'overlap')),
    constraint held_count_is_positive check (count > 0),
    constraint held_comes_from_an_event_or_a_tick check ((event_seq is null) <> (tick is null))
);

comment on table hearken.held is 'Drafts which a gate holds back. Each becomes an item at its time, with the same id. See hearken.cancel_held() and hearken.release_held().';
comment on column hearken.held.id is 'From the sequence of the inbox: the item which comes of it bears it.';
comment on column hearken.held.event_seq is 'The event whose content it bears, if it comes from events.';
comment on column hearken.held.tick is 'The tick it comes from, if it comes from a schedule.';
comment on column hearken.held.due_at is 'When it goes on; one in phase queued waits for an open item besides.';
comment on column hearken.held.since is 'Since when it is held; of collected drafts, the first.';
comment on column hearken.held.count is 'How many drafts it is made of.';
comment on column hearken.held.waits_open is 'In phase queued: it waits until no item with its open_key is open.';
comment on column hearken.held.waits_overlap is 'In phase queued: it waits until no item with its overlap_key is open, and for its turn.';
comment on column hearken.held.phase is 'collecting: more drafts may join, and the gates behind are yet to judge. accepted: it only waits for due_at. queued: it waits for an open item.';
comment on column hearken.held.gate is 'The gate which holds it: debounce, batch, hours, dedup, limit, overlap.';
comment on column hearken.held.version is 'The version of the routine which wanted it: it is judged by that one''s rules.';
comment on column hearken.held.dedup_key is 'The key of its cause; becomes that of the item.';
comment on column hearken.held.collect_key is 'Drafts with this key join it while it collects.';
comment on column hearken.held.open_key is 'As in the inbox.';
comment on column hearken.held.supersede_key is 'As in the inbox.';
comment on column hearken.held.overlap_key is 'As in the inbox.';
comment on column hearken.held.reason is 'Why it is held, for people.';
comment on column hearken.held.draft is 'The item to be. json, not jsonb: what jsonb refuses must be held all the same.';
comment on column hearken.held.request is 'What its routine asks of the gates.';

-- Serves the release.
create index held_due_idx on hearken.held (due_at, id) where phase <> 'queued';
-- First in, first out.
create index held_queued_idx on hearken.held (id) where phase = 'queued';
create index held_collect_key_idx on hearken.held (collect_key) where collect_key is not null;
create index held_open_key_idx on hearken.held (open_key) where open_key is not null;
create index held_supersede_key_idx on hearken.held (supersede_key) where supersede_key is not null;
create index held_overlap_key_idx on hearken.held (overlap_key) where overlap_key is not null;
create index held_routine_idx on hearken.held (routine);

create table hearken.held_parts (
    held_id  bigint not null,
    n        integer not null,
    context  json not null,

    constraint held_parts_pkey primary key (held_id, n),
    constraint held_parts_held_id_fkey foreign key (held_id) references hearken.held (id) on delete cascade
);

comment on table hearken.held_parts is 'The contexts of the drafts which a held one is made of, where all are kept. Apart, so that a draft which joins costs one row and not all of them anew.';
comment on column hearken.held_parts.n is 'Counts up in the order of arrival.';

-- Keys and uses ----------------------------------------------------------------

create table hearken.dedup_keys (
    key         bytea not null,
    slot        timestamptz not null default '-infinity',
    item_id     bigint not null,
    taken_at    timestamptz not null default hearken.now(),
    expires_at  timestamptz,
    routine     text not null,
    item        text not null,

    constraint dedup_keys_pkey primary key (key, slot),
    constraint dedup_keys_key_is_sha256 check (octet_length(key) = 32)
);

comment on table hearken.dedup_keys is 'Keys of dedup which are taken, for ever or for a while. Apart from the inbox, since they outlive the archiving of items.';
comment on column hearken.dedup_keys.slot is 'The start of the slot where the window is aligned with the calendar; otherwise -infinity.';
comment on column hearken.dedup_keys.item_id is 'Who has it: an item, or a held draft.';
comment on column hearken.dedup_keys.expires_at is 'A draft which is due then or later may have it; null: for ever.';

-- Lets go of the keys of a draft which is cancelled.
create index dedup_keys_item_idx on hearken.dedup_keys (item_id);
create index dedup_keys_expires_idx on hearken.dedup_keys (expires_at) where expires_at is not null;

create table hearken.limit_uses (
    key         bytea not null,
    at          timestamptz not null,
    expires_at  timestamptz not null,
    uses        integer not null,

    constraint limit_uses_pkey primary key (key, at),
    constraint limit_uses_key_is_sha256 check (octet_length(key) = 32),
    constraint limit_uses_are_positive check (uses > 0)
);

comment on table hearken.limit_uses is 'What limits have counted, also for drafts which are due in the future.';
comment on column hearken.limit_uses.at is 'When the draft is due; where the limit is aligned with the calendar, the start of that slot.';
comment on column hearken.limit_uses.expires_at is 'From then on it plays no part.';

create index limit_uses_expires_idx on hearken.limit_uses (expires_at);

create function hearken.prune_gates(max integer default 1000) returns integer
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    clock timestamptz := hearken.now();
    keys  integer;
    uses  integer;
begin
    delete from hearken.dedup_keys d
    where d.ctid = any (array(
        select k.ctid
        from hearken.dedup_keys k
        where k.expires_at < clock
        order by k.expires_at
        limit prune_gates.max
        for update skip locked
    ));
    get diagnostics keys = row_count;

    delete from hearken.limit_uses d
    where d.ctid = any (array(
        select u.ctid
        from hearken.limit_uses u
        where u.expires_at < clock
        order by u.expires_at
        limit prune_gates.max
        for update skip locked
    ));
    get diagnostics uses = row_count;
    return keys + uses;
end $$;

comment on function hearken.prune_gates(integer) is
    'Deletes keys of dedup and uses of limits which have expired, up to max of each. Returns how many: while it is not 0 there may be more.';

-- The ledger -------------------------------------------------------------------

-- Checked at once, though no row can break it: a partition whose constraint is
-- not validated could not be detached and attached again.
alter table hearken.decisions
    drop constraint decisions_outcome_is_known,
    add constraint decisions_outcome_is_known check (
        outcome in ('duplicate', 'dead', 'blocked', 'missed', 'oversized', 'held', 'merged', 'replaced', 'limited',
                    'outside_hours', 'overlap', 'loop', 'paused', 'superseded', 'cancelled'));

comment on table hearken.decisions is 'The ledger of every no and every later: why an event which matched, or a tick, did not become an item, or not at once.';
comment on column hearken.decisions.outcome is
    'duplicate, dead, blocked, missed, oversized, held, merged, replaced, limited, outside_hours, overlap, loop, paused, superseded, cancelled.';
comment on column hearken.decisions.met_item_id is
    'The item, or held draft, it is about: which was there before, took it in, or took its place. Of outcome held and cancelled, the draft itself.';

-- Ringing the daemon -----------------------------------------------------------

create function hearken.ring_for_waiting(open_key bytea, overlap_key bytea) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    if (open_key is null and overlap_key is null) or current_setting('hearken.doorbell', true) = 'off' then
        return;
    end if;
    -- The doorbell of the log, for the same reason as in hearken.ring(). Whether
    -- anything waits now is no question: a pass may hold a draft because of this
    -- very item before the end of our transaction is seen. Holding the lock to
    -- that end, we are heard then.
    if not pg_try_advisory_xact_lock_shared(1751478891, 1) then
        perform pg_notify('hearken_doorbell', '1');
    end if;
end $$;

comment on function hearken.ring_for_waiting(bytea, bytea) is
    'Rings the daemon when an item with one of these keys is closed, so that drafts which wait for it go on. Costs nothing without a key, and no notification while the daemon is awake.';

-- Called with the rights of workers, who were not asked beforehand.
grant execute on function hearken.ring_for_waiting(bytea, bytea) to public;

create or replace function hearken.expire_leases(max integer default 1000) returns timestamptz
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    clock  timestamptz := hearken.now();
    closed record;
begin
    with expired as materialized (
        select i.id
        from hearken.inbox_items i
        where i.state = 'leased' and i.lease_until <= clock
        order by i.lease_until
        limit expire_leases.max
        for update skip locked
    ), updated as (
        update hearken.inbox_items i
        set state = case when i.attempt >= i.attempts_max then 'dead' else 'failed' end,
            due_at = clock,
            finished_at = case when i.attempt >= i.attempts_max then clock end,
            lease_until = null,
            error = format('the lease of worker %s ended without an answer (attempt %s of %s)',
                coalesce(i.worker, '?'), i.attempt, i.attempts_max)
        from expired
        where i.id = expired.id
        returning i.state, i.open_key, i.overlap_key
    )
    -- One bell rings for all.
    select u.open_key, u.overlap_key into closed
    from updated u
    where u.state = 'dead' and (u.open_key is not null or u.overlap_key is not null)
    limit 1;
    if found then
        perform hearken.ring_for_waiting(closed.open_key, closed.overlap_key);
    end if;

    return (select min(i.lease_until) from hearken.inbox_items i where i.state = 'leased');
end $$;

create or replace function hearken.complete(id bigint, token bigint, result jsonb default null) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    closed record;
begin
    update hearken.inbox_items i
    set state = 'done', result = complete.result, finished_at = hearken.now(), lease_until = null, error = null
    where i.id = complete.id and i.token = complete.token and i.state = 'leased'
    returning i.open_key, i.overlap_key into closed;
    if found then
        if closed.open_key is not null or closed.overlap_key is not null then
            perform hearken.ring_for_waiting(closed.open_key, closed.overlap_key);
        end if;
        return 'done';
    end if;
    -- The acknowledgement may have been lost: the same token gets the same answer.
    perform from hearken.inbox_items i
    where i.id = complete.id and i.token = complete.token and i.state = 'done';
    return case when found then 'done' else 'stale' end;
end $$;

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
    outcome text;
    closed  record;
begin
    update hearken.inbox_items i
    set state = case when not fail.retry or i.attempt >= i.attempts_max then 'dead' else 'failed' end,
        due_at = hearken.now() + coalesce(fail.retry_after, hearken.backoff(i.attempt)),
        finished_at = case when not fail.retry or i.attempt >= i.attempts_max then hearken.now() end,
        lease_until = null,
        error = fail.error
    where i.id = fail.id and i.token = fail.token and i.state = 'leased'
    returning i.state, i.open_key, i.overlap_key into closed;
    if found then
        if closed.state = 'dead' and (closed.open_key is not null or closed.overlap_key is not null) then
            perform hearken.ring_for_waiting(closed.open_key, closed.overlap_key);
        end if;
        return closed.state;
    end if;
    select i.state into outcome
    from hearken.inbox_items i
    where i.id = fail.id and i.token = fail.token and i.state in ('failed', 'dead');
    return coalesce(outcome, 'stale');
end $$;

-- For operators ----------------------------------------------------------------

create table hearken.paused (
    routine    text not null,
    since      timestamptz not null default hearken.now(),
    paused_by  text not null default session_user,
    reason     text,

    constraint paused_pkey primary key (routine),
    constraint paused_routine_is_a_name check (routine ~ '^[A-Za-z0-9._-]{1,48}$')
);

comment on table hearken.paused is 'Routines which pause: their events become decisions, their ticks and held drafts wait. See hearken.pause() and hearken.resume().';
comment on column hearken.paused.paused_by is 'The role which did it.';
comment on column hearken.paused.reason is 'For people.';

create function hearken.pause(routine text, reason text default null) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    insert into hearken.paused (routine, reason)
    values (pause.routine, pause.reason)
    on conflict on constraint paused_pkey do nothing;
    if not found then
        return 'paused already';
    end if;
    perform pg_notify('hearken_doorbell', '0');
    return 'paused';
end $$;

comment on function hearken.pause(text, text) is
    'The routine pauses from the next pass on. Answers paused or paused already.';

create function hearken.resume(routine text) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    delete from hearken.paused p where p.routine = resume.routine;
    if not found then
        return 'not paused';
    end if;
    perform pg_notify('hearken_doorbell', '0');
    return 'resumed';
end $$;

comment on function hearken.resume(text) is
    'The routine goes on: held drafts which fell due at once, ticks as missed says. Answers resumed or not paused.';

create function hearken.cancel_held(id bigint, reason text default null) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    gone record;
begin
    delete from hearken.held h
    where h.id = cancel_held.id
    returning h.id, h.event_seq, h.tick, h.count, h.routine, h.version, h.item into gone;
    if not found then
        return 'gone';
    end if;
    -- So that the thing may come again. What a limit has counted stays counted.
    delete from hearken.dedup_keys k where k.item_id = gone.id;
    insert into hearken.decisions (
        event_seq, first_tick, last_tick, met_item_id, source, routine, version, item, outcome, reason)
    values (
        gone.event_seq, gone.tick, gone.tick, gone.id, case when gone.tick is null then 'events' else 'schedule' end,
        gone.routine, gone.version, gone.item, 'cancelled',
        format('cancelled by %s', session_user)
            || case when gone.count > 1 then format(', made of %s drafts', gone.count) else '' end
            || coalesce(': ' || cancel_held.reason, ''));
    -- Others may have waited for it.
    perform pg_notify('hearken_doorbell', '0');
    return 'cancelled';
end $$;

comment on function hearken.cancel_held(bigint, text) is
    'The held draft does not become an item; a decision says so. Its key of dedup is free again. Answers cancelled or gone.';

create function hearken.release_held(id bigint) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    update hearken.held h
    set due_at = hearken.now(),
        waits_open = false,
        waits_overlap = false,
        phase = case when h.phase = 'queued' then 'accepted' else h.phase end,
        -- The item it waits for has the key, and of one key only one is open. The
        -- key is made anew from the request, whose window therefore is another one.
        -- (Without the dedup it would not be known that it may be a list.)
        open_key = case when h.waits_open then null else h.open_key end,
        request = case when h.waits_open
                       then jsonb_set(h.request::jsonb, '{dedup,window}', '"forever"')::json
                       else h.request end
    where h.id = release_held.id;
    if not found then
        return 'gone';
    end if;
    perform pg_notify('hearken_doorbell', '0');
    return 'released';
end $$;

comment on function hearken.release_held(bigint) is
    'The held draft is due now and waits for nothing else, and one which followed an open item is no longer the same as that; one which still collects goes on to the gates behind. Answers released or gone.';

create function hearken.retry(id bigint) returns text
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    was     record;
    refused text;
begin
    -- A look first: an open item may be locked by its worker, for as long as it likes.
    select i.state into was from hearken.inbox_items i where i.id = retry.id;
    if found and was.state not in ('waiting', 'leased', 'failed') then
        select i.state, i.queue, i.open_key into was from hearken.inbox_items i where i.id = retry.id for update;
    end if;
    if not found then
        return 'gone';
    elsif was.state in ('waiting', 'leased', 'failed') then
        return 'open';
    elsif was.open_key is not null and exists (
        select from hearken.held h where h.open_key = was.open_key and h.phase in ('accepted', 'queued')
    ) then
        return 'taken';
    end if;
    begin
        update hearken.inbox_items i
        set state = 'waiting', attempt = 0, due_at = hearken.now(),
            finished_at = null, result = null, superseded_by = null
        where i.id = retry.id;
    exception
        when unique_violation then
            get stacked diagnostics refused = constraint_name;
            if refused <> 'inbox_items_open_key_idx' then
                raise;
            end if;
            return 'taken';
    end;
    -- No channel has a longer name.
    if octet_length(was.queue) < 56 then
        perform pg_notify('hearken:' || was.queue, '');
    end if;
    return 'waiting';
end $$;

comment on function hearken.retry(bigint) is
    'An item which is dead, done, cancelled or superseded is waiting again, due now, with all its attempts. Answers waiting; taken, if another item or held draft has its key of while_open; open, if it is open already; or gone.';

create view hearken.held_overview as
    select h.routine, h.gate, h.phase,
           count(*) as drafts,
           min(h.due_at) filter (where h.phase <> 'queued') as next_due_at
    from hearken.held h
    group by h.routine, h.gate, h.phase;

comment on view hearken.held_overview is 'How many drafts each gate of each routine holds back, and when the next one falls due.';

-- Routines in tables -------------------------------------------------------------

create function hearken.reload() returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_notify('hearken_routines', '');
end $$;

comment on function hearken.reload() is 'Makes the daemon read the routines which come from the database now, not at their next refresh.';

create function hearken.routines_changed() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_notify('hearken_routines', '');
    -- Right for every kind of trigger, also for one which decides about the row.
    if tg_op = 'DELETE' then
        return old;
    end if;
    return new;
end $$;

comment on function hearken.routines_changed() is
    'hearken.reload() as a trigger: create trigger … after insert or update or delete or truncate on your_routines for each statement execute function hearken.routines_changed().';

-- The careful way into the inbox --------------------------------------------------

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
            insert into hearken.inbox_items (
                id, dedup_key, open_key, supersede_key, overlap_key,
                event_seq, tick, due_at, priority, attempts_max, queue, routine, version, item,
                tenant, title, instructions, context, tags, chain)
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
                     then nullif(array(select jsonb_array_elements_text(d -> 'chain')), '{}') end)
            on conflict (dedup_key) do nothing
            returning id into item_id;
            if item_id is null then
                select i.id into met_item_id
                from hearken.inbox_items i
                where i.dedup_key = decode(d ->> 'dedup_key', 'hex');
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
