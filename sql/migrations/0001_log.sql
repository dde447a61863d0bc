-- The log: what happened, appended by the application and never changed.
--
-- Each row carries the id of the transaction which wrote it, so that a reader
-- can say "what I see now and did not see before" and skip nothing when ids
-- commit out of order (the idea is PgQ's). Reading writes nothing per event.
--
-- The table is cut into weeks by `at`, which the server assigns. The partitions
-- cover all of time: the first begins at minvalue and the last ends at
-- maxvalue, so that no insert can fail for lack of one. There is no default
-- partition: it would block `detach ... concurrently` and make attaching take
-- an exclusive lock.
--
-- Locks: everything here is new, nobody waits.

create function hearken.now() returns timestamptz
    language sql volatile parallel safe
    return pg_catalog.clock_timestamp();

comment on function hearken.now() is
    'The only clock of hearken, in SQL and in the daemon. Not now(): that is the start of the transaction, and a lease taken in a long one would be born expired.';

create table hearken.sources (
    id       integer generated always as identity,
    name     text not null,

    constraint sources_pkey primary key (id),
    constraint sources_name_key unique (name)
);

comment on table hearken.sources is 'The places events come from. The id is the second half of the advisory locks of a source.';
comment on column hearken.sources.id is 'Second key of the advisory locks (1751478891, id) of the doorbell and (1751478892, id) of the pass.';
comment on column hearken.sources.name is 'The name in routines; events is the log of hearken itself.';

insert into hearken.sources (name) values ('events');

create sequence hearken.events_seq;

comment on sequence hearken.events_seq is 'Numbers the rows of the log in the order in which they were inserted, which is not the order in which they commit.';

create table hearken.events (
    seq      bigint not null default nextval('hearken.events_seq'),
    xid      xid8 not null default pg_current_xact_id(),
    at       timestamptz not null default hearken.now(),
    time     timestamptz,
    id       text not null default gen_random_uuid()::text,
    source   text not null default 'app',
    type     text not null,
    subject  text,
    tenant   text,
    data     jsonb not null default '{}',
    old      jsonb,
    meta     jsonb,

    constraint events_type_is_not_empty check (type <> ''),
    constraint events_id_is_not_empty check (id <> ''),
    constraint events_source_is_not_empty check (source <> '')
) partition by range (at);

comment on table hearken.events is 'The log of events, append-only. Write with plain insert or hearken.emit(). Attributes follow CloudEvents 1.0.';
comment on column hearken.events.seq is 'Assigned. Greater is inserted later; gaps are usual.';
comment on column hearken.events.xid is 'Assigned. The transaction which wrote the row; with seq the position in the log.';
comment on column hearken.events.at is 'Assigned. When the server took the row; decides its partition.';
comment on column hearken.events.time is 'When it happened, by the writer''s clock; null means at.';
comment on column hearken.events.id is 'The writer''s id; with source it names the event, as CloudEvents says.';
comment on column hearken.events.source is 'Where it happened: an application, a service.';
comment on column hearken.events.type is 'What kind of thing happened, such as invoice.paid.';
comment on column hearken.events.subject is 'What it happened to, such as the id of the invoice.';
comment on column hearken.events.tenant is 'Whose event it is, where several share the database.';
comment on column hearken.events.data is 'What happened, in detail.';
comment on column hearken.events.old is 'The row as it was before an update or a delete; null for an insert.';
comment on column hearken.events.meta is 'What the writer wants carried along, such as a trace id.';

-- Serves the claim. Each partition gets its own.
create index events_position_idx on hearken.events (xid, seq);
-- Finds a single event by its number; tiny, since numbers follow the heap.
create index events_seq_idx on hearken.events using brin (seq) with (pages_per_range = 16);

-- The weeks at birth: all that was, this week and the next, three more, and all
-- that will be. The daemon keeps adding.
do $$
declare
    monday timestamptz := date_trunc('week', hearken.now() at time zone 'UTC') at time zone 'UTC';
    upper_bound timestamptz := monday + interval '1 week';
    name text := 'events_floor';
    lower_bound text := 'minvalue';
begin
    for week in 1 .. 5 loop
        execute format('create table hearken.%I partition of hearken.events for values from (%s) to (%s)',
            name, lower_bound, case when week = 5 then 'maxvalue' else quote_literal(upper_bound) end);
        name := 'events_' || to_char(upper_bound at time zone 'UTC', 'YYYYMMDD');
        lower_bound := quote_literal(upper_bound);
        upper_bound := upper_bound + interval '1 week';
    end loop;
end $$;

create function hearken.ring() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    if current_setting('hearken.doorbell', true) = 'off' then
        return null;
    end if;
    -- Whoever sleeps holds or awaits this lock exclusively; then the try fails.
    if not pg_try_advisory_xact_lock_shared(1751478891, tg_argv[0]::integer) then
        perform pg_notify('hearken_doorbell', tg_argv[0]);
    end if;
    return null;
end $$;

comment on function hearken.ring() is
    'The doorbell: notifies only if the daemon sleeps, so that busy writers do not queue for the commit lock of NOTIFY. set hearken.doorbell = ''off'' silences it for writers which prepare transactions.';

create trigger zz_hearken_doorbell
    after insert on hearken.events
    for each statement execute function hearken.ring('1');

create function hearken.emit(
    type    text,
    data    jsonb default '{}',
    subject text default null,
    source  text default null,
    id      text default null,
    "time"  timestamptz default null,
    old     jsonb default null,
    tenant  text default null,
    meta    jsonb default null
) returns bigint
    language sql volatile
    set search_path = pg_catalog, pg_temp
begin atomic
    insert into hearken.events (type, data, subject, source, id, time, old, tenant, meta)
    values (
        emit.type, coalesce(emit.data, '{}'), emit.subject, coalesce(emit.source, 'app'),
        coalesce(emit.id, gen_random_uuid()::text), emit."time", emit.old, emit.tenant, emit.meta
    )
    returning seq;
end;

comment on function hearken.emit(text, jsonb, text, text, text, timestamptz, jsonb, text, jsonb) is
    'Writes one event to the log and returns its seq. Needs insert on the columns named and select on seq, nothing more.';

create table hearken.progress (
    source   text not null,
    n        bigint not null,
    at       timestamptz not null default hearken.now(),
    old      pg_snapshot not null,
    new      pg_snapshot,
    xid      xid8 not null default '0',
    seq      bigint not null default 0,
    seq_min  bigint not null default 0,
    seq_max  bigint,
    nonce    uuid not null,

    constraint progress_pkey primary key (source, n)
);

comment on table hearken.progress is
    'How far the daemon has read. Rows are appended and the last one counts: one row updated over and over would cost more and more while some transaction holds xmin.';
comment on column hearken.progress.n is 'Counts up by one with each pass that claimed something.';
comment on column hearken.progress.old is 'Everything visible in this snapshot is done.';
comment on column hearken.progress.new is 'Being worked through: what is visible here and not in old. Null between steps.';
comment on column hearken.progress.xid is 'With seq: up to where, in the order (xid, seq), the step is done.';
comment on column hearken.progress.seq_min is 'Rows up to this seq are done for good, whatever their xid: they came with a restore.';
comment on column hearken.progress.seq_max is 'While the backlog of a restore is worked off: only rows up to this seq.';
comment on column hearken.progress.nonce is 'The nonce of hearken.restore_mark when this was written; another one tells of a restore.';

create materialized view hearken.restore_mark as
    select gen_random_uuid() as nonce,
           pg_current_snapshot() as snapshot,
           coalesce((select max(e.seq) from hearken.events e), 0) as seq;

comment on materialized view hearken.restore_mark is
    'Refreshed by the restore of a dump, and by nothing else: a changed nonce says that the rows up to seq carry transaction ids of another cluster.';
