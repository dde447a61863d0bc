-- What the daemon writes down besides items: why there is no item, what failed
-- for good, which routines were in force, how far the schedules have come.

create table hearken.decisions (
    at           timestamptz not null default hearken.now(),
    event_seq    bigint,
    first_tick   timestamptz,
    last_tick    timestamptz,
    count        bigint not null default 1,
    met_item_id  bigint,
    source       text not null,
    routine      text,
    version      text,
    item         text,
    outcome      text not null,
    reason       text not null,

    constraint decisions_outcome_is_known check (
        outcome in ('duplicate', 'dead', 'blocked', 'missed', 'oversized')),
    constraint decisions_concern_an_event_or_ticks check (
        (event_seq is null) = (first_tick is not null) and (first_tick is null) = (last_tick is null))
) partition by range (at);

comment on table hearken.decisions is 'The ledger of every no: why an event which matched, or a tick, did not become an item.';
comment on column hearken.decisions.event_seq is 'The event, if it is about one.';
comment on column hearken.decisions.first_tick is 'The first tick it is about, if it is about ticks.';
comment on column hearken.decisions.last_tick is 'The last of the run of ticks.';
comment on column hearken.decisions.count is 'How many ticks the run has; 1 for an event.';
comment on column hearken.decisions.met_item_id is 'The item which was there before.';
comment on column hearken.decisions.source is 'Where the event came from; schedule for ticks.';
comment on column hearken.decisions.version is 'The version of the routine which decided: see hearken.routine_versions.';
comment on column hearken.decisions.outcome is 'duplicate, dead, blocked, missed, oversized.';
comment on column hearken.decisions.reason is 'For people.';

create index decisions_event_idx on hearken.decisions (event_seq) where event_seq is not null;
create index decisions_routine_idx on hearken.decisions (routine, at);

do $$
declare
    monday timestamptz := date_trunc('week', hearken.now() at time zone 'UTC') at time zone 'UTC';
    upper_bound timestamptz := monday + interval '1 week';
    name text := 'decisions_floor';
    lower_bound text := 'minvalue';
begin
    for week in 1 .. 5 loop
        execute format('create table hearken.%I partition of hearken.decisions for values from (%s) to (%s)',
            name, lower_bound, case when week = 5 then 'maxvalue' else quote_literal(upper_bound) end);
        name := 'decisions_' || to_char(upper_bound at time zone 'UTC', 'YYYYMMDD');
        lower_bound := quote_literal(upper_bound);
        upper_bound := upper_bound + interval '1 week';
    end loop;
end $$;

create table hearken.dead_letters (
    id         bigint generated always as identity,
    at         timestamptz not null default hearken.now(),
    event_seq  bigint,
    tick       timestamptz,
    kind       text not null,
    source     text not null,
    routine    text,
    version    text,
    item       text,
    queue      text,
    sqlstate   text,
    message    text not null,
    event      json,
    draft      json,

    constraint dead_letters_pkey primary key (id),
    constraint dead_letters_kind_is_known check (kind in ('refused', 'blocked', 'failed', 'oversized'))
);

comment on table hearken.dead_letters is 'What failed for good: an (event, routine) kept with its error until somebody retries or drops it.';
comment on column hearken.dead_letters.kind is
    'refused: the inbox did not take the item. blocked: a grant or column is missing, retried by itself. failed: the routine could not make an item of the event. oversized: the event is above data_max.';
comment on column hearken.dead_letters.sqlstate is 'The SQLSTATE of the refusal, where the database refused.';
comment on column hearken.dead_letters.event is 'The event, so that it outlives the partition it was in. json, not jsonb: it may be what jsonb refuses.';
comment on column hearken.dead_letters.draft is 'The item as it was offered to the inbox.';

create index dead_letters_blocked_idx on hearken.dead_letters (id) where kind = 'blocked';

create table hearken.routine_versions (
    name      text not null,
    version   text not null,
    sha256    bytea not null,
    text      text not null,
    first_at  timestamptz not null default hearken.now(),

    constraint routine_versions_pkey primary key (name, version),
    constraint routine_versions_sha256_is_whole check (octet_length(sha256) = 32)
);

comment on table hearken.routine_versions is 'Every version of every routine that was in force; items and decisions carry the version.';
comment on column hearken.routine_versions.version is 'The first 16 hexadecimal digits of sha256.';
comment on column hearken.routine_versions.text is 'The file, to the letter.';

create table hearken.routine_sets (
    n        bigint generated always as identity,
    at       timestamptz not null default hearken.now(),
    hash     text not null,
    members  jsonb not null,

    constraint routine_sets_pkey primary key (n),
    constraint routine_sets_members_are_an_object check (jsonb_typeof(members) = 'object')
);

comment on table hearken.routine_sets is 'The sets of routines which were in force, the last one last. A daemon which starts with a broken folder takes the last.';
comment on column hearken.routine_sets.hash is 'SHA-256 over names and versions.';
comment on column hearken.routine_sets.members is 'The version of each routine, by name.';

create table hearken.schedules (
    routine        text not null,
    fingerprint    text not null,
    planned_until  timestamptz not null,
    started_at     timestamptz not null default hearken.now(),

    constraint schedules_pkey primary key (routine)
) with (fillfactor = 70);

comment on table hearken.schedules is 'How far the schedule of each routine has come: every tick up to planned_until is an item or covered by a decision.';
comment on column hearken.schedules.fingerprint is 'What places the ticks: another one starts the schedule afresh.';

create table hearken.daemons (
    instance    text not null,
    state       text not null,
    routines    text,
    started_at  timestamptz not null default hearken.now(),
    seen_at     timestamptz not null default hearken.now(),

    constraint daemons_pkey primary key (instance),
    constraint daemons_state_is_known check (state in ('leader', 'standby'))
);

comment on table hearken.daemons is 'The daemons which share this database. For people; leadership itself is an advisory lock.';
comment on column hearken.daemons.routines is 'Hash of the set of routines this daemon read.';
comment on column hearken.daemons.seen_at is 'When it last changed its state, or proved that the database takes writes.';

create function hearken.enqueue_each(drafts text[])
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
                dedup_key, event_seq, tick, due_at, priority, attempts_max, queue, routine, version, item,
                tenant, title, instructions, context, tags)
            values (
                decode(d ->> 'dedup_key', 'hex'), (d ->> 'event_seq')::bigint, (d ->> 'tick')::timestamptz,
                coalesce((d ->> 'due_at')::timestamptz, hearken.now()), (d ->> 'priority')::integer,
                (d ->> 'attempts_max')::integer, d ->> 'queue', d ->> 'routine', d ->> 'version', d ->> 'item',
                d ->> 'tenant', d ->> 'title', d ->> 'instructions', d -> 'context',
                array(select jsonb_array_elements_text(d -> 'tags')))
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

comment on function hearken.enqueue_each(text[]) is
    'Puts drafts into the inbox one by one and says of each what became of it: the slow path which finds the guilty draft of a batch.';

revoke execute on function hearken.enqueue_each(text[]) from public;
